package metering

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// The tracker turns cell sums into the phase of the fundamental as a function of
// time, a few points per cycle: windows end where it has advanced by 10 or 12
// cycles, half cycles where it crosses zero. Between points it is interpolated by a
// cubic.
//
// Each point is the output of a linear-phase band-pass, a cos⁴ window of six
// nominal cycles on the nominal frequency. It rejects DC, the image at -f (by 100 dB),
// harmonics (the second of 42.5 Hz by 62 dB) and interharmonics, so that no distortion makes a second crossing, and its delay
// is the same at every frequency.

const (
	// cellsPerCycle is the rate to which samples are added up before filtering; the
	// cell's own low-pass keeps orders near 64 from folding onto the fundamental.
	cellsPerCycle = 64
	// pointsPerCycle is the number of phase points in a nominal cycle.
	pointsPerCycle = 4
	// filterCycles is the length of the band-pass.
	filterCycles = 6
	// band is the largest deviation from the nominal frequency that is tracked, with
	// a margin over the 15 % of the standard.
	band = 0.16
	// purity is the least share of the fundamental in the AC power of a usable input.
	purity = 0.02
	// weak and strong are the amplitudes, relative to the largest voltage, at which a
	// reference is left and taken again (10 % beside 150 % of Udin is 0.067).
	weak, strong = 0.04, 0.06
)

// tracked is the phase track of one lane.
type tracked struct {
	lane int
	// candidate says that the lane may be the reference.
	candidate bool
	// own says that the lane is filtered itself, not combined from filtered ones.
	own bool
	// phase is that of the fundamental, a cosine, in cycles, unwrapped, one value per
	// point. While the lane has no usable fundamental it advances with the system.
	phase []float64
	// re and im are the newest filter output, angle its phase, power its mean square.
	re, im, angle, power float64
	usable               bool
}

// tracker follows the fundamental of all voltages, and of a current if there is no
// usable voltage.
type tracker struct {
	h *history
	// cos and sin are the right half of the filter; the other half mirrors it.
	cos, sin []float64
	// gain turns |filter output|² into the mean square of the fundamental.
	gain float64
	// half is the number of cells on either side of the centre, stride the cells
	// between points.
	half, stride int
	// step is the distance of points in samples, advance what a nominal fundamental
	// advances in it, in cycles.
	step, advance float64
	nominalHz     float64
	rateHz        float64

	lanes []tracked
	// voltages is the number of tracked lanes that are voltages; they come first.
	voltages int
	// ofLane finds the track of a lane.
	ofLane []int

	// phase is the phase of the system: that of the reference, made continuous where
	// the reference changes. Point i is at position start + i·step; points are known
	// up to points. flags and reference tell how each came about.
	phase     []float64
	flags     []Flags
	reference []int
	points    int
	start     float64
	// lead is the number of points in front of the first filter output, next the cell
	// at the centre of the next output.
	lead, next int
	outputs    int
	// ended says that the stretch is over and the tracks reach behind its end.
	ended bool
	// recent are the per-point AC sums under the filter.
	recentSum, recentSquare [][]float64
	// hold is the smoothed advance per point, used when there is no reference.
	hold    float64
	current int
}

// newTracker designs the filter and lists the lanes to follow.
func newTracker(h *history, nominalHz, rateHz float64) *tracker {
	cells := rateHz / nominalHz / float64(h.cell) // per nominal cycle
	t := &tracker{h: h, nominalHz: nominalHz, rateHz: rateHz}
	t.half = int(filterCycles * cells / 2)
	t.stride = max(1, int(math.Round(cells/pointsPerCycle)))
	t.step = float64(t.stride * h.cell)
	t.advance = float64(t.stride) / cells

	t.cos, t.sin = make([]float64, t.half+1), make([]float64, t.half+1)
	area := 0.0
	for k := range t.cos {
		w := math.Pow(math.Cos(math.Pi*float64(k)/(filterCycles*cells)), 4)
		s, c := math.Sincos(2 * math.Pi * float64(k) / cells)
		t.cos[k], t.sin[k] = w*c, w*s
		area += 2 * w
	}
	area = (area - t.cos[0]) * float64(h.cell)
	t.gain = 2 / (area * area)

	t.list()
	centre := float64(t.half*h.cell) + float64(h.cell-1)/2
	t.lead = int(math.Ceil(centre/t.step)) + 2
	t.start = centre - float64(t.lead)*t.step

	points := int(float64(h.size)/t.step) + 2*t.lead + 8
	t.phase = make([]float64, points)
	t.flags = make([]Flags, points)
	t.reference = make([]int, points)
	t.recentSum, t.recentSquare = make([][]float64, len(t.lanes)), make([][]float64, len(t.lanes))
	span := max(1, (2*t.half+1)/t.stride)
	for i := range t.lanes {
		t.lanes[i].phase = make([]float64, points)
		t.recentSum[i], t.recentSquare[i] = make([]float64, span), make([]float64, span)
	}
	t.reset()
	return t
}

