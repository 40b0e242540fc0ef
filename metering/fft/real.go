// Package fft computes the discrete Fourier transform of real float64 samples at every even length 2^a·3^b·5^c,
// which includes the windows of a power meter: 10,240 samples for 10 cycles of 50 Hz and 12,288 for 12 cycles of 60 Hz.
//
// The N real samples are taken as N/2 complex ones (even samples real, odd samples imaginary), one complex transform
// of half the length is made, and its bins are combined into the spectrum of the real signal. The complex transform is
// Stockham's autosort algorithm: every pass reads one buffer and writes the other in an order that leaves the result
// sorted, so there is no bit reversal. Real and imaginary parts live in separate slices, which keeps the kernels free
// of shuffles. The arithmetic is in kernels.go, this file holds the plan.
//
// Where the time goes at 10,240 samples: 16 % in the first pass (packing, radix 8), 26 % in that of radix 5, 25 % in
// the second of radix 8, 14 % in that of radix 4, 19 % in the last (radix 4, unpacking). About 60 additions and
// multiplications fall on each pair of samples, at two a clock cycle; a scalar unit can do at most four, half of each
// kind, so code without vector instructions has less than a factor of two left. Two real channels in one complex
// transform of full length would save nothing: it has one more level and twice the memory to stream.
package fft

import (
	"fmt"
	"math"
	"math/bits"
)

// MaxLength is the longest transform a plan is made for. It bounds the memory of a plan to about 32 bytes per sample,
// 128 MiB.
const MaxLength = 1 << 22

// Real is a plan for the transform of one length. It holds the twiddle factors and the scratch memory, so a
// transform allocates nothing, and one plan must not be used by two goroutines at the same time.
type Real struct {
	length int // N, the number of real samples

	packRadix int         // radix of the first pass, which also packs
	packTwid  []float64   // its twiddle factors
	passes    []pass      // the middle passes
	fused     bool        // the last pass is of radix 4 and fused with the unpacking
	unpack    []float64   // cos and sin of 2πk/N, interleaved, for k = 0..N/4
	work      [2]splitBuf // the buffers between which the passes alternate
}

// pass is one middle pass of the complex transform: m·stride butterflies of the given radix.
type pass struct {
	radix  int
	m      int
	stride int
	twid   []float64 // (radix-1) interleaved complex factors for each of the m groups
}

// splitBuf is a complex vector with its parts in separate slices.
type splitBuf struct{ re, im []float64 }

// NewReal plans the transform of n real samples. n must be even, have no prime factor above 5 and not exceed
// MaxLength; Good gives the next such length.
func NewReal(n int) (*Real, error) {
	if n < 2 || n > MaxLength {
		return nil, fmt.Errorf("fft length %d is outside 2..%d", n, MaxLength)
	}
	if !Supported(n) {
		return nil, fmt.Errorf("fft length %d is not an even product of 2, 3 and 5, the next one is %d", n, Good(n))
	}
	half := n / 2
	radices, fused := factor(half)

	r := &Real{length: n, fused: fused, packRadix: radices[0]}
	m, stride := half/radices[0], radices[0]
	r.packTwid = twiddles(radices[0], m)
	for _, radix := range radices[1:] {
		m /= radix
		r.passes = append(r.passes, pass{radix: radix, m: m, stride: stride, twid: twiddles(radix, m)})
		stride *= radix
	}
	if fused {
		r.unpack = unpack4Roots(half)
	} else {
		r.unpack = unpackRoots(half)
	}
	r.work = newWork(half)
	return r, nil
}

// Len returns the number of real samples of a transform.
func (r *Real) Len() int { return r.length }

// Bins returns the number of bins of a transform, Len()/2+1.
func (r *Real) Bins() int { return r.length/2 + 1 }

// Transform writes the bins 0..N/2 of the unnormalised forward transform of x,
//
//	re[k] + i·im[k] = Σ x[n]·exp(-2πi·k·n/N),
//
// so bin k lies at k/N of the sample rate and a component with RMS value R that completes k cycles in the window has
// R = √2·|X[k]|/N, except bins 0 and N/2, where R = |X[k]|/N. The bins beyond N/2 are the conjugates and not written.
// x has N samples and is not changed; re and im have room for N/2+1 values. None of the three may overlap. Like an
// index out of range, other lengths panic.
func (r *Real) Transform(re, im, x []float64) {
	if len(x) != r.length || len(re) < r.Bins() || len(im) < r.Bins() {
		panic(fmt.Sprintf("fft: transform of %d samples into %d and %d bins with a plan for %d samples and %d bins",
			len(x), len(re), len(im), r.length, r.Bins()))
	}
	re, im = re[:r.Bins()], im[:r.Bins()]

	a, b := r.work[0], r.work[1]
	switch r.packRadix {
	case 1:
		pack1(a.re, a.im, x)
	case 4:
		pack4(a.re, a.im, x, r.packTwid)
	case 8:
		pack8(a.re, a.im, x, r.packTwid)
	}
	for i := range r.passes {
		p := &r.passes[i]
		switch p.radix {
		case 2:
			pass2(b.re, b.im, a.re, a.im, p.twid, p.m, p.stride)
		case 3:
			pass3(b.re, b.im, a.re, a.im, p.twid, p.m, p.stride)
		case 4:
			pass4(b.re, b.im, a.re, a.im, p.twid, p.m, p.stride)
		case 5:
			pass5(b.re, b.im, a.re, a.im, p.twid, p.m, p.stride)
		case 8:
			pass8(b.re, b.im, a.re, a.im, p.twid, p.m, p.stride)
		}
		a, b = b, a
	}
	if r.fused {
		unpack4(re, im, a.re, a.im, r.unpack)
	} else {
		unpack(re, im, a.re, a.im, r.unpack)
	}
}

