package master

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// onLine runs a test with a bus that is served on a port, in a bubble.
func onLine(t *testing.T, p func() *testPort, options Options, test func(*testing.T, *Bus, *testPort)) {
	synctest.Test(t, func(t *testing.T) {
		port, b := p(), New(options)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.ServeLine(ctx, port, port.baud) }()
		synctest.Wait()
		test(t, b, port)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeLine: %v", err)
		}
		if port.clash {
			t.Error("a request was sent before the line was silent for t3.5")
		}
	})
}

// settings are those of most tests.
var settings = Settings{ResponseTimeout: 200 * time.Millisecond, Turnaround: 100 * time.Millisecond, Retries: 2}

func fixed(s Settings) Options { return Options{Settings: func() Settings { return s }} }

func with(s Settings, change func(*Settings)) Options {
	change(&s)
	return fixed(s)
}

// What a line does to an answer, and what is made of it.
func TestLineAnswers(t *testing.T) {
	r := read(100, 2)
	right := rtu(7, value(r))
	broken := bytes.Clone(right)
	broken[4] ^= 1
	user := []byte{0x46, 1, 2, 3}
	long := append([]byte{0x46}, bytes.Repeat([]byte{0x5A}, 200)...)
	first := func(replies ...reply) func(int, byte, []byte) []reply {
		return func(n int, unit byte, pdu []byte) []reply {
			if n == 0 {
				return replies
			}
			return all(n, unit, pdu)
		}
	}
	for _, tc := range []struct {
		name   string
		pdu    []byte
		answer func(int, byte, []byte) []reply
		want   []byte // nil: ErrNoAnswer
		sent   int
		counts UnitStatistics
	}{
		{"a read", r, all, value(r), 1, UnitStatistics{Answers: 1}},
		{"a write", write(1, 2), all, write(1, 2), 1, UnitStatistics{Answers: 1}},
		{"an exception is an answer", r, first(reply{think, rtu(7, []byte{0x83, 2})}), []byte{0x83, 2}, 1, UnitStatistics{Answers: 1, Exceptions: 1}},
		{"a user's function ends in silence", user, all, append(bytes.Clone(user), 0xAA), 1, UnitStatistics{Answers: 1}},
		{"a long one comes in pieces", long, all, append(bytes.Clone(long), 0xAA), 1, UnitStatistics{Answers: 1}},
		{"a read that is lost is sent again", r, first(), value(r), 2, UnitStatistics{Answers: 1, Timeouts: 1, Retries: 1}},
		{"a write that is lost is not", write(1, 2), first(), nil, 1, UnitStatistics{Timeouts: 1}},
		{"a user's function that is lost is not", user, first(), nil, 1, UnitStatistics{Timeouts: 1}},
		{"a damaged answer to a read: it is sent again", r, first(reply{think, broken}), value(r), 2, UnitStatistics{Answers: 1, CRCErrors: 1, Retries: 1}},
		{"a damaged answer to a write: it is not", write(1, 2), first(reply{think, append(rtu(7, write(1, 2))[:7], 0)}), nil, 1, UnitStatistics{CRCErrors: 1}},
		{"half an answer", r, first(reply{think, right[:5]}), value(r), 2, UnitStatistics{Answers: 1, CRCErrors: 1, Retries: 1}},
		{"noise before the answer", r, first(reply{think, append([]byte{0xFF, 0}, right...)}), value(r), 1, UnitStatistics{Answers: 1}},
		{"noise, a silence, the answer", r, first(reply{think, []byte{0xFF, 0}}, reply{80 * time.Millisecond, right}), value(r), 1, UnitStatistics{Answers: 1, CRCErrors: 1}},
		{"a gap within the answer", r, first(reply{think, right[:5]}, reply{20 * time.Millisecond, right[5:]}), value(r), 1, UnitStatistics{Answers: 1}},
		{"an answer that begins in time and ends later", r, first(reply{190 * time.Millisecond, right}), value(r), 1, UnitStatistics{Answers: 1}},
		{"the answer of a unit that nobody asked, then the right one", r, first(reply{think, rtu(9, value(r))}, reply{think, right}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"another's answer and the right one without a silence", r, first(reply{think, append(rtu(9, value(read(5, 9))), right...)}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"another function", r, first(reply{think, rtu(7, []byte{4, 4, 0, 1, 0, 2})}, reply{think, right}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"another byte count", r, first(reply{think, rtu(7, value(read(100, 3)))}, reply{think, right}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"the echo of another write", write(1, 2), first(reply{think, rtu(7, write(1, 3))}, reply{think, rtu(7, write(1, 2))}), write(1, 2), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"an exception to another function", r, first(reply{think, rtu(7, []byte{0x84, 2})}, reply{think, right}), value(r), 1, UnitStatistics{Answers: 1, Foreign: 1}},
		{"the answer comes twice", r, first(reply{think, append(bytes.Clone(right), right...)}), value(r), 1, UnitStatistics{Answers: 1, Late: 1}},
		{"nobody", r, func(n int, unit byte, pdu []byte) []reply {
			if unit == 7 {
				return nil
			}
			return all(n, unit, pdu)
		}, nil, 3, UnitStatistics{Timeouts: 3, Retries: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onLine(t, func() *testPort { return newTestPort(tc.answer) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
				got, err := b.Ask(t.Context(), 1, 7, tc.pdu)
				if !bytes.Equal(got, tc.want) || (tc.want == nil) != errors.Is(err, ErrNoAnswer) || (tc.want != nil && err != nil) {
					t.Errorf("% X, %v; want % X", got, err, tc.want)
				}
				time.Sleep(time.Second)
				// What is asked next gets its own answer.
				if next, err := b.Ask(t.Context(), 1, 8, read(300, 2)); err != nil || !bytes.Equal(next, value(read(300, 2))) {
					t.Errorf("then % X, %v", next, err)
				}
				sent := 0
				for _, s := range p.requests() {
					if s.frame[0] == 7 {
						sent++
					}
				}
				got7 := counts(b, 7)
				got7.Latency, got7.BackingOff = Latency{}, time.Time{}
				tc.counts.Unit, tc.counts.Requests = 7, 1
				if sent != tc.sent || got7 != tc.counts {
					t.Errorf("sent %d times, want %d\n got %+v\nwant %+v", sent, tc.sent, got7, tc.counts)
				}
			})
		})
	}
}

// An answer that comes after its time-out, however the requests are mixed, is never given to
// another request: neither of the same unit, function and length, nor of another unit.
func TestLineLateAnswers(t *testing.T) {
	for _, late := range []time.Duration{201, 210, 250, 300, 399, 500, 690} {
		late *= time.Millisecond
		t.Run(late.String(), func(t *testing.T) {
			port := func() *testPort {
				return newTestPort(func(n int, unit byte, pdu []byte) []reply {
					if n == 0 {
						return one(late, rtu(unit, echo(pdu)))
					}
					return all(n, unit, pdu)
				})
			}
			onLine(t, port, with(settings, func(s *Settings) { s.Retries = 0 }), func(t *testing.T, b *Bus, p *testPort) {
				// Without a back-off, the guard alone holds what is asked next.
				k := newBook()
				k.ask(b, "first", 1, 7, []byte{6, 0, 100, 0, 0})
				k.wait(1)
				b.units[7].backoff = backoff{}
				k.ask(b, "same", 1, 7, []byte{6, 0, 100, 0, 0})
				for i := range 20 {
					k.ask(b, "other", 2+uint64(i), 8, read(i, 1))
				}
				results := k.wait(21)
				if first := of(t, results, "first"); !errors.Is(first.err, ErrNoAnswer) {
					t.Errorf("first: % X, %v", first.answer, first.err)
				}
				if same := of(t, results, "same"); same.err != nil || same.at.Sub(p.requests()[0].at) < late {
					t.Errorf("same: %v, %v after the first", same.err, same.at.Sub(p.requests()[0].at))
				}
				if s := counts(b, 7); s.Late != 1 || s.Foreign != 0 {
					t.Errorf("%d late, %d foreign, want 1 and 0", s.Late, s.Foreign)
				}
				if s := counts(b, 8); s.Timeouts+s.Foreign != 0 {
					t.Errorf("the other unit: %+v", s)
				}
				p.clash = false // a late answer cannot be helped
			})
		})
	}
}

// The guard of a unit holds its requests alone, and ends when the late answer has come.
func TestLineGuard(t *testing.T) {
	for _, tc := range []struct {
		name string
		late time.Duration // 0: never
		held time.Duration
	}{
		{"the answer never comes", 0, leastGuard},
		{"it comes late", 300 * time.Millisecond, 120 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			port := func() *testPort {
				return newTestPort(func(n int, unit byte, pdu []byte) []reply {
					switch {
					case n > 0:
						return all(n, unit, pdu)
					case tc.late > 0:
						return one(tc.late, rtu(unit, echo(pdu)))
					}
					return nil
				})
			}
			onLine(t, port, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
				k := newBook()
				k.ask(b, "write", 1, 7, write(1, 2))
				failed := k.wait(1)[0].at
				k.ask(b, "guarded", 1, 7, read(1, 1))
				k.ask(b, "free", 1, 8, read(1, 1))
				results := k.wait(2)
				if free := of(t, results, "free"); free.err != nil || free.at.Sub(failed) > 30*time.Millisecond {
					t.Errorf("the other unit's: %v after %v", free.err, free.at.Sub(failed))
				}
				if guarded := of(t, results, "guarded"); guarded.err != nil || guarded.at.Sub(failed) < tc.held-30*time.Millisecond || guarded.at.Sub(failed) > tc.held+60*time.Millisecond {
					t.Errorf("its own: %v after %v, want about %v", guarded.err, guarded.at.Sub(failed), tc.held)
				}
			})
		})
	}
}

// Modbus over serial line V1.02, section 2.4.1: a broadcast is answered by nobody, and nothing
// is sent for the turnaround delay.
func TestLineBroadcast(t *testing.T) {
	port := func() *testPort {
		return newTestPort(func(n int, unit byte, pdu []byte) []reply {
			if unit == 0 {
				return nil
			}
			return all(n, unit, pdu)
		})
	}
	onLine(t, port, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "broadcast", 1, 0, write(1, 2))
		k.ask(b, "read", 2, 7, read(1, 1))
		for _, r := range k.wait(2) {
			if r.err != nil || (r.name == "broadcast") != (len(r.answer) == 0) {
				t.Errorf("%s: % X, %v", r.name, r.answer, r.err)
			}
		}
		sent := p.requests()
		if gap, want := sent[1].at.Sub(sent[0].at), settings.Turnaround+8*p.character(); gap < want || gap > want+time.Millisecond {
			t.Errorf("%v between them, want %v", gap, want)
		}
		if _, err := b.Ask(t.Context(), 1, 0, read(1, 1)); !errors.Is(err, ErrQuestion) {
			t.Errorf("a broadcast that reads: %v, want ErrQuestion", err)
		}
	})
}

