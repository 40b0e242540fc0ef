//go:build unix

package boot

import (
	"time"

	"golang.org/x/sys/unix"
)

// The system's monotonic clock is one for all processes; Go's readings of it are not.

// onSystemClock is a moment on the system's monotonic clock, in ns.
func onSystemClock(at time.Time) int64 {
	now, clock := bothClocks()
	return clock - int64(now.Sub(at))
}

// ofSystemClock is the moment of a reading of the system's monotonic clock.
func ofSystemClock(nanos int64) time.Time {
	now, clock := bothClocks()
	return now.Add(-time.Duration(clock - nanos))
}

// bothClocks reads both clocks at once, or as nearly so as some tries bring about: the
// process may be kept waiting in between.
func bothClocks() (now time.Time, clock int64) {
	nearest := time.Duration(1<<63 - 1)
	for range 5 {
		before := time.Now()
		var read unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &read); err != nil {
			return before, 0 // no system of these lacks it
		}
		if apart := time.Since(before); apart < nearest {
			nearest, now, clock = apart, before.Add(apart/2), read.Nano()
		}
	}
	return now, clock
}
