package access

import (
	"errors"
	"fmt"
)

// Code is the stable word for why something was refused. Clients may depend on it.
type Code string

// The codes.
const (
	// CodeNoPermission: the policy does not allow the operation to this session.
	CodeNoPermission Code = "no-permission"
	// CodeNotWritable: the register exists, and nothing can write it.
	CodeNotWritable Code = "not-writable"
)

// Refusal is the gate's no: a code for programs, a reason and a remedy for people.
type Refusal struct {
	Code      Code
	Reason    string
	Remedy    string
	Operation Operation
}

// Error says what was refused, why, and what to do.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s refused (%s): %s; %s", r.Operation, r.Code, r.Reason, r.Remedy)
}

// ErrStale reports that the policy has changed since a View was handed out. Ask the
// session for a new one.
var ErrStale = errors.New("the access policy has changed since this view was given")

// ErrClosed reports use of a Session after Close.
var ErrClosed = errors.New("the session is closed")

// ErrValue reports a value that the register to be written cannot take. A Writer
// wraps it.
var ErrValue = errors.New("the register cannot take this value")
