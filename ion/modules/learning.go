package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

// learning finds the limits and delays that normal operation of a source does not
// reach. The levels are standard deviations from the mean; the longest time
// that Source is beyond the pickup level makes the delays.
type learning struct {
	active    bool
	elapsedS  float64
	keptS     float64 // elapsedS when it was last given to be kept
	turning   bool    // since power-up
	turnS     float64 // uptime at the latest turn
	count     float64
	mean, m2  float64 // Welford's sums
	mark      levels  // where the levels stood when they last moved a little
	stillS    float64 // since then
	rough     levels  // where they stood when they last moved much
	beyondS   float64 // of the present excursion beyond the pickup level
	longestS  float64 // of the longest one since the levels moved much
	learned   bool    // what follows holds
	limits    levels
	sustainS  float64
	available bool // false: there was nothing to learn from
}

const secondsPerDay = 86_400

// levels are where an alarm picks up and drops out.
type levels struct{ pickup, dropout float64 }

// beyond reports whether one of the levels is further than room from where it was.
func (l levels) beyond(was levels, room float64) bool {
	return math.Abs(l.pickup-was.pickup) > room || math.Abs(l.dropout-was.dropout) > room
}

// begin starts learning anew.
func (l *learning) begin(c *ion.Context) {
	*l = learning{active: true, turning: true, turnS: c.UptimeS}
	c.Changed()
}

// stop ends learning without a result.
func (l *learning) stop(c *ion.Context) {
	*l = learning{}
	c.Changed()
}

// deviation returns the standard deviation of the source.
func (l *learning) deviation() float64 {
	if l.count == 0 {
		return 0
	}
	return math.Sqrt(l.m2 / l.count)
}

// levels returns the levels as they are now; direction is 1 for an alarm above them,
// -1 for one below.
func (l *learning) levels(direction float64) levels {
	sigma := l.deviation() * direction
	return levels{l.mean + learnPickup*sigma, l.mean + learnDropout*sigma}
}

// turn lets a turn pass with the value x of the source, if there is one, and reports
// whether learning is complete: the levels have kept still for a part of durationS, or all of it
// has passed.
func (l *learning) turn(c *ion.Context, x float64, available bool, direction, durationS float64) (complete bool) {
	passed := 0.0
	if l.turning {
		passed = c.UptimeS - l.turnS
	}
	l.turning, l.turnS = true, c.UptimeS
	l.elapsedS += passed
	if available && math.Abs(x) <= maxLimit {
		l.add(x, passed, direction)
	}
	if l.elapsedS-l.keptS >= learnKeepS {
		l.keptS = l.elapsedS
		c.Changed()
	}
	if l.elapsedS < durationS && !(l.count > 0 && l.stillS >= durationS*learnSettled) {
		return false
	}
	*l = learning{learned: true, limits: l.levels(direction), sustainS: l.longestS * learnMargin, available: l.count > 0}
	c.Changed()
	return true
}

func (l *learning) add(x, passed, direction float64) {
	l.count++
	delta := x - l.mean
	l.mean += delta / l.count
	l.m2 += delta * (x - l.mean)
	now := l.levels(direction)
	if l.stillS += passed; now.beyond(l.mark, learnStill*l.deviation()) {
		l.mark, l.stillS = now, 0
	}
	if now.beyond(l.rough, learnMoved*l.deviation()) { // what was an excursion then is none now
		l.rough, l.beyondS, l.longestS = now, 0, 0
	}
	if l.beyondS += passed; (x-now.pickup)*direction <= 0 {
		l.beyondS = 0
	}
	l.longestS = max(l.longestS, l.beyondS)
}

// usable reports whether the result can be installed: levels that differ, within the
// bounds of the setup registers.
func (l *learning) usable() bool {
	return l.available && l.limits.pickup != l.limits.dropout && l.sustainS <= maxSustain &&
		math.Abs(l.limits.pickup) <= maxLimit && math.Abs(l.limits.dropout) <= maxLimit
}

func (l *learning) keep(e *ion.Encoder) {
	for _, b := range []bool{l.active, l.learned, l.available} {
		e.Bool(b)
	}
	for _, x := range []float64{l.elapsedS, l.count, l.mean, l.m2, l.mark.pickup, l.mark.dropout, l.stillS, l.rough.pickup, l.rough.dropout, l.beyondS, l.longestS,
		l.limits.pickup, l.limits.dropout, l.sustainS} {
		e.Float(x)
	}
}

func (l *learning) restore(d *ion.Decoder) {
	for _, b := range []*bool{&l.active, &l.learned, &l.available} {
		*b = d.Bool()
	}
	for _, x := range []*float64{&l.elapsedS, &l.count, &l.mean, &l.m2, &l.mark.pickup, &l.mark.dropout, &l.stillS, &l.rough.pickup, &l.rough.dropout, &l.beyondS, &l.longestS,
		&l.limits.pickup, &l.limits.dropout, &l.sustainS} {
		*x = d.Float()
	}
	l.keptS = l.elapsedS
}
