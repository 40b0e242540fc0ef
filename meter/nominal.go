package meter

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/hepmeter/hepmeter/metering/fit"
	"github.com/hepmeter/hepmeter/waveform"
)

// A recording may state no line frequency, or a wrong one. A meter set up for the other
// one would follow nothing, so the first samples are looked at before they are metered.
const (
	// lookSeconds is how much of a recording is looked at, lookSamples the most of it.
	lookSeconds = 0.5
	lookSamples = 1 << 16
	// lookTime bounds the wait for live samples.
	lookTime = 5 * time.Second
	// clearShare is the share of the signal that one sine must explain to be believed.
	clearShare = 0.5
)

// looked is a source whose first blocks have been taken out and are given back.
type looked struct {
	waveform.Source
	blocks []*waveform.Block
	err    error // that ended the look
}

func (l *looked) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	if len(l.blocks) > 0 {
		*b, *l.blocks[0] = *l.blocks[0], *b
		l.blocks = slices.Delete(l.blocks, 0, 1)
		return b.Len(), nil
	}
	if l.err != nil {
		return 0, l.err
	}
	return l.Source.Next(ctx, b, most)
}

// look takes the first blocks, no longer than those that the pump will ask for.
func look(source waveform.Source, rateHz float64) *looked {
	l := &looked{Source: source}
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	length := blockLength(rateHz)
	most := min(lookSamples, int(math.Ceil(lookSeconds*rateHz)))
	for n := 0; n < most; {
		b := new(waveform.Block)
		got, err := source.Next(ctx, b, length)
		if ctx.Err() != nil { // live samples that do not come: Run waits for them
			break
		}
		if err != nil {
			l.err = err
			break
		}
		l.blocks = append(l.blocks, b)
		if got == 0 || n > 0 && b.Gap {
			break
		}
		n += got
	}
	return l
}

// nominalHz returns 50 or 60: what the samples show in the inputs, where they show a
// line frequency clearly and a meter for the stated one could not follow it; else what
// is stated; else 50.
func (l *looked) nominalHz(inputs []waveform.Role, statedHz float64) float64 {
	stated := 50.0
	if statedHz > 55 {
		stated = 60
	}
	found, share, err := fit.Frequency(l.channels(inputs), fit.DefaultLowHz, fit.DefaultHighHz)
	switch {
	case err != nil || share < clearShare:
		return stated
	case statedHz != 0 && math.Abs(found-stated) < 0.15*stated: // the tracked band
		return stated
	case found > 55:
		return 60
	}
	return 50
}

// channels are the voltages up to the first gap, or the currents if there are none.
func (l *looked) channels(inputs []waveform.Role) []fit.Channel {
	voltage := func(r waveform.Role) bool { return r.IsVoltage() && r != waveform.V4 }
	current := func(r waveform.Role) bool { return !r.IsVoltage() && r != waveform.I4 && r != waveform.I5 }
	wanted := voltage
	if !slices.ContainsFunc(inputs, voltage) {
		wanted = current
	}
	var list []fit.Channel
	for c, r := range inputs {
		if !wanted(r) {
			continue
		}
		var one fit.Channel
		for n, b := range l.blocks {
			if n > 0 && (b.Gap || b.RateHz != l.blocks[0].RateHz) || slices.ContainsFunc(b.Samples[c], math.IsNaN) {
				break
			}
			for k, x := range b.Samples[c] {
				one.Times = append(one.Times, b.Start+float64(k)/b.RateHz)
				one.Values = append(one.Values, x)
			}
		}
		list = append(list, one)
	}
	return list
}
