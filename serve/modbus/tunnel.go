package modbus

import (
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Tunnel answers the requests of ION over Modbus, which have a function code of their own
// (docs/ion-over-modbus.md). The map and what closes it have no part in them (F13).
type Tunnel interface {
	// Answer appends the answer to a request from a client at a time. It never waits. ok is false
	// where the request is damaged.
	Answer(now time.Time, from access.Client, pdu, dst []byte) (answer []byte, ok bool)
}

// tunnelFunction is that of ION over Modbus, one of those that are left to users.
const tunnelFunction = modbus.Function(modbus.TunnelFunction)

// carry answers a request of ION over Modbus at once. What is damaged is answered by exception
// 3, which tells the client sooner than silence to ask again.
func (h *handler) carry(c *client, header modbus.Header, pdu, out []byte) []byte {
	start := len(out)
	out = h.framing.begin(out, header)
	answer, ok := h.tunnel.Answer(time.Now(), c.from, pdu, out)
	if !ok {
		answer = h.except(out, tunnelFunction, modbus.IllegalDataValue)
	}
	return h.framing.end(answer, start)
}
