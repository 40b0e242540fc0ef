package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
)

// A disk that is full or failing at any one call, or from it on for a while,
// makes the commit return an error or succeed, never anything between; the
// store stays usable once the disk is, and neither the failure nor a power cut
// after it loses an acknowledged commit.
func TestDiskFaultAtEveryCall(t *testing.T) {
	faults := []struct {
		name    string
		err     error
		partial bool
		calls   int // how many calls in a row fail
		is      error
		clear   string // what the message must say
	}{
		{"EIO once", syscall.EIO, false, 1, syscall.EIO, "input/output error"},
		{"ENOSPC for 25 calls", syscall.ENOSPC, false, 25, ErrDiskFull, "free some space"},
		{"short write, ENOSPC", syscall.ENOSPC, true, 3, ErrDiskFull, "free some space"},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			failures, calls, step := 0, 0, 1
			if raceDetector {
				step = 9
			}
			for at := 0; ; at += step {
				w := newWorkload(t, 10)
				w.open()
				w.commit(1)
				first := w.disk.Calls() + at
				w.disk.FailBetween(first, first+f.calls-1, f.err, f.partial)
				place := fmt.Sprintf("fault at call %d", at)
				for n := 2; n <= 6; n++ {
					err := w.tryCommit(n)
					if err == nil {
						continue
					}
					failures++
					if !errors.Is(err, f.is) || !strings.Contains(err.Error(), f.clear) || !strings.Contains(err.Error(), databaseName) {
						t.Fatalf("%s: error is not clear: %v", place, err)
					}
				}
				over := w.disk.Calls() <= first
				w.disk.FailBetween(0, -1, nil, false)
				w.commit(7) // The disk works again, and so must the store.
				if err := w.store.Trouble(); err != nil {
					w.commit(8)
					if err := w.store.Trouble(); err != nil {
						t.Fatalf("%s: the log is still in trouble: %v", place, err)
					}
				}
				got, err := w.reading()
				if err != nil {
					t.Fatalf("%s: %v", place, err)
				}
				want := w.steps[len(w.steps)-1].want
				if !equal(want, got) {
					t.Fatalf("%s, running (-want +got):\n%.1500s", place, cmp.Diff(want, got))
				}
				w.kill()
				w.checkAfterCut(place)
				if over {
					calls = at
					break
				}
			}
			t.Logf("%d calls failed in turn, %d commits returned the error, nothing lost", calls, failures)
			if failures == 0 {
				t.Error("no commit met the fault")
			}
		})
	}
}

// reading returns what the open store holds, in terms of kept.
func (w *workload) reading() (kept, error) {
	gap := w.store.gap
	w.store.gap = Gap{} // The model has its event like any other.
	got, err := content(w.store)
	w.store.gap = gap
	got.Alive, got.Clean = w.state.Alive, w.state.Clean
	return got, err
}

// checkAfterCut cuts the power at the end of the workload.
func (w *workload) checkAfterCut(place string) {
	w.t.Helper()
	cuts := vfs.NewCuts(w.disk)
	for cuts.Next() {
	}
	for _, loss := range []vfs.Loss{vfs.DropUnsynced, vfs.KeepUnsynced} {
		got, err := openAndRead(cuts.Cut(loss, 1), w.now)
		if err != nil {
			w.t.Fatalf("%s, then %v: %v", place, loss, err)
		}
		if want := w.steps[len(w.steps)-1].want.restarted(); !equal(want, got) {
			w.t.Fatalf("%s, then %v (-want +got):\n%.1500s", place, loss, cmp.Diff(want, got))
		}
	}
}

// A sync that fails may have lost for ever what it should have synced, though the next
// one succeeds. Whatever sync fails, and wherever the power goes after that, nothing
// acknowledged is lost and the store opens.
func TestPowerCutAfterAFailedSync(t *testing.T) {
	sample := 5
	if cutCount(t) > 1 {
		sample = 1
	}
	if raceDetector {
		sample = 60
	}
	failed, opened := 0, 0
	for at := 0; ; at++ {
		w := newWorkload(t, 10)
		w.open()
		w.commit(1)
		first := w.disk.Calls() + at
		w.disk.FailBetween(first, first, syscall.EIO, false)
		fault := -1
		for n := 2; n <= 7; n++ {
			ops := w.disk.Operations()
			_ = w.tryCommit(n)
			for ; ops < w.disk.Operations(); ops++ {
				if strings.HasPrefix(w.disk.Operation(ops), "failed sync") {
					fault = ops
				}
			}
		}
		if w.disk.Calls() <= first {
			break
		}
		if fault < 0 {
			w.store.abandon()
			continue
		}
		failed++
		w.kill()
		for cuts := vfs.NewCuts(w.disk); cuts.Next(); {
			if cuts.At() <= fault {
				continue
			}
			for i, loss := range vfs.Losses() {
				if (cuts.At()+i)%sample != 0 && cuts.At() > fault+4 { // What follows at once matters most.
					continue
				}
				if err := w.checkCut(cuts, loss, 3); err != nil {
					t.Fatalf("sync %d failed: %v", fault, err)
				}
				opened++
			}
		}
	}
	t.Logf("%d syncs failed in turn, %d cuts after them opened and compared", failed, opened)
	if failed == 0 {
		t.Error("no sync failed")
	}
}

// Opening on a failing disk is refused with a clear error, and works afterwards
// with everything there.
func TestOpenOnAFailingDisk(t *testing.T) {
	sound, want := smallStore(t, false)
	files := sound.Contents()
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		refused, step := 0, 1
		if raceDetector {
			step = 9
		}
		for at := 0; ; at += step {
			disk := vfs.Restore(files)
			disk.FailBetween(at, at, cause, false)
			s, err := Open(simDir, Options{Identity: testIdentity, FS: disk, EventDepth: workloadEventDepth, Now: func() time.Time { return now }})
			if err == nil {
				s.abandon()
			} else {
				refused++
				if !errors.Is(err, cause) || !strings.Contains(err.Error(), simDir) {
					t.Fatalf("call %d: error is not clear: %v", at, err)
				}
			}
			over := disk.Calls() <= at
			disk.FailBetween(0, -1, nil, false)
			got, err := openAndRead(disk, now)
			if err != nil {
				t.Fatalf("%v at call %d, then reopened: %v", cause, at, err)
			}
			if refused > 0 && !over {
				// The start that failed may have been recorded: compare what it cannot change.
				got.Alive, got.Clean, got.Next, got.Events, got.Hash = want.Alive, want.Clean, want.Next, want.Events, want.Hash
				if !equal(want, got) {
					t.Fatalf("%v at call %d (-want +got):\n%s", cause, at, cmp.Diff(want, got))
				}
			}
			if over {
				t.Logf("%v: %d calls failed in turn, %d opens refused, all reopened", cause, at, refused)
				break
			}
		}
		if refused == 0 {
			t.Errorf("%v: no open was refused", cause)
		}
	}
}
