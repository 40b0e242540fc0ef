package metering

import "math"

// fit finds the phase of a record too short for the band-pass filter (less than
// some six cycles): the frequency for which DC and a few harmonics leave the least
// of the first candidate unexplained. The tracks are straight lines then. The fit
// looks at the sums over cells, whatever the rate: gaps may cut a signal into many
// short records.
func (t *tracker) fit() {
	t.points = len(t.phase)
	f, ref := t.nominalHz, none
	for k := range t.lanes {
		l := &t.lanes[k]
		if !l.candidate {
			continue
		}
		if hz, ok := t.fitFrequency(l.lane); ok {
			f, ref = hz, k
			break
		}
	}
	flags := FlagUnsynchronised
	if ref != none {
		flags = t.fallen(ref)
	}
	line := func(p []float64, phase float64) {
		for i := range p {
			p[i] = phase + f/t.rateHz*(t.position(i)-float64(t.h.cell-1)/2)
		}
	}
	line(t.phase, 0)
	for k := range t.lanes {
		var s fitSums
		l := &t.lanes[k]
		phase := 0.0
		if ref != none {
			s.solve(t.h.sum[l.lane][:t.h.cells], f/t.cellHz(), t.fitOrders())
			phase = math.Atan2(-s.b[2], s.b[1]) / (2 * math.Pi)
		}
		line(l.phase, phase)
		if k == ref {
			line(t.phase, phase)
		}
	}
	for i := range t.flags {
		t.flags[i], t.reference[i] = flags, ref
	}
}

// maxFitOrders is the number of harmonics that the fit may explain.
const maxFitOrders = 5

// cellHz returns the rate of the cells.
func (t *tracker) cellHz() float64 { return t.rateHz / float64(t.h.cell) }

// fitOrders returns how many harmonics the record can carry.
func (t *tracker) fitOrders() int {
	return min(maxFitOrders, int(0.4*t.cellHz()/t.nominalHz), (t.h.cells-2)/2)
}

// fitFrequency searches the band for the frequency of a lane. It reports whether the
// lane has a usable fundamental in the band.
func (t *tracker) fitFrequency(lane int) (float64, bool) {
	x := t.h.sum[lane][:t.h.cells]
	orders := t.fitOrders()
	if float64(len(x)) < 0.8*t.cellHz()/t.nominalHz || orders < 1 {
		return 0, false
	}
	var s fitSums
	residual := func(hz float64) float64 { return s.solve(x, hz/t.cellHz(), orders) }
	const grid = 0.01
	best, at := math.Inf(1), 0.0
	for d := -band; d <= band+grid/2; d += grid {
		hz := t.nominalHz * (1 + d)
		if r := residual(hz); r < best {
			best, at = r, hz
		}
	}
	// Golden section between the neighbours of the best point of the grid.
	lo, hi := at-grid*t.nominalHz, at+grid*t.nominalHz
	const golden = 0.6180339887498949
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	ra, rb := residual(a), residual(b)
	for hi-lo > 1e-8*t.nominalHz {
		if ra < rb {
			hi, b, rb = b, a, ra
			a = hi - golden*(hi-lo)
			ra = residual(a)
		} else {
			lo, a, ra = a, b, rb
			b = lo + golden*(hi-lo)
			rb = residual(b)
		}
	}
	hz := (lo + hi) / 2
	residual(hz)
	samples := float64(t.h.cells * t.h.cell)
	mean, square := total(x)/samples, total(t.h.square[lane][:t.h.cells])/samples
	fundamental := (s.b[1]*s.b[1] + s.b[2]*s.b[2]) / 2 / float64(t.h.cell*t.h.cell)
	inBand := math.Abs(hz/t.nominalHz-1) <= band
	return hz, inBand && pure(fundamental, mean, square)
}

// fitSums holds the normal equations of a least-squares fit of DC and harmonics.
type fitSums struct {
	a [2*maxFitOrders + 1][2*maxFitOrders + 1]float64
	// b is the right side, then the solution: DC, then cosine and sine amplitudes.
	b [2*maxFitOrders + 1]float64
}

// solve fits orders harmonics of the frequency f (cycles per sample) to x and
// returns the mean square of what is left.
func (s *fitSums) solve(x []float64, f float64, orders int) float64 {
	n := 2*orders + 1
	*s = fitSums{}
	var basis [2*maxFitOrders + 1]float64
	basis[0] = 1
	energy := 0.0
	for k, v := range x {
		sin, cos := math.Sincos(2 * math.Pi * f * float64(k))
		c, d := cos, sin
		for h := range orders {
			basis[1+2*h], basis[2+2*h] = c, d
			c, d = c*cos-d*sin, c*sin+d*cos
		}
		for i := range n {
			s.b[i] += basis[i] * v
			for j := range i + 1 {
				s.a[i][j] += basis[i] * basis[j]
			}
		}
		energy += v * v
	}
	right := s.b
	// Cholesky, with a touch on the diagonal: a very short record leaves directions
	// undetermined.
	for i := range n {
		for j := range i + 1 {
			v := s.a[i][j]
			if i == j {
				v += 1e-12 * float64(len(x))
			}
			for k := range j {
				v -= s.a[i][k] * s.a[j][k]
			}
			if i == j {
				s.a[i][i] = math.Sqrt(max(v, 1e-300))
			} else {
				s.a[i][j] = v / s.a[j][j]
			}
		}
	}
	for i := range n {
		for k := range i {
			s.b[i] -= s.a[i][k] * s.b[k]
		}
		s.b[i] /= s.a[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			s.b[i] -= s.a[k][i] * s.b[k]
		}
		s.b[i] /= s.a[i][i]
	}
	explained := 0.0
	for i := range n {
		explained += s.b[i] * right[i]
	}
	return (energy - explained) / float64(len(x))
}
