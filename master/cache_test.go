package master

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

var caching = with(settings, func(s *Settings) { s.Cache = 300 * time.Millisecond })

// counting answers reads with how many requests came before.
func counting(n int, unit byte, pdu []byte) []reply {
	if pdu[0] == 3 {
		return one(think, rtu(unit, []byte{3, 2, 0, byte(n)}))
	}
	return all(n, unit, pdu)
}

func TestCache(t *testing.T) {
	for _, tc := range []struct {
		name    string
		between func(*testing.T, *Bus)
		pdu     []byte
		sent    bool
	}{
		{"the same read", nil, read(5, 1), false},
		{"when it is old", func(*testing.T, *Bus) { time.Sleep(301 * time.Millisecond) }, read(5, 1), true},
		{"another address", nil, read(6, 1), true},
		{"another function", nil, []byte{4, 0, 5, 0, 1}, true},
		{"after a write to the unit", func(t *testing.T, b *Bus) { _, _ = b.Ask(t.Context(), 2, 7, write(9, 1)) }, read(5, 1), true},
		{"after a user's function", func(t *testing.T, b *Bus) { _, _ = b.Ask(t.Context(), 2, 7, []byte{0x46}) }, read(5, 1), true},
		{"after a broadcast", func(t *testing.T, b *Bus) { _, _ = b.Ask(t.Context(), 2, 0, write(9, 1)) }, read(5, 1), true},
		{"after a write to another unit", func(t *testing.T, b *Bus) { _, _ = b.Ask(t.Context(), 2, 8, write(9, 1)) }, read(5, 1), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onLine(t, func() *testPort { return newTestPort(counting) }, caching, func(t *testing.T, b *Bus, p *testPort) {
				first, err := b.Ask(t.Context(), 1, 7, read(5, 1))
				if err != nil {
					t.Fatal(err)
				}
				if tc.between != nil {
					tc.between(t, b)
				}
				before := len(p.requests())
				again, err := b.Ask(t.Context(), 2, 7, tc.pdu)
				if sent := len(p.requests()) > before; err != nil || sent != tc.sent || (!sent && !bytes.Equal(first, again)) {
					t.Errorf("% X then % X, %v, sent %v", first, again, err, sent)
				}
				if s := counts(b, 7); (s.Cached == 1) == tc.sent {
					t.Errorf("%d cached", s.Cached)
				}
			})
		})
	}
}

// An exception is not kept.
func TestCacheOfExceptions(t *testing.T) {
	port := func() *testPort {
		return newTestPort(func(n int, unit byte, pdu []byte) []reply { return one(think, rtu(unit, []byte{pdu[0] | 0x80, 2})) })
	}
	onLine(t, port, caching, func(t *testing.T, b *Bus, p *testPort) {
		for range 2 {
			if answer, err := b.Ask(t.Context(), 1, 7, read(5, 1)); err != nil || answer[0] != 0x83 {
				t.Errorf("% X, %v", answer, err)
			}
		}
		if n := len(p.requests()); n != 2 {
			t.Errorf("sent %d times, want 2", n)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, with(settings, func(s *Settings) { s.Cache = time.Hour }), func(t *testing.T, b *Bus, p *testPort) {
		for i := range 2 * cacheEntries {
			if _, err := b.Ask(t.Context(), 1, 7, read(i, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(b.cache.answers); n != cacheEntries {
			t.Errorf("%d answers are kept, want %d", n, cacheEntries)
		}
	})
}

// The same read by many is sent once, while it waits and while it is under way; a write lets
// none join a read that was asked before it.
func TestReadsAreJoined(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(counting) }, caching, func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		for i := range 10 {
			k.ask(b, fmt.Sprint(i), uint64(i), 7, read(5, 1))
			synctest.Wait()
		}
		k.ask(b, "write", 20, 7, write(5, 1))
		k.ask(b, "behind", 20, 7, read(5, 1))
		results := k.wait(12)
		for i := range 10 {
			if r := of(t, results, fmt.Sprint(i)); r.err != nil || r.answer[3] != 0 {
				t.Errorf("%d: % X, %v", i, r.answer, r.err)
			}
		}
		if r := of(t, results, "behind"); r.err != nil || r.answer[3] != 2 {
			t.Errorf("behind the write: % X, %v", r.answer, r.err)
		}
		if s := counts(b, 7); s.Cached != 9 || len(p.requests()) != 3 {
			t.Errorf("%d cached, %d sent; want 9 and 3", s.Cached, len(p.requests()))
		}
		if len(b.cache.reads) != 0 || len(b.cache.answers) > 1 {
			t.Errorf("%d reads can be joined, %d answers are kept", len(b.cache.reads), len(b.cache.answers))
		}
	})
}

// Who joined a read gets its answer when the client that asked first leaves.
func TestJoinedReadSurvivesItsClient(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, caching, func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "under way", 9, 7, read(1, 1))
		synctest.Wait()
		k.ask(b, "first", 1, 7, read(5, 1))
		k.ask(b, "joined", 2, 7, read(5, 1))
		b.Leave(1)
		results := k.wait(3)
		if r := of(t, results, "first"); !errors.Is(r.err, ErrLeft) {
			t.Errorf("first: %v", r.err)
		}
		if r := of(t, results, "joined"); !bytes.Equal(r.answer, value(read(5, 1))) {
			t.Errorf("joined: % X, %v", r.answer, r.err)
		}
	})
}

func TestAskGivesUp(t *testing.T) {
	onLine(t, func() *testPort { return newTestPort(all) }, fixed(settings), func(t *testing.T, b *Bus, p *testPort) {
		k := newBook()
		k.ask(b, "under way", 1, 7, read(1, 1))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := b.Ask(ctx, 2, 7, read(1, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want DeadlineExceeded", err)
		}
		k.wait(1)
		time.Sleep(time.Second)
		if n := len(p.requests()); n != 1 || b.queue.total != 0 {
			t.Errorf("%d requests were sent, want 1; %d questions are left", n, b.queue.total)
		}
	})
}
