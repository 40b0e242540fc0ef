package ionp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meter answers on one end of a stream. answer gets each request; what it adds to the
// writer is flushed when no further request waits.
func meter(stream io.ReadWriteCloser, frame int, answer func(w *Writer, id uint32, r *Request)) {
	defer stream.Close()
	reader, writer := NewReader(stream), NewWriter(stream)
	reader.SetLimits(frame, DefaultMaxMessage)
	var r Request
	for {
		m, err := reader.Next()
		if err != nil || DecodeRequest(m.Bytes, &r) != nil {
			return
		}
		answer(writer, m.ID, &r)
		if !reader.Waiting() && writer.Flush() != nil {
			return
		}
	}
}

// echo answers a hello, and a read with the labels as texts; what it cannot read it
// refuses.
func echo(w *Writer, id uint32, r *Request) {
	var reply Reply
	switch r.Operation {
	case Operation(Hello):
		hello, err := Hello.DecodeRequest(r.Body)
		if err != nil {
			panic(err)
		}
		reply.Body, _ = Hello.EncodeReply(HelloReply{Version: Version, LargestFrame: LargestFrame})
		defer w.SetLargestFrame(int(hello.LargestFrame))
	case Operation(Read):
		read, err := Read.DecodeRequest(r.Body)
		if err != nil {
			reply = *(&Refusal{Code: CodeBadRequest, Reason: err.Error()}).Reply()
			break
		}
		res := ReadReply{Sequence: 1, Time: 2}
		for _, l := range read.Labels {
			res.Readings = append(res.Readings, Reading{l, Text(l)})
		}
		reply.Body, _ = Read.EncodeReply(res)
	default:
		reply = Reply{Code: CodeUnknownOperation, Reason: "no such operation", Remedy: "ask for another"}
	}
	if err := w.Reply(id, &reply); err != nil {
		panic(err)
	}
}

