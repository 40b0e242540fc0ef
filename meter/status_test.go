package meter

import (
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	var p process
	at := time.Unix(1_700_000_000, 0)
	for _, row := range []struct {
		name        string
		later, used time.Duration
		want        float64
	}{
		{"nothing to compare with", 0, 5 * time.Second, 0},
		{"a fifth of a core", time.Second, 5200 * time.Millisecond, 20},
		{"too soon to tell anew", 100 * time.Millisecond, 5300 * time.Millisecond, 20},
		{"two cores", 900 * time.Millisecond, 7200 * time.Millisecond, 200},
		{"not known", time.Second, 0, 0},
	} {
		at = at.Add(row.later)
		if got := p.load(at, row.used); got != row.want {
			t.Errorf("%s: %v %%, want %v", row.name, got, row.want)
		}
	}
}

func TestStatusShowsTheProcess(t *testing.T) {
	m := Meter{powerUps: 3}
	s := m.status(0.5)
	if s.PowerUps != 3 || s.SourceLagS != 0.5 || s.MemoryBytes < 1<<20 {
		t.Errorf("status %+v", s)
	}
	if n := testing.AllocsPerRun(10, func() { m.status(0) }); n != 0 {
		t.Errorf("a status allocates %v times", n)
	}
}
