package ion

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Int128 is a signed 128-bit integer in two's complement: room for every quantum a
// meter can count in its life. The zero value is 0. Arithmetic wraps like that of
// Go's integers; 2^127 micro-joules would take a terawatt 5 million years.
type Int128 struct {
	hi int64
	lo uint64
}

// Int128Of returns x.
func Int128Of(x int64) Int128 { return Int128{x >> 63, uint64(x)} }

// Product returns the exact product of two numbers that are not negative.
func Product(a, b uint64) Int128 {
	hi, lo := bits.Mul64(a, b)
	return Int128{int64(hi), lo}
}

// Add returns x + y.
func (x Int128) Add(y Int128) Int128 {
	lo, carry := bits.Add64(x.lo, y.lo, 0)
	hi, _ := bits.Add64(uint64(x.hi), uint64(y.hi), carry)
	return Int128{int64(hi), lo}
}

// Neg returns -x.
func (x Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, x.lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.hi), borrow)
	return Int128{int64(hi), lo}
}

// Sub returns x - y.
func (x Int128) Sub(y Int128) Int128 { return x.Add(y.Neg()) }

// Sign returns -1, 0 or 1.
func (x Int128) Sign() int {
	switch {
	case x.hi < 0:
		return -1
	case x == Int128{}:
		return 0
	}
	return 1
}

// Abs returns the magnitude of x.
func (x Int128) Abs() Int128 {
	if x.hi < 0 {
		return x.Neg()
	}
	return x
}

// Cmp returns -1, 0 or 1 as x is less than, equal to or greater than y.
func (x Int128) Cmp(y Int128) int {
	switch {
	case x == y:
		return 0
	case x.hi < y.hi || x.hi == y.hi && x.lo < y.lo:
		return -1
	}
	return 1
}

// QuoRem returns x / d truncated toward zero, and the rest, which has the sign of x.
// A division by 0 gives 0 and x.
func (x Int128) QuoRem(d Int128) (quotient, rest Int128) {
	if d == (Int128{}) {
		return Int128{}, x
	}
	quotient, rest = x.Abs().quoRemMagnitude(d.Abs())
	if x.Sign()*d.Sign() < 0 {
		quotient = quotient.Neg()
	}
	if x.Sign() < 0 {
		rest = rest.Neg()
	}
	return quotient, rest
}

func (x Int128) quoRemMagnitude(d Int128) (quotient, rest Int128) {
	if d.hi == 0 {
		hi, over := uint64(x.hi)/d.lo, uint64(x.hi)%d.lo
		lo, left := bits.Div64(over, x.lo, d.lo)
		return Int128{int64(hi), lo}, Int128{0, left}
	}
	// d is at least 2^64, so that the quotient is below 2^63: long division of the
	// high half's bits suffices.
	rest = Int128{0, uint64(x.hi)}
	for bit := 63; bit >= 0; bit-- {
		rest = Int128{int64(uint64(rest.hi)<<1 | rest.lo>>63), rest.lo<<1 | x.lo>>uint(bit)&1}
		if rest.Cmp(d) >= 0 {
			rest = rest.Sub(d)
			quotient.lo |= 1 << uint(bit)
		}
	}
	return quotient, rest
}

// Int64 returns x, or the nearest int64 if x is beyond.
func (x Int128) Int64() int64 {
	switch {
	case x.hi == int64(x.lo)>>63:
		return int64(x.lo)
	case x.hi < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// Float64 returns the number nearest to x, within one unit in the last place, and
// never grows when x falls.
func (x Int128) Float64() float64 {
	magnitude := x.Abs()
	f := math.Ldexp(float64(uint64(magnitude.hi)), 64) + float64(magnitude.lo)
	if x.hi < 0 {
		return -f
	}
	return f
}

// AppendBinary appends the 16 bytes of x, most significant first.
func (x Int128) AppendBinary(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(x.hi))
	return binary.BigEndian.AppendUint64(b, x.lo)
}

// int128FromBinary is the inverse of AppendBinary; b has 16 bytes.
func int128FromBinary(b []byte) Int128 {
	return Int128{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])}
}
