package fit

import (
	"fmt"
	"math"
)

// longestScan is the stretch, in seconds, on which the frequency is first looked
// for: some 20 cycles are enough to tell the fundamental from its neighbours, and
// a grid fine enough for a long window would cost its length squared.
const longestScan = 0.4

// Frequency returns the frequency of the strongest line between lowHz and highHz
// in the channels together, and the share (0 to 1) of their energy without DC
// that a sine of that frequency explains. It is the quick look that tells a
// 50 Hz record from a 60 Hz one.
func Frequency(channels []Channel, lowHz, highHz float64) (hz, share float64, err error) {
	var refs []*track
	for _, ch := range channels {
		if t := newTrack(ch); t.usable() {
			refs = append(refs, t.middlePart(longestScan))
		}
	}
	if len(refs) == 0 {
		return 0, 0, fmt.Errorf("fit: %w: no channel has five samples that are not all zero", ErrUndetermined)
	}
	if hz, err = coarse(refs, lowHz, highHz); err != nil {
		return 0, 0, err
	}
	hz = refine(refs, hz, 1, Options{LowHz: lowHz, HighHz: highHz})
	left, all := 0.0, 0.0
	for _, t := range refs {
		l, a := t.leftBySine(hz)
		left += l
		all += a
	}
	if all == 0 {
		return hz, 0, nil
	}
	return hz, 1 - left/all, nil
}

// coarse returns the frequency at which DC and one sine explain most of the
// reference channels. Only one sine: half the true frequency with all its
// harmonics would fit as well as the true one.
func coarse(refs []*track, lowHz, highHz float64) (float64, error) {
	parts := make([]*track, len(refs))
	span := 0.0
	for i, t := range refs {
		parts[i] = t.middlePart(longestScan).thinned(scanPerCycle * highHz)
		span = math.Max(span, parts[i].span())
		// Above half the rate a line is its own mirror image.
		highHz = math.Min(highHz, 0.49*parts[i].rate())
	}
	if !(span > 0) || !(highHz > lowHz) {
		return 0, fmt.Errorf("fit: %w: the sampling rate is too low for a fundamental of %g Hz or more", ErrUndetermined, lowHz)
	}
	step := math.Min(1, 1/(8*span))
	best, bestLeft := 0.0, math.Inf(1)
	for n := 0; ; n++ {
		hz := lowHz + float64(n)*step
		if hz > highHz {
			break
		}
		left := 0.0
		for _, t := range parts {
			l, _ := t.leftBySine(hz)
			left += l
		}
		if left < bestLeft {
			best, bestLeft = hz, left
		}
	}
	if math.IsInf(bestLeft, 1) {
		return 0, fmt.Errorf("fit: %w: the window covers too little of a cycle", ErrUndetermined)
	}
	return best, nil
}

// scanPerCycle is how many samples per cycle of the highest frequency the scan looks
// at: enough for the strongest line, whatever the rate of the recording.
const scanPerCycle = 20

// thinned returns t with runs of samples averaged, at rateHz or somewhat more, and
// with no fewer samples than a line needs however short t is.
func (t *track) thinned(rateHz float64) *track {
	run := int(math.Min(t.rate()/rateHz, float64(len(t.times)/leastSamples)))
	if run < 2 {
		return t
	}
	p := &track{middle: t.middle}
	for k := 0; k+run <= len(t.times); k += run {
		time, value := 0.0, 0.0
		for i := k; i < k+run; i++ {
			time += t.times[i]
			value += t.values[i]
		}
		p.times = append(p.times, time/float64(run))
		p.values = append(p.values, value/float64(run))
	}
	return p
}

