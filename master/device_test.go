package master

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// frame is a frame of Modbus TCP.
func frame(transaction uint16, unit byte, pdu []byte) []byte {
	b := append(modbus.BeginFrame(nil, modbus.Header{Transaction: transaction, Unit: unit}), pdu...)
	modbus.EndFrame(b, 0)
	return b
}

// hangsUp is the reply of a device that closes the connection.
var hangsUp = []byte{}

// testDevice is a TCP device in the bubble's time. It is given each request and its number,
// from 0.
type testDevice struct {
	answer func(n int, h modbus.Header, pdu []byte) []reply
	units  sync.Mutex // held while answer runs

	mu      sync.Mutex
	refuses bool
	dialled []time.Time
	open    int // connections that the master has
	most    int // at one time
	got     [][]byte
	conn    net.Conn // the device's end of the last one
}

func well(_ int, h modbus.Header, pdu []byte) []reply {
	return one(think, frame(h.Transaction, h.Unit, echo(pdu)))
}

func (d *testDevice) dial(context.Context) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dialled = append(d.dialled, time.Now())
	if d.refuses {
		return nil, errGone
	}
	here, there := net.Pipe()
	d.conn = there
	d.open++
	d.most = max(d.most, d.open)
	go d.serve(there)
	return &counted{Conn: here, device: d}, nil
}

// counted is the master's end of a connection.
type counted struct {
	net.Conn
	device *testDevice
	once   sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() {
		c.device.mu.Lock()
		defer c.device.mu.Unlock()
		c.device.open--
	})
	return c.Conn.Close()
}

func (d *testDevice) serve(conn net.Conn) {
	var sending sync.WaitGroup
	defer func() {
		conn.Close()
		sending.Wait()
	}()
	b := make([]byte, modbus.MaxFrame)
	for {
		if _, err := io.ReadFull(conn, b[:modbus.HeaderLength]); err != nil {
			return
		}
		n, err := modbus.FrameLength(b[:modbus.HeaderLength])
		if err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(conn, b[modbus.HeaderLength:n]); err != nil {
			return
		}
		h, pdu := modbus.ParseHeader(bytes.Clone(b[:n]))
		d.mu.Lock()
		number := len(d.got)
		d.got = append(d.got, bytes.Clone(b[:n]))
		d.mu.Unlock()
		d.units.Lock()
		replies := d.answer(number, h, pdu)
		d.units.Unlock()
		sending.Go(func() {
			for _, r := range replies {
				time.Sleep(r.after)
				if len(r.bytes) == 0 {
					conn.Close()
				}
				_, _ = conn.Write(r.bytes) // the master may have hung up
			}
		})
	}
}

func (d *testDevice) requests() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([][]byte(nil), d.got...)
}

// onDevice runs a test with a bus that is served over TCP, in a bubble.
func onDevice(t *testing.T, answer func(int, modbus.Header, []byte) []reply, options Options, test func(*testing.T, *Bus, *testDevice)) {
	synctest.Test(t, func(t *testing.T) {
		d, b := &testDevice{answer: answer}, New(options)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.ServeTCP(ctx, d.dial) }()
		synctest.Wait()
		test(t, b, d)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeTCP: %v", err)
		}
		time.Sleep(5 * time.Second) // the device's last answers, which nobody hears
		if d.most > 1 || d.open != 0 {
			t.Errorf("%d connections at one time, %d left open", d.most, d.open)
		}
	})
}

