package sv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hepmeter/hepmeter/waveform"
)

// Options say how a stream is read.
type Options struct {
	// TestMode takes samples that are marked as test, and frames marked as simulated, for
	// real ones. Otherwise the former are missing and the latter are not read.
	TestMode bool
}

// errIdle says that no frame came for a while.
var errIdle = errors.New("no frame")

// feed is where frames come from.
type feed interface {
	// next returns io.EOF at the end. The packet is valid until the next call.
	next(ctx context.Context) (packet []byte, timeNS int64, err error)
	// drops returns the frames that were not read in time since the last call.
	drops() int64
	close() error
}

// Source is one stream of sampled values as a waveform.Source. A sample that is lost or
// invalid is missing; one that comes late by up to 64 others is put where it belongs.
type Source struct {
	feed    feed
	id      string
	set     dataSet
	options Options
	info    waveform.Info

	order *sequence
	frame Frame
	// at is the ASDU of frame to take next, timeNS when the frame came.
	at     int
	timeNS int64
	ended  bool
	// held is a row that was pulled but did not fit in the last block.
	held    *row
	heldGap bool

	delivered int64
	begun     bool
	lastIndex int64     // of the last row, if begun
	words     []quality // last seen, by channel
	missing   []bool    // that they mean
	quality   []waveform.Quality
	synched   bool
	overrun   bool // the next row is the first one that an overrun took or left
}

func newSource(f feed, st *stream, o Options) (*Source, error) {
	rateHz, modulus, _, err := st.timing()
	if err != nil {
		return nil, err
	}
	s := &Source{feed: f, id: st.id, set: st.set, options: o, info: st.info(rateHz, modulus)}
	s.order = newSequence(rateHz, modulus, st.set.size)
	s.words = make([]quality, len(st.set.channels))
	s.missing = make([]bool, len(st.set.channels))
	s.quality = make([]waveform.Quality, len(st.set.channels))
	s.synched = true
	return s, nil
}

// Info describes the stream: Device is its svID.
func (s *Source) Info() waveform.Info {
	info := s.info
	info.Warnings = slices.Clone(info.Warnings)
	return info
}

// Counters tell what happened to the samples so far.
func (s *Source) Counters() Counters { return s.order.counters }

// Close closes the file or leaves the interface.
func (s *Source) Close() error { return s.feed.close() }

// Next fills b with samples in order. Live, it returns what has come once nothing more
// comes for a while.
func (s *Source) Next(ctx context.Context, b *waveform.Block, max int) (int, error) {
	b.Resize(len(s.set.channels), max)
	n := 0
	for n < max {
		r, gap, err := s.row(ctx)
		if err == errIdle {
			if n > 0 {
				break
			}
			continue
		}
		if err != nil {
			if n > 0 && ctx.Err() == nil {
				break // the error comes again
			}
			b.Resize(len(s.set.channels), 0)
			return 0, err
		}
		if gap || r.state == lost {
			if dropped := s.feed.drops(); dropped > 0 {
				s.order.counters.Overruns += dropped
				s.overrun = true
			}
		}
		changed := s.judge(r)
		if n > 0 && (gap || changed || s.overrun) {
			s.held, s.heldGap = r, gap
			break
		}
		if n == 0 {
			b.First, b.RateHz = s.delivered, s.order.rate
			b.Start = float64(s.lastIndex) / s.order.rate
			b.Gap = gap
			s.take(b)
			s.overrun = false
		}
		s.write(b, n, r)
		n++
	}
	for c := range b.Samples {
		b.Samples[c] = b.Samples[c][:n]
	}
	s.delivered += int64(n)
	return n, nil
}

