package store

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/hepmeter/hepmeter/wire/eventchain"
)

// The chain goes on over a ring that was written over, an erased log and restarts, and says
// at any time where it came from.
func TestEventChainGoesOn(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer func() { w.store.abandon() }()
	if sequence, at, hash, err := w.store.EventHead(); err != nil || sequence != 0 || !at.IsZero() || hash != (eventchain.Hash{}) {
		t.Errorf("head of no events %d %v %v, %v", sequence, at, hash, err)
	}
	head := func(kept int) (newest Event) {
		t.Helper()
		events, err := w.store.Events(0, 100)
		if err != nil || len(events) != kept {
			t.Fatalf("%d events, want %d; %v", len(events), kept, err)
		}
		for i, e := range events {
			if e.Hash != eventchain.EventHash(e.Previous, e.chained()) || i > 0 && e.Previous != events[i-1].Hash {
				t.Fatalf("event %d breaks the chain", e.Sequence)
			}
		}
		sequence, at, hash, err := w.store.EventHead()
		if kept == 0 {
			return Event{Sequence: sequence, Hash: hash}
		}
		newest = events[kept-1]
		if err != nil || sequence != newest.Sequence || !at.Equal(newest.Time) || hash != newest.Hash {
			t.Fatalf("head %d %v %v, want %+v; %v", sequence, at, hash, newest, err)
		}
		return newest
	}
	add := func(n int) {
		t.Helper()
		b := Batch{}
		for range n {
			b.Events = append(b.Events, Event{Time: w.now, Cause: "a"})
		}
		if _, err := w.store.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	add(workloadEventDepth)
	full := head(workloadEventDepth)
	add(1)
	if e := head(workloadEventDepth); e.Previous != full.Hash {
		t.Error("the ring has broken the chain")
	}
	last := head(workloadEventDepth)
	depth := 5
	if _, err := w.store.Commit(Batch{EventDepth: &depth}); err != nil {
		t.Fatal(err)
	}
	if e := head(0); e.Sequence != last.Sequence || e.Hash != last.Hash {
		t.Error("the erased log has forgotten the chain")
	}
	w.store.abandon()
	if r, err := check(w.disk, simDir); err != nil || !r.Sound() {
		t.Errorf("erased: %v %v", r, err)
	}
	s, err := Open(simDir, w.options()) // Its event is the first after the erasure.
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	if e := head(1); e.Previous != last.Hash || e.Sequence != last.Sequence+1 {
		t.Errorf("after the erasure: %+v, want it behind %+v", e, last)
	}
}

// What a commit could not write is not in the chain either.
func TestEventChainAfterAFailedCommit(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer w.store.abandon()
	_, _, before, err := w.store.EventHead()
	if err != nil {
		t.Fatal(err)
	}
	w.disk.FailBetween(w.disk.Calls(), w.disk.Calls()+10, errors.New("disk on fire"), false)
	if _, err := w.store.Commit(Batch{Events: []Event{{Time: w.now, Cause: "a"}}}); err == nil {
		t.Fatal("the commit did not fail")
	}
	w.disk.FailBetween(0, -1, nil, false)
	if _, _, after, err := w.store.EventHead(); err != nil || after != before {
		t.Errorf("head %v, want %v; %v", after, before, err)
	}
}

// An event log as a meter would export it is found sound by the fingerprint of its key.
func TestExportedEventLog(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer w.store.abandon()
	for n := 1; n <= 8; n++ {
		w.commit(n)
	}
	events, err := w.store.Events(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	public := eventchain.PublicKeyOf(w.store.DeviceKey())
	log, err := eventchain.NewWriter(&b, eventchain.Header{Model: testIdentity.Model, Serial: testIdentity.Serial, Key: public,
		First: events[0].Sequence, Previous: events[0].Previous})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := log.Event(*e.chained()); err != nil {
			t.Fatal(err)
		}
	}
	statement := log.Statement(w.now)
	signature, err := statement.Sign(w.store.DeviceKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := log.End(w.now, signature); err != nil {
		t.Fatal(err)
	}
	report, err := eventchain.Verify(&b, public.Fingerprint())
	if err != nil || report.Hash != w.state.Hash || report.Events != len(w.state.Events) {
		t.Errorf("%+v, %v", report, err)
	}
}

// The key is made of the randomness that is given, once, and made where an import left it out.
func TestDeviceKey(t *testing.T) {
	disk := vfs.NewDisk()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	open := func(dir, seed string) (*Store, error) {
		return Open(dir, Options{Identity: testIdentity, FS: disk, Now: func() time.Time { return now }, Random: strings.NewReader(seed)})
	}
	if _, err := open(simDir, "too short"); err == nil || !strings.Contains(err.Error(), "key of the device") {
		t.Errorf("without randomness: %v", err)
	}
	one, two := strings.Repeat("1", ed25519.SeedSize), strings.Repeat("2", ed25519.SeedSize)
	for _, seed := range []string{one, two} {
		s, err := open(simDir, seed)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(s.DeviceKey().Seed()); got != one {
			t.Errorf("started with %.3q: key of %.3q, want %.3q", seed, got, one)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.MkdirAll("/out"); err != nil {
		t.Fatal(err)
	}
	if err := export(disk, simDir, "/out/file"); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(disk.Contents()["/out/file"], []byte(one)) {
		t.Error("the export has the key")
	}
	if err := Import("/out/file", simTwin, Options{FS: disk}); err != nil {
		t.Fatal(err)
	}
	s, err := open(simTwin, two)
	if err != nil {
		t.Fatal(err)
	}
	defer s.abandon()
	if got := string(s.DeviceKey().Seed()); got != two {
		t.Errorf("imported: key of %.3q, want %.3q", got, two)
	}
}
