package waveform

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Selected returns a Source of the channels of m alone, in its order, scaled to
// volts and amperes. Where a sample of any of them is missing (or not finite) the
// whole instant is left out: the Block ends before it and the next one has Gap set, so
// that no Block holds a missing sample. It closes src when closed.
//
// The samples change hands with src's Blocks; they are copied only where one channel
// serves two roles, or a Block is cut.
func Selected(src Source, m Mapping) (Source, error) {
	info := src.Info()
	if len(m) == 0 {
		return nil, errors.New("no channels are selected")
	}
	s := &selected{src: src, mapping: m}
	used := map[int]bool{}
	for _, p := range m {
		if p.Channel < 0 || p.Channel >= len(info.Channels) {
			return nil, fmt.Errorf("%s: there is no channel %d: the source has %d", p.Role, p.Channel+1, len(info.Channels))
		}
		s.shared = s.shared || used[p.Channel]
		used[p.Channel] = true
	}
	if _, ok := src.(Rewinder); ok {
		return &rewindableSelected{s}, nil
	}
	return s, nil
}

type selected struct {
	src     Source
	mapping Mapping
	shared  bool // one channel serves two roles

	in    Block
	pos   int   // next sample of in to look at
	first int64 // samples delivered
	gap   bool  // the next Block follows a hole
}

type rewindableSelected struct{ *selected }

// Rewind makes the next Block the first one again.
func (s *rewindableSelected) Rewind() error {
	s.in.Resize(0, 0)
	s.pos, s.first, s.gap = 0, 0, false
	return s.src.(Rewinder).Rewind()
}

func (s *selected) Info() Info {
	info := s.src.Info()
	channels := make([]Channel, len(s.mapping))
	for i, p := range s.mapping {
		channels[i] = info.Channels[p.Channel]
		if p.Role.IsVoltage() {
			channels[i].Unit = "V"
		} else if p.Role.IsCurrent() {
			channels[i].Unit = "A"
		}
	}
	info.Channels = channels
	return info
}

func (s *selected) Close() error { return s.src.Close() }

func (s *selected) Next(ctx context.Context, b *Block, max int) (int, error) {
	for {
		if s.pos >= s.in.Len() {
			n, err := s.src.Next(ctx, &s.in, max)
			if err != nil || n == 0 {
				b.Resize(len(s.mapping), 0)
				if err == nil {
					err = io.ErrNoProgress
				}
				return 0, err
			}
			s.pos = 0
			s.gap = s.gap || s.in.Gap
		}
		begin, end := s.cleanRun()
		if begin > s.pos {
			s.gap = true
		}
		s.pos = end
		if end == begin {
			continue
		}
		end = min(end, begin+max)
		s.pos = end
		s.hand(b, begin, end)
		b.First, b.Origin, b.RateHz = s.first, s.in.Origin+int64(begin), s.in.RateHz
		b.Start = s.in.Start
		if begin > 0 && s.in.RateHz > 0 {
			b.Start += float64(begin) / s.in.RateHz
		}
		b.Gap = s.gap && s.first > 0
		b.Quality = b.Quality[:0]
		if len(s.in.Quality) > 0 {
			for _, p := range s.mapping {
				b.Quality = append(b.Quality, s.in.QualityOf(p.Channel))
			}
		}
		s.gap = false
		s.first += int64(end - begin)
		return end - begin, nil
	}
}

// cleanRun returns the first run of instants from pos on at which no mapped channel
// is missing; begin == end if there is none.
func (s *selected) cleanRun() (begin, end int) {
	n := s.in.Len()
	for begin = s.pos; begin < n && s.missingAt(begin); begin++ {
	}
	end = n
	for _, p := range s.mapping {
		if bad := firstMissing(s.in.Samples[p.Channel][begin:end]); bad >= 0 {
			end = begin + bad
		}
	}
	return begin, end
}

func (s *selected) missingAt(k int) bool {
	for _, p := range s.mapping {
		if v := s.in.Samples[p.Channel][k]; v-v != 0 {
			return true
		}
	}
	return false
}

// firstMissing returns the index of the first value that is no finite number, -1 if
// there is none.
func firstMissing(samples []float64) int {
	if allFinite(samples) {
		return -1
	}
	for i, v := range samples {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// allFinite sums the values times zero: that is zero unless one is missing or
// infinite. Four sums do not wait for each other.
func allFinite(samples []float64) bool {
	var a, b, c, d float64
	for len(samples) >= 4 {
		a += samples[0] * 0
		b += samples[1] * 0
		c += samples[2] * 0
		d += samples[3] * 0
		samples = samples[4:]
	}
	for _, v := range samples {
		a += v * 0
	}
	return a+b+c+d == 0
}

// hand gives the instants begin..end of in to b.
func (s *selected) hand(b *Block, begin, end int) {
	n := end - begin
	whole := !s.shared && begin == 0 && end == s.in.Len()
	if cap(b.Samples) < len(s.mapping) {
		b.Samples = make([][]float64, len(s.mapping))
	}
	b.Samples = b.Samples[:len(s.mapping)]
	for i, p := range s.mapping {
		from := s.in.Samples[p.Channel]
		if whole {
			s.in.Samples[p.Channel], b.Samples[i] = b.Samples[i], from
		} else {
			if cap(b.Samples[i]) < n {
				b.Samples[i] = make([]float64, n)
			}
			b.Samples[i] = b.Samples[i][:n]
			copy(b.Samples[i], from[begin:end])
		}
		if p.Scale != 1 {
			for k := range b.Samples[i] {
				b.Samples[i][k] *= p.Scale
			}
		}
	}
	if whole {
		// The swapped-in slices are of any length; in is spent.
		s.in.Resize(len(s.in.Samples), 0)
		s.pos = 0
	}
}
