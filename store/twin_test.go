package store

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/hepmeter/hepmeter/wire/eventchain"
)

const simUpload = simDir + "/" + LeftoverPrefix + "upload.hmx"

// source is a meter that ran for some commits, and a snapshot of it.
func source(t *testing.T) (*workload, []byte) {
	t.Helper()
	w := newWorkload(t, 24)
	w.open()
	for n := 1; n <= 5; n++ {
		w.commit(n)
	}
	w.commitSecurity("https/key", "theirs")
	var snapshot bytes.Buffer
	if err := w.store.Snapshot(&snapshot); err != nil {
		t.Fatal(err)
	}
	return w, snapshot.Bytes()
}

func (w *workload) commitSecurity(name, state string) {
	w.t.Helper()
	if _, err := w.store.Commit(Batch{Security: map[string][]byte{name: []byte(state)}}); err != nil {
		w.t.Fatal(err)
	}
	w.state.Security[name] = []byte(state)
	w.acknowledged("security " + name)
}

// upload puts a snapshot beside the store, unsynced, as a client brings it.
func (w *workload) upload(snapshot []byte) {
	w.t.Helper()
	f, err := w.fs.Open(simUpload, os.O_RDWR|os.O_CREATE)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteAt(snapshot, 0); err != nil {
		w.t.Fatal(err)
	}
	f.Close()
}

func twinOptions(now time.Time) TwinOptions {
	return TwinOptions{Firmware: "3.0.0", Own: func(name string) bool { return strings.HasPrefix(name, "https/") },
		Event: func(of Meta) Event { return Event{Time: now, Priority: 10, Cause: "Snapshot", CauseValue: of.Serial} }}
}

// twinOf is what becomes of a meter with its own key that takes the snapshot.
func (w *workload) twinOf(of *workload) kept {
	k := of.state.copied()
	k.Key, k.Clean = w.state.Key, true
	delete(k.Security, "https/key")
	if own, ok := w.state.Security["https/key"]; ok {
		k.Security["https/key"] = own
	}
	e := Event{Sequence: k.Next, Time: w.now, Priority: 10, Cause: "Snapshot", CauseValue: testIdentity.Serial, Previous: k.Hash}
	e.Hash = eventchain.EventHash(e.Previous, e.chained())
	k.Events, k.Hash, k.Next = append(k.Events, e), e.Hash, k.Next+1
	k.Events = k.Events[max(0, len(k.Events)-k.Depth):]
	return k
}

