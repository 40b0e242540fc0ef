package master

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Clients take turns, whatever each has waiting; what one asks is sent in its order.
func TestClientsTakeTurns(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "first", 9, 9, read(0, 1)) // under way while the others come
		for i := range 4 {
			k.ask(b, fmt.Sprintf("a%d", i), 1, 7, read(i, 1))
		}
		k.ask(b, "b0", 2, 7, read(0, 1))
		for i := range 2 {
			k.ask(b, fmt.Sprintf("c%d", i), 3, 8, read(i, 1))
		}
		if got, want := names(k.wait(8)), "first a0 b0 c0 a1 c1 a2 a3"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// A client with one request at a time has as many turns as one with many waiting, and a client
// with a new number each time has no more of them.
func TestOneRequestAtATimeIsNoDisadvantage(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		var turns [3]atomic.Int64
		var polling sync.WaitGroup
		begin := time.Now()
		poll := func(who int, client func(i int) uint64) {
			polling.Go(func() {
				for i := 0; time.Since(begin) < 10*time.Second; i++ {
					if _, err := b.Ask(t.Context(), client(i), 7, read(i, 1)); err != nil {
						t.Error(err)
					}
					turns[who].Add(1)
					time.Sleep(time.Millisecond)
				}
			})
		}
		for range 8 {
			poll(0, func(int) uint64 { return 1 })
		}
		poll(1, func(int) uint64 { return 2 })
		poll(2, func(i int) uint64 { return uint64(100 + i) })
		polling.Wait()
		many, single, changing := turns[0].Load(), turns[1].Load(), turns[2].Load()
		if 10*single < 9*many || 10*single > 11*many || 10*changing > 11*many {
			t.Errorf("%d, %d and %d turns, want the same", many, single, changing)
		}
	})
}

func TestClientsAreForgotten(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		for i := range 2 * remembered {
			if _, err := b.Ask(t.Context(), uint64(i), 7, read(0, 1)); err != nil {
				t.Fatal(err)
			}
			if n := len(b.queue.clients); n > remembered {
				t.Fatalf("%d clients are remembered", n)
			}
		}
	})
}

// Of what a client has waiting for a guarded unit only that waits.
func TestGuardedUnitIsPassedOver(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "first", 1, 7, read(0, 1))
		k.wait(1)
		b.mu.Lock()
		b.units[7].guard = time.Now().Add(100 * time.Millisecond)
		b.mu.Unlock()
		for _, q := range []struct {
			name string
			unit byte
		}{{"a", 7}, {"b", 8}, {"c", 7}, {"d", 8}} {
			k.ask(b, q.name, 1, q.unit, read(0, 1))
		}
		if got, want := names(k.wait(4)), "first b d a c"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestCrowded(t *testing.T) {
	options := fixed(settings)
	options.PerClient, options.Total = 3, 7
	onLine(t, func() *testPort { return newTestPort(all) }, options, func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		for i := range 4 {
			k.ask(b, fmt.Sprint("a", i), 1, 7, read(i, 1))
		}
		if r := k.wait(1)[0]; r.name != "a3" || !errors.Is(r.err, ErrCrowded) {
			t.Errorf("the fourth of a client: %s %v, want ErrCrowded", r.name, r.err)
		}
		for i := range 3 {
			k.ask(b, fmt.Sprint("b", i), 2, 7, read(i, 1))
		}
		k.ask(b, "c0", 3, 7, read(0, 1))
		k.ask(b, "d0", 4, 7, read(0, 1))
		results := k.wait(8)
		if r := of(t, results, "d0"); !errors.Is(r.err, ErrCrowded) {
			t.Errorf("the eighth of all: %v, want ErrCrowded", r.err)
		}
		k.ask(b, "again", 1, 7, read(0, 1))
		if r := of(t, k.wait(1), "again"); r.err != nil {
			t.Errorf("when there is room again: %v", r.err)
		}
		if b.queue.total != 0 || len(b.queue.waiting) != 0 {
			t.Errorf("%d questions of %d clients are left", b.queue.total, len(b.queue.waiting))
		}
	})
}

// What has waited for too long is not sent: nobody expects it any more.
func TestPatience(t *testing.T) {
	port := func() *testPort {
		return newTestPort(func(n int, unit byte, pdu []byte) []reply {
			if unit == 7 {
				return nil
			}
			return all(n, unit, pdu)
		})
	}
	options := with(settings, func(s *Settings) { s.ResponseTimeout = 5 * time.Second })
	options.Patience = 3 * time.Second
	onLine(t, port, options, func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "dead", 1, 7, write(1, 1))
		synctest.Wait()
		k.ask(b, "old", 2, 8, write(1, 1))
		time.Sleep(3 * time.Second)
		k.ask(b, "young", 3, 8, write(2, 1))
		results := k.wait(3)
		if r := of(t, results, "old"); !errors.Is(r.err, ErrCrowded) {
			t.Errorf("old: %v, want ErrCrowded", r.err)
		}
		if r := of(t, results, "young"); r.err != nil || len(p.requests()) != 2 {
			t.Errorf("young: %v; %d requests were sent, want 2", r.err, len(p.requests()))
		}
	})
}

// What a client that left has waiting is not sent; what is under way is answered.
func TestLeave(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "under way", 1, 7, read(0, 1))
		synctest.Wait()
		k.ask(b, "write", 1, 7, write(0, 1))
		k.ask(b, "read", 1, 8, read(0, 1))
		k.ask(b, "other", 2, 8, read(9, 1))
		b.Leave(1)
		results := k.wait(4)
		for _, name := range []string{"write", "read"} {
			if r := of(t, results, name); !errors.Is(r.err, ErrLeft) {
				t.Errorf("%s: %v, want ErrLeft", name, r.err)
			}
		}
		for _, name := range []string{"under way", "other"} {
			if r := of(t, results, name); r.err != nil {
				t.Errorf("%s: %v", name, r.err)
			}
		}
		if n := len(p.requests()); n != 2 {
			t.Errorf("%d requests were sent, want 2", n)
		}
		if b.units[7].writes != 0 || b.queue.total != 0 || b.queue.clients[1] != nil {
			t.Errorf("%d writes, %d questions are left", b.units[7].writes, b.queue.total)
		}
	})
}

func TestQuestionsThatCannotBeSent(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		for name, pdu := range map[string][]byte{"nothing": nil, "too long": make([]byte, 254), "function 0": {0}, "an exception": {0x83, 1}} {
			if _, err := b.Ask(t.Context(), 1, 7, pdu); !errors.Is(err, ErrQuestion) {
				t.Errorf("%s: %v, want ErrQuestion", name, err)
			}
		}
	})
}
