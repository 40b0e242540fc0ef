package modules

import (
	"errors"

	"github.com/hepmeter/hepmeter/ion"
)

const inResetCount = 0

const (
	setCountMode = iota
	setInputEvLog
	setInputPriority
	setInputPolarity
	setDebounce
	setInputPort
)

const (
	outInputState = iota
	outInputTrigger
	outInputCount
)

// Options of Input Mode.
const (
	inputPulse = iota
	inputKYZ
	inputAC
)

func digitalInput() ion.Type {
	return ion.Type{
		Number: numberDigitalInput, Name: "Digital Input", Kind: ion.Standard,
		Doc: "A virtual status input: clients write the level of its terminal to State, which reads back the level after Polarity and " +
			"Debounce. Trigger and Count follow Input Mode: a pulse is complete when State goes OFF again, kyz counts every transition, " +
			"a/c takes the level for the presence of an alternating voltage, which has no polarity. A level that is taken back before Debounce " +
			"has passed never was; without Debounce State changes with the write, else at the latest a second after. Changes of Port and Polarity, and the level that " +
			"is found at power-up, count nothing; another Port is at rest until it is written. Reset Count makes Count 0 before what else comes in its turn. " +
			"Level and Count survive a power cut. Without a Port the module is offline.",
		Source: "ION Reference (7EN02-0290), Digital Input module; the virtual terminal is ours",
		Inputs: []ion.Input{pulseInput("Reset Count")},
		Setups: []ion.Setup{
			enumerated("Input Mode", "pulse", "what is counted: complete pulses, transitions, or appearances of an alternating voltage", "pulse", "kyz", "a/c"),
			logged("whether a change of State is an event"),
			priority("Event Priority", defaultInputPriority, "priority of that event"),
			polarity("whether State is the level of the terminal or the opposite"),
			{Name: "Debounce", Class: ion.NumericBounded, Unit: "s", Low: 0, High: maxDebounce, Form: ion.Elapsed, Default: defaultDebounce,
				Doc: "how long a level must last to count"},
			inputPort(),
		},
		Outputs: []ion.Output{
			{Name: "State", Class: ion.Boolean, Doc: "the state of the input; a write sets the level of the terminal"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "each pulse or transition that is counted"},
			{Name: "Count", Class: ion.Numeric, Doc: "how many there were since Reset Count"},
		},
		New: func() ion.Behaviour { return &contact{} },
	}
}

// contact is the behaviour of the Digital Input.
type contact struct {
	level bool // of the terminal, after Debounce
	count int64
	// begun tells that State was seen to go ON and not yet OFF: a pulse is under way.
	begun bool
	// written is the level that was written last, at writtenS on the uptime.
	written  bool
	writtenS float64
}

func (*contact) Check(settings []ion.Value, _ []bool) error {
	if settings[setInputPort].Number == 0 {
		return errNoPort
	}
	return nil
}

func (m *contact) Start(c *ion.Context) {
	m.written = m.level
	m.show(c)
}

func (m *contact) Configured(c *ion.Context, setup int) {
	switch setup {
	case setInputPort:
		m.level, m.begun = false, false
	case setInputPolarity, setCountMode:
		m.begun = false
	}
	c.Changed()
}

func (m *contact) Tick(c *ion.Context) {
	if c.Pulses(inResetCount) > 0 {
		m.count = 0
		m.show(c)
		c.Raise(ion.PriorityReset, "Reset Count", "pulsed", "Count", "0")
		c.Changed()
	}
	m.settle(c)
}

// Command takes the level of the terminal. The level before has lasted until now.
func (m *contact) Command(c *ion.Context, output int, v ion.Value) error {
	switch {
	case output != outInputState:
		return errors.New("it is formed by the module: write State")
	case !v.Available:
		return errNoValue
	}
	m.settle(c)
	if level := v.IsTrue(); level != m.written {
		m.written, m.writtenS = level, c.UptimeS
	}
	if c.Setting(setDebounce) == 0 {
		m.settle(c)
	}
	return nil
}

// settle takes a level that has lasted.
func (m *contact) settle(c *ion.Context) {
	if m.written == m.level || c.UptimeS-m.writtenS < c.Setting(setDebounce) {
		return
	}
	m.level = m.written
	on, mode := m.state(c), c.Setting(setCountMode)
	if mode == inputKYZ || mode == inputPulse && !on && m.begun || mode == inputAC && on {
		m.count++
		c.Pulse(outInputTrigger)
	}
	m.begun = on
	m.show(c)
	c.Changed()
	if p := c.Setting(setInputPriority); p > 0 && c.Setting(setInputEvLog) == 1 {
		c.Raise(uint8(p), "Port", c.SettingText(setInputPort), "State", c.Output(outInputState).String())
	}
}

func (m *contact) state(c *ion.Context) bool {
	return m.level != (c.Setting(setInputPolarity) == inverting && c.Setting(setCountMode) != inputAC)
}

func (m *contact) show(c *ion.Context) {
	c.SetOn(outInputState, m.state(c))
	c.Set(outInputCount, float64(m.count))
}

const contactVersion = 1

func (m *contact) Keep(e *ion.Encoder) {
	e.Uint(contactVersion)
	e.Bool(m.level)
	e.Bool(m.begun)
	e.Int(m.count)
}

func (m *contact) Restore(d *ion.Decoder) {
	d.Version(contactVersion)
	m.level, m.begun, m.count = d.Bool(), d.Bool(), d.Int()
}
