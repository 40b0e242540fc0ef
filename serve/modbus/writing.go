package modbus

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// broadcastUnit is the unit that every device on a line obeys.
const broadcastUnit = 0

// writing is the errand of a request that changes the meter. It is carried out on a
// goroutine that may wait for the disk.
type writing struct {
	header  modbus.Header
	request modbus.Request
	changes []access.Change
	err     error // of carrying it out
}

// writes reports whether a function changes anything, onlyWrites whether it reads nothing:
// only then can it be broadcast.
func writes(f modbus.Function) bool {
	return onlyWrites(f) || f == modbus.ReadWriteMultipleRegisters
}

func onlyWrites(f modbus.Function) bool {
	return f == modbus.WriteSingleRegister || f == modbus.WriteMultipleRegisters
}

// writing takes a request out of the buffer it came in.
func (h *handler) writing(c *client, header modbus.Header, r modbus.Request) *writing {
	r.Data = bytes.Clone(r.Data)
	address := r.Address
	if r.Function == modbus.ReadWriteMultipleRegisters {
		address = r.WriteAddress
	}
	return &writing{header: header, request: r, changes: h.changes(c, header.Unit, address, r.Data)}
}

// carryOut has the gate decide and the meter do what w asks for, all of it or nothing. It
// returns when that is durable, or when ctx is done: then it may still happen.
func (c *client) carryOut(ctx context.Context, w *writing) {
	if w.err = ctx.Err(); w.err == nil {
		w.err = c.session.Change(ctx, w.changes, false)
	}
}

func (w *writing) begin(c *client, all *writers, done func()) { all.begin(c, w, done) }

// abandon gives nothing up: who has gone wanted it all the same.
func (*writing) abandon() bool { return false }

// finish appends the answer to what was carried out. A broadcast has none.
func (w *writing) finish(h *handler, c *client, out []byte) []byte {
	if h.framing.addressed(w.header) == everyone {
		return out
	}
	start := len(out)
	out = h.framing.begin(out, w.header)
	begin := len(out)
	exception := exceptionOf(w.err, refusedWrite)
	switch {
	case exception != modbus.None:
	case w.request.Function == modbus.ReadWriteMultipleRegisters: // writes before it reads
		out, exception = h.execute(c, w.request, out)
	default:
		out = modbus.AppendWriteResponse(out, w.request)
	}
	if exception != modbus.None {
		out = h.except(out[:begin], w.request.Function, exception)
	}
	return h.framing.end(out, start)
}

// changes turns registers to be written from a wire address into changes of what stands
// behind them. Where some of them are no whole row that can be written, nothing is, and
// the change is one that says so.
func (h *handler) changes(c *client, unit byte, address int, data []byte) []access.Change {
	end := address + len(data)/2
	rows := h.layout.Covering(address, end-address)
	if unit == broadcastUnit && len(rows) == 1 && rows[0].Write == registermap.WriteClock && rows[0].Address() == address && rows[0].Registers == end-address {
		// Who sets all clocks of a line writes this row alone. Whether it is obeyed has a
		// register of its own, and what the map shows and takes does not matter.
		change := changeOf(&rows[0], data)
		change.Broadcast = true
		return []access.Change{change}
	}
	out := h.outOfMap()
	var changes []access.Change
	at := address
	for at < end {
		if len(rows) > 0 && rows[0].Address() == at && !out && rows[0].Writable() {
			next := at + rows[0].Registers
			if next > end {
				break
			}
			changes = append(changes, changeOf(&rows[0], data[2*(at-address):2*(next-address)]))
			at, rows = next, rows[1:]
			continue
		}
		input, ok := h.input(c, at, data[2*(at-address):2*(at-address)+2])
		if !ok {
			break
		}
		changes = append(changes, input)
		at++
		for len(rows) > 0 && rows[0].Address() < at {
			rows = rows[1:] // one that is out of the map
		}
	}
	if at < end {
		return []access.Change{h.unwritable(at)}
	}
	return changes
}

// input is what writing the register at a wire address amounts to where a Modbus Slave module
// has it.
func (h *handler) input(c *client, at int, data []byte) (access.Change, bool) {
	image, err := h.image(c)
	if err != nil {
		return access.Change{}, false // who may not look finds nothing
	}
	return image.input(at, data)
}

// outOfMap reports whether the rows that can be written are out of the map: no Data
// Mapping feeds them, and the first one's switch takes out all such.
func (h *handler) outOfMap() bool {
	register := h.imager.unmappedSwitch()
	return register != "" && !h.gate.Enabled(register)
}

// unwritable is what stands for a register, at a wire address, that belongs to no whole
// row that can be written. The gate refuses it.
func (h *handler) unwritable(at int) access.Change {
	target := fmt.Sprintf("register %d", at+1)
	if rows := h.layout.Covering(at, 1); len(rows) > 0 {
		target = nameOf(&rows[0])
	}
	return access.Change{Target: target, Fault: access.NewRefusal(access.CodeNotWritable, target+" is no whole quantity that can be written")}
}

// nameOf is a row in audit records.
func nameOf(row *registermap.Row) string { return fmt.Sprintf("register %d %s", row.Number, row.Name) }

// changeOf is what writing data to a row amounts to.
func changeOf(row *registermap.Row, data []byte) access.Change {
	target := nameOf(row)
	change := access.Change{Object: row.Target, Target: target}
	x, ok := decode(row, data)
	if !ok {
		change.Fault = fmt.Errorf("%s: % X: %w", target, data, access.ErrValue)
	}
	value := access.Value{Kind: access.KindNumber, Available: ok, Number: x}
	switch row.Write {
	case registermap.WriteSetup:
		change.Kind = access.Set
		if ok && len(row.Enum) > 0 {
			value.Kind, value.Text = access.KindEnum, row.Enum[int(x)]
		}
		change.Value = value
	case registermap.WriteNumber:
		change.Kind, change.Value = access.Write, value
	case registermap.WriteSwitch:
		value.Kind = access.KindBoolean
		change.Kind, change.Value = access.Write, value
	case registermap.WritePulse:
		change.Kind = access.Pulse
	case registermap.WriteClock:
		change.Kind, change.Time = access.SetTime, time.Unix(int64(x), 0).UTC()
	}
	return change
}

// decode is the number that registers written to a row stand for. Not ok is a NOT
// AVAILABLE pattern, and what the row does not take, such as an index beyond the
// enumeration or a pulse other than 1.
func decode(row *registermap.Row, data []byte) (x float64, ok bool) {
	x, ok = row.Type.Number(data)
	if !ok || !row.Takes(x) {
		return 0, false
	}
	return x, true
}
