package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

const inPulserSource = 0

const (
	setPulserWidth = iota
	setOutputMode
	setPulserPolarity
	setPulserPort
)

const (
	outPulserPulse = iota
	outPulserCount
	outPulserWaiting
	outPulserSpacing
	outPulserLevel
)

const outputKYZ = 1 // option of OutputMode

func pulser() ion.Type {
	return ion.Type{
		Number: numberPulser, Name: "Pulser", Kind: ion.Standard,
		Doc: "Sends pulses to a virtual terminal: those that Source made within a second go out within the next, evenly spread, each at least " +
			"PulseWidth long and in pulse mode with as much of a pause after it; in KYZ mode each is one transition. What does not fit waits for the seconds after; it and " +
			"Count survive a power cut. Setting the clock moves nothing. Without a Port the module is offline.",
		Source: "ION Reference (7EN02-0290), Pulser module; the virtual terminal and the outputs are ours",
		Inputs: []ion.Input{{Name: "Source", Classes: []ion.Class{ion.Pulse}, Mandatory: true}},
		Setups: []ion.Setup{
			{Name: "PulseWidth", Class: ion.NumericBounded, Unit: "s", Low: minPulserWidth, High: maxDuration, Form: ion.Elapsed, Default: defaultPulserWidth,
				Doc: "the least length of a pulse and of the pause after it, or the least time between transitions"},
			enumerated("OutputMode", "pulse", "complete pulses, or one transition for each", "pulse", "KYZ"),
			polarity("whether the terminal is closed or open during a pulse; of no effect in KYZ mode"),
			outputPort(),
		},
		Outputs: []ion.Output{
			{Name: "Pulse Out", Class: ion.Pulse, Doc: "each pulse or transition at the terminal, in the second in which it goes out"},
			{Name: "Count", Class: ion.Numeric, Doc: "how many went out, ever"},
			{Name: "Waiting", Class: ion.Numeric, Doc: "pulses that wait for the seconds to come"},
			{Name: "Spacing", Class: ion.Numeric, Unit: "s", Doc: "from one pulse or transition to the next within this second; NOT AVAILABLE while none goes out"},
			{Name: "Level", Class: ion.Boolean, Doc: "the level of the terminal at this turn"},
		},
		New: func() ion.Behaviour { return &pulsing{} },
	}
}

// pulsing is the behaviour of the Pulser.
type pulsing struct {
	count, waiting int64
	latestS        float64 // uptime at which the latest pulse goes out
	freeS          float64 // uptime from which on the terminal is free
	out            bool    // a pulse is out at this turn
}

func (*pulsing) Check(settings []ion.Value, _ []bool) error {
	if settings[setPulserPort].Number == 0 {
		return errNoPort
	}
	return nil
}

func (m *pulsing) Start(c *ion.Context) {
	m.latestS, m.freeS, m.out = math.Inf(-1), c.UptimeS, false
	m.show(c, math.NaN())
}

func (m *pulsing) Tick(c *ion.Context) {
	arrived := int64(c.Pulses(inPulserSource))
	m.waiting += arrived
	sent, spacing := m.plan(c)
	m.waiting -= sent
	m.count += sent
	m.show(c, spacing)
	c.PulseTimes(outPulserPulse, sent)
	if arrived > 0 || sent > 0 {
		c.Changed()
	}
}

// plan says how many of the waiting pulses go out in the second that begins now, and
// how far apart.
func (m *pulsing) plan(c *ion.Context) (sent int64, spacing float64) {
	const tick, tiny = 1, 1e-6
	m.out = c.UptimeS >= m.latestS && c.UptimeS < m.latestS+c.Setting(setPulserWidth)
	first := max(c.UptimeS, m.freeS)
	left := c.UptimeS + tick - first
	if m.waiting <= 0 || left <= tiny {
		return 0, math.NaN()
	}
	shortest := c.Setting(setPulserWidth)
	if c.Setting(setOutputMode) != outputKYZ {
		shortest *= 2
	}
	spacing = max(shortest, left/float64(m.waiting))
	sent = min(m.waiting, int64(math.Ceil((left-tiny)/spacing)))
	m.out = m.out || first == c.UptimeS
	m.latestS = first + float64(sent-1)*spacing
	m.freeS = m.latestS + shortest
	return sent, spacing
}

func (m *pulsing) show(c *ion.Context, spacing float64) {
	level := m.out != (c.Setting(setPulserPolarity) == inverting)
	if c.Setting(setOutputMode) == outputKYZ {
		level = m.count%2 != 0
	}
	c.Set(outPulserCount, float64(m.count))
	c.Set(outPulserWaiting, float64(m.waiting))
	c.Set(outPulserSpacing, spacing)
	c.SetOn(outPulserLevel, level)
}

const pulsingVersion = 1

func (m *pulsing) Keep(e *ion.Encoder) {
	e.Uint(pulsingVersion)
	e.Int(m.count)
	e.Int(m.waiting)
}

func (m *pulsing) Restore(d *ion.Decoder) {
	d.Version(pulsingVersion)
	m.count, m.waiting = d.Int(), d.Int()
}
