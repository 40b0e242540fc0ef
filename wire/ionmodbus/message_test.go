package ionmodbus

import (
	"bytes"
	"errors"
	"testing"
)

// Every length comes out as it went in, with what a gateway adds behind it; cut short, or with
// any one byte changed, it is damaged.
func TestMessage(t *testing.T) {
	for n := range MaxPayload + 1 {
		payload := bytes.Repeat([]byte{byte(n)}, n)
		pdu := Append(nil, Message{Kind: Exchange, Session: 0x01020304, Sequence: 0xFFFFFFFE, Payload: payload})
		if len(pdu) != Overhead+n {
			t.Fatalf("%d bytes of payload make %d", n, len(pdu))
		}
		for _, tail := range []int{0, 1, 200} {
			m, err := Parse(append(bytes.Clone(pdu), make([]byte, tail)...))
			if err != nil || m.Kind != Exchange || m.Session != 0x01020304 || m.Sequence != 0xFFFFFFFE || !bytes.Equal(m.Payload, payload) {
				t.Fatalf("%d bytes and %d behind: %+v, %v", n, tail, m, err)
			}
		}
	}
	pdu := Append(nil, Message{Kind: Probe, Session: 1, Sequence: 2, Payload: make([]byte, 42)})
	for i := range pdu {
		if _, err := Parse(pdu[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
		for bit := range 8 {
			other := bytes.Clone(pdu)
			other[i] ^= 1 << bit
			if _, err := Parse(other); !errors.Is(err, ErrDamaged) {
				t.Errorf("bit %d of byte %d changed: %v", bit, i, err)
			}
		}
	}
}
