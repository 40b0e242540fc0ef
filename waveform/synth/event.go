package synth

import "math"

// happening is an event at work: one instance of it after the other.
type happening struct {
	kind     string
	at       float64
	every    float64
	times    int64
	duration float64 // seconds, +Inf = for ever
	channels []int   // indices of channels
	gain     int     // index of the load's gain, -1 for channels

	factor  float64 // what is left, 1 = unchanged
	ramp    int64   // samples
	turns   float64 // phase jump
	hz      pace
	depth   float64 // of modulation, 1 = 100 %
	rect    bool
	peak    float64
	decay   float64 // samples
	rise    float64 // samples
	aligned bool
	lead    float64 // turns by which the reference is ahead of its wanted phase
	of      int     // reference channel

	instance   int64
	start, end int64
}

// nominal returns when instance i is due, in seconds, before it waits for its phase.
func (h *happening) nominal(i int64) float64 { return h.at + float64(float64(i)*h.every) }

// due returns how many instances are due by t seconds.
func (h *happening) due(t float64) int64 {
	if t < h.at {
		return 0
	}
	n := int64(1)
	if h.every > 0 {
		n += int64((t - h.at) / h.every)
		if h.times > 0 {
			n = min(n, h.times)
		}
	}
	return n
}

// jumped returns the turns by which phase jumps due before instance i of h have
// advanced its reference channel.
func (h *happening) jumped(i int64, all []happening) float64 {
	t, sum := h.nominal(i), 0.0
	for j := range all {
		o := &all[j]
		if o.kind != "phaseJump" || !has(o.channels, h.of) {
			continue
		}
		n := o.due(t)
		if o == h {
			n = i
		}
		sum += float64(o.turns * float64(n))
	}
	return sum
}

func has(list []int, x int) bool {
	for _, v := range list {
		if v == x {
			return true
		}
	}
	return false
}

// schedule makes instance i the current one.
func (h *happening) schedule(i int64, s *supply, all []happening) {
	h.instance = i
	h.start = sampleAt(h.nominal(i), s.rate)
	if h.aligned {
		h.start = s.reach(h.start, h.lead+h.jumped(i, all))
	}
	h.end = math.MaxInt64
	if !math.IsInf(h.duration, 1) {
		h.end = h.start + max(1, sampleAt(h.duration, s.rate))
	}
}

// advance makes sample n the present: the current instance is the one at work,
// or the next one, or the last one.
func (h *happening) advance(n int64, s *supply, all []happening) {
	if h.every == 0 {
		return
	}
	for {
		over := n >= h.end || (h.kind == "phaseJump" && n >= h.start)
		if !over || (h.times > 0 && h.instance+1 >= h.times) {
			return
		}
		h.schedule(h.instance+1, s, all)
	}
}

// rewind makes sample n the present, wherever the event was before.
func (h *happening) rewind(n int64, s *supply, all []happening) {
	i := int64(0)
	if h.every > 0 {
		i = max(0, h.due(float64(n)/s.rate)-2)
	}
	h.schedule(i, s, all)
	h.advance(n, s, all)
}

// edge returns the first sample after n at which the event changes something.
func (h *happening) edge(n int64) int64 {
	switch {
	case n < h.start:
		return h.start
	case n < h.start+h.ramp:
		return h.start + h.ramp
	case n < h.end:
		return h.end
	}
	return math.MaxInt64
}

// active reports whether the event is at work at sample n.
func (h *happening) active(n int64) bool { return n >= h.start && n < h.end }

// span returns the scale factor at n0 and its limit at n1 from below.
func (h *happening) span(n0, n1 int64) (f0, f1 float64) {
	if n0 < h.start+h.ramp {
		change := (h.factor - 1) / float64(h.ramp)
		return 1 + float64(change*float64(n0-h.start)), 1 + float64(change*float64(n1-h.start))
	}
	return h.factor, h.factor
}

// jumps returns how often a phase jump has happened by sample n.
func (h *happening) jumps(n int64) float64 {
	if n >= h.start {
		return float64(h.instance + 1)
	}
	return float64(h.instance)
}

// edgeMargin is the rounding allowed a rectangular modulation's phase, in turns:
// a sample on the edge counts as after it.
const edgeMargin = 1e-12

// modulate multiplies x, whose first sample is n, by the modulation.
func (h *happening) modulate(x []float64, n int64) {
	phase := h.hz.after(n - h.start).frac
	half := h.depth / 2
	if h.rect {
		high, low := 1+half, 1-half
		for k := range x {
			p := phase + float64(float64(k)*h.hz.hi) + edgeMargin
			if p-math.Floor(p) < 0.5 {
				x[k] *= high
			} else {
				x[k] *= low
			}
		}
		return
	}
	s, c := sincos(phase)
	ws, wc := sincos(h.hz.hi)
	for k := range x {
		x[k] = float64(x[k] * (1 + float64(half*s)))
		s, c = float64(s*wc)+float64(c*ws), float64(c*wc)-float64(s*ws)
	}
}

// add adds a transient to x, whose first sample is n.
func (h *happening) add(x []float64, n int64) {
	d := float64(n - h.start)
	fall := float64(h.peak * exp(-d/h.decay))
	fallStep := exp(-1 / h.decay)
	if h.kind == "oscillatory" {
		s, c := sincos(h.hz.after(n - h.start).frac)
		ws, wc := sincos(h.hz.hi)
		s, c, ws, wc = float64(s*fall), float64(c*fall), float64(ws*fallStep), float64(wc*fallStep)
		for k := range x {
			x[k] += s
			s, c = float64(s*wc)+float64(c*ws), float64(c*wc)-float64(s*ws)
		}
		return
	}
	rise, riseStep := 0.0, 0.0
	if h.rise >= 1e-9 {
		rise, riseStep = float64(h.peak*exp(-d/h.rise)), exp(-1/h.rise)
	}
	k0 := impulseScale(h.rise, h.decay)
	for k := range x {
		x[k] += float64(k0 * (fall - rise))
		fall = float64(fall * fallStep)
		rise = float64(rise * riseStep)
	}
}

// impulseScale makes the highest value of e^(-t/decay) - e^(-t/rise) one.
func impulseScale(rise, decay float64) float64 {
	if rise < 1e-9 { // samples
		return 1
	}
	r := rise / decay
	// Rounded so that the last bits of a platform's logarithm do not show; at the
	// maximum this changes nothing.
	t := float64(float32(math.Log(1/r) / (1/rise - 1/decay)))
	return 1 / (exp(-t/decay) - exp(-t/rise))
}
