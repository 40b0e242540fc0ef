package modules

import "github.com/hepmeter/hepmeter/ion"

// sustain tells when a condition has held for a time.
type sustain struct {
	running bool
	sinceS  float64 // uptime when the condition began
	turnS   float64 // uptime at the latest turn
}

// turnTolerance is the part of a turn (of at most a second) by which a delay may be
// short: turns come a little early and late, and a delay of ten of them is ten.
const turnTolerance = 0.05

// holds reports whether the condition has held for seconds; one that begins now has
// held for 0 s.
func (s *sustain) holds(c *ion.Context, condition bool, seconds float64) bool {
	turn := min(c.UptimeS-s.turnS, 1)
	s.turnS = c.UptimeS
	if !condition {
		s.running = false
		return false
	}
	if !s.running {
		s.running, s.sinceS = true, c.UptimeS
	}
	return c.UptimeS-s.sinceS >= seconds-turnTolerance*turn
}

// hysteresis is a state that comes when one condition is sustained, and goes when
// another is.
type hysteresis struct {
	on       bool
	up, down sustain
}

// turn evaluates the conditions of a turn and reports whether the state changed.
func (h *hysteresis) turn(c *ion.Context, beyond, inside bool, onS, offS float64) (changed bool) {
	if !h.on && h.up.holds(c, beyond, onS) || h.on && h.down.holds(c, inside, offS) {
		*h = hysteresis{on: !h.on}
		return true
	}
	return false
}

// wait forgets for how long the conditions have held: they are unknown now.
func (h *hysteresis) wait() { h.up, h.down = sustain{}, sustain{} }

// picking reports whether the state is about to come.
func (h *hysteresis) picking() bool { return h.up.running }
