package ionp

import "fmt"

// SecurityStatusRequest asks who can do what, and from where.
type SecurityStatusRequest struct{}

// SecurityStatusReply says who can do what, and from where.
type SecurityStatusReply struct {
	// Generation is the security generation in words.
	Generation string `cbor:"1,keyasint,omitempty"`
	// Mode is the security mode in force, one of Modes.
	Mode     string    `cbor:"2,keyasint,omitempty"`
	Modes    []string  `cbor:"3,keyasint,omitempty"`
	Accounts []Account `cbor:"4,keyasint,omitempty"`
	You      You       `cbor:"5,keyasint"`
	Lockouts []Lockout `cbor:"6,keyasint,omitempty"`
	// Options are the security registers, label to value in text form.
	Options     map[string]string `cbor:"7,keyasint,omitempty"`
	Exposure    []Exposure        `cbor:"8,keyasint,omitempty"`
	Provisional ProvisionalStatus `cbor:"9,keyasint"`
	Factory     FactoryStatus     `cbor:"10,keyasint"`
}

// Account is an account, without its password.
type Account struct {
	Number uint32 `cbor:"1,keyasint"`
	Name   string `cbor:"2,keyasint,omitempty"`
	// Permissions are the boxes that are ticked.
	Permissions []string `cbor:"3,keyasint,omitempty"`
	// Effective are the permissions in force: ticked or implied by one that is.
	Effective   []string `cbor:"4,keyasint,omitempty"`
	HasPassword bool     `cbor:"5,keyasint,omitempty"`
	// PasswordKind is "numeric" or "other".
	PasswordKind string `cbor:"6,keyasint,omitempty"`
	// You is set for the account of this request.
	You bool `cbor:"7,keyasint,omitempty"`
}

// You is whom the meter takes the client for.
type You struct {
	// User is whose permissions the request has.
	User string `cbor:"1,keyasint,omitempty"`
	// Named is set where the request carried a user name.
	Named bool `cbor:"2,keyasint,omitempty"`
	// Kind is the kind of credential, as in LedgerEntry.
	Kind string `cbor:"3,keyasint,omitempty"`
}

// Lockout is a count of wrong logins.
type Lockout struct {
	User string `cbor:"1,keyasint,omitempty"`
	Path string `cbor:"2,keyasint,omitempty"`
	// Connection is the client that is counted, where the path tells clients apart.
	Connection string `cbor:"3,keyasint,omitempty"`
	Attempts   uint32 `cbor:"4,keyasint,omitempty"`
	Locked     bool   `cbor:"5,keyasint,omitempty"`
	// RemainingSeconds is how long it stays locked.
	RemainingSeconds uint64 `cbor:"6,keyasint,omitempty"`
}

// Exposure is what a path allows to whom.
type Exposure struct {
	Path    string `cbor:"1,keyasint"`
	Enabled bool   `cbor:"2,keyasint,omitempty"`
	// Anonymous, PasswordOnly and Named say what a client with such a credential can do.
	Anonymous    string `cbor:"3,keyasint,omitempty"`
	PasswordOnly string `cbor:"4,keyasint,omitempty"`
	Named        string `cbor:"5,keyasint,omitempty"`
	Note         string `cbor:"6,keyasint,omitempty"`
}

// ProvisionalStatus is a security change that is not confirmed yet.
type ProvisionalStatus struct {
	Active           bool   `cbor:"1,keyasint,omitempty"`
	RemainingSeconds uint64 `cbor:"2,keyasint,omitempty"`
	// By is the user who began it.
	By string `cbor:"3,keyasint,omitempty"`
}

// FactoryStatus is whether factory access is open.
type FactoryStatus struct {
	Open             bool   `cbor:"1,keyasint,omitempty"`
	RemainingSeconds uint64 `cbor:"2,keyasint,omitempty"`
}

// SecuritySetRequest writes security registers: all of them or none.
type SecuritySetRequest struct {
	// Options are label to value in text form.
	Options map[string]string `cbor:"1,keyasint,omitempty"`
}

func (r *SecuritySetRequest) check() error {
	if len(r.Options) == 0 {
		return fmt.Errorf("options are missing")
	}
	return pairs("option", r.Options, MaxOptions, MaxLabel, MaxText)
}

// SecuritySetReply says how many registers were written: all of the request.
type SecuritySetReply struct {
	Written uint32 `cbor:"1,keyasint"`
}

// ProvisionalBeginRequest makes the security changes that follow provisional: without a
// confirmation in time the meter goes back to the state before.
type ProvisionalBeginRequest struct {
	// WithinSeconds is how long to wait for the confirmation.
	WithinSeconds uint32 `cbor:"1,keyasint,omitempty"`
}

func (r *ProvisionalBeginRequest) check() error {
	return number("seconds", r.WithinSeconds, 1, MaxDuration)
}

// ProvisionalBeginReply says until when a confirmation is in time.
type ProvisionalBeginReply struct {
	// Deadline is in ns since 1970 UTC.
	Deadline int64 `cbor:"1,keyasint"`
}

// PendingRequest asks whether changes wait for their confirmation: of security, or such
// as might cut their author off.
type PendingRequest struct{}

// PendingReply says what waits, and for how long.
type PendingReply struct {
	Active           bool   `cbor:"1,keyasint,omitempty"`
	RemainingSeconds uint64 `cbor:"2,keyasint,omitempty"`
	// By is the user who began it, What is in words what was changed: registers by their
	// labels, "security", "certificate".
	By   string `cbor:"3,keyasint,omitempty"`
	What string `cbor:"4,keyasint,omitempty"`
}

// ProvisionalConfirmRequest keeps what was changed.
type ProvisionalConfirmRequest struct{}

// ProvisionalConfirmReply says that what was changed is kept.
type ProvisionalConfirmReply struct{}

// ProvisionalCancelRequest takes back at once what was changed.
type ProvisionalCancelRequest struct{}

// ProvisionalCancelReply says that the meter is in the state before.
type ProvisionalCancelReply struct{}

// SecurityExportRequest asks for the security setup as a file to review.
type SecurityExportRequest struct {
	// Verifiers asks for the password verifiers too, which are no passwords but can be
	// guessed against: for a backup.
	Verifiers bool `cbor:"1,keyasint,omitempty"`
}

// SecurityExportReply is the security file.
type SecurityExportReply struct {
	Text string `cbor:"1,keyasint"`
}

// SecurityApplyRequest makes the security setup that of a file: all of it or nothing.
type SecurityApplyRequest struct {
	Text string `cbor:"1,keyasint,omitempty"`
	// Passwords are those of accounts for which the file has no verifier, by user name.
	Passwords map[string]Secret `cbor:"2,keyasint,omitempty"`
	// DryRun lists the changes and makes none.
	DryRun bool `cbor:"3,keyasint,omitempty"`
}

func (r *SecurityApplyRequest) check() error {
	return first(required("security file", r.Text, MaxDocument), pairs("password", r.Passwords, MaxOptions, MaxUser, MaxPassword))
}

// SecurityApplyReply lists what was changed, or would be.
type SecurityApplyReply struct {
	Changes []string `cbor:"1,keyasint,omitempty"`
}
