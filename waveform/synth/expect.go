package synth

import (
	"fmt"
	"math"
	"math/cmplx"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// Truth is what an ideal meter reads of a steady scenario, by formula: nothing in
// it is computed from samples.
type Truth struct {
	FrequencyHz float64
	// Channels has all channels, hidden ones too.
	Channels map[waveform.Role]ChannelTruth
	// Phase has the powers of phases 1 to 3 from V1 V2 V3 and I1 I2 I3; a phase
	// without voltage or current has zeros.
	Phase [3]PowerTruth
	Total TotalTruth
	// Voltage and Current are the symmetrical components of the fundamentals, zero
	// where there are no three.
	Voltage, Current SequenceTruth
}

// ChannelTruth is one channel. Units are V or A.
type ChannelTruth struct {
	RMS float64 // true RMS with DC, harmonics, interharmonics and noise
	DC  float64
	// Fundamental is the RMS phasor; its angle is that of a cosine at the time
	// asked for. Harmonics[h] is that of order h; [0] is unused, [1] the fundamental.
	Fundamental    complex128
	Harmonics      []complex128
	Interharmonics []Line
	NoiseRMS       float64
}

// Line is an interharmonic component.
type Line struct{ Hz, RMS float64 }

// Degrees returns the phase of the fundamental as a cosine, -180 to 180.
func (c ChannelTruth) Degrees() float64 { return cmplx.Phase(c.Fundamental) * 180 / math.Pi }

// Percent returns harmonic h in percent of the fundamental.
func (c ChannelTruth) Percent(h int) float64 {
	if h >= len(c.Harmonics) {
		return 0
	}
	return 100 * cmplx.Abs(c.Harmonics[h]) / cmplx.Abs(c.Fundamental)
}

// THDPercent returns the distortion of the orders 2 to highest, in percent of the
// fundamental.
func (c ChannelTruth) THDPercent(highest int) float64 {
	sum := 0.0
	for h := 2; h <= highest && h < len(c.Harmonics); h++ {
		sum += math.Pow(cmplx.Abs(c.Harmonics[h]), 2)
	}
	return 100 * math.Sqrt(sum) / cmplx.Abs(c.Fundamental)
}

// PowerTruth is the power of one phase, in W, var and VA: P of everything, P1 and
// Q1 of the fundamental (positive inductive), S = U·I.
type PowerTruth struct{ P, P1, Q1, S float64 }

// PF returns P/S, and NaN without a current.
func (p PowerTruth) PF() float64 { return p.P / p.S }

// TotalTruth is the power of the three phases: sums, and two apparent powers:
// SVector = √((ΣP)² + (ΣQ)²) with Q of a phase = sign(Q1)·√(S² - P²), and
// SArithmetic = ΣS.
type TotalTruth struct{ P, P1, Q1, SVector, SArithmetic float64 }

// SequenceTruth has the symmetrical components as RMS phasors.
type SequenceTruth struct{ Positive, Negative, Zero complex128 }

// NegativePercent is u2, the negative in percent of the positive sequence.
func (s SequenceTruth) NegativePercent() float64 {
	return 100 * cmplx.Abs(s.Negative) / cmplx.Abs(s.Positive)
}

// ZeroPercent is u0, the zero in percent of the positive sequence.
func (s SequenceTruth) ZeroPercent() float64 {
	return 100 * cmplx.Abs(s.Zero) / cmplx.Abs(s.Positive)
}

// Expect returns the truth of the state in force at atSeconds, as if it lasted.
// rateHz is as in Source; angles are those at the first sample not before
// atSeconds. It fails where nothing is steady then: a ramp, wander, fluctuation,
// changing load, modulation or transient.
func (s *Scenario) Expect(rateHz, atSeconds float64) (*Truth, error) {
	steady := *s
	steady.DurationSeconds = 0
	g, err := steady.generator(rateHz, time.Time{})
	if err != nil {
		return nil, err
	}
	if len(s.Frequency.Wander) > 0 {
		return nil, fmt.Errorf("synth: the frequency wanders: there is no steady state to expect")
	}
	n := sampleAt(atSeconds, g.rate)
	within := n
	if g.supply.period > 0 {
		within = n % g.supply.period
	}
	if g.supply.pieces[g.supply.pieceOf(within)].bend != 0 {
		return nil, fmt.Errorf("synth: the frequency is on a ramp at %g s", atSeconds)
	}
	for i := range g.gains {
		if !g.gains[i].steady() {
			return nil, fmt.Errorf("synth: a load or the supply fluctuates: there is no steady state to expect")
		}
	}
	for i := range g.events {
		h := &g.events[i]
		h.rewind(n, g.supply, g.events)
		if !h.active(n) {
			continue
		}
		if n < h.start+h.ramp || h.kind == "modulation" || h.kind == "oscillatory" || h.kind == "impulse" {
			return nil, fmt.Errorf("synth: events[%d] (%s) is at work at %g s: there is no steady state to expect", i, h.kind, atSeconds)
		}
	}
	g.weigh(n, n)
	truth := &Truth{FrequencyHz: g.supply.hz(n), Channels: map[waveform.Role]ChannelTruth{}}
	spectra := make([][]complex128, len(g.channels)) // RMS phasor of each wave
	var dc, noise []float64
	for i := range g.channels {
		c := &g.channels[i]
		spectrum := make([]complex128, len(g.waves))
		d, z := c.dc, c.noise*c.noise
		for _, w := range c.derive {
			d += w.k * dc[w.channel]
			z += w.k * w.k * noise[w.channel] // independent in each channel
			for k := range spectrum {
				spectrum[k] += complex(w.k, 0) * spectra[w.channel][k]
			}
		}
		for k, w := range c.waves {
			x := g.waves[w].pace.after(n)
			if r := g.waves[w].ratio; r != 0 {
				x = g.supply.phase(n).times(r)
			}
			sin, cos := sincos(x.frac)
			spectrum[w] += c.c0[k] * complex(cos/math.Sqrt2, sin/math.Sqrt2)
		}
		spectra[i], dc, noise = spectrum, append(dc, d), append(noise, z)
		truth.Channels[c.role] = g.channelTruth(spectrum, d, z, truth.FrequencyHz)
	}
	g.powers(truth, spectra, dc)
	return truth, nil
}

func (g *generator) channelTruth(spectrum []complex128, dc, noise, hz float64) ChannelTruth {
	t := ChannelTruth{DC: dc, NoiseRMS: math.Sqrt(noise)}
	sum := dc*dc + noise
	for k, x := range spectrum {
		if x == 0 {
			continue
		}
		sum += real(x)*real(x) + imag(x)*imag(x)
		w := &g.waves[k]
		if w.order == 0 {
			t.Interharmonics = append(t.Interharmonics, Line{w.ratio*hz + w.pace.hi*g.rate, cmplx.Abs(x)})
			continue
		}
		for len(t.Harmonics) <= w.order {
			t.Harmonics = append(t.Harmonics, 0)
		}
		t.Harmonics[w.order] = x
	}
	t.Fundamental = spectrum[0]
	t.RMS = math.Sqrt(sum)
	return t
}

func (g *generator) powers(truth *Truth, spectra [][]complex128, dc []float64) {
	index := map[waveform.Role]int{}
	for i := range g.channels {
		index[g.channels[i].role] = i
	}
	var sumQ float64
	var u, i3 [3]complex128
	for p := range 3 {
		v, hasV := index[starRoles[p]]
		i, hasI := index[lineRoles[p]]
		if hasV {
			u[p] = spectra[v][0]
		}
		if hasI {
			i3[p] = spectra[i][0]
		}
		if !hasV || !hasI {
			continue
		}
		t := &truth.Phase[p]
		t.P = dc[v] * dc[i]
		for k := range spectra[v] {
			t.P += real(spectra[v][k] * cmplx.Conj(spectra[i][k]))
		}
		one := spectra[v][0] * cmplx.Conj(spectra[i][0])
		t.P1, t.Q1 = real(one), imag(one)
		t.S = truth.Channels[starRoles[p]].RMS * truth.Channels[lineRoles[p]].RMS
		truth.Total.P += t.P
		truth.Total.P1 += t.P1
		truth.Total.Q1 += t.Q1
		truth.Total.SArithmetic += t.S
		sumQ += math.Copysign(math.Sqrt(math.Max(0, t.S*t.S-t.P*t.P)), t.Q1)
	}
	truth.Total.SVector = math.Hypot(truth.Total.P, sumQ)
	truth.Voltage, truth.Current = sequence(u), sequence(i3)
}

func sequence(x [3]complex128) SequenceTruth {
	a := cmplx.Rect(1, 2*math.Pi/3)
	return SequenceTruth{
		Positive: (x[0] + a*x[1] + a*a*x[2]) / 3,
		Negative: (x[0] + a*a*x[1] + a*x[2]) / 3,
		Zero:     (x[0] + x[1] + x[2]) / 3,
	}
}
