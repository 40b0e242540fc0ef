package waveform

import (
	"fmt"
	"math"
	"testing"
)

// sampledLate returns blocks of cosines of f Hz at rate, channel c taken skew[c] late.
func sampledLate(f, rate float64, skew []float64, sizes []int, gapBefore map[int]bool) *scripted {
	s := &scripted{info: Info{RateHz: rate}}
	for _, late := range skew {
		s.info.Channels = append(s.info.Channels, Channel{SkewSeconds: late})
	}
	first := 0
	lost := 0.0
	for i, n := range sizes {
		if gapBefore[i] {
			lost += 1
		}
		b := Block{First: int64(first), Start: float64(first)/rate + lost, RateHz: rate, Gap: gapBefore[i]}
		for _, late := range skew {
			var x []float64
			for k := range n {
				x = append(x, math.Cos(2*math.Pi*f*(b.Start+float64(k)/rate+late)))
			}
			b.Samples = append(b.Samples, x)
		}
		s.blocks = append(s.blocks, b)
		first += n
	}
	return s
}

// TestDeskewAccuracy: what comes out is what would have been sampled at the
// record's time, up to 0.8 of half the rate.
func TestDeskewAccuracy(t *testing.T) {
	const rate = 1200.0
	skew := []float64{0, 13e-6, 841e-6, -500e-6, 1 / rate, 0.5 / rate, -2.25 / rate, 0.999999 / rate}
	for _, share := range []float64{0.01, 0.0833, 0.3, 0.6, 0.8} {
		f := share * rate / 2
		t.Run(fmt.Sprintf("%g of Nyquist", share), func(t *testing.T) {
			src := sampledLate(f, rate, skew, []int{300, 7, 1, 400, 92}, nil)
			got := drained(t, Deskew(src), 64)
			k, worst := 0, 0.0
			for _, b := range got {
				if b.First != int64(k) || math.Abs(b.Start-float64(k)/rate) > 1e-12 || b.Gap {
					t.Fatalf("a block at %d, %g s, gap %v after %d samples", b.First, b.Start, b.Gap, k)
				}
				for i := range b.Len() {
					want := math.Cos(2 * math.Pi * f * float64(k) / rate)
					if k >= 30 && k < 800-30 {
						for c := range skew {
							worst = math.Max(worst, math.Abs(b.Samples[c][i]-want))
						}
					}
					if math.Abs(b.Samples[0][i]-want) > 1e-12 {
						t.Fatal("a channel without skew was touched")
					}
					k++
				}
			}
			if k != 799 { // the last instant lies 2.25 samples outside of a channel
				t.Errorf("%d samples, want 799", k)
			}
			t.Logf("largest error %.2g of amplitude", worst)
			if worst > 1e-5 {
				t.Errorf("largest error %.2g of amplitude, want 1e-5", worst)
			}
		})
	}
}

// TestDeskewEdges: near the ends of a run fewer points serve; the fundamental
// stays within 0.1 % where the instant lies inside the record, 2 % just outside.
func TestDeskewEdges(t *testing.T) {
	const rate, f = 1200.0, 50.0
	skew := []float64{0.5 / rate, -0.5 / rate, 1.01 / rate, 5 / rate}
	src := sampledLate(f, rate, skew, []int{100, 50, 100}, map[int]bool{1: true})
	var all [][]float64
	var gaps []int
	n := 0
	for _, b := range drained(t, Deskew(src), 33) {
		if b.Gap {
			gaps = append(gaps, n)
		}
		for i := range b.Len() {
			row := []float64{math.Cos(2 * math.Pi * f * (b.Start + float64(i)/rate))}
			for c := range skew {
				row = append(row, b.Samples[c][i])
			}
			all = append(all, row)
		}
		n += b.Len()
	}
	// With a channel five samples late the first three instants of each run are too far
	// outside of it.
	if len(gaps) != 1 || gaps[0] != 97 || n != 244 {
		t.Fatalf("gaps before %v of %d samples, want before 97 of 244", gaps, n)
	}
	for k, row := range all {
		for c := range skew {
			limit := 1e-3
			if k < 5 || k > 241 || k >= 94 && k < 102 {
				limit = 2e-2
			}
			if !(math.Abs(row[c+1]-row[0]) <= limit) {
				t.Errorf("sample %d channel %d: %g, want %g", k, c, row[c+1], row[0])
			}
		}
	}
}

// TestDeskewLongerThanARun: runs too short for a skew vanish.
func TestDeskewLongerThanARun(t *testing.T) {
	src := sampledLate(50, 1200, []float64{0, -20 / 1200.0}, []int{10, 100, 5}, map[int]bool{1: true, 2: true})
	n := 0
	for _, b := range drained(t, Deskew(src), 33) {
		if b.Gap || b.First != int64(n) || math.Abs(b.Start-1-float64(10+n)/1200) > 1e-12 {
			t.Errorf("a block at %d, %g s, gap %v after %d samples", b.First, b.Start, b.Gap, n)
		}
		n += b.Len()
	}
	if n != 100-18 {
		t.Errorf("%d samples, want 82", n)
	}
}

func TestDeskewWithoutSkewIsTheSource(t *testing.T) {
	src := &steady{info: Info{Channels: make([]Channel, 3)}}
	if Deskew(src) != Source(src) {
		t.Error("a source without skew was wrapped")
	}
}

func TestDeskewRewinds(t *testing.T) {
	src := sampledLate(50, 1200, []float64{100e-6}, []int{60, 60}, nil)
	d := Deskew(src).(Rewinder)
	first := drained(t, d, 1000)
	if err := d.Rewind(); err != nil {
		t.Fatal(err)
	}
	second := drained(t, d, 1000)
	if len(first) != len(second) || first[0].Samples[0][7] != second[0].Samples[0][7] || d.Info().Channels[0].SkewSeconds != 0 {
		t.Error("the second reading differs")
	}
}

// BenchmarkDeskew moves 8 channels by fractions of a sample.
func BenchmarkDeskew(b *testing.B) {
	src := &steady{info: Info{Channels: make([]Channel, 8)}}
	for c := range src.info.Channels {
		src.info.Channels[c].SkewSeconds = float64(c+1) * 1e-4
	}
	d := Deskew(src)
	var block Block
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		got, err := d.Next(b.Context(), &block, 1024)
		if err != nil {
			b.Fatal(err)
		}
		n += got * 8
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}
