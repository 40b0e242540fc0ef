package synth

import "math"

// supply is the phase of the supply as a function of the sample index: pieces of
// constant or linearly changing frequency, and the wander added to them.
type supply struct {
	rate   float64
	pieces []piece
	period int64 // samples after which the pieces begin again, 0 = never
	lap    turns // phase gained in one period
	wander []swing
}

// piece is a span of constant or linearly changing frequency.
type piece struct {
	first  int64
	start  turns
	hz     float64 // at first
	pace   pace
	bend   float64 // half the change of pace per sample
	length int64   // for a ramp
}

type swing struct {
	hz, turnsPeak, phase, still float64
	pace                        pace
}

// sampleAt returns the first sample not before t seconds.
func sampleAt(t, rate float64) int64 {
	// The margin keeps a time such as 0.3 s from missing its sample by rounding.
	return int64(math.Ceil(float64(t*rate) - 1e-6))
}

func newSupply(f Frequency, rate float64) *supply {
	s := &supply{rate: rate}
	hz := f.Hz
	s.push(0, hz, hz, 0)
	for _, c := range f.Changes {
		first, length := sampleAt(c.At, rate), sampleAt(c.OverSeconds, rate)
		if length > 0 {
			s.push(first, hz, c.Hz, length)
		}
		hz = c.Hz
		s.push(first+length, hz, hz, 0)
	}
	if f.RepeatSeconds > 0 {
		s.period = sampleAt(f.RepeatSeconds, rate)
		s.lap = s.within(s.period)
	}
	for _, w := range f.Wander {
		phase := w.Degrees / 360
		phase -= math.Floor(phase)
		_, still := sincos(phase)
		s.wander = append(s.wander, swing{w.Hz, w.Hz * w.PeriodSeconds / (2 * math.Pi), phase, still, makePace(1, rate*w.PeriodSeconds)})
	}
	return s
}

// push appends a piece, dropping one of no length before it.
func (s *supply) push(first int64, from, to float64, length int64) {
	p := piece{first: first, hz: from, pace: makePace(from, s.rate), length: length}
	if length > 0 {
		p.bend = (to - from) / s.rate / float64(length) / 2
	}
	if n := len(s.pieces); n > 0 {
		p.start = s.within(first)
		if s.pieces[n-1].first == first {
			s.pieces = s.pieces[:n-1]
		}
	}
	s.pieces = append(s.pieces, p)
}

// pieceOf returns the index of the piece sample n of the first period lies in.
func (s *supply) pieceOf(n int64) int {
	low, high := 0, len(s.pieces)
	for high-low > 1 {
		if middle := (low + high) / 2; s.pieces[middle].first <= n {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

func (s *supply) within(n int64) turns {
	p := &s.pieces[s.pieceOf(n)]
	d := n - p.first
	t := p.pace.after(d)
	if p.bend != 0 {
		x := float64(d)
		t = t.add(makeTurns(0, float64(float64(p.bend*x)*x)))
	}
	return p.start.add(t)
}

// phase returns the phase of the supply at sample n.
func (s *supply) phase(n int64) turns {
	var t turns
	if s.period > 0 {
		laps := n / s.period
		n0 := n - laps*s.period
		t = s.within(n0).add(s.lap.multiple(laps))
	} else {
		t = s.within(n)
	}
	for i := range s.wander {
		w := &s.wander[i]
		x := w.pace.after(n).frac + w.phase
		_, cos := sincos(x)
		t = t.add(makeTurns(0, float64(w.turnsPeak*(w.still-cos))))
	}
	return t
}

// multiple returns k·a for a whole number k.
func (a turns) multiple(k int64) turns {
	x := float64(k)
	v := float64(x * a.frac)
	e := math.FMA(x, a.frac, -v)
	f := math.Floor(v)
	return makeTurns(k*a.whole+int64(f), (v-f)+e)
}

// hz returns the frequency at sample n.
func (s *supply) hz(n int64) float64 {
	n0 := n
	if s.period > 0 {
		n0 = n % s.period
	}
	p := &s.pieces[s.pieceOf(n0)]
	f := p.hz + float64(float64(2*p.bend*float64(n0-p.first))*s.rate)
	for i := range s.wander {
		w := &s.wander[i]
		sin, _ := sincos(w.pace.after(n).frac + w.phase)
		f += float64(w.hz * sin)
	}
	return f
}

// edge returns the first sample after n at which a piece begins.
func (s *supply) edge(n int64) int64 {
	if s.period == 0 {
		if i := s.pieceOf(n) + 1; i < len(s.pieces) {
			return s.pieces[i].first
		}
		return math.MaxInt64
	}
	lap := n - n%s.period
	if i := s.pieceOf(n-lap) + 1; i < len(s.pieces) && s.pieces[i].first < s.period {
		return lap + s.pieces[i].first
	}
	return lap + s.period
}

// reach returns the first sample not before n at which the phase of the supply,
// advanced by lead turns, is a whole number of turns, or within a rounding of it.
func (s *supply) reach(n int64, lead float64) int64 {
	const margin = 1e-9
	at := s.phase(n).add(makeTurns(0, lead+1-margin)) // +1: whole is the next crossing's number, or this one's
	target := at.whole
	now := func(n int64) bool {
		t := s.phase(n).add(makeTurns(0, lead+margin))
		return t.whole >= target
	}
	low, high := n, n+1
	for step := int64(1); !now(high); step *= 2 {
		low, high = high, high+step
	}
	if now(n) {
		return n
	}
	for high-low > 1 {
		if mid := low + (high-low)/2; now(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}
