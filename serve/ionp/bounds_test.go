package ionp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// encode makes the frames of a request.
func encode(t testing.TB, id uint32, r *ionp.Request, largest int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ionp.NewWriter(&b)
	w.SetLargestFrame(largest)
	if err := w.Request(id, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func body[Q, S any](t testing.TB, e ionp.Exchange[Q, S], q Q) *ionp.Request {
	t.Helper()
	b, err := e.EncodeRequest(q)
	if err != nil {
		t.Fatal(err)
	}
	return &ionp.Request{Operation: e.Operation(), Body: b}
}

// piped has a server converse over a pipe in the bubble's time, and returns the client's
// end of it. done is closed when the server has let go.
func piped(t *testing.T, m *meter, o Options) (s *Server, client net.Conn, done chan struct{}) {
	t.Helper()
	client, served := net.Pipe()
	s, done = New(m.gate, o), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		client.Close()
		<-done
	})
	go func() {
		defer close(done)
		s.converse(ctx, served, access.Client{Path: access.ION, Remote: "192.0.2.1:50000"}, s.options)
	}()
	return s, client, done
}

// closedAfter reports how long the server keeps the connection while the client does
// what it does.
func closedAfter(t *testing.T, done chan struct{}, begun time.Time) time.Duration {
	t.Helper()
	<-done
	return time.Since(begun)
}

// reads takes all that comes, and counts it.
func reads(conn net.Conn) *atomic.Int64 {
	n := new(atomic.Int64)
	go func() {
		buffer := make([]byte, 4096)
		for {
			k, err := conn.Read(buffer)
			n.Add(int64(k))
			if err != nil {
				return
			}
		}
	}()
	return n
}

func TestBeforeAuthentication(t *testing.T) {
	security := encode(t, 1, body(t, ionp.SecurityStatus, ionp.SecurityStatusRequest{}), 256)
	read := encode(t, 1, body(t, ionp.Read, volts), 256)
	long := encode(t, 1, body(t, ionp.Read, ionp.ReadRequest{Labels: strings.Fields(strings.Repeat("Power/Vln ", 120))}), 256)
	for _, row := range []struct {
		name string
		// client does something and returns; the connection stays open on its side.
		client func(conn net.Conn)
		// after is when the server closes it.
		after    time.Duration
		timedOut bool
	}{
		{"silence", func(net.Conn) {}, 10 * time.Second, true},
		{"half a frame", func(conn net.Conn) { _, _ = conn.Write(read[:5]) }, 10 * time.Second, true},
		{"a byte a second", func(conn net.Conn) {
			for i := range long {
				if _, err := conn.Write(long[i : i+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 10 * time.Second, true},
		{"refused requests only", func(conn net.Conn) {
			for range 20 {
				if _, err := conn.Write(security); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 10 * time.Second, true},
		{"too long a message", func(conn net.Conn) { _, _ = conn.Write(long) }, 10 * time.Second, true},
		{"garbage", func(conn net.Conn) { _, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }, 0, false},
		{"too large a frame", func(conn net.Conn) { _, _ = conn.Write([]byte{0x0f, 0xff, 0}) }, 0, false},
		{"a reply", func(conn net.Conn) { _, _ = conn.Write([]byte{0, 6, 1, 0, 0, 0, 1, 0xa0}) }, 0, false},
		{"nine messages at once", func(conn net.Conn) {
			for id := range byte(9) {
				_, _ = conn.Write([]byte{0, 6, 0x80, 0, 0, 0, id, 0xa0})
			}
		}, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn, done := piped(t, newMeter(t, generation3, access.LSS), Options{})
				begun := time.Now()
				reads(conn)
				finished := make(chan struct{})
				go func() {
					defer close(finished)
					row.client(conn)
				}()
				if got := closedAfter(t, done, begun); got != row.after {
					t.Errorf("closed after %s, want %s", got, row.after)
				}
				if timedOut := s.timedOut.Load() == 1; timedOut != row.timedOut || (s.malformed.Load() == 1) == row.timedOut {
					t.Errorf("timed out %d, malformed %d", s.timedOut.Load(), s.malformed.Load())
				}
				conn.Close()
				<-finished
			})
		})
	}
}

// What was too long is refused, and the connection goes on.
func TestTooLongBeforeHello(t *testing.T) {
	s := factory(t)
	labels := strings.Fields(strings.Repeat("Power/Vln ", 200))
	c := s.dial(t)
	refused(t, access.CodeTooLarge, c, nobody, ionp.Read, ionp.ReadRequest{Labels: labels})
	do(t, c, nobody, ionp.Read, volts)
	refused(t, access.CodeTooLarge, c, nobody, ionp.Read, ionp.ReadRequest{Labels: labels})
	do(t, c, named("USER1", "0"), ionp.Read, volts)
	do(t, c, nobody, ionp.Read, ionp.ReadRequest{Labels: labels})
	do(t, s.client(t), nobody, ionp.Read, ionp.ReadRequest{Labels: labels})
}

func TestAfterHello(t *testing.T) {
	hello := encode(t, 1, body(t, ionp.Hello, ionp.HelloRequest{ClientName: "test", LargestFrame: 4096}), 256)
	long := encode(t, 2, body(t, ionp.Read, ionp.ReadRequest{Labels: strings.Fields(strings.Repeat("Power/Vln ", 1000))}), 256)
	t.Run("silence is no reason to close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, conn, done := piped(t, newMeter(t, generation3, access.LSS), Options{})
			n := reads(conn)
			_, _ = conn.Write(hello)
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			select {
			case <-done:
				t.Error("closed")
			default:
			}
			before := n.Load()
			_, _ = conn.Write(long)
			synctest.Wait()
			if n.Load() == before {
				t.Error("no answer")
			}
			conn.Close()
			<-done
		})
	})
	t.Run("a message that does not become whole", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, conn, done := piped(t, newMeter(t, generation3, access.LSS), Options{})
			reads(conn)
			_, _ = conn.Write(hello)
			time.Sleep(time.Hour)
			begun, finished := time.Now(), make(chan struct{})
			go func() {
				defer close(finished)
				for i := range long {
					if _, err := conn.Write(long[i : i+1]); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			if got := closedAfter(t, done, begun); got != time.Minute || s.timedOut.Load() != 1 {
				t.Errorf("closed after %s", got)
			}
			conn.Close()
			<-finished
		})
	})
	t.Run("long messages of many clients without credentials", func(t *testing.T) {
		s := start(t, newMeter(t, generation3, access.LSS), Options{Incomplete: 20_000})
		part := long[:len(long)*3/4]
		kept := 0
		for range 4 {
			conn, err := net.Dial("tcp", s.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = conn.Write(hello)
			_, _ = conn.Write(part)
			// A connection that is over the bound is closed; on the others an answer to the
			// rest comes.
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			if _, err := io.ReadAll(conn); err != nil && !isReset(err) {
				kept++
			}
		}
		if kept != 2 {
			t.Errorf("%d connections hold %d bytes each, of 20000 together", kept, len(part))
		}
	})
}

