package waveform

import (
	"context"
	"errors"
	"io"
)

// Loop returns a Source that begins again where src ends, without end. The first
// Block after the seam has Gap set; its Start follows the end of the last one, as if
// the two ends of the recording had met. It closes src when closed.
func Loop(src Source) (Source, error) {
	r, ok := src.(Rewinder)
	if !ok {
		return nil, errors.New("the source cannot begin again: loop needs a file")
	}
	return &loop{src: r}, nil
}

type loop struct {
	src       Rewinder
	delivered int64   // samples
	base      float64 // time of the first sample of this round
	end       float64 // time after the last sample
	seam      bool
	empty     bool // nothing was delivered since the last seam
}

func (l *loop) Info() Info {
	info := l.src.Info()
	info.Samples = -1
	return info
}

func (l *loop) Close() error { return l.src.Close() }

func (l *loop) Next(ctx context.Context, b *Block, max int) (int, error) {
	n, err := l.src.Next(ctx, b, max)
	if errors.Is(err, io.EOF) {
		if l.empty {
			return 0, io.EOF
		}
		if err := l.src.Rewind(); err != nil {
			return 0, err
		}
		l.base, l.seam, l.empty = l.end, true, true
		n, err = l.src.Next(ctx, b, max)
	}
	if err != nil {
		return n, err
	}
	l.empty = n == 0
	b.First = l.delivered
	b.Start += l.base
	b.Gap = b.Gap || l.seam
	l.seam = false
	l.delivered += int64(n)
	l.end = b.Start
	if b.RateHz > 0 {
		l.end += float64(n) / b.RateHz
	}
	return n, nil
}
