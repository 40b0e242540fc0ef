package waveform

import (
	"context"
	"fmt"
	"math"
	"testing"
)

// qualified is a source of one-second blocks of 100 samples, the second of which has
// something held against channel 1.
type qualified struct {
	info Info
	at   int
}

func (q *qualified) Info() Info   { return q.info }
func (q *qualified) Close() error { return nil }

func (q *qualified) Next(_ context.Context, b *Block, _ int) (int, error) {
	if q.at == 4 {
		return (&scripted{}).Next(context.Background(), b, 0)
	}
	b.Resize(2, 100)
	for k := range 100 {
		b.Samples[0][k], b.Samples[1][k] = 1, 2
	}
	b.First, b.Start, b.RateHz = int64(100*q.at), float64(q.at), 100
	b.Quality = b.Quality[:0]
	if q.at == 1 {
		b.Samples[0][50] = math.NaN()
		b.Quality = append(b.Quality, 0, Derived)
	}
	q.at++
	return 100, nil
}

// TestQualityGoesWithItsChannel through the selection of channels, also where a block is
// cut.
func TestQualityGoesWithItsChannel(t *testing.T) {
	for name, row := range map[string]struct {
		m    Mapping
		want string
	}{
		"both":      {Mapping{{V1, 0, 1}, {I1, 1, 1}}, "100[0 0] 50[0 8] 49[0 8] 100[0 0] 100[0 0]"},
		"swapped":   {Mapping{{V1, 1, 1}, {I1, 0, 1}}, "100[0 0] 50[8 0] 49[8 0] 100[0 0] 100[0 0]"},
		"the other": {Mapping{{V1, 0, 1}}, "100[0] 50[0] 49[0] 100[0] 100[0]"},
	} {
		src, err := Selected(&qualified{info: Info{Channels: make([]Channel, 2)}}, row.m)
		if err != nil {
			t.Fatal(err)
		}
		if got := qualities(t, src); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// TestQualitySpreadsWithSkew: a moved sample is made of its neighbours.
func TestQualitySpreadsWithSkew(t *testing.T) {
	src := Deskew(&qualified{info: Info{Channels: []Channel{{}, {SkewSeconds: 0.004}}}})
	var b Block
	for {
		n, err := src.Next(context.Background(), &b, 1)
		if err != nil {
			return
		}
		for k := range n {
			at := b.First + int64(k)
			if inside := at >= 100 && at < 200; inside && b.QualityOf(1) != Derived {
				t.Errorf("sample %d has quality %d", at, b.QualityOf(1))
			}
			if far := at < 60 || at > 320; far && b.QualityOf(1) != 0 || b.QualityOf(0) != 0 {
				t.Errorf("sample %d has qualities %d, %d", at, b.QualityOf(0), b.QualityOf(1))
			}
		}
	}
}

func qualities(t *testing.T, src Source) (text string) {
	t.Helper()
	var b Block
	for {
		n, err := src.Next(context.Background(), &b, 1000)
		if err != nil {
			return text[1:]
		}
		list := make([]Quality, len(b.Samples))
		for c := range list {
			list[c] = b.QualityOf(c)
		}
		text += fmt.Sprintf(" %d%v", n, list)
	}
}

// TestUnusedChannelIsNotMapped: it would keep the others from being measured.
func TestUnusedChannelIsNotMapped(t *testing.T) {
	info := Info{Channels: []Channel{{Name: "Va"}, {Name: "Vb"}, {Name: "Vc"}, {Name: "Vn", Unused: true}, {Name: "Ia", Unused: true}}}
	if m, _ := AutoMap(info); fmt.Sprint(m.Roles()) != "[V1 V2 V3]" {
		t.Errorf("roles %v", m.Roles())
	}
}
