package fit

import (
	"errors"
	"fmt"
	"math"
)

// Channel is one channel of the window: each value and the instant at which it
// was taken, in seconds on an axis of the caller's choice. The instants need not
// be equidistant, nor those of the other channels. A NaN value is left out.
type Channel struct {
	Times, Values []float64
}

// Options says how to fit. The zero Options is complete but for Reference.
type Options struct {
	// Reference lists the channels that determine the frequency, together: normally
	// the voltages. Empty means all channels.
	Reference []int
	// Origin is the instant at which angles are taken, on the axis of the times.
	Origin float64
	// LowHz and HighHz bound the search; 0 and 0 mean 35 and 90 Hz, which holds both
	// line frequencies and a machine that is running up or being shed.
	LowHz, HighHz float64
	// MaxOrder limits the harmonics; 0 means 50.
	MaxOrder int
}

// The range searched for the fundamental by default.
const (
	DefaultLowHz  = 35
	DefaultHighHz = 90
)

// Line is one spectral line: the RMS magnitude, and the angle in degrees
// (-180, 180] of a cosine at the origin.
type Line struct{ RMS, Deg float64 }

// Spectrum is the fitted content of one channel.
type Spectrum struct {
	// DC is the constant component.
	DC float64
	// Lines[h] is harmonic h; Lines[0] is unused. It is nil where the channel had too
	// few samples.
	Lines []Line
	// ResidualPct is the RMS of what the fit leaves, in % of the channel's RMS.
	ResidualPct float64
}

// THDPct returns the total harmonic distortion of the fitted lines, orders 2 and
// up, in % of the fundamental; NaN without one.
func (s *Spectrum) THDPct() float64 {
	if len(s.Lines) < 2 || s.Lines[1].RMS == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, l := range s.Lines[2:] {
		sum += l.RMS * l.RMS
	}
	return 100 * math.Sqrt(sum) / s.Lines[1].RMS
}

// Result is what a window holds.
type Result struct {
	FrequencyHz float64
	// Orders is the highest harmonic fitted.
	Orders int
	// ResidualPct is what the fit leaves of the reference channels together, in % of
	// their RMS. Above about 1 the window is no steady state, and all but plain means
	// is only indicative.
	ResidualPct   float64
	Channels      []Spectrum
	fundamentalHz float64
	origin        float64
	coef          [][]float64
	middle        []float64
}

// leastCycles is the shortest window in cycles. Noiseless samples would determine
// a sine from less; recorded ones do not.
const leastCycles = 0.5

// ErrUndetermined says that a window does not hold enough to fit a fundamental.
var ErrUndetermined = errors.New("the window does not determine a fundamental")

// Orders returns the highest order that n samples at rateHz support when the
// fundamental is hz: at most limit, no line above 0.45 of the rate (an
// anti-aliasing filter leaves nothing true above that), and at least two samples
// per coefficient.
func Orders(n int, rateHz, hz float64, limit int) int {
	k := int(0.45 * rateHz / hz)
	if byCount := (n/2 - 1) / 2; byCount < k {
		k = byCount
	}
	if k > limit {
		k = limit
	}
	return k
}

// Fit measures the window. It fails with ErrUndetermined (wrapped) if the
// reference channels hold no fundamental in the range searched.
func Fit(channels []Channel, opt Options) (*Result, error) {
	if opt.LowHz == 0 && opt.HighHz == 0 {
		opt.LowHz, opt.HighHz = DefaultLowHz, DefaultHighHz
	}
	if opt.MaxOrder <= 0 {
		opt.MaxOrder = 50
	}
	for c, ch := range channels {
		if len(ch.Times) != len(ch.Values) {
			return nil, fmt.Errorf("fit: channel %d has %d times for %d values", c, len(ch.Times), len(ch.Values))
		}
	}
	reference := opt.Reference
	if len(reference) == 0 {
		for c := range channels {
			reference = append(reference, c)
		}
	}
	var refs []*track
	for _, c := range reference {
		if t := newTrack(channels[c]); t.usable() {
			refs = append(refs, t)
		}
	}
	if len(refs) == 0 {
		return nil, fmt.Errorf("fit: %w: no reference channel has five samples that are not all zero", ErrUndetermined)
	}
	hz, err := coarse(refs, opt.LowHz, opt.HighHz)
	if err != nil {
		return nil, err
	}
	if span := refs[0].span(); span*hz < leastCycles {
		return nil, fmt.Errorf("fit: %w: %.4g s are less than half a cycle", ErrUndetermined, span)
	}
	// The coarse frequency is off by up to a grid step, which can cost an order at the
	// limit; a fit of few lines settles it first.
	hz = refine(refs, hz, min(3, highest(refs, hz, opt.MaxOrder)), opt)
	orders := highest(refs, hz, opt.MaxOrder)
	if orders < 1 {
		return nil, fmt.Errorf("fit: %w: %d samples are too few or cover too little of a cycle", ErrUndetermined, len(refs[0].values))
	}
	hz = refine(refs, hz, orders, opt)

	r := &Result{FrequencyHz: hz, Orders: orders, ResidualPct: math.NaN(), origin: opt.Origin, fundamentalHz: hz,
		Channels: make([]Spectrum, len(channels)), coef: make([][]float64, len(channels)), middle: make([]float64, len(channels))}
	left, all := 0.0, 0.0
	for c, ch := range channels {
		t := newTrack(ch)
		r.Channels[c], r.coef[c] = t.spectrum(hz, orders, opt.Origin)
		r.middle[c] = t.middle
		for _, ref := range reference {
			if ref == c && r.Channels[c].Lines != nil {
				share := r.Channels[c].ResidualPct / 100
				left += share * share * t.energy
				all += t.energy
			}
		}
	}
	if all > 0 {
		r.ResidualPct = 100 * math.Sqrt(left/all)
	}
	return r, nil
}

