package modules

import "github.com/hepmeter/hepmeter/ion"

const inConvertSource = 0

const setNAConversion = 0

const (
	outNumeric = iota
	outBoolean
	outOnPulse
	outOffPulse
)

// The options of N/A Conversion.
const (
	convertNone = iota
	convertToZero
	convertToOne
)

func convert() ion.Type {
	return ion.Type{
		Number: numberConvert, Name: "Convert", Kind: ion.Standard,
		Doc: "Shows Source as a number and as a Boolean, and can put 0 or 1 in the place of NOT AVAILABLE. A number goes through as it is, with what flowed and was counted " +
			"exactly; ON is 1 and OFF is 0. Boolean Out is ON if the number is not 0. The pulses come at its transitions, also across a time without a value. While " +
			"Enable is OFF both values are NOT AVAILABLE.",
		Source: "ION Reference (7EN02-0290), Convert module",
		Inputs: []ion.Input{
			{Name: "Source", Classes: []ion.Class{ion.Boolean, ion.Numeric, ion.NumericBounded}, Mandatory: true},
			enableInput(),
		},
		Setups: []ion.Setup{enumerated("N/A Conversion", "none", "what stands for NOT AVAILABLE", "none", "to 0", "to 1")},
		Outputs: []ion.Output{
			{Name: "Numeric Out", Class: ion.Numeric, Follows: "Source", Doc: "Source as a number"},
			{Name: "Boolean Out", Class: ion.Boolean, Doc: "ON if Source is ON or not 0"},
			{Name: "On Pulse", Class: ion.Pulse, Doc: "Boolean Out became ON"},
			{Name: "Off Pulse", Class: ion.Pulse, Doc: "Boolean Out became OFF"},
		},
		New: func() ion.Behaviour { return &conversion{} },
	}
}

// conversion is the behaviour of Convert.
type conversion struct{ known, on bool }

// Start evaluates anew: the first value is no transition.
func (m *conversion) Start(*ion.Context) { *m = conversion{} }

func (m *conversion) Tick(c *ion.Context) {
	v := c.Input(inConvertSource)
	if !v.Available {
		switch c.Setting(setNAConversion) {
		case convertNone:
			m.hide(c)
			return
		case convertToOne:
			v = ion.Value{Number: 1}
		default:
			v = ion.Value{}
		}
	}
	m.show(c, v)
}

func (m *conversion) show(c *ion.Context, v ion.Value) {
	if v.Exact {
		c.SetExact(outNumeric, v.Number, v.Count)
	} else {
		c.Set(outNumeric, v.Number)
	}
	if flow, ok := c.Flow(inConvertSource); ok {
		c.SetFlow(outNumeric, flow)
	}
	on := v.Number != 0
	c.SetOn(outBoolean, on)
	if m.known && on != m.on {
		if on {
			c.Pulse(outOnPulse)
		} else {
			c.Pulse(outOffPulse)
		}
	}
	m.known, m.on = true, on
}

func (m *conversion) Disabled(c *ion.Context) { m.hide(c) }

func (m *conversion) hide(c *ion.Context) {
	c.SetNotAvailable(outNumeric)
	c.SetNotAvailable(outBoolean)
}
