package modules

import (
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// Inputs of Voltage Selection: the line-to-line set, the line-to-neutral set, the mode.
const (
	inVll       = 0
	inVln       = 4
	inVoltsMode = 8
)

const (
	setV2Behavior = iota
	setUseVllAlways
)

// outV2 is the output that V2 Behavior suppresses.
const outV2 = 1

func voltageSelection() ion.Type {
	t := ion.Type{
		Number: numberVoltageSelection, Name: "Voltage Selection", Kind: ion.Standard,
		Doc: "Offers one set of phase voltages whatever the wiring: the line-to-line set while Volts Mode is DELTA or Use Vll " +
			"Always is ON, else the line-to-neutral set. A voltage that is selected and not linked is NOT AVAILABLE.",
		Source: "ION Reference (7EN02-0290), Voltage Selection module",
		Setups: []ion.Setup{
			enumerated("V2 Behavior", "propagate", "suppress: V2 is NOT AVAILABLE in DELTA, where it is calculated", "propagate", "suppress"),
			{Name: "Use Vll Always", Class: ion.Boolean, Default: "OFF", Doc: "ON: the line-to-line set in every mode"},
		},
		New: func() ion.Behaviour { return voltageSwitch{} },
	}
	for _, set := range []string{"Vll", "Vln"} {
		for _, phase := range []string{"a", "b", "c", "avg"} {
			t.Inputs = append(t.Inputs, ion.Input{Name: set + " " + phase, Classes: []ion.Class{ion.Numeric},
				Unlinked: "the output is NOT AVAILABLE while it is selected"})
		}
	}
	t.Inputs = append(t.Inputs, ion.Input{Name: "Volts Mode", Classes: []ion.Class{ion.Enumerated}, Mandatory: true})
	for _, name := range []string{"V1", "V2", "V3", "V Avg"} {
		t.Outputs = append(t.Outputs, ion.Output{Name: name, Class: ion.Numeric, Unit: "V", Doc: "the selected voltage"})
	}
	return t
}

// voltageSwitch is the behaviour of Voltage Selection.
type voltageSwitch struct{}

func (voltageSwitch) Tick(c *ion.Context) {
	mode, known := c.Number(inVoltsMode)
	delta := known && metering.VoltsMode(mode) == metering.Delta
	set := inVln
	if delta || c.Setting(setUseVllAlways) != 0 {
		set = inVll
	}
	for i := range 4 {
		if !known || i == outV2 && delta && c.Setting(setV2Behavior) != 0 {
			c.SetNotAvailable(i)
			continue
		}
		c.Pass(i, set+i)
	}
}
