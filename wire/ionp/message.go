package ionp

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Body is the CBOR of an operation's own struct.
type Body = cbor.RawMessage

// Request is what a client asks.
type Request struct {
	Operation Operation `cbor:"1,keyasint"`
	// Credential is who asks; nil for an anonymous request.
	Credential *Credential `cbor:"2,keyasint,omitempty"`
	// Token stands in place of a credential: TokenLength bytes from a login, or none.
	Token []byte `cbor:"3,keyasint,omitempty"`
	// Body is the request struct of the operation; empty where that has no field set.
	Body Body `cbor:"4,keyasint,omitempty"`
}

// Reply is the answer to a request, or one of several.
type Reply struct {
	// Code is empty where the request was carried out; else a stable word of
	// docs/refusals.md.
	Code Code `cbor:"1,keyasint,omitempty"`
	// Reason is a sentence that says why it was refused.
	Reason string `cbor:"2,keyasint,omitempty"`
	// Remedy is a sentence that says what would help.
	Remedy string `cbor:"3,keyasint,omitempty"`
	// Body is the reply struct of the operation.
	Body Body `cbor:"4,keyasint,omitempty"`
	// More is set where further replies to the same request follow.
	More bool `cbor:"5,keyasint,omitempty"`
}

// Notice is what a subscription sends.
type Notice struct {
	// Sequence is the number of the meter's snapshot.
	Sequence uint64 `cbor:"1,keyasint"`
	// Time is when the snapshot was made, in ns since 1970 UTC.
	Time int64 `cbor:"2,keyasint"`
	// Readings are the registers subscribed to, or those of them that changed.
	Readings []Reading `cbor:"3,keyasint,omitempty"`
	// Ended is set in the last notice where the meter ended the subscription: the code of
	// the refusal that a new read would get.
	Ended Code `cbor:"4,keyasint,omitempty"`
	// Reason is a sentence that says why it ended.
	Reason string `cbor:"5,keyasint,omitempty"`
}

// DecodeRequest reads a request. r.Body is a copy, in the memory it had before where
// that is enough; nothing else of r is kept.
func DecodeRequest(message []byte, r *Request) error {
	*r = Request{Body: r.Body[:0]}
	return decode(message, r)
}

func (r *Request) check() error {
	if len(r.Token) != 0 && len(r.Token) != TokenLength {
		return fmt.Errorf("token of %d bytes: want the %d of a login", len(r.Token), TokenLength)
	}
	if r.Credential == nil {
		return nil
	}
	if len(r.Token) != 0 {
		return fmt.Errorf("a credential and a token in one request: send one of them")
	}
	return r.Credential.check()
}

// DecodeReply reads a reply. r.Body is a copy, as with DecodeRequest.
func DecodeReply(message []byte, r *Reply) error {
	*r = Reply{Body: r.Body[:0]}
	return decode(message, r)
}

// DecodeNotice reads a notice.
func DecodeNotice(message []byte, n *Notice) error {
	*n = Notice{}
	return decode(message, n)
}
