package waveform

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"
)

// scripted is a Source of blocks made before, and rewindable.
type scripted struct {
	info   Info
	blocks []Block
	at     int
	closed bool
}

func (s *scripted) Info() Info { return s.info }

func (s *scripted) Next(_ context.Context, b *Block, max int) (int, error) {
	if s.at == len(s.blocks) {
		return 0, io.EOF
	}
	from := &s.blocks[s.at]
	s.at++
	b.Resize(len(from.Samples), from.Len())
	for c := range from.Samples {
		copy(b.Samples[c], from.Samples[c])
	}
	b.First, b.Start, b.RateHz, b.Gap = from.First, from.Start, from.RateHz, from.Gap
	return b.Len(), nil
}

func (s *scripted) Rewind() error { s.at = 0; return nil }
func (s *scripted) Close() error  { s.closed = true; return nil }

// drained is a Source's run of blocks, copied.
func drained(t *testing.T, src Source, max int) (out []Block) {
	t.Helper()
	var b Block
	for {
		n, err := src.Next(context.Background(), &b, max)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if n < 1 || n > max || n != b.Len() {
			t.Fatalf("a block of %d, %d asked for, %d held", n, max, b.Len())
		}
		kept := b
		kept.Samples = nil
		for _, s := range b.Samples {
			kept.Samples = append(kept.Samples, append([]float64(nil), s...))
		}
		out = append(out, kept)
	}
}

func TestSelected(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	src := &scripted{
		info: Info{RateHz: 10, Channels: []Channel{{Name: "x", Unit: "kV"}, {Name: "y", Unit: "A"}, {Name: "z", Unit: "V"}}},
		blocks: []Block{
			{Samples: [][]float64{{1, 2, 3}, {10, 20, 30}, {nan, nan, nan}}, RateHz: 10},
			{Samples: [][]float64{{4, nan, 6, 7}, {40, 50, inf, 70}, {0, 0, 0, 0}}, First: 3, Start: 0.3, RateHz: 10},
			{Samples: [][]float64{{nan, nan}, {80, 90}, {0, 0}}, First: 7, Start: 0.7, RateHz: 10},
			{Samples: [][]float64{{10}, {100}, {0}}, First: 9, Start: 5, RateHz: 10, Gap: true},
			{Samples: [][]float64{{11}, {110}, {0}}, First: 10, Start: 5.1, RateHz: 10},
		},
	}
	sel, err := Selected(src, Mapping{{V1, 0, 1000}, {I1, 1, -1}})
	if err != nil {
		t.Fatal(err)
	}
	if ch := sel.Info().Channels; len(ch) != 2 || ch[0].Unit != "V" || ch[1].Unit != "A" || ch[0].Name != "x" {
		t.Errorf("channels %+v", ch)
	}
	want := []Block{
		{Samples: [][]float64{{1000, 2000, 3000}, {-10, -20, -30}}, First: 0, Start: 0},
		{Samples: [][]float64{{4000}, {-40}}, First: 3, Start: 0.3},
		{Samples: [][]float64{{7000}, {-70}}, First: 4, Start: 0.6, Gap: true},
		{Samples: [][]float64{{10000}, {-100}}, First: 5, Start: 5, Gap: true},
		{Samples: [][]float64{{11000}, {-110}}, First: 6, Start: 5.1},
	}
	for round := range 2 {
		got := drained(t, sel, 100)
		if len(got) != len(want) {
			t.Fatalf("round %d: %d blocks, want %d: %+v", round, len(got), len(want), got)
		}
		for i, w := range want {
			g := got[i]
			if g.First != w.First || math.Abs(g.Start-w.Start) > 1e-12 || g.Gap != w.Gap || g.RateHz != 10 {
				t.Errorf("block %d: first %d start %g gap %v; want %d %g %v", i, g.First, g.Start, g.Gap, w.First, w.Start, w.Gap)
			}
			for c := range w.Samples {
				for k := range w.Samples[c] {
					if g.Samples[c][k] != w.Samples[c][k] {
						t.Errorf("block %d channel %d: %v, want %v", i, c, g.Samples[c], w.Samples[c])
						break
					}
				}
			}
		}
		if err := sel.(Rewinder).Rewind(); err != nil {
			t.Fatal(err)
		}
	}
	sel.Close()
	if !src.closed {
		t.Error("the source was not closed")
	}
}

