package modules

import (
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// inputs lets a second pass with three sources: Vln a, b and c.
func (r *rig) inputs(a, b, c float64) {
	flags := r.second.Flags
	r.tickWith(func(s *metering.Second) {
		s.RMS[waveform.V1], s.RMS[waveform.V2], s.RMS[waveform.V3] = a, b, c
		s.Flags = flags
	})
}

// booleans are three Converts whose Boolean Out follow Vln a, b and c.
func booleans() []ion.Change {
	var changes []ion.Change
	for _, phase := range []string{"a", "b", "c"} {
		label := "B" + phase
		changes = append(changes, ion.Create{Type: "Convert", Label: label}, ion.Link{Input: label + "/Source", Register: "Power Meter/Vln " + phase})
	}
	return changes
}

// tallied counts the pulses of a register under a label.
func tallied(label, register string) []ion.Change {
	return []ion.Change{ion.Create{Type: "Counter", Label: label}, ion.Link{Input: label + "/Count", Register: register}}
}

func settings(pairs ...string) []ion.Change {
	var changes []ion.Change
	for i := 0; i+1 < len(pairs); i += 2 {
		changes = append(changes, ion.Set{Register: "M/" + pairs[i], Value: pairs[i+1]})
	}
	return changes
}

// wantEvents checks the events of a priority that the module M raised since this was
// last called, each as "cause value > effect value" without the label.
func (r *rig) wantEvents(priority uint8, want ...string) {
	r.Helper()
	var got []string
	for _, e := range r.node.TakeChanges().Events {
		if e.Priority == priority {
			trim := func(object string) string { return strings.TrimPrefix(strings.TrimPrefix(object, "M"), "/") }
			got = append(got, strings.TrimSpace(trim(e.Cause)+" "+e.CauseValue)+" > "+strings.TrimSpace(trim(e.Effect)+" "+e.EffectValue))
		}
	}
	if !slices.Equal(got, want) {
		r.Errorf("events of priority %d:\n got %q\nwant %q", priority, got, want)
	}
}

// The operating rules of AND/OR, Convert, Feedback, Latch and Pulse Merge.
func TestOperatingRulesOfLogic(t *testing.T) {
	and := func(pairs ...string) []ion.Change {
		return slices.Concat(booleans(), []ion.Change{ion.Create{Type: "AND/OR", Label: "M"}, ion.Link{Input: "M/Source 1", Register: "Ba/Boolean Out"},
			ion.Link{Input: "M/Source 2", Register: "Bb/Boolean Out"}, ion.Link{Input: "M/Source 8", Register: "Bc/Boolean Out"}},
			settings(pairs...), tallied("T", "M/Trigger"))
	}
	converted := func(pairs ...string) []ion.Change {
		return slices.Concat(moduleUnderTest("Convert", "Power Meter/Vln a", pairs...), tallied("On", "M/On Pulse"), tallied("Off", "M/Off Pulse"))
	}
	relayed := slices.Concat(pulsed("Feedback", "Source"), tallied("T", "M/Pulse Out"))
	merged := func(pairs ...string) []ion.Change {
		return slices.Concat(pulsed("Pulse Merge", "Pulse In 3", pairs...), tallied("T", "M/Pulse Out"))
	}
	latched := func(pairs ...string) []ion.Change {
		return slices.Concat(pulsed("Latch", "Set", pairs...), tallied("T", "M/Trigger"))
	}
	truthTable := func(mode string, want [8]float64) func(*rig) {
		return func(r *rig) {
			for i, w := range want {
				r.inputs(float64(i>>2&1), float64(i>>1&1), float64(i&1))
				r.want("M/Result", w)
			}
		}
	}

	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"AND/OR/AND", and(), truthTable("AND", [8]float64{0, 0, 0, 0, 0, 0, 0, 1})},
		{"AND/OR/OR", and("Mode", "OR"), truthTable("OR", [8]float64{0, 1, 1, 1, 1, 1, 1, 1})},
		{"AND/OR/NAND", and("Mode", "NAND"), truthTable("NAND", [8]float64{1, 1, 1, 1, 1, 1, 1, 0})},
		{"AND/OR/NOR", and("Mode", "NOR"), truthTable("NOR", [8]float64{1, 0, 0, 0, 0, 0, 0, 0})},
		{"AND/OR/source N/A is ignored", and(), func(r *rig) {
			r.inputs(1, na, 1)
			r.want("M/Result", 1)
			r.inputs(1, na, 0)
			r.want("M/Result", 0)
		}},
		{"AND/OR/all sources N/A: Result N/A", and(), func(r *rig) {
			r.inputs(1, 1, 1)
			r.inputs(na, na, na)
			r.want("M/Result", na)
		}},
		{"AND/OR/offline without Source 1", and(), func(r *rig) {
			r.do(ion.Link{Input: "M/Source 1"})
			if reason := r.node.Offline()["M"]; !strings.Contains(reason, "Source 1") {
				r.Errorf("offline: %q", reason)
			}
		}},
		{"AND/OR/Trigger on low to high only", and("Mode", "OR"), func(r *rig) {
			for _, x := range []float64{0, 1, 1, 0, 1} {
				r.inputs(x, 0, 0)
			}
			r.want("T/Accumulatr", 2)
		}},
		{"AND/OR/Trigger on every transition", and("Mode", "OR", "Trigger Mode", "every transition"), func(r *rig) {
			for _, x := range []float64{0, 1, 1, 0, 1} {
				r.inputs(x, 0, 0)
			}
			r.want("T/Accumulatr", 3)
		}},
		{"AND/OR/a time without a value hides no transition and makes none", and("Mode", "OR"), func(r *rig) {
			for _, x := range []float64{1, na, 1, na, 0, na, 1} {
				r.inputs(x, na, na)
			}
			r.want("T/Accumulatr", 1)
		}},
		{"AND/OR/a transition is an event of priority 15 when EvLog Mode is log on", and("Mode", "OR", "EvLog Mode", "log on"), func(r *rig) {
			for _, x := range []float64{0, 1, 1, 0} {
				r.inputs(x, 0, 0)
			}
			r.wantEvents(15, "Result OFF > Result ON", "Result ON > Result OFF")
		}},
		{"AND/OR/no event when EvLog Mode is log off", and("Mode", "OR"), func(r *rig) {
			r.inputs(0, 0, 0)
			r.inputs(1, 0, 0)
			r.wantEvents(15)
		}},
		{"AND/OR/latching stays ON until LatchReset", and("Mode", "OR", "UpdateMode", "latching"), func(r *rig) {
			r.inputs(0, 0, 0)
			r.inputs(1, 0, 0)
			r.inputs(0, 0, 0)
			r.want("M/Result", 1)
			r.want("M/PrevLatchResult", na)
			r.pulse("M/LatchReset")
			r.inputs(0, 0, 0)
			r.want("M/Result", 0)
			r.want("M/PrevLatchResult", 1)
			r.pulse("M/LatchReset")
			r.inputs(0, 0, 0)
			r.want("M/PrevLatchResult", 0)
			r.wantEvents(5, "LatchReset pulsed > latch reset", "LatchReset pulsed > latch reset")
		}},
		{"AND/OR/LatchReset and a source that is ON at once: reset first", and("Mode", "OR", "UpdateMode", "latching"), func(r *rig) {
			r.inputs(1, 0, 0)
			r.pulse("M/LatchReset")
			r.inputs(1, 0, 0)
			r.want("M/Result", 1)
			r.want("M/PrevLatchResult", 1)
		}},
		{"AND/OR/LatchReset does nothing in normal mode", and("Mode", "OR"), func(r *rig) {
			r.inputs(1, 0, 0)
			r.pulse("M/LatchReset")
			r.inputs(1, 0, 0)
			r.want("M/PrevLatchResult", na)
			r.wantEvents(5)
		}},
		{"AND/OR/latched through a time without a value", and("Mode", "OR", "UpdateMode", "latching"), func(r *rig) {
			r.inputs(1, 0, 0)
			r.inputs(na, na, na)
			r.want("M/Result", na)
			r.inputs(0, 0, 0)
			r.want("M/Result", 1)
		}},
		{"AND/OR/power-up re-evaluates", and("Mode", "OR", "UpdateMode", "latching"), func(r *rig) {
			r.inputs(1, 0, 0)
			r.restart()
			r.want("M/Result", na)
			r.inputs(0, 0, 0)
			r.want("M/Result", 0)
			r.inputs(1, 0, 0)
			r.want("T/Accumulatr", 1)
		}},
		{"AND/OR/re-link and change of setup: N/A until the next evaluation", and("Mode", "OR"), func(r *rig) {
			r.inputs(1, 0, 0)
			r.do(ion.Set{Register: "M/Mode", Value: "AND"})
			r.want("M/Result", na)
			r.inputs(1, 0, 0)
			r.want("M/Result", 0)
			r.do(ion.Link{Input: "M/Source 8"})
			r.want("M/Result", na)
		}},

		{"Convert/a number goes through and is tested", converted(), func(r *rig) {
			r.tick(-2.5)
			r.want("M/Numeric Out", -2.5)
			r.want("M/Boolean Out", 1)
			r.tick(0)
			r.want("M/Numeric Out", 0)
			r.want("M/Boolean Out", 0)
		}},
		{"Convert/a Boolean is 1 or 0", moduleUnderTest("Convert", "Power Meter/Phase Rev"), func(r *rig) {
			r.enable(true)
			r.tick(1)
			r.want("M/Numeric Out", 1)
			r.want("M/Boolean Out", 1)
			r.enable(false)
			r.tick(1)
			r.want("M/Numeric Out", 0)
			r.want("M/Boolean Out", 0)
		}},
		{"Convert/a setup register", moduleUnderTest("Convert", "Power Meter/PT Prim"), func(r *rig) {
			r.tick(1)
			r.want("M/Numeric Out", 347)
		}},
		{"Convert/what flowed and was counted goes through exactly", slices.Concat(moduleUnderTest("Convert", "Power Meter/kW tot"),
			[]ion.Change{ion.Create{Type: "Integrator", Label: "I"}, ion.Link{Input: "I/Integrand", Register: "M/Numeric Out"},
				ion.Create{Type: "Convert", Label: "C"}, ion.Link{Input: "C/Source", Register: "I/Result"}}), func(r *rig) {
			r.energyTick(1, [4]float64{1000.5})
			r.want("I/Result", 1.0005)
			if v := r.value("C/Numeric Out"); !v.Exact || v.Count != 1000 {
				r.Errorf("after the Convert %+v, want exactly 1000", v)
			}
		}},
		{"Convert/source N/A: none", converted(), func(r *rig) {
			r.tick(1)
			r.tick(na)
			r.want("M/Numeric Out", na)
			r.want("M/Boolean Out", na)
		}},
		{"Convert/source N/A: to 0", converted("N/A Conversion", "to 0"), func(r *rig) {
			r.tick(na)
			r.want("M/Numeric Out", 0)
			r.want("M/Boolean Out", 0)
		}},
		{"Convert/source N/A: to 1", converted("N/A Conversion", "to 1"), func(r *rig) {
			r.tick(na)
			r.want("M/Numeric Out", 1)
			r.want("M/Boolean Out", 1)
		}},
		{"Convert/Enable off: both N/A", slices.Concat(converted(), []ion.Change{enableLink()}), func(r *rig) {
			r.enable(true)
			r.tick(1)
			r.enable(false)
			r.tick(1)
			r.want("M/Numeric Out", na)
			r.want("M/Boolean Out", na)
		}},
		{"Convert/pulses on transitions", converted(), func(r *rig) {
			for _, x := range []float64{1, 0, na, 0, 2, na, 0} {
				r.tick(x)
			}
			r.want("On/Accumulatr", 1)
			r.want("Off/Accumulatr", 2)
		}},
		{"Convert/power-up re-evaluates without a pulse", converted(), func(r *rig) {
			r.tick(0)
			r.restart()
			r.want("M/Numeric Out", na)
			r.tick(5)
			r.want("M/Numeric Out", 5)
			r.want("On/Accumulatr", 0)
		}},

		{"Feedback/relays each pulse", relayed, func(r *rig) {
			r.pulses(3)
			r.tick(1)
			r.want("T/Accumulatr", 3)
		}},
		{"Feedback/Enable off: no pulse, and none later", slices.Concat(relayed, []ion.Change{enableLink()}), func(r *rig) {
			r.enable(false)
			r.pulses(2)
			r.tick(1)
			r.enable(true)
			r.ticks(2, 1)
			r.want("T/Accumulatr", 0)
		}},
		{"Feedback/power-up: no pulse until the inputs are evaluated", relayed, func(r *rig) {
			r.pulses(2)
			r.restart()
			r.ticks(2, 1)
			kept := r.value("T/Accumulatr").Number
			r.ticks(2, 1)
			r.want("T/Accumulatr", kept)
			r.pulses(1)
			r.tick(1)
			r.want("T/Accumulatr", kept+1)
		}},
		{"Feedback/re-link: pulses before it are not relayed", relayed, func(r *rig) {
			r.pulses(2)
			r.do(ion.Link{Input: "M/Source", Register: "Clock/New Hour"}, ion.Link{Input: "M/Source", Register: "Merge/Pulse Out"})
			before := r.value("T/Accumulatr").Number
			r.ticks(2, 1)
			r.want("T/Accumulatr", before)
		}},

		{"Latch/Set and Reset", latched(), func(r *rig) {
			r.want("M/State", 0)
			r.pulses(2)
			r.want("M/State", 1)
			r.pulses(1)
			r.pulse("M/Reset")
			r.tick(1)
			r.want("M/State", 0)
			r.pulses(1)
			r.want("T/Accumulatr", 2) // it became ON twice
		}},
		{"Latch/Set and Reset at once: reset first", latched(), func(r *rig) {
			r.pulse("M/Reset")
			r.pulses(1)
			r.want("M/State", 1)
		}},
		{"Latch/power-up keeps", latched(), func(r *rig) {
			r.pulses(1)
			r.restart()
			r.want("M/State", 1)
			r.tick(1)
			r.want("M/State", 1)
		}},
		{"Latch/a change is an event of priority 15 when EvLog Mode is log on", latched("EvLog Mode", "log on"), func(r *rig) {
			r.pulses(2)
			r.pulse("M/Reset")
			r.tick(1)
			r.wantEvents(15, "Set pulsed > State ON", "Reset pulsed > State OFF")
		}},

		{"Pulse Merge/relays each pulse of each input", merged(), func(r *rig) {
			r.pulse("M/Pulse In 8")
			r.pulses(2)
			r.want("T/Accumulatr", 3)
		}},
		{"Pulse Merge/Enable off: pulses ignored, and not later", slices.Concat(merged(), []ion.Change{enableLink()}), func(r *rig) {
			r.enable(false)
			r.pulses(2)
			r.enable(true)
			r.tick(1)
			r.want("T/Accumulatr", 0)
		}},
		{"Pulse Merge/power-up: no pulse", merged(), func(r *rig) {
			r.pulses(2)
			r.restart()
			r.tick(1)
			r.want("T/Accumulatr", 2) // the Counter's own, and no more
		}},
		{"Pulse Merge/offline without an input", merged(), func(r *rig) {
			r.do(ion.Link{Input: "M/Pulse In 3"})
			if reason := r.node.Offline()["M"]; !strings.Contains(reason, "Pulse In 1") {
				r.Errorf("offline: %q", reason)
			}
		}},
		{"Pulse Merge/events name the input when EvLog Mode is log on", merged("EvLog Mode", "log on"), func(r *rig) {
			r.pulse("M/Pulse In 8")
			r.pulses(2)
			r.wantEvents(15, "Pulse In 3 pulsed 2 times > Pulse Out pulsed", "Pulse In 8 pulsed > Pulse Out pulsed")
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}

// Two modules in a ring are refused; through a Feedback module the same ring works, and
// one pulse goes round once in each tick.
func TestARingOfModules(t *testing.T) {
	modules := []ion.Change{
		ion.Create{Type: "Pulse Merge", Label: "A"}, ion.Create{Type: "Pulse Merge", Label: "B"},
		ion.Link{Input: "B/Pulse In 1", Register: "A/Pulse Out"},
		ion.Create{Type: "Counter", Label: "Rounds"}, ion.Link{Input: "Rounds/Count", Register: "B/Pulse Out"},
	}
	closed := ion.Link{Input: "A/Pulse In 1", Register: "B/Pulse Out"}
	relayed := []ion.Change{
		ion.Create{Type: "Feedback", Label: "F"}, ion.Link{Input: "F/Source", Register: "B/Pulse Out"},
		ion.Link{Input: "A/Pulse In 1", Register: "F/Pulse Out"},
	}
	t.Run("without Feedback it is refused", func(t *testing.T) {
		r := newRig(t, modules...)
		err := r.node.Program([]ion.Change{closed}, ion.By{}, r.now)
		if err == nil || !strings.Contains(err.Error(), "the links would make a loop: B → A → B") {
			t.Errorf("the ring is not refused: %v", err)
		}
		r.do(relayed...)
		if err := r.node.Program([]ion.Change{closed}, ion.By{}, r.now); err == nil {
			t.Error("a second, direct way round is not refused")
		}
	})
	for _, row := range []struct {
		name   string
		pulses int
	}{{"no pulse comes of itself", 0}, {"a pulse goes round once per tick", 1}, {"three pulses stay three", 3}} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, slices.Concat(modules, relayed)...)
			r.tick(1)
			for range row.pulses {
				r.pulse("A/Pulse In 2")
			}
			for round := range 5 {
				r.tick(1)
				r.want("Rounds/Accumulatr", float64(row.pulses*(round+1)))
			}
		})
	}
	t.Run("a disabled Feedback ends it", func(t *testing.T) {
		r := newRig(t, slices.Concat(modules, relayed, []ion.Change{ion.Link{Input: "F/Enable", Register: "Power Meter/Phase Rev"}})...)
		r.enable(true)
		r.pulse("A/Pulse In 2")
		r.ticks(2, 1)
		r.want("Rounds/Accumulatr", 2)
		r.enable(false)
		r.tick(1)
		r.enable(true)
		r.ticks(3, 1)
		r.want("Rounds/Accumulatr", 2)
	})
	t.Run("a pulse under way does not survive a power cut", func(t *testing.T) {
		r := newRig(t, slices.Concat(modules, relayed)...)
		r.pulse("A/Pulse In 2")
		r.tick(1)
		r.restart()
		r.ticks(3, 1)
		r.want("Rounds/Accumulatr", 1)
	})
	t.Run("a ring can be made and cut at run time", func(t *testing.T) {
		r := newRig(t, modules...)
		r.do(relayed...)
		r.pulse("A/Pulse In 2")
		r.ticks(2, 1)
		r.do(ion.Delete{Module: "F"})
		r.ticks(2, 1)
		r.want("Rounds/Accumulatr", 2)
	})
}
