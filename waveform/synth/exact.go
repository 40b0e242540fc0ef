package synth

import "math"

// This file holds the few functions whose results must be the same bit for bit
// on every platform. The compiler may fuse x*y + z into one rounding on some
// processors; a conversion float64(x*y) forbids it (Go specification,
// "Floating-point operators"). math.Sin and math.Exp are not used for the same
// reason: some platforms have them in assembly.

// turns is a phase: whole turns and a fraction in [0, 1).
type turns struct {
	whole int64
	frac  float64
}

func makeTurns(whole int64, x float64) turns {
	f := math.Floor(x)
	return turns{whole + int64(f), x - f}
}

func (a turns) add(b turns) turns { return makeTurns(a.whole+b.whole, a.frac+b.frac) }

// minus returns a - b as a number of turns.
func (a turns) minus(b turns) float64 { return float64(a.whole-b.whole) + (a.frac - b.frac) }

// times returns r·a, exact to the last bits of the fraction.
func (a turns) times(r float64) turns {
	w := float64(a.whole)
	p := float64(r * w)
	e := math.FMA(r, w, -p)
	f := math.Floor(p)
	return makeTurns(int64(f), (p-f)+(e+float64(r*a.frac)))
}

// pace is a frequency in turns per sample, to twice the precision of a float64,
// so that a phase is right after any number of samples.
type pace struct{ hi, lo float64 }

// makePace returns hz/rate.
func makePace(hz, rate float64) pace {
	hi := hz / rate
	return pace{hi, math.FMA(-hi, rate, hz) / rate}
}

// after returns the phase n samples on.
func (p pace) after(n int64) turns {
	x := float64(n)
	v := float64(x * p.hi)
	e := math.FMA(x, p.hi, -v)
	f := math.Floor(v)
	return makeTurns(int64(f), (v-f)+(e+float64(x*p.lo)))
}

// sincos returns sine and cosine of x turns for x in [-1, 2].
func sincos(x float64) (sin, cos float64) {
	quarter := math.Floor(float64(4*x) + 0.5)
	y := float64(2 * math.Pi * (x - float64(0.25*quarter))) // the difference is exact
	q := float64(y * y)
	s := -1.0 / 1307674368000
	s = float64(s*q) + 1.0/6227020800
	s = float64(s*q) - 1.0/39916800
	s = float64(s*q) + 1.0/362880
	s = float64(s*q) - 1.0/5040
	s = float64(s*q) + 1.0/120
	s = float64(s*q) - 1.0/6
	s = y + float64(float64(s*q)*y)
	c := 1.0 / 20922789888000
	c = float64(c*q) - 1.0/87178291200
	c = float64(c*q) + 1.0/479001600
	c = float64(c*q) - 1.0/3628800
	c = float64(c*q) + 1.0/40320
	c = float64(c*q) - 1.0/720
	c = float64(c*q) + 1.0/24
	c = float64(c*q) - 0.5
	c = 1 + float64(c*q)
	switch int(quarter) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}

// polar returns the complex number of that magnitude and phase in degrees.
func polar(magnitude, degrees float64) complex128 {
	x := degrees / 360
	sin, cos := sincos(x - math.Floor(x))
	return complex(float64(magnitude*cos), float64(magnitude*sin))
}

// multiply is the complex product without fused operations.
func multiply(a, b complex128) complex128 {
	return complex(
		float64(real(a)*real(b))-float64(imag(a)*imag(b)),
		float64(real(a)*imag(b))+float64(imag(a)*real(b)))
}

func scale(a complex128, k float64) complex128 {
	return complex(float64(real(a)*k), float64(imag(a)*k))
}

// power returns a to the power of n >= 1.
func power(a complex128, n int) complex128 {
	result := complex(1, 0)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result = multiply(result, a)
		}
		a = multiply(a, a)
	}
	return result
}

func abs(a complex128) float64 {
	return math.Sqrt(float64(real(a)*real(a)) + float64(imag(a)*imag(a)))
}

// exp is e^x for x <= 0 to about 2e-16.
func exp(x float64) float64 {
	if x < -700 {
		return 0
	}
	const ln2Hi, ln2Lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	sum := 1.0
	for i := 14.0; i >= 1; i-- {
		sum = 1 + float64(float64(sum*r)/i)
	}
	return math.Ldexp(sum, int(k))
}

// mix is a counter-based random number: the same for the same seed and
// arguments in whatever order they are asked for (SplitMix64's finisher).
func mix(seed, stream, n uint64) uint64 {
	x := seed*0x9E3779B97F4A7C15 + stream*0xD1B54A32D192ED03 + n*0x8CB92BA72F3D8DD7
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// uniform is mix as a number in [0, 1).
func uniform(seed, stream, n uint64) float64 {
	return float64(mix(seed, stream, n)>>11) * (1.0 / (1 << 53))
}
