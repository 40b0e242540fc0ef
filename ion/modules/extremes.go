package modules

import "github.com/hepmeter/hepmeter/ion"

func maximum() ion.Type {
	return extremeType(numberMaximum, "Maximum", "largest", func(x, held float64) bool { return x > held })
}

func minimum() ion.Type {
	return extremeType(numberMinimum, "Minimum", "smallest", func(x, held float64) bool { return x < held })
}

const (
	inExtremeSource = iota
	outExtreme      = 0
	outNewExtreme   = 1
)

func extremeType(number int, name, adjective string, beyond func(x, held float64) bool) ion.Type {
	return ion.Type{
		Number: number, Name: name, Kind: ion.Standard,
		Doc: "Keeps the " + adjective + " value of Source since the last reset; its time stamp is when that occurred. " +
			"While Source is NOT AVAILABLE or Enable is OFF the value is kept; after a reset and after Source was linked elsewhere " +
			"it is NOT AVAILABLE until the next reading. It survives a power cut.",
		Source: "ION Reference (7EN02-0290), Maximum and Minimum modules",
		Inputs: []ion.Input{sourceInput("Source"), enableInput(), pulseInput("Reset")},
		Outputs: []ion.Output{
			{Name: name, Class: ion.Numeric, Follows: "Source", Doc: "the " + adjective + " value"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "each new " + adjective + " value"},
		},
		New: func() ion.Behaviour { return &extreme{beyond: beyond} },
	}
}

// extreme is the behaviour of Maximum and Minimum.
type extreme struct {
	beyond  func(x, held float64) bool
	held    bool
	value   float64
	stampNs int64
}

func (m *extreme) Start(c *ion.Context) { m.show(c) }

func (m *extreme) Tick(c *ion.Context) {
	v := c.Input(inExtremeSource)
	if !v.Available || m.held && !m.beyond(v.Number, m.value) {
		return
	}
	m.held, m.value, m.stampNs = true, v.Number, v.StampNs
	m.show(c)
	c.Pulse(outNewExtreme)
	c.Changed()
}

func (m *extreme) Reset(c *ion.Context) {
	m.held = false
	m.show(c)
	c.Changed()
}

func (m *extreme) Relinked(c *ion.Context, input int) {
	if input == inExtremeSource {
		m.held = false
		c.Changed()
	}
}

func (m *extreme) show(c *ion.Context) {
	if m.held {
		c.SetAt(outExtreme, m.value, m.stampNs)
	} else {
		c.SetNotAvailable(outExtreme)
	}
}

const extremeVersion = 1

func (m *extreme) Keep(e *ion.Encoder) {
	e.Uint(extremeVersion)
	e.Bool(m.held)
	e.Float(m.value)
	e.Int(m.stampNs)
}

func (m *extreme) Restore(d *ion.Decoder) {
	d.Version(extremeVersion)
	m.held, m.value, m.stampNs = d.Bool(), d.Float(), d.Int()
}
