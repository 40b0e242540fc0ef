package meter

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// clock ties the measurement time axis to civil time. The axis is paced by the
// monotonic clock, which nobody can set; civil time is the system's clock, which can
// be set by hand or by NTP, and which goes on while the machine sleeps and the
// monotonic clock stands still.
type clock struct {
	// wall reads the system's clock; tests set it.
	wall func() time.Time
	// begin is second 0 of the axis on the monotonic clock, anchor in civil time.
	begin, anchor time.Time
}

// startClock makes begin, a reading of time.Now, second 0 of the axis.
func startClock(begin time.Time, wall func() time.Time) clock {
	return clock{wall: wall, begin: begin, anchor: wall().Add(-time.Since(begin)).Round(0).UTC()}
}

// civil is the civil time of a point on the axis.
func (c *clock) civil(axisS float64) time.Time {
	return c.anchor.Add(time.Duration(axisS * float64(time.Second)))
}

// clockSlack is how far civil time may part from the axis before it is followed.
// Reading two clocks is not one act, and a process may be kept waiting in between.
const clockSlack = 100 * time.Millisecond

// follow takes over a change of the system's clock. The modules see that the axis and
// civil time have parted, and what is over a second they mark as a clock step.
func (c *clock) follow() {
	anchor := c.wall().Round(0).Add(-time.Since(c.begin)).UTC()
	if anchor.Sub(c.anchor).Abs() > clockSlack {
		c.anchor = anchor
	}
}

// lag is how late the end of the axis' second endS is, at speed seconds of signal in a
// second.
func (c *clock) lag(endS, speed float64) time.Duration {
	return time.Since(c.begin) - time.Duration(endS/speed*float64(time.Second))
}

// keptClock is the name under which the store keeps how the clock was set.
const keptClock = "clock"

// civil is what the meter's clock shows when the system's shows t.
func (m *Meter) civil(t time.Time) time.Time {
	return t.Add(time.Duration(m.clockOffset.Load()))
}

// wall reads the meter's clock.
func (m *Meter) wall() time.Time { return m.civil(time.Now()) }

// setClock sets the clock: from now on it differs from the system's by what it was set.
// Modules follow at the next tick, and mark the step. It raises the event itself, since a
// meter that measures nothing has no axis by which modules see it.
func (m *Meter) setClock(to time.Time, by ion.By) error {
	before := m.wall()
	m.clockOffset.Add(int64(to.Sub(before)))
	kept, err := json.Marshal(m.clockOffset.Load())
	if err != nil {
		return fmt.Errorf("keeping the clock: %w", err)
	}
	m.guard.keep(map[string][]byte{keptClock: kept})
	m.keeper.note(eventOf(m.wall(), ion.PrioritySetupChange, "Clock", "set from "+before.UTC().Format(time.RFC3339), "Universal Time", to.UTC().Format(time.RFC3339), by))
	return nil
}

// restoreClock takes back how the clock was set.
func (m *Meter) restoreClock(kept []byte) error {
	if len(kept) == 0 {
		return nil
	}
	var offset int64
	if err := json.Unmarshal(kept, &offset); err != nil {
		return fmt.Errorf("the kept setting of the clock: %w", err)
	}
	m.clockOffset.Store(offset)
	return nil
}