func TestDeviceAnswers(t *testing.T) {
	r := read(100, 2)
	first := func(replies func(h modbus.Header) []reply) func(int, modbus.Header, []byte) []reply {
		return func(n int, h modbus.Header, pdu []byte) []reply {
			if n == 0 {
				return replies(h)
			}
			return well(n, h, pdu)
		}
	}
	right := func(h modbus.Header) reply { return reply{think, frame(h.Transaction, h.Unit, value(r))} }
	for _, tc := range []struct {
		name   string
		pdu    []byte
		answer func(int, modbus.Header, []byte) []reply
		want   []byte // nil: ErrNoAnswer
		sent   int
		counts UnitStatistics
	}{
		{"a read", r, well, value(r), 1, UnitStatistics{Answers: 1}},
		{"a write", write(1, 2), well, write(1, 2), 1, UnitStatistics{Answers: 1}},
		{"an exception is an answer", r, first(func(h modbus.Header) []reply { return one(think, frame(h.Transaction, 7, []byte{0x83, 2})) }), []byte{0x83, 2}, 1, UnitStatistics{Answers: 1, Exceptions: 1}},
		{"a read that is lost is sent again", r, first(func(modbus.Header) []reply { return nil }), value(r), 2, UnitStatistics{Answers: 1, Timeouts: 1, Retries: 1}},
		{"a write that is lost is not", write(1, 2), first(func(modbus.Header) []reply { return nil }), nil, 1, UnitStatistics{Timeouts: 1}},
		{"another transaction, then the right one", r, first(func(h modbus.Header) []reply {
			return []reply{{think, frame(h.Transaction-1, 7, value(r))}, right(h)}
		}), value(r), 1, UnitStatistics{Answers: 1, Late: 1}},
		{"another unit, then the right one", r, first(func(h modbus.Header) []reply {
			return []reply{{think, frame(h.Transaction, 9, value(r))}, right(h)}
		}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"another function, then the right one", r, first(func(h modbus.Header) []reply {
			return []reply{{think, frame(h.Transaction, 7, []byte{4, 4, 0, 0, 0, 0})}, right(h)}
		}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"another byte count, then the right one", r, first(func(h modbus.Header) []reply {
			return []reply{{think, frame(h.Transaction, 7, value(read(100, 3)))}, right(h)}
		}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"another protocol, then the right one", r, first(func(h modbus.Header) []reply {
			other := frame(h.Transaction, 7, value(r))
			other[3] = 1
			return []reply{{think, other}, right(h)}
		}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"the answer in pieces", r, first(func(h modbus.Header) []reply {
			b := right(h).bytes
			return []reply{{think, b[:3]}, {think, b[3:8]}, {think, b[8:]}}
		}), value(r), 1, UnitStatistics{Answers: 1}},
		{"the answer twice", r, first(func(h modbus.Header) []reply { return []reply{right(h), {1, right(h).bytes}} }), value(r), 1, UnitStatistics{Answers: 1, Late: 1}},
		{"a read whose connection is lost is sent again", r, first(func(modbus.Header) []reply { return one(think, hangsUp) }), value(r), 2, UnitStatistics{Answers: 1, Lost: 1, Retries: 1}},
		{"a write whose connection is lost is not", write(1, 2), first(func(modbus.Header) []reply { return one(think, hangsUp) }), nil, 1, UnitStatistics{Lost: 1}},
		{"what is no frame ends the connection", r, first(func(modbus.Header) []reply { return one(think, []byte("HTTP/1.1 400")) }), value(r), 2, UnitStatistics{Answers: 1, Lost: 1, Retries: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onDevice(t, tc.answer, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
				got, err := b.Ask(t.Context(), 1, 7, tc.pdu)
				if !bytes.Equal(got, tc.want) || (tc.want == nil) != errors.Is(err, ErrNoAnswer) || (tc.want != nil && err != nil) {
					t.Errorf("% X, %v; want % X", got, err, tc.want)
				}
				if n := len(d.requests()); n != tc.sent {
					t.Errorf("sent %d times, want %d", n, tc.sent)
				}
				if next, err := b.Ask(t.Context(), 1, 8, read(300, 2)); err != nil || !bytes.Equal(next, value(read(300, 2))) {
					t.Errorf("then % X, %v", next, err)
				}
				got7 := counts(b, 7)
				got7.Latency = Latency{}
				tc.counts.Unit, tc.counts.Requests = 7, 1
				if got7 != tc.counts {
					t.Errorf("\n got %+v\nwant %+v", got7, tc.counts)
				}
			})
		})
	}
}

// Late answers are known by their transaction: the next request is sent at once, and gets its
// own answer.
func TestDeviceLateAnswers(t *testing.T) {
	answer := func(n int, h modbus.Header, pdu []byte) []reply {
		if n == 0 {
			return one(settings.ResponseTimeout+2*time.Millisecond, frame(h.Transaction, h.Unit, echo(pdu)))
		}
		return well(n, h, pdu)
	}
	onDevice(t, answer, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
		if _, err := b.Ask(t.Context(), 1, 7, []byte{6, 0, 1, 0, 1}); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("the first: %v", err)
		}
		asked := time.Now()
		if answer, err := b.Ask(t.Context(), 2, 7, []byte{6, 0, 1, 0, 1}); err != nil || time.Since(asked) != think {
			t.Errorf("the same again: % X, %v after %v", answer, err, time.Since(asked))
		}
		if s := counts(b, 7); s.Late != 1 {
			t.Errorf("%d late, want 1", s.Late)
		}
	})
}

// A device that cannot be reached is dialled less and less often, and meanwhile answered for
// at once.
func TestDeviceOutOfReach(t *testing.T) {
	onDevice(t, well, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
		d.refuses = true
		begin := time.Now()
		for time.Since(begin) < time.Minute {
			if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
				t.Fatalf("%v, want ErrNoAnswer", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		// At 0, 1, 3, 7, 15, 31 s.
		if n := len(d.dialled); n != 6 {
			t.Errorf("dialled %d times, want 6", n)
		}
		d.refuses = false
		time.Sleep(lastPause)
		if _, err := b.Ask(t.Context(), 1, 7, write(1, 1)); err != nil {
			t.Errorf("within reach again: %v", err)
		}
	})
}

// A device that takes connections and loses them all is left alone, too.
func TestDeviceLosesConnections(t *testing.T) {
	loses := func(int, modbus.Header, []byte) []reply { return one(0, hangsUp) }
	onDevice(t, loses, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
		for range 100 {
			if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
				t.Fatalf("%v, want ErrNoAnswer", err)
			}
		}
		if n := len(d.dialled); n != 2 {
			t.Errorf("dialled %d times, want 2", n)
		}
	})
}

