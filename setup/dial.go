package setup

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Dialer makes the stream that the object protocol runs on. Each transport is one.
type Dialer interface {
	Dial(ctx context.Context, a Address) (io.ReadWriteCloser, error)
}

// Network dials the object protocol over TCP, and ION over Modbus on each of its transports.
type Network struct {
	// Patience is how long a path through Modbus may be dead until its stream fails; 0 takes
	// DefaultTimeout.
	Patience time.Duration
	lines    *lines // nil: each stream opens its device itself
}

// dialTimeout is how long a connection may take to come about.
const dialTimeout = 10 * time.Second

// Dial returns a stream to the meter. The error is an *Error.
func (n Network) Dial(ctx context.Context, a Address) (io.ReadWriteCloser, error) {
	if a.Transport != TCP {
		return n.dialModbus(ctx, a)
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", a.hostPort())
	if err != nil {
		return nil, cannotConnect(err)
	}
	return conn, nil
}

func (a Address) hostPort() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

func cannotConnect(err error) *Error {
	e := NewError(CodeCannotConnect, "%v", err)
	e.Err = err
	return e
}

// dialModbus begins a session of ION over Modbus. Where there is no connection or device at all,
// that is told at once; later ones are waited for.
func (n Network) dialModbus(ctx context.Context, a Address) (io.ReadWriteCloser, error) {
	var number [4]byte
	if _, err := rand.Read(number[:]); err != nil {
		return nil, err
	}
	o := ionmodbus.StreamOptions{Session: binary.BigEndian.Uint32(number[:]), Patience: n.Patience}
	if o.Patience == 0 {
		o.Patience = DefaultTimeout
	}
	var carrier ionmodbus.Carrier
	var open *opener
	switch a.Transport {
	case ModbusTCP:
		c := &modbusTCP{opener: opener{dial: dialSocket(a)}, unit: byte(a.Unit)}
		carrier, open = c, &c.opener
	case ModbusRTU:
		c := &modbusRTU{opener: opener{dial: dialSocket(a)}, unit: byte(a.Unit)}
		carrier, open = c, &c.opener
	case SerialLine:
		shared := n.lines
		if shared == nil {
			shared = &lines{}
		}
		c := &modbusRTU{opener: opener{dial: shared.use(a)}, unit: byte(a.Unit), gap: modbus.FrameSilence(a.Baud), stays: true}
		carrier, open = c, &c.opener
		o.PerByte = a.perByte()
	}
	if _, err := open.now(ctx); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		open.Close()
		return nil, cannotConnect(err)
	}
	stream, err := ionmodbus.Dial(ctx, carrier, o)
	switch {
	case err == nil:
		return &through{stream, open}, nil
	case errors.Is(err, ionmodbus.ErrNotSupported):
		e := NewError(CodeNotAMeter, "%v", err).with("check host, port and unit; a meter answers function 70 unless its firmware is too old for ION over Modbus")
		e.Err = err
		return nil, e
	case ctx.Err() != nil:
		return nil, err
	}
	e := cannotConnect(err).with("check the unit (on lines and in RTU frames only the meter's own answers), that Ethernet/Enable Modbus TCP is on, and that gateways between pass function 70 (docs/ion-over-modbus.md)")
	return nil, e
}

// perByte is what a byte takes on a serial line.
func (a Address) perByte() time.Duration {
	bits := 10 // start, eight of data, stop
	if a.Parity != "N" {
		bits++
	}
	return time.Duration(bits) * time.Second / time.Duration(max(1, a.Baud))
}

// through is a stream through Modbus.
type through struct {
	*ionmodbus.Stream
	open *opener
}

// LocalAddr is the address from which the device is asked; nil on a line, and without a
// connection.
func (t *through) LocalAddr() net.Addr {
	if s, ok := t.open.present().(socket); ok {
		return s.LocalAddr()
	}
	return nil
}
