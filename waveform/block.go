// Package waveform carries sampled waveforms from where they are made or kept
// to where they are measured. It knows nothing of metering.
//
// The flow is a pull: a consumer owns a Block, hands it to a Source, and reads
// what the Source put there. Nothing is allocated per block.
//
// Sub-packages are sources and writers, each usable alone: synth (scenarios),
// comtrade, csv and wav (recordings), sv (sampled values, recorded or live).
package waveform

import (
	"context"
	"math"
	"time"
)

// Block is a planar run of samples: Samples[c][k] is sample k of channel c, in
// the unit that the Source's Info states for that channel, as instantaneous
// values (float64: the widest resolution any recording here has is 32 bits, and
// the engine accumulates in float64 anyway, see docs/choices.md).
//
// All channels of a Block hold the same number of samples, taken at the same
// instants, RateHz apart, without a hole. A missing sample is NaN. Where samples
// were lost, the rate changed or a recording was rewound, the Source ends the
// Block and sets Gap on the next one.
type Block struct {
	Samples [][]float64
	// First is the index of sample 0 since the Source began, counting every
	// sample delivered (samples lost in a gap are not counted).
	First int64
	// Origin is the number of sample 0 at a Resumable that the samples come from, however
	// many were left out on the way; it means nothing where there is none.
	Origin int64
	// Start is the time of sample 0 on the Source's own time axis: seconds since
	// its first sample. It jumps where Gap is set.
	Start float64
	// RateHz is the sampling rate of this Block.
	RateHz float64
	// Gap says that the sample before sample 0 is not the last one of the previous
	// Block: samples were lost, the rate changed, or a loop was closed.
	Gap bool
	// Quality says, by channel, what the origin holds against any of the samples; it is
	// empty where nothing is. A Source ends the Block where it changes.
	Quality []Quality
}

// Len returns the number of samples in each channel.
func (b *Block) Len() int {
	if len(b.Samples) == 0 {
		return 0
	}
	return len(b.Samples[0])
}

// Resize makes b hold channels × n samples, keeping its memory when it is large
// enough. The values are unspecified.
func (b *Block) Resize(channels, n int) {
	if cap(b.Samples) < channels {
		b.Samples = make([][]float64, channels)
	}
	b.Samples = b.Samples[:channels]
	for c := range b.Samples {
		if cap(b.Samples[c]) < n {
			b.Samples[c] = make([]float64, n)
		}
		b.Samples[c] = b.Samples[c][:n]
	}
}

// Channel describes one channel of a Source.
type Channel struct {
	// Name is the channel's own name, Phase its phase designation and Unit its
	// unit, as the origin states them, trimmed, in UTF-8. Phase and Unit may be
	// empty.
	Name, Phase, Unit string
	// Primary and Secondary are the transformer ratio the origin states, 1 and 1
	// where it states none.
	Primary, Secondary float64
	// Values says whether the samples are primary or secondary quantities.
	Values Side
	// SkewSeconds is how much later than the record's time the channel was
	// sampled. Samples are delivered as stored; Deskew moves them.
	SkewSeconds float64
	// Unused says that the origin calls every sample invalid: nothing is connected, and
	// AutoMap passes the channel over.
	Unused bool
}

// Side says on which side of the instrument transformers a value lives.
type Side uint8

// The sides. Unstated is treated as Primary: the value is taken as it is.
const (
	Unstated Side = iota
	Primary
	Secondary
)

func (s Side) String() string {
	switch s {
	case Primary:
		return "primary"
	case Secondary:
		return "secondary"
	}
	return "unstated"
}

// Info describes a Source.
type Info struct {
	// Format names the origin: "synth", "comtrade 1999 BINARY", "csv", ...
	Format string
	// Station and Device are names from the origin, possibly empty.
	Station, Device string
	Channels        []Channel
	// RateHz is the rate of the first Block; 0 if the samples have no usable rate.
	RateHz float64
	// NominalHz is the line frequency the origin states, 0 if it states none.
	NominalHz float64
	// Start is the civil time of the first sample, zero if unknown.
	Start time.Time
	// Samples is the number of samples per channel, or -1 if endless or unknown.
	Samples int64
	// Live says that samples come as they are taken: Next waits for them, and a Block's
	// Start is what has passed since Start on the origin's own clock.
	Live bool
	// Warnings lists what was odd in the origin but did not spoil the data.
	Warnings []string
}

// Source delivers samples.
type Source interface {
	// Info returns the description of the source. Warnings may grow while reading.
	Info() Info
	// Next fills b with up to max samples and returns their number. It returns
	// io.EOF, and no samples, at the end. An error names the place in the origin.
	// A Source delivers as fast as it can; pacing is the caller's, unless it is Live.
	Next(ctx context.Context, b *Block, max int) (int, error)
	// Close releases what the Source holds.
	Close() error
}

// Missing is the value of a sample that is not there.
var Missing = math.NaN()

// IsMissing reports whether v stands for a missing sample.
func IsMissing(v float64) bool { return v != v }
