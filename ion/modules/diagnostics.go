package modules

import (
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

func diagnostics() ion.Type {
	output := func(name, unit, doc string) ion.Output {
		return ion.Output{Name: name, Class: ion.Numeric, Unit: unit, Doc: doc}
	}
	return ion.Type{
		Number: numberDiagnostics, Name: "Diagnostics", Kind: ion.Core,
		Doc:    "How the meter itself is doing.",
		Source: "ION Reference (7EN02-0290), Diagnostics module; the registers are ours",
		Outputs: []ion.Output{
			output("Power Up Count", "", "how often the meter was started on these data"),
			output("Uptime", "s", "time since it started"),
			output("Windows Measured", "", "basic windows since it started"),
			output("Gaps", "", "windows closed early because samples were missing, since it started"),
			output("Unsynchronised Windows", "", "windows without a usable fundamental, since it started"),
			output("Source Lag", "s", "how far the samples are behind the clock"),
			output("Questionable Windows", "", "windows with samples that their origin calls questionable or out of range, since it started"),
			output("Clock Unsynchronised Windows", "", "windows with samples of a clock that follows no time reference, since it started"),
			output("Overruns", "", "windows after a hole made by reading live samples too slowly, since it started"),
		},
		New: func() ion.Behaviour { return &health{} },
	}
}

type health struct {
	start                         time.Time
	windows, gaps, unsynchronised int64
	questionable, clock, overruns int64
}

func (m *health) Window(c *ion.Context) {
	m.windows++
	if c.Window.Flags&metering.FlagGap != 0 {
		m.gaps++
	}
	if c.Window.Flags&metering.FlagUnsynchronised != 0 {
		m.unsynchronised++
	}
	if c.Window.Flags&(metering.FlagQuestionable|metering.FlagOutOfRange) != 0 {
		m.questionable++
	}
	if c.Window.Flags&metering.FlagClock != 0 {
		m.clock++
	}
	if c.Window.Flags&metering.FlagOverrun != 0 {
		m.overruns++
	}
}

func (m *health) Tick(c *ion.Context) {
	if m.start.IsZero() {
		m.start = c.Now
	}
	m.start = m.start.Add(c.ClockStep) // a set clock is not time that passed
	status := c.Status()
	for i, x := range [...]float64{float64(status.PowerUps), c.Now.Sub(m.start).Seconds(), float64(m.windows),
		float64(m.gaps), float64(m.unsynchronised), status.SourceLagS, float64(m.questionable), float64(m.clock), float64(m.overruns)} {
		c.Set(i, x)
	}
}
