package meter

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// ramp is a source of one channel whose samples count up; it jumps in time and sets
// Gap at sample `seam`, and ends or fails after `length` samples.
type ramp struct {
	at, seam, length int64
	end              error
}

func (r *ramp) Info() waveform.Info { return waveform.Info{RateHz: 1000} }
func (r *ramp) Close() error        { return nil }

func (r *ramp) Next(_ context.Context, b *waveform.Block, most int) (int, error) {
	if r.at >= r.length {
		return 0, r.end
	}
	n := int(min(int64(most), r.length-r.at))
	b.Gap = r.at == r.seam && r.at > 0
	if r.at < r.seam {
		n = int(min(int64(n), r.seam-r.at))
	}
	b.Resize(1, n)
	for k := range n {
		b.Samples[0][k] = float64(r.at + int64(k))
	}
	b.First, b.RateHz, b.Start = r.at, 1000, 1e6 // a label that the pump must not believe
	r.at += int64(n)
	return n, nil
}

// TestPumpPace: ten seconds of signal take ten seconds of wall clock at speed 1 and
// one at speed 10, and no block comes before its last sample has happened.
func TestPumpPace(t *testing.T) {
	for _, speed := range []float64{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			p := newPump(&ramp{length: 10000, seam: 5005, end: io.EOF}, speed, 1000)
			begin := time.Now()
			done := make(chan error, 1)
			go func() { done <- p.run(t.Context()) }()
			var next float64
			var gaps int
			for b := range p.full {
				if b.Start < next-1e-9 || b.Start > next+1e-9 {
					t.Fatalf("block starts at %v s, want %v", b.Start, next)
				}
				if b.Gap {
					gaps++
				}
				next += float64(b.Len()) / b.RateHz
				if early := next/speed - time.Since(begin).Seconds(); early > 1e-6 {
					t.Fatalf("block ending at %v s came %v s early", next, early)
				}
				p.free <- b
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if got, want := time.Since(begin), time.Duration(10/speed*float64(time.Second)); got < want-time.Microsecond || got > want+time.Millisecond {
				t.Errorf("speed %v: took %v, want %v", speed, got, want)
			}
			if gaps != 1 {
				t.Errorf("%d gaps, want the seam alone", gaps)
			}
		})
	}
}

// TestPumpEnds: a failing source ends the pump with its error, a cancelled context
// without one, also when nobody takes the blocks.
func TestPumpEnds(t *testing.T) {
	t.Run("source fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			broken := errors.New("row 7: bad")
			p := newPump(&ramp{length: 30, seam: 1 << 40, end: broken}, 1, 1000)
			done := make(chan error, 1)
			go func() { done <- p.run(t.Context()) }()
			for b := range p.full {
				p.free <- b
			}
			if err := <-done; !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p := newPump(&ramp{length: 1 << 40, seam: 1 << 41, end: io.EOF}, 1, 1000)
			done := make(chan error, 1)
			go func() { done <- p.run(ctx) }()
			synctest.Wait()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("got %v", err)
			}
		})
	})
}
