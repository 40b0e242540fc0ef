package metering

import (
	"fmt"
	"math"

	"github.com/hepmeter/hepmeter/metering/fft"
)

// spectrum computes DFT bins over whole cycles of the fundamental and gathers them
// into the groups of IEC 61000-4-7.
//
// Bins are f1/cycles apart: with 10 cycles at 50 Hz and 12 at 60 Hz about 5 Hz. Windows
// of fewer cycles have fewer bins between harmonics; groups then span the same share
// of the distance, and what lies closer than a bin does not exist.
type spectrum struct {
	h *history
	// orders is the highest order the rate allows, perCycle the grid of the resampler.
	orders, perCycle int
	// highest is the highest order of the window in work: above the nominal frequency
	// the kernel's pass band may end below orders.
	highest       int
	nominalCycles int
	// halvers reduce the rate by 2 to their number for the kernel.
	halvers []*halver
	kernel  *resampler
	// plans are the transforms by number of cycles.
	plans map[int]*fft.Real
	// lanes are those with a spectrum; in and out are parallel to it.
	lanes  []int
	in     [][]float64
	out    [][]float64
	memory [][]float64
	re, im []float64
	// square is C²(k), the squared RMS of bin k.
	square []float64
	// correct is the factor per bin that undoes the kernel's droop and scales to RMS.
	correct []float64

	// phasor is the fundamental of every lane, derived ones too, RMS, in its own unit.
	phasor [][2]float64
}

func newSpectrum(h *history, nominalHz, rateHz float64, cycles, wanted int) (*spectrum, error) {
	perCycle := rateHz / nominalHz
	s := &spectrum{h: h, nominalCycles: cycles, plans: map[int]*fft.Real{}}
	s.perCycle = min(gridPerCycle, int(math.Ceil(perCycle)))
	for !fft.Supported(s.perCycle*cycles) || s.perCycle%2 != 0 {
		s.perCycle++
	}
	if wanted == 0 || wanted > Orders-1 {
		wanted = Orders - 1
	}
	s.orders = resamplerOrders(perCycle, float64(s.perCycle), wanted)
	points := s.perCycle * cycles
	for n := range h.wires.lanes {
		if h.wires.lanes[n].spectrum {
			s.lanes = append(s.lanes, n)
			s.in = append(s.in, h.x[n])
			s.memory = append(s.memory, make([]float64, points))
		}
	}
	s.out = make([][]float64, len(s.lanes))
	for perCycle/2 >= gridPerCycle*(1-1e-9) {
		hv := newHalver(s.in, (float64(s.orders)+0.5)/perCycle)
		s.halvers = append(s.halvers, hv)
		s.in = hv.y
		perCycle /= 2
	}
	s.kernel = newResampler(perCycle, float64(s.perCycle), s.orders)
	s.re, s.im = make([]float64, points/2+1), make([]float64, points/2+1)
	s.square, s.correct = make([]float64, points/2+1), make([]float64, points/2+1)
	s.phasor = make([][2]float64, len(h.wires.lanes))
	if _, err := s.plan(cycles); err != nil {
		return nil, err
	}
	return s, nil
}

// plan returns the transform for a window of so many cycles, with no fewer than
// perCycle points on each. Their number need not be a multiple of the cycles for the
// bins to lie on multiples of the fundamental: 7 and 11 cycles take a length that the
// transform supports.
func (s *spectrum) plan(cycles int) (*fft.Real, error) {
	if p := s.plans[cycles]; p != nil {
		return p, nil
	}
	p, err := fft.NewReal(fft.Good(s.perCycle * cycles))
	if err != nil {
		return nil, fmt.Errorf("spectrum of %d cycles: %w", cycles, err)
	}
	s.plans[cycles] = p
	return p, nil
}

// run keeps the halvers up with the history.
func (s *spectrum) run() {
	n := s.h.n
	for _, hv := range s.halvers {
		hv.run(n)
		n = hv.n
	}
}

// drop follows the history when it forgets samples.
func (s *spectrum) drop(samples int) {
	for _, hv := range s.halvers {
		hv.drop(samples)
		samples /= 2
	}
}

// reset begins a new stretch.
func (s *spectrum) reset() {
	for _, hv := range s.halvers {
		hv.n = 0
	}
}

