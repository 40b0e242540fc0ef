//go:build linux

package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// characterBits are those of a character on the line.
const characterBits = 11

// units are the devices on the line, which all hear every request.
type units struct {
	line io.ReadWriter
	plan plan
	// heard and answered count requests; those of dead units are heard only.
	heard, answered atomic.Int64
}

// word is what a register of a unit holds: no two answers of one length are alike.
func word(unit byte, address int) uint16 {
	h := uint32(unit)*2654435761 + uint32(address)*40503
	return uint16(h>>16) ^ uint16(h)
}

// took is how long characters take on the line.
func (p plan) took(characters int) time.Duration {
	if p.baud == 0 {
		return 0
	}
	return time.Duration(characters*characterBits) * time.Second / time.Duration(p.baud)
}

// transaction is the least time of a read on the line: request, the silence that ends it, the
// time that the unit takes, answer, and the silence before the next request.
func (p plan) transaction() time.Duration {
	const request = 8
	answer := 5 + 2*p.registers
	return p.took(request+answer) + 2*p.silence() + p.think()
}

// silence ends a frame on the line.
func (p plan) silence() time.Duration {
	if p.baud == 0 {
		return 0
	}
	return modbus.FrameSilence(p.baud)
}

func (p plan) think() time.Duration { return time.Duration(p.thinkMs) * time.Millisecond }

// serve answers requests until the line is closed. Bytes come at once on a pseudo terminal:
// a request has passed after the time that it takes on the wire.
func (u *units) serve() {
	in := make([]byte, 0, 1024)
	for {
		n, err := u.line.Read(in[len(in):cap(in)])
		if err != nil {
			return
		}
		in = in[:len(in)+n]
		for {
			skip, n := modbus.FindRTURequest(in)
			if n == 0 {
				if len(in) == cap(in) {
					in = in[:0]
				}
				in = in[:copy(in, in[skip:])]
				break
			}
			u.answer(in[skip : skip+n])
			in = in[:copy(in, in[skip+n:])]
		}
	}
}

func (u *units) answer(request []byte) {
	unit, pdu, _ := modbus.ParseRTU(request)
	came := time.Now()
	frame := u.pdu(modbus.BeginRTU(nil, unit), unit, pdu)
	if frame == nil {
		return
	}
	frame = modbus.EndRTU(frame, 0)
	// The last byte comes when the answer has passed.
	wait := u.plan.took(len(request)) + u.plan.silence() + u.plan.think() + u.plan.took(len(frame))
	time.Sleep(time.Until(came.Add(wait)))
	if _, err := u.line.Write(frame); err == nil {
		u.answered.Add(1)
	}
}

// pdu appends the answer of a unit; nil where it has none.
func (u *units) pdu(frame []byte, unit byte, request []byte) []byte {
	u.heard.Add(1)
	if int(unit) <= u.plan.dead || int(unit) > u.plan.units {
		return nil
	}
	r, exception := modbus.ParseRequest(request, modbus.FunctionSet(modbus.ReadHoldingRegisters))
	if exception != modbus.None {
		return modbus.AppendException(frame, modbus.Function(request[0]), exception)
	}
	frame = modbus.AppendReadHead(frame, r.Function, r.Quantity)
	for i := range r.Quantity {
		frame = binary.BigEndian.AppendUint16(frame, word(unit, r.Address+i))
	}
	return frame
}

// serveTCP answers as a TCP device with the units behind it, until l is closed.
func (u *units) serveTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go u.converse(conn)
	}
}

func (u *units) converse(conn net.Conn) {
	defer conn.Close()
	in := make([]byte, modbus.MaxFrame)
	for {
		if _, err := io.ReadFull(conn, in[:modbus.HeaderLength]); err != nil {
			return
		}
		n, err := modbus.FrameLength(in[:modbus.HeaderLength])
		if err != nil {
			return
		}
		if _, err := io.ReadFull(conn, in[modbus.HeaderLength:n]); err != nil {
			return
		}
		header, request := modbus.ParseHeader(in[:n])
		frame := u.pdu(modbus.BeginFrame(nil, header), header.Unit, request)
		if frame == nil {
			continue
		}
		time.Sleep(u.plan.think())
		modbus.EndFrame(frame, 0)
		if _, err := conn.Write(frame); err != nil {
			return
		}
		u.answered.Add(1)
	}
}
