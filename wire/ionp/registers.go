package ionp

import "fmt"

// ReadRequest asks for the values of registers, from one snapshot.
type ReadRequest struct {
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
	Time     int64     `cbor:"2,keyasint"`
	Readings []Reading `cbor:"3,keyasint,omitempty"`
}

// WriteRequest writes registers: all of them or none.
type WriteRequest struct {
	Changes []Change `cbor:"1,keyasint,omitempty"`
}

// Change is one register to be written, by exactly one of Text and Value.
type Change struct {
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
	Written uint32 `cbor:"1,keyasint"`
}

// PulseRequest pulses a trigger register.
type PulseRequest struct {
	Label string `cbor:"1,keyasint,omitempty"`
}

func (r *PulseRequest) check() error { return required("label", r.Label, MaxLabel) }

// PulseReply says that the pulse was given.
type PulseReply struct{}
