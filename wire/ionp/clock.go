package ionp

import "math"

// ClockRequest asks for the clock.
type ClockRequest struct{}

// ClockReply is the clock.
type ClockReply struct {
	// Time is in ns since 1970 UTC.
	Time int64 `cbor:"1,keyasint"`
	// OffsetSeconds is local time less UTC, daylight saving time included.
	OffsetSeconds int32 `cbor:"2,keyasint,omitempty"`
	// DST is set in daylight saving time.
	DST bool `cbor:"3,keyasint,omitempty"`
	// Source is what the clock follows.
	Source string `cbor:"4,keyasint,omitempty"`
}

// ClockSetRequest sets the clock.
type ClockSetRequest struct {
	// Time is in ns since 1970 UTC.
	Time int64 `cbor:"1,keyasint,omitempty"`
}

func (r *ClockSetRequest) check() error { return number("time", r.Time, 1, math.MaxInt64) }

// ClockSetReply says that the clock is set.
type ClockSetReply struct{}

// ResetRequest resets what was accumulated.
type ResetRequest struct {
	// Name is one of the resets; empty to list them.
	Name string `cbor:"1,keyasint,omitempty"`
}

func (r *ResetRequest) check() error { return text("reset", r.Name, MaxName) }

// ResetReply lists the resets where none was named.
type ResetReply struct {
	Names []string `cbor:"1,keyasint,omitempty"`
}
