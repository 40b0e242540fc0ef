package modbus

import (
	"strconv"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// UnitRegister is the address of the meter where RTU frames travel in TCP: that of its first
// serial port.
const UnitRegister = "COM1/Unit ID"

// highestUnit is the highest address on a line (Modbus over serial line V1.02, section 2.2).
const highestUnit = 247

// NewRTU returns a server of the register map to all who pass the gate, in RTU frames over
// TCP. As on a line, only the meter's own unit answers, unit 0 is a broadcast, and what is
// broken is met with silence.
func NewRTU(gate *access.Gate, layout *registermap.Map, options Options) *Server {
	options = options.withDefaults()
	// Requests come one at a time here, and few clients do: a loop would gain nothing.
	options.goroutines = true
	own := func() int {
		unit, err := strconv.Atoi(gate.Security().Setting(UnitRegister))
		if err != nil || unit > highestUnit {
			return broadcastUnit // the meter has no address, and answers nobody
		}
		return unit
	}
	h := newHandler(gate, layout, rtu{own})
	h.tunnel = options.Tunnel
	return &Server{handler: h, options: options, enable: "Ethernet/Enable Modbus RTU over TCP", silence: options.Silence}
}

// rtu is the framing of serial lines, also where their frames travel in TCP.
type rtu struct {
	// own is the meter's unit at present, 1 to 247; broadcastUnit while it has none.
	own func() int
}

func (rtu) find(b []byte) (skip, n int, err error) {
	skip, n = modbus.FindRTURequest(b)
	return skip, n, nil
}

func (rtu) parse(frame []byte) (modbus.Header, []byte) {
	unit, pdu, _ := modbus.ParseRTU(frame) // find has looked at the CRC
	return modbus.Header{Unit: unit}, pdu
}

func (r rtu) addressed(h modbus.Header) audience {
	switch int(h.Unit) {
	case broadcastUnit:
		return everyone
	case r.own():
		return us
	}
	return nobody
}

func (rtu) begin(dst []byte, h modbus.Header) []byte { return modbus.BeginRTU(dst, h.Unit) }

func (rtu) end(dst []byte, start int) []byte { return modbus.EndRTU(dst, start) }
