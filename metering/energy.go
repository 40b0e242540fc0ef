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

// restEnergy returns the energy of the samples from the open window's start to the end
// of the stretch, where less than a cycle is left, and their duration. Active energy
// is the plain sum of u·i. Reactive and apparent power exist over whole cycles only:
// the rest takes those of the window before it, with the correction of instrument
// transformers, and a stretch without any whole cycle has active energy alone.
func (v *windows) restEnergy(e *Engine) (Energy, float64) {
	v.h.place(&v.end, float64(v.h.n))
	length := v.end.position - v.open.position
	if length <= 0 {
		return Energy{}, 0
	}
	seconds := length / v.t.rateHz
	var rest Power
	rest.P = v.h.wires.phases(v.activePowers())
	for k := range rest.S {
		rest.S[k] = NotAvailable
		if v.measured && finite(v.out.Power.Q1[k]) {
			before := &v.counted.Power
			rest.Q1[k], rest.S[k] = before.Q1[k], before.S[k]
			rest.P[k] += before.P[k] - v.out.Power.P[k]
		}
	}
	return e.energyOf(&rest, seconds, v.h.wires.star), seconds
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
