package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

func diagnostics() ion.Type {
	output := func(name, unit, doc string) ion.Output {
		return ion.Output{Name: name, Class: ion.Numeric, Unit: unit, Doc: doc}
	}
	t := ion.Type{
		Number: numberDiagnostics, Name: "Diagnostics", Kind: ion.Core,
		Doc:    "How the meter itself is doing. What a meter in software does not have is NOT AVAILABLE.",
		Source: "ION Reference (7EN02-0290), Diagnostics module; most registers are ours",
		Outputs: []ion.Output{
			output("Power Up Count", "", "how often the meter was started on these data"),
			output("Uptime", "s", "time since it started"),
			output("Windows Measured", "", "basic windows since it started"),
			output("Gaps", "", "windows closed early because samples were missing, since it started"),
			output("Unsynchronised Windows", "", "windows without a usable fundamental, since it started"),
			output("Missed Windows", "", "windows that fit into the time between windows that nobody sampled, since it started"),
			output("Source Lag", "s", "how far the samples are behind the clock"),
			output("CPU Load", "%", "load of one core by the meter"),
			output("Memory", "kB", "memory that the meter holds"),
			output("TotalLogMemory", "kB", "memory that logs may fill"),
			output("UsedLogMemory", "kB", "memory that the logs need as they are set up"),
			output("Commit Latency", "s", "how long the latest state took to become durable"),
			output("Modules Online", "", "modules that run"),
			output("Modules Offline", "", "modules that are inactive"),
			output("Questionable Windows", "", "windows with samples that their origin calls questionable or out of range, since it started"),
			output("Clock Unsynchronised Windows", "", "windows with samples of a clock that follows no time reference, since it started"),
			output("Overruns", "", "windows after a hole made by reading live samples too slowly, since it started"),
			output("Battery Remaining", "%", "NOT AVAILABLE: the meter has none"),
			output("Temperature", "°C", "NOT AVAILABLE: the meter has no sensor"),
		},
		New: func() ion.Behaviour { return &health{} },
	}
	for _, slot := range []string{"A", "B", "C", "D"} {
		t.Outputs = append(t.Outputs, ion.Output{Name: "Opt Mod " + slot + " Type String", Class: ion.String, Doc: "NOT AVAILABLE: the meter has no option module"})
	}
	return t
}

// windowSeconds is the nominal length of a basic window, at 50 and at 60 Hz.
const windowSeconds = 0.2

type health struct {
	windows, gaps, unsynchronised int64
	missed                        float64
	endS                          float64 // of the latest window
	questionable, clock, overruns int64
}

func (m *health) Window(c *ion.Context) {
	w := c.Window
	if m.windows > 0 {
		m.missed += max(0, math.Round((w.StartS-m.endS)/windowSeconds))
	}
	m.endS = w.StartS + w.DurationS
	m.windows++
	if w.Flags&metering.FlagGap != 0 {
		m.gaps++
	}
	if w.Flags&metering.FlagUnsynchronised != 0 {
		m.unsynchronised++
	}
	if w.Flags&(metering.FlagQuestionable|metering.FlagOutOfRange) != 0 {
		m.questionable++
	}
	if w.Flags&metering.FlagClock != 0 {
		m.clock++
	}
	if w.Flags&metering.FlagOverrun != 0 {
		m.overruns++
	}
}

func (m *health) Tick(c *ion.Context) {
	status := c.Status()
	online, offline := c.Modules()
	known := func(x float64) float64 {
		if x == 0 {
			return math.NaN()
		}
		return x
	}
	used := float64(status.LogMemoryUsedBytes) / 1000
	if status.LogMemoryBytes == 0 {
		used = math.NaN()
	}
	for i, x := range [...]float64{float64(status.PowerUps), c.UptimeS, float64(m.windows), float64(m.gaps), float64(m.unsynchronised),
		m.missed, status.SourceLagS, known(status.CPULoadPercent), known(float64(status.MemoryBytes) / 1000),
		known(float64(status.LogMemoryBytes) / 1000), used, known(status.CommitLatencyS), float64(online), float64(offline),
		float64(m.questionable), float64(m.clock), float64(m.overruns)} {
		c.Set(i, x)
	}
}
