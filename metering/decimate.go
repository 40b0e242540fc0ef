package metering

import "math"

// A halver halves the sampling rate ahead of the resampler, where the rate is several
// times what the orders reported need: half the samples then go through the
// expensive interpolation. It is a symmetric filter of seven taps that is free to
// droop, since the droop is known and divided out of the spectrum; only what would
// alias into the orders reported must be small. The Chebyshev polynomial of cos ω
// that is smallest in the alias band gives better than 74 dB.
type halver struct {
	// a are the coefficients of cos 0, cos ω, cos 2ω and cos 3ω, the last three halved.
	a [4]float64
	// x is the input, y the output; output m lies on input 2m, n of them are valid.
	x, y [][]float64
	n    int
}

// halverReach is the number of samples the filter needs on either side.
const halverReach = 3

// newHalver makes a halver of x, in which the highest order lies at the frequency
// pass of the sampling rate.
func newHalver(x [][]float64, pass float64) *halver {
	hv := &halver{x: x, y: make([][]float64, len(x))}
	for i := range x {
		hv.y[i] = make([]float64, len(x[i])/2+1)
	}
	// The alias band [1/2-pass, 1/2] is cos ω in [-1, edge], mapped to [-1, 1].
	edge := math.Cos(2 * math.Pi * (0.5 - pass))
	s, o := 2/(edge+1), (1-edge)/(edge+1)
	// T3(u) = 4u³-3u of u = s·c+o, gathered by powers of c = cos ω ...
	c0 := 4*o*o*o - 3*o
	c1 := 12*s*o*o - 3*s
	c2 := 12 * s * s * o
	c3 := 4 * s * s * s
	unity := c0 + c1 + c2 + c3
	// ... and by multiples of ω.
	hv.a[0] = (c0 + c2/2) / unity
	hv.a[1] = (c1 + 3*c3/4) / unity / 2
	hv.a[2] = c2 / 2 / unity / 2
	hv.a[3] = c3 / 4 / unity / 2
	return hv
}

// gain returns the response at ω, an angle per input sample, of which the cosine is c.
func (hv *halver) gain(c float64) float64 {
	return hv.a[0] + 2*(hv.a[1]*c+hv.a[2]*(2*c*c-1)+hv.a[3]*(4*c*c-3)*c)
}

// run computes the outputs that n input samples allow.
func (hv *halver) run(n int) {
	first := max(hv.n, (halverReach+1)/2)
	last := (n - 1 - halverReach) / 2 // inclusive
	if last < first {
		return
	}
	a0, a1, a2, a3 := hv.a[0], hv.a[1], hv.a[2], hv.a[3]
	for i, x := range hv.x {
		x = x[2*first-halverReach : 2*last+halverReach+1]
		y := hv.y[i][first : last+1]
		for m := range y {
			if len(x) < 7 {
				break
			}
			y[m] = a0*x[3] + a1*(x[2]+x[4]) + a2*(x[1]+x[5]) + a3*(x[0]+x[6])
			if len(x) > 8 {
				x = x[2:]
			}
		}
	}
	hv.n = last + 1
}

// drop follows the history when it forgets samples, an even number.
func (hv *halver) drop(samples int) {
	for _, y := range hv.y {
		copy(y, y[samples/2:hv.n])
	}
	hv.n -= samples / 2
}
