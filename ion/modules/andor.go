package modules

import (
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
)

// inLatchReset follows the sources.
const inLatchReset = booleanInputs

const (
	setLogicMode = iota
	setLogicEvLog
	setUpdateMode
	setTriggerMode
)

const (
	outLogicResult = iota
	outLogicTrigger
	outPrevLatchResult
)

// The options of Mode, UpdateMode, Trigger Mode and every EvLog Mode.
const (
	modeAND = iota
	modeOR
	modeNAND
	modeNOR
)

const (
	updateLatching  = 1
	everyTransition = 1
	evLogOn         = 1
)

func andOr() ion.Type {
	t := ion.Type{
		Number: numberAndOr, Name: "AND/OR", Kind: ion.Standard,
		Doc: "Joins Booleans. A source that is not linked or NOT AVAILABLE is left out; if all are, Result is NOT AVAILABLE. With UpdateMode latching, " +
			"Result stays ON until LatchReset, which moves it to PrevLatchResult and lets Result follow the sources of the moment again; of LatchReset and a change of a source at " +
			"once, the reset is first. A transition is from ON to OFF or back, also across a time without a value; it raises an event of " +
			"priority 15 when EvLog Mode says so. After power-up the sources are evaluated anew.",
		Source: "ION Reference (7EN02-0290), AND/OR module; Trigger Mode as recalled",
		Setups: []ion.Setup{
			enumerated("Mode", "AND", "how the sources are joined", "AND", "OR", "NAND", "NOR"),
			logged("whether each transition of Result is an event of priority 15"),
			enumerated("UpdateMode", "normal", "whether Result follows the sources or stays ON", "normal", "latching"),
			enumerated("Trigger Mode", "low to high", "which transitions of Result pulse Trigger", "low to high", "every transition"),
		},
		Outputs: []ion.Output{
			{Name: "Result", Class: ion.Boolean, Doc: "the sources, joined"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "transitions of Result"},
			{Name: "PrevLatchResult", Class: ion.Boolean, Doc: "Result at the latest LatchReset; NOT AVAILABLE before the first and unless latching"},
		},
		New: func() ion.Behaviour { return &logic{} },
	}
	for i := range booleanInputs {
		t.Inputs = append(t.Inputs, ion.Input{Name: fmt.Sprintf("Source %d", i+1), Classes: []ion.Class{ion.Boolean}, Mandatory: i == 0, Unlinked: "left out"})
	}
	t.Inputs = append(t.Inputs, pulseInput("LatchReset"))
	return t
}

// logic is the behaviour of AND/OR.
type logic struct {
	known, result bool // the latest Result, if there was one
	latched       bool
}

// Start evaluates anew after a change: what was latched of other sources or another
// Mode says nothing now.
func (m *logic) Start(*ion.Context) { *m = logic{} }

func (m *logic) Tick(c *ion.Context) {
	latching := c.Setting(setUpdateMode) == updateLatching
	if latching && c.Pulses(inLatchReset) > 0 {
		m.latchReset(c)
	}
	now, ok := joined(c)
	if !ok {
		c.SetNotAvailable(outLogicResult)
		return
	}
	m.latched = latching && (m.latched || now)
	now = now || m.latched
	c.SetOn(outLogicResult, now)
	if m.known && now != m.result {
		m.transition(c, now)
	}
	m.known, m.result = true, now
}

func (m *logic) latchReset(c *ion.Context) {
	if m.known {
		c.SetOn(outPrevLatchResult, m.result)
	}
	m.latched = false
	c.Raise(ion.PriorityReset, "LatchReset", "pulsed", "", "latch reset")
}

func (m *logic) transition(c *ion.Context, now bool) {
	if now || c.Setting(setTriggerMode) == everyTransition {
		c.Pulse(outLogicTrigger)
	}
	if c.Setting(setLogicEvLog) == evLogOn {
		before := ion.Value{Class: ion.Boolean, Available: true}
		if m.result {
			before.Number = 1
		}
		c.Raise(ion.PriorityInputChange, "Result", before.String(), "Result", c.Output(outLogicResult).String())
	}
}

// joined returns the sources joined by Mode, and whether any is available.
func joined(c *ion.Context) (result, ok bool) {
	mode := int(c.Setting(setLogicMode))
	all, one := true, false
	for i := range booleanInputs {
		if v := c.Input(i); v.Available {
			ok = true
			all = all && v.IsTrue()
			one = one || v.IsTrue()
		}
	}
	switch mode {
	case modeOR:
		return one, ok
	case modeNAND:
		return !all, ok
	case modeNOR:
		return !one, ok
	}
	return all, ok
}
