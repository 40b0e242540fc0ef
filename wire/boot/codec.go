package boot

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// codec is the one dialect of CBOR that is spoken: deterministic encoding of RFC 8949
// section 4.2.1, no tags, no indefinite lengths.
type codec struct {
	encode cbor.EncMode
	decode cbor.DecMode
}

// dialect makes the codec once. Its options are constants, so it cannot fail.
var dialect = sync.OnceValue(func() codec {
	e := cbor.CoreDetEncOptions()
	e.TagsMd = cbor.TagsForbidden
	encode, err := e.EncMode()
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
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return codec{encode, decode}
})

// lengthBytes is the length of the number that stands before a message: its length in
// bytes, high byte first.
const lengthBytes = 4

// frame is v as a map behind its length.
func frame(v any) ([]byte, error) {
	text, err := dialect().encode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("boot protocol: encode %T: %w", v, err)
	}
	if len(text) > MaxMessage {
		return nil, fmt.Errorf("boot protocol: %T of %d bytes, at most %d", v, len(text), MaxMessage)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), nil
}

// framed reads the map at the start of b into v and returns how long it is with its
// length: 0 while it is not whole.
func framed(b []byte, v any) (int, error) {
	if len(b) < lengthBytes {
		return 0, nil
	}
	n := binary.BigEndian.Uint32(b)
	if n == 0 || n > MaxMessage {
		return 0, fmt.Errorf("boot protocol: a message of %d bytes: 1 to %d are taken", n, MaxMessage)
	}
	end := lengthBytes + int(n)
	if len(b) < end {
		return 0, nil
	}
	if err := dialect().decode.Unmarshal(b[lengthBytes:end], v); err != nil {
		return 0, fmt.Errorf("boot protocol: decode %T: %w", v, err)
	}
	return end, nil
}
