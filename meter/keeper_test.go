package meter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
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

// What waits for a disk that takes nothing must be taken at once when it does: the store
// must not refuse it for its size or its texts.
func TestWhatWaitsForADiskFitsTheStore(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{Identity: store.Identity{Model: "PM8000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	newest := func(t *testing.T, k *keeper) store.Event {
		t.Helper()
		_, next, _, err := s.EventRange()
		if err != nil {
			t.Fatal(err)
		}
		if k.failing.IsZero() == false || next < 2 {
			t.Fatalf("refused since %v, next event %d", k.failing, next)
		}
		events, err := s.Events(next-1, 1)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		return events[0]
	}
	fresh := func() *keeper {
		return newKeeper(func(b store.Batch) error { _, err := s.Commit(b); return err }, func(access.Snapshot) {}, slog.New(slog.DiscardHandler))
	}
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	t.Run("events and records of days", func(t *testing.T) {
		k := fresh()
		for n := range 3 * maxWaitingRecords {
			k.merge(store.Batch{Records: []store.Record{{Log: 7, Sequence: uint64(n + 1), Time: now}}, Retained: map[string][]byte{"kWh del": {1}},
				Events: []store.Event{{Time: now, Cause: "days"}, {Time: now, Cause: "days"}}})
		}
		k.flush()
		if e := newest(t, k); e.Cause != "days" {
			t.Errorf("newest event %+v", e)
		}
	})
	t.Run("a program that comes and goes", func(t *testing.T) {
		k := fresh()
		for range 2 * store.MaxBatchItems {
			k.merge(store.Batch{LogDrop: []uint32{9}, SetupDelete: []string{"My Log/Depth"}, RetainedDelete: []string{"My Log"}})
		}
		if n := len(k.pending.LogDrop) + len(k.pending.SetupDelete) + len(k.pending.RetainedDelete); n != 3 {
			t.Errorf("%d deletions wait, want 3", n)
		}
	})
	t.Run("ever new labels", func(t *testing.T) {
		k := fresh()
		for n := 0; !k.crowded(); {
			var gone []string
			for range 1000 {
				gone = append(gone, fmt.Sprint("Module ", n, "/Depth"))
				n++
			}
			k.merge(store.Batch{SetupDelete: gone})
		}
		k.flush()
		if !k.failing.IsZero() || k.crowded() {
			t.Errorf("refused since %v, crowded %v", k.failing, k.crowded())
		}
	})
	t.Run("a text of pages that is no UTF-8", func(t *testing.T) {
		k := fresh()
		k.note(store.Event{Time: now, Cause: strings.Repeat("\xff", 20_000), Effect: strings.Repeat("µ", 20_000)})
		k.flush()
		if e := newest(t, k); len(e.Effect) > maxEventText+1 {
			t.Errorf("newest event has %d bytes", len(e.Effect))
		}
	})
}

// However ticks are merged while the disk stalls, the store has in the end what commits of
// each would have given.
func TestMergedBatchesAreWhatSeparateOnesAre(t *testing.T) {
	open := func() *store.Store {
		s, err := store.Open(t.TempDir(), store.Options{Identity: store.Identity{Model: "PM8000"}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	type contents struct {
		setup    map[string]string
		retained map[string][]byte
		program  string
		depth    int
		logs     []store.LogInfo
		records  []store.Record
		events   []string
	}
	read := func(s *store.Store) (c contents) {
		state, err1 := s.Load()
		logs, err2 := s.Logs()
		events, err3 := s.Events(0, 200)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		c = contents{state.Setup, state.Retained, state.Program, state.Meta.EventDepth, logs, nil, nil}
		for _, l := range logs {
			records, err := s.Records(l.Log, 0, 200)
			if err != nil {
				t.Fatal(err)
			}
			c.records = append(c.records, records...)
		}
		for _, e := range events {
			c.events = append(c.events, e.Cause)
		}
		return c
	}
	for seed := range uint64(20) {
		separate, merged := open(), open()
		r := rand.New(rand.NewPCG(seed, 0))
		next := map[uint32]uint64{1: 1, 2: 1}
		now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		k := newKeeper(func(b store.Batch) error { _, err := merged.Commit(b); return err }, func(access.Snapshot) {}, slog.New(slog.DiscardHandler))
		for n := range 40 {
			make := func() store.Batch { // twice the same: each keeper owns its maps
				return store.Batch{Retained: map[string][]byte{}, Setup: map[string]string{}, LogTrim: map[uint32]uint64{}, LogHeader: map[uint32]string{}}
			}
			a, b := make(), make()
			both := func(change func(x *store.Batch)) { change(&a); change(&b) }
			for _, label := range []string{"A", "B"} {
				switch r.IntN(4) {
				case 0:
					both(func(x *store.Batch) { x.Retained[label], x.Setup[label+"/S"] = []byte{byte(n)}, fmt.Sprint(n) })
				case 1:
					both(func(x *store.Batch) {
						x.RetainedDelete, x.SetupDelete = append(x.RetainedDelete, label), append(x.SetupDelete, label+"/S")
					})
				}
			}
			for log := range uint32(3) {
				if log == 0 {
					continue
				}
				if r.IntN(6) == 0 {
					both(func(x *store.Batch) { x.LogDrop = append(x.LogDrop, log) })
				}
				for range r.IntN(3) {
					sequence := next[log]
					next[log]++
					both(func(x *store.Batch) {
						x.Records = append(x.Records, store.Record{Log: log, Sequence: sequence, Time: now, Body: []byte{byte(n)}})
						x.LogHeader[log] = fmt.Sprint(n)
					})
				}
				if next[log] > 3 && r.IntN(3) == 0 {
					both(func(x *store.Batch) { x.LogTrim[log] = next[log] - 2 })
				}
			}
			if r.IntN(8) == 0 {
				depth := 50 + r.IntN(2)
				both(func(x *store.Batch) { x.EventDepth = &depth })
			}
			both(func(x *store.Batch) {
				x.Program, x.Alive, x.Events = fmt.Sprint(n), now, []store.Event{{Time: now, Cause: fmt.Sprint(n)}}
			})
			if _, err := separate.Commit(a); err != nil {
				t.Fatal(err)
			}
			k.merge(b)
			if r.IntN(10) == 0 {
				k.flush()
			}
		}
		k.flush()
		if got, want := read(merged), read(separate); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: merged\n%+v\nseparate\n%+v", seed, got, want)
		}
		if err := errors.Join(separate.Close(), merged.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
