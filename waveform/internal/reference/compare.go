package reference

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// Tolerance is what figures may differ by, relative to full scale.
const Tolerance = 2e-6

// Compare reads src to its end in blocks of up to max samples and compares each
// channel's figures with the record's.
func Compare(t *testing.T, src waveform.Source, want Record, max int) {
	t.Helper()
	info := src.Info()
	if len(info.Channels) != len(want.Whole) {
		t.Fatalf("%d channels, want %d", len(info.Channels), len(want.Whole))
	}
	type sums struct {
		count, missing                int64
		min, max, square, first, last float64
	}
	got := make([]sums, len(info.Channels))
	for c := range got {
		got[c] = sums{min: math.Inf(1), max: math.Inf(-1), first: math.NaN(), last: math.NaN()}
	}
	var b waveform.Block
	var delivered int64
	for {
		n, err := src.Next(context.Background(), &b, max)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n < 1 || n > max || n != b.Len() {
			t.Fatalf("a block of %d samples, %d asked for, %d held", n, max, b.Len())
		}
		if b.First != delivered {
			t.Fatalf("a block begins at %d after %d samples", b.First, delivered)
		}
		delivered += int64(n)
		for c, samples := range b.Samples {
			s := &got[c]
			for _, v := range samples {
				if waveform.IsMissing(v) {
					s.missing++
					continue
				}
				if s.count == 0 {
					s.first = v
				}
				s.last = v
				s.count++
				s.min, s.max, s.square = math.Min(s.min, v), math.Max(s.max, v), s.square+v*v
			}
		}
	}
	if delivered != want.Samples {
		t.Errorf("%d samples, want %d", delivered, want.Samples)
	}
	for c, w := range want.Whole {
		g := got[c]
		if info.Channels[c].Name != w.Name {
			t.Errorf("channel %d is called %q, want %q", c+1, info.Channels[c].Name, w.Name)
		}
		if info.Channels[c].Unit != w.Unit {
			t.Errorf("%s: unit %q, want %q", w.Name, info.Channels[c].Unit, w.Unit)
		}
		if g.count != w.Count || g.missing != w.Missing {
			t.Errorf("%s: %d samples and %d missing, want %d and %d", w.Name, g.count, g.missing, w.Count, w.Missing)
		}
		full := math.Max(math.Abs(w.Min), math.Abs(w.Max))
		for _, f := range []struct {
			name      string
			got, want float64
		}{
			{"min", g.min, w.Min}, {"max", g.max, w.Max}, {"rms", math.Sqrt(g.square / float64(g.count)), w.RMS},
			{"first", g.first, w.First}, {"last", g.last, w.Last},
		} {
			if !(math.Abs(f.got-f.want) <= Tolerance*full) {
				t.Errorf("%s: %s %.9g, want %.9g", w.Name, f.name, f.got, f.want)
			}
		}
	}
}
