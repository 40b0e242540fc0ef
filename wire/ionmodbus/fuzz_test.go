package ionmodbus

import (
	"bytes"
	"testing"
	"time"
)

// Whatever a client sends: the meter does not panic, keeps within its bounds, and answers nothing
// longer than Modbus has.
func FuzzEndpoint(f *testing.F) {
	f.Add(Append(nil, Message{Kind: Open, Session: 1, Payload: []byte{Version}}), []byte{0})
	f.Add(Append(nil, Message{Kind: Exchange, Session: 1, Sequence: 1, Payload: []byte{MaxPDU, 1, 2, 3}}), []byte{1, 1, 2})
	f.Add(Append(nil, Message{Kind: Probe, Payload: []byte{SmallestPDU}}), []byte{3, 9})
	f.Add([]byte{Function, 13}, []byte{0, 1, 4, 2})
	f.Fuzz(func(t *testing.T, raw, script []byte) {
		now := time.Unix(0, 0)
		e := NewEndpoint(Options{Sessions: 3, Idle: time.Minute})
		answer := func(pdu []byte) {
			out, conn, err := e.Answer(now, "host", pdu, nil)
			if len(out) > MaxPDU || err != nil && len(out) > 0 || err == nil && len(out) < Overhead {
				t.Fatalf("% x is answered % x, %v", pdu, out, err)
			}
			if conn != nil {
				if _, err := conn.Write(make([]byte, 300)); err != nil {
					t.Fatal(err)
				}
			}
		}
		answer(raw)
		sequence := uint32(1)
		for i, b := range script {
			now = now.Add(time.Duration(b) * time.Second / 4)
			m := Message{Kind: Kind(b & 7), Session: uint32(b >> 6), Sequence: sequence, Payload: raw[:min(len(raw), MaxPayload)]}
			if b&8 != 0 {
				sequence++
			}
			if m.Kind == Exchange {
				m.Payload = append([]byte{b | 0x40}, m.Payload...)
				m.Payload = m.Payload[:min(len(m.Payload), MaxPayload)]
			}
			if m.Kind == Open && i%2 == 0 {
				m.Payload = []byte{Version}
			}
			answer(Append(nil, m))
		}
		if e.Len() > 3 {
			t.Fatalf("%d sessions", e.Len())
		}
		for _, c := range e.sessions {
			if s := c.session; len(s.in) > buffered || len(s.out) > buffered+MaxPayload || len(s.sent) > MaxPayload {
				t.Fatalf("a session holds %d, %d and %d bytes", len(s.in), len(s.out), len(s.sent))
			}
		}
	})
}

// Whatever the meter or others answer: the client does not panic, asks nothing longer than Modbus
// has, and keeps within its bounds.
func FuzzClient(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0}, []byte("data"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 0x86, 0xC5, 8, 0}, bytes.Repeat([]byte{7}, 300))
	f.Fuzz(func(t *testing.T, script, data []byte) {
		now := time.Unix(1000, 0)
		c := NewClient(7, time.Minute, 0)
		meter := NewEndpoint(Options{})
		var answers [][]byte
		for _, b := range script {
			c.Write(data)
			pdu, wait, ok := c.Ask(now, nil)
			if !ok {
				now = now.Add(time.Duration(b) * time.Millisecond)
				continue
			}
			if len(pdu) < Overhead || len(pdu) > MaxPDU || wait <= 0 || wait > time.Minute {
				t.Fatalf("a request of %d bytes, answered within %v", len(pdu), wait)
			}
			now = now.Add(time.Duration(b) * time.Millisecond)
			answer, conn, err := meter.Answer(now, "host", pdu, nil)
			if err != nil {
				t.Fatalf("the meter does not understand % x", pdu)
			}
			if conn != nil {
				if _, err := conn.Write(data[:min(len(data), buffered)]); err != nil {
					t.Fatal(err)
				}
			}
			answers = append(answers, answer)
			switch b & 7 {
			case 0, 1, 2:
				c.Heard(now, answer)
			case 3:
				c.Silent(now)
			case 4:
				c.Excepted(now, b>>4)
			case 5: // an older one, falsified and mended
				m, err := Parse(answers[int(b)%len(answers)])
				if err != nil {
					t.Fatal(err)
				}
				m.Payload = append(bytes.Clone(m.Payload), data...)
				m.Payload = m.Payload[:min(len(m.Payload), MaxPayload)]
				c.Heard(now, Append(nil, m))
				c.Silent(now)
			case 6:
				c.Heard(now, data)
				c.Silent(now)
			case 7:
				c.Unreachable(now, ErrNoAnswer)
			}
			var out [100]byte
			c.Read(out[:min(int(b), len(out))])
			if len(c.in) > buffered+MaxPayload || len(c.out) > buffered {
				t.Fatalf("it holds %d and %d bytes", len(c.in), len(c.out))
			}
		}
	})
}