// middlePart returns the part of t within seconds around its middle.
func (t *track) middlePart(seconds float64) *track {
	if t.span() <= seconds {
		return t
	}
	first, end := 0, len(t.times)
	for first < end && t.times[first] < -seconds/2 {
		first++
	}
	for end > first && t.times[end-1] > seconds/2 {
		end--
	}
	if end-first < leastSamples {
		return t
	}
	p := &track{times: t.times[first:end], values: t.values[first:end], middle: t.middle}
	for _, v := range p.values {
		p.energy += v * v
	}
	return p
}

// leftBySine returns the energy that DC and a sine of frequency hz leave in t,
// and the energy that DC alone leaves. Where they are not determined (less than
// a good part of a cycle) it leaves infinity.
func (t *track) leftBySine(hz float64) (left, all float64) {
	var n, sc, ss, scc, sss, scs, sx, sxx, sxc, sxs float64
	for k, time := range t.times {
		cycles := hz * time
		s, c := math.Sincos(2 * math.Pi * (cycles - math.Round(cycles)))
		x := t.values[k]
		n++
		sc += c
		ss += s
		scc += c * c
		sss += s * s
		scs += c * s
		sx += x
		sxx += x * x
		sxc += x * c
		sxs += x * s
	}
	all = math.Max(sxx-sx*sx/n, 0)
	var f cholesky
	if !f.decompose([]float64{n, 0, 0, sc, scc, 0, ss, scs, sss}, 3) {
		return math.Inf(1), all
	}
	p := []float64{sx, sxc, sxs}
	f.solve(p)
	return math.Max(sxx-p[0]*sx-p[1]*sxc-p[2]*sxs, 0), all
}

// refine minimises the residual of the reference channels over the frequency by
// variable projection: for every trial frequency the amplitudes are those of the
// linear fit, and the step is Gauss-Newton's on what the fit cannot explain. It
// works outwards from the middle of the window, because the phase over a long
// window would wrap under the error of a coarse frequency.
func refine(refs []*track, hz float64, orders int, opt Options) float64 {
	longest := 0.0
	for _, t := range refs {
		longest = math.Max(longest, t.span())
	}
	for seconds := longestScan; ; seconds *= 4 {
		parts := make([]*track, len(refs))
		for i, t := range refs {
			parts[i] = t.middlePart(seconds)
		}
		if seconds < longest {
			hz = descend(parts, hz, min(orders, 5), opt)
			continue
		}
		return descend(parts, hz, orders, opt)
	}
}

func descend(refs []*track, hz float64, orders int, opt Options) float64 {
	cost, step, ok := project(refs, hz, orders)
	if !ok {
		return hz
	}
	for iteration := 0; iteration < 30; iteration++ {
		if math.Abs(step) < 1e-10*hz {
			break
		}
		// Halve the step until it gains: far from the minimum a full one may overshoot.
		taken := false
		for halving := 0; halving < 20; halving++ {
			next := math.Min(math.Max(hz+step, opt.LowHz), opt.HighHz)
			nextCost, nextStep, ok := project(refs, next, orders)
			if ok && nextCost < cost {
				hz, cost, step, taken = next, nextCost, nextStep, true
				break
			}
			step /= 2
		}
		if !taken {
			break
		}
	}
	return hz
}

// project returns the residual energy at hz and Gauss-Newton's step from there.
func project(refs []*track, hz float64, orders int) (cost, step float64, ok bool) {
	var numerator, denominator float64
	for _, t := range refs {
		b, good := newBasis(t.times, hz, orders)
		if !good {
			return math.Inf(1), 0, false
		}
		n := len(t.values)
		model, slope := make([]float64, n), make([]float64, n)
		b.evaluate(b.solve(t.values), model, slope)
		inside := make([]float64, n)
		b.evaluate(b.solve(slope), inside, nil)
		for k, v := range t.values {
			residual := v - model[k]
			outside := slope[k] - inside[k]
			cost += residual * residual
			numerator += outside * residual
			denominator += outside * outside
		}
	}
	if denominator == 0 {
		return cost, 0, true
	}
	return cost, numerator / denominator, true
}
