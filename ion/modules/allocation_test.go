package modules

import (
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// A turn of a module allocates nothing in the steady state.
func TestTurnsAllocateNothing(t *testing.T) {
	const volts = "Power Meter/Vln a"
	for name, program := range map[string][]ion.Change{
		"Thermal Demand": moduleUnderTest("Thermal Demand", volts),
		"Counter":        pulsed("Counter", "Count"),
		"Setpoint":       moduleUnderTest("Setpoint", volts, "High Limit", "100"),
		"Relative Setpoint": slices.Concat(moduleUnderTest("Relative Setpoint", volts),
			[]ion.Change{ion.Link{Input: "M/Nominal", Register: "Factory/Nominal Voltage"}}),
		"Arithmetic": {ion.Create{Type: "Arithmetic", Label: "M"}, ion.Link{Input: "M/Source 1", Register: volts},
			ion.Set{Register: "M/Formula 1", Value: "IF(ISNA(S1), SUM(S2, R1, 3), S1 PREV 3 ^ 2) MOD 7"},
			ion.Set{Register: "M/Formula 8", Value: "MAX(R1, RMS(S1, S1 PREV 1)) > 3 AND NOT S2"}},
		"AND/OR":        slices.Concat(booleans(), []ion.Change{ion.Create{Type: "AND/OR", Label: "M"}, ion.Link{Input: "M/Source 1", Register: "Ba/Boolean Out"}}),
		"Convert":       moduleUnderTest("Convert", volts),
		"Modbus Slave":  slaved(),
		"Modbus Import": imported(),
		"Modbus Export": exported(),
		"a ring": {ion.Create{Type: "Pulse Merge", Label: "M"}, ion.Create{Type: "Feedback", Label: "F"}, ion.Create{Type: "Latch", Label: "L"},
			ion.Link{Input: "F/Source", Register: "M/Pulse Out"}, ion.Link{Input: "M/Pulse In 1", Register: "F/Pulse Out"},
			ion.Link{Input: "L/Set", Register: "M/Pulse Out"}, ion.Link{Input: "L/Reset", Register: "Clock/New Hour"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, program...)
			if name == "a ring" {
				r.pulse("M/Pulse In 2")
			}
			if reasons := r.node.Offline(); len(reasons) > 0 {
				t.Fatal(reasons)
			}
			if name == "Setpoint" {
				r.pulse("M/Learn Now")
			}
			r.tick(90)
			r.node.TakeChanges()
			second := r.second
			if n := testing.AllocsPerRun(200, func() { r.steady(&second) }); n != 0 {
				t.Errorf("a tick allocates %v times", n)
			}
		})
	}
	t.Run("high speed", func(t *testing.T) {
		r := newRig(t, ion.Create{Type: "HS Power Meter", Label: "HS"},
			ion.Create{Type: "HS Setpoint", Label: "S"}, ion.Link{Input: "S/Source", Register: "HS/Vln a"}, ion.Set{Register: "S/High Limit", Value: "300"},
			ion.Create{Type: "HS Relative Setpoint", Label: "R"}, ion.Link{Input: "R/Source", Register: "HS/Vln a"}, ion.Link{Input: "R/Nominal", Register: "Factory/Nominal Voltage"})
		half := &metering.HalfCycle{}
		half.URms[waveform.V1] = 230
		if n := testing.AllocsPerRun(200, func() {
			r.now, half.EndS = r.now.Add(10*time.Millisecond), half.EndS+0.01
			r.node.HalfCycle(r.now, half)
		}); n != 0 {
			t.Errorf("a half cycle allocates %v times", n)
		}
	})
}

// Fifty modules of the logic types.
func BenchmarkLogic(b *testing.B) {
	var changes []ion.Change
	for _, n := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		changes = append(changes,
			ion.Create{Type: "Setpoint", Label: "S" + n}, ion.Link{Input: "S" + n + "/Source", Register: "Power Meter/Vln a"},
			ion.Set{Register: "S" + n + "/High Limit", Value: "250"},
			ion.Create{Type: "AND/OR", Label: "L" + n}, ion.Link{Input: "L" + n + "/Source 1", Register: "S" + n + "/Status"},
			ion.Create{Type: "Counter", Label: "C" + n}, ion.Link{Input: "C" + n + "/Count", Register: "L" + n + "/Trigger"},
			ion.Create{Type: "Thermal Demand", Label: "T" + n}, ion.Link{Input: "T" + n + "/Source", Register: "Power Meter/Vln a"},
			ion.Create{Type: "Arithmetic", Label: "A" + n}, ion.Link{Input: "A" + n + "/Source 1", Register: "Power Meter/Vln a"},
			ion.Set{Register: "A" + n + "/Formula 1", Value: "IF(S1 > 240, 100 * (S1 - S1 PREV 1) / S1, R1)"})
	}
	r := newRig(b, changes...)
	r.tick(230)
	second := r.second
	b.ReportAllocs()
	for b.Loop() {
		r.steady(&second)
	}
}

// steady lets a second pass that is like the latest, without allocating.
func (r *rig) steady(second *metering.Second) {
	second.EndS++
	second.RMS[waveform.V1] += 0.01
	r.now = r.now.Add(time.Second)
	r.node.Tick(r.now, second)
}
