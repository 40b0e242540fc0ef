package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
)

const simDir = "/meter"

// kept is what a store must still hold after a cut: its content, without the
// event of the restart itself.
type kept struct {
	Setup    map[string]string
	Retained map[string][]byte
	Events   []Event
	Next     uint64
	Alive    time.Time
	Clean    bool
}

// workload drives a store on a simulated disk through commits, checkpoints, a
// clean and an unclean restart, and notes after each acknowledged step what the
// store held and how many operations the disk had recorded by then.
type workload struct {
	t        *testing.T
	disk     *vfs.Disk
	fs       vfs.FS // disk, or something that stands before it
	store    *Store
	now      time.Time
	setup    map[string]string
	retained map[string][]byte
	events   []Event
	next     uint64
	logPages int
	steps    []step
}

type step struct {
	ops  int // operations recorded when the step was acknowledged
	want kept
	what string
}

const workloadEventDepth = 12

func (w *workload) open() {
	w.t.Helper()
	s, err := Open(simDir, Options{Identity: testIdentity, FS: w.fs, EventDepth: workloadEventDepth,
		Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
	s.logPages = w.logPages
	w.store = s
	if gap, ok := s.Gap(); ok {
		events, err := s.Events(gap.Event, 1)
		if err != nil || len(events) != 1 {
			w.t.Fatalf("event of gap %+v: %v %v", gap, events, err)
		}
		w.log(events[0])
	}
	w.acknowledged("open", w.now, false)
}

func (w *workload) log(e Event) {
	w.events = append(w.events, e)
	w.events = w.events[max(0, len(w.events)-workloadEventDepth):]
	w.next = e.Sequence + 1
}

func (w *workload) acknowledged(what string, alive time.Time, clean bool) {
	w.steps = append(w.steps, step{w.disk.Operations(), kept{maps.Clone(w.setup), maps.Clone(w.retained),
		append([]Event{}, w.events...), w.next, alive, clean}, what})
}

// commit makes one batch durable and fails the test if that fails.
func (w *workload) commit(n int) {
	w.t.Helper()
	if err := w.tryCommit(n); err != nil {
		w.t.Fatal(err)
	}
}

// tryCommit notes the step only if it was acknowledged.
func (w *workload) tryCommit(n int) error {
	w.now = w.now.Add(time.Second)
	b := w.batch(n)
	seqs, err := w.store.Commit(b)
	if err != nil {
		return err
	}
	maps.Copy(w.retained, b.Retained)
	for _, label := range b.SetupDelete {
		delete(w.setup, label)
	}
	maps.Copy(w.setup, b.Setup)
	for i, e := range b.Events {
		e.Sequence = seqs[i]
		w.log(e)
	}
	w.acknowledged(fmt.Sprint("commit ", n), w.now, false)
	return nil
}

// batch changes every retained value to the same number, so that a half-applied
// batch shows, and adds setup and events as their turn comes.
func (w *workload) batch(n int) Batch {
	b := Batch{Retained: map[string][]byte{}, Setup: map[string]string{}, Alive: w.now}
	for i := range 30 {
		b.Retained[fmt.Sprintf("Integrator %d", i)] = binary.LittleEndian.AppendUint64(make([]byte, 32), uint64(n))
	}
	if n%3 == 0 {
		b.Setup[fmt.Sprintf("Setup %d", n%7)] = strconv.Itoa(n)
	}
	if n%7 == 5 {
		b.SetupDelete = []string{"Setup 3"}
	}
	for i := range n % 3 {
		b.Events = append(b.Events, Event{Time: w.now, Priority: uint8(n), Cause: fmt.Sprint("cause ", n, i), User: "user"})
	}
	return b
}

func (w *workload) close() {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.acknowledged("close", w.now, true)
}

func (w *workload) kill() {
	w.store.abandon()
	w.now = w.now.Add(time.Second)
}

// abandon leaves a store as a killed process does: nothing is written, locks end.
func (s *Store) abandon() {
	s.db.vfs.Close()
	s.lock.Close()
	s.db = nil
}

func newWorkload(t *testing.T, logPages int) *workload {
	disk := vfs.NewDisk()
	return &workload{t: t, disk: disk, fs: disk, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), logPages: logPages,
		setup: map[string]string{}, retained: map[string][]byte{}, next: 1}
}

// content reads what a reopened store kept, without the restart's own event.
func content(s *Store) (kept, error) {
	st, err := s.Load()
	if err != nil {
		return kept{}, err
	}
	events, err := s.Events(0, 1000)
	if err != nil {
		return kept{}, err
	}
	k := kept{st.Setup, st.Retained, events, st.Meta.NextEvent, st.Meta.LastAlive, st.Meta.CleanStop}
	if gap, ok := s.Gap(); ok {
		if len(events) == 0 || events[len(events)-1].Sequence != gap.Event || gap.Event != k.Next-1 {
			return kept{}, fmt.Errorf("the gap %+v is not the newest of %d events before %d", gap, len(events), k.Next)
		}
		k.Events, k.Next = events[:len(events)-1], k.Next-1
	}
	return k, nil
}

// cutCount says how thorough the proof is: 1 by default, more by the variable
// HEPMETER_STORE_CUTS, which multiplies commits and random seeds.
func cutCount(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("HEPMETER_STORE_CUTS"))
	if err != nil || n < 1 {
		return 1
	}
	t.Logf("HEPMETER_STORE_CUTS=%d", n)
	return n
}

