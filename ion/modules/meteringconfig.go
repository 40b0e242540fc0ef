package modules

import (
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
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
	return cfg, missing
}
