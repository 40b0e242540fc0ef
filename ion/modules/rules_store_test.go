package modules

import (
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
)

func stores(links ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "S", "R"), externals("Boolean", "On", "B"),
		module("Store", slices.Concat([]string{"Store", "S/Trigger", "Reset", "R/Trigger"}, links), nil))
}

// Rules of the Store (ION Reference, Store module; matrix 2.12).
func TestStore(t *testing.T) {
	const volts = "Power Meter/Vln a"
	runRows(t, []row{
		{"at least one source", module("Store", nil, nil), func(r *rig) { r.wantOffline("the mandatory input Store is not linked") }},
		{"keeps value and time stamp of the source", stores("Source 3", volts), func(r *rig) {
			r.tick(5)
			r.want("M/Source Out 3", na)
			r.fire("S")
			r.tick(6)
			at := r.now
			r.ticks(3, 7)
			r.want("M/Source Out 3", 6)
			if got := r.value("M/Source Out 3").Time(); !got.Equal(at) {
				r.Errorf("stamped %v, want %v", got, at)
			}
			r.want("M/Source Out 1", na)
		}},
		{"keeps the stamp that the source had, not that of the pulse", slices.Concat(externals("Numeric", "N"), stores("Source 1", "N/Numeric")), func(r *rig) {
			r.put("N", 3)
			at := r.now
			r.ticks(5, 1)
			r.fire("S")
			r.tick(1)
			if v := r.value("M/Source Out 1"); !v.Time().Equal(at) || v.Number != 3 {
				r.Errorf("%v of %v, want 3 of %v", v, v.Time(), at)
			}
		}},
		{"keeps the exact count of an energy", slices.Concat(stores(), []ion.Change{ion.Create{Type: "Integrator", Label: "E"},
			ion.Link{Input: "E/Integrand", Register: "Power Meter/kW tot"}, ion.Link{Input: "M/Source 1", Register: "E/Result"}}), func(r *rig) {
			r.energyTick(1, [4]float64{1234.6})
			r.fire("S")
			r.tick(1)
			if v := r.value("M/Source Out 1"); !v.Exact || v.Count != 1234 {
				r.Errorf("count %d, exact %v, want 1234", v.Count, v.Exact)
			}
		}},
		{"takes a Boolean as 1 or 0", stores("Source 1", "B/Switch"), func(r *rig) {
			r.turn("B/Switch", true)
			r.fire("S")
			r.tick(1)
			r.want("M/Source Out 1", 1)
		}},
		{"Store Complete for each pulse", slices.Concat(stores("Source 1", volts), counted("M", "Store Complete")), func(r *rig) {
			r.fire("S", "S")
			r.ticks(2, 1)
			r.want("#Store Complete/Count", 2)
		}},
		{"source N/A: its slot N/A", stores("Source 1", volts, "Source 2", "Power Meter/kW tot"), func(r *rig) {
			r.fire("S")
			r.tick(5)
			r.fire("S")
			r.tick(na)
			r.want("M/Source Out 1", na)
			r.want("M/Source Out 2", 0)
		}},
		{"Enable off: Store pulses are ignored", stores("Source 1", volts, "Enable", "On/Switch"), func(r *rig) {
			r.turn("On/Switch", true)
			r.fire("S")
			r.tick(5)
			r.turn("On/Switch", false)
			r.fire("S")
			r.tick(6)
			r.want("M/Source Out 1", 5)
			r.turn("On/Switch", true)
			r.tick(7)
			r.want("M/Source Out 1", 5)
		}},
		{"Reset pulse: all N/A, also while disabled", stores("Source 1", volts, "Enable", "On/Switch"), func(r *rig) {
			r.turn("On/Switch", true)
			r.fire("S")
			r.tick(5)
			r.turn("On/Switch", false)
			r.fire("R")
			r.tick(6)
			r.want("M/Source Out 1", na)
		}},
		{"Reset and Store in one turn: reset first", stores("Source 1", volts), func(r *rig) {
			r.fire("S", "R")
			r.tick(5)
			r.want("M/Source Out 1", 5)
		}},
		{"re-link: the copy of that source is N/A", stores("Source 1", volts, "Source 2", volts), func(r *rig) {
			r.fire("S")
			r.tick(5)
			r.do(ion.Link{Input: "M/Source 1", Register: "Power Meter/Vln b"})
			r.want("M/Source Out 1", na)
			r.want("M/Source Out 2", 5)
		}},
		{"power-up: keep", stores("Source 1", volts), func(r *rig) {
			r.fire("S")
			r.tick(5)
			before := r.value("M/Source Out 1")
			r.restart()
			if after := r.value("M/Source Out 1"); after != before {
				r.Errorf("after the restart %+v, before %+v", after, before)
			}
		}},
	})
}

func bins(more ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "E", "R"), externals("Numeric", "A", "B", "N"), externals("Boolean", "On"),
		module("Bin", []string{"Source A", "A/Numeric", "Source B", "B/Numeric", "Evaluate", "E/Trigger", "Reset", "R/Trigger"}, more))
}

// evaluate lets a Bin see A and B.
func (r *rig) evaluate(a, b float64) {
	r.put("A", a)
	r.put("B", b)
	r.fire("E")
	r.tick(1)
}

