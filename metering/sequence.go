package metering

import (
	"math"
	"math/cmplx"

	"github.com/hepmeter/hepmeter/waveform"
)

// symmetry fills symmetrical components, unbalance and the deviations from the mean,
// and raises the phase order alarm.
//
// Three line-to-line voltages have no zero sequence of their own; where they are
// all there is, the components are those of the line-to-line voltages and u0 is not
// available. A set that rotates against the configured order has a negative sequence
// instead of a positive one: the ratio of the two would be thousands of percent of
// nothing, so the unbalance is not available and the alarm says why.
func (v *windows) symmetry(w *Window) {
	volts := [3]waveform.Role{waveform.V1, waveform.V2, waveform.V3}
	lines := [3]waveform.Role{waveform.V12, waveform.V23, waveform.V31}
	amps := [3]waveform.Role{waveform.I1, waveform.I2, waveform.I3}

	neutral := v.complete(volts)
	if !neutral {
		volts = lines
	}
	var reversed bool
	w.Voltage, w.U2, w.U0, reversed = v.components(volts)
	if reversed && v.cfg.VoltsMode != Single {
		w.Flags |= FlagPhaseOrder
	}
	if !neutral {
		w.U0, w.Voltage.Zero = NotAvailable, Phasor{NotAvailable, NotAvailable}
	}
	w.Current, w.I2, w.I0, _ = v.components(amps)
	if reversed {
		w.I2, w.I0 = NotAvailable, NotAvailable
	}
	if v.cfg.VoltsMode == Single {
		w.U2, w.U0, w.I2, w.I0 = NotAvailable, NotAvailable, NotAvailable, NotAvailable
	}
	w.deviations()
}

// deviations fills the deviations from the mean.
func (w *Window) deviations() {
	w.VWorstLN = worst(&w.RMS, [3]waveform.Role{waveform.V1, waveform.V2, waveform.V3})
	w.VWorstLL = worst(&w.RMS, [3]waveform.Role{waveform.V12, waveform.V23, waveform.V31})
	w.IWorst = worst(&w.RMS, [3]waveform.Role{waveform.I1, waveform.I2, waveform.I3})
}

// complete reports whether all three roles have lanes.
func (v *windows) complete(roles [3]waveform.Role) bool {
	w := v.h.wires
	return w.has(roles[0]) && w.has(roles[1]) && w.has(roles[2])
}

// components returns the symmetrical components of three fundamentals, the negative
// and zero sequence in percent of the positive, and whether the set rotates against
// the configured order.
func (v *windows) components(roles [3]waveform.Role) (seq Sequence, negative, zero float64, reversed bool) {
	na := Phasor{NotAvailable, NotAvailable}
	if !v.complete(roles) {
		return Sequence{na, na, na}, NotAvailable, NotAvailable, false
	}
	var p [3]complex128
	scale := 0.0
	for k, r := range roles {
		n := v.h.wires.of[r]
		p[k] = complex(v.spectrum.phasor[n][0], v.spectrum.phasor[n][1])
		scale = v.h.wires.lanes[n].scale
	}
	if v.cfg.PhaseOrder == ACB {
		p[1], p[2] = p[2], p[1]
	}
	a := cmplx.Rect(1, 2*math.Pi/3)
	pos := (p[0] + a*p[1] + a*a*p[2]) / 3
	neg := (p[0] + a*a*p[1] + a*p[2]) / 3
	hom := (p[0] + p[1] + p[2]) / 3
	seq = Sequence{
		Pos:  polar(scale, [2]float64{real(pos), imag(pos)}),
		Neg:  polar(scale, [2]float64{real(neg), imag(neg)}),
		Zero: polar(scale, [2]float64{real(hom), imag(hom)}),
	}
	// A set with equal shares (one phase alone) rotates neither way, and neither does
	// the noise of dead inputs: the alarm needs a negative sequence that is most of
	// what is there.
	if cmplx.Abs(neg) > (1+1e-6)*cmplx.Abs(pos) {
		there := 0.0
		for _, r := range roles {
			u := v.rms[v.h.wires.of[r]] / scale
			there += u * u
		}
		reversed = real(neg*cmplx.Conj(neg)) > there/12
		return seq, NotAvailable, NotAvailable, reversed
	}
	positive := cmplx.Abs(pos)
	return seq, 100 * quotient(cmplx.Abs(neg), positive), 100 * quotient(cmplx.Abs(hom), positive), false
}

// worst returns the largest deviation from the mean of three RMS values, in percent
// of the mean.
func worst(rms *PerInput, roles [3]waveform.Role) float64 {
	a, b, c := rms[roles[0]], rms[roles[1]], rms[roles[2]]
	mean := (a + b + c) / 3
	return 100 * quotient(max(math.Abs(a-mean), math.Abs(b-mean), math.Abs(c-mean)), mean)
}
