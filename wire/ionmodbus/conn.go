package ionmodbus

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is the meter's end of a session, as a connection. Reading waits for the client's
// exchanges, and so does writing while it has not fetched what was written before.
type Conn struct {
	endpoint *Endpoint
	number   uint64

	// Guarded by the endpoint's lock.
	session *session
	gone    bool // the client has closed it, or was not heard of for too long

	// readable and writable hold a token when something may have changed.
	readable, writable chan struct{}
	read, write        deadline
}

func newConn(e *Endpoint, number uint64, s *session) *Conn {
	return &Conn{endpoint: e, number: number, session: s, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1), read: newDeadline(), write: newDeadline()}
}

// Number tells the sessions of an endpoint apart, from 1. It is not the number on the wire,
// which nobody else is to know.
func (c *Conn) Number() uint64 { return c.number }

// wake has both sides look again.
func (c *Conn) wake() {
	for _, each := range []chan struct{}{c.readable, c.writable} {
		select {
		case each <- struct{}{}:
		default:
		}
	}
}

// Read returns what has come. The error is io.EOF once the client is gone.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		c.endpoint.mu.Lock()
		s := c.session
		n := copy(p, s.in)
		s.in = s.in[:copy(s.in, s.in[n:])]
		gone, ended := c.gone, s.ended
		c.endpoint.mu.Unlock()
		switch {
		case n > 0 || len(p) == 0:
			return n, nil
		case ended:
			return 0, net.ErrClosed
		case gone:
			return 0, io.EOF
		}
		select {
		case <-c.readable:
		case <-c.read.passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// Write waits until all of p is where the client can fetch it.
func (c *Conn) Write(p []byte) (written int, err error) {
	for {
		c.endpoint.mu.Lock()
		s := c.session
		gone, ended := c.gone, s.ended
		if !gone && !ended {
			n := min(len(p)-written, max(0, buffered-len(s.out)))
			s.out = append(s.out, p[written:written+n]...)
			written += n
		}
		c.endpoint.mu.Unlock()
		switch {
		case ended:
			return written, net.ErrClosed
		case gone:
			return written, io.ErrClosedPipe
		case written == len(p):
			return written, nil
		}
		select {
		case <-c.writable:
		case <-c.write.passed():
			return written, os.ErrDeadlineExceeded
		}
	}
}

// Close ends the session from the meter's side. The client still fetches what was written.
func (c *Conn) Close() error {
	c.endpoint.mu.Lock()
	c.session.ended = true
	c.session.in = nil
	c.endpoint.mu.Unlock()
	c.wake()
	return nil
}

// LocalAddr and RemoteAddr name the transport alone: whoever serves the session knows from
// where it came.
func (c *Conn) LocalAddr() net.Addr  { return addr{} }
func (c *Conn) RemoteAddr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "modbus" }
func (addr) String() string  { return "ION over Modbus" }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

// SetReadDeadline and SetWriteDeadline bound how long reads and writes wait, also those under
// way; the zero time is for ever.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

// SetWriteDeadline bounds writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return nil
}

// deadline is a time that can be waited for and moved.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{} // closed when it has passed
}

func newDeadline() deadline { return deadline{over: make(chan struct{})} }

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // it is passing just now
	}
	d.timer = nil
	select {
	case <-d.over:
		d.over = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	over := d.over
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, func() { close(over) })
		return
	}
	close(over)
}