func TestLineFrameDelay(t *testing.T) {
	const delay = 50 * time.Millisecond
	onLine(t, func() *testPort { return newTestPort(all) }, with(settings, func(s *Settings) { s.FrameDelay = delay }), func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "1", 1, 7, read(1, 1))
		k.ask(b, "2", 1, 7, read(1, 1))
		k.wait(2)
		sent := p.requests()
		if gap, want := sent[1].at.Sub(sent[0].at), delay+think+15*p.character(); gap < want || gap > want+time.Millisecond {
			t.Errorf("%v between two requests, want %v", gap, want)
		}
	})
}

// A dead unit holds the line with its retries once, then with one request after each pause;
// meanwhile it is answered for at once, and the others go on.
func TestDeadUnitBacksOff(t *testing.T) {
	port := func() *testPort {
		return newTestPort(func(n int, unit byte, pdu []byte) []reply {
			if unit == 7 {
				return nil
			}
			return all(n, unit, pdu)
		})
	}
	onLine(t, port, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		begin := time.Now()
		refused, answered := 0, 0
		for time.Since(begin) < 2*time.Minute {
			for client := range uint64(4) {
				asked := time.Now()
				if _, err := b.Ask(t.Context(), client, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
					t.Fatalf("the dead unit: %v", err)
				} else if time.Since(asked) == 0 {
					refused++
				}
			}
			if _, err := b.Ask(t.Context(), 1, 8, read(1, 1)); err != nil {
				t.Fatalf("the other unit: %v", err)
			}
			answered++
			time.Sleep(10 * time.Millisecond)
		}
		s := counts(b, 7)
		// Pauses of 1.6, 3.2, 6.4, 12.8, 25.6, 30 and 30 s are over within 2 minutes.
		if s.Timeouts != 3+7 || s.Refused == 0 || s.BackingOff.IsZero() || refused < answered {
			t.Errorf("%+v, %d refused at once", s, refused)
		}
		if held := time.Duration(s.Timeouts) * settings.ResponseTimeout; answered < 2*int((2*time.Minute-held)/(80*time.Millisecond)) {
			t.Errorf("the other unit was asked %d times only", answered)
		}
	})
}