// Rules of the Bin (ION Reference, Bin module; matrix 2.12).
func TestBin(t *testing.T) {
	table := []string{"Rule 1", "A 80..90 B ..0.5", "Rule 2", "A 80..90 B 0.5..", "Rule 25", "A 0.."}
	runRows(t, []row{
		{"the first rule that holds counts", bins(table...), func(r *rig) {
			r.evaluate(85, 0.1)
			r.evaluate(80, 0.5)
			r.evaluate(90, 0.1)
			r.evaluate(-1, 0.1)
			for name, want := range map[string]float64{"Bin 1": 1, "Bin 2": 1, "Bin 25": 1, "Bin 3": 0} {
				r.want("M/"+name, want)
			}
		}},
		{"each of several Evaluate pulses counts", bins(table...), func(r *rig) {
			r.put("A", 85)
			r.put("B", 0)
			r.fire("E", "E", "E")
			r.tick(1)
			r.want("M/Bin 1", 3)
		}},
		{"without Evaluate nothing counts", bins(table...), func(r *rig) {
			r.put("A", 85)
			r.ticks(5, 1)
			r.want("M/Bin 25", 0)
		}},
		{"percentage is of the nominal", slices.Concat(bins("Rule 1", "A 80..90", "Eval Mode A", "percentage"), []ion.Change{ion.Link{Input: "M/Nominal A", Register: "N/Numeric"}}), func(r *rig) {
			r.evaluate(200, 0) // the nominal was never written
			r.want("M/Bin 1", 0)
			r.put("N", 0)
			r.evaluate(200, 0)
			r.want("M/Bin 1", 0)
			r.put("N", 230)
			r.evaluate(200, 0)
			r.want("M/Bin 1", 1)
		}},
		{"source N/A: only rules that do not ask for it hold", bins("Rule 1", "A 0..", "Rule 2", "B 0.."), func(r *rig) {
			r.put("B", 1)
			r.fire("E")
			r.tick(1)
			r.want("M/Bin 1", 0)
			r.want("M/Bin 2", 1)
		}},
		{"Enable off: counts frozen, Evaluate ignored", slices.Concat(bins(table...), []ion.Change{ion.Link{Input: "M/Enable", Register: "On/Switch"}}), func(r *rig) {
			r.turn("On/Switch", true)
			r.evaluate(85, 0)
			r.turn("On/Switch", false)
			r.evaluate(85, 0)
			r.want("M/Bin 1", 1)
			r.turn("On/Switch", true)
			r.tick(1)
			r.want("M/Bin 1", 1)
		}},
		{"Reset pulse: counts 0, also while disabled", slices.Concat(bins(table...), []ion.Change{ion.Link{Input: "M/Enable", Register: "On/Switch"}}), func(r *rig) {
			r.turn("On/Switch", true)
			r.evaluate(85, 0)
			r.turn("On/Switch", false)
			r.fire("R")
			r.tick(1)
			r.want("M/Bin 1", 0)
		}},
		{"power-up: keep", bins(table...), func(r *rig) {
			r.evaluate(85, 0)
			r.restart()
			r.want("M/Bin 1", 1)
			r.evaluate(85, 0)
			r.want("M/Bin 1", 2)
		}},
		{"re-link of a source: counts 0", bins(table...), func(r *rig) {
			r.evaluate(85, 0)
			r.do(ion.Link{Input: "M/Source B", Register: "N/Numeric"})
			r.want("M/Bin 1", 0)
		}},
		{"another rule: counts 0", bins(table...), func(r *rig) {
			r.evaluate(85, 0)
			r.do(ion.Set{Register: "M/Rule 7", Value: "A 1..2"})
			r.want("M/Bin 1", 0)
		}},
		{"a rule that asks for a source that is not linked", bins(table...), func(r *rig) {
			r.do(ion.Link{Input: "M/Source B"})
			r.wantOffline("rule 1 asks for Source B, which is not linked")
		}},
		{"percentage without a nominal", bins("Rule 1", "A 1..2", "Eval Mode A", "percentage"), func(r *rig) {
			r.wantOffline("the mode of A is percentage, but Nominal A is not linked")
		}},
		{"no rule at all", bins(), func(r *rig) { r.wantOffline("there is no rule") }},
		{"a bad rule is refused", bins(table...), func(r *rig) {
			for _, text := range []string{"A", "A 1", "A ..", "A 2..1", "A 1..1", "C 1..2", "A 1..2 A 2..3", "A x..2", "A 1..Inf", "A NaN..", "A 1..2 B", "1..2 A", "A 1..2 B 1..2 A 1..2"} {
				if err := r.node.Program([]ion.Change{ion.Set{Register: "M/Rule 3", Value: text}}, ion.By{}, r.now); err == nil || !strings.Contains(err.Error(), "M/Rule 3") {
					r.Errorf("%q gives %v, want a refusal", text, err)
				}
			}
		}},
	})
}

func TestStoreAndBinAllocateNothing(t *testing.T) {
	noAllocations(t, slices.Concat(
		module("Bin", []string{"Source A", "Clock/Second", "Source B", "Clock/Minute", "Evaluate", "P/Trigger"}, []string{"Rule 1", "A 10..20", "Rule 2", "A 0.. B 0.."}),
		[]ion.Change{ion.Create{Type: "Store", Label: "S"}, ion.Link{Input: "S/Store", Register: "P/Trigger"}, ion.Link{Input: "S/Source 1", Register: "Clock/Second"}})...)
}