// Supported reports whether NewReal plans a transform of n samples.
func Supported(n int) bool {
	if n < 2 || n > MaxLength || n%2 != 0 {
		return false
	}
	for _, prime := range [...]int{2, 3, 5} {
		for n%prime == 0 {
			n /= prime
		}
	}
	return n == 1
}

// Good returns the smallest supported length that is at least n, or 0 when that would exceed MaxLength.
func Good(n int) int {
	for n = max(n, 2) + max(n, 2)%2; n <= MaxLength; n += 2 {
		if Supported(n) {
			return n
		}
	}
	return 0
}

// factor splits a complex length into the radices of its passes, in the order in which they run, and reports whether
// a last pass of radix 4, not among them, is left to be fused with the unpacking. The odd radices come early: late in
// the transform the stride is large and close to a power of two, and the five streams of a radix-5 pass would compete
// for the same cache sets. They do not come first, where the stride of 1 would leave the inner loop nothing to do.
func factor(n int) (radices []int, fused bool) {
	if n%4 == 0 {
		n, fused = n/4, true
	}
	first := powerRadix(n)
	if first == 2 {
		first = 1 // only pack; there is no packing kernel of radix 2
	}
	radices = append(radices, first)
	n /= first
	for _, radix := range [...]int{5, 3} {
		for n%radix == 0 {
			radices = append(radices, radix)
			n /= radix
		}
	}
	for n > 1 {
		radix := powerRadix(n)
		radices = append(radices, radix)
		n /= radix
	}
	return radices, fused
}

// powerRadix returns the radix to take next out of the power of two in n: 8 as long as no lone 2 is left, as two
// passes of radix 4 are faster than one of 8 and one of 2.
func powerRadix(n int) int {
	switch bits.TrailingZeros(uint(n)) {
	case 0:
		return 1
	case 1:
		return 2
	case 2, 4:
		return 4
	default:
		return 8
	}
}

// twiddles returns exp(-2πi·p·j/(radix·m)) for the groups p = 0..m-1 and j = 1..radix-1, interleaved.
func twiddles(radix, m int) []float64 {
	w := make([]float64, 0, 2*m*(radix-1))
	for p := range m {
		for j := 1; j < radix; j++ {
			c, s := unitRoot(p*j, radix*m)
			w = append(w, c, -s)
		}
	}
	return w
}

// unpackRoots returns the factors that unpack wants.
func unpackRoots(half int) []float64 {
	w := make([]float64, 0, 2*(half/2+1))
	for k := 0; k <= half/2; k++ {
		c, s := unitRoot(k, 2*half)
		w = append(w, c, s)
	}
	return w
}

// unpack4Roots returns the factors that unpack4 wants.
func unpack4Roots(half int) []float64 {
	stride := half / 4
	w := make([]float64, 0, 8*(stride/2+1))
	for q := 0; q <= stride/2; q++ {
		for _, k := range [...]int{q, stride + q, stride - q, 2*stride - q} {
			c, s := unitRoot(k, 2*half)
			w = append(w, c, s)
		}
	}
	return w
}

// unitRoot returns the cosine and sine of 2πk/n for 0 <= k < n. The angle is reduced to the first eighth of the circle
// in integers, so the roots have the symmetries of the circle exactly and an error of half a unit in the last place.
func unitRoot(k, n int) (c, s float64) {
	eighths, rest := 8*k/n, 8*k%n // angle = (eighths + rest/n)·π/4
	if eighths%2 == 1 {
		rest = n - rest
	}
	s, c = math.Sincos(math.Pi / 4 * float64(rest) / float64(n))
	if q := eighths % 4; q == 1 || q == 2 { // the halves of the quarter nearer to the other axis
		c, s = s, c
	}
	if eighths >= 2 && eighths < 6 {
		c = -c
	}
	if eighths >= 4 {
		s = -s
	}
	return c, s
}

// newWork makes the two work buffers of n complex values in one allocation, with the slices a few cache lines apart
// from a power-of-two distance, so that equal indexes of the four do not fall into the same cache set.
func newWork(n int) [2]splitBuf {
	const pad = 17 * 8
	span := n + pad
	mem := make([]float64, 4*span)
	part := func(i int) []float64 { return mem[i*span : i*span+n : i*span+n] }
	return [2]splitBuf{{part(0), part(1)}, {part(2), part(3)}}
}
