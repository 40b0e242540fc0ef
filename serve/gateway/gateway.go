// Package gateway passes requests of Modbus TCP on to the devices behind the meter: units on
// a serial line whose master it is, and on TCP devices. Where a unit is, is said by
// registers; who may ask it, by the gate.
package gateway

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/wire/modbus"
	"github.com/hepmeter/hepmeter/wire/routing"
)

const (
	// refused answers what the gate does not let pass: what a refused request to the meter's
	// own map is answered.
	refused = modbus.IllegalDataAddress
	// firstClient is the number of the first client on a bus: the meter's own, which have
	// smaller ones, are others.
	firstClient = 1 << 32
)

// Gateway is that of one meter.
type Gateway struct {
	gate     *access.Gate
	network  *master.Network
	protocol func(port string) string
	clients  atomic.Uint64
	known    atomic.Pointer[routes]
}

// routes is what the registers say under one security.
type routes struct {
	security      *access.Security
	table         *routing.Table
	on, broadcast bool
}

// New returns the gateway of the meter behind gate to the devices of network. Protocol tells
// what a serial port speaks, as its register Protocol has it.
func New(gate *access.Gate, network *master.Network, protocol func(port string) string) *Gateway {
	return &Gateway{gate: gate, network: network, protocol: protocol}
}

// routes returns what the registers say now.
func (g *Gateway) routes() *routes {
	security := g.gate.Security()
	if r := g.known.Load(); r != nil && r.security == security {
		return r
	}
	r := &routes{security: security, table: routing.Read(security.Setting)}
	r.on = r.table.On(g.protocol)
	r.broadcast = r.on && security.Setting(routing.RegisterBroadcast) == "ON"
	g.known.Store(r)
	return r
}

// On reports whether there is a gateway now.
func (g *Gateway) On() bool { return g.routes().on }

// Destination is where a request goes.
type Destination uint8

// The destinations.
const (
	// Meter is the meter itself: unit 255, and every unit while there is no gateway.
	Meter Destination = iota
	// Everyone is the meter and every unit of the line: a broadcast that is passed on.
	Everyone
	// Downstream is a unit behind the gateway, whether there is such a one or not: nobody is
	// to take the meter's values for those of another unit.
	Downstream
	// Nowhere is a unit that the specification reserves; it is answered with
	// modbus.GatewayPathUnavailable.
	Nowhere
)

// meterUnit is the meter's own while there is a gateway (ION9000 manual, Modbus Ethernet
// gateway).
const meterUnit = 255

// Of returns where a request to a unit goes.
func (g *Gateway) Of(unit byte) Destination {
	r := g.routes()
	switch {
	case !r.on, unit == meterUnit:
		return Meter
	case unit == 0 && r.broadcast:
		return Everyone
	case unit == 0:
		return Meter
	case unit <= routing.MaxUnit:
		return Downstream
	}
	return Nowhere
}

// Client is a connection that asks through the gateway. It has one request under way at a
// time.
type Client struct {
	gateway *Gateway
	session *access.Session
	number  uint64
}

// Client returns the client of a session.
func (g *Gateway) Client(session *access.Session) *Client {
	return &Client{g, session, firstClient + g.clients.Add(1)}
}

// Begin has the gate decide and then the unit asked, and never blocks. Done is called once
// with the PDU of the answer, which is valid until it returns, or with the exception that
// stands for it; perhaps before Begin returns, otherwise on another goroutine, and must not
// block. Leave drops a request that has not been sent yet.
func (c *Client) Begin(unit byte, pdu []byte, done func(answer []byte, e modbus.Exception)) (leave func()) {
	nothing := func() {}
	sent, err := c.session.Downstream(unit, pdu[0], reads(pdu))
	if err != nil {
		done(nil, exceptionOf(err))
		return nothing
	}
	bus, there := c.bus(unit)
	if bus == nil {
		tell(sent, nil, master.ErrNoPath)
		done(nil, exceptionOf(master.ErrNoPath))
		return nothing
	}
	bus.Begin(master.Question{Client: c.number, Unit: there, PDU: pdu, Done: func(answer []byte, err error) {
		tell(sent, answer, err)
		done(answer, exceptionOf(err))
	}})
	return func() { bus.Leave(c.number) }
}

// bus returns the bus that a unit is on, and what it is called there; nil where there is no
// way to it.
func (c *Client) bus(unit byte) (*master.Bus, byte) {
	place := c.gateway.routes().table.Of(unit)
	switch {
	case place.Nowhere():
		return nil, 0
	case place.Address != "":
		return c.gateway.network.TCP(place.Address), place.Unit
	}
	return c.gateway.network.Line(place.Line), place.Unit
}

// Broadcast has the gate decide and then every unit of the line told. What only reads is
// not passed on: nobody could answer.
func (c *Client) Broadcast(pdu []byte) {
	line := c.gateway.routes().table.Line
	if line == "" || reads(pdu) {
		return
	}
	sent, err := c.session.Downstream(0, pdu[0], false)
	if err != nil {
		return // it is recorded, and a broadcast has no answer
	}
	c.gateway.network.Line(line).Begin(master.Question{Client: c.number, Unit: 0, PDU: pdu, Done: func(_ []byte, err error) { sent(err) }})
}

// tell has recorded what came of a write; sent is nil where there was none.
func tell(sent func(error), answer []byte, err error) {
	if sent == nil {
		return
	}
	if err == nil && len(answer) == 2 && answer[0]&0x80 != 0 {
		err = modbus.Exception(answer[1])
	}
	sent(err)
}

// exceptionOf is what stands for an error on the wire.
func exceptionOf(err error) modbus.Exception {
	var refusal *access.Refusal
	switch {
	case err == nil:
		return modbus.None
	case errors.As(err, &refusal):
		return refused
	case errors.Is(err, master.ErrCrowded):
		return modbus.ServerDeviceBusy
	case errors.Is(err, master.ErrQuestion):
		return modbus.IllegalDataValue
	}
	// No line and no answer are the same to who bills by silence (DESIGN 7).
	return modbus.GatewayTargetNoResponse
}

// reads reports whether a request only reads at the unit, as the address list of a PM5500
// has it (communications.md 3.1); all others write, user-defined ones among them. Not all
// that Diagnostics and Encapsulated Interface carry only reads.
func reads(pdu []byte) bool {
	switch pdu[0] {
	case 1, 2, 3, 4, 7, 11, 12, 17, 20, 24, 100:
		return true
	case 8: // Diagnostics: all but restart, listen only and clearing of counters
		if len(pdu) < 3 {
			return false
		}
		switch sub := int(pdu[1])<<8 | int(pdu[2]); sub {
		case 0, 2, 11, 12, 13, 14, 15, 16, 17, 18:
			return true
		}
		return false
	case 43: // Encapsulated Interface: device identification alone
		return len(pdu) > 1 && pdu[1] == 14
	}
	return false
}

// String is the destination in words.
func (d Destination) String() string {
	words := [...]string{"meter", "everyone", "downstream", "nowhere"}
	if int(d) >= len(words) {
		return fmt.Sprintf("destination %d", d)
	}
	return words[d]
}
