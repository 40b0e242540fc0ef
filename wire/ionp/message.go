package ionp

import (
	"fmt"
	"math"

	"github.com/fxamacker/cbor/v2"
)

// Body is the CBOR of an operation's own struct.
type Body = cbor.RawMessage

// Request is what a client asks.
type Request struct {
	// Operation is the number of what is asked.
	Operation Operation `cbor:"1,keyasint"`
	// Credential is who asks; an anonymous request has none.
	Credential *Credential `cbor:"2,keyasint,omitempty"`
	// Token stands in place of a credential: the 16 bytes of a login, or none.
	Token []byte `cbor:"3,keyasint,omitempty"`
	// Body is the request struct of the operation; absent where that has no field set.
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

func (r *Request) appendTo(dst []byte) ([]byte, bool) {
	dst = appendHead(dst, majorMap, fieldCount(true, r.Credential != nil, len(r.Token) > 0, len(r.Body) > 0))
	dst = appendHead(append(dst, 1), majorUint, uint64(r.Operation))
	if r.Credential != nil {
		dst = r.Credential.appendTo(append(dst, 2))
	}
	if len(r.Token) > 0 {
		dst = append(appendHead(append(dst, 3), majorBytes, uint64(len(r.Token))), r.Token...)
	}
	return appendBody(dst, r.Body)
}

func (r *Request) readFrom(b []byte) bool {
	c, v := cursor{b: b}, Request{}
	key := 0
	for range c.pairs() {
		switch key = c.key(key); key {
		case 1:
			v.Operation = Operation(c.uint(math.MaxUint16))
		case 2:
			v.Credential = readCredential(&c)
		case 3:
			v.Token = c.bytes()
		case 4:
			v.Body = append(r.Body[:0], c.item(1)...)
		default:
			return false
		}
	}
	if !c.ended() {
		return false
	}
	*r = v
	return true
}

func (r *Reply) appendTo(dst []byte) ([]byte, bool) {
	dst = appendHead(dst, majorMap, fieldCount(r.Code != "", r.Reason != "", r.Remedy != "", len(r.Body) > 0, r.More))
	if r.Code != "" {
		dst = appendText(append(dst, 1), r.Code)
	}
	if r.Reason != "" {
		dst = appendText(append(dst, 2), r.Reason)
	}
	if r.Remedy != "" {
		dst = appendText(append(dst, 3), r.Remedy)
	}
	dst, ok := appendBody(dst, r.Body)
	if r.More {
		dst = appendBool(append(dst, 5), true)
	}
	return dst, ok
}

func (r *Reply) readFrom(b []byte) bool {
	c, v := cursor{b: b}, Reply{}
	key := 0
	for range c.pairs() {
		switch key = c.key(key); key {
		case 1:
			v.Code = Code(c.text())
		case 2:
			v.Reason = c.text()
		case 3:
			v.Remedy = c.text()
		case 4:
			v.Body = append(r.Body[:0], c.item(1)...)
		case 5:
			v.More = c.bool()
		default:
			return false
		}
	}
	if !c.ended() {
		return false
	}
	*r = v
	return true
}

// appendBody appends the body of a request or reply, of which it asks no more than that
// it is one item.
func appendBody(dst []byte, b Body) ([]byte, bool) {
	if len(b) == 0 {
		return dst, true
	}
	c := cursor{b: b}
	c.skip(1)
	return append(append(dst, 4), b...), c.ended()
}

func (n *Notice) appendTo(dst []byte) ([]byte, bool) {
	dst = appendHead(dst, majorMap, fieldCount(true, true, len(n.Readings) > 0, n.Ended != "", n.Reason != ""))
	dst = appendHead(append(dst, 1), majorUint, n.Sequence)
	dst = appendInt(append(dst, 2), n.Time)
	dst, ok := appendReadings(dst, n.Readings)
	if n.Ended != "" {
		dst = appendText(append(dst, 4), n.Ended)
	}
	if n.Reason != "" {
		dst = appendText(append(dst, 5), n.Reason)
	}
	return dst, ok
}

func (n *Notice) readFrom(b []byte) bool {
	c, v := cursor{b: b}, Notice{}
	key := 0
	for range c.pairs() {
		switch key = c.key(key); key {
		case 1:
			v.Sequence = c.uint(math.MaxUint64)
		case 2:
			v.Time = c.int()
		case 3:
			v.Readings = readReadings(&c)
		case 4:
			v.Ended = Code(c.text())
		case 5:
			v.Reason = c.text()
		default:
			return false
		}
	}
	if !c.ended() {
		return false
	}
	*n = v
	return true
}
