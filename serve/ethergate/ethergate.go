// Package ethergate passes bytes between a TCP connection and the devices on a serial port,
// unchanged and for one client at a time: EtherGate of the meters. docs/ethergate.md tells
// clients what to expect.
package ethergate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/serial"
	"github.com/hepmeter/hepmeter/serve/tcp"
)

// LineProtocol is what a serial port is to speak, as the register Protocol has it.
const LineProtocol = "EtherGate"

// Options are the limits of a pipe. The zero value of each means its default.
type Options struct {
	// IdleTimeout ends a connection on which no byte went either way for that long: a client
	// that is forgotten must not keep the next one out. Default 10 minutes.
	IdleTimeout time.Duration
	// WriteTimeout ends a connection that does not take what comes from the line for that
	// long. Default 5 seconds.
	WriteTimeout time.Duration
	// LastWord is how long the line must be silent before a client that has said its last, and
	// perhaps only closed its side, is taken for gone. Default 2 seconds.
	LastWord time.Duration
	// KeepAlive is how long a connection is silent before TCP asks whether the client is still
	// there; it is closed after as long again. Default 30 seconds.
	KeepAlive time.Duration
}

func (o Options) withDefaults() Options {
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 10*time.Minute)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 5*time.Second)
	o.LastWord = cmp.Or(o.LastWord, 2*time.Second)
	o.KeepAlive = cmp.Or(o.KeepAlive, 30*time.Second)
	return o
}

// yielding is how long the next client waits for the one before to be seen going.
const yielding = 100 * time.Millisecond

// fromLineBytes are read at once, and all that is kept for a client.
const fromLineBytes = 4096

// Pipe is the way between a TCP port and a serial port. Serve is its end at the network,
// ServeLine that at the line; either may be there without the other.
type Pipe struct {
	gate    *access.Gate
	name    string // of the serial port, as in COM1
	options Options

	mu   sync.Mutex
	line *line // nil while the port passes nothing through
}

// line is the serial port while it is open.
type line struct {
	port serial.Port
	// fail ends the line with an error of its device.
	fail context.CancelCauseFunc
	// guest is who is joined to it, nil for nobody; guarded by the pipe's mu.
	guest *guest
}

// New returns the pipe to a serial port of the meter.
func New(gate *access.Gate, name string, options Options) *Pipe {
	return &Pipe{gate: gate, name: name, options: options.withDefaults()}
}

// Serve joins the clients that come to l to the line, one at a time, until ctx is done. Then
// it closes l and the connection and returns nil; it returns an error if l fails.
func (p *Pipe) Serve(ctx context.Context, l net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	away := newFarewell(&running)
	for {
		conn, err := tcp.Accept(ctx, l)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("ethergate server on %s: %w", l.Addr(), err)
		}
		tcp.Prepare(conn, p.options.KeepAlive)
		p.await(ctx)
		g, err := p.admit(conn)
		if err != nil {
			away.send(conn, err)
			continue
		}
		running.Go(func() {
			stop := context.AfterFunc(ctx, g.leave)
			defer stop()
			p.join(g)
		})
	}
}

// await waits for a guest that is about to go: a client that has closed comes again right
// after, and before that is seen here.
func (p *Pipe) await(ctx context.Context) {
	p.mu.Lock()
	var g *guest
	if p.line != nil {
		g = p.line.guest
	}
	p.mu.Unlock()
	if g == nil {
		return
	}
	wait := func(it <-chan struct{}, d time.Duration) {
		patience := time.NewTimer(d)
		defer patience.Stop()
		select {
		case <-it:
		case <-g.gone:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	wait(g.last, yielding)
	if g.saidLast() {
		wait(g.gone, p.options.LastWord+p.options.WriteTimeout)
	}
}

// admit joins a client to the line, if there is one and the gate says so.
func (p *Pipe) admit(conn net.Conn) (*guest, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return nil, errors.New(p.name + " passes nothing through: its Protocol is not " + LineProtocol + ", or its device does not work")
	}
	g := &guest{conn: conn, line: p.line, used: time.Now(), last: make(chan struct{}), left: make(chan struct{}), gone: make(chan struct{})}
	var err error
	if g.session, err = p.gate.Open(access.Client{Path: access.EtherGate, Medium: access.Ethernet, Remote: conn.RemoteAddr().String(), End: g.leave}); err != nil {
		return nil, err
	}
	g.session.Call(p.name, "")
	if g.passed, err = g.session.PassThrough(p.name); err != nil {
		g.session.Close()
		return nil, err
	}
	p.line.guest = g
	return g, nil
}

// join passes what a guest sends to the line, until one of them ends.
func (p *Pipe) join(g *guest) {
	defer close(g.gone)
	if err := p.toLine(g); err != nil {
		g.line.fail(err)
	}
	g.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	g.line.guest = nil
	g.passed(g.sent, g.received)
	g.session.Close()
}

// ServeLine passes what comes from the line to whoever is joined to it; what comes for nobody
// is dropped. It is a serial.Server.
func (p *Pipe) ServeLine(ctx context.Context, port serial.Port, _ serial.Settings) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	l := &line{port: port, fail: fail}
	p.mu.Lock()
	p.line = l
	p.mu.Unlock()
	defer p.close(l)
	if err := port.SetReadTimeout(serial.Glance); err != nil {
		return err
	}
	b := make([]byte, fromLineBytes)
	looked := time.Now()
	for ctx.Err() == nil {
		n, err := port.Read(b)
		if err != nil {
			return err
		}
		g := p.guest(l, n)
		if g == nil {
			continue
		}
		if n > 0 {
			_ = g.conn.SetWriteDeadline(time.Now().Add(p.options.WriteTimeout)) // what fails is written next
			if _, err := g.conn.Write(b[:n]); err != nil {
				g.leave()
			}
		}
		if now := time.Now(); now.Sub(looked) >= serial.Glance {
			looked = now
			if p.over(g, now) {
				g.leave()
			}
		}
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// guest returns who is joined to the line, and counts n bytes for it.
func (p *Pipe) guest(l *line, n int) *guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := l.guest
	if g != nil && n > 0 {
		g.received, g.used = g.received+uint64(n), time.Now()
	}
	return g
}

// over reports whether a guest's time is up: it was idle, has said its last, or may no
// longer be joined.
func (p *Pipe) over(g *guest, now time.Time) bool {
	p.mu.Lock()
	idle, limit := now.Sub(g.used), p.options.IdleTimeout
	if g.saidLast() {
		limit = p.options.LastWord
	}
	p.mu.Unlock()
	if idle < 2*serial.Glance {
		_ = g.session.Use() // for those who look who is connected; May tells what matters
	}
	return idle >= limit || !g.session.May(access.PassThrough)
}

// close takes the line out of the pipe, and sees its guest off before the port is closed.
func (p *Pipe) close(l *line) {
	p.mu.Lock()
	p.line = nil
	g := l.guest
	p.mu.Unlock()
	if g != nil {
		g.leave()
		<-g.gone
	}
}
