package fault

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// device answers reads and writes of registers in either framing: register a of unit u
// holds value(u, a), so that an answer to another question is seen.
type device struct {
	framing  Framing
	listener net.Listener
	clients  sync.WaitGroup

	mu       sync.Mutex
	requests int
}

func value(unit byte, address int) uint16 { return uint16(unit)<<12 ^ uint16(address) }

func startDevice(t *testing.T, framing Framing) *device {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &device{framing: framing, listener: l}
	d.clients.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.clients.Go(func() { d.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); d.clients.Wait() })
	return d
}

func (d *device) seen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

func (d *device) serve(conn net.Conn) {
	defer conn.Close()
	r := &reader{conn: conn, framing: d.framing, from: Requests}
	for {
		f, err := r.next(time.Time{})
		if err != nil || !f.Whole && d.framing == TCP {
			return // the stream has no frames any more
		}
		if !f.Whole {
			continue // a line goes on
		}
		d.mu.Lock()
		d.requests++
		d.mu.Unlock()
		at := d.framing.pduAt()
		answer := append([]byte(nil), f.Bytes[:at]...)
		request, exception := modbus.ParseRequest(f.Bytes[at:len(f.Bytes)-d.framing.crcLength()],
			modbus.FunctionSet(modbus.ReadHoldingRegisters, modbus.WriteSingleRegister, modbus.WriteMultipleRegisters))
		switch {
		case exception != modbus.None:
			answer = modbus.AppendException(answer, modbus.Function(f.Bytes[at]), exception)
		case request.Function == modbus.ReadHoldingRegisters:
			answer = modbus.AppendReadHead(answer, request.Function, request.Quantity)
			for i := range request.Quantity {
				answer = binary.BigEndian.AppendUint16(answer, value(f.Unit, request.Address+i))
			}
		default:
			answer = modbus.AppendWriteResponse(answer, request)
		}
		answer = d.framing.mend(append(answer, make([]byte, d.framing.crcLength())...))
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// startProxy runs a proxy before a device and returns it with its address.
func startProxy(t *testing.T, d *device, scenario string, o Options) (*Proxy, string) {
	t.Helper()
	s, err := Parse([]byte(scenario), "scenario")
	if err != nil {
		t.Fatal(err)
	}
	o.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", d.listener.Addr().String())
	}
	p := New(s, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p, l.Addr().String()
}

// client asks one question at a time, and takes a new connection after every error that
// leaves the state of the old one open.
type client struct {
	address string
	unit    byte
	framing Framing
	timeout time.Duration
	quiet   time.Duration            // of RTU, before a question; 0: 100 ms
	dial    func() (net.Conn, error) // nil: TCP to address
	conn    net.Conn
	modbus  *modbus.Client
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// errWrong is the one thing that must not happen: an answer that was taken and is not the
// device's to this question.
var errWrong = errors.New("wrong data")

func (c *client) read(address, quantity int) error {
	if c.conn == nil {
		dial := c.dial
		if dial == nil {
			dial = func() (net.Conn, error) { return net.Dial("tcp", c.address) }
		}
		conn, err := dial()
		if err != nil {
			return err
		}
		c.conn, c.modbus = conn, modbus.NewClient(conn, c.unit)
	}
	words, err := c.ask(address, quantity)
	if err == nil {
		for i, word := range words {
			if want := value(c.unit, address+i); word != want {
				err = fmt.Errorf("%w: register %d of unit %d is %#x, want %#x", errWrong, address+i, c.unit, word, want)
			}
		}
	}
	var exception modbus.Exception
	if err != nil && !errors.As(err, &exception) {
		c.close()
	}
	return err
}

func (c *client) ask(address, quantity int) ([]uint16, error) {
	if c.framing == RTU {
		return c.askRTU(address, quantity)
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, err
	}
	return c.modbus.ReadRegisters(address, quantity)
}

var errCRC = errors.New("wrong CRC")

// askRTU is a master of a line behind a serial server: it forgets what nobody asked for
// before it asks, and reads as many bytes as the answer should have.
func (c *client) askRTU(address, quantity int) ([]uint16, error) {
	var stale [64]byte
	for {
		if err := c.conn.SetDeadline(time.Now().Add(cmp.Or(c.quiet, 100*time.Millisecond))); err != nil {
			return nil, err
		}
		if _, err := c.conn.Read(stale[:]); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, err
	}
	request := modbus.AppendReadRequest([]byte{c.unit}, modbus.ReadHoldingRegisters, address, quantity)
	if _, err := c.conn.Write(RTU.mend(append(request, 0, 0))); err != nil {
		return nil, err
	}
	answer := make([]byte, 5+2*quantity)
	if _, err := io.ReadFull(c.conn, answer[:5]); err != nil {
		return nil, err
	}
	if answer[1]&exceptionBit != 0 {
		answer = answer[:5]
	} else if _, err := io.ReadFull(c.conn, answer[5:]); err != nil {
		return nil, err
	}
	if !sound(answer) {
		return nil, errCRC
	}
	if answer[0] != c.unit {
		return nil, fmt.Errorf("%w: unit %d", modbus.ErrResponse, answer[0])
	}
	return modbus.ParseReadResponse(answer[1:len(answer)-2], modbus.ReadHoldingRegisters, quantity)
}

// class is what a client knows of an error.
func class(err error) string {
	var exception modbus.Exception
	var length modbus.LengthError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errWrong):
		return "WRONG DATA"
	case errors.As(err, &exception):
		return fmt.Sprintf("exception %d", byte(exception))
	case errors.As(err, &length):
		return "length"
	case errors.Is(err, modbus.ErrResponse):
		return "response"
	case errors.Is(err, errCRC):
		return "crc"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	}
	return err.Error()
}
