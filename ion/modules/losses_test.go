package modules

import (
	"math"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

func lossModule(typeName string, settings ...string) []ion.Change {
	changes := []ion.Change{ion.Create{Type: typeName, Label: "M"},
		ion.Link{Input: "M/kW", Register: "Power Meter/kW tot"}, ion.Link{Input: "M/kVAR", Register: "Power Meter/kVAR tot"},
		ion.Link{Input: "M/Ia", Register: "Power Meter/Ia"}, ion.Link{Input: "M/Ib", Register: "Power Meter/Ib"}, ion.Link{Input: "M/Ic", Register: "Power Meter/Ic"},
		ion.Create{Type: "Integrator", Label: "kWh"}, ion.Link{Input: "kWh/Integrand", Register: "M/kW comp"}, ion.Set{Register: "kWh/Int Mode", Value: "net"},
		ion.Create{Type: "Integrator", Label: "kWh bare"}, ion.Link{Input: "kWh bare/Integrand", Register: "Power Meter/kW tot"}, ion.Set{Register: "kWh bare/Int Mode", Value: "net"},
	}
	if typeName == "Transformer Loss" {
		changes = append(changes, ion.Link{Input: "M/Voltage", Register: "Power Meter/Vln avg"})
	}
	for i := 0; i+1 < len(settings); i += 2 {
		changes = append(changes, ion.Set{Register: "M/" + settings[i], Value: settings[i+1]})
	}
	return changes
}

// loadTick lets a second pass with 230 V, three currents and a power, kvar being half.
func (r *rig) loadTick(amperes, kW float64) {
	r.tickWith(func(s *metering.Second) {
		for k := range waveform.Role(3) {
			s.RMS[waveform.V1+k], s.RMS[waveform.I1+k] = 230, amperes
		}
		s.Power.P[metering.Total], s.Power.Q1[metering.Total] = kW*1000, kW*500
		q := 0
		if kW < 0 {
			q = 2
		}
		s.Energy.Wh[q], s.Energy.Varh[q] = math.Abs(kW)/3.6, math.Abs(kW)/7.2
	})
}

func TestLosses(t *testing.T) {
	line := []string{"Resistance", "0.1", "Reactance", "0.2"}
	percentLine := []string{"Method", "% constants", "Rated Power", "100", "Rated Current", "10", "%LW", "3", "%LV", "6"}
	// 100 kVA, 10 A, 460 V: %Exc 5 of 100 kVA is 5 kVA beside 3 kW of iron: 4 kvar. %Z 10 is 10 kVA beside 6 kW of copper: 8 kvar.
	sheet := []string{"Rated Power", "100", "Rated Current", "10", "Rated Voltage", "460", "No-Load Loss", "3", "Load Loss", "6", "%Exc", "5", "%Z", "10"}
	percentSheet := []string{"Method", "% constants", "Rated Power", "100", "Rated Current", "10", "Rated Voltage", "460", "%LWFe", "3", "%LWCu", "6", "%LVFe", "4", "%LVCu", "8"}
	for _, row := range []struct {
		name, typeName                         string
		settings                               []string
		amperes, kW                            float64
		lossKW, lossKVAR, compKW, compKVAR, wh float64
	}{
		{"Line Loss: R and X times the squares of the currents", "Line Loss", line, 20, 36, 0.12, 0.24, 36.12, 18.24, 36.12 / 3.6},
		{"Line Loss: subtracted", "Line Loss", append([]string{"Loss Mode", "subtract"}, line...), 20, 36, 0.12, 0.24, 35.88, 17.76, 35.88 / 3.6},
		{"Line Loss: received power becomes less where losses are added", "Line Loss", line, 20, -36, 0.12, 0.24, -35.88, -17.76, -35.88 / 3.6},
		{"Line Loss: % constants go with the square of the current", "Line Loss", percentLine, 5, 36, 0.75, 1.5, 36.75, 19.5, 36.75 / 3.6},
		{"Line Loss: more loss than flows changes the direction", "Line Loss", append([]string{"Loss Mode", "subtract"}, percentLine...), 10, 1.8, 3, 6, -1.2, -5.1, -1.2 / 3.6},
		{"Transformer Loss: iron with V² and V⁴, copper with I²", "Transformer Loss", sheet, 5, 36, 3.0/4 + 6.0/4, 4.0/16 + 8.0/4, 38.25, 20.25, 38.25 / 3.6},
		{"Transformer Loss: % constants", "Transformer Loss", percentSheet, 5, 36, 3.0/4 + 6.0/4, 4.0/16 + 8.0/4, 38.25, 20.25, 38.25 / 3.6},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, lossModule(row.typeName, row.settings...)...)
			r.loadTick(row.amperes, row.kW)
			r.want("M/kW loss", row.lossKW)
			r.want("M/kVAR loss", row.lossKVAR)
			r.want("M/kW comp", row.compKW)
			r.want("M/kVAR comp", row.compKVAR)
			if got := r.value("kWh/Result").Number * 1000; math.Abs(got-row.wh) > 1e-9*math.Abs(row.wh) {
				t.Errorf("an Integrator counts %v Wh, want %v", got, row.wh)
			}
		})
	}
}

// Energy that flows while the losses are not known passes without them, to the quantum.
func TestLossesThatAreNotKnown(t *testing.T) {
	r := newRig(t, lossModule("Line Loss", "Resistance", "0.1")...)
	r.loadTick(na, 36)
	r.want("M/kW loss", na)
	r.want("M/kW comp", na)
	r.do(ion.Link{Input: "M/Ia"}, ion.Link{Input: "M/Ib"}) // one conductor is left
	r.loadTick(10, 36)
	r.want("M/kW loss", 0.01)
	r.do(ion.Link{Input: "M/Ic"})
	if reason := r.node.Offline()["M"]; !strings.Contains(reason, "linked") {
		t.Errorf("without any current the module is offline for %q", reason)
	}
}

func TestTestSheetThatCannotBeKeepsTheModuleOffline(t *testing.T) {
	for setting, want := range map[string]string{"No-Load Loss": "%Exc", "Load Loss": "%Z"} {
		r := newRig(t, lossModule("Transformer Loss", "Rated Power", "100", "%Exc", "5", "%Z", "10", setting, "11")...)
		if reason := r.node.Offline()["M"]; !strings.Contains(reason, want) {
			t.Errorf("%s: offline for %q, want one with %s", setting, reason, want)
		}
	}
}

// With zero losses the compensated energy is the energy, to the quantum.
func TestNoLossChangesNothing(t *testing.T) {
	r := newRig(t, lossModule("Line Loss")...)
	for range 50 {
		r.loadTick(7, 12.3456789)
	}
	r.loadTick(7, -3)
	if a, b := r.value("kWh/Result"), r.value("kWh bare/Result"); a.Number != b.Number || a.Count != b.Count {
		t.Errorf("compensated %v, not compensated %v", a, b)
	}
}
