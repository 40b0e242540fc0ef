package registermap

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"
	"time"
)

// numeric are the types that hold numbers, with the registers of each.
var numeric = map[Type]int{UINT16: 1, INT16: 1, UINT32: 2, INT32: 2, INT64: 4, UM10K: 2, M10K: 2, FLOAT32: 2, FLOAT64: 4, PF4Q: 2, BITMAP: 3}

// communications.md 2.3 and 12.
func TestVectors(t *testing.T) {
	for _, tc := range []struct {
		name string
		typ  Type
		x    float64 // NaN is NOT AVAILABLE
		want string
	}{
		{"12: FLOAT32 230.25", FLOAT32, 230.25, "43664000"},
		{"12: INT64 123456789012", INT64, 123456789012, "0000001CBE991A14"},
		{"12: INT64 -1", INT64, -1, "FFFFFFFFFFFFFFFF"},
		{"12: PF4Q 1.2", PF4Q, PackPowerFactor(0.8, false, true), "3F99999A"},
		{"12: PF4Q -1.3", PF4Q, PackPowerFactor(-0.7, true, true), "BFA66666"},
		{"12: M10K 123456789", UM10K, 123456789, "30391A85"},
		{"12: legacy clock", UINT32, 1246413600, "4A4AC320"},
		{"2.12: M10K below zero", M10K, -123456789, "CFC7E57B"},
		{"2.12: M10K with a low half alone", M10K, -1, "0000FFFF"},
		{"FLOAT64", FLOAT64, -0.1, "BFB999999999999A"},
		{"UINT16 greatest", UINT16, 65534, "FFFE"},
		{"2.3: UINT16", UINT16, math.NaN(), "FFFF"},
		{"2.3: INT16", INT16, math.NaN(), "8000"},
		{"2.3: UINT32", UINT32, math.NaN(), "FFFFFFFF"},
		{"2.3: INT32", INT32, math.NaN(), "80000000"},
		{"2.3: INT64", INT64, math.NaN(), "8000000000000000"},
		{"2.3: FLOAT32", FLOAT32, math.NaN(), "FFC00000"},
		{"2.3: FLOAT64", FLOAT64, math.NaN(), "FFF8000000000000"},
		{"2.3: BITMAP", BITMAP, math.NaN(), "800000000000"},
		{"2.3: PF4Q", PF4Q, math.NaN(), "FFC00000"},
		{"2.3: DATETIME", DATETIME, math.NaN(), "FFFFFFFFFFFFFFFF"},
		{"M10K of a module", M10K, math.NaN(), "80008000"},
		{"UM10K of a module", UM10K, math.NaN(), "FFFFFFFF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want, _ := hex.DecodeString(tc.want)
			got := make([]byte, len(want))
			if math.IsNaN(tc.x) {
				tc.typ.PutNotAvailable(got)
			} else if !tc.typ.PutNumber(got, tc.x) {
				t.Fatal("not encoded")
			}
			if !bytes.Equal(got, want) {
				t.Errorf("% X, want % X", got, want)
			}
			x, ok := tc.typ.Number(want)
			if ok == math.IsNaN(tc.x) || ok && math.Abs(x-tc.x) > 1e-6*math.Abs(tc.x) {
				t.Errorf("read as %g, %v", x, ok)
			}
		})
	}
}

func TestDateTimes(t *testing.T) {
	for _, tc := range []struct{ name, registers, want string }{
		{"12: leap day", "0018021D173BEA5F", "2024-02-29T23:59:59.999Z"},
		{"2.3: example", "00140B1E0D2D1A85", "2020-11-30T13:45:06.789Z"},
		{"2.3: daylight saving and a weekday are ignored", "00140B3E8D2D1A85", "2020-11-30T13:45:06.789Z"},
		{"2.3: not valid", "00140B1E0DAD1A85", ""},
		{"no such day", "0015021D173B0000", ""},
		{"2.3: NOT AVAILABLE", "FFFFFFFFFFFFFFFF", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, _ := hex.DecodeString(tc.registers)
			at, ok := DateTime(b)
			if got := at.Format(time.RFC3339Nano); ok != (tc.want != "") || ok && got != tc.want {
				t.Errorf("%s, %v, want %q", got, ok, tc.want)
			}
		})
	}
}

func TestTexts(t *testing.T) {
	b := make([]byte, 4)
	PutText(b, "abcé") // é has two bytes and would be cut
	if text, ok := Text(b); text != "abc" || !ok {
		t.Errorf("%q, %v", text, ok)
	}
	if text, ok := Text(make([]byte, 4)); ok {
		t.Errorf("NOT AVAILABLE reads %q", text)
	}
}

func TestReverseWords(t *testing.T) {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	ReverseWords(b)
	if want := []byte{7, 8, 5, 6, 3, 4, 1, 2}; !bytes.Equal(b, want) {
		t.Errorf("% X, want % X", b, want)
	}
}

// What every type can carry comes back as it was, in either order of words; what it cannot
// is not encoded; and what is NOT AVAILABLE is no number.
func FuzzConversionIsReversible(f *testing.F) {
	for _, x := range []float64{0, 1, -1, 0.5, 65534, 65535, 65536, -32767, -32768, 123456789, 655349999, -327679999, 1e18, -1e18, 1e300, math.Inf(1), math.NaN()} {
		f.Add(x, []byte{0x80, 0, 0, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, x float64, raw []byte) {
		for typ, registers := range numeric {
			b := make([]byte, 2*registers)
			if typ.PutNumber(b, x) {
				ReverseWords(b)
				ReverseWords(b)
				want := x
				switch {
				case typ.Whole():
					want = math.Round(x)
				case typ != FLOAT64:
					want = float64(float32(x))
				}
				if got, ok := typ.Number(b); typ == PF4Q && math.Abs(x) > 2 {
					continue
				} else if !ok || got != want {
					t.Errorf("%s: %g came back as %g, %v (% X)", typ, want, got, ok, b)
				}
			} else if low, high, bounded := typ.Bounds(); bounded && x >= low && x <= high {
				t.Errorf("%s: %g is within %g and %g, and not encoded", typ, x, low, high)
			}
			typ.PutNotAvailable(b)
			if got, ok := typ.Number(b); ok {
				t.Errorf("%s: NOT AVAILABLE reads %g", typ, got)
			}
			if len(raw) < len(b) {
				continue
			}
			copy(b, raw)
			if n, ok := typ.Integer(b); ok {
				again := make([]byte, len(b))
				if !typ.PutInteger(again, n) || !bytes.Equal(again, b) {
					t.Errorf("%s: % X is %d, which is % X", typ, b, n, again)
				}
			}
		}
		if len(raw) >= 8 {
			if at, ok := DateTime(raw); ok {
				again := make([]byte, 8)
				if !PutDateTime(again, at) {
					t.Errorf("%v does not fit", at)
				} else if back, ok := DateTime(again); !ok || !back.Equal(at) {
					t.Errorf("%v came back as %v", at, back)
				}
			}
		}
	})
}
