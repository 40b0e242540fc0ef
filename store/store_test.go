package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/ncruces/go-sqlite3"
)

var testIdentity = Identity{Model: "ION9000", Serial: "HM-0001"}

func TestReopenReturnsWhatWasCommitted(t *testing.T) {
	// The directory's name has every character that means something in a URI.
	dir := filepath.Join(t.TempDir(), "a new", "meter #1 100% ?mode=ro&vfs=os é")
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	opt := Options{Identity: testIdentity, Now: func() time.Time { return now }}
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	if gap, ok := s.Gap(); ok {
		t.Errorf("a new store has gap %+v", gap)
	}
	seqs, err := s.Commit(Batch{
		Retained: map[string][]byte{"kWh del": {1, 2, 3}, "kWh rec": {}, "gone": {1}},
		Setup:    map[string]string{"Power Meter/PT Prim": "120", "gone": "1"},
		Security: map[string][]byte{"verifier/1": {9}, "ledger": {}, "gone": {1}},
		Events:   []Event{{Time: now, Priority: 255, Cause: "Setpoint 1", CauseValue: "5", Effect: "ON", EffectValue: "1", User: "u", Origin: "o"}, {Time: now, Cause: "b"}},
		Alive:    now.Add(time.Second),
	})
	if err != nil || !reflect.DeepEqual(seqs, []uint64{1, 2}) {
		t.Fatalf("sequences %v, want 1 2; %v", seqs, err)
	}
	if _, err := s.Commit(Batch{RetainedDelete: []string{"gone", "never there"}, SetupDelete: []string{"gone"}, SecurityDelete: []string{"gone"}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Second)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(Batch{}); err != ErrClosed {
		t.Errorf("commit after close: %v", err)
	}
	stopped := now
	now = now.Add(time.Minute)
	if s, err = Open(dir, opt); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := State{
		Meta: Meta{Identity: testIdentity, Created: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
			PowerUps: 2, LastAlive: stopped, CleanStop: true, NextEvent: 4, EventDepth: DefaultEventDepth, EventHash: got.Meta.EventHash},
		Setup:    map[string]string{"Power Meter/PT Prim": "120"},
		Retained: map[string][]byte{"kWh del": {1, 2, 3}, "kWh rec": {}},
		Security: map[string][]byte{"verifier/1": {9}, "ledger": {}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("loaded %+v, want %+v", got, want)
	}
	gap := Gap{From: stopped, To: now, Clean: true, PowerUp: 2, Event: 3}
	if got, ok := s.Gap(); !ok || got != gap {
		t.Errorf("gap %+v %v, want %+v", got, ok, gap)
	}
	if got, err := s.Gaps(); err != nil || !reflect.DeepEqual(got, []Gap{gap}) {
		t.Errorf("gaps %+v %v, want %+v", got, err, gap)
	}
	events, err := s.Events(1, 100)
	if err != nil || len(events) != 3 {
		t.Fatalf("events %+v %v, want 3", events, err)
	}
	wantEvent := Event{Sequence: 1, Time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Priority: 255,
		Cause: "Setpoint 1", CauseValue: "5", Effect: "ON", EffectValue: "1", User: "u", Origin: "o"}
	wantEvent.Hash = eventchain.EventHash(eventchain.Hash{}, wantEvent.chained())
	if events[0] != wantEvent {
		t.Errorf("event %+v, want %+v", events[0], wantEvent)
	}
	if e := events[2]; e.Cause != "Power Down" || e.CauseValue != "2026-11-23T12:00:02Z stopped" || e.EffectValue != "2026-11-23T12:01:02Z" {
		t.Errorf("event of the gap %+v", e)
	}
}

// Numbers go on where they were, though the events that bore them are gone.
func TestEventRing(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	for n := range 10 {
		b := Batch{}
		for range 10 {
			b.Events = append(b.Events, Event{Time: w.now, Cause: fmt.Sprint(n)})
		}
		seqs, err := w.store.Commit(b)
		if err != nil || seqs[0] != uint64(10*n+1) || seqs[9] != uint64(10*n+10) {
			t.Fatalf("commit %d: sequences %v, %v", n, seqs, err)
		}
	}
	events, err := w.store.Events(0, 1000)
	if err != nil || len(events) != workloadEventDepth || events[0].Sequence != 100-workloadEventDepth+1 {
		t.Errorf("%d events from %d, want %d from %d; %v", len(events), events[0].Sequence, workloadEventDepth, 100-workloadEventDepth+1, err)
	}
	if events, err := w.store.Events(99, 1); err != nil || len(events) != 1 || events[0].Sequence != 99 {
		t.Errorf("one event from 99: %+v %v", events, err)
	}
	w.kill()
	w.open()
	if gap, ok := w.store.Gap(); !ok || gap.Clean || gap.Event != 101 {
		t.Errorf("gap after a kill %+v %v, want unclean with event 101", gap, ok)
	}
	w.store.abandon()
}

// A day of commits leaves the files as small as the first minutes did.
func TestFilesStayBounded(t *testing.T) {
	w := newWorkload(t, defaultLogPages)
	w.open()
	var most int64
	commits := 2000
	if raceDetector {
		commits = 150
	}
	for n := range commits {
		w.commit(n)
		w.steps = nil
		size, err := w.disk.Stat(simDatabase + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, size.SizeBytes)
	}
	if limit := int64(defaultLogPages+32) * 4120; most > limit {
		t.Errorf("the log grew to %d bytes, limit %d", most, limit)
	}
	size, err := w.disk.Stat(simDatabase)
	if err != nil || size.SizeBytes > 192<<10 {
		t.Errorf("the database grew to %d bytes; %v", size.SizeBytes, err)
	}
	w.store.abandon()
}

func TestConcurrentUse(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "meter"), Options{Identity: testIdentity})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 10 {
				var err error
				switch g {
				case 0:
					_, err = s.Commit(Batch{Setup: map[string]string{"n": fmt.Sprint(n)}, Events: []Event{{Time: time.Now()}}})
				case 1:
					_, err = s.Events(0, 10)
				default:
					var b bytes.Buffer
					if err = s.Snapshot(&b); err == nil && b.Len() < 4096 {
						err = fmt.Errorf("snapshot of %d bytes", b.Len())
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// The library's own file layer, which knows nothing of ours, must find the page
// checksums right and the structure whole: a store is an ordinary SQLite database.
func TestTheLibraryReadsAStoreByItself(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meter")
	s, err := Open(dir, Options{Identity: testIdentity})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(newWorkload(t, 1).batch(3)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite3.Open(filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for pragma, want := range map[string]string{
		"PRAGMA checksum_verification":  "1",
		"PRAGMA integrity_check":        "ok",
		"PRAGMA journal_mode":           "wal",
		"SELECT count(*) FROM retained": "30",
		// Versions before 3.51.3 can corrupt a log that is reset (SQLite, March 2026).
		"SELECT sqlite_version() >= '3.51.3'": "1",
	} {
		stmt, _, err := conn.Prepare(pragma)
		if err != nil {
			t.Fatal(err)
		}
		if !stmt.Step() || stmt.ColumnText(0) != want {
			t.Errorf("%s: %q, want %q; %v", pragma, stmt.ColumnText(0), want, stmt.Err())
		}
		stmt.Close()
	}
}

// TestNewSerial: a fresh store without a serial number gets one, once.
func TestNewSerial(t *testing.T) {
	dir := t.TempDir()
	for start, made := range []string{"A-1", "A-2"} {
		s, err := Open(dir, Options{Identity: Identity{Model: "ION9000"}, NewSerial: func() string { return made }})
		if err != nil {
			t.Fatal(err)
		}
		state, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		if state.Meta.Serial != "A-1" {
			t.Errorf("start %d: serial number %q, want A-1", start, state.Meta.Serial)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The last page of a long value may be of zeros, and is no lost page for that.
func TestLongValuesOfZeros(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	zeros := make([]byte, MaxRecordBytes)
	_, err := w.store.Commit(Batch{Retained: map[string][]byte{"a": zeros}, Security: map[string][]byte{"a": zeros},
		Records: []Record{{Log: 1, Time: w.now, Body: zeros}}, Alive: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	if r, err := check(w.disk, simDir); err != nil || !r.Sound() {
		t.Errorf("%v %v", r, err)
	}
	got, err := openAndRead(w.disk, w.now)
	if err != nil || !bytes.Equal(got.Retained["a"], zeros) || !bytes.Equal(got.Security["a"], zeros) || !bytes.Equal(got.Logs[1].Records[0].Body, zeros) {
		t.Errorf("read %d, %d and %d records; %v", len(got.Retained["a"]), len(got.Security["a"]), len(got.Logs[1].Records), err)
	}
}
