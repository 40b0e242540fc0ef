package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

var testIdentity = Identity{Model: "ION9000", Serial: "HM-0001"}

func TestReopenReturnsWhatWasCommitted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meter")
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	opt := Options{Identity: testIdentity, Now: func() time.Time { return now }}
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	if gap, ok := s.Gap(); ok {
		t.Errorf("a new store has gap %+v", gap)
	}
	seqs, err := s.Commit(Batch{
		Retained: map[string][]byte{"kWh del": {1, 2, 3}, "kWh rec": {}},
		Setup:    map[string]string{"Power Meter/PT Prim": "120"},
		Events:   []Event{{Time: now, Cause: "Setpoint 1", Effect: "ON"}, {Time: now, Cause: "b"}},
		Alive:    now.Add(time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seqs) != 2 || seqs[0] != 1 || seqs[1] != 2 {
		t.Errorf("sequences %v, want 1 2", seqs)
	}
	if _, err := Open(dir, opt); !errors.Is(err, ErrHeld) {
		t.Errorf("second open: %v, want ErrHeld", err)
	} else {
		t.Log(err)
	}
	now = now.Add(2 * time.Second)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if s, err = Open(dir, opt); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	st, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", st)
	gap, ok := s.Gap()
	if !ok || !gap.Clean || gap.To.Sub(gap.From) != time.Minute || gap.PowerUp != 2 {
		t.Errorf("gap %+v %v", gap, ok)
	}
	ev, err := s.Events(0, 100)
	if err != nil || len(ev) != 3 {
		t.Errorf("events %+v %v", ev, err)
	}
	t.Logf("%+v", ev)
}