func tcp(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func start(t testing.TB, client, server io.ReadWriteCloser, o ClientOptions, answer func(*Writer, uint32, *Request)) *Client {
	t.Helper()
	done := make(chan struct{})
	frame := o.LargestFrame
	if frame == 0 {
		frame = LargestFrame
	}
	go func() {
		defer close(done)
		meter(server, frame, answer)
	}()
	c := NewClient(client, o)
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return c
}

// Many goroutines ask at once on one stream, each gets its own answer, in frames of
// every size.
func TestClientConcurrent(t *testing.T) {
	for _, tc := range []struct {
		name  string
		dial  func() (client, server net.Conn)
		frame int
	}{
		{"pipe", net.Pipe, 0},
		{"pipe, frames of 64 bytes", net.Pipe, 64},
		{"TCP", func() (net.Conn, net.Conn) { return tcp(t) }, 0},
		{"TCP, frames of 64 bytes", func() (net.Conn, net.Conn) { return tcp(t) }, 64},
		{"TCP, frames of 240 bytes", func() (net.Conn, net.Conn) { return tcp(t) }, 240},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server := tc.dial()
			c := start(t, client, server, ClientOptions{LargestFrame: tc.frame}, echo)
			ctx := context.Background()
			if _, err := c.Hello(ctx, HelloRequest{ClientName: "test"}); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for g := range 16 {
				all.Go(func() {
					for i := range 50 {
						label := fmt.Sprintf("goroutine %d/request %d", g, i)
						req := ReadRequest{[]string{label, strings.Repeat("x", 1+i*5)}}
						res, err := Do(ctx, c, Identity{Credential: NamedUser("USER1", "0")}, Read, req)
						if err != nil {
							t.Error(err)
							return
						}
						if len(res.Readings) != 2 || res.Readings[0].Label != label || res.Readings[1].Value.Text != req.Labels[1] {
							t.Errorf("%v, want the values of %v", res, req)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// Before the hello no frame is longer than what every side takes.
func TestClientFrameBeforeHello(t *testing.T) {
	client, server := net.Pipe()
	c := start(t, client, server, ClientOptions{}, echo)
	labels := make([]string, 20)
	for i := range labels {
		labels[i] = strings.Repeat("x", 100)
	}
	if _, err := Do(context.Background(), c, Identity{}, Read, ReadRequest{labels}); err != nil {
		t.Fatal(err)
	}
	strict, peer := net.Pipe()
	done := make(chan error, 1)
	go func() {
		r := NewReader(peer)
		r.SetLimits(FrameBeforeHello, DefaultMaxMessage)
		_, err := r.Next()
		done <- err
		_ = peer.Close()
	}()
	c2 := NewClient(strict, ClientOptions{})
	defer c2.Close()
	if _, err := Do(context.Background(), c2, Identity{}, Read, ReadRequest{labels}); err == nil {
		t.Error("an answer from nobody")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A refusal is an error with its code, reason and remedy.
func TestClientRefusal(t *testing.T) {
	client, server := net.Pipe()
	c := start(t, client, server, ClientOptions{}, echo)
	_, err := Do(context.Background(), c, Identity{}, Info, InfoRequest{})
	var refused *Refusal
	if !errors.As(err, &refused) || *refused != (Refusal{CodeUnknownOperation, "no such operation", "ask for another"}) {
		t.Errorf("%v", err)
	}
	if !errors.Is(err, &Refusal{Code: CodeUnknownOperation}) || errors.Is(err, &Refusal{Code: CodeBusy}) {
		t.Errorf("%v is not told by its code", err)
	}
}

// Answers come in any order.
func TestClientAnswersOutOfOrder(t *testing.T) {
	client, server := net.Pipe()
	var first uint32
	c := start(t, client, server, ClientOptions{}, func(w *Writer, id uint32, r *Request) {
		if first == 0 {
			first = id
			return
		}
		for _, id := range []uint32{id, first} {
			body, _ := Reset.EncodeReply(ResetReply{[]string{fmt.Sprint(id)}})
			_ = w.Reply(id, &Reply{Body: body})
		}
		first = 0
	})
	var all sync.WaitGroup
	got := make([]string, 2)
	for i := range got {
		all.Go(func() {
			res, err := Do(context.Background(), c, Identity{}, Reset, ResetRequest{})
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = res.Names[0]
		})
	}
	all.Wait()
	if got[0] == got[1] {
		t.Errorf("both got %v", got)
	}
}

// A broken stream fails all who wait, and all who come later, with its cause.
func TestClientBrokenStream(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(server net.Conn)
		want string
	}{
		{"closed", func(s net.Conn) {}, "closed by the meter"},
		{"closed within a reply", func(s net.Conn) { _, _ = s.Write([]byte{0, 9, 1, 0}) }, "unexpected EOF"},
		{"not our protocol", func(s net.Conn) { _, _ = io.WriteString(s, "HTTP/1.1 400 Bad Request\r\n\r\n") }, "length field"},
		{"a request from the meter", func(s net.Conn) { _, _ = s.Write(AppendFrames(nil, KindRequest, 1, []byte{0xa0}, 64)) }, "sent a request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server := tcp(t)
			c := NewClient(client, ClientOptions{})
			defer c.Close()
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if _, err := c.Call(context.Background(), &Request{}); err == nil || !strings.Contains(err.Error(), tc.want) {
						t.Errorf("%v, want %q", err, tc.want)
					}
				})
			}
			r := NewReader(server)
			for range 8 {
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
			}
			tc.end(server)
			_ = server.Close()
			all.Wait()
			if _, err := c.Call(context.Background(), &Request{}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("later: %v, want %q", err, tc.want)
			}
		})
	}
}

// Close fails those who wait.
func TestClientClose(t *testing.T) {
	client, server := net.Pipe()
	asked := make(chan struct{})
	c := start(t, client, server, ClientOptions{}, func(*Writer, uint32, *Request) { close(asked) })
	done := make(chan error)
	go func() {
		_, err := c.Call(context.Background(), &Request{})
		done <- err
	}()
	<-asked
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

// A request whose time is up returns; a late answer is dropped and the next request gets
// its own.
func TestClientDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		var late []uint32
		c := start(t, client, server, ClientOptions{}, func(w *Writer, id uint32, r *Request) {
			if r.Operation == Operation(Info) {
				late = append(late, id)
				return
			}
			for _, id := range late {
				_ = w.Reply(id, &Reply{Code: CodeBusy})
			}
			echo(w, id, r)
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := Do(ctx, c, Identity{}, Info, InfoRequest{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want a deadline", err)
		}
		if res, err := Do(context.Background(), c, Identity{}, Read, ReadRequest{[]string{"a"}}); err != nil || res.Readings[0].Label != "a" {
			t.Errorf("the next one: %v, %v", res, err)
		}
		if len(late) != 1 {
			t.Errorf("%d requests came too late, want 1", len(late))
		}
	})
}

// A meter that does not even read holds nobody longer than the deadline says.
func TestClientDeafMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf, _ := net.Pipe()
		c := NewClient(deaf, ClientOptions{})
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		for range 2 * queuedRequests {
			all.Go(func() {
				if _, err := c.Call(ctx, &Request{}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want a deadline", err)
				}
			})
		}
		all.Wait()
	})
}

// A reply longer than the client takes fails its request and no other.
func TestClientReplyTooLong(t *testing.T) {
	client, server := tcp(t)
	c := start(t, client, server, ClientOptions{MaxMessage: 1000}, echo)
	long := ReadRequest{strings.Split(strings.Repeat("x", 100), "")}
	for range 2 {
		_, err := Do(context.Background(), c, Identity{}, Read, long)
		var tooLong *TooLongError
		if !errors.As(err, &tooLong) {
			t.Errorf("%v, want a TooLongError", err)
		}
		if _, err := Do(context.Background(), c, Identity{}, Read, ReadRequest{[]string{"a"}}); err != nil {
			t.Errorf("the next one: %v", err)
		}
	}
}

// A reply in parts comes in order and whole, however slowly it is taken; given up, it
// holds up nobody.
func TestClientReplyInParts(t *testing.T) {
	client, server := tcp(t)
	c := start(t, client, server, ClientOptions{}, func(w *Writer, id uint32, r *Request) {
		if r.Operation != Operation(Records) {
			echo(w, id, r)
			return
		}
		for i := range uint64(100) {
			body, _ := Records.EncodeReply(RecordsReply{Next: i + 1})
			_ = w.Reply(id, &Reply{Body: body, More: i < 99})
		}
	})
	request := &Request{Operation: Operation(Records)}
	var got uint64
	err := c.CallEach(context.Background(), request, func(r *Reply) error {
		got++
		if res, err := Records.DecodeReply(r.Body); err != nil || res.Next != got {
			t.Errorf("part %d: %+v, %v", got, res, err)
		}
		return nil
	})
	if err != nil || got != 100 {
		t.Errorf("%d parts, %v", got, err)
	}
	enough := errors.New("enough")
	if err := c.CallEach(context.Background(), request, func(*Reply) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v, want the error of the caller", err)
	}
	if _, err := c.Call(context.Background(), request); err == nil {
		t.Error("Call takes the first part for the whole")
	}
	if _, err := Do(context.Background(), c, Identity{}, Read, ReadRequest{[]string{"a"}}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// Notices come to their subscription, the oldest is dropped where nobody takes them, and
// the end of a subscription says why.
func TestClientSubscribe(t *testing.T) {
	client, server := tcp(t)
	var subscribed atomic.Uint32
	c := start(t, client, server, ClientOptions{Notices: 4}, func(w *Writer, id uint32, r *Request) {
		switch r.Operation {
		case Operation(Subscribe):
			subscribed.Store(id)
			if err := w.Reply(id, &Reply{}); err != nil {
				t.Error(err)
			}
			_ = w.Notice(id, &Notice{Sequence: 1, Readings: []Reading{{"a", NotAvailable(ValueNumber, "V")}}})
		case Operation(Pulse): // ten more
			for i := range uint64(10) {
				_ = w.Notice(subscribed.Load(), &Notice{Sequence: 2 + i})
			}
			_ = w.Reply(id, &Reply{})
		case Operation(Logout): // the end
			_ = w.Notice(subscribed.Load(), &Notice{Ended: "no-permission", Reason: "the account was removed"})
			_ = w.Reply(id, &Reply{})
		default:
			_ = w.Reply(id, &Reply{})
		}
	})
	ctx := context.Background()
	s, err := c.Subscribe(ctx, Identity{}, SubscribeRequest{Labels: []string{"a"}, IntervalMS: 100})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-s.Notices(); n.Sequence != 1 || n.Readings[0].Value.Available {
		t.Errorf("%+v", n)
	}
	if _, err := Do(ctx, c, Identity{}, Pulse, PulseRequest{}); err != nil {
		t.Fatal(err)
	}
	for want := uint64(8); want <= 11; want++ { // the newest four of 2 to 11
		if n := <-s.Notices(); n.Sequence != want {
			t.Errorf("notice %d, want %d", n.Sequence, want)
		}
	}
	if s.Missed() != 6 {
		t.Errorf("%d missed, want 6", s.Missed())
	}
	if _, err := Do(ctx, c, Identity{}, Logout, LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, open := <-s.Notices(); open || !errors.Is(s.Err(), &Refusal{Code: "no-permission"}) {
		t.Errorf("open %v, %v", open, s.Err())
	}

	closed, err := c.Subscribe(ctx, Identity{}, SubscribeRequest{Labels: []string{"a"}, IntervalMS: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(ctx); err != nil {
		t.Error(err)
	}
	for range closed.Notices() { // the one that came before
	}
	if closed.Err() != nil {
		t.Error(closed.Err())
	}

	broken, err := c.Subscribe(ctx, Identity{}, SubscribeRequest{Labels: []string{"a"}, IntervalMS: 100})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	for range broken.Notices() {
	}
	if !errors.Is(broken.Err(), ErrClosed) {
		t.Errorf("%v, want ErrClosed", broken.Err())
	}
}

// A subscription that is refused leaves nothing behind.
func TestClientSubscribeRefused(t *testing.T) {
	client, server := net.Pipe()
	c := start(t, client, server, ClientOptions{}, echo)
	_, err := c.Subscribe(context.Background(), Identity{}, SubscribeRequest{Labels: []string{"a"}, IntervalMS: 100})
	if !errors.Is(err, &Refusal{Code: CodeUnknownOperation}) {
		t.Errorf("%v", err)
	}
	if len(c.subscriptions) != 0 || len(c.waiting) != 0 {
		t.Errorf("%d subscriptions, %d requests left", len(c.subscriptions), len(c.waiting))
	}
}