// A power cut at any moment of becoming a twin leaves the old meter whole or the twin
// whole: the old until the snapshot is staged, the twin from then on.
func TestPowerCutWhileBecomingATwin(t *testing.T) {
	of, snapshot := source(t)
	w := newWorkload(t, 1000) // its log is never emptied before the end
	w.open()
	for n := 11; n <= 14; n++ {
		w.commit(n)
	}
	w.commitSecurity("https/key", "ours")
	w.upload(snapshot)
	twin, err := w.store.PrepareTwin(simUpload, twinOptions(w.now))
	if err != nil {
		t.Fatal(err)
	}
	want := w.twinOf(of)
	if !maps.EqualFunc(twin.State.Security, want.Security, bytes.Equal) || twin.State.Meta.Serial != testIdentity.Serial {
		t.Errorf("the twin will begin with %+v", twin.State)
	}
	staging := w.disk.Operations()
	if err := w.store.StageTwin(); err != nil {
		t.Fatal(err)
	}
	staged := w.disk.Operations()
	w.commit(15) // what comes too late goes with the old meter
	w.kill()
	s, err := Open(simDir, w.options())
	if err != nil {
		t.Fatal(err)
	}
	s.abandon()

	opened, twins := 0, 0
	for cuts := vfs.NewCuts(w.disk); cuts.Next(); {
		if cuts.At() < w.steps[0].ops {
			continue
		}
		for i, loss := range vfs.Losses() {
			if raceDetector && (cuts.At()*7+i)%40 != 0 {
				continue
			}
			got, err := openAndRead(cuts.Cut(loss, 1), w.now.Add(time.Second))
			if err != nil {
				t.Fatalf("cut before operation %d, %v: %v", cuts.At(), loss, err)
			}
			opened++
			if got.follows(want) {
				twins++
				if cuts.At() < staging {
					t.Fatalf("cut before operation %d, %v: the twin, before it was staged", cuts.At(), loss)
				}
				continue
			}
			if cuts.At() >= staged {
				t.Fatalf("cut before operation %d (%s), %v: not the twin (-want +got):\n%.1500s", cuts.At(), operation(w, cuts.At()), loss, gocmp.Diff(want, got))
			}
			if err := w.checkCut(cuts, loss, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d operations, %d cuts opened, of which %d are the twin", w.disk.Operations(), opened, twins)
	if twins == 0 || twins == opened {
		t.Error("the cuts prove nothing")
	}
}

func operation(w *workload, at int) string {
	if at < w.disk.Operations() {
		return w.disk.Operation(at)
	}
	return "the end"
}

// A twin whose staging fails is none: the meter goes on, and no later start takes what it has
// counted away.
func TestTwinThatCannotBeStaged(t *testing.T) {
	_, snapshot := source(t)
	failures := 0
	for at := 0; ; at++ {
		w := newWorkload(t, 1000)
		w.open()
		w.commit(11)
		w.upload(snapshot)
		if _, err := w.store.PrepareTwin(simUpload, twinOptions(w.now)); err != nil {
			t.Fatal(err)
		}
		first := w.disk.Calls() + at
		w.disk.FailBetween(first, first, syscall.EIO, false)
		err := w.store.StageTwin()
		w.disk.FailBetween(0, -1, nil, false)
		if err == nil {
			break
		}
		failures++
		if err := w.store.DropTwin(); err != nil {
			t.Fatal(err)
		}
		w.commit(12)
		w.close()
		if got, err := openAndRead(w.disk, w.now); err != nil || !equal(got, w.state.restarted()) {
			t.Errorf("fault at call %d: %v, (-want +got):\n%s", at, err, gocmp.Diff(w.state.restarted(), got))
		}
	}
	if failures < 2 {
		t.Errorf("%d faults: renaming and syncing can fail", failures)
	}
}

// A second power cut while the twin takes the place of the meter that the first left.
func TestPowerCutWhileATwinIsTakenUp(t *testing.T) {
	of, snapshot := source(t)
	w := newWorkload(t, 1000)
	w.open()
	w.commit(11)
	w.upload(snapshot)
	if _, err := w.store.PrepareTwin(simUpload, twinOptions(w.now)); err != nil {
		t.Fatal(err)
	}
	if err := w.store.StageTwin(); err != nil {
		t.Fatal(err)
	}
	want, opened := w.twinOf(of), 0
	for _, loss := range vfs.Losses() {
		at := vfs.NewCuts(w.disk)
		for at.Next() {
		}
		disk := at.Cut(loss, 1)
		for range 3 { // the start itself is cut, and the start after it
			s, err := Open(simDir, Options{Identity: testIdentity, FS: disk, Now: func() time.Time { return w.now }})
			if err != nil {
				t.Fatal(err)
			}
			s.abandon()
			next := disk
			for second := vfs.NewCuts(disk); second.Next(); {
				cut := second.Cut(loss, 2)
				if second.At() == disk.Operations()/2 {
					next = second.Cut(loss, 3)
				}
				got, err := openAndRead(cut, w.now)
				if err != nil || !got.follows(want) {
					t.Fatalf("%v, operation %d: %v (-want +got):\n%.1500s", loss, second.At(), err, gocmp.Diff(want, got))
				}
				opened++
			}
			disk = next
		}
	}
	t.Logf("%d cuts opened", opened)
}

func TestTwinsRefused(t *testing.T) {
	_, snapshot := source(t)
	other := func(id Identity) []byte {
		disk := vfs.NewDisk()
		s, err := Open(simDir, Options{Identity: id, FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := errors.Join(s.Snapshot(&b), s.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	rotten := bytes.Clone(snapshot)
	rotten[len(rotten)/2] ^= 1
	newer := bytes.Clone(snapshot)
	newer[63]++ // the schema's version
	for _, tt := range []struct {
		name     string
		snapshot []byte
		want     error
	}{
		{"a flipped bit", rotten, ErrCorrupt},
		{"cut short", snapshot[:len(snapshot)-vfs.PageSize], ErrCorrupt},
		{"another model", other(Identity{Model: "PM8000"}), ErrOtherMeter},
		{"another firmware version", other(Identity{Model: testIdentity.Model, Firmware: "2.1.0"}), ErrOtherMeter},
		{"no database", []byte("nothing"), ErrCorrupt},
		{"a newer schema, and a page that is not as it was written", newer, ErrCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorkload(t, 1000)
			w.open()
			w.commit(11)
			w.upload(tt.snapshot)
			if _, err := w.store.PrepareTwin(simUpload, twinOptions(w.now)); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if err := w.store.StageTwin(); err == nil {
				t.Error("there was something to stage")
			}
			w.commit(12)
			w.close()
			if got, err := openAndRead(w.disk, w.now); err != nil || !equal(got, w.state.restarted()) {
				t.Errorf("%v, (-want +got):\n%s", err, gocmp.Diff(w.state, got))
			}
		})
	}
}

// A twin that was staged and is not wanted any more goes with the store that it was for.
func TestANewMeterTakesNoTwin(t *testing.T) {
	_, snapshot := source(t)
	w := newWorkload(t, 1000)
	w.open()
	w.upload(snapshot)
	if _, err := w.store.PrepareTwin(simUpload, twinOptions(w.now)); err != nil {
		t.Fatal(err)
	}
	if err := w.store.StageTwin(); err != nil {
		t.Fatal(err)
	}
	w.close()
	if r, err := check(w.disk, simDir); err != nil || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], twinName) {
		t.Errorf("%v %v", r.Notes, err)
	}
	if err := w.disk.Remove(simDatabase); err != nil {
		t.Fatal(err)
	}
	got, err := openAndRead(w.disk, w.now)
	if err != nil || len(got.Retained) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := w.disk.Stat(simDir + "/" + twinName); err == nil {
		t.Error("it is still there")
	}
}