// grid returns how positions scale to those of the resampler's input, and the range of
// its valid samples.
func (s *spectrum) grid() (scale float64, first, n int) {
	scale, n = 1, s.h.n
	for _, hv := range s.halvers {
		scale /= 2
		first = (first + halverReach + 1) / 2
		n = hv.n
	}
	return scale, first, n
}

// window computes the spectra of a window and fills the spectral part of w.
func (s *spectrum) window(a, b *edge, cycles int, w *Window) {
	scale, first, n := s.grid()
	lo, hi := s.kernel.room(first, n)
	length := b.position - a.position
	movable := (hi-lo)/scale > length/float64(cycles)
	bins := s.orders*cycles + cycles/2
	if movable {
		s.transformed(a, b, cycles, bins, w)
	} else {
		s.direct(a, b, cycles, bins, w)
	}
	s.derive()
	w.HighestOrder = s.highest
}

// transformed resamples and transforms. At the ends of a record, where the kernel
// would reach over, it measures a window shifted by as much and turns the phases back,
// if there are samples to shift to.
func (s *spectrum) transformed(a, b *edge, cycles, bins int, w *Window) {
	plan, err := s.plan(cycles)
	if err != nil {
		s.direct(a, b, cycles, bins, w)
		return
	}
	points := plan.Len()
	for l := range s.out {
		s.out[l] = s.memory[l][:points]
	}
	length := b.position - a.position
	scale, first, n := s.grid()
	from, to := a.position*scale, b.position*scale
	lo, hi := s.kernel.room(first, n)
	shift := max(0, lo-from)
	if to >= hi {
		shift = hi - 1e-6 - to
	}
	if from+shift < lo || to+shift >= hi {
		shift = 0
	}
	s.kernel.run(s.out, s.in, first, n, from+shift, to+shift, cycles)
	bins = s.correction(min(bins, points/2-1), points, length)
	s.highest = min(s.orders, (bins-cycles/2)/cycles)
	s.correct[0] /= 2
	for l, n := range s.lanes {
		plan.Transform(s.re[:points/2+1], s.im[:points/2+1], s.out[l])
		if shift != 0 {
			s.turn(bins, -2*math.Pi*shift/(to-from))
		}
		s.gather(n, cycles, bins, w)
	}
}

// correction fills the factors that undo the responses of halvers and kernel, up to
// the last of the bins whose correction is sound, which it returns.
func (s *spectrum) correction(bins, points int, length float64) int {
	// The angles of the bins are equidistant: their cosines come from a rotation.
	sin, cos := 0.0, 1.0
	dsin, dcos := math.Sincos(2 * math.Pi / length)
	halved := float64(int(1) << len(s.halvers))
	for k := range bins + 1 {
		gain := s.kernel.gain(float64(k) / length * halved)
		if gain < s.kernel.least {
			return k - 1
		}
		gain *= float64(points)
		c := cos
		for _, hv := range s.halvers {
			gain *= hv.gain(c)
			c = 2*c*c - 1 // twice the angle, at half the rate
		}
		s.correct[k] = 2 / (gain * gain)
		sin, cos = sin*dcos+cos*dsin, cos*dcos-sin*dsin
	}
	return bins
}

// turn turns the phase of bin k by k·angle.
func (s *spectrum) turn(bins int, angle float64) {
	for k := range bins + 1 {
		sin, cos := math.Sincos(float64(k) * angle)
		s.re[k], s.im[k] = s.re[k]*cos-s.im[k]*sin, s.re[k]*sin+s.im[k]*cos
	}
}

// direct sums the Fourier integrals over the samples, for windows that leave the
// interpolator no room: recordings of a cycle or two.
func (s *spectrum) direct(a, b *edge, cycles, bins int, w *Window) {
	length := b.position - a.position
	bins = min(bins, int(length/2)-1, len(s.re)-1)
	for k := range bins + 1 {
		s.correct[k] = 2 / (length * length)
	}
	s.highest = min(s.orders, (bins-cycles/2)/cycles)
	s.correct[0] /= 2
	for _, n := range s.lanes {
		x := s.h.x[n]
		for k := range bins + 1 {
			omega := 2 * math.Pi * float64(k) / length
			s.re[k], s.im[k] = fourier(x, omega, a, b)
		}
		s.gather(n, cycles, bins, w)
	}
}

