package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// Samples is the sample source of a run. It keeps the latest samples, so that a firmware
// that starts again goes on where the one before stopped. Samples that pace themselves are
// read without pause; others when a reader asks for them.
type Samples struct {
	source waveform.Source
	info   waveform.Info
	axis   uint64
	speed  float64
	most   int   // samples of a block that is read
	keep   int64 // samples that are kept at least, once they have come

	mu    sync.Mutex
	begun time.Time // second 0 of the time axis; zero before anybody asked
	kept  []*waveform.Block
	spare []*waveform.Block
	next  int64 // number of the next sample to be read
	ended error // why none follows
	// more is closed, and made anew, when samples have come that pace themselves.
	more    chan struct{}
	stop    context.CancelFunc // of reading without pause
	reading sync.WaitGroup
}

const (
	// keptSeconds of samples reach back behind what a meter that is killed has made
	// durable, a second and a window. Those that do not wait must reach over the time that
	// it takes to start again, too.
	keptSeconds, keptLiveSeconds = 2, 3
	// underwayBytes is what may be on the way to a firmware process, which has not seen it.
	underwayBytes = 256 << 10
	// maxKeptBytes bounds all that is kept.
	maxKeptBytes = 64 << 20
	// readSeconds is the length of a block that is read.
	readSeconds = 0.020
)

// NewSamples takes over a source; axis is a number that no other run has, speed how many
// seconds of signal pass in a second.
func NewSamples(source waveform.Source, speed float64, axis uint64) *Samples {
	info := source.Info()
	sampleSize := int64(8 * max(1, len(info.Channels)))
	seconds := float64(keptSeconds)
	if info.Live {
		seconds = keptLiveSeconds
	}
	return &Samples{source: source, info: info, axis: axis, speed: speed,
		most: max(1, int(info.RateHz*readSeconds)),
		keep: min(int64(info.RateHz*seconds)+underwayBytes/sampleSize, maxKeptBytes/sampleSize),
		more: make(chan struct{}),
	}
}

// Speed is how many seconds of signal pass in a second.
func (s *Samples) Speed() float64 { return s.speed }

// Reader returns a new reader of the samples. One at a time may be read. Closing it leaves
// the source open.
func (s *Samples) Reader() waveform.Resumable { return &sampleReader{samples: s} }

// Close ends reading and closes the source.
func (s *Samples) Close() error {
	s.mu.Lock()
	if s.stop != nil {
		s.stop()
	}
	s.mu.Unlock()
	s.reading.Wait()
	return s.source.Close()
}

// from returns the number of the sample with which a reader begins that asks for one.
func (s *Samples) from(sample int64) (first int64, begun time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun.IsZero() {
		s.begun = time.Now()
		if s.info.Live {
			ctx, stop := context.WithCancel(context.Background())
			s.stop = stop
			s.reading.Go(func() { s.readOn(ctx) })
		}
	}
	if sample < 0 || sample > s.next {
		return s.next, s.begun
	}
	return max(sample, s.oldest()), s.begun
}

// oldest is the number of the oldest sample that is kept; the caller holds mu.
func (s *Samples) oldest() int64 {
	if len(s.kept) == 0 {
		return s.next
	}
	return s.kept[0].First
}

// readOn reads samples that pace themselves until ctx is done or they end.
func (s *Samples) readOn(ctx context.Context) {
	for {
		s.mu.Lock()
		b := s.take()
		s.mu.Unlock()
		n, err := s.source.Next(ctx, b, s.most)
		s.mu.Lock()
		s.add(b, n, err)
		close(s.more)
		s.more = make(chan struct{})
		ended := s.ended != nil
		s.mu.Unlock()
		if ended {
			return
		}
	}
}

// take returns a block to read into; the caller holds mu.
func (s *Samples) take() *waveform.Block {
	if last := len(s.spare) - 1; last >= 0 {
		b := s.spare[last]
		s.spare = s.spare[:last]
		return b
	}
	return new(waveform.Block)
}

// add keeps a block that was read, and lets the oldest go; the caller holds mu.
func (s *Samples) add(b *waveform.Block, n int, err error) {
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	if err != nil {
		s.ended = err
		return
	}
	b.First = s.next
	s.next += int64(n)
	s.kept = append(s.kept, b)
	for len(s.kept) > 1 && s.next-s.kept[1].First >= s.keep {
		s.spare = append(s.spare, s.kept[0])
		copy(s.kept, s.kept[1:])
		s.kept = s.kept[:len(s.kept)-1]
	}
}

// read copies the samples from number at on into b, up to most of them. wait is not nil
// where they are still to come.
func (s *Samples) read(ctx context.Context, at int64, b *waveform.Block, most int) (n int, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at == s.next {
		switch {
		case s.ended != nil:
			return 0, nil, s.ended
		case s.info.Live:
			return 0, s.more, nil
		}
		fresh := s.take()
		n, err := s.source.Next(ctx, fresh, s.most)
		if err != nil && ctx.Err() != nil { // the reader goes, not the source
			s.spare = append(s.spare, fresh)
			return 0, nil, err
		}
		if s.add(fresh, n, err); s.ended != nil {
			return 0, nil, s.ended
		}
	}
	lost := at < s.oldest()
	at = max(at, s.oldest())
	for i := len(s.kept) - 1; ; i-- {
		if from := s.kept[i]; from.First <= at {
			copySamples(b, from, int(at-from.First), most)
			break
		}
	}
	if lost { // samples have gone that the reader has not had
		b.Gap = true
		b.Quality = append(b.Quality, make([]waveform.Quality, len(b.Samples)-len(b.Quality))...)
		for c := range b.Quality {
			b.Quality[c] |= waveform.Overrun
		}
	}
	return b.Len(), nil, nil
}

// copySamples makes b what stands in from behind the first skip samples, up to most of it.
func copySamples(b, from *waveform.Block, skip, most int) {
	n := min(from.Len()-skip, most)
	b.Resize(len(from.Samples), n)
	for c, samples := range from.Samples {
		copy(b.Samples[c], samples[skip:])
	}
	b.First, b.Start, b.RateHz, b.Gap = from.First+int64(skip), from.Start, from.RateHz, from.Gap && skip == 0
	if skip > 0 {
		b.Start += float64(skip) / from.RateHz
	}
	b.Origin = b.First
	b.Quality = append(b.Quality[:0], from.Quality...)
}

// sampleReader reads Samples.
type sampleReader struct {
	samples *Samples
	at      int64
	asked   bool // where to begin
}

func (r *sampleReader) Info() waveform.Info { return r.samples.info }
func (r *sampleReader) Axis() uint64        { return r.samples.axis }
func (r *sampleReader) Close() error        { return nil }

func (r *sampleReader) From(_ context.Context, sample int64) (int64, time.Time, error) {
	if r.asked {
		return 0, time.Time{}, errAskedAgain
	}
	first, begun := r.samples.from(sample)
	r.at, r.asked = first, true
	return first, begun, nil
}

var errAskedAgain = errors.New("samples are asked for twice: a reader begins once")

func (r *sampleReader) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	if !r.asked {
		if _, _, err := r.From(ctx, -1); err != nil {
			return 0, err
		}
	}
	for {
		n, wait, err := r.samples.read(ctx, r.at, b, most)
		if err != nil {
			b.Resize(len(r.samples.info.Channels), 0)
			return 0, err
		}
		if n > 0 {
			r.at = b.First + int64(n)
			return n, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting for samples: %w", ctx.Err())
		}
	}
}
