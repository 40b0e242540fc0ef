package meter

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/waveform"
)

// resumption is how a meter goes on with samples that outlive it, where the meter before it
// stopped counting: the same time axis, and no sample twice.
type resumption struct {
	source waveform.Resumable // nil where samples do not outlive the meter
	begun  time.Time          // second 0 of the axis
	// from is where this meter begins.
	from store.Position
	// blocks tell which samples the latest blocks held; the newest is at at.
	blocks [resumedBlocks]blockOrigin
	at     int
	// counted is up to where the state that the node keeps counts.
	counted store.Position
	durable atomic.Int64 // the sample of the latest position that is durable
}

// resumedBlocks cover the time from a block to when its energy is counted: a second and a
// window.
const resumedBlocks = 128

// blockOrigin says which sample was taken at a time of the axis.
type blockOrigin struct {
	startS, rateHz float64
	sample         int64
}

// resumable returns what is needed to go on with a source, if that outlives meters.
func resumable(source waveform.Source) *resumption {
	r, _ := source.(waveform.Resumable)
	return &resumption{source: r}
}

// resume goes on behind a position, and returns the gap that this leaves: from when the
// last counted sample was taken to when the first one is that comes.
func (r *resumption) resume(ctx context.Context, kept store.Position, speed float64) (from, to time.Time, resumes bool, err error) {
	if r.source == nil || kept.Axis != r.source.Axis() {
		return time.Time{}, time.Time{}, false, nil
	}
	first, begun, err := r.source.From(ctx, kept.Sample)
	if err != nil {
		return time.Time{}, time.Time{}, false, fmt.Errorf("going on with the samples: %w", err)
	}
	info := r.source.Info()
	atS := kept.Time.Seconds() + float64(first-kept.Sample)/info.RateHz
	passedS := time.Since(begun).Seconds() * speed
	// What is too late to be caught up with was not measured, as in the pump.
	if speed == 1 && !info.Live && passedS-atS > lateLimit.Seconds() {
		atS = passedS
	}
	r.start(first, begun, atS)
	r.from.Done = kept.Done
	r.counted = kept // and nothing more, until something is counted
	zero := begun
	if info.Live && !info.Start.IsZero() {
		zero = info.Start
	}
	civil := func(axis time.Duration) time.Time { return zero.Round(0).Add(axis) }
	return civil(kept.Time), civil(r.from.Time), true, nil
}

// begin begins with the first sample that nobody has had, unless it is settled already.
func (r *resumption) begin(ctx context.Context, speed float64) error {
	if r.source == nil || !r.begun.IsZero() {
		return nil
	}
	first, begun, err := r.source.From(ctx, -1)
	if err != nil {
		return fmt.Errorf("beginning with the samples: %w", err)
	}
	atS := 0.0
	if first > 0 {
		atS = time.Since(begun).Seconds() * speed
	}
	r.start(first, begun, atS)
	return nil
}

func (r *resumption) start(first int64, begun time.Time, atS float64) {
	r.begun = begun
	r.from = store.Position{Axis: r.source.Axis(), Sample: first, Time: time.Duration(math.Round(atS * 1e9))}
	r.counted = r.from
}

// pace has the pump go on with the axis.
func (r *resumption) pace(p *pump) {
	if r.source == nil {
		return
	}
	p.elapsed = r.from.Time.Seconds()
	if !p.live {
		p.begin = r.begun
	}
}

// remember notes which samples a block held.
func (r *resumption) remember(b *waveform.Block) {
	r.at = (r.at + 1) % resumedBlocks
	r.blocks[r.at] = blockOrigin{b.Start, b.RateHz, b.Origin}
}

// count notes that energy is counted up to a time of the axis.
func (r *resumption) count(endS float64) {
	if r.source == nil {
		return
	}
	for i := range resumedBlocks {
		b := r.blocks[(r.at-i+resumedBlocks)%resumedBlocks]
		if b.rateHz == 0 {
			return
		}
		if b.startS > endS {
			continue
		}
		// The sample that the end falls into counts as a whole: none may count twice.
		n := math.Ceil((endS-b.startS)*b.rateHz - sampleSlack)
		r.counted.Sample = b.sample + int64(n)
		r.counted.Time = time.Duration(math.Round((b.startS + n/b.rateHz) * 1e9))
		return
	}
}

// fresh tells that what ends at a time of the axis has not been seen by a meter before, and
// notes that it is now.
func (r *resumption) fresh(endS float64) bool {
	if r.source == nil {
		return true
	}
	end := time.Duration(endS * 1e9)
	if end <= r.from.Done+sameMoment {
		return false
	}
	r.counted.Done = max(r.counted.Done, end)
	return true
}

// sameMoment is by how much the end of the same half cycle may differ when it is found
// again: far less than a half cycle.
const sameMoment = time.Millisecond

// sampleSlack is the part of a sample by which the end of a window may be found too late.
const sampleSlack = 0.05

// position is what is kept of it; nil for samples that do not outlive the meter.
func (r *resumption) position() *store.Position {
	if r.source == nil {
		return nil
	}
	p := r.counted
	return &p
}
