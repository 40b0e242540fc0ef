package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Port is an open serial port. A Read returns nothing, and no error, when its time is up.
type Port interface {
	io.ReadWriteCloser
	SetReadTimeout(time.Duration) error
}

// glance is the longest that a port is read at once.
const glance = 100 * time.Millisecond

// portConn is a serial port as a connection. Before each frame that is written the line is
// silent for t3.5, which is what tells frames apart there.
type portConn struct {
	port Port
	name string
	baud int
	// shut is what Close does with the port.
	shut     func() error
	closed   atomic.Bool
	deadline atomic.Int64 // ns since 1970; 0: none

	writing sync.Mutex
	free    time.Time // when the line has been silent long enough for the next frame
}

// NewConn returns a serial port as a connection for a proxy to dial. It owns the port.
func NewConn(port Port, name string, baud int) net.Conn {
	return &portConn{port: port, name: name, baud: baud, shut: port.Close}
}

func (c *portConn) Read(b []byte) (int, error) {
	for !c.closed.Load() {
		limit := glance
		if at := c.deadline.Load(); at != 0 {
			limit = min(limit, time.Until(time.Unix(0, at)))
			if limit <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
		}
		if err := c.port.SetReadTimeout(max(limit, time.Millisecond)); err != nil {
			return 0, err
		}
		if n, err := c.port.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, net.ErrClosed
}

func (c *portConn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	time.Sleep(time.Until(c.free))
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.port.Write(b)
	c.free = time.Now().Add(time.Duration(len(b)*characterBits)*time.Second/time.Duration(c.baud) + modbus.FrameSilence(c.baud))
	return n, err
}

func (c *portConn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	return c.shut()
}

func (c *portConn) SetReadDeadline(t time.Time) error {
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	c.deadline.Store(at)
	return nil
}

func (c *portConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline cannot be done: a device cannot be told to give up.
func (c *portConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

func (c *portConn) LocalAddr() net.Addr  { return portAddr(c.name) }
func (c *portConn) RemoteAddr() net.Addr { return portAddr(c.name) }

// portAddr is the name of a port where an address is asked for.
type portAddr string

func (portAddr) Network() string  { return "serial" }
func (a portAddr) String() string { return string(a) }

// filePort is an open file, such as a terminal, as a port.
type filePort struct {
	*os.File
	timeout time.Duration
}

func (p *filePort) SetReadTimeout(d time.Duration) error { p.timeout = d; return nil }

func (p *filePort) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	n, err := p.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, nil
	}
	return n, err
}

// redial is how long a line waits for a device that cannot be reached.
const redial = time.Second

// ServeTerminal passes on what a master says who has opened t, until ctx is done, and then
// returns nil. A line has one connection, which begins anew where the device's has ended.
func (p *Proxy) ServeTerminal(ctx context.Context, t *Terminal, baud int) error {
	for ctx.Err() == nil {
		before := p.Counters().Unreachable
		p.serve(ctx, &portConn{port: &filePort{File: t.File}, name: t.Path, baud: baud, shut: func() error { return nil }})
		again := pause
		if p.Counters().Unreachable > before {
			again = redial
		}
		if wait(ctx, again) != nil {
			break
		}
	}
	return nil
}

// OnLine is an error where the scenario asks for what a serial line does not have. listens
// tells that the clients' end is one, too.
func (s *Scenario) OnLine(listens bool) error {
	if s.Framing != RTU {
		return errors.New("a serial line carries RTU frames: state framing: rtu")
	}
	for _, r := range s.Rules {
		why := ""
		switch {
		case !listens:
		case r.On == Connections:
			why = "it has no connections: state on: requests or replies"
		case r.Fault == "reset":
			why = "nothing can be reset: take drop, or outage"
		case r.Fault == "halfOpen":
			why = "nobody could connect anew: take drop with from, or outage"
		case r.Fault == "outage" && r.Then == "reset":
			why = "nothing can be reset: take then: drop"
		}
		if why != "" {
			return fmt.Errorf("line %d: %s makes no sense on a serial line: %s", r.Line, r.Fault, why)
		}
	}
	return nil
}
