package meter

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/store"
)

// picture is a snapshot that is only a number.
type picture struct {
	access.Snapshot
	seq uint64
}

func (p *picture) Seq() uint64 { return p.seq }

// disk is a store whose commits take `delay` and fail while `broken`.
type disk struct {
	delay time.Duration

	mu      sync.Mutex
	broken  bool
	durable map[string][]byte
	events  []string // their causes
}

func (d *disk) commit(b store.Batch) error {
	time.Sleep(d.delay) // a fake clock's sleep: the disk's latency
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return errors.New("no space")
	}
	for label, state := range b.Retained {
		d.durable[label] = state
	}
	if len(b.Events) > store.MaxBatchItems {
		return store.ErrInvalidBatch
	}
	for _, e := range b.Events {
		d.events = append(d.events, e.Cause)
	}
	return nil
}

// kept returns the state on the disk, 0 for none.
func (d *disk) kept() byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.durable["kWh del"]; len(s) > 0 {
		return s[0]
	}
	return 0
}

func tick(n byte) store.Batch {
	return store.Batch{Retained: map[string][]byte{"kWh del": {n}}, Events: []store.Event{{Cause: string('a' + n)}}}
}

func TestKeeper(t *testing.T) {
	run := func(t *testing.T, d *disk, body func(k *keeper, published func() uint64)) {
		synctest.Test(t, func(t *testing.T) {
			d.durable = map[string][]byte{}
			var last atomic.Uint64
			k := newKeeper(d.commit, func(s access.Snapshot) { last.Store(s.(*picture).seq) }, slog.New(slog.NewTextHandler(io.Discard, nil)))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { k.run(ctx); close(done) }()
			body(k, last.Load)
			cancel()
			<-done
		})
	}

	t.Run("a snapshot is published after its commit, not before", func(t *testing.T) {
		d := &disk{delay: 5 * time.Millisecond}
		run(t, d, func(k *keeper, published func() uint64) {
			k.keep(tick(1), &picture{seq: 1}, nil)
			time.Sleep(4 * time.Millisecond)
			synctest.Wait()
			if published() != 0 || d.kept() != 0 {
				t.Fatalf("published %d before the commit returned", published())
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			if published() != 1 || d.kept() != 1 {
				t.Fatalf("published %d, durable %d", published(), d.kept())
			}
		})
	})

	t.Run("a stalled disk delays a reading by one tick and says so once", func(t *testing.T) {
		d := &disk{delay: 3500 * time.Millisecond}
		run(t, d, func(k *keeper, published func() uint64) {
			var stalls int
			for n := byte(1); n <= 3; n++ {
				if k.keep(tick(n), &picture{seq: uint64(n)}, nil) {
					stalls++
				}
				synctest.Wait()
				if got, want := published(), uint64(n-1); got != want {
					t.Fatalf("tick %d: published %d, want %d", n, got, want)
				}
				time.Sleep(time.Second)
			}
			if stalls != 1 {
				t.Errorf("told of %d stalls, want 1", stalls)
			}
		})
		if d.kept() != 3 || len(d.events) != 3 {
			t.Errorf("after the stall: durable %d, events %q", d.kept(), d.events)
		}
	})

	t.Run("ticks faster than the disk are not a stall, and readings go on", func(t *testing.T) {
		d := &disk{delay: 250 * time.Millisecond}
		run(t, d, func(k *keeper, published func() uint64) {
			for n := range 100 { // a recording played ten times as fast
				if k.keep(tick(byte(n)), &picture{seq: uint64(n) + 1}, nil) {
					t.Fatalf("tick %d: a stall is told", n)
				}
				synctest.Wait()
				if got := published(); got+6 < uint64(n) || got > uint64(d.kept())+1 {
					t.Fatalf("tick %d: published %d, durable %d", n, got, d.kept())
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	})

	t.Run("who waits is told after the reading is published, or why the disk refused", func(t *testing.T) {
		d := &disk{delay: 5 * time.Millisecond}
		run(t, d, func(k *keeper, published func() uint64) {
			done := make(chan error, 1)
			k.keep(tick(1), &picture{seq: 1}, done)
			if err := <-done; err != nil || published() != 1 {
				t.Errorf("told %v with %d published, want success with 1", err, published())
			}
			d.mu.Lock()
			d.broken = true
			d.mu.Unlock()
			k.keep(tick(2), &picture{seq: 2}, done)
			if err := <-done; err == nil || !strings.Contains(err.Error(), "in force, but it is not durable yet") {
				t.Errorf("told %v of a full disk", err)
			}
		})
	})

	t.Run("a refused commit is tried again and loses nothing", func(t *testing.T) {
		d := &disk{broken: true}
		run(t, d, func(k *keeper, published func() uint64) {
			k.keep(tick(1), &picture{seq: 1}, nil)
			synctest.Wait()
			k.keep(tick(2), &picture{seq: 2}, nil)
			synctest.Wait()
			d.mu.Lock()
			d.broken = false
			d.mu.Unlock()
			time.Sleep(retryPause + time.Millisecond)
			synctest.Wait()
			if published() != 2 {
				t.Errorf("published %d", published())
			}
		})
		want := []string{"b", "Storage", "c", "Storage"} // the trouble and its end are told, once
		if d.kept() != 2 || !slices.Equal(d.events, want) {
			t.Errorf("durable %d, events %q, want %q", d.kept(), d.events, want)
		}
	})

	t.Run("a disk that is full for days holds the newest events and every total", func(t *testing.T) {
		d := &disk{broken: true}
		run(t, d, func(k *keeper, _ func() uint64) {
			for n := range 3 * store.MaxBatchItems {
				k.keep(tick(byte(n%100)), &picture{seq: uint64(n)}, nil)
			}
			k.keep(tick(9), &picture{seq: 1 << 20}, nil)
			synctest.Wait()
			d.mu.Lock()
			d.broken = false
			d.mu.Unlock()
			time.Sleep(retryPause + time.Millisecond)
			synctest.Wait()
		})
		if n := len(d.events); d.kept() != 9 || n > store.DefaultEventDepth+1 || n < store.DefaultEventDepth {
			t.Errorf("durable %d, %d events", d.kept(), n)
		}
	})

	t.Run("what is pending at the end is kept", func(t *testing.T) {
		d := &disk{}
		run(t, d, func(k *keeper, _ func() uint64) { k.keep(tick(7), &picture{seq: 7}, nil) })
		if d.kept() != 7 {
			t.Errorf("durable %d", d.kept())
		}
	})
}
