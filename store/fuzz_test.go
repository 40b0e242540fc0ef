package store

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/hepmeter/hepmeter/wire/eventchain"
)

// FuzzOpenDamaged opens a store whose database, log and seal are anything at
// all. It must open or refuse, never panic; and when check finds nothing, what
// opens must read. The checksums of the pages are set right first, or the fuzzer
// would never get past them.
func FuzzOpenDamaged(f *testing.F) {
	for _, closed := range []bool{true, false} {
		files := fuzzStore(f, closed)
		f.Add(files[simDatabase], files[simDatabase+"-wal"], files[simDatabase+"-seal"], true)
		f.Add(files[simDatabase], files[simDatabase+"-wal"], []byte{}, false)
	}
	f.Add([]byte("SQLite format 3\x00"), []byte{}, []byte{}, true)
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, database, log, seal []byte, sum bool) {
		if len(database) > 1<<20 || len(log) > 1<<20 {
			return
		}
		if sum {
			for at := 0; at+vfs.PageSize <= len(database); at += vfs.PageSize {
				vfs.SumPage(database[at : at+vfs.PageSize])
			}
		}
		disk := vfs.Restore(map[string][]byte{simDatabase: database, simDatabase + "-wal": log, simDatabase + "-seal": seal})
		r, checkErr := check(disk, simDir)
		_, err := openAndRead(disk, now)
		if checkErr == nil && r.Sound() && errors.Is(err, ErrCorrupt) {
			t.Errorf("check finds the store sound, opening says %v", err)
		}
	})
}

func fuzzStore(f *testing.F, closed bool) map[string][]byte {
	disk := vfs.NewDisk()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s, err := Open(simDir, Options{Identity: testIdentity, FS: disk, Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	_, err = s.Commit(Batch{Retained: map[string][]byte{"kWh": {1, 2, 3}}, Setup: map[string]string{"PT Prim": "120"},
		Events: []Event{{Time: now, Cause: "a"}}, Security: map[string][]byte{"ledger": {4}}, Alive: now})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"whole", "upload"} {
		if _, err := s.Files().Write("documents", name, 0, []byte("text")); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := s.Files().Finish("documents", "whole", sha256.Sum256([]byte("text"))); err != nil {
		f.Fatal(err)
	}
	if !closed {
		s.abandon()
	} else if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	return disk.Contents()
}

// FuzzCommitRoundTrip commits arbitrary records and reads them back after a
// restart: what Commit accepts it returns unchanged, what it refuses it names.
func FuzzCommitRoundTrip(f *testing.F) {
	f.Add("Integrator 1", []byte{1, 2}, "Power Meter/PT Prim", "120", "cause", "value", int64(1), uint8(3), uint32(7), uint64(9))
	f.Add("", []byte(nil), "\xff", "\x00", "a\x00b", "", int64(-1), uint8(255), uint32(0), uint64(1<<63))
	f.Add("a", []byte(nil), "b", "", "", "", int64(0), uint8(0), uint32(1<<32-1), uint64(MaxSequence))
	f.Fuzz(func(t *testing.T, label string, state []byte, setup, text, cause, value string, ns int64, priority uint8, log uint32, sequence uint64) {
		disk := vfs.NewDisk()
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		opt := Options{Identity: testIdentity, FS: disk, Now: func() time.Time { return now }}
		s, err := Open(simDir, opt)
		if err != nil {
			t.Fatal(err)
		}
		event := Event{Time: time.Unix(0, ns).UTC(), Priority: priority, Cause: cause, CauseValue: value, User: text, Origin: setup}
		seqs, err := s.Commit(Batch{Retained: map[string][]byte{label: state}, Setup: map[string]string{setup: text}, Events: []Event{event},
			Program: text, Records: []Record{{log, sequence, event.Time, state}}, LogHeader: map[uint32]string{log: value},
			Security: map[string][]byte{"verifier/" + setup: state}})
		s.abandon()
		if err != nil {
			if !errors.Is(err, ErrInvalidBatch) {
				t.Fatal(err)
			}
			return
		}
		event.Sequence = seqs[0]
		event.Hash = eventchain.EventHash(event.Previous, event.chained())
		if s, err = Open(simDir, opt); err != nil {
			t.Fatal(err)
		}
		defer s.abandon()
		got, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.Events(event.Sequence, 1)
		if err != nil {
			t.Fatal(err)
		}
		records, err := s.Records(log, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		logs, err := s.Logs()
		if err != nil || len(logs) != 1 || logs[0] != (LogInfo{log, sequence, sequence + 1, 1, int64(len(state)), value}) {
			t.Errorf("logs %+v %v", logs, err)
		}
		if len(records) != 1 || string(records[0].Body) != string(state) || records[0].Sequence != sequence || !records[0].Time.Equal(event.Time) || got.Program != text {
			t.Errorf("committed record %d of %q and program %q, read %+v %q", sequence, state, text, records, got.Program)
		}
		if string(got.Security["verifier/"+setup]) != string(state) {
			t.Errorf("committed security state %q as %q, read %+v", state, setup, got.Security)
		}
		if string(got.Retained[label]) != string(state) || got.Setup[setup] != text || len(events) != 1 || !reflect.DeepEqual(events[0], event) {
			t.Errorf("committed %q %q %q %q %+v, read %+v %+v", label, state, setup, text, event, got, events)
		}
	})
}
