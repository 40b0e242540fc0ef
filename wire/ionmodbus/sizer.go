package ionmodbus

// ladder are the lengths of PDUs that are tried. The first passes everywhere: 64 bytes with the
// header of Modbus TCP. The second is 64 bytes in RTU frames; 121 is 128 bytes on Modbus TCP.
var ladder = [...]int{SmallestPDU, 61, 80, 100, 121, 150, 190, MaxPDU}

const (
	topRung = len(ladder) - 1
	// triesOfBoth and triesOfOne are how often a length must fail until it counts as one that
	// does not pass: at 5 % loss each way the longest is given up by chance once in 1,000 times,
	// and is tried again later.
	triesOfBoth, triesOfOne = 3, 2
	// triesOfDeath is how often a length may be followed by a path that is dead for a while. Once is
	// chance; what is dead after each is killed by it, as a stream is of which a frame has lost its
	// end.
	triesOfDeath = 2
)

// direction is that of requests or of answers.
type direction int

const (
	up direction = iota
	down
	directions
)

// sizer finds the longest requests and answers that pass. Each failure is held against a probe
// of the smallest length: where that does not pass either, it is the path that is dead, and
// little is learned of lengths.
type sizer struct {
	// lo is the rung that is known to pass, hi the lowest that is known not to; by direction.
	lo, hi [directions]int
	active bool
	// joint is both directions tried at once, at the rungs of both.
	joint bool
	both  [directions]int
	// Otherwise one direction at a time.
	which         direction
	rung          int
	fails, deaths int
	// control tells that the smallest length is tried, dead that it has failed, too.
	control, dead bool
}

// start looks for all that passes, the longest first.
func (s *sizer) start() { s.search([directions]int{topRung, topRung}) }

// suspect looks again, beginning with what has passed until now.
func (s *sizer) suspect() { s.search(s.lo) }

func (s *sizer) search(both [directions]int) {
	*s = sizer{active: true, joint: true, both: both, hi: [directions]int{len(ladder), len(ladder)}}
}

// grow looks for more than passes now.
func (s *sizer) grow() {
	s.hi = [directions]int{len(ladder), len(ladder)}
	s.active, s.joint = true, false
	s.next()
}

// largest reports whether nothing longer is left to be found.
func (s *sizer) largest() bool { return s.lo == [directions]int{topRung, topRung} }

// now returns the lengths of request and answer that are known to pass.
func (s *sizer) now() (request, answer int) { return ladder[s.lo[up]], ladder[s.lo[down]] }

// ask returns the lengths of request and answer to try.
func (s *sizer) ask() (request, answer int) {
	switch {
	case s.control:
		return SmallestPDU, SmallestPDU
	case s.joint:
		return ladder[s.both[up]], ladder[s.both[down]]
	case s.which == up:
		return ladder[s.rung], SmallestPDU
	}
	return SmallestPDU, ladder[s.rung]
}

// passed tells that what was asked was answered.
func (s *sizer) passed() {
	switch {
	case s.control:
		if s.dead {
			s.deaths++
		} else {
			s.fails++
		}
		s.control, s.dead = false, false
		s.judge()
	case s.joint:
		s.lo, s.active = s.both, false
	default:
		s.lo[s.which] = s.rung
		s.next()
	}
}

// missed tells that it was not.
func (s *sizer) missed() {
	s.dead = s.control
	s.control = true
}

// judge gives up a length that has failed often enough.
func (s *sizer) judge() {
	switch {
	case s.joint && (s.fails >= triesOfBoth || s.deaths >= triesOfDeath):
		s.joint = false
		s.next()
	case !s.joint && (s.fails >= triesOfOne || s.deaths >= triesOfDeath):
		s.hi[s.which] = s.rung
		s.next()
	}
}

// next chooses what to try next: of requests half way between what passes and what does not,
// of answers first what has been found of requests, for mostly one buffer limits both.
func (s *sizer) next() {
	s.fails, s.deaths = 0, 0
	for s.which = up; s.which < directions; s.which++ {
		lo, hi := s.lo[s.which], s.hi[s.which]
		if lo+1 >= hi {
			continue
		}
		s.rung = (lo + hi) / 2
		if s.which == down && hi == len(ladder) && s.lo[up] >= lo {
			s.rung = min(max(s.lo[up], lo+1), hi-1)
			if s.lo[up] == lo {
				s.rung = lo + 1
			}
		}
		return
	}
	s.active = false
}
