package ion

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Record is one record of a log, the list of a Log output: what a recorder's sources held at one instant.
type Record struct {
	Log      Handle // the recorder
	Sequence uint64 // from 1, in order; a number is never given twice
	Time     time.Time
	Body     []byte // the cells, as AppendCell writes them
}

// Kinds of cells.
const (
	cellNotAvailable byte = iota
	cellNumber            // followed by the number, IEEE 754, big-endian
	cellOff
	cellOn
)

// AppendCell appends a value to the body of a record: a number or a Boolean, or that it
// is NOT AVAILABLE.
func AppendCell(body []byte, v Value) []byte {
	switch {
	case !v.Available:
		return append(body, cellNotAvailable)
	case v.Class == Boolean && v.Number != 0:
		return append(body, cellOn)
	case v.Class == Boolean:
		return append(body, cellOff)
	}
	return binary.BigEndian.AppendUint64(append(body, cellNumber), math.Float64bits(v.Number))
}

// ErrRecord reports a record's body that is none.
var ErrRecord = errors.New("the body of the record is damaged")

// Cells returns the values of a record's body.
func Cells(body []byte) ([]Value, error) {
	var cells []Value
	for len(body) > 0 {
		kind := body[0]
		body = body[1:]
		switch kind {
		case cellNotAvailable:
			cells = append(cells, Value{})
		case cellOff, cellOn:
			cells = append(cells, Value{Class: Boolean, Available: true, Number: float64(kind - cellOff)})
		case cellNumber:
			if len(body) < 8 {
				return nil, fmt.Errorf("%w: a number of %d bytes", ErrRecord, len(body))
			}
			x := math.Float64frombits(binary.BigEndian.Uint64(body))
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("%w: a number that is none", ErrRecord)
			}
			cells = append(cells, Value{Class: Numeric, Available: true, Number: x})
			body = body[8:]
		default:
			return nil, fmt.Errorf("%w: a cell of kind %d", ErrRecord, kind)
		}
	}
	return cells, nil
}

// Record adds a record to the module's log and returns its number. The body is the
// log's from now on.
func (c *Context) Record(at time.Time, body []byte) (sequence uint64) {
	n, log := c.node, c.module.handle
	sequence = n.nextRecord(log)
	n.records[log] = sequence + 1
	n.changes.Records = append(n.changes.Records, Record{log, sequence, at.UTC(), body})
	return sequence
}

// NextRecord is the number that the next record of the module's log will get, from 1.
func (c *Context) NextRecord() uint64 { return c.node.nextRecord(c.module.handle) }

// nextRecord also knows the logs of recorders that were deleted: one made anew under the
// same handle goes on with their numbers.
func (n *Node) nextRecord(log Handle) uint64 { return max(1, n.records[log]) }

// TrimLog drops the records of the module's log with numbers below first.
func (c *Context) TrimLog(first uint64) { c.node.changes.LogTrim[c.module.handle] = first }

// HeadLog says what the columns of the module's log are.
func (c *Context) HeadLog(header string) { c.node.changes.LogHeader[c.module.handle] = header }

// SourceLabel returns the label of the register that an input is linked to, empty if it
// is not linked.
func (c *Context) SourceLabel(input int) string {
	s := c.module.links[input]
	if !s.linked() {
		return ""
	}
	return s.module.label + "/" + s.module.typ.registerName(s.register)
}

// SetLogged makes a Log output show how many records its log has.
func (c *Context) SetLogged(output int, records uint64) {
	c.set(output, Value{Available: true, Number: float64(records)})
}

// logs reports whether modules of the type have a log.
func (t *Type) logs() bool {
	return slices.ContainsFunc(t.Outputs, func(o Output) bool { return o.Class == Log })
}

// dropLog forgets a log whose recorder is gone.
func (ch *Changes) dropLog(h Handle) {
	ch.Records = slices.DeleteFunc(ch.Records, func(r Record) bool { return r.Log == h })
	delete(ch.LogTrim, h)
	delete(ch.LogHeader, h)
	ch.LogDrop = append(ch.LogDrop, h)
}
