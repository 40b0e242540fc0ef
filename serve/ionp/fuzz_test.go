package ionp

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// script is a connection on which all is said before, and what is answered is dropped.
type script struct {
	bytes.Reader
	answered int
}

func (s *script) Write(p []byte) (int, error) {
	s.answered += len(p)
	return len(p), nil
}
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// FuzzConnection feeds bytes to a connection without a credential: nothing fails within
// the meter, nothing is changed, and what is answered and held is bounded.
func FuzzConnection(f *testing.F) {
	hello := encode(f, 1, body(f, ionp.Hello, ionp.HelloRequest{ClientName: "fuzz", LargestFrame: 64}), 256)
	read := encode(f, 2, body(f, ionp.Read, volts), 64)
	write := encode(f, 3, body(f, ionp.Write, owner("me")), 64)
	f.Add([]byte{})
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), read...))
	f.Add(append(bytes.Clone(hello), write...))
	f.Add(append(bytes.Clone(read), hello[:9]...))
	f.Add(encode(f, 4, body(f, ionp.Subscribe, ionp.SubscribeRequest{Labels: volts.Labels, IntervalMS: 100}), 64))
	f.Add(encode(f, 5, body(f, ionp.FactoryUse, ionp.FactoryUseRequest{Code: "A", Command: "status"}), 64))
	for _, op := range []ionp.Operation{3, 4, 5, 14, 15, 16, 18, 20, 26, 28, 30, 40, 44, 46, 60, 999} {
		f.Add(encode(f, 6, &ionp.Request{Operation: op, Token: make([]byte, 16)}, 64))
		f.Add(encode(f, 6, &ionp.Request{Operation: op}, 64))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		// A password costs tens of milliseconds, and its check is the gate's own matter.
		if bytes.Contains(said, []byte{0x02, 0xa1}) || bytes.Contains(said, []byte{0x02, 0xa2}) {
			return
		}
		m := newMeter(t, generation3, access.LSS)
		before := m.newest.Load()
		s := New(m.gate, Options{Log: nil})
		conn := &script{Reader: *bytes.NewReader(said)}
		s.converse(context.Background(), conn, access.Client{Path: access.ION, Remote: "192.0.2.1:50000"}, s.options)
		counters := s.Counters()
		if counters.Failed != 0 || counters.Connections != 0 || s.incomplete.Load() != 0 {
			t.Errorf("%+v, %d bytes held", counters, s.incomplete.Load())
		}
		if m.newest.Load() != before {
			t.Error("the meter was changed without a credential")
		}
		if limit := 64 << 10; conn.answered > (len(said)/8+1)*limit {
			t.Errorf("%d bytes made %d of answers", len(said), conn.answered)
		}
		if n, err := io.Copy(io.Discard, conn); n > 0 && counters.Malformed == 0 && err == nil && counters.TimedOut == 0 {
			t.Errorf("%d bytes were not read", n)
		}
	})
}
