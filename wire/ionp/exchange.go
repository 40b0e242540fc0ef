package ionp

import (
	"bytes"
	"fmt"
)

// Operation returns the number alone.
func (e Exchange[Req, Res]) Operation() Operation { return Operation(e) }

// String returns the operation's name.
func (e Exchange[Req, Res]) String() string { return Operation(e).String() }

// DecodeRequest reads the body of a request and holds it against its bounds. An absent
// body is one without any field.
func (e Exchange[Req, Res]) DecodeRequest(b Body) (Req, error) {
	var req Req
	err := decodeBody(b, &req)
	if err != nil {
		err = fmt.Errorf("%s: %w", e, err)
	}
	return req, err
}

// EncodeRequest makes the body of a request.
func (e Exchange[Req, Res]) EncodeRequest(req Req) (Body, error) { return encodeBody(&req) }

// DecodeReply reads the body of a reply.
func (e Exchange[Req, Res]) DecodeReply(b Body) (Res, error) {
	var res Res
	err := decodeBody(b, &res)
	if err != nil {
		err = fmt.Errorf("reply to %s: %w", e, err)
	}
	return res, err
}

// EncodeReply makes the body of a reply.
func (e Exchange[Req, Res]) EncodeReply(res Res) (Body, error) { return encodeBody(&res) }

// decodeBody reads a body. One without any field may be left out.
func decodeBody(b Body, into any) error {
	if len(b) == 0 {
		b = emptyMap()
	}
	return decode(b, into)
}

func emptyMap() Body { return Body{0xa0} }

// bodyCapacity is enough for most bodies.
const bodyCapacity = 192

// encodeBody makes a body; one without any field set is left out.
func encodeBody(v any) (Body, error) {
	b := make([]byte, 0, bodyCapacity)
	direct, ok := v.(direct)
	if ok {
		b, ok = direct.appendTo(b)
	}
	if !ok {
		general := bytes.NewBuffer(b[:0])
		if err := encodeTo(general, v); err != nil {
			return nil, err
		}
		b = general.Bytes()
	}
	if bytes.Equal(b, emptyMap()) {
		return nil, nil
	}
	return b, nil
}