// row returns the next sample in order, and whether time was lost before it.
func (s *Source) row(ctx context.Context) (*row, bool, error) {
	if r := s.held; r != nil {
		s.held = nil
		return r, s.heldGap, nil
	}
	for {
		if r := s.order.pull(); r != nil {
			gap := s.begun && (r.jump || r.index != s.lastIndex+1)
			s.begun, s.lastIndex = true, r.index
			return r, gap, nil
		}
		if s.at < len(s.frame.ASDUs) {
			s.offer(&s.frame.ASDUs[s.at])
			continue
		}
		if s.ended {
			return nil, false, io.EOF
		}
		packet, timeNS, err := s.feed.next(ctx)
		if err == io.EOF {
			s.ended = true
			s.order.draining = true
			continue
		}
		if err != nil {
			return nil, false, err
		}
		s.timeNS, s.at = timeNS, 0
		if err := s.frame.Decode(packet); err != nil {
			if err != errOther {
				s.order.counters.Malformed++
			}
			s.frame.ASDUs = s.frame.ASDUs[:0]
		}
	}
}

// offer takes the ASDU at s.at if it is one of this stream and there is room for it.
func (s *Source) offer(a *ASDU) {
	switch {
	case string(a.ID) != s.id, s.frame.Simulated && !s.options.TestMode:
	case len(a.Data) != s.set.size:
		s.order.counters.Malformed++
	case !s.order.add(a, s.timeNS):
		return // pull first
	}
	s.at++
}

// judge reads the quality of a row and reports whether it differs from the last one's.
func (s *Source) judge(r *row) (changed bool) {
	if r.state == lost {
		return false
	}
	if synched := r.synch != 0; synched != s.synched {
		s.synched, changed = synched, true
	}
	if s.set.scale == nil {
		return changed
	}
	for c := range s.words {
		word := quality(binary.BigEndian.Uint32(r.data[8*c+4:]))
		if word == s.words[c] {
			continue
		}
		s.words[c] = word
		s.missing[c] = word.missing(s.options.TestMode)
		var held waveform.Quality
		if !s.missing[c] {
			held = word.held()
		}
		changed = changed || held != s.quality[c]
		s.quality[c] = held
	}
	return changed
}

// take gives a new block the quality of its samples.
func (s *Source) take(b *waveform.Block) {
	b.Quality = b.Quality[:0]
	var all waveform.Quality
	if !s.synched {
		all |= waveform.Unsynchronised
	}
	if s.overrun {
		all |= waveform.Overrun
	}
	any := all
	for _, q := range s.quality {
		any |= q
	}
	if any == 0 {
		return
	}
	for _, q := range s.quality {
		b.Quality = append(b.Quality, q|all)
	}
}

// write puts a row at instant k of a block.
func (s *Source) write(b *waveform.Block, k int, r *row) {
	if r.state == lost {
		for c := range b.Samples {
			b.Samples[c][k] = waveform.Missing
		}
		return
	}
	count := &s.order.counters
	if !s.synched {
		count.Unsynchronised++
	}
	if s.set.scale == nil {
		for c := range b.Samples {
			b.Samples[c][k] = float(r.data, c)
		}
		return
	}
	invalid, questionable := false, false
	for c, scale := range s.set.scale {
		if s.missing[c] {
			b.Samples[c][k] = waveform.Missing
			invalid = invalid || !s.info.Channels[c].Unused
			continue
		}
		questionable = questionable || s.quality[c] != 0
		b.Samples[c][k] = float64(int32(binary.BigEndian.Uint32(r.data[8*c:]))) * scale
	}
	if invalid {
		count.Invalid++
	}
	if questionable {
		count.Questionable++
	}
}

// warnings says in words what the counters of a whole recording say.
func (c Counters) warnings() (list []string) {
	for _, w := range []struct {
		n    int64
		text string
	}{
		{c.Lost, "%d samples were lost, by smpCnt: they are missing"},
		{c.Duplicates, "%d samples came twice: the second ones are left out"},
		{c.Reordered, "%d samples came out of order: they are put where they belong"},
		{c.Late, "%d of the lost samples came too late"},
		{c.Jumps, "smpCnt leapt %d times without time passing: a gap stands there"},
		{c.Malformed, "%d frames or sample blocks could not be read"},
		{c.Invalid, "%d samples have an invalid channel: it is missing there"},
		{c.Questionable, "%d samples have something held against a value (questionable, out of range, derived): their windows are flagged"},
		{c.Unsynchronised, "%d samples were taken without a synchronised clock (smpSynch 0): their windows are flagged"},
	} {
		if w.n > 0 {
			list = append(list, fmt.Sprintf(w.text, w.n))
		}
	}
	return list
}