// A power cut before any operation of the disk, with any loss of what was not
// synced, leaves a store that opens and holds every acknowledged commit, and of
// the one commit in flight all or nothing.
func TestPowerCutAtEveryOperation(t *testing.T) {
	scale := cutCount(t)
	w := newWorkload(t, 24)
	w.open()
	for n := 1; n <= 8*scale; n++ {
		w.commit(n)
	}
	if err := w.store.Snapshot(io.Discard); err != nil {
		t.Fatal(err)
	}
	w.close()
	w.open()
	for n := 101; n <= 100+6*scale; n++ {
		w.commit(n)
	}
	w.kill()
	w.open()
	w.commit(201)
	w.close()

	cuts, opened := vfs.NewCuts(w.disk), 0
	start := time.Now()
	for {
		for i, loss := range vfs.Losses() {
			if raceDetector && (cuts.At()*7+i)%40 != 0 {
				continue
			}
			seeds := 1
			if loss == vfs.KeepSome || loss == vfs.TearLast || loss == vfs.RuinSector {
				seeds = 1 + scale/2
			}
			for seed := range seeds {
				if err := w.checkCut(cuts, loss, uint64(seed)); err != nil {
					t.Fatal(err)
				}
				opened++
			}
		}
		if !cuts.Next() {
			break
		}
	}
	t.Logf("%d operations, %d acknowledged steps, %d cuts opened and compared in %v",
		w.disk.Operations(), len(w.steps), opened, time.Since(start).Round(time.Millisecond))
}

// checkCut opens what a cut leaves and compares it with the last acknowledged
// step and the one in flight.
func (w *workload) checkCut(cuts *vfs.Cuts, loss vfs.Loss, seed uint64) error {
	acked := -1
	for i, s := range w.steps {
		if s.ops <= cuts.At() {
			acked = i
		}
	}
	doing := "the end"
	if cuts.At() < w.disk.Operations() {
		doing = w.disk.Operation(cuts.At())
	}
	place := fmt.Sprintf("cut before operation %d (%s), %v, seed %d", cuts.At(), doing, loss, seed)
	got, err := openAndRead(cuts.Cut(loss, seed), w.now)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if acked < 0 {
		return nil // Not even the first Open had returned: any store that opens will do.
	}
	want := w.steps[acked].want
	if reflect.DeepEqual(want, got) || acked+1 < len(w.steps) && reflect.DeepEqual(w.steps[acked+1].want, got) {
		return nil
	}
	return fmt.Errorf("%s: after %q was acknowledged (-want +got):\n%.1500s", place, w.steps[acked].what, cmp.Diff(want, got))
}