// highest returns the highest order that all reference channels carry at hz, 0 if
// none.
func highest(refs []*track, hz float64, limit int) int {
	for _, t := range refs {
		limit = min(limit, Orders(len(t.values), t.rate(), hz, limit))
	}
	// A window with less than a cycle or with holes may not carry the orders that its
	// rate would.
	for ; limit >= 1; limit-- {
		if _, ok := newBasis(refs[0].times, hz, limit); ok {
			return limit
		}
	}
	return 0
}

// At returns the fitted value of channel c at the instant t, NaN where the
// channel has no fit.
func (r *Result) At(c int, t float64) float64 {
	coef := r.coef[c]
	if coef == nil {
		return math.NaN()
	}
	cycles := r.fundamentalHz * (t - r.middle[c])
	sn, cs := math.Sincos(2 * math.Pi * (cycles - math.Round(cycles)))
	sum := coef[0]
	re, im := cs, sn
	for h := 1; 2*h < len(coef); h++ {
		sum += coef[2*h-1]*re + coef[2*h]*im
		re, im = re*cs-im*sn, re*sn+im*cs
	}
	return sum
}

// track is a channel without its missing samples, its times counted from the
// middle of the window, where the conditioning is best.
type track struct {
	times, values []float64
	middle        float64
	energy        float64 // Σ x²
}

func newTrack(ch Channel) *track {
	t := &track{}
	first, last := math.NaN(), math.NaN()
	for k, v := range ch.Values {
		if math.IsNaN(v) || math.IsNaN(ch.Times[k]) {
			continue
		}
		if len(t.values) == 0 {
			first = ch.Times[k]
		}
		last = ch.Times[k]
		t.times = append(t.times, ch.Times[k])
		t.values = append(t.values, v)
		t.energy += v * v
	}
	t.middle = (first + last) / 2
	for k := range t.times {
		t.times[k] -= t.middle
	}
	return t
}

// leastSamples is how many samples a channel needs: two more than the unknowns of
// one line beside DC.
const leastSamples = 5

// usable reports whether t can tell a frequency.
func (t *track) usable() bool { return len(t.values) >= leastSamples && t.energy > 0 && t.span() > 0 }

// rate is the mean sampling rate.
func (t *track) rate() float64 {
	n := len(t.times)
	return float64(n-1) / (t.times[n-1] - t.times[0])
}

func (t *track) span() float64 { return t.times[len(t.times)-1] - t.times[0] }

// spectrum fits the lines of one channel at a known frequency, with fewer orders
// where the channel has fewer samples than the reference.
func (t *track) spectrum(hz float64, orders int, origin float64) (Spectrum, []float64) {
	none := Spectrum{DC: math.NaN(), ResidualPct: math.NaN()}
	if len(t.values) < leastSamples || !(t.span() > 0) {
		return none, nil
	}
	orders = min(orders, Orders(len(t.values), t.rate(), hz, orders))
	var b *basis
	for ; orders >= 1; orders-- {
		var ok bool
		if b, ok = newBasis(t.times, hz, orders); ok {
			break
		}
	}
	if orders < 1 {
		return none, nil
	}
	coef := b.solve(t.values)
	model := make([]float64, len(t.values))
	b.evaluate(coef, model, nil)
	left := 0.0
	for k, v := range t.values {
		left += (v - model[k]) * (v - model[k])
	}
	s := Spectrum{DC: coef[0], Lines: make([]Line, orders+1)}
	if t.energy > 0 {
		s.ResidualPct = 100 * math.Sqrt(left/t.energy)
	}
	for h := 1; h <= orders; h++ {
		a, bb := coef[2*h-1], coef[2*h]
		cycles := float64(h) * hz * (origin - t.middle)
		deg := 360*(cycles-math.Round(cycles)) - math.Atan2(bb, a)*180/math.Pi
		s.Lines[h] = Line{RMS: math.Hypot(a, bb) / math.Sqrt2, Deg: wrap(deg)}
	}
	return s, coef
}

// wrap brings an angle into (-180, 180].
func wrap(deg float64) float64 {
	deg = math.Mod(deg, 360)
	if deg > 180 {
		deg -= 360
	}
	if deg <= -180 {
		deg += 360
	}
	return deg
}
