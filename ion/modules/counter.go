package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

const inCount = 0

const (
	setMultiplier = iota
	setCounterMode
	setPreset
	setCountRollValue
)

const (
	outAccumulatr = iota
	outCountRollover
)

// countDown is the option of Count Mode.
const countDown = 1

// countQuanta is the number of quanta in 1: counts are whole numbers of them, so that a
// Multiplier of 0.1 adds up exactly.
const countQuanta = 1_000_000_000

func counter() ion.Type {
	return ion.Type{
		Number: numberCounter, Name: "Counter", Kind: ion.Standard,
		Doc: "Counts the pulses of Count, each of several in one update, times Multiplier. It begins at Preset, and a reset " +
			"makes it Preset again, also while it is disabled; of a reset and a count at once the reset is first. While Enable is OFF it keeps its " +
			"value. It counts in billionths in 128 bits, so that nothing is lost to rounding, and survives a power cut. A new Multiplier, Count Mode or " +
			"RollValue holds for the pulses to come.",
		Source: "ION Reference (7EN02-0290), Counter module",
		Inputs: []ion.Input{
			{Name: "Count", Classes: []ion.Class{ion.Pulse}, Mandatory: true},
			enableInput(), pulseInput("Reset"),
		},
		Setups: []ion.Setup{
			{Name: "Multiplier", Class: ion.NumericBounded, Low: 0, High: maxMultiplier, Default: "1", Doc: "what one pulse counts"},
			enumerated("Count Mode", "up", "whether pulses count up or down", "up", "down"),
			{Name: "Preset", Class: ion.NumericBounded, Low: -maxPreset, High: maxPreset, Default: "0", Doc: "what Accumulatr becomes at a reset"},
			{Name: "RollValue", Class: ion.NumericBounded, Low: 0, High: maxRollValue, Whole: true, Default: "0",
				Doc: "where Accumulatr, above or below 0, rolls over; 0: never"},
		},
		Outputs: []ion.Output{
			{Name: "Accumulatr", Class: ion.Numeric, Doc: "the count"},
			{Name: "Rollover", Class: ion.Pulse, Doc: "each roll-over"},
		},
		New: func() ion.Behaviour { return &count{} },
	}
}

// count is the behaviour of the Counter.
type count struct {
	begun  bool
	quanta ion.Int128
}

func (m *count) Start(c *ion.Context) {
	if !m.begun {
		m.preset(c)
	}
	m.show(c)
}

func (m *count) Reset(c *ion.Context) {
	m.preset(c)
	m.show(c)
}

func (m *count) preset(c *ion.Context) {
	m.begun, m.quanta = true, ion.Int128Of(int64(math.Round(c.Setting(setPreset)*countQuanta)))
	c.Changed()
}

func (m *count) Tick(c *ion.Context) {
	pulses := c.Pulses(inCount)
	if pulses == 0 {
		return
	}
	amount := ion.Product(uint64(pulses), uint64(math.Round(c.Setting(setMultiplier)*countQuanta)))
	if c.Setting(setCounterMode) == countDown {
		amount = amount.Neg()
	}
	m.quanta = m.quanta.Add(amount)
	if roll := ion.Product(uint64(c.Setting(setCountRollValue)), countQuanta); roll.Sign() > 0 && m.quanta.Abs().Cmp(roll) >= 0 {
		times, rest := m.quanta.QuoRem(roll)
		m.quanta = rest
		c.PulseTimes(outCountRollover, times.Abs().Int64())
	}
	m.show(c)
	c.Changed()
}

func (m *count) show(c *ion.Context) { c.Set(outAccumulatr, m.quanta.Float64()/countQuanta) }

const countVersion = 1

func (m *count) Keep(e *ion.Encoder) {
	e.Uint(countVersion)
	e.Bool(m.begun)
	e.Int128(m.quanta)
}

func (m *count) Restore(d *ion.Decoder) {
	d.Version(countVersion)
	m.begun, m.quanta = d.Bool(), d.Int128()
}
