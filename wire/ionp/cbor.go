package ionp

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// codec is the one dialect of CBOR that is spoken: deterministic encoding of RFC 8949
// section 4.2.1, no tags, no indefinite lengths, no NaN and no infinity, since a value
// that is not available says so.
type codec struct {
	encode cbor.UserBufferEncMode
	decode cbor.DecMode
}

// dialect makes the codec once. Its options are constants, so it cannot fail.
var dialect = sync.OnceValue(func() codec {
	e := cbor.CoreDetEncOptions()
	e.TagsMd = cbor.TagsForbidden
	e.NaNConvert = cbor.NaNConvertReject
	e.InfConvert = cbor.InfConvertReject
	encode, err := e.UserBufferEncMode()
	if err != nil {
		panic(err)
	}
	decode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  MaxNesting,
		MaxArrayElements: MaxItems,
		MaxMapPairs:      MaxPairs,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		NaN:              cbor.NaNDecodeForbidden,
		Inf:              cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return codec{encode, decode}
})

// checked is a body or message with bounds of its own.
type checked interface{ check() error }

func encodeTo(dst *bytes.Buffer, v any) error {
	if d, ok := v.(direct); ok {
		if b, ok := d.appendTo(dst.AvailableBuffer()); ok {
			dst.Write(b)
			return nil
		}
	}
	if err := dialect().encode.MarshalToBuffer(v, dst); err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	return nil
}

// decode reads a message or body, which is always a map, and holds it against its bounds.
func decode(b []byte, into any) error {
	if len(b) == 0 || b[0]>>5 != majorMap {
		return fmt.Errorf("decode %T: not a CBOR map", into)
	}
	if d, ok := into.(direct); !ok || !d.readFrom(b) {
		if err := dialect().decode.Unmarshal(b, into); err != nil {
			return fmt.Errorf("decode %T: %w", into, err)
		}
	}
	if c, ok := into.(checked); ok {
		return c.check()
	}
	return nil
}
