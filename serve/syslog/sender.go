// Package syslog sends the meter's event log to a syslog server, as it grows: RFC 5424 by
// UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).
//
// What the log holds is the queue. The sender reads on from the last event that has
// arrived, so that nothing is lost while the meter, the network or the server is down, and
// nothing of the meter ever waits for it.
package syslog

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// Options are what a sender needs of the world; each has a default.
type Options struct {
	// Dial connects (net.Dialer.DialContext).
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  *slog.Logger
	// Now tells the time; After makes an alarm (time.After).
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// Jitter is a random number from 0 to below 1 (rand.Float64).
	Jitter func() float64
	// Roots are the authorities of the system (x509.SystemCertPool).
	Roots func() (*x509.CertPool, error)
	// Hostname is that of the messages (os.Hostname), Process their PROCID.
	Hostname, Process string
}

// Sender sends events.
type Sender struct {
	forward *access.Forwarder
	options Options
	testing sync.Mutex // held by the one test that runs

	outage outage // of Run's goroutine
}

// New returns a sender of the events of a gate. Run does the work.
func New(gate *access.Gate, o Options) *Sender {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Roots == nil {
		o.Roots = x509.SystemCertPool
	}
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname() // without one messages have none
	}
	o.Process = cmp.Or(o.Process, strconv.Itoa(os.Getpid()))
	return &Sender{forward: gate.Forward(), options: o}
}

const (
	// look is how often the registers and the log are looked at.
	look = 500 * time.Millisecond
	// settle is how long after it was written an event counts as arrived, if the connection
	// still stands: a server that was not there any more has refused it by then.
	settle = time.Second
	// stall is how long a server may leave what it was sent unacknowledged.
	stall = 30 * time.Second
	// batch is how many events are read at once, pace the time between two batches: UDP has
	// no way to slow a sender down, and the meter has more to do.
	batch = 50
	pace  = 50 * time.Millisecond
	// lifetime is how long a UDP socket is used before the server's name is looked up again.
	lifetime = 10 * time.Minute
)

// Run sends events until ctx is done, as the registers say at each moment. It returns nil.
func (s *Sender) Run(ctx context.Context) error {
	s.forward.Attend(s)
	defer s.forward.Attend(nil)
	for ctx.Err() == nil {
		to := s.forward.Target()
		if !to.Active() {
			s.outage = outage{}
			s.wait(ctx, look)
			continue
		}
		s.outage.of(to)
		if err := s.serve(ctx, to); err != nil && ctx.Err() == nil {
			s.failed(to, err)
			s.rest(ctx, to, s.outage.pause(s.options.Jitter()))
		}
	}
	return nil
}

// serve sends events to a target for as long as it is the one that is set. It returns nil
// when that is over.
func (s *Sender) serve(ctx context.Context, to access.ForwardTarget) error {
	written, err := s.forward.Begin() // first: what happens while the server is away waits for it
	if err != nil {
		return logError{err}
	}
	l, err := s.connect(ctx, to)
	if err != nil {
		return err
	}
	defer l.close()
	station := s.station()
	began := s.options.Now()
	f := flight{mark: written, marked: began, least: math.MaxInt}
	for {
		now := s.options.Now()
		if ctx.Err() != nil || s.forward.Target() != to || l.udp && now.Sub(began) > lifetime {
			if l.finish() == nil {
				s.forward.Sent(written)
			}
			return nil
		}
		switch pending := l.pending(); {
		case now.Sub(f.marked) < settle:
		case pending == 0:
			s.forward.Sent(f.mark)
			s.delivered(to)
			f = flight{mark: written, marked: now, least: math.MaxInt}
		case f.stalled(pending, now):
			return fmt.Errorf("the server has taken nothing in for %s", stall)
		default: // nothing more is sent before that has arrived
			if err := l.watch(ctx, pace); err != nil {
				return err
			}
			continue
		}
		backlog, err := s.forward.Next(written, batch)
		if err != nil {
			return logError{err}
		}
		if backlog.Lost > 0 {
			if err := l.write(station.encode(ofLoss(backlog.Lost, written+backlog.Lost, now), l.limit())); err != nil {
				return err
			}
		}
		for _, e := range backlog.Events {
			if err := l.write(station.encode(ofEvent(e), l.limit())); err != nil {
				return err
			}
		}
		written = backlog.Last
		pause := look
		if len(backlog.Events) == batch {
			pause = pace
		}
		if err := l.watch(ctx, pause); err != nil {
			return err
		}
	}
}

// flight is what was written to a connection and may not have arrived.
type flight struct {
	// mark is the last event that was written by marked.
	mark   uint64
	marked time.Time
	// least is the least that was unacknowledged since, in octets, and moved when it became
	// so.
	least int
	moved time.Time
}

// stalled reports whether the server has taken nothing in for too long.
func (f *flight) stalled(pending int, now time.Time) bool {
	if pending < f.least {
		f.least, f.moved = pending, now
	}
	return now.Sub(f.moved) > stall
}

// watch waits, and returns why the connection has ended if it does meanwhile.
func (l *link) watch(ctx context.Context, pause time.Duration) error {
	select {
	case err := <-l.ended:
		l.ended <- err
		return endOf(err)
	case <-ctx.Done():
	case <-l.after(pause):
	}
	return nil
}

// logError is a failure to read the event log: no fault of the server.
type logError struct{ error }

func (s *Sender) station() station {
	info := s.forward.Info()
	return station{host: s.options.Hostname, process: s.options.Process, serial: info.Serial, firmware: info.Firmware}
}

// wait waits for a time, or for ctx.
func (s *Sender) wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-s.options.After(d):
	}
}

// rest waits before the next try, for as long as the target stays the same.
func (s *Sender) rest(ctx context.Context, to access.ForwardTarget, d time.Duration) {
	for end := s.options.Now().Add(d); ctx.Err() == nil && s.forward.Target() == to; {
		left := end.Sub(s.options.Now())
		if left <= 0 {
			return
		}
		s.wait(ctx, min(left, look))
	}
}

// testWait is how long a test by UDP waits for the server's machine to say that nobody
// listens.
const testWait = 300 * time.Millisecond

// TestSyslog implements access.SyslogTester.
func (s *Sender) TestSyslog(ctx context.Context, to access.ForwardTarget, by access.By) (string, error) {
	if !s.testing.TryLock() {
		return "", access.NewRefusal(access.CodeBusy, "another test message is on its way")
	}
	defer s.testing.Unlock()
	l, err := s.connect(ctx, to)
	if err != nil {
		return "", err
	}
	defer l.close()
	text := s.station().encode(ofTest(by, s.options.Now()), l.limit())
	if err := l.write(text); err != nil {
		return "", err
	}
	if l.udp {
		if err := l.watch(ctx, testWait); err != nil {
			return "", err
		}
	}
	return string(text), l.finish()
}