// list decides which lanes are tracked: candidates for the reference are the
// connected phase voltages, then line-to-line voltages, then currents.
func (t *tracker) list() {
	w := t.h.wires
	t.ofLane = make([]int, len(w.lanes))
	for i := range t.ofLane {
		t.ofLane[i] = none
	}
	for _, derived := range []bool{false, true} {
		for r := waveform.V1; r <= waveform.V31; r++ {
			n := w.of[r]
			if n == none || (w.lanes[n].input == none) != derived {
				continue
			}
			// A lane derived from tracked ones adds nothing to them as a reference.
			own := !derived || !t.derivable(n)
			t.ofLane[n] = len(t.lanes)
			t.lanes = append(t.lanes, tracked{lane: n, candidate: r != waveform.V4 && own, own: own})
		}
	}
	t.voltages = len(t.lanes)
	for r := waveform.I1; r <= waveform.I5; r++ {
		if n := w.of[r]; n != none && w.lanes[n].input != none {
			t.ofLane[n] = len(t.lanes)
			t.lanes = append(t.lanes, tracked{lane: n, candidate: r != waveform.I4 && r != waveform.I5, own: true})
		}
	}
}

// derivable reports whether all terms of lane n are tracked.
func (t *tracker) derivable(n int) bool {
	for _, term := range t.h.wires.lanes[n].terms {
		if t.ofLane[term.lane] == none {
			return false
		}
	}
	return true
}

// reset begins a new stretch of samples.
func (t *tracker) reset() {
	t.points, t.outputs, t.ended = t.lead, 0, false
	t.next = t.half
	t.hold = t.advance
	t.current = none
	for i := range t.lanes {
		t.lanes[i].usable = false
		t.lanes[i].power = 0
	}
}

// position returns where point i is.
func (t *tracker) position(i int) float64 { return t.start + float64(i)*t.step }

// settled is the number of points after which the filter has forgotten what it saw.
const settled = filterCycles * pointsPerCycle

// minOutputs is the number of points that fix the frequency at the start, a cycle.
const minOutputs = pointsPerCycle + 1

// started reports whether the phase is known from the first sample on.
func (t *tracker) started() bool { return t.outputs >= minOutputs }

// limit returns the position up to which the phase can be interpolated.
func (t *tracker) limit() float64 {
	if !t.started() && !t.ended {
		return math.Inf(-1)
	}
	return t.position(t.points - 2)
}

// drop follows the history when it forgets cells, a multiple of stride.
func (t *tracker) drop(cells int) {
	n := cells / t.stride
	copy(t.phase, t.phase[n:t.points])
	copy(t.flags, t.flags[n:t.points])
	copy(t.reference, t.reference[n:t.points])
	for i := range t.lanes {
		p := t.lanes[i].phase
		copy(p, p[n:t.points])
	}
	t.points -= n
	t.next -= cells
}

// run computes the points that the complete cells allow.
func (t *tracker) run() {
	for t.next+t.half < t.h.cells && t.points < len(t.phase) {
		t.point()
		t.next += t.stride
	}
}

