package modules

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// pulsed makes a module labelled M of a type whose first input takes the pulses of
// Merge, a Pulse Merge that a test pulses by hand.
func pulsed(typeName, input string, settings ...string) []ion.Change {
	changes := []ion.Change{
		ion.Create{Type: "Pulse Merge", Label: "Merge"}, ion.Link{Input: "Merge/Pulse In 1", Register: "Clock/New Hour"},
		ion.Create{Type: typeName, Label: "M"}, ion.Link{Input: "M/" + input, Register: "Merge/Pulse Out"},
	}
	for i := 0; i+1 < len(settings); i += 2 {
		changes = append(changes, ion.Set{Register: "M/" + settings[i], Value: settings[i+1]})
	}
	return changes
}

// pulses pulses Merge several times and lets a second pass.
func (r *rig) pulses(times int) {
	r.Helper()
	for range times {
		r.pulse("Merge/Pulse In 2")
	}
	r.tick(1)
}

// The operating rules of Thermal Demand and Counter.
func TestOperatingRulesOfThermalDemandAndCounter(t *testing.T) {
	with := func(changes []ion.Change, more ...ion.Change) []ion.Change { return slices.Concat(changes, more) }
	// Half of a step within 10 s.
	thermal := moduleUnderTest("Thermal Demand", "Power Meter/Vln a", "Interval", "10", "Time Const", "50")
	counter := pulsed("Counter", "Count")
	counted := func(settings ...string) []ion.Change { return pulsed("Counter", "Count", settings...) }
	const demand, count = "M/ThrmDemand", "M/Accumulatr"

	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"Thermal Demand/takes up Time Const of a step in an Interval", thermal, func(r *rig) {
			r.want(demand, 0)
			r.ticks(10, 100)
			r.want(demand, 50)
			r.ticks(10, 100)
			r.want(demand, 75)
		}},
		{"Thermal Demand/the default takes up 90 % in 15 minutes", moduleUnderTest("Thermal Demand", "Power Meter/Vln a"), func(r *rig) {
			r.ticks(900, 100)
			r.want(demand, 90)
		}},
		{"Thermal Demand/source N/A decays like zero", thermal, func(r *rig) {
			r.ticks(10, 100)
			r.ticks(10, na)
			r.want(demand, 25)
		}},
		{"Thermal Demand/no measurement decays by the clock", thermal, func(r *rig) {
			r.ticks(10, 100)
			for range 10 {
				r.now = r.now.Add(time.Second)
				r.node.Tick(r.now, nil)
			}
			r.want(demand, 25)
		}},
		{"Thermal Demand/Enable off decays toward 0", with(thermal, enableLink()), func(r *rig) {
			r.enable(true)
			r.ticks(10, 100)
			r.enable(false)
			r.ticks(10, 100)
			r.want(demand, 25)
		}},
		{"Thermal Demand/Reset makes it 0, also while disabled", with(thermal, enableLink()), func(r *rig) {
			r.enable(true)
			r.ticks(10, 100)
			r.enable(false)
			r.pulse("M/Reset")
			r.tick(100)
			r.want(demand, 0)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Thermal Demand/power-up keeps what an outage leaves", thermal, func(r *rig) {
			r.ticks(20, 100)
			r.restart()
			r.want(demand, 75)
			r.now = r.now.Add(10 * time.Second)
			r.ticks(10, 100)
			r.want(demand, (75/2.0+100)/2)
		}},
		{"Thermal Demand/a clock that was set back during the outage counts as none", thermal, func(r *rig) {
			r.ticks(20, 100)
			r.restart()
			r.now = r.now.Add(-time.Hour)
			r.ticks(10, 100)
			r.want(demand, 87.5)
		}},
		{"Thermal Demand/a clock step is no time", thermal, func(r *rig) {
			r.ticks(10, 100)
			r.now = r.now.Add(time.Hour)
			r.ticks(10, 100)
			r.want(demand, 75)
		}},
		{"Thermal Demand/re-link makes it 0", thermal, func(r *rig) {
			r.ticks(10, 100)
			r.do(ion.Link{Input: "M/Source", Register: "Power Meter/Vln b"})
			r.want(demand, 0)
		}},
		{"Thermal Demand/a change of setup keeps it", thermal, func(r *rig) {
			r.ticks(10, 100)
			r.do(ion.Set{Register: "M/Interval", Value: "1m"})
			r.want(demand, 50)
		}},

		{"Counter/counts each of several pulses in one tick", counter, func(r *rig) {
			r.want(count, 0)
			r.pulses(3)
			r.want(count, 3)
			r.pulses(1)
			r.want(count, 4)
		}},
		{"Counter/Multiplier adds up exactly", counted("Multiplier", "0.1"), func(r *rig) {
			for range 10 {
				r.pulses(1)
			}
			if v := r.value(count); v.Number != 1 {
				r.Errorf("10 × 0.1 is %v", v.Number)
			}
		}},
		{"Counter/Count Mode down", counted("Count Mode", "down", "Preset", "2"), func(r *rig) {
			r.want(count, 2)
			r.pulses(5)
			r.want(count, -3)
		}},
		{"Counter/Enable off keeps the value, pulses meanwhile do not count", with(counter, enableLink()), func(r *rig) {
			r.enable(true)
			r.pulses(2)
			r.enable(false)
			r.pulses(3)
			r.want(count, 2)
			r.enable(true)
			r.pulses(0)
			r.want(count, 2)
		}},
		{"Counter/Enable N/A is not enabled", with(counter, enableLink()), func(r *rig) {
			r.pulse("M/Count")
			r.node.Tick(r.now, nil)
			r.want(count, 0)
		}},
		{"Counter/Reset makes it Preset, also while disabled", with(counted("Preset", "7"), enableLink()), func(r *rig) {
			r.enable(true)
			r.pulses(2)
			r.want(count, 9)
			r.enable(false)
			r.pulse("M/Reset")
			r.pulses(1)
			r.want(count, 7)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Counter/Reset and Count at once: reset first, then count", counted("Preset", "7"), func(r *rig) {
			r.pulses(5)
			r.pulse("M/Reset")
			r.pulses(2)
			r.want(count, 9)
		}},
		{"Counter/power-up keeps", counted("Multiplier", "0.5"), func(r *rig) {
			r.pulses(3)
			r.restart()
			r.want(count, 1.5)
			r.pulses(1)
			r.want(count, 2)
		}},
		{"Counter/a new Preset holds from the next reset on", counter, func(r *rig) {
			r.pulses(3)
			r.do(ion.Set{Register: "M/Preset", Value: "10"})
			r.want(count, 3)
			r.pulse("M/Reset")
			r.pulses(0)
			r.want(count, 10)
		}},
		{"Counter/re-link keeps the count, and pulses before it do not count", counter, func(r *rig) {
			r.pulses(3)
			r.do(ion.Link{Input: "M/Count", Register: "Clock/New Hour"})
			r.do(ion.Link{Input: "M/Count", Register: "Merge/Pulse Out"})
			r.pulses(1)
			r.want(count, 4)
		}},
		{"Counter/offline without Count, and its count is kept", counter, func(r *rig) {
			r.pulses(3)
			r.do(ion.Link{Input: "M/Count"})
			r.want(count, na)
			r.do(ion.Link{Input: "M/Count", Register: "Merge/Pulse Out"})
			r.want(count, 3)
		}},
		{"Counter/RollValue rolls over as often as it was passed", with(counted("RollValue", "10", "Multiplier", "6"),
			ion.Create{Type: "Counter", Label: "Rolls"}, ion.Link{Input: "Rolls/Count", Register: "M/Rollover"}), func(r *rig) {
			r.pulses(4)
			r.want(count, 4)
			r.want("Rolls/Accumulatr", 2)
		}},
		{"Counter/RollValue below 0", counted("RollValue", "10", "Count Mode", "down"), func(r *rig) {
			r.pulses(12)
			r.want(count, -2)
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}

// However long the ticks are, a thermal demand follows the same curve.
func TestThermalDemandDoesNotDependOnTheTick(t *testing.T) {
	r := newRig(t, moduleUnderTest("Thermal Demand", "Power Meter/Vln a", "Interval", "100", "Time Const", "90")...)
	r.ticks(50, 100)
	r.second.EndS += 49 // the next second ends 50 s on
	r.now = r.now.Add(49 * time.Second)
	r.tick(100)
	if got := r.value("M/ThrmDemand").Number; math.Abs(got-90) > 1e-9 {
		t.Errorf("after one Interval %v, want 90", got)
	}
}
