package access

import (
	"errors"
	"fmt"
)

// Code is the stable word for why something was refused. Clients may depend on it.
type Code string

// The codes. codes.go has the sentence and the remedy of each.
const (
	CodeNoPermission      Code = "no-permission"
	CodeBadCredentials    Code = "bad-credentials"
	CodeCredentialsNeeded Code = "credentials-needed"
	CodeUserNeeded        Code = "user-needed"
	CodeSessionEnded      Code = "session-ended"
	CodeOwnAccount        Code = "own-account"
	CodePasswordRule      Code = "password-rule"
	CodeNotOnThisPath     Code = "not-on-this-path"
	CodeNotInThisMode     Code = "not-in-this-mode"
	CodeNotInThisFirmware Code = "not-in-this-firmware"
	CodeMapClosed         Code = "map-closed"
	CodeMapReadOnly       Code = "map-read-only"
	CodeGatewayClosed     Code = "gateway-closed"
	CodeGatewayReadOnly   Code = "gateway-read-only"
	CodeSetupClosed       Code = "setup-closed"
	CodeNoAdministrator   Code = "no-administrator"
	CodeNoSuchAccount     Code = "no-such-account"
	CodeAccountExists     Code = "account-exists"
	CodeAccountLimit      Code = "account-limit"
	CodeConfirmPending    Code = "confirm-pending"
	CodeNothingPending    Code = "nothing-pending"
	CodeFactoryClosed     Code = "factory-closed"
	CodeBusy              Code = "busy"
	CodeConnectionsUsed   Code = "connections-used"
	CodeNotWritable       Code = "not-writable"
	CodeBadValue          Code = "bad-value"
	CodeNoSpace           Code = "no-space"
	CodeNotFound          Code = "not-found"
	CodeBadRequest        Code = "bad-request"
	CodeUnknownOperation  Code = "unknown-operation"
	CodeTooLarge          Code = "too-large"
	CodeWrongModel        Code = "wrong-model"
	CodeNotFresh          Code = "not-fresh"
	CodeSnapshotDamaged   Code = "snapshot-damaged"
	CodeFailed            Code = "failed"
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

// refuse returns the refusal of a code, with its own sentence where reason is empty.
func refuse(code Code, reason string) *Refusal {
	for _, known := range codes {
		if known.Code == code {
			if reason == "" {
				reason = known.Sentence
			}
			return &Refusal{Code: code, Reason: reason, Remedy: known.Remedy}
		}
	}
	return &Refusal{Code: code, Reason: reason}
}

// NewRefusal returns a refusal for what the meter behind the gate finds: not-found,
// bad-value, bad-request, not-writable. An empty reason takes the code's own sentence.
func NewRefusal(code Code, reason string) *Refusal { return refuse(code, reason) }

// of names the operation that was refused.
func (r *Refusal) of(op Operation) *Refusal {
	r.Operation = op
	return r
}

// ErrStale reports that security has changed since a View was handed out. Ask the
// session for a new one.
var ErrStale = errors.New("security has changed since this view was given")

// ErrClosed reports use of a Session after Close.
var ErrClosed = errors.New("the session is closed")

// ErrValue reports a value that the register to be written cannot take. The meter
// wraps it.
var ErrValue = errors.New("the register cannot take this value")

// asRefusal returns the refusal in an error.
func asRefusal(err error) (*Refusal, bool) {
	var refusal *Refusal
	ok := errors.As(err, &refusal)
	return refusal, ok
}

// plural counts things in words.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
