package modules

import "github.com/hepmeter/hepmeter/ion"

const inSet = 0

const setLatchEvLog = 0

const (
	outLatchState = iota
	outLatchTrigger
)

func latch() ion.Type {
	return ion.Type{
		Number: numberLatch, Name: "Latch", Kind: ion.Standard,
		Doc: "A flip-flop: a pulse of Set makes State ON, one of Reset makes it OFF; of both at once the reset is first, so that it is ON. " +
			"State begins OFF and survives a power cut.",
		Source: "as recalled from older editions of the ION Reference",
		Inputs: []ion.Input{{Name: "Set", Classes: []ion.Class{ion.Pulse}, Mandatory: true}, pulseInput("Reset")},
		Setups: []ion.Setup{logged("whether each change of State is an event of priority 15")},
		Outputs: []ion.Output{
			{Name: "State", Class: ion.Boolean, Doc: "ON after Set, OFF after Reset"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "State became ON"},
		},
		New: func() ion.Behaviour { return &flipFlop{} },
	}
}

// flipFlop is the behaviour of Latch.
type flipFlop struct{ on bool }

func (m *flipFlop) Start(c *ion.Context) { c.SetOn(outLatchState, m.on) }

func (m *flipFlop) Reset(c *ion.Context) { m.turn(c, "Reset", false) }

func (m *flipFlop) Tick(c *ion.Context) {
	if c.Pulses(inSet) > 0 {
		m.turn(c, "Set", true)
	}
}

// turn makes the state what a pulse of an input asks for.
func (m *flipFlop) turn(c *ion.Context, input string, on bool) {
	if m.on == on {
		return
	}
	m.on = on
	c.SetOn(outLatchState, on)
	c.Changed()
	if on {
		c.Pulse(outLatchTrigger)
	}
	if c.Setting(setLatchEvLog) == evLogOn {
		c.Raise(ion.PriorityInputChange, input, "pulsed", "State", c.Output(outLatchState).String())
	}
}

const flipFlopVersion = 1

func (m *flipFlop) Keep(e *ion.Encoder) {
	e.Uint(flipFlopVersion)
	e.Bool(m.on)
}

func (m *flipFlop) Restore(d *ion.Decoder) {
	d.Version(flipFlopVersion)
	m.on = d.Bool()
}