// The power goes a second time, while the store takes up what the first cut
// left: at any operation of that start nothing more is lost.
func TestPowerCutDuringRecovery(t *testing.T) {
	scale := cutCount(t)
	w := newWorkload(t, 24)
	w.open()
	for n := 1; n <= 8; n++ {
		w.commit(n)
	}
	opened := 0
	for first := vfs.NewCuts(w.disk); first.Next(); {
		if first.At() < w.steps[0].ops || first.At()%5 != 0 || raceDetector && first.At()%45 != 0 {
			continue
		}
		for _, loss := range vfs.Losses() {
			disk := first.Cut(loss, 1)
			s, err := Open(simDir, Options{Identity: testIdentity, FS: disk, EventDepth: 100, Now: func() time.Time { return w.now }})
			if err != nil {
				t.Fatalf("cut before operation %d, %v: %v", first.At(), loss, err)
			}
			got, err := content(s)
			s.abandon()
			if err != nil {
				t.Fatal(err)
			}
			for second := vfs.NewCuts(disk); second.Next(); {
				if scale == 1 && (second.At()+first.At())%4 != 0 {
					continue
				}
				again, err := openAndRead(second.Cut(loss, 2), w.now)
				place := fmt.Sprintf("cuts before operations %d and %d, %v", first.At(), second.At(), loss)
				if err != nil {
					t.Fatalf("%s: %v", place, err)
				}
				// The first restart may have left its event and its sign of life.
				kept := again.Events[:min(len(got.Events), len(again.Events))]
				if !reflect.DeepEqual(got.Setup, again.Setup) || !reflect.DeepEqual(got.Retained, again.Retained) ||
					!reflect.DeepEqual(got.Events, kept) || again.Next < got.Next {
					t.Fatalf("%s (-first +second):\n%.1500s", place, cmp.Diff(got, again))
				}
				opened++
			}
		}
	}
	t.Logf("%d second cuts opened and compared", opened)
	if opened == 0 {
		t.Error("no recovery was cut")
	}
}

// The proof itself is proved: on a disk that answers syncs without doing them,
// or does not sync names, or under a commit that does not wait, it must fail.
func TestPowerCutProofNoticesMissingSyncs(t *testing.T) {
	tests := []struct {
		name   string
		fs     func(*vfs.Disk) vfs.FS
		pragma string
	}{
		{"files not synced", func(d *vfs.Disk) vfs.FS { return lazyDisk{FS: d, files: true} }, ""},
		{"directories not synced", func(d *vfs.Disk) vfs.FS { return lazyDisk{FS: d} }, ""},
		{"commits not synced", func(d *vfs.Disk) vfs.FS { return d }, "PRAGMA synchronous = NORMAL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorkload(t, 24)
			w.fs = tt.fs(w.disk)
			w.open()
			if err := w.store.db.exec("sabotage", tt.pragma); err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= 8; n++ {
				w.commit(n)
			}
			for cuts := vfs.NewCuts(w.disk); cuts.Next(); {
				if err := w.checkCut(cuts, vfs.DropUnsynced, 0); err != nil {
					t.Logf("noticed: %.200v", err)
					return
				}
			}
			t.Error("the proof passes all the same")
		})
	}
}

// lazyDisk answers some syncs without doing them.
type lazyDisk struct {
	vfs.FS
	files bool // files are not synced, else directories
}

func (d lazyDisk) Open(path string, flag int) (vfs.File, error) {
	f, err := d.FS.Open(path, flag)
	if err != nil || !d.files {
		return f, err
	}
	return lazyFile{f}, nil
}

func (d lazyDisk) SyncDir(dir string) error {
	if d.files {
		return d.FS.SyncDir(dir)
	}
	return nil
}

type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error { return nil }