// A connection that the device closes between two requests costs none of them, not even a
// write.
func TestDeviceClosesWhileNothingIsAsked(t *testing.T) {
	onDevice(t, well, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
		for i := range 3 {
			if _, err := b.Ask(t.Context(), 1, 7, write(i, 1)); err != nil {
				t.Fatal(err)
			}
			d.conn.Close()
			synctest.Wait()
		}
		if s := counts(b, 7); s.Lost != 0 || s.Answers != 3 || len(d.dialled) != 3 {
			t.Errorf("%+v, dialled %d times", s, len(d.dialled))
		}
	})
}

// The other end may be gone without a word: the connection is given up, and made anew.
func TestDeviceFallsSilent(t *testing.T) {
	deaf := func(n int, h modbus.Header, pdu []byte) []reply {
		if n == 1 || n == 2 {
			return nil
		}
		return well(n, h, pdu)
	}
	onDevice(t, deaf, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
		for i := range 2 {
			if answer, err := b.Ask(t.Context(), 1, 7, read(i, 1)); err != nil || !bytes.Equal(answer, value(read(i, 1))) {
				t.Errorf("% X, %v", answer, err)
			}
		}
		if len(d.dialled) != 2 {
			t.Errorf("dialled %d times, want 2", len(d.dialled))
		}
	})
}

// A connection that nobody needs is closed, for a device may allow but one.
func TestDeviceIsFreed(t *testing.T) {
	options := fixed(settings)
	options.Idle = 10 * time.Second
	onDevice(t, well, options, func(t *testing.T, b *Bus, d *testDevice) {
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if d.mu.Lock(); d.open != 1 {
			t.Error("it is closed too soon")
		}
		d.mu.Unlock()
		time.Sleep(2 * time.Second)
		if d.mu.Lock(); d.open != 0 {
			t.Error("it is open still")
		}
		d.mu.Unlock()
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDeviceBroadcastAndFrameDelay(t *testing.T) {
	onDevice(t, well, with(settings, func(s *Settings) { s.FrameDelay = 30 * time.Millisecond }), func(t *testing.T, b *Bus, d *testDevice) {
		asked := time.Now()
		if answer, err := b.Ask(t.Context(), 1, 0, write(1, 2)); err != nil || len(answer) != 0 {
			t.Errorf("broadcast: % X, %v", answer, err)
		}
		for range 2 {
			if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if took, want := time.Since(asked), settings.Turnaround+2*think+30*time.Millisecond; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
	})
}

// A gateway below that takes its time to say that a unit does not answer: its word is passed
// on, and the unit backs off as if it were ours. One that says so at once may be asked on.
func TestGatewayBelow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after time.Duration
		sent  int
	}{
		{"slow", slowRefusal, 3},
		{"at once", time.Millisecond, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer := func(n int, h modbus.Header, pdu []byte) []reply {
				return one(tc.after, frame(h.Transaction, h.Unit, []byte{pdu[0] | 0x80, 0x0B}))
			}
			onDevice(t, answer, fixed(settings), func(t *testing.T, b *Bus, d *testDevice) {
				for i := range 10 {
					answer, err := b.Ask(t.Context(), 1, 7, read(1, 1))
					if passed := bytes.Equal(answer, []byte{0x83, 0x0B}); passed != (i < tc.sent) || passed == errors.Is(err, ErrNoAnswer) {
						t.Errorf("%d: % X, %v", i, answer, err)
					}
				}
			})
		})
	}
}
