package ionp

// SubscribeRequest asks for notices of registers; they carry the id of this request.
type SubscribeRequest struct {
	// Labels are those of the registers.
	Labels []string `cbor:"1,keyasint,omitempty"`
	// IntervalMS is the least time between two notices, in ms.
	IntervalMS uint32 `cbor:"2,keyasint,omitempty"`
	// ChangesOnly leaves out registers whose value did not change.
	ChangesOnly bool `cbor:"3,keyasint,omitempty"`
}

func (r *SubscribeRequest) check() error {
	return first(labels(r.Labels), number("interval", r.IntervalMS, MinInterval, MaxInterval))
}

// SubscribeReply says that notices follow.
type SubscribeReply struct{}

// UnsubscribeRequest ends a subscription.
type UnsubscribeRequest struct {
	// ID is that of the subscribe request.
	ID uint32 `cbor:"1,keyasint,omitempty"`
}

// UnsubscribeReply says that no further notice follows.
type UnsubscribeReply struct{}
