package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
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
// come out.
type handler struct {
	gate   *access.Gate
	layout *registermap.Map
	imager *imager

	requests, exceptions, discarded atomic.Uint64
}

func newHandler(gate *access.Gate, layout *registermap.Map) *handler {
	return &handler{gate: gate, layout: layout, imager: newImager(layout)}
}

// client is one connection's standing: its session, and the view it was given.
type client struct {
	session *access.Session
	view    access.View
	viewed  bool
}

// open starts the session of a connection.
func (h *handler) open(remote string) *client {
	return &client{session: h.gate.Open(access.Connect{Path: access.ModbusMap, Remote: remote})}
}

// largestAnswer is the room that answer must find in out for each frame.
const largestAnswer = modbus.MaxFrame

// serve answers the whole frames at the start of in, as far as out has room for
// answers, appends the answers to out and returns how much of in it has used. The
// error is a modbus.LengthError: nothing after that point can be understood.
func (h *handler) serve(c *client, in, out []byte) (used int, answers []byte, err error) {
	for cap(out)-len(out) >= largestAnswer {
		n, err := modbus.RequestLength(in[used:])
		if err != nil {
			return used, out, err
		}
		if n == 0 || len(in)-used < n {
			break
		}
		out = h.answer(c, in[used:used+n], out)
		used += n
	}
	return used, out, nil
}

// answer appends the answer to one frame.
func (h *handler) answer(c *client, frame, out []byte) []byte {
	header, pdu := modbus.ParseHeader(frame)
	if header.Protocol != 0 {
		// Not Modbus: the specification discards it unanswered. Its length still
		// leads to the next frame.
		h.discarded.Add(1)
		return out
	}
	h.requests.Add(1)
	start := len(out)
	out = modbus.BeginFrame(out, header)
	begin := len(out)
	request, exception := modbus.ParseRequest(pdu, served)
	if exception == modbus.None {
		out, exception = h.execute(c, request, out)
	}
	if exception != modbus.None {
		h.exceptions.Add(1)
		out = modbus.AppendException(out[:begin], modbus.Function(pdu[0]), exception)
	}
	modbus.EndFrame(out, start)
	return out
}

// execute carries out a request whose form is right and appends the answer's PDU.
func (h *handler) execute(c *client, r modbus.Request, out []byte) ([]byte, modbus.Exception) {
	switch r.Function {
	case modbus.ReadHoldingRegisters, modbus.ReadInputRegisters:
		return h.read(c, r, out)
	case modbus.WriteSingleRegister, modbus.WriteMultipleRegisters:
		if e := h.write(c, r.Address, r.Data); e != modbus.None {
			return out, e
		}
		return modbus.AppendWriteResponse(out, r), modbus.None
	case modbus.ReadWriteMultipleRegisters: // writes before it reads
		if e := h.write(c, r.WriteAddress, r.Data); e != modbus.None {
			return out, e
		}
		return h.read(c, r, out)
	case modbus.EncapsulatedInterface:
		return h.identify(c, r.DeviceID, out)
	}
	return out, modbus.IllegalFunction
}

func (h *handler) read(c *client, r modbus.Request, out []byte) ([]byte, modbus.Exception) {
	image, err := h.image(c)
	if err != nil {
		return out, exceptionOf(err)
	}
	out = modbus.AppendReadHead(out, r.Function, r.Quantity)
	return image.appendRegisters(out, r.Address, r.Quantity), modbus.None
}

func (h *handler) identify(c *client, r modbus.DeviceIDRequest, out []byte) ([]byte, modbus.Exception) {
	image, err := h.image(c)
	if err != nil {
		return out, exceptionOf(err)
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

// write asks the gate for the rows that data covers from a wire address.
func (h *handler) write(c *client, address int, data []byte) modbus.Exception {
	return exceptionOf(c.session.Write(h.changes(address, data, h.unmappedOff(c))...))
}

// unmappedOff reports whether the rows that can be written are out of the map. It asks
// for no view: who may only write must leave no refused reading in the audit.
func (h *handler) unmappedOff(c *client) bool {
	shown := h.imager.newest.Load()
	if c.viewed {
		if newest, err := h.imager.current(c.view); err == nil {
			shown = newest
		}
	}
	return shown != nil && shown.unmappedOff
}

// changes turns registers to be written into changes of the quantities behind them.
// Registers that make no whole writable quantity become a change without a label,
// which the gate refuses in its own words; off makes all of them such.
func (h *handler) changes(address int, data []byte, off bool) []access.Change {
	var changes []access.Change
	end := address + len(data)/2
	for at := address; at < end; {
		nowhere := access.Change{Operation: access.WriteSetup, Target: fmt.Sprintf("register %d", at+1)}
		rows := h.layout.Covering(at, 1)
		if len(rows) == 0 || off {
			changes, at = append(changes, nowhere), at+1
			continue
		}
		row := &rows[0]
		next := row.Address() + row.Registers
		if row.Address() != at || next > end {
			changes, at = append(changes, nowhere), min(next, end)
			continue
		}
		change := access.Change{Operation: writeOperation(row), Target: fmt.Sprintf("register %d %s", row.Number, row.Name)}
		if row.Writable() {
			change.Label = row.Target
			change.Value = decode(row, data[2*(at-address):2*(next-address)])
		}
		changes, at = append(changes, change), next
	}
	return changes
}

// writeOperation is what writing a row amounts to.
func writeOperation(row *registermap.Row) access.Operation {
	switch row.Group {
	case "clock":
		return access.SetClock
	case "command":
		return access.ResetDemand
	}
	return access.WriteSetup
}

// decode is the value that registers written to a row stand for. A NOT AVAILABLE pattern,
// and what the row does not take, such as an index beyond the enumeration or a pulse other
// than 1, is a value that is not available.
func decode(row *registermap.Row, data []byte) access.Value {
	var x float64
	switch row.Type {
	case registermap.UINT16:
		n := binary.BigEndian.Uint16(data)
		if n == math.MaxUint16 {
			return access.Value{Kind: access.KindNumber}
		}
		x = float64(n)
	case registermap.UINT32:
		n := binary.BigEndian.Uint32(data)
		if n == math.MaxUint32 {
			return access.Value{Kind: access.KindNumber}
		}
		x = float64(n)
	case registermap.FLOAT32:
		x = float64(math.Float32frombits(binary.BigEndian.Uint32(data)))
	default:
		return access.Value{}
	}
	switch {
	case !row.Takes(x):
		return access.Value{Kind: access.KindNumber}
	case len(row.Enum) > 0:
		return access.Value{Kind: access.KindEnum, Available: true, Number: x, Text: row.Enum[int(x)]}
	}
	return access.Value{Kind: access.KindNumber, Available: true, Number: x}
}

// exceptionOf is the exception that stands for an error. A refusal is exception 2:
// what a meter of this family is seen to answer to a refused write and with a closed
// map (ancestors answered 3 to a write).
func exceptionOf(err error) modbus.Exception {
	var refusal *access.Refusal
	switch {
	case err == nil:
		return modbus.None
	case errors.As(err, &refusal):
		return modbus.IllegalDataAddress
	case errors.Is(err, access.ErrValue):
		return modbus.IllegalDataValue
	}
	return modbus.ServerDeviceFailure
}
