package modules

import (
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
)

// The operating rules of Arithmetic.
func TestOperatingRulesOfArithmetic(t *testing.T) {
	// The sources are Vln a, b and the switch.
	calculated := func(formulas ...string) []ion.Change {
		changes := []ion.Change{ion.Create{Type: "Arithmetic", Label: "M"}, ion.Link{Input: "M/Source 1", Register: "Power Meter/Vln a"},
			ion.Link{Input: "M/Source 2", Register: "Power Meter/Vln b"}, ion.Link{Input: "M/Source 16", Register: "Power Meter/Phase Rev"}}
		for i, text := range formulas {
			changes = append(changes, ion.Set{Register: "M/Formula " + string(rune('1'+i)), Value: text})
		}
		return changes
	}
	onDemand := func(formulas ...string) []ion.Change {
		return slices.Concat(calculated(formulas...), tallied("T", "M/Trigger"), []ion.Change{ion.Link{Input: "M/CalculateNow", Register: "Clock/New Hour"}})
	}
	enabled := func(changes []ion.Change) []ion.Change { return slices.Concat(changes, []ion.Change{enableLink()}) }

	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"eight formulas in their order, with results of earlier ones", calculated("S1+S2", "R1*2", "R2+1", "", "R3-R1", "S1", "S2", "R5^2"), func(r *rig) {
			r.inputs(3, 4, na)
			for i, want := range []float64{7, 14, 15, na, 8, 3, 4, 64} {
				r.want("M/Result "+string(rune('1'+i)), want)
			}
		}},
		{"a Boolean source is 1 or 0", calculated("S16*10"), func(r *rig) {
			r.enable(true)
			r.tick(1)
			r.want("M/Result 1", 10)
			r.enable(false)
			r.tick(1)
			r.want("M/Result 1", 0)
		}},
		{"operand N/A: the result is N/A, unless tested", calculated("S1+S2", "IF(ISNA(S2), -1, S2)"), func(r *rig) {
			r.inputs(3, na, na)
			r.want("M/Result 1", na)
			r.want("M/Result 2", -1)
		}},
		{"a source that is not linked is N/A", calculated("S3", "ISNA(S3)"), func(r *rig) {
			r.tick(1)
			r.want("M/Result 1", na)
			r.want("M/Result 2", 1)
		}},
		{"no value is N/A: division by zero, domain, overflow", calculated("1/0", "SQRT(-1)", "1e308*10"), func(r *rig) {
			r.tick(1)
			for _, name := range []string{"1", "2", "3"} {
				r.want("M/Result "+name, na)
			}
		}},
		{"R of a formula that is not used is N/A", calculated("ISNA(R4)"), func(r *rig) {
			r.tick(1)
			r.want("M/Result 1", 1)
		}},
		{"R of the formula itself and of later ones is that of the calculation before", calculated("R1+1", "R3", "S1"), func(r *rig) {
			for i, x := range []float64{10, 20, 30} {
				r.inputs(x, na, na)
				r.want("M/Result 1", float64(i+1))
				r.want("M/Result 2", max(0, x-10))
			}
		}},
		{"PREV is the value of earlier calculations, N/A before the first", calculated("S1 PREV 1", "S1-S1 PREV 2"), func(r *rig) {
			r.inputs(1, na, na)
			r.want("M/Result 1", na)
			r.inputs(3, na, na)
			r.want("M/Result 1", 1)
			r.want("M/Result 2", na)
			r.inputs(6, na, na)
			r.want("M/Result 1", 3)
			r.want("M/Result 2", 5)
		}},
		{"PREV keeps its place while the source is N/A", calculated("S1 PREV 2"), func(r *rig) {
			for _, x := range []float64{1, na, 3} {
				r.inputs(x, na, na)
			}
			r.want("M/Result 1", 1)
			r.inputs(4, na, na)
			r.want("M/Result 1", na)
		}},
		{"Enable off: no calculation, results are kept", enabled(calculated("S1", "S1 PREV 1")), func(r *rig) {
			r.enable(true)
			r.inputs(1, na, na)
			r.enable(false)
			r.inputs(2, na, na)
			r.want("M/Result 1", 1)
			r.enable(true)
			r.inputs(3, na, na)
			r.want("M/Result 1", 3)
			r.want("M/Result 2", 1)
		}},
		{"Reset: previous sources N/A, previous results 0", calculated("S1 PREV 1", "R2+1"), func(r *rig) {
			r.ticks(3, 5)
			r.want("M/Result 1", 5)
			r.want("M/Result 2", 3)
			r.pulse("M/Reset")
			r.tick(6)
			r.want("M/Result 1", na)
			r.want("M/Result 2", 1)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Reset while disabled: results 0", enabled(calculated("S1", "", "S1 PREV 1")), func(r *rig) {
			r.enable(true)
			r.ticks(2, 5)
			r.enable(false)
			r.pulse("M/Reset")
			r.tick(5)
			r.want("M/Result 1", 0)
			r.want("M/Result 2", na)
			r.enable(true)
			r.tick(7)
			r.want("M/Result 3", na)
		}},
		{"power-up: N/A until the first run, previous values are gone", calculated("S1", "R2+1", "S1 PREV 1"), func(r *rig) {
			r.ticks(3, 5)
			r.restart()
			for _, name := range []string{"1", "2", "3"} {
				r.want("M/Result "+name, na)
			}
			r.tick(6)
			r.want("M/Result 1", 6)
			r.want("M/Result 2", 1)
			r.want("M/Result 3", na)
		}},
		{"a formula that a client wrote is calculated after power-up", calculated(), func(r *rig) {
			r.do(ion.Set{Register: "M/Formula 1", Value: "R1+S1"})
			r.tick(5)
			r.restart()
			r.tick(6)
			r.want("M/Result 1", 6)
		}},
		{"re-link: the previous values of that source are N/A", calculated("S1 PREV 1", "S2 PREV 1"), func(r *rig) {
			r.inputs(1, 2, 3)
			r.do(ion.Link{Input: "M/Source 1", Register: "Power Meter/Vln c"})
			r.want("M/Result 2", na)
			r.inputs(1, 2, 3)
			r.want("M/Result 1", na)
			r.want("M/Result 2", 2)
		}},
		{"a new formula begins with R at 0 and leaves the others alone", calculated("R1+1", "R2+1"), func(r *rig) {
			r.ticks(5, 1)
			r.do(ion.Set{Register: "M/Formula 1", Value: "R1+2"})
			r.want("M/Result 2", na)
			r.tick(1)
			r.want("M/Result 1", 2)
			r.want("M/Result 2", 6)
		}},
		{"a formula that is taken away", calculated("S1", "ISNA(R1)"), func(r *rig) {
			r.tick(1)
			r.do(ion.Set{Register: "M/Formula 1", Value: " "})
			r.tick(1)
			r.want("M/Result 1", na)
			r.want("M/Result 2", 1)
		}},
		{"CalculateNow: only at its pulses, once for several", onDemand("R1+1", "S1 PREV 1"), func(r *rig) {
			r.ticks(3, 1)
			r.want("M/Result 1", na)
			r.pulse("M/CalculateNow")
			r.tick(2)
			r.want("M/Result 1", 1)
			r.ticks(3, 3)
			r.pulse("M/CalculateNow")
			r.pulse("M/CalculateNow")
			r.tick(4)
			r.want("M/Result 1", 2)
			r.want("M/Result 2", 2)
			r.want("T/Accumulatr", 3)
		}},
		{"CalculateNow while disabled is ignored, and not served later", enabled(onDemand("S1")), func(r *rig) {
			r.enable(false)
			r.pulse("M/CalculateNow")
			r.tick(1)
			r.enable(true)
			r.tick(1)
			r.want("M/Result 1", na)
			r.want("T/Accumulatr", 0)
		}},
		{"no Trigger without CalculateNow", slices.Concat(calculated("S1"), tallied("T", "M/Trigger")), func(r *rig) {
			r.ticks(3, 1)
			r.want("T/Accumulatr", 0)
		}},
		{"a wrong formula is refused with its place and what was expected", calculated("S1"), func(r *rig) {
			err := r.node.Program([]ion.Change{ion.Set{Register: "M/Formula 1", Value: "S1 + "}}, ion.By{}, r.now)
			const want = `M/Formula 1: at character 6: expected a value: a number, S1 to S16, R1 to R8, PI, NA, a function or "(", found the end`
			if err == nil || !strings.Contains(err.Error(), want) {
				r.Errorf("got  %v\nwant %s", err, want)
			}
			r.tick(3)
			r.want("M/Result 1", 3)
		}},
		{"minus zero is zero", calculated("-S1"), func(r *rig) {
			r.tick(0)
			if got := r.value("M/Result 1").String(); got != "0" {
				r.Errorf("the result reads %s", got)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}
