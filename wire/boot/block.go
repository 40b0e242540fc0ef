package boot

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Block is the head of a block of samples. The samples follow it: all of the first channel,
// then all of the next, each a float64 of IEEE 754 in 8 bytes, low byte first.
type Block struct {
	// First is the number of the first sample, counted from 0 since the source began.
	First int64 `cbor:"1,keyasint"`
	// Samples is how many samples each channel has, Channels how many channels there are.
	Samples  uint32 `cbor:"2,keyasint,omitempty"`
	Channels uint32 `cbor:"3,keyasint,omitempty"`
	// StartS is the time of the first sample on the source's own axis, in seconds.
	StartS float64 `cbor:"4,keyasint,omitempty"`
	RateHz float64 `cbor:"5,keyasint,omitempty"`
	// Gap says that the sample before is not the last one of the block before.
	Gap bool `cbor:"6,keyasint,omitempty"`
	// Quality has a byte for each channel, or none: 1 questionable, 2 out of range, 4 clock
	// not synchronised, 8 derived, 16 after a hole that this machine made.
	Quality []byte `cbor:"7,keyasint,omitempty"`
	// Ended says that the source has come to its end: nothing follows.
	Ended bool `cbor:"8,keyasint,omitempty"`
	// Error says why nothing follows.
	Error string `cbor:"9,keyasint,omitempty"`
}

// AppendBlock adds a block to dst. samples has b.Channels slices of b.Samples values.
func AppendBlock(dst []byte, b *Block, samples [][]float64) ([]byte, error) {
	head, err := frame(b)
	if err != nil {
		return dst, err
	}
	if err := b.check(); err != nil {
		return dst, err
	}
	dst = append(dst, head...)
	for _, channel := range samples {
		for _, v := range channel {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	}
	return dst, nil
}

// ParseBlock reads the block at the start of b: its head, the bytes of its samples, and how
// long it is. That is 0 while it cannot be told, and more than b has while the block is not
// whole. After an error the stream cannot be followed any more.
func ParseBlock(b []byte) (head Block, samples []byte, n int, err error) {
	at, err := framed(b, &head)
	if err == nil && at > 0 {
		err = head.check()
	}
	if err != nil || at == 0 {
		return Block{}, nil, 0, err
	}
	if n = at + head.bytes(); len(b) < n {
		return head, nil, n, nil
	}
	return head, b[at:n], n, nil
}

// Channel fills dst with samples of a channel, of which the first skip are left out; samples
// are those that ParseBlock returned.
func (b *Block) Channel(samples []byte, channel, skip int, dst []float64) {
	from := samples[(channel*int(b.Samples)+skip)*sampleBytes:]
	for k := range dst {
		dst[k] = math.Float64frombits(binary.LittleEndian.Uint64(from[k*sampleBytes:]))
	}
}

const sampleBytes = 8

func (b *Block) bytes() int { return int(b.Samples) * int(b.Channels) * sampleBytes }

func (b *Block) check() error {
	switch {
	case b.Samples > MaxBlockSamples, b.Channels > MaxChannels, b.bytes() > MaxBlockBytes:
		return fmt.Errorf("boot protocol: a block of %d samples of %d channels: at most %d of %d, and %d bytes", b.Samples, b.Channels, MaxBlockSamples, MaxChannels, MaxBlockBytes)
	case len(b.Quality) > int(b.Channels):
		return fmt.Errorf("boot protocol: the quality of %d channels, of which there are %d", len(b.Quality), b.Channels)
	case b.First < 0:
		return fmt.Errorf("boot protocol: a block begins at sample %d", b.First)
	case math.IsNaN(b.StartS) || math.IsInf(b.StartS, 0) || math.IsNaN(b.RateHz) || math.IsInf(b.RateHz, 0):
		return fmt.Errorf("boot protocol: a block at %g s with %g Hz", b.StartS, b.RateHz)
	}
	return nil
}
