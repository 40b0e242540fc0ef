package access

import "time"

// RecordKind says what a record of the gate tells.
type RecordKind uint8

// The kinds.
const (
	// OperationDone: an allowed operation that changes something was carried out, or Err
	// says why it could not be.
	OperationDone RecordKind = iota
	// OperationRefused: the gate said no; Code says why.
	OperationRefused
	// LoginRight, LoginWrong and LockedOut are about credentials. Repeats of the same
	// wrong pair within the session timeout leave none.
	LoginRight
	LoginWrong
	LockedOut
	// LoginLocked is a login with an account that is locked: the client was told that
	// its credentials are wrong.
	LoginLocked
	// SecurityChanged: an account, a mode, an option; Target and Was, Is tell it.
	SecurityChanged
	// FactoryAccess: opened, used or closed, as Target tells.
	FactoryAccess
	// Returned: security changes that nobody confirmed were taken back.
	Returned
	// SessionClosed: somebody ended another one's session.
	SessionClosed
	// Forwarding: the server that events are sent to, Target, takes none, as Err says, or
	// takes them again. It is of nobody's doing, and has neither path nor remote.
	Forwarding
)

// Record is what the gate notes of a refusal, a change or a login.
type Record struct {
	Kind   RecordKind
	Time   time.Time
	Path   Path
	Medium Medium
	Remote string // network address of the client
	Client string // what it called itself
	// User is the account that acted. Named is false where no name was given, and the
	// account is the one that stands for such requests under LSS.
	User      string
	Named     bool
	Operation Operation
	// Target is what was to be read or changed, in the words of the server.
	Target string
	// Was and Is are the values before and after, where they are known.
	Was, Is string
	Code    Code
	// Err is why an allowed operation failed, nil if it succeeded.
	Err error
	// Mode is the security mode that decided.
	Mode Mode
	// Priority is that of the event where a register says it (logins); 0 is none.
	Priority uint8
}

// Audit receives the gate's records. Record is called on the goroutine of the
// server that asked and must not block: the meter hands records on to its log.
type Audit interface {
	Record(Record)
}
