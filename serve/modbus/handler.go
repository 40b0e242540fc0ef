package modbus

import (
	"errors"
	"sync/atomic"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/gateway"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// served are the functions this server answers. Coils and discrete inputs (1, 2, 5,
// 15) join when the map has such points; until then they answer exception 1.
var served = modbus.FunctionSet(
	modbus.ReadHoldingRegisters,
	modbus.ReadInputRegisters,
	modbus.WriteSingleRegister,
	modbus.WriteMultipleRegisters,
	modbus.ReadWriteMultipleRegisters,
	modbus.EncapsulatedInterface,
)

// handler answers requests. It knows nothing of connections: bytes go in, bytes
// come out. What others must do first it hands back as an errand.
type handler struct {
	gate    *access.Gate
	layout  *registermap.Map
	imager  *imager
	framing framing
	// gateway takes the requests to other units; nil where there is none.
	gateway *gateway.Gateway
	tunnel  Tunnel // nil: that function is not there

	requests, exceptions, discarded atomic.Uint64
}

func newHandler(gate *access.Gate, layout *registermap.Map, f framing) *handler {
	return &handler{gate: gate, layout: layout, imager: newImager(layout), framing: f}
}

// client is one connection's standing: where it comes from, its session, and the view it was
// given.
type client struct {
	from    access.Client
	session *access.Session
	view    access.View
	viewed  bool
	// downstream is the connection at the gateway; nil where there is none.
	downstream *gateway.Client
}

// open starts the session of a connection. The error is an *access.Refusal where there
// are too many. end closes the connection; it is called from other goroutines, and must
// not wait.
func (h *handler) open(medium access.Medium, remote string, end func()) (*client, error) {
	through := h.gateway != nil && h.gateway.On()
	from := access.Client{Path: access.ModbusMap, Medium: medium, Remote: remote, End: end, Gateway: through}
	session, err := h.gate.Open(from)
	if err != nil {
		return nil, err
	}
	c := &client{from: from, session: session}
	if h.gateway != nil {
		c.downstream = h.gateway.Client(session)
	}
	return c, nil
}

// largestAnswer is the room that answer must find in out for each frame.
const largestAnswer = modbus.MaxFrame

// serve answers the whole frames at the start of in, as far as out has room for
// answers, appends the answers to out and returns how much of in it has used. It stops
// behind a frame that has an errand: due is then to be begun and finished before the next
// frame's turn. The error is a modbus.LengthError: nothing after that point can be
// understood.
func (h *handler) serve(c *client, in, out []byte) (used int, answers []byte, due errand, err error) {
	for due == nil && cap(out)-len(out) >= largestAnswer {
		skip, n, err := h.framing.find(in[used:])
		if err != nil {
			return used, out, nil, err
		}
		if skip > 0 {
			h.discarded.Add(1)
			used += skip
		}
		if n == 0 {
			break
		}
		out, due = h.answer(c, in[used:used+n], out)
		used += n
	}
	return used, out, due, nil
}

// answer appends the answer to one frame, or returns what is due first.
func (h *handler) answer(c *client, frame, out []byte) (answered []byte, due errand) {
	header, pdu := h.framing.parse(frame)
	calls := h.framing.addressed(header)
	if calls == nobody {
		h.discarded.Add(1)
		return out, nil
	}
	h.requests.Add(1)
	if h.gateway != nil {
		switch h.gateway.Of(header.Unit) {
		case gateway.Downstream:
			return out, h.passing(header, pdu)
		case gateway.Nowhere:
			return h.refuse(header, pdu, modbus.GatewayPathUnavailable, out), nil
		case gateway.Everyone:
			c.downstream.Broadcast(pdu)
		}
	}
	if h.tunnel != nil && calls == us && modbus.Function(pdu[0]) == tunnelFunction {
		return h.carry(c, header, pdu, out), nil
	}
	request, exception := modbus.ParseRequest(pdu, served)
	if calls == everyone {
		if exception != modbus.None || !onlyWrites(request.Function) {
			h.discarded.Add(1) // there is nobody to answer
			return out, nil
		}
		return out, h.writing(c, header, request)
	}
	start := len(out)
	out = h.framing.begin(out, header)
	begin := len(out)
	if exception == modbus.None {
		if writes(request.Function) {
			return out[:start], h.writing(c, header, request)
		}
		out, exception = h.execute(c, request, out)
	}
	if exception != modbus.None {
		out = h.except(out[:begin], modbus.Function(pdu[0]), exception)
	}
	return h.framing.end(out, start), nil
}

// refuse appends an answer that is an exception.
func (h *handler) refuse(header modbus.Header, pdu []byte, e modbus.Exception, out []byte) []byte {
	start := len(out)
	out = h.except(h.framing.begin(out, header), modbus.Function(pdu[0]), e)
	return h.framing.end(out, start)
}

// except appends an exception response.
func (h *handler) except(out []byte, f modbus.Function, e modbus.Exception) []byte {
	h.exceptions.Add(1)
	return modbus.AppendException(out, f, e)
}

// execute carries out a request that only reads, and appends the answer's PDU.
func (h *handler) execute(c *client, r modbus.Request, out []byte) ([]byte, modbus.Exception) {
	switch r.Function {
	case modbus.ReadHoldingRegisters, modbus.ReadInputRegisters, modbus.ReadWriteMultipleRegisters:
		return h.read(c, r, out)
	case modbus.EncapsulatedInterface:
		return h.identify(c, r.DeviceID, out)
	}
	return out, modbus.IllegalFunction
}

func (h *handler) read(c *client, r modbus.Request, out []byte) ([]byte, modbus.Exception) {
	image, err := h.image(c)
	if err != nil {
		return out, exceptionOf(err, closedMap)
	}
	out = modbus.AppendReadHead(out, r.Function, r.Quantity)
	return image.appendRegisters(out, r.Address, r.Quantity), modbus.None
}

func (h *handler) identify(c *client, r modbus.DeviceIDRequest, out []byte) ([]byte, modbus.Exception) {
	image, err := h.image(c)
	if err != nil {
		return out, exceptionOf(err, closedMap)
	}
	return modbus.AppendDeviceID(out, r, image.identification)
}

// image returns the newest image through the client's view, asking the gate for a
// view where the client has none that is still good.
func (h *handler) image(c *client) (*image, error) {
	if c.viewed {
		image, err := h.imager.current(c.view)
		if !errors.Is(err, access.ErrStale) {
			return image, err
		}
	}
	if err := h.look(c); err != nil {
		return nil, err
	}
	return h.imager.current(c.view)
}

func (h *handler) look(c *client) error {
	view, err := c.session.Registers(access.Readings)
	c.view, c.viewed = view, err == nil
	return err
}
