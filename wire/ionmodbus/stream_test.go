package ionmodbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wireCarrier carries to an endpoint, and takes its time.
type wireCarrier struct {
	meter *Endpoint
	// took is how long a request and its answer of so many bytes take.
	took func(request, answer int) time.Duration
	// fails and answers say what else becomes of a request; nil for nothing.
	fails func() error
	says  func(pdu []byte) []byte

	mu     sync.Mutex
	asked  int
	begun  chan *Conn
	answer []byte
	at     time.Time
	closed chan struct{}
	once   sync.Once
}

func newWireCarrier() *wireCarrier {
	return &wireCarrier{meter: NewEndpoint(Options{}), took: func(int, int) time.Duration { return 10 * time.Millisecond }, begun: make(chan *Conn, 1), closed: make(chan struct{})}
}

func (c *wireCarrier) Send(pdu []byte) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	c.answer = nil
	if c.fails != nil {
		if err := c.fails(); err != nil {
			return err
		}
	}
	if c.says != nil {
		if c.answer = c.says(pdu); c.answer != nil {
			c.at = time.Now().Add(c.took(len(pdu), len(c.answer)))
			return nil
		}
	}
	if c.meter == nil {
		return nil
	}
	answer, begun, err := c.meter.Answer(time.Now(), "host", pdu, nil)
	if err == nil {
		c.answer, c.at = answer, time.Now().Add(c.took(len(pdu), len(answer)))
	}
	if begun != nil {
		c.begun <- begun
	}
	return nil
}

func (c *wireCarrier) Receive(until time.Time) ([]byte, error) {
	c.mu.Lock()
	answer, at := c.answer, c.at
	c.answer = nil
	c.mu.Unlock()
	if answer == nil || at.After(until) {
		at, answer = until, nil
	}
	select {
	case <-time.After(time.Until(at)):
	case <-c.closed:
		return nil, net.ErrClosed
	}
	if answer == nil {
		return nil, os.ErrDeadlineExceeded
	}
	return answer, nil
}

func (c *wireCarrier) Done() {}

func (c *wireCarrier) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *wireCarrier) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// While nothing is said, the client asks with growing pauses, a second at last; what is said then
// arrives at once.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWireCarrier()
		s, err := Dial(t.Context(), c, StreamOptions{Session: 1})
		if err != nil {
			t.Fatal(err)
		}
		meter := <-c.begun
		time.Sleep(time.Minute)
		before := c.requests()
		time.Sleep(time.Minute)
		if n := c.requests() - before; n < 55 || n > 61 {
			t.Errorf("%d requests in a minute of silence", n)
		}
		began := time.Now()
		if _, err := s.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 20)
		n, err := meter.Read(b)
		if took := time.Since(began); string(b[:n]) != "question" || err != nil || took > 30*time.Millisecond {
			t.Errorf("%q, %v after %v", b[:n], err, took)
		}
		began = time.Now()
		time.Sleep(5 * time.Millisecond)
		if _, err := meter.Write([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		n, err = s.Read(b)
		if took := time.Since(began); string(b[:n]) != "answer" || err != nil || took > 50*time.Millisecond {
			t.Errorf("%q, %v after %v", b[:n], err, took)
		}
		if err := s.Close(); err != nil || c.meter.Len() != 0 {
			t.Errorf("closed: %v; the meter has %d sessions", err, c.meter.Len())
		}
		if _, err := s.Read(b); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := s.Write(b); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// How a stream ends that does not end by itself, and what it says.
func TestStreamFails(t *testing.T) {
	exception := func(code byte) func([]byte) []byte {
		return func([]byte) []byte { return []byte{Function | exceptionBit, code} }
	}
	for _, tc := range []struct {
		name   string
		change func(*wireCarrier)
		is     error
		says   string
	}{
		{"silence", func(c *wireCarrier) { c.meter = nil }, ErrNoAnswer, "no answer for 30s: nothing was heard in time"},
		{"exception 0x0B all the time", func(c *wireCarrier) { c.says = exception(0x0B) }, ErrNoAnswer, "exception 0x0B"},
		{"exception 6 all the time", func(c *wireCarrier) { c.says = exception(6) }, ErrNoAnswer, "exception 0x06"},
		{"no connection", func(c *wireCarrier) { c.fails = func() error { return errors.New("no such host") } }, ErrNoAnswer, "no such host"},
		{"the meter was started again", func(c *wireCarrier) { c.meter = NewEndpoint(Options{}) }, RefusedUnknown, "does not know this session"},
		{"the meter ends the session", nil, io.EOF, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newWireCarrier()
				s, err := Dial(t.Context(), c, StreamOptions{Session: 1, Patience: 30 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				meter := <-c.begun
				c.mu.Lock()
				if tc.change != nil {
					tc.change(c)
				} else {
					meter.Close()
				}
				c.mu.Unlock()
				_, err = s.Read(make([]byte, 1))
				if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%v; want %v, with %q", err, tc.is, tc.says)
				}
				s.Close()
			})
		})
	}
	t.Run("a device without the function", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newWireCarrier()
			c.says = exception(1)
			if _, err := Dial(t.Context(), c, StreamOptions{Session: 1}); !errors.Is(err, ErrNotSupported) {
				t.Error(err)
			}
		})
	})
	t.Run("the caller gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newWireCarrier()
			c.says = exception(0x0A)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := Dial(ctx, c, StreamOptions{Session: 1}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "0x0A") {
				t.Error(err)
			}
		})
	})
}

