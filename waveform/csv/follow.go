package csv

import (
	"errors"
	"io"

	"github.com/hepmeter/hepmeter/waveform"
)

// follow interpolates the channels of a time column of its own to other times.
type follow struct {
	group    int
	channels []int // indices of layout.columns
	cursor   cursor
	from, to knot
	ended    bool
}

// knot is a row of the group.
type knot struct {
	at     float64
	values []float64
}

func (f *follow) start(r *Reader) {
	f.cursor.reset(r, r.index[0])
	f.from.values = make([]float64, len(f.channels))
	f.to.values = make([]float64, len(f.channels))
	f.ended = false
	f.from.at, f.to.at = 1, 0 // nothing between them yet
}

// advance reads the next row into to.
func (f *follow) advance(r *Reader) error {
	f.from, f.to = f.to, f.from
	err := f.cursor.next(r)
	if errors.Is(err, io.EOF) {
		f.ended = true
		return nil
	}
	if err != nil {
		return err
	}
	s, ok, err := f.cursor.stamp(r, f.group)
	if err != nil {
		return err
	}
	if !ok {
		f.ended = true
		return nil
	}
	f.to.at = s.since(r.begin) * r.layout.groups[f.group].clock.unit
	for i, c := range f.channels {
		if f.to.values[i], err = f.cursor.value(r, &r.layout.columns[c]); err != nil {
			return err
		}
	}
	return nil
}

// fill writes the values at time at to sample k of b.
func (f *follow) fill(r *Reader, b *waveform.Block, k int, at float64) error {
	if f.from.at > f.to.at { // the first call
		for range 2 {
			if err := f.advance(r); err != nil {
				return err
			}
		}
	}
	for !f.ended && f.to.at < at {
		if err := f.advance(r); err != nil {
			return err
		}
	}
	for i, c := range f.channels {
		b.Samples[c][k] = f.at(i, at)
	}
	return nil
}

func (f *follow) at(i int, at float64) float64 {
	switch {
	case at == f.from.at:
		return f.from.values[i]
	case f.ended || at < f.from.at || at > f.to.at:
		return waveform.Missing
	}
	u := (at - f.from.at) / (f.to.at - f.from.at)
	return f.from.values[i] + u*(f.to.values[i]-f.from.values[i])
}
