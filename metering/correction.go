package metering

import (
	"math"
	"math/cmplx"

	"github.com/hepmeter/hepmeter/waveform"
)

// Correction is what is known of the errors of one instrument transformer, from its
// test sheet (IEEE C57.13). It applies to one-second results and to energy; half cycles,
// windows and spectra stay as measured.
type Correction struct {
	// Role is the input that the transformer feeds, RatedSecondary its rating in the
	// unit of that input.
	Role           waveform.Role
	RatedSecondary float64
	// Ratio is the ratio correction factor (true ratio over marked ratio) and Phase the
	// phase error in minutes, positive while the secondary leads, at ascending test
	// points. Between points they are interpolated, beyond the ends held; without
	// points there is no such error.
	Ratio, Phase []TestPoint
}

// TestPoint is one line of a test sheet.
type TestPoint struct {
	Percent float64 // of the rated secondary
	Value   float64
}

// at returns the factor that turns the fundamental of the secondary, measured with this
// RMS value, into what an ideal transformer would give, and its magnitude.
func (c *Correction) at(secondary float64) (factor complex128, magnitude float64) {
	percent := 100 * secondary / c.RatedSecondary
	magnitude = interpolate(c.Ratio, percent, 1)
	minutes := interpolate(c.Phase, percent, 0)
	return cmplx.Rect(magnitude, -minutes/60*math.Pi/180), magnitude
}

// interpolate returns the value of ascending points at a percentage; without points it
// is none.
func interpolate(points []TestPoint, percent, none float64) float64 {
	if len(points) == 0 || math.IsNaN(percent) {
		return none
	}
	before := points[0]
	for _, p := range points {
		if percent <= p.Percent {
			if p.Percent == before.Percent {
				return p.Value
			}
			return before.Value + (p.Value-before.Value)*(percent-before.Percent)/(p.Percent-before.Percent)
		}
		before = p
	}
	return before.Value
}

// corrector applies the corrections of a configuration to windows.
type corrector struct {
	of     map[waveform.Role]*Correction
	window Window
	rms    []float64    // of every lane, corrected, in primary units
	phasor []complex128 // of every lane, corrected, in its own unit
}

// newCorrector returns nil if no connected input has a correction.
func newCorrector(cfg *Config, w *wiring) *corrector {
	c := &corrector{of: map[waveform.Role]*Correction{}, rms: make([]float64, len(w.lanes)), phasor: make([]complex128, len(w.lanes))}
	for i := range cfg.Corrections {
		x := &cfg.Corrections[i]
		if len(x.Ratio)+len(x.Phase) > 0 && x.RatedSecondary > 0 {
			for _, l := range w.lanes {
				if l.input != none && l.role == x.Role {
					c.of[x.Role] = x
				}
			}
		}
	}
	if len(c.of) == 0 {
		return nil
	}
	return c
}

// corrected returns the window as it is with ideal instrument transformers: RMS values,
// powers, deviations from the mean and energy. Without corrections it is w itself.
//
// The fundamental of an input is turned and scaled, what derives from inputs is formed
// anew from their fundamentals. The rest of an RMS value, and the power of harmonics,
// is scaled alone: a test sheet tells nothing of the phase error of harmonics.
func (v *windows) corrected(e *Engine, w *Window) *Window {
	c := v.corrector
	if c == nil {
		return w
	}
	out := &c.window
	*out = *w
	for n := range v.h.wires.lanes {
		l := &v.h.wires.lanes[n]
		measured := complex(v.spectrum.phasor[n][0], v.spectrum.phasor[n][1])
		c.phasor[n], c.rms[n] = measured, v.rms[n]
		switch x := c.of[l.role]; {
		case l.input == none:
			sum := complex128(0)
			for _, t := range l.terms {
				sum += complex(t.factor, 0) * c.phasor[t.lane]
			}
			before, after := l.scale*cmplx.Abs(measured), l.scale*cmplx.Abs(sum)
			c.phasor[n] = sum
			c.rms[n] = available(math.Sqrt(max(0, v.rms[n]*v.rms[n]-before*before) + after*after))
		case x != nil:
			factor, magnitude := x.at(v.rms[n] / l.scale)
			c.phasor[n], c.rms[n] = measured*factor, v.rms[n]*magnitude
		}
		if l.role != waveform.NoRole {
			out.RMS[l.role] = c.rms[n]
		}
	}
	if n := v.h.wires.residual; n != none {
		out.IResidual = c.rms[n]
	}
	out.deviations()

	el := v.elements()
	for k := range el.p {
		u, i := v.h.wires.volts[k], v.h.wires.amps[k]
		if u == none || i == none {
			continue
		}
		s := complex(v.h.wires.lanes[u].scale*v.h.wires.lanes[i].scale, 0) * c.phasor[u] * cmplx.Conj(c.phasor[i])
		apparent := c.rms[u] * c.rms[i]
		gain := quotient(apparent, el.s[k])
		if el.s[k] == 0 {
			gain = 1
		}
		el.p[k] = available((el.p[k]-el.p1[k])*gain + real(s))
		el.p1[k], el.q1[k], el.s[k] = available(real(s)), available(imag(s)), apparent
	}
	v.powers(out, &el, c.rms)
	out.Energy = e.energyOf(&out.Power, out.DurationS, v.h.wires.star)
	return out
}