// fourier returns the integral of x·e^{-jω(t-a)} over [a, b).
func fourier(x []float64, omega float64, a, b *edge) (re, im float64) {
	at := func(k int) (float64, float64) {
		sin, cos := math.Sincos(omega * (float64(k) - a.position))
		return x[k] * cos, -x[k] * sin
	}
	sin, cos := math.Sincos(omega * (float64(a.whole) - a.position))
	ds, dc := math.Sincos(omega)
	for k, v := range x[a.whole:b.whole] {
		if k&255 == 0 {
			sin, cos = math.Sincos(omega * (float64(a.whole+k) - a.position))
		}
		re += v * cos
		im -= v * sin
		cos, sin = cos*dc-sin*ds, sin*dc+cos*ds
	}
	for i := range b.weights {
		c, d := at(b.first + i)
		re, im = re+b.weight[i]*c, im+b.weight[i]*d
	}
	for i := range a.weights {
		c, d := at(a.first + i)
		re, im = re-a.weight[i]*c, im-a.weight[i]*d
	}
	return re, im
}

// gather turns the bins of lane n into its groups and its fundamental.
func (s *spectrum) gather(n, cycles, bins int, w *Window) {
	lane := &s.h.wires.lanes[n]
	re, im := s.re[:bins+1], s.im[:bins+1]
	square, correct := s.square[:bins+1], s.correct[:bins+1]
	for k := range square {
		square[k] = (re[k]*re[k] + im[k]*im[k]) * correct[k]
	}
	g := math.Sqrt(correct[min(cycles, bins)])
	s.phasor[n] = [2]float64{g * re[min(cycles, bins)], g * im[min(cycles, bins)]}
	r := lane.role
	if r == 0 {
		return
	}
	group, subgroup := w.Group[r], w.Subgroup[r]
	inter, centred := w.InterGroup[r], w.InterSubgroup[r]
	angle := w.Angle[r]
	// A subgroup takes in the neighbours that are within 1.5 bins of the basic window.
	side := 3 * cycles / (2 * s.nominalCycles)
	for h := range group {
		centre := h * cycles
		if h > s.highest {
			group[h], subgroup[h], angle[h] = NotAvailable, NotAvailable, NotAvailable
			inter[h], centred[h] = NotAvailable, NotAvailable
			continue
		}
		if h == 0 {
			group[h] = lane.scale * math.Sqrt(square[0])
			subgroup[h] = group[h]
		} else {
			group[h] = lane.scale * math.Sqrt(harmonicGroup(square, centre, cycles))
			subgroup[h] = lane.scale * math.Sqrt(sumBins(square, centre-side, centre+side))
		}
		angle[h] = math.Atan2(im[centre], re[centre])
		inter[h], centred[h] = NotAvailable, NotAvailable
		if h < s.highest && cycles > 1 {
			inter[h] = lane.scale * math.Sqrt(sumBins(square, centre+1, centre+cycles-1))
			if cycles > 2*side+1 {
				centred[h] = lane.scale * math.Sqrt(sumBins(square, centre+side+1, centre+cycles-side-1))
			}
		}
	}
}

// harmonicGroup returns Yg² of the bins around centre: those nearer to it than half
// the distance of harmonics, and half of those in the middle.
func harmonicGroup(square []float64, centre, cycles int) float64 {
	sum := sumBins(square, centre-(cycles-1)/2, centre+(cycles-1)/2)
	if cycles%2 == 0 {
		if k := centre - cycles/2; k >= 0 {
			sum += square[k] / 2
		}
		if k := centre + cycles/2; k < len(square) {
			sum += square[k] / 2
		}
	}
	return sum
}

// sumBins returns Σ C² over bins [from, to], as far as they exist.
func sumBins(square []float64, from, to int) float64 {
	from, to = max(from, 0), min(to, len(square)-1)
	sum := 0.0
	for k := from; k <= to; k++ {
		sum += square[k]
	}
	return sum
}

// derive computes the fundamentals of derived lanes.
func (s *spectrum) derive() {
	for n := range s.h.wires.lanes {
		if s.h.wires.lanes[n].spectrum {
			continue
		}
		var p [2]float64
		for _, t := range s.h.wires.lanes[n].terms {
			p[0] += t.factor * s.phasor[t.lane][0]
			p[1] += t.factor * s.phasor[t.lane][1]
		}
		s.phasor[n] = p
	}
}
