package ionp

// Code is a stable word for why a request was refused. docs/refusals.md lists the words;
// here stand those that the protocol itself gives.
type Code string

// The codes of the protocol itself.
const (
	CodeBadRequest       Code = "bad-request"       // the request cannot be read, or breaks a bound
	CodeUnknownOperation Code = "unknown-operation" // this meter has no such operation
	CodeTooLarge         Code = "too-large"         // the request, or what it asks for, is too long
	CodeBusy             Code = "busy"              // the meter cannot take the request now
	CodeNotFound         Code = "not-found"         // no register, module, file, log or account of that name
)

// Refusal is a reply with a code, as an error.
type Refusal struct {
	Code   Code
	Reason string
	Remedy string
}

// Error gives reason and remedy, then the code.
func (r *Refusal) Error() string {
	s := r.Reason
	if s == "" {
		s = "the meter refused"
	}
	if r.Remedy != "" {
		s += "; " + r.Remedy
	}
	return s + " (" + string(r.Code) + ")"
}

// Is reports whether target is a refusal of the same code, so that errors.Is can ask
// for one.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Code == r.Code
}

// Reply returns the refusal as a reply.
func (r *Refusal) Reply() *Reply {
	return &Reply{Code: r.Code, Reason: r.Reason, Remedy: r.Remedy}
}
