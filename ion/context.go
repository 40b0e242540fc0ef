package ion

import (
	"math"
	"time"

	"github.com/hepmeter/hepmeter/metering"
)

// Context is what a module sees of the node during its turn: time, metering results,
// its inputs and setup registers by position in its Type, and its outputs. It is
// valid only during the call it was given to.
type Context struct {
	// Now is the civil time of the turn.
	Now time.Time
	// Elapsed is the measured time that this tick's one-second values cover, in
	// seconds; 0 if nothing was measured.
	Elapsed float64
	// UptimeS counts the seconds that the node has run. It never goes back, and setting
	// the clock does not move it: what must last for a time is timed by it.
	UptimeS float64
	// ClockStep is by how much the clock was moved against the measured time since
	// the last tick; 0 unless that is more than a second.
	ClockStep time.Duration
	// The result that the node was called with; the others are nil.
	HalfCycle *metering.HalfCycle
	Window    *metering.Window
	Second    *metering.Second

	node    *Node
	module  *module
	stampNs int64
	by      By
}

func (c *Context) enter(m *module) *Context {
	c.module = m
	return c
}

// Label returns the label of the module.
func (c *Context) Label() string { return c.module.label }

// Linked reports whether an input is linked.
func (c *Context) Linked(input int) bool { return c.module.sources[input] >= 0 }

// Input returns the value at an input, NOT AVAILABLE if it is not linked.
func (c *Context) Input(input int) Value {
	if index := c.module.sources[input]; index >= 0 {
		return c.node.values[index]
	}
	return Value{}
}

// Number returns the number at an input and whether there is one.
func (c *Context) Number(input int) (float64, bool) {
	v := c.Input(input)
	return v.Number, v.Available
}

// Behind returns the behaviour of the module at the far end of an input that takes links of
// one type only; nil if the input is not linked, or that module is offline.
func (c *Context) Behind(input int) Behaviour {
	s := c.module.links[input]
	if c.module.typ.Inputs[input].Of == "" || !s.linked() || s.module.offline != "" {
		return nil
	}
	return s.module.behaviour
}

// Flow returns what flowed through the register at an input during this tick, and
// whether it carries a flow.
func (c *Context) Flow(input int) (Flow, bool) {
	index := c.module.sources[input]
	if index < 0 || c.node.flows[index].tick != c.node.tick {
		return Flow{}, false
	}
	return c.node.flows[index].Flow, true
}

// Pulses returns how often an input was pulsed since the module's last turn.
func (c *Context) Pulses(input int) int {
	count := c.module.pending[input]
	if index := c.module.sources[input]; index >= 0 {
		count += c.node.pulses[index] - c.module.seen[input]
	}
	return int(count)
}

// PulseTime returns when an input was last pulsed through its link; pulsed by hand or not
// linked, the time of this turn.
func (c *Context) PulseTime(input int) time.Time {
	if index := c.module.sources[input]; index >= 0 && c.module.pending[input] == 0 {
		return c.node.values[index].Time()
	}
	return c.Now.UTC()
}

// enabled reports whether the module's Enable is ON. Not linked it is ON; linked to
// a register that is NOT AVAILABLE it is not.
func (c *Context) enabled() bool {
	return c.module.enable < 0 || !c.Linked(c.module.enable) || c.Input(c.module.enable).IsTrue()
}

// InputUnit returns the unit of the register at an input.
func (c *Context) InputUnit(input int) string {
	if s := c.module.links[input]; s.linked() {
		return c.node.unit(s.module, s.register)
	}
	return ""
}

// Setting returns the number of a setup register (the index of an enumeration).
func (c *Context) Setting(setup int) float64 { return c.module.settings[setup].Number }

// SettingText returns the text of a setup register.
func (c *Context) SettingText(setup int) string { return c.module.settings[setup].Text }

// Configure makes the module write one of its own setup registers, in its text form, as
// a client would: the change is kept, counted and an event. The hooks are not called.
func (c *Context) Configure(setup int, text string) error {
	n, m := c.node, c.module
	v, err := m.typ.Setups[setup].Parse(text)
	if err != nil {
		return err
	}
	old := m.settings[setup]
	if v == old {
		return nil
	}
	v.StampNs = c.stampNs
	n.values[m.base+len(m.typ.Outputs)+setup] = v
	v.StampNs = 0
	m.settings[setup] = v
	m.setupCount++
	n.changes.counted = true
	n.changes.set(m, setup)
	c.Raise(PrioritySetupChange, m.typ.Setups[setup].Name, old.String(), m.typ.Setups[setup].Name, v.String())
	n.describe()
	return nil
}

