package modbus

import (
	"bytes"
	"testing"
	"time"
)

func TestFrameSilence(t *testing.T) {
	for baud, want := range map[int]time.Duration{
		2400: 16041666, 4800: 8020833, 9600: 4010416, 19200: 2005208, 38400: 1750 * time.Microsecond, 115200: 1750 * time.Microsecond,
	} {
		if got := FrameSilence(baud); got != want {
			t.Errorf("%d baud: %v, want %v", baud, got, want)
		}
	}
}

func TestLineRequest(t *testing.T) {
	good, answer := rtu(t, "01 03 0BD3 0002"), rtu(t, "05 10 0001 0002")
	long := rtu(t, "01 03 0BD3 0002 00")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tc := range []struct {
		name    string
		b       []byte
		skip, n int
	}{
		{"nothing", nil, 0, 0},
		{"a request", good, 0, len(good)},
		{"a read that is too long is a frame: its CRC holds", long, 0, len(long)},
		{"half a request", good[:5], 0, 0},
		{"a wrong CRC", append(bytes.Clone(good[:7]), good[7]^1), 0, 0},
		{"another unit's answer, which is taken for a long write, then a request", join(answer, good), len(answer), len(good)},
		{"noise, then a request", join([]byte{0xFF, 0}, good), 2, len(good)},
		{"a request, then noise", join(good, []byte{0xFF}), 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if skip, n := LineRequest(tc.b); skip != tc.skip || n != tc.n {
				t.Errorf("skips %d, takes %d; want %d, %d", skip, n, tc.skip, tc.n)
			}
		})
	}
}

func FuzzLineRequest(f *testing.F) {
	f.Add(rtu(f, "01 03 0BD3 0002"))
	f.Add(append([]byte("noise"), rtu(f, "01 10 0001 0002 04 000A 0102")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		skip, n := LineRequest(b)
		if n == 0 {
			return
		}
		if _, _, ok := ParseRTU(b[skip:]); !ok || skip+n != len(b) || n > MaxRTURequest {
			t.Fatalf("takes % X", b[skip:])
		}
	})
}
