package modules

import (
	"fmt"
	"strconv"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	setMergeEvLog = 0
	outMerged     = 0
)

func pulseMerge() ion.Type {
	t := ion.Type{
		Number: numberPulseMerge, Name: "Pulse Merge", Kind: ion.Standard,
		Doc: "Relays every pulse of every input; several in one update are as many. While Enable is OFF pulses are ignored. With EvLog Mode log on, an event of priority 15 for each input " +
			"that was pulsed names it and says how often.",
		Source:  "ION Reference (7EN02-0290), Pulse Merge module",
		Setups:  []ion.Setup{logged("whether each input that was pulsed in an update is an event of priority 15")},
		Outputs: []ion.Output{{Name: "Pulse Out", Class: ion.Pulse, Doc: "each pulse of an input"}},
	}
	var names []string
	for i := range mergedPulses {
		names = append(names, fmt.Sprintf("Pulse In %d", i+1))
		t.Inputs = append(t.Inputs, pulseInput(names[i]))
	}
	t.OneOf = names
	t.Inputs = append(t.Inputs, enableInput())
	t.New = func() ion.Behaviour { return &merging{names} }
	return t
}

// merging is the behaviour of Pulse Merge.
type merging struct{ names []string }

func (m *merging) Tick(c *ion.Context) {
	for i, name := range m.names {
		pulses := c.Pulses(i)
		if pulses == 0 {
			continue
		}
		c.PulseTimes(outMerged, int64(pulses))
		if c.Setting(setMergeEvLog) == evLogOn {
			times := "pulsed"
			if pulses > 1 {
				times += " " + strconv.Itoa(pulses) + " times"
			}
			c.Raise(ion.PriorityInputChange, name, times, "Pulse Out", "pulsed")
		}
	}
}