// Identity returns what the meter is.
func (c *Context) Identity() Identity { return c.node.identity }

// Status returns what the meter around the node knows of itself.
func (c *Context) Status() Status { return c.node.status }

// Modules returns how many modules of the node are online, and how many are not.
func (c *Context) Modules() (online, offline int) {
	for _, m := range c.node.modules {
		if m.offline == "" {
			online++
		} else {
			offline++
		}
	}
	return online, offline
}

// Output returns what an output holds.
func (c *Context) Output(output int) Value { return c.node.values[c.module.base+output] }

func (c *Context) set(output int, v Value) {
	v.Class = c.module.typ.Outputs[output].Class
	if v.StampNs == 0 {
		v.StampNs = c.stampNs
	}
	c.node.values[c.module.base+output] = v
}

// Set makes an output hold a number; NaN and infinities are NOT AVAILABLE.
func (c *Context) Set(output int, x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		c.SetNotAvailable(output)
		return
	}
	c.set(output, Value{Available: true, Number: x})
}

// SetAt is Set with a time stamp.
func (c *Context) SetAt(output int, x float64, stampNs int64) {
	c.Set(output, x)
	c.node.values[c.module.base+output].StampNs = stampNs
}

// SetExact makes an output hold a number and the exact whole number of base units it
// was derived from.
func (c *Context) SetExact(output int, x float64, count int64) {
	c.set(output, Value{Available: true, Number: x, Count: count, Exact: true})
}

// SetValue makes an output hold what another register holds or held, with its exact
// count and time stamp; the class stays the output's own.
func (c *Context) SetValue(output int, v Value) { c.set(output, v) }

// SetFlow adds to a numeric output what flowed through it during this tick.
func (c *Context) SetFlow(output int, f Flow) {
	c.node.flows[c.module.base+output] = tickFlow{f, c.node.tick}
}

// SetOn makes a Boolean output ON or OFF.
func (c *Context) SetOn(output int, on bool) {
	v := Value{Available: true}
	if on {
		v.Number = 1
	}
	c.set(output, v)
}

// SetText makes a String output hold a text.
func (c *Context) SetText(output int, text string) {
	c.set(output, Value{Available: true, Text: text})
}

// SetTime makes a TimeStamp output hold an instant, in whole seconds.
func (c *Context) SetTime(output int, t time.Time) {
	c.set(output, Value{Available: true, Number: float64(t.Unix())})
}

// SetNotAvailable makes an output NOT AVAILABLE.
func (c *Context) SetNotAvailable(output int) { c.set(output, Value{}) }

// Pass makes an output hold the value at an input as it is: number, exact count, text
// and time stamp.
func (c *Context) Pass(output, input int) {
	v := c.Input(input)
	v.Class = c.module.typ.Outputs[output].Class
	c.node.values[c.module.base+output] = v
}

// Pulse pulses an output.
func (c *Context) Pulse(output int) { c.PulseTimes(output, 1) }

// PulseTimes pulses an output several times at once; each pulse counts.
func (c *Context) PulseTimes(output int, times int64) {
	if times <= 0 {
		return
	}
	c.node.pulses[c.module.base+output] += uint64(times)
	c.set(output, Value{Available: true})
}

// Changed tells that the module has new state to keep.
func (c *Context) Changed() { c.module.changed = true }

// Raise raises an event of the module. cause and effect name its inputs or
// registers; empty, they mean the module as a whole.
func (c *Context) Raise(priority uint8, cause, causeValue, effect, effectValue string) {
	m := c.module
	e := Event{Time: c.Now.UTC(), Priority: priority, CauseValue: causeValue, EffectValue: effectValue, By: c.by,
		Cause: m.label, Effect: m.label}
	if cause != "" {
		e.Cause += "/" + cause
	}
	if effect != "" {
		e.Effect += "/" + effect
	}
	c.node.changes.Events = append(c.node.changes.Events, e)
	c.node.note(m, e)
}

// note shows an event in the Event output of its module.
func (n *Node) note(m *module, e Event) {
	n.values[m.base+len(m.typ.Outputs)-1] = Value{Class: EventRecord, Available: true, StampNs: e.Time.UnixNano(),
		Number: float64(e.Priority), Text: e.Cause + " " + e.CauseValue + ": " + e.Effect + " " + e.EffectValue}
}
