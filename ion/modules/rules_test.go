package modules

import (
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// What each type does while its source is NOT AVAILABLE, while it is disabled, at a
// reset and at power-up, and its own rules: a row for each.
func TestOperatingRules(t *testing.T) {
	const volts, power = "Power Meter/Vln a", "Power Meter/kW tot"
	with := func(changes []ion.Change, more ...ion.Change) []ion.Change { return slices.Concat(changes, more) }
	extreme := func(name string) (string, []ion.Change) { return "M/" + name, moduleUnderTest(name, volts) }
	maxLabel, maximum := extreme("Maximum")
	minLabel, minimum := extreme("Minimum")
	integrator := moduleUnderTest("Integrator", volts, "Divisor", "1")
	demand := moduleUnderTest("Sliding Window Demand", volts, "Sub Intvl", "4")

	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"Maximum/source N/A keeps the value", maximum, func(r *rig) {
			r.tick(5)
			r.tick(na)
			r.want(maxLabel, 5)
			r.tick(4)
			r.want(maxLabel, 5)
		}},
		{"Maximum/Enable off keeps the value", with(maximum, enableLink()), func(r *rig) {
			r.enable(true)
			r.tick(5)
			r.enable(false)
			r.tick(9)
			r.want(maxLabel, 5)
			r.enable(true)
			r.tick(7)
			r.want(maxLabel, 7)
		}},
		{"Maximum/Enable N/A is not enabled", with(maximum, ion.Link{Input: "M/Enable", Register: "Power Meter/Phase Rev"}), func(r *rig) {
			r.node.Tick(r.now, nil)
			r.want(maxLabel, na)
		}},
		{"Maximum/Reset makes it N/A", maximum, func(r *rig) {
			r.tick(5)
			r.pulse("M/Reset")
			r.tick(na)
			r.want(maxLabel, na)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Maximum/Reset works while disabled", with(maximum, enableLink()), func(r *rig) {
			r.enable(true)
			r.tick(5)
			r.enable(false)
			r.pulse("M/Reset")
			r.tick(9)
			r.want(maxLabel, na)
		}},
		{"Maximum/Reset and a reading in one tick: reset first", maximum, func(r *rig) {
			r.tick(5)
			r.pulse("M/Reset")
			r.tick(3)
			r.want(maxLabel, 3)
		}},
		{"Maximum/power-up keeps value and time of the extreme", maximum, func(r *rig) {
			r.tick(5)
			at := r.now
			r.tick(4)
			r.restart()
			r.want(maxLabel, 5)
			if got := r.value(maxLabel).Time(); !got.Equal(at) {
				r.Errorf("the extreme is stamped %v, want %v", got, at)
			}
			r.tick(4)
			r.want(maxLabel, 5)
		}},
		{"Maximum/power-up after a reset is N/A", maximum, func(r *rig) {
			r.tick(5)
			r.pulse("M/Reset")
			r.tick(na)
			r.restart()
			r.want(maxLabel, na)
		}},
		{"Maximum/re-link makes it N/A", maximum, func(r *rig) {
			r.tick(5)
			r.do(ion.Link{Input: "M/Source", Register: "Power Meter/Vln b"})
			r.want(maxLabel, na)
		}},
		{"Maximum/a new label keeps the value", maximum, func(r *rig) {
			r.tick(5)
			r.do(ion.Rename{Module: "M", Label: "N"})
			r.want("N/Maximum", 5)
		}},
		{"Maximum/Trigger at each new extreme", with(maximum, ion.Create{Type: "Integrator", Label: "I"}, ion.Link{Input: "I/Integrand", Register: volts},
			ion.Link{Input: "I/Update Outputs", Register: "M/Trigger"}, ion.Set{Register: "I/Divisor", Value: "1"}), func(r *rig) {
			for _, x := range []float64{1, 3, 2, 3} {
				r.tick(x)
			}
			r.want("I/Result", 4) // 1 + 3, shown at the last new extreme
		}},
		{"Minimum/keeps the smallest, also below zero", minimum, func(r *rig) {
			for _, x := range []float64{1, -3, 2} {
				r.tick(x)
			}
			r.want(minLabel, -3)
		}},
		{"Minimum/source N/A keeps the value", minimum, func(r *rig) {
			r.tick(5)
			r.tick(na)
			r.want(minLabel, 5)
		}},
		{"Minimum/Enable off keeps the value", with(minimum, enableLink()), func(r *rig) {
			r.enable(true)
			r.tick(5)
			r.enable(false)
			r.tick(1)
			r.want(minLabel, 5)
		}},
		{"Minimum/Reset makes it N/A", minimum, func(r *rig) {
			r.tick(5)
			r.pulse("M/Reset")
			r.tick(na)
			r.want(minLabel, na)
		}},
		{"Minimum/power-up keeps", minimum, func(r *rig) {
			r.tick(5)
			r.restart()
			r.tick(6)
			r.want(minLabel, 5)
		}},

		{"Integrator/starts at 0", integrator, func(r *rig) { r.want("M/Result", 0); r.want("M/Rollover Count", 0) }},
		{"Integrator/source N/A keeps", integrator, func(r *rig) {
			r.tick(2)
			r.tick(na)
			r.want("M/Result", 2)
			r.node.Tick(r.now.Add(time.Second), nil)
			r.want("M/Result", 2)
		}},
		{"Integrator/Enable off keeps and ignores the input", with(integrator, enableLink()), func(r *rig) {
			r.enable(true)
			r.tick(2)
			r.enable(false)
			r.tick(2)
			r.want("M/Result", 2)
			r.enable(true)
			r.tick(2)
			r.want("M/Result", 4)
		}},
		{"Integrator/Enable off ignores a flow", with(moduleUnderTest("Integrator", power), enableLink()), func(r *rig) {
			r.enable(false)
			r.energyTick(1, [4]float64{1000})
			r.want("M/Result", 0)
			r.enable(true)
			r.energyTick(1, [4]float64{1000})
			r.want("M/Result", 1)
		}},
		{"Integrator/Enable not linked and Enable Unlinked = disabled: stays 0 until linked", moduleUnderTest("Integrator", power, "Enable Unlinked", "disabled"), func(r *rig) {
			r.energyTick(1, [4]float64{1000})
			r.want("M/Result", 0)
			r.do(enableLink())
			r.enable(true)
			r.energyTick(1, [4]float64{1000})
			r.want("M/Result", 1)
		}},
		{"Integrator/Reset zeroes all", moduleUnderTest("Integrator", power, "RollValue", "3", "ValPerPulse", "1"), func(r *rig) {
			r.energyTick(1, [4]float64{4500})
			r.want("M/Rollover Count", 1)
			r.want("M/Trigger Count", 4)
			r.pulse("M/Reset")
			r.tick(1)
			for _, name := range []string{"Result", "Rollover Count", "Trigger Count"} {
				r.want("M/"+name, 0)
			}
			r.energyTick(1, [4]float64{600}) // the half step before the reset does not count
			r.want("M/Trigger Count", 0)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Integrator/Reset works while disabled", with(integrator, enableLink()), func(r *rig) {
			r.enable(true)
			r.tick(2)
			r.enable(false)
			r.pulse("M/Reset")
			r.tick(2)
			r.want("M/Result", 0)
		}},
		{"Integrator/power-up keeps all", moduleUnderTest("Integrator", power, "RollValue", "3", "ValPerPulse", "1"), func(r *rig) {
			r.energyTick(1, [4]float64{4500.4})
			before := r.value("M/Result")
			r.restart()
			if after := r.value("M/Result"); after.Number != before.Number || after.Count != before.Count || !after.Exact {
				r.Errorf("after the restart %+v, before %+v", after, before)
			}
			r.want("M/Rollover Count", 1)
			r.want("M/Trigger Count", 4)
			r.energyTick(1, [4]float64{500})
			r.want("M/Trigger Count", 5) // the half step was kept, too
		}},
		{"Integrator/Interval Reset zeroes whole units and keeps the remainder", moduleUnderTest("Integrator", power), func(r *rig) {
			total := int64(0)
			for range 3 { // three intervals of 10.4 Wh read 10, 10 and 11 Wh: 31 of 31.2
				r.energyTick(1, [4]float64{10.4})
				total += r.value("M/Result").Count
				r.pulse("M/Interval Reset")
				r.tick(1)
				if c := r.value("M/Result").Count; c != 0 {
					r.Errorf("after an interval reset %d Wh, want 0", c)
				}
			}
			if total != 31 {
				r.Errorf("the intervals sum to %d Wh, want 31", total)
			}
			if n := r.resetEvents(); n != 3 {
				r.Errorf("%d reset events, want 3", n)
			}
		}},
		{"Integrator/Interval Reset zeroes the counts", moduleUnderTest("Integrator", power, "RollValue", "3", "ValPerPulse", "1"), func(r *rig) {
			r.energyTick(1, [4]float64{4000})
			r.pulse("M/Interval Reset")
			r.tick(1)
			r.want("M/Rollover Count", 0)
			r.want("M/Trigger Count", 0)
		}},
		{"Integrator/Update Outputs: outputs change on the pulse only", with(integrator, ion.Link{Input: "M/Update Outputs", Register: "Clock/New Hour"}), func(r *rig) {
			r.now = noon.Add(-5 * time.Second)
			r.ticks(4, 1)
			r.want("M/Result", 0)
			r.tick(1)
			r.want("M/Result", 5)
			r.tick(1)
			r.want("M/Result", 5)
			r.restart()
			r.want("M/Result", 5) // what was shown is kept, and so is what was counted
			r.now = noon.Add(time.Hour - 2*time.Second)
			r.ticks(2, 1)
			r.want("M/Result", 8)
		}},
		{"Integrator/a change of RollValue sets the roll-over count to 0", moduleUnderTest("Integrator", power, "RollValue", "3"), func(r *rig) {
			r.energyTick(1, [4]float64{7000})
			r.want("M/Rollover Count", 2)
			r.do(ion.Set{Register: "M/RollValue", Value: "100"})
			r.want("M/Rollover Count", 0)
			r.want("M/Result", 1)
		}},
		{"Integrator/RollValue 0 never rolls over", moduleUnderTest("Integrator", power, "RollValue", "0"), func(r *rig) {
			for range 20 { // 2e7 kWh, twice the default
				r.energyTick(1, [4]float64{1e9})
			}
			r.want("M/Result", 2e7)
			r.want("M/Rollover Count", 0)
		}},
		{"Integrator/net mode rolls over in both directions", moduleUnderTest("Integrator", power, "Int Mode", "net", "RollValue", "3"), func(r *rig) {
			r.energyTick(1, [4]float64{0, 7000})
			r.want("M/Result", -1)
			r.want("M/Rollover Count", -2)
			if c := r.value("M/Result").Count; c != -1000 {
				r.Errorf("count %d Wh, want -1000", c)
			}
		}},
		{"Integrator/integers truncate toward zero", moduleUnderTest("Integrator", power, "Int Mode", "net"), func(r *rig) {
			r.energyTick(1, [4]float64{0, 1.9})
			if c := r.value("M/Result").Count; c != -1 {
				r.Errorf("-1.9 Wh reads %d Wh, want -1", c)
			}
		}},
		{"Integrator/offline when the Integrand is unlinked, and its count is kept", integrator, func(r *rig) {
			r.tick(2)
			r.do(ion.Link{Input: "M/Integrand"})
			r.want("M/Result", na)
			r.do(ion.Link{Input: "M/Integrand", Register: volts})
			r.want("M/Result", 2)
		}},
		{"Integrator/a change of setup keeps the count", moduleUnderTest("Integrator", power), func(r *rig) {
			r.energyTick(1, [4]float64{1500})
			r.do(ion.Set{Register: "M/ValPerPulse", Value: "0.1"}, ion.Set{Register: "Power Meter/PT Prim", Value: "10000"})
			r.want("M/Result", 1.5)
		}},

		{"Sliding Window Demand/N/A until one whole window", demand, func(r *rig) {
			r.now = noon.Add(-6 * time.Second) // starts in the middle of an interval
			r.ticks(2, 100)                    // its end, at noon-4
			r.want("M/SWinDemand", na)
			r.ticks(3, 10)
			r.want("M/SWinDemand", na)
			r.tick(10)
			r.want("M/SWinDemand", 10)
		}},
		{"Sliding Window Demand/changes at the end of the sub-interval", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(4, 10)
			r.want("M/SWinDemand", 10)
			r.ticks(3, 20)
			r.want("M/SWinDemand", 10)
			r.want("M/Time Left", 1)
			r.tick(20)
			r.want("M/SWinDemand", 20)
			r.want("M/Time Left", 4)
		}},
		{"Sliding Window Demand/source N/A makes it N/A, and the interval does not count", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(5, 10)
			r.want("M/SWinDemand", 10)
			r.tick(na)
			r.want("M/SWinDemand", na)
			r.want("M/PredDemand", na)
			r.tick(10)
			r.want("M/SWinDemand", 10)
			r.tick(10)
			r.want("M/SWinDemand", na) // the interval with the hole
			r.ticks(4, 10)
			r.want("M/SWinDemand", 10)
		}},
		{"Sliding Window Demand/Enable off: N/A, interval data lost", with(demand, enableLink()), func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.enable(true)
			r.tick(0)
			r.ticks(4, 10)
			r.want("M/SWinDemand", 10)
			r.enable(false)
			r.tick(10)
			for _, name := range []string{"SWinDemand", "PredDemand", "Time Left"} {
				r.want("M/"+name, na)
			}
			r.enable(true)
			r.ticks(3, 10)
			r.want("M/SWinDemand", na)
			r.ticks(4, 10)
			r.want("M/SWinDemand", 10)
		}},
		{"Sliding Window Demand/Reset restarts the interval", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(6, 10)
			r.pulse("M/Reset")
			r.tick(10)
			r.want("M/SWinDemand", na)
			r.tick(10)
			r.want("M/SWinDemand", na)
			r.ticks(4, 30)
			r.want("M/SWinDemand", 30)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Sliding Window Demand/power-up: N/A until one whole window", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(6, 10)
			r.restart()
			r.want("M/SWinDemand", na)
			r.ticks(2, 10)
			r.want("M/SWinDemand", na)
			r.ticks(4, 20)
			r.want("M/SWinDemand", 20)
		}},
		{"Sliding Window Demand/the partial interval after power-up never feeds a peak", with(demand, ion.Create{Type: "Maximum", Label: "Peak"},
			ion.Link{Input: "Peak/Source", Register: "M/SWinDemand"}), func(r *rig) {
			r.now = noon.Add(-2 * time.Second)
			r.ticks(2, 1000) // inrush
			r.ticks(4, 10)
			r.want("Peak/Maximum", 10)
			r.tick(1000)
			r.restart()
			r.ticks(3, 1000)
			r.ticks(4, 11)
			r.want("Peak/Maximum", 11)
		}},
		{"Sliding Window Demand/a clock step closes and marks the interval", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(5, 10)
			ended := r.value("M/Interval End").Time()
			r.now = r.now.Add(time.Hour)
			r.tick(10) // 1 h and 2 s past noon
			if got := r.value("M/Interval End").Time(); got.Equal(ended) {
				r.Error("the step did not close the interval")
			}
			r.want("M/SWinDemand", na)
			r.ticks(2, 1000)
			r.want("M/SWinDemand", na) // the rest of the interval that the step fell into
			r.ticks(4, 10)
			r.want("M/SWinDemand", 10)
		}},
		{"Sliding Window Demand/a second off is no step", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(2, 10)
			r.now = r.now.Add(time.Second)
			r.tick(10)
			r.want("M/SWinDemand", 10)
		}},
		{"Sliding Window Demand/an interval in which time passed unmeasured does not count", moduleUnderTest("Sliding Window Demand", volts, "Sub Intvl", "8"), func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(10)
			r.ticks(4, 10)
			r.now, r.second.EndS = r.now.Add(3*time.Second), r.second.EndS+3 // no tick came
			r.tick(10)
			r.want("M/SWinDemand", na)
			r.ticks(8, 10)
			r.want("M/SWinDemand", 10)
		}},
		{"Sliding Window Demand/rolling window of 3 sub-intervals", moduleUnderTest("Sliding Window Demand", volts, "Sub Intvl", "4", "#SubIntvls", "3"), func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(4, 10)
			r.ticks(4, 20)
			r.want("M/SWinDemand", na)
			r.ticks(4, 30)
			r.want("M/SWinDemand", 20)
			r.ticks(4, 40)
			r.want("M/SWinDemand", 30)
		}},
		{"Sliding Window Demand/every second slides", moduleUnderTest("Sliding Window Demand", volts, "Sub Intvl", "4", "Update Rate", "every second"), func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(0)
			r.ticks(4, 10)
			r.ticks(1, 20)
			r.want("M/SWinDemand", 12.5)
			r.ticks(1, 20)
			r.want("M/SWinDemand", 15)
		}},
		{"Sliding Window Demand/Sync ends the sub-interval instead of the clock", with(demand, ion.Create{Type: "Maximum", Label: "X"},
			ion.Link{Input: "X/Source", Register: volts}, ion.Link{Input: "M/Sync", Register: "X/Trigger"}), func(r *rig) {
			r.tick(1) // X's first value is a Sync, before the module runs
			r.ticks(9, 1)
			r.want("M/SWinDemand", na)
			r.want("M/Time Left", na)
			r.tick(2) // ends what began in the middle
			r.want("M/SWinDemand", na)
			r.ticks(9, 1)
			r.node.TakeChanges()
			r.tick(21) // Sync
			r.want("M/SWinDemand", 3)
			r.wantEvents(ion.PriorityReset, "Sync pulsed > synchronised")
		}},
		{"Sliding Window Demand/prediction of a steady source is the source", demand, func(r *rig) {
			r.now = noon.Add(-time.Second)
			r.tick(7)
			for range 9 {
				r.tick(7)
				r.want("M/PredDemand", 7)
			}
		}},
		{"Sliding Window Demand/a faster Pred Resp follows a step faster", with(moduleUnderTest("Sliding Window Demand", volts, "Sub Intvl", "900", "Pred Resp", "99"),
			ion.Create{Type: "Sliding Window Demand", Label: "Slow"}, ion.Link{Input: "Slow/Source", Register: volts}), func(r *rig) {
			r.ticks(10, 0)
			r.ticks(60, 100)
			fast, slow := r.value("M/PredDemand").Number, r.value("Slow/PredDemand").Number
			if !(fast > slow && slow > 0 && fast < 100) {
				r.Errorf("after a step the predictions are %v (99 %%) and %v (70 %%)", fast, slow)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}
