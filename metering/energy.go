package metering

import "math"

// energyOf returns the energy of a window of the given powers and exact duration,
// routed into quadrants by the signs of P and Q1: of the sums of the phases, or of
// each phase.
func (e *Engine) energyOf(p *Power, seconds float64, star bool) Energy {
	var out Energy
	hours := seconds / 3600
	if e.cfg.PerPhaseEnergy && !star {
		for k := range Total {
			out.route(p.P[k], p.Q1[k], p.S[k], hours)
		}
		return out
	}
	out.route(p.P[Total], p.Q1[Total], p.S[Total], hours)
	return out
}

// route adds the energy of a power to its quadrant. A power that is not available
// carries no energy, and neither does one beyond all numbers, which would stay in
// the total for ever.
func (e *Energy) route(p, q, s, hours float64) {
	if !finite(p) || !finite(q) {
		return
	}
	k := quadrant(p, q)
	e.Wh[k] += math.Abs(p) * hours
	e.Varh[k] += math.Abs(q) * hours
	if finite(s) {
		e.VAh[k] += s * hours
	}
}

// finite reports whether x is a number and not infinite.
func finite(x float64) bool { return x-x == 0 }

// quadrant returns the index of the quadrant of (P, Q): I is 0, counter-clockwise.
func quadrant(p, q float64) int {
	switch {
	case p >= 0 && q >= 0:
		return 0
	case p < 0 && q >= 0:
		return 1
	case p < 0:
		return 2
	}
	return 3
}

// Accumulator is a compensated sum (Neumaier): it keeps what every addition rounds
// off, so that its error does not grow with the number of additions.
type Accumulator struct{ sum, rest float64 }

// Add adds x.
func (a *Accumulator) Add(x float64) {
	s := a.sum + x
	if math.Abs(a.sum) >= math.Abs(x) {
		a.rest += (a.sum - s) + x
	} else {
		a.rest += (x - s) + a.sum
	}
	a.sum = s
}

// Value returns the sum.
func (a *Accumulator) Value() float64 { return a.sum + a.rest }

// energyTotal accumulates energy.
type energyTotal struct{ wh, varh, vah [4]Accumulator }

func (t *energyTotal) add(e *Energy) {
	for k := range 4 {
		t.wh[k].Add(e.Wh[k])
		t.varh[k].Add(e.Varh[k])
		t.vah[k].Add(e.VAh[k])
	}
}

func (t *energyTotal) value() (e Energy) {
	for k := range 4 {
		e.Wh[k], e.Varh[k], e.VAh[k] = t.wh[k].Value(), t.varh[k].Value(), t.vah[k].Value()
	}
	return e
}
