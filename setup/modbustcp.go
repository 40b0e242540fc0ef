package setup

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

const (
	// sendTimeout is how long a connection or a line may take no request.
	sendTimeout = 5 * time.Second
	// pieceTimeout is how long the next piece of a frame is waited for.
	pieceTimeout = 250 * time.Millisecond
	// silentTries is how many requests in a row a connection may swallow until another one is
	// made: its other end may be gone, and not have said so. One that has never brought an answer
	// gets fewer.
	silentTries, firstTries = 4, 2
)

// opener makes the connection that a carrier needs, and can be told to give up.
type opener struct {
	dial func(context.Context) (port, error)

	mu     sync.Mutex
	open   port // nil for none
	closed bool
	cancel context.CancelFunc
}

// port is a connection, or an open device.
type port interface {
	// Receive reads what there is; the error is os.ErrDeadlineExceeded when nothing has come in
	// time.
	Receive(p []byte, until time.Time) (int, error)
	Send(p []byte) error
	// Release ends what Send has begun: others may use a line.
	Release()
	Close() error
}

// now returns the connection that there is, or makes one.
func (o *opener) now(ctx context.Context) (port, error) {
	o.mu.Lock()
	if o.closed || o.open != nil {
		defer o.mu.Unlock()
		if o.closed {
			return nil, net.ErrClosed
		}
		return o.open, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	o.cancel = cancel
	o.mu.Unlock()
	fresh, err := o.dial(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case o.closed:
		fresh.Close()
		return nil, net.ErrClosed
	}
	o.open = fresh
	return fresh, nil
}

// drop gives up the connection; the next one is made when it is needed.
func (o *opener) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open != nil {
		o.open.Close()
		o.open = nil
	}
}

// Close gives it up for good.
func (o *opener) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.cancel != nil {
		o.cancel()
	}
	if o.open == nil {
		return nil
	}
	err := o.open.Close()
	o.open = nil
	return err
}

// present is the connection that there is, nil for none.
func (o *opener) present() port {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open
}

// Done implements ionmodbus.Carrier.
func (o *opener) Done() {
	if p := o.present(); p != nil {
		p.Release()
	}
}

// socket is a TCP connection as a port.
type socket struct{ net.Conn }

func (s socket) Receive(p []byte, until time.Time) (int, error) {
	if err := s.SetReadDeadline(until); err != nil {
		return 0, err
	}
	return s.Read(p)
}

func (s socket) Send(p []byte) error {
	if err := s.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	_, err := s.Write(p)
	return err
}

// Release implements port: a connection is nobody else's.
func (socket) Release() {}

// dialSocket dials a network address.
func dialSocket(a Address) func(context.Context) (port, error) {
	return func(ctx context.Context) (port, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.hostPort())
		if err != nil {
			return nil, err
		}
		return socket{conn}, nil
	}
}

// modbusTCP carries ION over Modbus in Modbus TCP.
type modbusTCP struct {
	opener
	unit        byte
	transaction uint16
	silence     silence
	heard       time.Time
	buffer      []byte
	used        int // of the buffer, by the answer given last
}

// Send implements ionmodbus.Carrier.
func (c *modbusTCP) Send(pdu []byte) error {
	if c.present() == nil {
		c.buffer, c.used, c.silence = c.buffer[:0], 0, silence{}
	}
	conn, err := c.now(context.Background())
	if err != nil {
		return err
	}
	c.transaction++
	frame := append(modbus.BeginFrame(nil, modbus.Header{Transaction: c.transaction, Unit: c.unit}), pdu...)
	modbus.EndFrame(frame, 0)
	if err := conn.Send(frame); err != nil {
		c.drop()
		return lost(err)
	}
	return nil
}

// Receive implements ionmodbus.Carrier. An answer to an earlier request is given, too: what is
// in it says whether it is still of use. What is of another unit or function is nobody's.
func (c *modbusTCP) Receive(until time.Time) ([]byte, error) {
	conn := c.present()
	if conn == nil {
		return nil, net.ErrClosed
	}
	var block [512]byte
	for {
		c.buffer, c.used = c.buffer[:copy(c.buffer, c.buffer[c.used:])], 0
		n, err := modbus.FrameLength(c.buffer)
		if err != nil {
			c.drop()
			return nil, err
		}
		if n > 0 && n <= len(c.buffer) {
			c.used = n
			header, pdu := modbus.ParseHeader(c.buffer[:n])
			if header.Protocol == 0 && header.Unit == c.unit && carries(pdu, header.Transaction == c.transaction) {
				return pdu, nil
			}
			continue
		}
		got, err := conn.Receive(block[:], until)
		c.buffer = append(c.buffer, block[:got]...)
		switch {
		case got > 0:
			c.heard = time.Now()
			c.silence.broken()
		case errors.Is(err, os.ErrDeadlineExceeded):
			// A frame that has lost its end would swallow the next one.
			lostEnd := len(c.buffer) > 0 && time.Since(c.heard) > pieceTimeout
			if c.silence.tooLong() || lostEnd {
				c.drop()
			}
			return nil, os.ErrDeadlineExceeded
		case err != nil:
			c.drop()
			return nil, lost(err)
		}
	}
}

// silence counts the requests of a connection that nothing has answered.
type silence struct {
	requests int // in a row
	heard    bool
}

func (s *silence) broken() { *s = silence{heard: true} }

// tooLong counts one more, and reports whether another connection is to be tried.
func (s *silence) tooLong() bool {
	s.requests++
	return s.requests >= silentTries || !s.heard && s.requests >= firstTries
}

// carries reports whether a PDU is of ION over Modbus: an answer, or the exception to the request
// sent last.
func carries(pdu []byte, last bool) bool {
	const exceptionBit = 0x80
	return pdu[0] == ionmodbus.Function || last && len(pdu) > 1 && pdu[0] == ionmodbus.Function|exceptionBit
}

// lost keeps an error of a connection from being taken for one of time.
func lost(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("nothing is taken any more")
	}
	return err
}
