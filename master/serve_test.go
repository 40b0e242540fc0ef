package master

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Whoever ends serving need not wait for an answer: what is under way has none then, and what
// waits has no path.
func TestServingEnds(t *testing.T) {
	for _, tc := range []struct {
		name  string
		serve func(context.Context, *Bus) error
	}{
		{"a line", func(ctx context.Context, b *Bus) error {
			return b.ServeLine(ctx, newTestPort(func(int, byte, []byte) []reply { return nil }), 19200)
		}},
		{"a device", func(ctx context.Context, b *Bus) error {
			return b.ServeTCP(ctx, (&testDevice{answer: func(int, modbus.Header, []byte) []reply { return nil }}).dial)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, k := New(Options{}), newBook()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- tc.serve(ctx, b) }()
				synctest.Wait()
				k.ask(b, "under way", 1, 7, write(1, 1))
				time.Sleep(100 * time.Millisecond)
				k.ask(b, "waits", 1, 7, write(1, 1))
				synctest.Wait()
				ended := time.Now()
				cancel()
				results := k.wait(2)
				if r := of(t, results, "under way"); !errors.Is(r.err, ErrNoAnswer) || r.at != ended {
					t.Errorf("under way: %v after %v", r.err, r.at.Sub(ended))
				}
				if r := of(t, results, "waits"); !errors.Is(r.err, ErrNoPath) || r.at != ended {
					t.Errorf("waits: %v after %v", r.err, r.at.Sub(ended))
				}
				if err := <-done; err != nil || time.Since(ended) > earPatience {
					t.Errorf("%v after %v", err, time.Since(ended))
				}
			})
		})
	}
}

// A port that fails while nothing is asked ends serving as well.
func TestPortFailsUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := New(Options{}), newTestPort(all)
		done := make(chan error, 1)
		go func() { done <- b.ServeLine(t.Context(), p, p.baud) }()
		synctest.Wait()
		close(p.fails)
		if err := <-done; !errors.Is(err, errGone) {
			t.Errorf("ServeLine: %v, want that the device is gone", err)
		}
	})
}
