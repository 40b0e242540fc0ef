package ionp

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// Whatever a stream holds: no panic, no message over the limit, nothing kept beyond the
// bounds, and what was understood comes out the same however it is cut.
func FuzzFrames(f *testing.F) {
	f.Add(AppendFrames(nil, KindRequest, 1, make([]byte, 200), 64), uint16(64), uint16(1024))
	f.Add(AppendFrames(AppendFrames(nil, KindReply, 1, []byte{0xa0}, 64), KindNotice, 1, make([]byte, 300), 4096), uint16(4096), uint16(200))
	mixed := AppendFrames(nil, KindRequest, 1, make([]byte, 100), 64)
	f.Add(append(mixed[:64:64], append(AppendFrames(nil, KindRequest, 2, []byte{0xa0}, 64), mixed[64:]...)...), uint16(64), uint16(1024))
	f.Fuzz(func(t *testing.T, stream []byte, frame, limit uint16) {
		r := NewReader(bytes.NewReader(stream))
		r.SetLimits(int(frame), int(limit))
		for {
			m, err := r.Next()
			var long *TooLongError
			if errors.As(err, &long) {
				continue
			}
			if err != nil {
				break
			}
			if len(m.Bytes) == 0 || len(m.Bytes) > max(int(limit), 1) && limit != 0 {
				t.Fatalf("a message of %d bytes, limit %d", len(m.Bytes), limit)
			}
			again := NewReader(bytes.NewReader(AppendFrames(nil, m.Kind, m.ID, m.Bytes, int(frame))))
			again.SetLimits(int(frame), len(m.Bytes))
			if n, err := again.Next(); err != nil || n.Kind != m.Kind || n.ID != m.ID || !bytes.Equal(n.Bytes, m.Bytes) {
				t.Fatalf("%+v in new frames: %+v, %v", m, n, err)
			}
		}
		held := 0
		for _, p := range r.reassembler.parts {
			held += len(p.bytes)
		}
		if held > len(stream) {
			t.Fatalf("%d bytes held of a stream of %d", held, len(stream))
		}
	})
}

// same holds what was decoded against its own encoding: decoded again it is the same.
func same[T any](t *testing.T, v T, decode func([]byte, *T) error) {
	t.Helper()
	first := encoded(t, &v)
	var again T
	if err := decode(first, &again); err != nil {
		t.Fatalf("%T %x is not taken again: %v", v, first, err)
	}
	if second := encoded(t, &again); !bytes.Equal(first, second) {
		t.Fatalf("%T: %x, then %x", v, first, second)
	}
}

// Whatever a message holds: no panic, and what was understood survives a round trip.
func FuzzMessage(f *testing.F) {
	f.Add(encoded(f, &Request{Operation: 7, Credential: NamedUser("USER1", "0"), Body: Body{0xa1, 1, 0x81, 0x61, 'a'}}))
	f.Add(encoded(f, &Request{Operation: 3, Token: make([]byte, TokenLength)}))
	f.Add(encoded(f, (&Refusal{CodeBusy, "reason", "remedy"}).Reply()))
	f.Add(encoded(f, &Notice{Sequence: 1, Time: -2, Readings: []Reading{{"a", Number(1.5, "V")}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var request Request
		if DecodeRequest(b, &request) == nil {
			if c := request.Credential; c != nil && c.check() != nil {
				t.Fatalf("%v is over its bounds", c)
			}
			same(t, request, DecodeRequest)
		}
		var reply Reply
		if DecodeReply(b, &reply) == nil {
			same(t, reply, DecodeReply)
		}
		var notice Notice
		if DecodeNotice(b, &notice) == nil {
			same(t, notice, DecodeNotice)
		}
	})
}

// Whatever the body of any operation holds, as a request or as a reply: no panic, and
// what was understood survives a round trip.
func FuzzRequest(f *testing.F) {
	known := map[Operation]body{}
	for _, e := range exchanges() {
		known[e.Operation()] = e
		req, err := e.encodeRequest(filled(e.request()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(e.Operation()), []byte(req))
		res, err := e.encodeReply(filled(e.reply()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(e.Operation()), []byte(res))
	}
	f.Fuzz(func(t *testing.T, operation uint16, b []byte) {
		e := known[Operation(operation)]
		if e == nil {
			return
		}
		check := func(decode func(Body) (any, error), encode func(any) (Body, error)) {
			v, err := decode(b)
			if err != nil {
				return
			}
			first, err := encode(v)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(first)
			if err != nil {
				t.Fatalf("%x is not taken again: %v", first, err)
			}
			second, err := encode(again)
			if err != nil || !bytes.Equal(first, second) {
				t.Fatalf("%v: %x, then %x, %v", reflect.TypeOf(v), first, second, err)
			}
		}
		check(e.decodeRequest, e.encodeRequest)
		check(e.decodeReply, e.encodeReply)
	})
}
