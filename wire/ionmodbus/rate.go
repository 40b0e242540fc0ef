package ionmodbus

import "time"

// rate is how fast a stream is while it has something to carry.
type rate struct {
	bytes, seconds float64 // those before count less and less
	last           time.Time
	busy           bool // at last there was more to carry
}

// remembered is how much the past counts, in seconds.
const remembered = 10

// measured tells of a probe that carried as much as an exchange would have.
func (r *rate) measured(bytes int, took time.Duration) { r.add(float64(bytes), took.Seconds()) }

// moved tells of an exchange, and whether there is more to carry.
func (r *rate) moved(now time.Time, bytes int, more bool) {
	if r.busy {
		r.add(float64(bytes), now.Sub(r.last).Seconds())
	}
	r.last, r.busy = now, more
}

func (r *rate) add(bytes, seconds float64) {
	if r.seconds > remembered {
		r.bytes *= remembered / r.seconds
		r.seconds = remembered
	}
	r.bytes += bytes
	r.seconds += seconds
}

func (r *rate) perSecond() float64 {
	if r.seconds <= 0 {
		return 0
	}
	return r.bytes / r.seconds
}
