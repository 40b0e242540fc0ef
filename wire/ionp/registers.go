package ionp

import (
	"fmt"
	"math"
)

// ReadRequest asks for the values of registers, from one snapshot.
type ReadRequest struct {
	// Labels are those of the registers, 1,000 at most.
	Labels []string `cbor:"1,keyasint,omitempty"`
}

func (r *ReadRequest) check() error { return labels(r.Labels) }

// labels holds the registers of a request against their bounds.
func labels(l []string) error {
	if len(l) == 0 {
		return fmt.Errorf("labels are missing")
	}
	return texts("label", l, MaxLabels, MaxLabel)
}

// ReadReply is the values in the order of the request.
type ReadReply struct {
	// Sequence is the number of the meter's snapshot; it grows by one a second.
	Sequence uint64 `cbor:"1,keyasint"`
	// Time is when the snapshot was made, in ns since 1970 UTC.
	Time int64 `cbor:"2,keyasint"`
	// Readings are the values in the order of the labels.
	Readings []Reading `cbor:"3,keyasint,omitempty"`
}

// WriteRequest writes registers: all of them or none.
type WriteRequest struct {
	// Changes are the registers and their new values.
	Changes []Change `cbor:"1,keyasint,omitempty"`
}

// Change is one register to be written, by exactly one of Text and Value.
type Change struct {
	// Label is that of a setup register, or of an output that can be written.
	Label string `cbor:"1,keyasint,omitempty"`
	// Text is the new value as a person writes it.
	Text *string `cbor:"2,keyasint,omitempty"`
	// Value is the new value by kind.
	Value *Value `cbor:"3,keyasint,omitempty"`
}

func (r *WriteRequest) check() error {
	if len(r.Changes) == 0 {
		return fmt.Errorf("changes are missing")
	}
	if err := list("change list", len(r.Changes), MaxLabels); err != nil {
		return err
	}
	for i := range r.Changes {
		if err := r.Changes[i].check(); err != nil {
			return fmt.Errorf("change %d: %w", i+1, err)
		}
	}
	return nil
}

func (c *Change) check() error {
	if err := required("label", c.Label, MaxLabel); err != nil {
		return err
	}
	if (c.Text == nil) == (c.Value == nil) {
		return fmt.Errorf("want either a text or a value")
	}
	if c.Text != nil {
		return text("text", *c.Text, MaxText)
	}
	return c.Value.check()
}

// WriteReply says how many registers were written: all of the request.
type WriteReply struct {
	// Written is how many registers were written.
	Written uint32 `cbor:"1,keyasint"`
}

// PulseRequest pulses a trigger register.
type PulseRequest struct {
	// Label is that of the register.
	Label string `cbor:"1,keyasint,omitempty"`
}

func (r *PulseRequest) check() error { return required("label", r.Label, MaxLabel) }

// PulseReply says that the pulse was given.
type PulseReply struct{}

func (r *ReadRequest) appendTo(dst []byte) ([]byte, bool) {
	if len(r.Labels) == 0 {
		return appendHead(dst, majorMap, 0), true
	}
	dst = appendHead(append(appendHead(dst, majorMap, 1), 1), majorList, uint64(len(r.Labels)))
	for _, l := range r.Labels {
		dst = appendText(dst, l)
	}
	return dst, true
}

func (r *ReadRequest) readFrom(b []byte) bool {
	c, v := cursor{b: b}, ReadRequest{}
	key := 0
	for range c.pairs() {
		if key = c.key(key); key != 1 {
			return false
		}
		v.Labels = make([]string, c.items())
		for i := range v.Labels {
			v.Labels[i] = c.text()
		}
	}
	if !c.ended() {
		return false
	}
	*r = v
	return true
}

func (r *ReadReply) appendTo(dst []byte) ([]byte, bool) {
	dst = appendHead(dst, majorMap, fieldCount(true, true, len(r.Readings) > 0))
	dst = appendHead(append(dst, 1), majorUint, r.Sequence)
	dst = appendInt(append(dst, 2), r.Time)
	return appendReadings(dst, r.Readings)
}

func (r *ReadReply) readFrom(b []byte) bool {
	c, v := cursor{b: b}, ReadReply{}
	key := 0
	for range c.pairs() {
		switch key = c.key(key); key {
		case 1:
			v.Sequence = c.uint(math.MaxUint64)
		case 2:
			v.Time = c.int()
		case 3:
			v.Readings = readReadings(&c)
		default:
			return false
		}
	}
	if !c.ended() {
		return false
	}
	*r = v
	return true
}
