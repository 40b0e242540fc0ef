package access

import "time"

// Record is what the gate notes of a refusal, a write or a session.
type Record struct {
	Time      time.Time
	Path      Path
	Remote    string // network address of the client
	User      string // empty without a named user
	Operation Operation
	// Target is what was to be read or changed, in the words of the server.
	Target string
	// Allowed is false for a refusal; Code says why then.
	Allowed bool
	Code    Code
	// Err is why an allowed write failed, nil if it succeeded.
	Err error
	// Policy is the policy that decided.
	Policy string
}

// Audit receives the gate's records. Record is called on the goroutine of the
// server that asked and must not block: the meter hands records on to its log.
type Audit interface {
	Record(Record)
}
