package ion

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// asBig is the oracle's form of x.
func asBig(x Int128) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(x.hi), 64)
	return b.Add(b, new(big.Int).SetUint64(x.lo))
}

func anyInt128() *rapid.Generator[Int128] {
	return rapid.Custom(func(t *rapid.T) Int128 {
		x := Int128{rapid.Int64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		if rapid.Bool().Draw(t, "small") {
			x = Int128Of(int64(x.lo))
		}
		return x
	})
}

func TestInt128AgreesWithBigIntegers(t *testing.T) {
	wrapped := func(b *big.Int) *big.Int { // two's complement, 128 bits
		modulus := new(big.Int).Lsh(big.NewInt(1), 128)
		b = new(big.Int).Mod(b, modulus)
		if b.Bit(127) == 1 {
			b.Sub(b, modulus)
		}
		return b
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := anyInt128().Draw(t, "x"), anyInt128().Draw(t, "y")
		bx, by := asBig(x), asBig(y)
		for _, c := range []struct {
			name string
			got  Int128
			want *big.Int
		}{
			{"x+y", x.Add(y), new(big.Int).Add(bx, by)},
			{"x-y", x.Sub(y), new(big.Int).Sub(bx, by)},
			{"-x", x.Neg(), new(big.Int).Neg(bx)},
			{"|x|", x.Abs(), new(big.Int).Abs(bx)},
			{"lo*lo", Product(x.lo>>1, y.lo), new(big.Int).Mul(new(big.Int).SetUint64(x.lo>>1), new(big.Int).SetUint64(y.lo))},
			{"binary", int128FromBinary(x.AppendBinary(nil)), bx},
		} {
			if got, want := asBig(c.got), wrapped(c.want); got.Cmp(want) != 0 {
				t.Fatalf("%s of %v and %v = %v, want %v", c.name, bx, by, got, want)
			}
		}
		if x.Cmp(y) != bx.Cmp(by) || x.Sign() != bx.Sign() {
			t.Fatalf("order or sign of %v and %v", bx, by)
		}
		lowest := Int128{math.MinInt64, 0} // has no magnitude in 128 bits
		if y != (Int128{}) && x != lowest && y != lowest {
			q, r := x.QuoRem(y)
			bq, br := new(big.Int).QuoRem(bx, by, new(big.Int))
			if asBig(q).Cmp(bq) != 0 || asBig(r).Cmp(br) != 0 {
				t.Fatalf("%v / %v = %v rest %v, want %v rest %v", bx, by, asBig(q), asBig(r), bq, br)
			}
		}
		want, _ := new(big.Float).SetInt(bx).Float64()
		if got := x.Float64(); x != lowest && math.Abs(got-want) > math.Abs(want)*0x1p-52 {
			t.Fatalf("float of %v = %v, want %v", bx, got, want)
		}
		if bx.IsInt64() && x.Int64() != bx.Int64() {
			t.Fatalf("int64 of %v = %v", bx, x.Int64())
		}
	})
}

func TestInt128Saturates(t *testing.T) {
	if got := (Int128{1, 0}).Int64(); got != math.MaxInt64 {
		t.Errorf("2^64 as int64 = %d", got)
	}
	if got := (Int128{-2, 0}).Int64(); got != math.MinInt64 {
		t.Errorf("-2^65 as int64 = %d", got)
	}
	if q, r := Int128Of(7).QuoRem(Int128{}); q != (Int128{}) || r != Int128Of(7) {
		t.Errorf("7 / 0 = %v rest %v", q, r)
	}
}

// However an amount is cut into pieces, the quanta add up to it.
func TestQuantizerLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Quantizer
		var total int64
		exact := new(big.Float).SetPrec(2000)
		for _, x := range rapid.SliceOf(rapid.Float64Range(-1e9, 1e9)).Draw(t, "amounts") {
			total += q.Take(x)
			exact.Add(exact, big.NewFloat(x))
			if math.Abs(q.Remainder) >= 1 {
				t.Fatalf("remainder %v is a quantum or more", q.Remainder)
			}
		}
		exact.Sub(exact, new(big.Float).SetInt64(total))
		if rest, _ := exact.Float64(); math.Abs(rest-q.Remainder) > 1e-4 { // each addition rounds at 1e9·2^-53
			t.Fatalf("%d quanta leave %v, remainder says %v", total, rest, q.Remainder)
		}
	})
	var q Quantizer
	if q.Take(math.NaN()) != 0 || q.Take(0.5) != 0 || q.Take(0.5) != 1 {
		t.Error("a NaN must add nothing and lose nothing")
	}
	if got := q.Take(math.Inf(1)); got != maxQuanta || q.Remainder != 0 {
		t.Errorf("infinity gives %d and remainder %v", got, q.Remainder)
	}
}