func isReset(err error) bool {
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// A client that does not take its replies is closed, and holds up nobody.
func TestSlowReader(t *testing.T) {
	read := encode(t, 1, body(t, ionp.Read, volts), 256)
	synctest.Test(t, func(t *testing.T) {
		s, conn, done := piped(t, newMeter(t, generation3, access.LSS), Options{})
		begun := time.Now()
		go func() {
			for {
				if _, err := conn.Write(read); err != nil {
					return
				}
			}
		}()
		if got := closedAfter(t, done, begun); got != 10*time.Second || s.timedOut.Load() != 1 {
			t.Errorf("closed after %s", got)
		}
		conn.Close()
		synctest.Wait()
	})
}

// A panic is the request's own.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	m := newMeter(t, generation3, access.LSS)
	s := start(t, m, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	c := s.client(t)
	m.broken.Store(true)
	refused(t, access.CodeFailed, c, nobody, ionp.TemplateSave, ionp.TemplateSaveRequest{})
	do(t, c, nobody, ionp.Read, volts)
	if s.server.Counters().Failed != 1 || !strings.Contains(log.String(), "the template is broken") {
		t.Errorf("%+v, log %q", s.server.Counters(), log.String())
	}
}

// A request that takes long holds up its own connection only.
func TestLongOperation(t *testing.T) {
	m := newMeter(t, generation3, access.LSS)
	m.stuck = make(chan struct{})
	s := start(t, m, Options{})
	slow := s.client(t)
	saved := make(chan error, 1)
	go func() {
		_, err := ionp.Do(context.Background(), slow, nobody, ionp.TemplateSave, ionp.TemplateSaveRequest{})
		saved <- err
	}()
	do(t, s.client(t), nobody, ionp.Read, volts)
	close(m.stuck)
	if err := <-saved; err != nil {
		t.Error(err)
	}
}

// Disabling the protocol stops new connections only.
func TestDisabled(t *testing.T) {
	s := factory(t)
	c := s.client(t)
	do(t, c, named("USER1", "0"), ionp.Write, setText("Ethernet/Enable ION", "OFF"))
	if _, err := s.dial(t).Hello(within(t), ionp.HelloRequest{}); err == nil {
		t.Error("a new connection is served")
	}
	do(t, c, named("USER1", "0"), ionp.Write, setText("Ethernet/Enable ION", "ON"))
	s.client(t)
	if s.server.Counters().Declined != 1 {
		t.Errorf("%+v", s.server.Counters())
	}
}

// Connections beyond what the gate takes are told so; one more is kept for a named user.
func TestConnectionsUsed(t *testing.T) {
	limits := access.Limits{}
	limits.Path[access.ION] = 2
	m := newMeterWithin(t, generation3, access.LSS, limits)
	s := start(t, m, Options{})
	s.client(t)
	s.client(t)
	kept := s.client(t)
	refused(t, access.CodeConnectionsUsed, kept, nobody, ionp.Read, volts)
	refused(t, access.CodeConnectionsUsed, kept, password("0"), ionp.Read, volts)
	do(t, kept, named("USER1", "0"), ionp.Read, volts)
	refused(t, access.CodeConnectionsUsed, s.dial(t), nobody, ionp.Hello, ionp.HelloRequest{})
}
