package template

import (
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// measuring is an ION9000 with all inputs alive, and a second, window and half cycle
// for it.
func measuring(tb testing.TB) (*ion.Node, *metering.Second, *metering.Window, *metering.HalfCycle) {
	tb.Helper()
	model, err := Load("ION9000")
	if err != nil {
		tb.Fatal(err)
	}
	node, err := model.Build("HM-1", "3.0.0")
	if err != nil {
		tb.Fatal(err)
	}
	second := &metering.Second{Windows: 5, DurationS: 1}
	second.Energy.Wh = [4]float64{1, 0, 0, 0.5}
	window := &metering.Window{DurationS: 0.2, HighestOrder: 127}
	for r := waveform.V1; r <= waveform.I5; r++ {
		window.Subgroup[r], window.Angle[r] = make([]float64, metering.Orders), make([]float64, metering.Orders)
	}
	node.Tick(time.Unix(1_700_000_000, 0), second)
	return node, second, window, &metering.HalfCycle{}
}

func TestHalfCyclesAndWindowsAllocateNothing(t *testing.T) {
	node, _, window, half := measuring(t)
	now := time.Unix(1_700_000_001, 0)
	if n := testing.AllocsPerRun(100, func() { node.HalfCycle(now, half) }); n != 0 {
		t.Errorf("a half cycle allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { node.Window(now, window) }); n != 0 {
		t.Errorf("a window allocates %v times", n)
	}
}

func BenchmarkHalfCycle(b *testing.B) {
	node, _, _, half := measuring(b)
	now := time.Unix(1_700_000_001, 0)
	b.ReportAllocs()
	for b.Loop() {
		node.HalfCycle(now, half)
	}
}

func BenchmarkWindow(b *testing.B) {
	node, _, window, _ := measuring(b)
	now := time.Unix(1_700_000_001, 0)
	b.ReportAllocs()
	for b.Loop() {
		node.Window(now, window)
	}
}

func BenchmarkTick(b *testing.B) {
	node, second, _, _ := measuring(b)
	now := time.Unix(1_700_000_001, 0)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		second.EndS++
		node.Tick(now, second)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	node, _, _, _ := measuring(b)
	b.ReportAllocs()
	for b.Loop() {
		node.Snapshot()
	}
}

func BenchmarkTakeChanges(b *testing.B) {
	node, second, _, _ := measuring(b)
	now := time.Unix(1_700_000_001, 0)
	b.ReportAllocs()
	for b.Loop() {
		second.EndS++
		now = now.Add(time.Second)
		node.Tick(now, second)
		node.TakeChanges()
	}
}
