package boot

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// counting is a source whose samples are their own numbers: 1,000 a second in blocks of
// any length, up to its end. Where it is live they come when their time has come.
type counting struct {
	at, end int64
	live    bool
	begun   time.Time
}

func (c *counting) Info() waveform.Info {
	return waveform.Info{Format: "test", RateHz: 1000, Samples: -1, Live: c.live, Start: c.begun, Channels: []waveform.Channel{{Name: "V1"}}}
}

func (c *counting) Close() error { return nil }

func (c *counting) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	n := int(min(int64(most), c.end-c.at))
	if n == 0 {
		return 0, io.EOF
	}
	if c.live {
		select {
		case <-time.After(time.Until(c.begun.Add(time.Duration(c.at+int64(n)) * time.Millisecond))):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	b.Resize(1, n)
	for k := range n {
		b.Samples[0][k] = float64(c.at + int64(k))
	}
	b.First, b.Start, b.RateHz, b.Gap, b.Quality = 1e9, float64(c.at)/1000, 1000, false, b.Quality[:0] // numbered anew
	c.at += int64(n)
	return n, nil
}

// take reads n samples, whose numbers must follow each other.
func take(t *testing.T, r waveform.Source, first int64, n int) {
	t.Helper()
	b := new(waveform.Block)
	for end := first + int64(n); first < end; {
		got, err := r.Next(t.Context(), b, int(min(7, end-first)))
		if err != nil {
			t.Fatalf("at %d: %v", first, err)
		}
		if b.First != first || b.Origin != first || b.Samples[0][0] != float64(first) || b.Samples[0][got-1] != float64(first+int64(got)-1) || math.Abs(b.Start-float64(first)/1000) > 1e-9 {
			t.Fatalf("block at %d, %v s: %v; want %d", b.First, b.Start, b.Samples[0], first)
		}
		first += int64(got)
	}
}

// A reader begins where it asks to, where the samples are kept: 2 s of them, and what may be on the way.
func TestSamplesAreKept(t *testing.T) {
	s := NewSamples(&counting{end: 1 << 40}, 1, 1)
	defer s.Close()
	first := s.Reader()
	if at, _, err := first.From(t.Context(), -1); at != 0 || err != nil {
		t.Fatalf("the first begins at %d, %v", at, err)
	}
	take(t, first, 0, 100_005)
	oldest := 100_020 - s.keep/20*20 - 20
	for _, row := range []struct{ ask, want int64 }{{99_000, 99_000}, {100_005, 100_005}, {0, oldest}, {oldest - 1, oldest}, {oldest + 1, oldest + 1}, {1 << 30, 100_020}, {-1, 100_020}} {
		r := s.Reader()
		at, begun, err := r.From(t.Context(), row.ask)
		if at != row.want || err != nil || time.Since(begun) > time.Minute {
			t.Fatalf("from %d: %d, begun %v, %v; want %d", row.ask, at, begun, err, row.want)
		}
		if at < 100_000 {
			take(t, r, at, 10)
		}
	}
	if s.keep < 2_000 || s.keep > 40_000 {
		t.Errorf("%d samples are kept", s.keep)
	}
	if _, _, err := first.From(t.Context(), 0); err == nil {
		t.Error("a reader begins twice")
	}
}

// Samples that pace themselves come in though nobody reads them, and a reader is told of
// those that are gone.
func TestLiveSamplesAreReadWithoutPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSamples(&counting{end: 1 << 40, live: true, begun: time.Now()}, 1, 1)
		r := s.Reader()
		take(t, r, 0, 100)
		time.Sleep(2 * time.Second)
		take(t, r, 100, 100)
		time.Sleep(50 * time.Second)
		b, want := new(waveform.Block), 52_100-s.keep
		if n, err := r.Next(t.Context(), b, 1000); err != nil || !b.Gap || b.QualityOf(0) != waveform.Overrun || b.First < want-100 || b.First > want+100 {
			t.Errorf("%d samples at %d, gap %v, quality %v, %v", n, b.First, b.Gap, b.Quality, err)
		}
		take(t, r, b.First+int64(b.Len()), 3_500)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for err := error(nil); err == nil; {
			if _, err = r.Next(ctx, b, 1000); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("waiting for samples: %v", err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The end of a source is the end for each reader.
func TestSamplesEnd(t *testing.T) {
	s := NewSamples(&counting{end: 50}, 1, 1)
	defer s.Close()
	for range 2 {
		r := s.Reader()
		if _, _, err := r.From(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		take(t, r, 0, 50)
		for range 2 {
			if _, err := r.Next(t.Context(), new(waveform.Block), 10); !errors.Is(err, io.EOF) {
				t.Errorf("behind the end: %v", err)
			}
		}
	}
}
