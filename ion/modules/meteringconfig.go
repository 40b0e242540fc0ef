package modules

import (
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// MeteringConfig returns how the node's setup registers want the metering engine to
// measure: volts mode, ratios, polarities, phase order, conventions and the nominal
// frequency. RateHz, Inputs and HighestOrder are left to the caller, who knows the
// samples. It fails if the node lacks a Power Meter or Factory module.
func MeteringConfig(n *ion.Node) (metering.Config, error) {
	var missing error
	setting := func(label string) ion.Value {
		v, ok := n.Setting(label)
		if !ok && missing == nil {
			missing = fmt.Errorf("configuring the metering engine: the program has no setup register %q", label)
		}
		return v
	}
	number := func(name string) float64 { return setting("Power Meter/" + name).Number }
	ratio := func(name string) metering.Ratio {
		return metering.Ratio{Primary: number(name + " Prim"), Secondary: number(name + " Sec")}
	}
	cfg := metering.Config{
		NominalHz:      50,
		VoltsMode:      metering.VoltsMode(number("Volts Mode")),
		PhaseOrder:     metering.PhaseOrder(number("Ph Order")),
		PFSign:         metering.PFSign(number("PF Sign")),
		Apparent:       metering.Apparent(number("kVA Mode")),
		PerPhaseEnergy: number("Energy Mode") == 1,
		DemandCurrentA: number("Demand Current"),
		PT:             ratio("PT"), CT: ratio("CT"), V4PT: ratio("V4"), I4CT: ratio("I4"), I5CT: ratio("I5"),
	}
	if setting("Factory/Nominal Frequency").Number == 1 {
		cfg.NominalHz = 60
	}
	for _, r := range polarised() {
		if number(r.String()+" Polarity") == 1 {
			cfg.Inverted = append(cfg.Inverted, r)
		}
	}
	cfg.Corrections = corrections(n, cfg.VoltsMode, number)
	return cfg, missing
}

// corrections returns what the Instr Transformer Correction modules say. In DELTA the
// voltage transformers stand between the lines.
func corrections(n *ion.Node, mode metering.VoltsMode, number func(name string) float64) []metering.Correction {
	var list []metering.Correction
	for _, r := range correctedInputs() {
		label := r.role.String() + " Correction/"
		kind, ok := n.Setting(label + "Correction Type")
		if !ok || kind.Number == correctNothing {
			continue
		}
		x := metering.Correction{Role: r.role, RatedSecondary: number(r.rating)}
		if mode == metering.Delta {
			x.Role = r.inDelta
		}
		points := func(name string, low, high float64) []metering.TestPoint {
			text, _ := n.Setting(label + name)
			list, _ := parseTestPoints(text.Text, low, high) // the register has checked it
			return list
		}
		x.Ratio = points("Ratio Test Data", minRatioCorrection, maxRatioCorrection)
		if kind.Number == correctRatioAndPhase {
			x.Phase = points("Phase Test Data", -maxPhaseMinutes, maxPhaseMinutes)
		}
		list = append(list, x)
	}
	return list
}

// correctedInput is an input with an Instr Transformer Correction module, and the register
// of the Power Meter with its rated secondary.
type correctedInput struct {
	role, inDelta waveform.Role
	rating        string
}

func correctedInputs() []correctedInput {
	return []correctedInput{
		{waveform.V1, waveform.V12, "PT Sec"}, {waveform.V2, waveform.V23, "PT Sec"}, {waveform.V3, waveform.V31, "PT Sec"},
		{waveform.I1, waveform.I1, "CT Sec"}, {waveform.I2, waveform.I2, "CT Sec"}, {waveform.I3, waveform.I3, "CT Sec"},
		{waveform.I4, waveform.I4, "I4 Sec"},
	}
}
