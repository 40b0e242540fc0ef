package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/waveform"
)

// acquired are the sampled inputs in the order of Data Acquisition's outputs.
func acquired() []waveform.Role {
	return []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.V4,
		waveform.I1, waveform.I2, waveform.I3, waveform.I4, waveform.I5}
}

func dataAcquisition() ion.Type {
	roles := acquired()
	outputs := make([]ion.Output, len(roles))
	for i, r := range roles {
		outputs[i] = ion.Output{Name: r.String(), Class: ion.Samples, Doc: "the samples of input " + r.String()}
	}
	return ion.Type{
		Number: numberDataAcquisition, Name: "Data Acquisition", Kind: ion.Core,
		Doc: "Supplies the sampled inputs to the modules that measure or record them. " +
			"An output is NOT AVAILABLE while its input delivers no samples.",
		Source:  "ION Reference (7EN02-0290), Data Acquisition module",
		Outputs: outputs,
		New:     func() ion.Behaviour { return &acquisition{roles: roles} },
	}
}

type acquisition struct{ roles []waveform.Role }

func (a *acquisition) Tick(c *ion.Context) {
	for i, r := range a.roles {
		if c.Second == nil || math.IsNaN(c.Second.RMS[r]) {
			c.SetNotAvailable(i)
		} else {
			c.Set(i, float64(r))
		}
	}
}
