package modules

import (
	"math"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

const inThermalSource = 0

const (
	setThermalInterval = iota
	setTimeConst
)

const outThrmDemand = 0

func thermalDemand() ion.Type {
	return ion.Type{
		Number: numberThermalDemand, Name: "Thermal Demand", Kind: ion.Standard,
		Doc: "Follows Source as the temperature of a bimetal meter does: after a step it has taken up Time Const percent of the " +
			"difference within one Interval, and as much of the rest within the next. It does not stand still: while Enable is OFF " +
			"or Source is NOT AVAILABLE it falls toward 0 as if Source were 0, and after a power cut it goes on from what is left " +
			"when the outage is counted so. Reset makes it 0, also while disabled, and so does linking Source elsewhere.",
		Source: "ION Reference (7EN02-0290), Thermal Demand module; the exponential and what becomes of a power cut are ours",
		Inputs: []ion.Input{sourceInput("Source"), enableInput(), pulseInput("Reset")},
		Setups: []ion.Setup{
			{Name: "Interval", Class: ion.NumericBounded, Unit: "s", Low: 1, High: maxThermalInterval, Whole: true, Form: ion.Elapsed, Default: defaultThermalInterval,
				Doc: "the time in which Time Const of a step is taken up"},
			{Name: "Time Const", Class: ion.NumericBounded, Unit: "%", Low: 1, High: 99, Default: defaultTimeConst,
				Doc: "how much of a step is taken up within one Interval"},
		},
		Outputs: []ion.Output{{Name: "ThrmDemand", Class: ion.Numeric, Follows: "Source", Doc: "the demand"}},
		New:     func() ion.Behaviour { return &thermal{} },
	}
}

// thermal is the behaviour of Thermal Demand.
type thermal struct {
	demand  float64
	running bool    // since power-up
	turnS   float64 // uptime at the latest turn
	stampNs int64   // the clock at the latest turn, kept for the time of an outage
}

func (m *thermal) Start(c *ion.Context) { c.Set(outThrmDemand, m.demand) }

func (m *thermal) Reset(c *ion.Context) {
	m.demand = 0
	c.Set(outThrmDemand, 0)
	c.Changed()
}

func (m *thermal) Relinked(c *ion.Context, input int) {
	if input == inThermalSource {
		m.demand = 0
		c.Changed()
	}
}

func (m *thermal) Tick(c *ion.Context) {
	x, _ := c.Number(inThermalSource) // 0 while there is none
	m.follow(c, x)
}

func (m *thermal) Disabled(c *ion.Context) { m.follow(c, 0) }

func (m *thermal) follow(c *ion.Context, x float64) {
	passed := c.UptimeS - m.turnS
	if !m.running {
		// What passed before power-up is known from the clock only.
		if outage := c.Now.Sub(time.Unix(0, m.stampNs)).Seconds() - c.Elapsed; m.stampNs != 0 && outage > 0 {
			m.approach(c, 0, outage)
		}
		passed = c.Elapsed
	}
	m.running, m.turnS, m.stampNs = true, c.UptimeS, c.Now.UnixNano()
	before := m.demand
	m.approach(c, x, passed)
	c.Set(outThrmDemand, m.demand)
	if m.demand != before {
		c.Changed()
	}
}

// approach lets the demand take up its part of the difference to x.
func (m *thermal) approach(c *ion.Context, x, seconds float64) {
	left := math.Pow(1-c.Setting(setTimeConst)/100, seconds/c.Setting(setThermalInterval))
	m.demand = x*(1-left) + m.demand*left
}

const thermalVersion = 1

func (m *thermal) Keep(e *ion.Encoder) {
	e.Uint(thermalVersion)
	e.Float(m.demand)
	e.Int(m.stampNs)
}

func (m *thermal) Restore(d *ion.Decoder) {
	d.Version(thermalVersion)
	m.demand, m.stampNs = d.Float(), d.Int()
}
