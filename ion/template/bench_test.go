package template

import (
	"fmt"
	"slices"
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
	node := factory(tb, "ION9000")
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

// BenchmarkCheck is what judging a change costs the engine before Program does it.
func BenchmarkCheck(b *testing.B) {
	node, _, _, _ := measuring(b)
	changes := []ion.Change{ion.Create{Type: accountType, Label: "Security User 2"}, ion.Set{Register: "Security User 2/Read Access", Value: "OFF"}}
	b.ReportAllocs()
	for b.Loop() {
		node.Directory().Subjects(changes)
		if err := node.Check(changes); err != nil {
			b.Fatal(err)
		}
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

// BenchmarkThousandModules is a second of a meter with 1,000 modules of the factory mix
// that run every second and 64 that run every half cycle: a tick and 100 half cycles. It
// reports the share of a core that this takes.
func BenchmarkThousandModules(b *testing.B) {
	model, err := Load("ION9000")
	if err != nil {
		b.Fatal(err)
	}
	model.Limits = ion.Limits{}
	node, err := model.Build("HM-1", "3.0.0")
	if err != nil {
		b.Fatal(err)
	}
	// The factory's standard modules again and again, under new labels, linked as they are.
	kind := map[string]ion.Kind{}
	for _, m := range node.Directory().Managers {
		kind[m.Type.Name] = m.Type.Kind
	}
	var program []ion.Change
	count := len(node.Directory().Modules)
	for round := 2; count < 1000; round++ {
		for _, m := range node.Directory().Modules {
			if kind[m.Type.Name] != ion.Standard || count == 1000 || hasPort(m.Type) || m.Type.Labels != ion.Free {
				continue
			}
			label := fmt.Sprint(m.Label, " ", round)
			program = append(program, ion.Create{Type: m.Type.Name, Label: label})
			for i, register := range m.Links {
				if register != "" {
					program = append(program, ion.Link{Input: label + "/" + m.Type.Inputs[i].Name, Register: register})
				}
			}
			count++
		}
	}
	for i := range 64 - 1 { // the HS Power Meter is one of them
		label := fmt.Sprint("HS ", i)
		program = append(program, ion.Create{Type: "HS Setpoint", Label: label}, ion.Link{Input: label + "/Source", Register: "HS Power Meter/Vln a"},
			ion.Set{Register: label + "/Enable", Value: "enabled"})
	}
	if err := node.Program(program, ion.By{}, time.Unix(1_700_000_000, 0)); err != nil {
		b.Fatal(err)
	}
	if offline := node.Offline(); len(offline) > 20 {
		b.Fatalf("%d modules are offline: %v", len(offline), offline)
	}
	second := &metering.Second{Windows: 5, DurationS: 1}
	second.Energy.Wh = [4]float64{1, 0, 0, 0.5}
	half := &metering.HalfCycle{}
	now := time.Unix(1_700_000_000, 0)
	aSecond := func() {
		for range 100 {
			half.EndS += 0.01
			now = now.Add(10 * time.Millisecond)
			node.HalfCycle(now, half)
		}
		second.EndS++
		node.Tick(now, second)
	}
	aSecond()
	node.TakeChanges()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		aSecond()
		b.StopTimer()
		node.TakeChanges() // what the keeper takes, measured by BenchmarkTakeChanges
		b.StartTimer()
	}
	b.ReportMetric(100*b.Elapsed().Seconds()/float64(b.N), "%core")
}

// hasPort reports whether modules of the type take a port that no other may have.
func hasPort(t *ion.Type) bool {
	return slices.ContainsFunc(t.Setups, func(s ion.Setup) bool { return s.Exclusive })
}