// A connection that breaks, a device that is gone for a while, and a line that dies do not end
// the stream: it goes on where it was.
func TestStreamGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fails func(since time.Duration) error
		dead  func(since time.Duration) bool
	}{
		{"every third connection breaks", nil, nil},
		{"the device is gone for 20 s", func(since time.Duration) error {
			if since > time.Second && since < 21*time.Second {
				return errors.New("no such device")
			}
			return nil
		}, nil},
		{"the line is dead for 10 s", nil, func(since time.Duration) bool { return since > time.Second && since < 11*time.Second }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newWireCarrier()
				began, count := time.Now(), 0
				c.fails = func() error {
					count++
					if tc.fails != nil {
						return tc.fails(time.Since(began))
					}
					if tc.dead == nil && count%3 == 0 {
						return io.ErrUnexpectedEOF
					}
					return nil
				}
				c.says = func([]byte) []byte {
					if tc.dead != nil && tc.dead(time.Since(began)) {
						return []byte("noise")
					}
					return nil
				}
				s, err := Dial(t.Context(), c, StreamOptions{Session: 1, Patience: 30 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					s.Close()
					c.meter.End() // it may not have heard of it
				}()
				meter := <-c.begun
				sent := bytes.Repeat([]byte("over and over "), 4000)
				go func() {
					if _, err := io.Copy(meter, meter); err != nil { // an echo
						t.Error(err)
					}
				}()
				go func() {
					if _, err := s.Write(sent); err != nil {
						t.Error(err)
					}
				}()
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%v; %s", err, difference(got, sent))
				}
				if request, answer := s.client.sizes.now(); request != MaxPDU || answer != MaxPDU {
					t.Errorf("afterwards %d and %d bytes pass", request, answer)
				}
			})
		})
	}
}

// TestLineShare states what a stream makes of a line of 19,200 bit/s, 11 bits a character, with
// t3.5 before each frame and a meter that answers after 2 ms, beside what the line could carry.
func TestLineShare(t *testing.T) {
	for _, tc := range []struct {
		frame int // that passes
		least float64
	}{
		{256, 0.80},
		{64, 0.42},
	} {
		t.Run(fmt.Sprintf("frames of %d bytes", tc.frame), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const perByte, silence, thinking = 11 * time.Second / 19200, 7 * 11 * time.Second / 2 / 19200, 2 * time.Millisecond
				c := newWireCarrier()
				c.took = func(request, answer int) time.Duration {
					return perByte*time.Duration(request+3+answer+3) + 2*silence + thinking
				}
				c.says = func(pdu []byte) []byte {
					if m, err := Parse(pdu); err != nil || len(pdu)+3 > tc.frame || m.Kind == Probe && int(m.Payload[0])+3 > tc.frame {
						return []byte("lost")
					}
					return nil
				}
				s, err := Dial(t.Context(), c, StreamOptions{Session: 1, PerByte: perByte})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				opened := time.Now()
				meter := <-c.begun
				const bytes = 100_000
				go func() {
					if _, err := meter.Write(make([]byte, bytes)); err != nil {
						t.Error(err)
					}
				}()
				if _, err := io.ReadFull(s, make([]byte, bytes)); err != nil {
					t.Fatal(err)
				}
				rate := bytes / time.Since(opened).Seconds()
				limit := float64(time.Second) / float64(perByte)
				estimate := s.Path().BytesPerSecond
				t.Logf("%.0f bytes/s of the %.0f that the line carries: %.0f %%; estimated %.0f", rate, limit, 100*rate/limit, estimate)
				if rate < tc.least*limit || estimate < 0.9*rate || estimate > 1.1*rate {
					t.Errorf("want %.0f %% at least, and an estimate within a tenth", 100*tc.least)
				}
			})
		})
	}
}
