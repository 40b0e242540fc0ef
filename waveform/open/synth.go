package open

import (
	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/synth"
)

// synthetic opens the scenario at path, or the default site.
func synthetic(path string, d Defaults) (waveform.Source, error) {
	scenario := synth.Default()
	if path != "" {
		var err error
		if scenario, err = synth.Load(path); err != nil {
			return nil, err
		}
	}
	return scenario.Source(d.RateHz, d.Start)
}
