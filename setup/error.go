package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Kind says who stopped a command, and at what point.
type Kind int

// The kinds.
const (
	// Failed: it was begun and did not come to its end.
	Failed Kind = iota
	// Usage: the command line makes no sense.
	Usage
	// Refused: the meter said no.
	Refused
	// Unreachable: there is no connection to the meter.
	Unreachable
	// Precondition: the tool found it wrong before anything was sent.
	Precondition
)

// Error is why something was not done: a code for programs, a reason and a remedy for
// people. No secret is ever part of it.
type Error struct {
	Kind Kind
	// Code is a stable word, of the meter's list or of Codes.
	Code string
	// What is what was to be done, in words; it may be empty.
	What           string
	Reason, Remedy string
	Err            error
}

// Error says what was not done, why, and what to do.
func (e *Error) Error() string {
	text := e.Reason
	if e.What != "" {
		text = e.What + ": " + text
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// NewError returns an error of one of the tool's own codes. An empty reason takes the
// code's sentence.
func NewError(code, reason string, args ...any) *Error {
	for _, known := range Codes() {
		if known.Code != code {
			continue
		}
		e := &Error{Kind: known.Kind, Code: code, Reason: known.Sentence, Remedy: known.Remedy}
		if reason != "" {
			e.Reason = fmt.Sprintf(reason, args...)
		}
		return e
	}
	return &Error{Code: code, Reason: fmt.Sprintf(reason, args...)}
}

// with replaces the remedy.
func (e *Error) with(remedy string, args ...any) *Error {
	e.Remedy = fmt.Sprintf(remedy, args...)
	return e
}

// asError makes an *Error of whatever went wrong while what was done.
func asError(what string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var refusal *ionp.Refusal
	if errors.As(err, &refusal) {
		kind := Refused
		if string(refusal.Code) == codeMeterFailed {
			kind = Failed
		}
		return &Error{Kind: kind, Code: string(refusal.Code), What: what, Reason: refusal.Reason, Remedy: refusal.Remedy, Err: err}
	}
	var e *Error
	var network net.Error
	var tunnel ionmodbus.Refusal
	switch {
	case errors.As(err, &tunnel), errors.Is(err, ionmodbus.ErrNoAnswer):
		e = NewError(CodeConnectionLost, "%v", err)
	case errors.Is(err, context.Canceled):
		e = NewError(CodeInterrupted, "")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		e = NewError(CodeTimeout, "")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), network != nil:
		e = NewError(CodeConnectionLost, "%v", err)
	default:
		e = NewError(CodeFailed, "%v", err)
	}
	e.What, e.Err = what, err
	return e
}

// codeMeterFailed is the meter's word for what it allowed and could not do.
const codeMeterFailed = "failed"

func asKnown(err error, e **Error) bool { return errors.As(err, e) }

// HasCode reports whether an error has one of the codes.
func HasCode(err error, codes ...string) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}
