package fit

import "math"

// The model of a channel is
//
//	x(t) = c0 + Σ a_h·cos(hωt) + b_h·sin(hωt),  h = 1..K
//
// with the coefficients in the order c0, a1, b1, a2, b2, ... Its normal equations
// need only the sums of cos(mωt) and sin(mωt) for m = 0..2K, because a product of
// two lines is a sum of two lines. So the matrix costs N·2K operations instead of
// N·(2K+1)², and it depends on the times alone: channels sampled at the same
// instants share it.

// basis holds what the sample times of one or more channels and a trial
// frequency determine.
type basis struct {
	orders   int
	times    []float64 // s, from the middle of the window
	cos, sin []float64 // of ωt, per sample
	factor   cholesky
}

// newBasis returns the basis for K = orders at hz, or false where the samples do
// not determine that many lines.
func newBasis(times []float64, hz float64, orders int) (*basis, bool) {
	b := &basis{orders: orders, times: times, cos: make([]float64, len(times)), sin: make([]float64, len(times))}
	sumCos := make([]float64, 2*orders+1)
	sumSin := make([]float64, 2*orders+1)
	for k, t := range times {
		// The cycle count is reduced before the sine so that a late sample is as exact
		// as an early one.
		cycles := hz * t
		s, c := math.Sincos(2 * math.Pi * (cycles - math.Round(cycles)))
		b.cos[k], b.sin[k] = c, s
		re, im := 1.0, 0.0
		for m := range sumCos {
			sumCos[m] += re
			sumSin[m] += im
			re, im = re*c-im*s, re*s+im*c
		}
	}
	n := 2*orders + 1
	g := make([]float64, n*n)
	g[0] = sumCos[0]
	for i := 1; i <= orders; i++ {
		ci, si := 2*i-1, 2*i
		g[ci*n], g[si*n] = sumCos[i], sumSin[i]
		for j := 1; j <= i; j++ {
			cj, sj := 2*j-1, 2*j
			plusC, plusS, minusC, minusS := sumCos[i+j], sumSin[i+j], sumCos[i-j], sumSin[i-j]
			g[ci*n+cj] = (minusC + plusC) / 2 // cos i · cos j
			g[si*n+sj] = (minusC - plusC) / 2 // sin i · sin j
			g[si*n+cj] = (plusS + minusS) / 2 // sin i · cos j
			if j < i {
				g[ci*n+sj] = (plusS - minusS) / 2 // cos i · sin j
			}
		}
	}
	ok := b.factor.decompose(g, n)
	return b, ok
}

// project returns the inner products of x with every column of the model.
func (b *basis) project(x []float64) []float64 {
	p := make([]float64, 2*b.orders+1)
	for k, v := range x {
		c, s := b.cos[k], b.sin[k]
		p[0] += v
		re, im := v*c, v*s
		for h := 1; h <= b.orders; h++ {
			p[2*h-1] += re
			p[2*h] += im
			re, im = re*c-im*s, re*s+im*c
		}
	}
	return p
}

// solve returns the least squares coefficients of x.
func (b *basis) solve(x []float64) []float64 {
	p := b.project(x)
	b.factor.solve(p)
	return p
}

// evaluate writes the model at every sample into y and, where slope is not nil,
// its derivative by frequency (per Hz) into slope.
func (b *basis) evaluate(coef, y, slope []float64) {
	for k := range b.times {
		c, s := b.cos[k], b.sin[k]
		sum, dsum := coef[0], 0.0
		re, im := c, s
		for h := 1; h <= b.orders; h++ {
			a, bb := coef[2*h-1], coef[2*h]
			sum += a*re + bb*im
			dsum += float64(h) * (bb*re - a*im)
			re, im = re*c-im*s, re*s+im*c
		}
		y[k] = sum
		if slope != nil {
			slope[k] = 2 * math.Pi * b.times[k] * dsum
		}
	}
}

// smallestPivot is the least ratio of a pivot to its diagonal element that still
// counts as determined. A column that keeps less than a millionth of its energy
// beside the others would magnify the noise of the samples a thousandfold.
const smallestPivot = 1e-6

// cholesky is the factor of a symmetric positive definite matrix.
type cholesky struct {
	n int
	l []float64 // lower triangle, row-major
}

// decompose factorises the lower triangle of g in place. It reports false if g is
// singular for practical purposes.
func (f *cholesky) decompose(g []float64, n int) bool {
	f.n, f.l = n, g
	for j := 0; j < n; j++ {
		row := g[j*n : j*n+j+1]
		diagonal := row[j]
		rest := diagonal
		for k := 0; k < j; k++ {
			rest -= row[k] * row[k]
		}
		if !(rest > smallestPivot*diagonal) || !(diagonal > 0) {
			return false
		}
		root := math.Sqrt(rest)
		row[j] = root
		for i := j + 1; i < n; i++ {
			other := g[i*n : i*n+j+1]
			sum := other[j]
			for k := 0; k < j; k++ {
				sum -= other[k] * row[k]
			}
			other[j] = sum / root
		}
	}
	return true
}

// solve replaces x by the solution of (L·Lᵀ)·y = x.
func (f *cholesky) solve(x []float64) {
	n := f.n
	for i := 0; i < n; i++ {
		sum := x[i]
		for k := 0; k < i; k++ {
			sum -= f.l[i*n+k] * x[k]
		}
		x[i] = sum / f.l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		sum := x[i]
		for k := i + 1; k < n; k++ {
			sum -= f.l[k*n+i] * x[k]
		}
		x[i] = sum / f.l[i*n+i]
	}
}
