package meter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// pump pulls a source at the pace of the wall clock and hands the blocks to the
// engine. It owns the source; two blocks circulate, so that reading ahead and
// metering overlap and nothing is allocated.
type pump struct {
	source waveform.Source
	// speed is how many seconds of signal pass in one second: 1 is real time.
	speed float64
	// blockSamples is about one cycle: what a reader of half-cycle values may be
	// late by.
	blockSamples int
	// live says that samples pace themselves.
	live bool
	// begin is when second 0 of the time axis was, on the monotonic clock; elapsed is how
	// many seconds of signal have passed since.
	begin      time.Time
	elapsed    float64
	full, free chan *waveform.Block
}

func newPump(source waveform.Source, speed, rateHz float64) *pump {
	p := &pump{
		source:       source,
		speed:        speed,
		blockSamples: blockLength(rateHz),
		begin:        begin(source.Info(), time.Now()),
		full:         make(chan *waveform.Block, 1),
		free:         make(chan *waveform.Block, 2),
	}
	p.live = source.Info().Live
	p.free <- new(waveform.Block)
	p.free <- new(waveform.Block)
	return p
}

// begin is second 0 of the time axis: now, or when the first live sample was taken.
func begin(info waveform.Info, now time.Time) time.Time {
	if info.Live && !info.Start.IsZero() {
		return now.Add(info.Start.Sub(now)) // keeps the monotonic reading
	}
	return now
}

// blockSeconds is the length of a block: one cycle at 50 Hz. Longer blocks cost no
// less (the engine's work is per sample), shorter ones wake the process more often.
const blockSeconds = 0.020

func blockLength(rateHz float64) int { return max(1, int(rateHz*blockSeconds)) }

// lateLimit is how late samples may be and still be caught up with.
const lateLimit = 5 * time.Second

// run delivers blocks until the source ends (nil), fails, or ctx is done. It closes
// full.
//
// The time axis that leaves the pump counts the samples delivered: a loop seam or a
// hole in a recording is marked by Gap and takes no time, because the meter was not
// away, the recording was. Only where the meter itself was away, a process that was
// stopped or starved for longer than lateLimit, the axis jumps, so that what nobody
// sampled is not counted. At another speed than real time nothing is live: the
// recording then waits for the machine.
//
// Live samples are handed on as they come, on the axis of their own clock: what is lost
// on the way is time that was not measured.
func (p *pump) run(ctx context.Context) error {
	defer close(p.full)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var b *waveform.Block
		select {
		case b = <-p.free:
		case <-ctx.Done():
			return nil
		}
		n, err := p.source.Next(ctx, b, p.blockSamples)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("sample source: %w", err)
		case n == 0:
			return fmt.Errorf("sample source: no samples and no end")
		}
		if p.live {
			select {
			case p.full <- b:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		lengthS := float64(n) / b.RateHz
		if late := time.Since(p.begin).Seconds() - (p.elapsed + lengthS); p.speed == 1 && late > lateLimit.Seconds() {
			p.elapsed += late
			b.Gap = true
		}
		b.Start = p.elapsed
		p.elapsed += lengthS
		// The block is due when its last sample has happened.
		timer.Reset(time.Until(p.begin.Add(time.Duration(p.elapsed / p.speed * float64(time.Second)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		select {
		case p.full <- b:
		case <-ctx.Done():
			return nil
		}
	}
}
