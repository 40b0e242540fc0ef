package meter

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/waveform"
)

// outliving is a source that outlives meters; it keeps every sample.
type outliving struct {
	waveform.Source
	kept   []*waveform.Block
	oldest int64 // that it still delivers
	next   int64
	begun  time.Time
}

func (o *outliving) reader() waveform.Resumable { return &outlivingReader{outliving: o} }

type outlivingReader struct {
	*outliving
	at int64
}

func (r *outlivingReader) Axis() uint64 { return 7 }
func (r *outlivingReader) Close() error { return nil }

func (r *outlivingReader) From(_ context.Context, sample int64) (int64, time.Time, error) {
	if r.begun.IsZero() {
		r.begun = time.Now()
	}
	if r.at = r.next; sample >= 0 {
		r.at = max(sample, r.oldest)
	}
	return r.at, r.begun, nil
}

func (r *outlivingReader) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	for r.at >= r.next {
		fresh := new(waveform.Block)
		n, err := r.Source.Next(ctx, fresh, most)
		if err != nil {
			return 0, err
		}
		fresh.First = r.next
		r.kept = append(r.kept, fresh)
		r.next += int64(n)
	}
	for _, from := range r.kept {
		skip := int(r.at - from.First)
		if skip < 0 || skip >= from.Len() {
			continue
		}
		n := min(most, from.Len()-skip)
		b.Resize(len(from.Samples), n)
		for c := range b.Samples {
			copy(b.Samples[c], from.Samples[c][skip:])
		}
		b.First, b.Origin, b.RateHz, b.Gap = r.at, r.at, from.RateHz, false
		r.at += int64(n)
		return n, nil
	}
	panic("a sample that is not kept")
}

// TestResume: a meter goes on where the one before it stopped counting. What it counts over
// several lives is the power of the source times the time, less the gaps on record.
func TestResume(t *testing.T) {
	for _, row := range []struct {
		name string
		down time.Duration // between two lives
		// forgets is how much of what the first life has not counted is gone in the second.
		forgets time.Duration
		gapS    float64
		restart bool // on demand: windows go on, and energy is not ahead of them
	}{
		{"stopped and started at once", 0, 0, 0, false},
		{"down for a moment", 700 * time.Millisecond, 0, 0, false},
		{"down for longer than samples are caught up with", 8 * time.Second, 0, 8, false},
		{"samples are gone", time.Second, 500 * time.Millisecond, 0.5, false},
		{"restarted", 700 * time.Millisecond, 0, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scenario, source := steady(t, site)
				truth, err := scenario.Expect(12800, 1)
				if err != nil {
					t.Fatal(err)
				}
				o, dir := &outliving{Source: source}, t.TempDir()
				begun := time.Now()
				first := openMeter(t, dir, o.reader())
				if row.restart {
					time.AfterFunc(4*time.Second, func() { _ = first.Restart(access.By{}) })
				}
				runFor(t, first, 4300*time.Millisecond)
				if got := first.resumed.counted.Time.Seconds(); row.restart && got > 4 || !row.restart && got < 4.2 {
					t.Errorf("the first life has counted until %v s", got)
				}
				time.Sleep(row.down)
				if row.forgets > 0 {
					o.oldest = int64((4300*time.Millisecond+row.forgets).Seconds()*12800) / 256 * 256
				}
				m := openMeter(t, dir, o.reader())
				gap, ok := m.Gap()
				if !ok || !gap.Clean {
					t.Errorf("the gap is %+v, %v", gap, ok)
				}
				gapS := gap.To.Sub(gap.From).Seconds()
				if math.Abs(gapS-row.gapS) > 0.025 { // a block
					t.Errorf("a gap of %.3f s is on record, want %.3f s", gapS, row.gapS)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if err := m.Run(ctx); err != nil {
					t.Fatal(err)
				}
				// The samples of both lives end with whole blocks, the latest of which may be read
				// and not yet measured.
				passedS := m.clock.civil(m.resumed.counted.Time.Seconds()).Sub(begun).Seconds()
				if lag := time.Since(begun).Seconds() - passedS; lag < 0 || lag > 0.05 {
					t.Errorf("counted until %.3f s before the end", lag)
				}
				power := truth.Total.P / 1000
				missingS := (power*passedS/3600 - number(t, m, "kWh del/Result")) / power * 3600
				if math.Abs(missingS-gapS) > 1e-3 {
					t.Errorf("%.4f s are not counted, and the gap on record is %.4f s", missingS, gapS)
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