// Any answer in time ends the back-off.
func TestUnitComesBack(t *testing.T) {
	var well atomic.Bool
	port := func() *testPort {
		return newTestPort(func(n int, unit byte, pdu []byte) []reply {
			if !well.Load() {
				return nil
			}
			return all(n, unit, pdu)
		})
	}
	onLine(t, port, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
			t.Fatalf("%v, want ErrNoAnswer", err)
		}
		well.Store(true)
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
			t.Fatalf("within the pause: %v, want ErrNoAnswer", err)
		}
		if n := len(p.requests()); n != 3 {
			t.Fatalf("sent %d times, want 3", n)
		}
		time.Sleep(pauseFactor * settings.ResponseTimeout)
		for range 3 {
			if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); err != nil {
				t.Fatalf("after it: %v", err)
			}
		}
		if s := counts(b, 7); !s.BackingOff.IsZero() || s.Answers != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// A port that fails in the middle of a request: what is under way gets no answer, what waits
// has no path, and a port that is there again is served.
func TestPortFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, k := New(fixed(settings)), newBook()
		k.ask(b, "before", 1, 7, read(1, 1))
		if r := k.wait(1)[0]; !errors.Is(r.err, ErrNoPath) {
			t.Errorf("before it is served: %v, want ErrNoPath", r.err)
		}
		p := newTestPort(func(int, byte, []byte) []reply { return nil })
		done := make(chan error, 1)
		serve := func(ctx context.Context, p *testPort) {
			go func() { done <- b.ServeLine(ctx, p, p.baud) }()
			synctest.Wait()
		}
		serve(t.Context(), p)
		if err := b.ServeLine(t.Context(), p, 9600); !errors.Is(err, errServed) {
			t.Errorf("served twice: %v", err)
		}
		k.ask(b, "under way", 1, 7, write(1, 2))
		k.ask(b, "waits", 2, 8, read(1, 1))
		time.Sleep(50 * time.Millisecond)
		close(p.fails)
		results := k.wait(2)
		if err := <-done; !errors.Is(err, errGone) {
			t.Errorf("ServeLine: %v, want that the device is gone", err)
		}
		if r := of(t, results, "under way"); !errors.Is(r.err, ErrNoAnswer) {
			t.Errorf("under way: %v, want ErrNoAnswer", r.err)
		}
		if r := of(t, results, "waits"); !errors.Is(r.err, ErrNoPath) {
			t.Errorf("waits: %v, want ErrNoPath", r.err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		serve(ctx, newTestPort(all))
		if answer, err := b.Ask(t.Context(), 1, 7, read(5, 1)); err != nil || !bytes.Equal(answer, value(read(5, 1))) {
			t.Errorf("then % X, %v", answer, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeLine: %v", err)
		}
	})
}

// stuckPort takes no request until it is closed.
type stuckPort struct {
	*testPort
	closed chan struct{}
}

func (p stuckPort) Write([]byte) (int, error) { <-p.closed; return 0, errGone }

func TestPortTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := New(fixed(settings)), stuckPort{newTestPort(all), make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- b.ServeLine(t.Context(), p, 19200) }()
		synctest.Wait()
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%v, want ErrNoAnswer", err)
		}
		if err := <-done; err == nil {
			t.Error("the port is served on")
		}
		close(p.closed)
	})
}

// A line on which somebody talks all the time is sent nothing; it recovers when that ends.
func TestLineNeverSilent(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		var over atomic.Bool
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for !over.Load() {
				p.hear([]byte{0x55})
				time.Sleep(p.character())
			}
		}()
		time.Sleep(time.Second)
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%v, want ErrNoAnswer", err)
		}
		if n := len(p.requests()); n != 0 {
			t.Errorf("%d requests were sent into it", n)
		}
		over.Store(true)
		<-ended
		if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); err != nil {
			t.Errorf("then: %v", err)
		}
	})
}
