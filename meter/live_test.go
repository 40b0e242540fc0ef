package meter

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// live makes a source one whose samples come when they are taken, on a clock that began
// at start; for the seconds from holeS to holeS+holeLengthS they are lost.
type live struct {
	waveform.Source
	start              time.Time
	holeS, holeLengthS float64
	// badS is from when the samples are questionable and of a clock that runs free, for a
	// second.
	badS float64
	lost float64
}

func (l *live) Info() waveform.Info {
	info := l.Source.Info()
	info.Live, info.Start, info.Format = true, l.start, "sv 9-2LE"
	return info
}

func (l *live) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	n, err := l.Source.Next(ctx, b, most)
	if err != nil {
		return n, err
	}
	if b.Start >= l.holeS && l.lost == 0 {
		l.lost = l.holeLengthS
		b.Gap = l.lost > 0
	}
	b.Quality = b.Quality[:0]
	if l.badS > 0 && b.Start >= l.badS && b.Start < l.badS+1 {
		b.Quality = slices.Repeat([]waveform.Quality{waveform.Questionable | waveform.Unsynchronised}, len(b.Samples))
	}
	b.Start += l.lost
	end := l.start.Add(time.Duration((b.Start + float64(n)/b.RateHz) * float64(time.Second)))
	select {
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return n, nil
}

// TestLiveSamplesPaceThemselves: the pump hands them on when they come and keeps their
// axis, on which what was lost is time.
func TestLiveSamplesPaceThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steady(t, site)
		start := time.Now().Add(-200 * time.Millisecond)
		p := newPump(&live{Source: source, start: start, holeS: 1, holeLengthS: 2}, 1, 12800)
		if p.begin.Sub(start).Abs() > time.Microsecond {
			t.Errorf("the axis begins %v after the first sample", p.begin.Sub(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- p.run(ctx) }()
		var endS float64
		for b := range p.full {
			hole := b.Start - endS
			if want := map[bool]float64{true: 2, false: 0}[b.Gap]; math.Abs(hole-want) > 1e-9 {
				t.Errorf("%.3f s between blocks, gap %v", hole, b.Gap)
			}
			endS = b.Start + float64(b.Len())/b.RateHz
			if late := time.Since(start).Seconds() - endS; late > 1e-6 && endS > 0.21 {
				t.Errorf("the block to %.3f s came %.6f s late", endS, late)
			}
			p.free <- b
		}
		if err := <-done; err != nil || endS < 5 {
			t.Errorf("ended at %.3f s with %v", endS, err)
		}
	})
}

// TestQualityReachesTheUser: questionable samples and a lost clock are counted in the
// Diagnostics module and told once in the event log, and a hole is time without energy.
func TestQualityReachesTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario, source := steady(t, site)
		truth, err := scenario.Expect(12800, 1)
		if err != nil {
			t.Fatal(err)
		}
		m := openMeter(t, t.TempDir(), &live{Source: source, start: time.Now(), holeS: 2, holeLengthS: 1.5, badS: 4})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second+time.Millisecond)
		defer cancel()
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		for label, want := range map[string]float64{"Questionable Windows": 6, "Clock Unsynchronised Windows": 6, "Overruns": 0} {
			// A second of samples touches five or six windows.
			if got := number(t, m, "Diagnostics/"+label); math.Abs(got-want) > 1 || want == 0 && got != 0 {
				t.Errorf("%s: %v, want about %v", label, got, want)
			}
		}
		// Half a second was looked at before the 20 s began.
		got, want := number(t, m, "kWh del/Result"), truth.Total.P/1000*19/3600
		if math.Abs(got-want) > 0.003*want {
			t.Errorf("counted %v kWh, %v flowed while there were samples", got, want)
		}
		events, err := m.store.Events(0, 100)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]int{}
		for _, e := range events {
			if e.Cause == "Source" {
				told[e.CauseValue]++
			}
		}
		wantTold := map[string]int{"no samples for 1.5 s": 1, "samples are questionable": 1, "samples are good again": 1,
			"the samples' clock is not synchronised": 1, "the samples' clock is synchronised again": 1}
		if fmt.Sprint(told) != fmt.Sprint(wantTold) {
			t.Errorf("told %v, want %v", told, wantTold)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
