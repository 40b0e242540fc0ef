package modules

import (
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// Whatever bytes a store gives back, restoring them neither fails hard nor leaves a
// module that cannot run and be kept again.
func FuzzRestore(f *testing.F) {
	program := append(core(), ion.Create{Type: "Integrator", Label: "I"}, ion.Link{Input: "I/Integrand", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Maximum", Label: "Max"}, ion.Link{Input: "Max/Source", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Minimum", Label: "Min"}, ion.Link{Input: "Min/Source", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Store", Label: "Store"}, ion.Link{Input: "Store/Store", Register: "Max/Trigger"}, ion.Link{Input: "Store/Source 1", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Bin", Label: "Bin"}, ion.Link{Input: "Bin/Evaluate", Register: "Max/Trigger"}, ion.Link{Input: "Bin/Source A", Register: "Power Meter/kW tot"},
		ion.Set{Register: "Bin/Rule 2", Value: "A 0.."},
		ion.Create{Type: "Time of Use", Label: "Tariff"}, ion.Link{Input: "Tariff/Time", Register: "Clock/Local Time"},
		ion.Create{Type: "External Numeric", Label: "Numeric"},
		ion.Create{Type: "Digital Input", Label: "DI"}, ion.Set{Register: "DI/Port", Value: "DI1"},
		ion.Create{Type: "Pulser", Label: "Pulser"}, ion.Link{Input: "Pulser/Source", Register: "Max/Trigger"}, ion.Set{Register: "Pulser/Port", Value: "DO1"},
		ion.Create{Type: "Alert", Label: "Alert"}, ion.Link{Input: "Alert/Trigger", Register: "Max/Trigger"},
		ion.Create{Type: "Thermal Demand", Label: "Thermal"}, ion.Link{Input: "Thermal/Source", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Counter", Label: "Count"}, ion.Link{Input: "Count/Count", Register: "Max/Trigger"},
		ion.Create{Type: "Setpoint", Label: "Alarm"}, ion.Link{Input: "Alarm/Source", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Relative Setpoint", Label: "Band"}, ion.Link{Input: "Band/Source", Register: "Power Meter/kW tot"},
		ion.Link{Input: "Band/Nominal", Register: "Factory/Nominal Voltage"},
		ion.Create{Type: "Latch", Label: "Latch"}, ion.Link{Input: "Latch/Set", Register: "Max/Trigger"})
	build := func(t testing.TB) *ion.Node {
		node, err := ion.New(ion.Config{Types: Catalogue(), Program: program})
		if err != nil {
			t.Fatal(err)
		}
		return node
	}
	labels := []string{"I", "Max", "Min", "Store", "Bin", "Tariff", "Numeric", "DI", "Pulser", "Alert", "Thermal", "Count", "Alarm", "Band", "Latch"}
	fresh := build(f)
	second := metering.Second{Windows: 1, DurationS: 1}
	second.Energy.Wh[0], second.Power.P[metering.Total] = 1234.5, 4.4e6
	fresh.Tick(time.Unix(1_700_000_000, 0), &second)
	for which, label := range labels {
		kept := fresh.Export().Retained[label]
		f.Add(which, kept)
		f.Add(which, kept[:len(kept)/2])
		f.Add(which, append(kept, 0))
	}
	f.Add(0, []byte{})
	f.Fuzz(func(t *testing.T, which int, state []byte) {
		label := labels[uint(which)%uint(len(labels))]
		node := build(t)
		refused := len(node.Restore(nil, map[string][]byte{label: state})) > 0
		first := node.Export().Retained[label]
		again := build(t)
		if problems := again.Restore(nil, map[string][]byte{label: first}); len(problems) > 0 {
			t.Errorf("what was kept is not taken back: %v", problems)
		}
		if second := again.Export().Retained[label]; string(second) != string(first) {
			t.Errorf("kept %x, restored and kept again %x", first, second)
		}
		if refused && string(first) != string(build(t).Export().Retained[label]) {
			t.Error("a refused state left something behind")
		}
		node.Tick(time.Unix(1_700_000_000, 0), &second)
	})
}
