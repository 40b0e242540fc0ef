package modules

import (
	"errors"
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
)

const setEvPriority = 0

// outExternal is the one output of an external module.
const outExternal = 0

func externalBoolean() ion.Type {
	return externalType(numberExternalBoolean, "External Boolean", "Switch", ion.Boolean,
		"It is NOT AVAILABLE until it is written for the first time, and keeps what was written, also through a power cut.", func() ion.Behaviour { return &external{output: "Switch"} })
}

func externalNumeric() ion.Type {
	return externalType(numberExternalNumeric, "External Numeric", "Numeric", ion.Numeric,
		"It is NOT AVAILABLE until it is written for the first time, and keeps what was written, also through a power cut.", func() ion.Behaviour { return &external{output: "Numeric"} })
}

func externalPulse() ion.Type {
	return externalType(numberExternalPulse, "External Pulse", "Trigger", ion.Pulse,
		"It never pulses at power-up.", func() ion.Behaviour { return externalPulses{} })
}

func externalType(number int, name, output string, class ion.Class, rule string, behaviour func() ion.Behaviour) ion.Type {
	return ion.Type{
		Number: number, Name: name, Kind: ion.Standard,
		Doc:     fmt.Sprintf("%s is written by clients and by nobody else. %s Each write is an event of the priority EvPriority.", output, rule),
		Source:  "ION Reference (7EN02-0290), " + name + " module",
		Setups:  []ion.Setup{priority("EvPriority", defaultEvPriority, "priority of the event of a write")},
		Outputs: []ion.Output{{Name: output, Class: class, Doc: "what a client wrote last, with the time of the write"}},
		New:     behaviour,
	}
}

var errNoValue = errors.New("a write needs a value")

// external is the behaviour of External Boolean and External Numeric.
type external struct {
	output string // its name
	held   ion.Value
}

func (m *external) Start(c *ion.Context) { c.SetValue(outExternal, m.held) }

func (*external) Tick(*ion.Context) {}

func (m *external) Command(c *ion.Context, _ int, v ion.Value) error {
	if !v.Available {
		return errNoValue
	}
	m.held = ion.Value{Available: true, Number: v.Number, StampNs: c.Now.UnixNano()}
	if v.Class == ion.Boolean && v.Number != 0 {
		m.held.Number = 1
	}
	c.SetValue(outExternal, m.held)
	c.Changed()
	raiseWritten(c, m.output, c.Output(outExternal).String())
	return nil
}

const externalVersion = 1

func (m *external) Keep(e *ion.Encoder) {
	e.Uint(externalVersion)
	e.Bool(m.held.Available)
	e.Float(m.held.Number)
	e.Int(m.held.StampNs)
}

func (m *external) Restore(d *ion.Decoder) {
	d.Version(externalVersion)
	m.held = ion.Value{Available: d.Bool(), Number: d.Float(), StampNs: d.Int()}
}

// externalPulses is the behaviour of External Pulse.
type externalPulses struct{}

func (externalPulses) Tick(*ion.Context) {}

func (externalPulses) Command(c *ion.Context, _ int, _ ion.Value) error {
	c.Pulse(outExternal)
	raiseWritten(c, "Trigger", "pulsed")
	return nil
}

// raiseWritten raises the event of a write.
func raiseWritten(c *ion.Context, output, value string) {
	if p := c.Setting(setEvPriority); p > 0 {
		c.Raise(uint8(p), output, "written", output, value)
	}
}
