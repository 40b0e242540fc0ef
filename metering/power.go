package metering

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// elements are the powers of the measurement elements: the phases, or in DELTA the three
// elements at an artificial neutral, whose sum is that of the two wattmeters and which
// are not reported singly.
type elements struct{ p, p1, q1, s [3]float64 }

// elements returns the powers of the elements in the open window.
func (v *windows) elements() (el elements) {
	wires := v.h.wires
	el.p = v.activePowers()
	for k := range 3 {
		el.p1[k], el.q1[k], el.s[k] = NotAvailable, NotAvailable, NotAvailable
		u, i := wires.volts[k], wires.amps[k]
		if u == none || i == none {
			continue
		}
		scale := wires.lanes[u].scale * wires.lanes[i].scale
		el.s[k] = v.rms[u] * v.rms[i]
		a, b := v.spectrum.phasor[u], v.spectrum.phasor[i]
		el.p1[k] = available(scale * (a[0]*b[0] + a[1]*b[1]))
		el.q1[k] = available(scale * (a[1]*b[0] - a[0]*b[1]))
	}
	return el
}

// powers fills the powers of a window from those of its elements and the RMS values of
// its lanes.
func (v *windows) powers(w *Window, el *elements, rms []float64) {
	wires := v.h.wires
	var fryze [3]float64
	for k := range fryze {
		fryze[k] = math.Copysign(math.Sqrt(max(0, el.s[k]*el.s[k]-el.p[k]*el.p[k])), el.q1[k])
	}
	out := &w.Power
	out.P, out.Q1, out.QFryze = wires.phases(el.p), wires.phases(el.q1), wires.phases(fryze)
	out.S = wires.phases(el.s)
	out.p1 = wires.phases(el.p1)

	out.SArithmetic = out.S[Total]
	out.SVector = math.Hypot(out.P[Total], out.QFryze[Total])
	out.SEffective = v.effective(w, rms, out.SArithmetic)
	out.S[Total] = selectApparent(v.cfg.Apparent, out)
	out.factors(v.cfg.PFSign)
}

// activePowers returns the mean of u·i of each element between the edges.
func (v *windows) activePowers() (p [3]float64) {
	w := v.h.wires
	for k := range p {
		p[k] = NotAvailable
		if u, i := w.volts[k], w.amps[k]; u != none && i != none {
			scale := w.lanes[u].scale * w.lanes[i].scale / (v.end.position - v.open.position)
			p[k] = available(scale * v.h.powerSum(k, &v.open, &v.end))
		}
	}
	return p
}

// selectApparent returns the apparent power that serves as the total.
func selectApparent(kind Apparent, p *Power) float64 {
	switch kind {
	case ArithmeticS:
		return p.SArithmetic
	case EffectiveS:
		return p.SEffective
	}
	return p.SVector
}

// factors forms the power factors from P and S.
func (p *Power) factors(sign PFSign) {
	for k := range p.PF {
		p.PF[k] = sign.factor(p.P[k], p.S[k], p.Q1[k])
		p.DPF[k] = sign.factor(p.p1[k], math.Hypot(p.p1[k], p.Q1[k]), p.Q1[k])
	}
	p.PFVector = sign.factor(p.P[Total], p.SVector, p.Q1[Total])
	p.PFArithmetic = sign.factor(p.P[Total], p.SArithmetic, p.Q1[Total])
	p.PFEffective = sign.factor(p.P[Total], p.SEffective, p.Q1[Total])
}

// factor returns p/s with the sign of the convention, not available without apparent
// power.
func (c PFSign) factor(p, s, q float64) float64 {
	f := quotient(p, s)
	if c == SignIEEE {
		f = math.Abs(f)
		if p*q > 0 {
			f = -f
		}
	}
	return f
}

// phases turns the values of the elements into phases and total. The total exists
// when every element that has a voltage or a current has both.
func (w *wiring) phases(element [3]float64) Phases {
	out := Phases{NotAvailable, NotAvailable, NotAvailable, NotAvailable}
	sum, complete := 0.0, false
	for k, x := range element {
		u, i := w.volts[k] != none, w.amps[k] != none
		if u && i {
			sum += x
			complete = true
			if !w.star {
				out[k] = x
			}
		}
	}
	for k := range element {
		if (w.volts[k] != none) != (w.amps[k] != none) {
			complete = false
		}
	}
	if complete {
		out[Total] = sum
	}
	return out
}

// effective returns Se of IEEE 1459: 3·Ve·Ie of the equivalent balanced system. With
// fewer than three elements it is the arithmetic sum.
func (v *windows) effective(w *Window, rms []float64, arithmetic float64) float64 {
	wires := v.h.wires
	for k := range 3 {
		if wires.volts[k] == none || wires.amps[k] == none {
			return arithmetic
		}
	}
	squares := func(roles ...waveform.Role) float64 {
		sum := 0.0
		for _, r := range roles {
			sum += w.RMS[r] * w.RMS[r]
		}
		return sum
	}
	line := squares(waveform.V12, waveform.V23, waveform.V31)
	current := 0.0
	for _, n := range wires.amps {
		i := rms[n]
		current += i * i
	}
	if wires.threeWire {
		return 3 * math.Sqrt(line/9) * math.Sqrt(current/3)
	}
	phase := squares(waveform.V1, waveform.V2, waveform.V3)
	if wires.neutral != none {
		i := rms[wires.neutral]
		current += i * i
	}
	return 3 * math.Sqrt((3*phase+line)/18) * math.Sqrt(current/3)
}
