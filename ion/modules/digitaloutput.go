package modules

import "github.com/hepmeter/hepmeter/ion"

const (
	inOutputSource = iota
	inForceOn
	inForceOff
	inNormal
)

const (
	setOutputEvLog = iota
	setOutputPolarity
	setOutputWidth
	setOutputPort
)

const (
	outOutputState = iota
	outOutputMode
	outOutputLevel
)

func digitalOutput() ion.Type {
	return ion.Type{
		Number: numberDigitalOutput, Name: "Digital Output", Kind: ion.Standard,
		Doc: "A virtual relay. With PulseWidth 0 State follows Source; with a width State is ON for that long each time Source goes ON. " +
			"Force ON takes control from Source and makes State ON, for PulseWidth or, if that is 0, until it is told otherwise; Force OFF takes " +
			"control and makes State OFF, and is ignored while PulseWidth is not 0; Normal gives control back. Of pulses in one turn Normal wins over Force OFF and that over Force ON. " +
			"A Force ON while a pulse is out begins its width anew. " +
			"While Source is NOT AVAILABLE and has control, State is NOT AVAILABLE and the terminal at rest; while it is not linked only the Force inputs act. " +
			"Widths are kept to the nearest second, and setting the clock does not move them. At power-up and after a change of the setup Source has control and no pulse is out. Without a Port the module is offline.",
		Source: "ION Reference (7EN02-0290), Digital Output module; the virtual terminal, the widths of Source's pulses and the order of pulses are ours",
		Inputs: []ion.Input{
			{Name: "Source", Classes: []ion.Class{ion.Boolean}, Unlinked: "only the Force inputs act"},
			pulseInput("Force ON"), pulseInput("Force OFF"), pulseInput("Normal"),
		},
		OneOf: []string{"Source", "Force ON", "Force OFF", "Normal"},
		Setups: []ion.Setup{
			logged("whether a change of State is an event of priority 20, with Mode as its cause"),
			polarity("whether the terminal is closed or open while State is ON"),
			{Name: "PulseWidth", Class: ion.NumericBounded, Unit: "s", Low: 0, High: maxDuration, Form: ion.Elapsed, Default: defaultPulseWidth,
				Doc: "how long State is ON; 0: steady"},
			outputPort(),
		},
		Outputs: []ion.Output{
			{Name: "State", Class: ion.Boolean, Doc: "the state of the output"},
			{Name: "Mode", Class: ion.Boolean, Doc: "ON while a Force input has control"},
			{Name: "Level", Class: ion.Boolean, Doc: "the level of the terminal, after Polarity"},
		},
		New: func() ion.Behaviour { return &switchgear{} },
	}
}

// switchgear is the behaviour of the Digital Output.
type switchgear struct {
	on, forced bool
	pulse      bool    // on ends by itself
	sinceS     float64 // uptime at which the pulse began
	// source is what Source was at the turn before; known tells that it was there.
	source, known bool
}

func (*switchgear) Check(settings []ion.Value, _ []bool) error {
	if settings[setOutputPort].Number == 0 {
		return errNoPort
	}
	return nil
}

func (m *switchgear) Start(c *ion.Context) {
	*m = switchgear{}
	c.SetOn(outOutputMode, false)
}

func (m *switchgear) Tick(c *ion.Context) {
	steady := c.Setting(setOutputWidth) == 0
	if m.pulse && lasted(c, m.sinceS, c.Setting(setOutputWidth)) {
		m.on, m.pulse = false, false
	}
	if c.Pulses(inForceOn) > 0 {
		m.forced = true
		m.turnOn(c)
	}
	if steady && c.Pulses(inForceOff) > 0 {
		m.forced, m.on = true, false
	}
	if c.Pulses(inNormal) > 0 && m.forced {
		m.forced, m.on, m.pulse = false, false, false
	}
	v := c.Input(inOutputSource)
	rose := v.IsTrue() && m.known && !m.source
	m.source, m.known = v.IsTrue(), v.Available
	switch {
	case m.forced:
	case !v.Available:
		m.on, m.pulse = false, false
	case steady:
		m.on = v.IsTrue()
	case rose:
		m.turnOn(c)
	}
	m.show(c, m.forced || v.Available || !c.Linked(inOutputSource))
}

// turnOn makes State ON, for PulseWidth if there is one.
func (m *switchgear) turnOn(c *ion.Context) {
	m.on = true
	m.pulse, m.sinceS = c.Setting(setOutputWidth) != 0, c.UptimeS
}

func (m *switchgear) show(c *ion.Context, available bool) {
	before := c.Output(outOutputState)
	if available {
		c.SetOn(outOutputState, m.on)
	} else {
		c.SetNotAvailable(outOutputState)
	}
	c.SetOn(outOutputMode, m.forced)
	c.SetOn(outOutputLevel, m.on != (c.Setting(setOutputPolarity) == inverting))
	if after := c.Output(outOutputState); c.Setting(setOutputEvLog) == 1 && before.Available && after.Available && after.Number != before.Number {
		c.Raise(ion.PriorityIOState, "Mode", c.Output(outOutputMode).String(), "State", after.String())
	}
}