// point computes one point of every track.
func (t *tracker) point() {
	for i := range t.lanes {
		t.measure(i)
	}
	i := t.points
	ref, flags := t.choose()
	before := t.phase[i-1]
	switch {
	case t.outputs == 0 && ref == none:
		t.phase[i] = 0
	case t.outputs == 0:
		t.phase[i] = t.lanes[ref].angle
	case ref == none:
		if t.current != none && t.outputs > settled+pointsPerCycle {
			// The filter saw the loss coming: go on as before that.
			old := i - 1 - settled
			t.hold = (t.phase[old] - t.phase[old-pointsPerCycle]) / pointsPerCycle
		}
		t.phase[i] = before + t.hold
	default:
		step := t.advance + wrap(t.lanes[ref].angle-t.lanes[ref].phase[i-1]-t.advance)
		if ref != t.current {
			step = t.hold // its own step would be from where it free-wheeled to
		}
		t.phase[i] = before + step
		t.hold += (step - t.hold) / 8
		if t.outputs == 1 {
			t.hold = step
		}
	}
	t.current = ref
	t.flags[i], t.reference[i] = flags, ref

	step := t.phase[i] - before
	for k := range t.lanes {
		l := &t.lanes[k]
		switch {
		case t.outputs == 0:
			l.phase[i] = t.phase[i]
			if l.usable {
				l.phase[i] = l.angle
			}
		case l.usable:
			expected := l.phase[i-1] + t.advance
			l.phase[i] = expected + wrap(l.angle-expected)
		default:
			l.phase[i] = l.phase[i-1] + step
		}
	}
	t.points++
	t.outputs++
	if t.outputs == minOutputs {
		t.leadIn()
	}
}

// wrap returns the phase difference d, in cycles, brought into [-1/2, 1/2].
func wrap(d float64) float64 { return d - math.Round(d) }

// measure filters lane i at the next centre and decides whether it has a usable
// fundamental.
func (t *tracker) measure(i int) {
	l := &t.lanes[i]
	sum, square := t.sums(i)
	if l.own {
		l.re, l.im = t.filter(t.h.sum[l.lane])
	} else {
		l.re, l.im = 0, 0
		for _, term := range t.h.wires.lanes[l.lane].terms {
			k := t.ofLane[term.lane]
			l.re += term.factor * t.lanes[k].re
			l.im += term.factor * t.lanes[k].im
		}
	}
	l.power = t.gain * (l.re*l.re + l.im*l.im)
	angle := math.Atan2(l.im, l.re) / (2 * math.Pi)
	inBand := true
	if t.outputs > 0 {
		inBand = math.Abs(wrap(angle-l.angle-t.advance)) <= band*t.advance
	}
	l.angle = angle
	l.usable = inBand && pure(l.power, sum, square)
}

// pure reports whether a fundamental of that mean square is usable in a signal of that
// mean and mean square. The rounding of a large DC is no fundamental.
func pure(fundamental, mean, square float64) bool {
	return fundamental > 1e-12*square && fundamental >= purity*(square-mean*mean)
}

// filter returns the band-pass output Σ s[next+k]·w[k]·e^{-jωk}. Two chains of each sum
// hide the latency of the additions.
func (t *tracker) filter(s []float64) (re, im float64) {
	right := s[t.next : t.next+t.half+1]
	left := s[t.next-t.half : t.next+1]
	left = left[:len(right)]
	cos, sin := t.cos[:len(right)], t.sin[:len(right)]
	re = right[0] * cos[0]
	re2, im2 := 0.0, 0.0
	last := len(left) - 1
	k := 1
	for ; k < len(right)-1; k += 2 {
		a, b := right[k], left[last-k]
		re += (a + b) * cos[k]
		im -= (a - b) * sin[k]
		a, b = right[k+1], left[last-k-1]
		re2 += (a + b) * cos[k+1]
		im2 -= (a - b) * sin[k+1]
	}
	if k < len(right) {
		a, b := right[k], left[last-k]
		re += (a + b) * cos[k]
		im -= (a - b) * sin[k]
	}
	return re + re2, im + im2
}

// sums returns the mean and the mean square of lane i under the filter.
func (t *tracker) sums(i int) (mean, square float64) {
	n := t.lanes[i].lane
	ringSum, ringSquare := t.recentSum[i], t.recentSquare[i]
	if t.outputs == 0 {
		first := t.next + t.half + 1 - len(ringSum)*t.stride
		for k := range ringSum {
			c := first + k*t.stride
			ringSum[k], ringSquare[k] = total(t.h.sum[n][c:c+t.stride]), total(t.h.square[n][c:c+t.stride])
		}
	} else {
		c := t.next + t.half + 1 - t.stride
		slot := (t.outputs - 1) % len(ringSum)
		ringSum[slot], ringSquare[slot] = total(t.h.sum[n][c:c+t.stride]), total(t.h.square[n][c:c+t.stride])
	}
	samples := float64(len(ringSum)) * t.step
	return total(ringSum) / samples, total(ringSquare) / samples
}