func TestSelectedSharesAChannel(t *testing.T) {
	src := &scripted{info: Info{Channels: make([]Channel, 1)}, blocks: []Block{{Samples: [][]float64{{1, 2}}, RateHz: 1}}}
	sel, err := Selected(src, Mapping{{V1, 0, 1}, {V2, 0, -1}})
	if err != nil {
		t.Fatal(err)
	}
	got := drained(t, sel, 10)
	if len(got) != 1 || got[0].Samples[0][1] != 2 || got[0].Samples[1][1] != -2 {
		t.Errorf("%+v", got)
	}
	if _, err := Selected(src, Mapping{{V1, 1, 1}}); err == nil {
		t.Error("a channel that is not there was selected")
	}
	if _, err := Selected(src, nil); err == nil {
		t.Error("nothing was selected")
	}
}

// steady delivers the same samples again and again without allocating.
type steady struct {
	info Info
	at   int64
}

func (s *steady) Info() Info   { return s.info }
func (s *steady) Close() error { return nil }
func (s *steady) Next(_ context.Context, b *Block, max int) (int, error) {
	b.Resize(len(s.info.Channels), max)
	for c := range b.Samples {
		for k := range b.Samples[c] {
			b.Samples[c][k] = float64(k)
		}
	}
	b.First, b.Start, b.RateHz = s.at, float64(s.at)/1000, 1000
	s.at += int64(max)
	return max, nil
}

func TestSelectedAllocatesNothing(t *testing.T) {
	src := &steady{info: Info{Channels: make([]Channel, 8)}}
	sel, err := Selected(src, Mapping{{V1, 4, 1}, {V2, 5, 1}, {I1, 0, 1000}})
	if err != nil {
		t.Fatal(err)
	}
	var b Block
	next := func() {
		if _, err := sel.Next(context.Background(), &b, 512); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		next()
	}
	if n := testing.AllocsPerRun(100, next); n > 0 {
		t.Errorf("%g allocations a block", n)
	}
}

func TestLoop(t *testing.T) {
	src := &scripted{info: Info{Samples: 5}, blocks: []Block{
		{Samples: [][]float64{{1, 2, 3}}, RateHz: 10},
		{Samples: [][]float64{{4, 5}}, First: 3, Start: 1.3, RateHz: 10, Gap: true},
	}}
	l, err := Loop(src)
	if err != nil {
		t.Fatal(err)
	}
	if l.Info().Samples != -1 {
		t.Errorf("a loop of %d samples", l.Info().Samples)
	}
	for i, want := range []struct {
		first int64
		start float64
		gap   bool
	}{{0, 0, false}, {3, 1.3, true}, {5, 1.5, true}, {8, 2.8, true}, {10, 3.0, true}, {13, 4.3, true}} {
		var b Block
		if _, err := l.Next(context.Background(), &b, 10); err != nil {
			t.Fatal(err)
		}
		if b.First != want.first || math.Abs(b.Start-want.start) > 1e-12 || b.Gap != want.gap {
			t.Errorf("block %d: first %d start %g gap %v, want %+v", i, b.First, b.Start, b.Gap, want)
		}
	}
	empty, err := Loop(&scripted{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Next(context.Background(), &Block{}, 1); !errors.Is(err, io.EOF) {
		t.Errorf("an empty loop: %v", err)
	}
	if _, err := Loop(&steady{}); err == nil {
		t.Error("a source that cannot rewind was looped")
	}
}

// BenchmarkSelected passes 8 of 8 channels on in blocks of a cycle at 51.2 kHz, none
// missing, two of them scaled. It includes making the samples (BenchmarkUnselected).
func BenchmarkSelected(b *testing.B) {
	src := &steady{info: Info{Channels: make([]Channel, 8)}}
	var m Mapping
	for c, r := range []Role{V1, V2, V3, V4, I1, I2, I3, I4} {
		m = append(m, Pick{Role: r, Channel: c, Scale: 1})
	}
	m[0].Scale, m[4].Scale = 1000, -1
	sel, err := Selected(src, m)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkSource(b, sel)
}

func BenchmarkUnselected(b *testing.B) {
	benchmarkSource(b, &steady{info: Info{Channels: make([]Channel, 8)}})
}

func benchmarkSource(b *testing.B, src Source) {
	var block Block
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		got, err := src.Next(b.Context(), &block, 1024)
		if err != nil {
			b.Fatal(err)
		}
		n += got * 8
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}
