package measure

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/hepmeter/hepmeter/waveform"
)

// figures stands between a file and the meter: a Source that keeps the
// whole-record figures of every channel as its blocks pass, and the part of the
// record that somebody asked for.
type figures struct {
	waveform.Source
	channels []channelFigures
	samples  int64
	seconds  float64
	// kept holds the samples keepFirst to keepEnd of the channels keep.
	keep               []int
	keepFirst, keepEnd int64
	kept               [][]float64
	progress           func(done, total int64)
	total              int64
}

type channelFigures struct {
	count, missing int64
	min, max       float64
	squares        float64
	first, last    float64
}

func newFigures(src waveform.Source, progress func(done, total int64)) *figures {
	f := &figures{Source: src, channels: make([]channelFigures, len(src.Info().Channels)), progress: progress, total: src.Info().Samples}
	for c := range f.channels {
		f.channels[c] = channelFigures{min: math.Inf(1), max: math.Inf(-1), first: math.NaN(), last: math.NaN()}
	}
	return f
}

// keepRange keeps the samples first to end of some channels as they pass.
func (f *figures) keepRange(channels []int, first, end int64) {
	f.keep, f.keepFirst, f.keepEnd = channels, first, end
	f.kept = make([][]float64, len(channels))
}

// Next reads a block and takes its figures.
func (f *figures) Next(ctx context.Context, b *waveform.Block, limit int) (int, error) {
	n, err := f.Source.Next(ctx, b, limit)
	if n == 0 {
		return n, err
	}
	for c := range f.channels {
		f.channels[c].add(b.Samples[c][:n])
	}
	if from, to := max(f.keepFirst-f.samples, 0), min(f.keepEnd-f.samples, int64(n)); from < to {
		for i, c := range f.keep {
			f.kept[i] = append(f.kept[i], b.Samples[c][from:to]...)
		}
	}
	f.samples += int64(n)
	if b.RateHz > 0 {
		f.seconds += float64(n) / b.RateHz
	}
	if f.progress != nil {
		f.progress(f.samples, f.total)
	}
	return n, err
}

func (c *channelFigures) add(x []float64) {
	low, high, squares, missing := c.min, c.max, 0.0, 0
	for _, v := range x {
		if v-v != 0 { // missing, or not finite: nothing to compute with
			missing++
			continue
		}
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
		squares += v * v
	}
	c.min, c.max = low, high
	c.squares += squares
	c.missing += int64(missing)
	c.count += int64(len(x) - missing)
	if missing == len(x) {
		return
	}
	for k := 0; c.first-c.first != 0; k++ {
		c.first = x[k]
	}
	for k := len(x) - 1; ; k-- {
		if x[k]-x[k] == 0 {
			c.last = x[k]
			return
		}
	}
}

// report writes the figures into the list of channels.
func (f *figures) report(channels []Channel) {
	for i := range channels {
		c, out := &f.channels[i], &channels[i]
		out.Samples, out.Missing = c.count, c.missing
		nan := Value(math.NaN())
		out.Min, out.Max, out.RMS, out.First, out.Last = nan, nan, nan, nan, nan
		if c.count > 0 {
			out.Min, out.Max = Value(c.min), Value(c.max)
			out.RMS = Value(math.Sqrt(c.squares / float64(c.count)))
			out.First, out.Last = Value(c.first), Value(c.last)
		}
	}
}

// withoutDead returns the picks of m but for those of channels whose samples are
// mostly missing, and a note that names these; no note where there are none, or no
// others.
func (f *figures) withoutDead(m waveform.Mapping, info waveform.Info) (rest waveform.Mapping, note string) {
	var dead []string
	for _, p := range m {
		if c := f.channels[p.Channel]; c.missing > c.count {
			dead = append(dead, fmt.Sprintf("%s (channel %d, %s)", p.Role, p.Channel+1, info.Channels[p.Channel].Name))
			continue
		}
		rest = append(rest, p)
	}
	if len(dead) == 0 || len(rest) == 0 {
		return m, ""
	}
	return rest, fmt.Sprintf("most samples of %s are missing: the windows are measured without it", strings.Join(dead, ", "))
}

// withoutInstant says why no instant of the record could be measured with the channels
// of m.
func (f *figures) withoutInstant(m waveform.Mapping) string {
	for _, p := range m {
		if f.channels[p.Channel].count > 0 {
			return "at no instant do all the used channels hold a sample: there are no windows (the list of channels says how many are missing; name channels that go together with --channels)"
		}
	}
	return "every sample of the used channels is missing: there are no windows (name channels that hold samples with --channels, or look at the recording's marks for missing values)"
}