// choose picks the reference: the first usable voltage, else the first usable
// current.
func (t *tracker) choose() (int, Flags) {
	if ref := t.first(0, t.voltages); ref != none {
		return ref, t.fallen(ref)
	}
	if ref := t.first(t.voltages, len(t.lanes)); ref != none {
		return ref, t.fallen(ref)
	}
	return none, FlagUnsynchronised
}

// first returns the first usable candidate of lanes [from, to) that is not weak
// beside the strongest.
func (t *tracker) first(from, to int) int {
	strongest := 0.0
	for _, l := range t.lanes[from:to] {
		if l.candidate && l.usable {
			strongest = max(strongest, l.power)
		}
	}
	for k := from; k < to; k++ {
		l := &t.lanes[k]
		least := strong * strong
		if k == t.current {
			least = weak * weak
		}
		if l.candidate && l.usable && l.power >= least*strongest {
			return k
		}
	}
	return none
}

// fallen returns FlagReference unless ref is the first candidate.
func (t *tracker) fallen(ref int) Flags {
	for k := range ref {
		if t.lanes[k].candidate {
			return FlagReference
		}
	}
	return 0
}

// leadIn continues all tracks backwards to before the first sample.
func (t *tracker) leadIn() {
	extend := func(p []float64) {
		slope := (p[t.lead+minOutputs-1] - p[t.lead]) / (minOutputs - 1)
		for i := range t.lead {
			p[i] = p[t.lead] - slope*float64(t.lead-i)
		}
	}
	extend(t.phase)
	for k := range t.lanes {
		extend(t.lanes[k].phase)
	}
	for i := range t.lead {
		t.flags[i], t.reference[i] = t.flags[t.lead], t.reference[t.lead]
	}
}

// finish continues all tracks to behind the last sample, at the end of a stretch.
func (t *tracker) finish() {
	t.ended = true
	if !t.started() {
		t.fit()
		return
	}
	n := t.points
	for t.position(t.points-2) <= float64(t.h.n)+t.step && t.points < len(t.phase) {
		t.points++
	}
	extend := func(p []float64) {
		slope := (p[n-1] - p[n-minOutputs]) / (minOutputs - 1)
		for i := n; i < t.points; i++ {
			p[i] = p[n-1] + slope*float64(i-n+1)
		}
	}
	extend(t.phase)
	for k := range t.lanes {
		extend(t.lanes[k].phase)
	}
	for i := n; i < t.points; i++ {
		t.flags[i], t.reference[i] = t.flags[n-1], t.reference[n-1]
	}
}

// at returns the value of track p at position x.
func (t *tracker) at(p []float64, x float64) float64 {
	u := (x - t.start) / t.step
	i := max(1, min(int(u), t.points-3))
	c0, c1, c2, c3 := cubic(p[i-1], p[i], p[i+1], p[i+2])
	u -= float64(i)
	return c0 + u*(c1+u*(c2+u*c3))
}

// find returns the first position behind from where track p reaches target, or
// +Inf if that is not known yet.
func (t *tracker) find(p []float64, target, from float64) float64 {
	i := max(1, int((from-t.start)/t.step))
	for i+2 < t.points && p[i+1] < target {
		i++
	}
	if i+2 >= t.points {
		return math.Inf(1)
	}
	c0, c1, c2, c3 := cubic(p[i-1], p[i], p[i+1], p[i+2])
	u := min(1, max(0, (target-p[i])/(p[i+1]-p[i])))
	for range 3 {
		value := c0 + u*(c1+u*(c2+u*c3)) - target
		slope := c1 + u*(2*c2+u*3*c3)
		if slope < c1/4 {
			break // a jump of the phase: stay with what is there
		}
		u -= value / slope
	}
	return t.start + (float64(i)+min(1, max(0, u)))*t.step
}

// cubic returns the coefficients of the polynomial through four points at -1, 0, 1
// and 2.
func cubic(a, b, c, d float64) (c0, c1, c2, c3 float64) {
	return b, c - a/3 - b/2 - d/6, (a+c)/2 - b, (d-a)/6 + (b-c)/2
}

// flagsIn returns the flags of the points in [from, to] and the last reference.
func (t *tracker) flagsIn(from, to float64) (Flags, int) {
	var flags Flags
	i := max(0, int((from-t.start)/t.step))
	j := min(t.points-1, int(math.Ceil((to-t.start)/t.step)))
	for k := i; k <= j; k++ {
		flags |= t.flags[k]
	}
	return flags, t.reference[j]
}
