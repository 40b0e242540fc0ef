package meter

import (
	"runtime/metrics"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// status is what the meter tells its Diagnostics and Modbus Gateway modules.
func (m *Meter) status(sourceLagS float64) ion.Status {
	s := ion.Status{PowerUps: m.powerUps, SourceLagS: sourceLagS, MemoryBytes: m.process.memory(), CPULoadPercent: m.process.load(time.Now(), cpuTime()),
		LoggedEvents: m.eventLog.logged.Load(), LogMemoryBytes: m.logMemory.limit, LogMemoryUsedBytes: m.logMemory.used}
	for _, d := range m.gatewayUnits(func(label string) string { return m.guard.settings[label] }) {
		s.Downstream = append(s.Downstream, d.Downstream)
	}
	if m.keeper != nil {
		s.CommitLatencyS = m.keeper.latency().Seconds()
	}
	return s
}

// process watches what the process uses of the machine. It belongs to the goroutine that
// ticks.
type process struct {
	samples []metrics.Sample
	at      time.Time     // of the latest load
	used    time.Duration // of the processors until then
	percent float64
}

// memory is what the process holds of the machine's memory, in bytes.
func (p *process) memory() int64 {
	if p.samples == nil {
		p.samples = []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	}
	metrics.Read(p.samples)
	return int64(p.samples[0].Value.Uint64()) - int64(p.samples[1].Value.Uint64())
}

// loadPeriod is the shortest time over which a load is formed.
const loadPeriod = time.Second / 2

// load is the share of one core that the process has used lately, in percent, where used
// is the time of the processors that it has used by now; 0 is not known.
func (p *process) load(now time.Time, used time.Duration) float64 {
	passed := now.Sub(p.at)
	switch {
	case used == 0:
		return 0
	case p.at.IsZero():
		p.at, p.used = now, used
	case passed >= loadPeriod:
		p.percent = 100 * float64(used-p.used) / float64(passed)
		p.at, p.used = now, used
	}
	return p.percent
}
