package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// A Line is what joins two serial ports: it takes the time that bytes take, which pseudo
// terminals do not, and harms them as lines do. What two ends say at the same time does not
// collide.

// characterBits are those of a character on the line: start, 8 data, parity or a second stop
// bit, and stop (Modbus over serial line V1.02, 2.5.1).
const characterBits = 11

// Disturbance is a kind of harm that a line does.
type Disturbance string

// The disturbances.
const (
	Gap    Disturbance = "gap"    // silence within a burst, before the byte
	Parity Disturbance = "parity" // the byte arrives as 0, as systems hand over one with a parity fault
	Lost   Disturbance = "lost"   // the byte does not arrive
	Noise  Disturbance = "noise"  // another byte arrives before it
)

// LineFault is a disturbance and when it strikes. A burst is what one end says without a
// silence of 3.5 characters: a frame.
type LineFault struct {
	Disturbance Disturbance
	// To is the end that hears it, 0 or 1.
	To int
	// From and Every say which bursts are struck: From (from 1), and each that is Every later;
	// none later where Every is 0.
	From, Every int
	// At is the byte of the burst, from 0; negative is any, by the seed, of the first eight.
	At int
	// Silence is how long a Gap is.
	Silence time.Duration
}

// LineOptions are how a line behaves.
type LineOptions struct {
	Baud   int // bits per second
	Faults []LineFault
	Seed   uint64
}

// LineCounters are what a line has done.
type LineCounters struct {
	Bytes, Bursts [2]uint64 // to each end
	Fired         []uint64  // of each fault
}

// Check is an error where a fault has not struck: then a test has shown nothing.
func (c LineCounters) Check() error {
	for i, n := range c.Fired {
		if n == 0 {
			return fmt.Errorf("fault %d of the line has not fired in %v bursts: what was tested has not met it", i+1, c.Bursts)
		}
	}
	return nil
}

// Line joins two ends.
type Line struct {
	options   LineOptions
	ends      [2]io.ReadWriteCloser
	character time.Duration

	mu       sync.Mutex
	counters LineCounters
}

// NewLine returns a line between two ends, which are closed when it ends.
func NewLine(a, b io.ReadWriteCloser, o LineOptions) *Line {
	return &Line{options: o, ends: [2]io.ReadWriteCloser{a, b}, character: time.Duration(characterBits * float64(time.Second) / float64(o.Baud)),
		counters: LineCounters{Fired: make([]uint64, len(o.Faults))}}
}

// Counters returns what the line has done so far.
func (l *Line) Counters() LineCounters {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counters
	c.Fired = append([]uint64(nil), c.Fired...)
	return c
}

// Serve carries bytes until ctx is done, and then returns nil, or an end fails.
func (l *Line) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	shut := func() { l.ends[0].Close(); l.ends[1].Close() }
	stop := context.AfterFunc(ctx, shut)
	defer stop()
	var both sync.WaitGroup
	errs := [2]error{}
	for to := range l.ends {
		both.Go(func() {
			errs[to] = l.carry(ctx, to)
			cancel()
		})
	}
	both.Wait()
	shut()
	return errors.Join(errs[:]...)
}

// carry brings to one end what the other says.
func (l *Line) carry(ctx context.Context, to int) error {
	random := rand.New(rand.NewPCG(l.options.Seed, uint64(to)))
	silence := modbus.FrameSilence(l.options.Baud)
	heard := make([]byte, 4096)
	var free time.Time // when the latest byte has left the line
	burst, at := 0, 0
	var struck []LineFault // of the burst
	for {
		n, err := l.ends[1-to].Read(heard)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("end %d of the line: %w", 1-to, err)
		}
		if now := time.Now(); now.After(free) {
			if burst == 0 || now.Sub(free) >= silence {
				burst, at = burst+1, 0
				struck = l.strike(to, burst, random)
			}
			free = now
		}
		for _, b := range heard[:n] {
			out := []byte{b}
			for _, f := range struck {
				if f.At != at {
					continue
				}
				switch f.Disturbance {
				case Gap:
					free = free.Add(f.Silence)
				case Parity:
					out[0] = 0
				case Lost:
					out = nil
				case Noise:
					out = []byte{byte(random.IntN(256)), b}
				}
			}
			at++
			for _, b := range out {
				free = free.Add(l.character)
				if err := wait(ctx, time.Until(free)); err != nil {
					return nil
				}
				if _, err := l.ends[to].Write([]byte{b}); err != nil {
					if ctx.Err() != nil {
						return nil
					}
					return fmt.Errorf("end %d of the line: %w", to, err)
				}
			}
			l.mu.Lock()
			l.counters.Bytes[to] += uint64(len(out))
			l.mu.Unlock()
		}
	}
}

// anywhere are the bytes that a fault without a place strikes: every frame has as many but for
// one, the exception, which has five.
const anywhere = 8

// strike returns the faults of a burst, each with its place, and counts them.
func (l *Line) strike(to, burst int, random *rand.Rand) (struck []LineFault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters.Bursts[to]++
	for i, f := range l.options.Faults {
		strikes := burst == f.From || f.Every > 0 && burst > f.From && (burst-f.From)%f.Every == 0
		if f.To != to || !strikes {
			continue
		}
		if f.At < 0 {
			f.At = random.IntN(anywhere)
		}
		l.counters.Fired[i]++
		struck = append(struck, f)
	}
	return struck
}
