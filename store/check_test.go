package store

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

const simDatabase = simDir + "/" + databaseName

// smallStore returns the disk of a store with a few commits. Its log holds some
// of them unless it was closed.
func smallStore(t *testing.T, closed bool) (*vfs.Disk, kept) {
	t.Helper()
	w := newWorkload(t, 20)
	w.open()
	for n := 1; n <= 20; n++ {
		w.commit(n)
	}
	want := w.steps[len(w.steps)-1].want
	if closed {
		w.close()
	} else {
		w.kill()
	}
	return vfs.Restore(w.disk.Contents()), want
}

func TestCheckFindsNothingInASoundStore(t *testing.T) {
	for name, closed := range map[string]bool{"closed": true, "killed": false} {
		t.Run(name, func(t *testing.T) {
			disk, want := smallStore(t, closed)
			before := disk.Contents()
			r, err := check(disk, simDir)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			if !r.Sound() || len(r.Notes) != 0 || r.Setup != len(want.Setup) || r.Retained != len(want.Retained) ||
				r.Logs != len(want.Logs) || r.Records != len(want.Logs[ringLog].Records)+len(want.Logs[clearedLog].Records) || r.Program != len(want.Program) || r.Events != len(want.Events) ||
				r.Security != len(want.Security) || r.Files+r.Uploads != len(want.Files) {
				t.Errorf("report %v, want sound with %d setups, %d retained, %d events", r, len(want.Setup), len(want.Retained), len(want.Events))
			}
			if closed == (r.LogFrames > 0) {
				t.Errorf("%d frames in the log of a store that was closed: %v", r.LogFrames, closed)
			}
			if diff := cmp.Diff(before, disk.Contents()); diff != "" {
				t.Errorf("check changed the files (-before +after):\n%s", diff)
			}
		})
	}
}

// Every byte of every page of a database, and of the log as far as it was
// synced, has a bit flipped; check must name the file and the page each time.
func TestCheckFindsEveryFlippedBit(t *testing.T) {
	disk, _ := smallStore(t, true)
	size := len(disk.Contents()[simDatabase])
	rnd := rand.New(rand.NewPCG(1, 2))
	tables := map[string]int{}
	sampleEvery, tried := int64(7), 0
	if raceDetector {
		sampleEvery = 200
	} else if cutCount(t) > 1 {
		sampleEvery = 1
	}
	for at := int64(0); at < int64(size); at += 1 + rnd.Int64N(sampleEvery) {
		tried++
		bit := at*8 + rnd.Int64N(8)
		disk.Flip(simDatabase, bit)
		r, err := check(disk, simDir)
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if len(r.Findings) == 0 || r.Findings[0].File != databaseName || r.Findings[0].Page != at/vfs.PageSize+1 {
			t.Fatalf("bit %d of byte %d flipped: %v", bit%8, at, r)
		}
		tables[r.Findings[0].Table]++
		disk.Flip(simDatabase, bit)
	}
	t.Logf("%d of %d bytes of %d pages, a bit flipped in each, every one found; pages named by table: %v", tried, size, size/vfs.PageSize, tables)
	for _, table := range []string{"meta", "setup", "retained", "event", "sqlite_schema", "program", "log", "record", "security", "device", "file", "block"} {
		if tables[table] == 0 {
			t.Errorf("no page was named as one of table %s", table)
		}
	}
}

func TestCheckFindsEveryFlippedBitInTheLog(t *testing.T) {
	disk, _ := smallStore(t, false)
	path := simDatabase + "-wal"
	log, err := openLog(disk, path)
	if err != nil {
		t.Fatal(err)
	}
	seal, _, _, err := vfs.ReadSeal(disk, path)
	if err != nil || seal.Frames == 0 {
		t.Fatalf("seal %+v, %v", seal, err)
	}
	end := log.Offset(int(seal.Frames)-1) + vfs.PageSize
	rnd := rand.New(rand.NewPCG(3, 4))
	tried, sampleEvery := 0, int64(9)
	if raceDetector {
		sampleEvery = 900
	}
	for at := int64(0); at < end; at += 1 + rnd.Int64N(sampleEvery) {
		bit := at*8 + rnd.Int64N(8)
		disk.Flip(path, bit)
		r, err := check(disk, simDir)
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		wantFrame := (at-32)/(24+vfs.PageSize) + 1
		if at < 32 {
			wantFrame = 0
		}
		if len(r.Findings) == 0 || r.Findings[0].File != databaseName+"-wal" || r.Findings[0].Page != wantFrame {
			t.Fatalf("bit %d of byte %d flipped, frame %d: %v", bit%8, at, wantFrame, r)
		}
		disk.Flip(path, bit)
		tried++
	}
	t.Logf("%d of %d bytes of %d synced frames, a bit flipped in each, every one found", tried, end, seal.Frames)
}

// What a row claims must fit the rows it counts.
func TestCheckFindsRowsThatDisagree(t *testing.T) {
	for name, sql := range map[string]string{
		"a record too few":       "DELETE FROM record WHERE log = 7 AND sequence = (SELECT max(sequence) FROM record WHERE log = 7)",
		"a record beyond next":   "UPDATE log SET next = 1 WHERE log = 7",
		"records of no log":      "INSERT INTO record VALUES (9, 1, 0, x'00')",
		"an event beyond next":   "UPDATE meta SET value = 3 WHERE key = 'next_event'",
		"a counter that wrapped": "UPDATE meta SET value = 9223372036854775807 WHERE key = 'next_event'",
		"an unsound depth":       "UPDATE meta SET value = -1 WHERE key = 'event_depth'",
		"an event changed":       "UPDATE event SET user = 'somebody' WHERE sequence = (SELECT min(sequence) + 2 FROM event)",
		"an event removed":       "DELETE FROM event WHERE sequence = (SELECT min(sequence) + 2 FROM event)",
		"the newest removed":     "DELETE FROM event WHERE sequence = (SELECT max(sequence) FROM event)",
		"the newest changed":     "UPDATE event SET cause = 'nothing' WHERE sequence = (SELECT max(sequence) FROM event)",
		"an event numbered 0":    "UPDATE event SET sequence = 0 WHERE sequence = (SELECT min(sequence) FROM event)",
		"the chain's head":       "UPDATE meta SET value = zeroblob(32) WHERE key = 'event_hash'",
		"half a chain's head":    "UPDATE meta SET value = x'00' WHERE key = 'event_hash'",
		"a file changed":         "UPDATE block SET body = zeroblob(length(body)) WHERE number = 1",
		"a file cut":             "DELETE FROM block WHERE number = 2",
		"a file with a hole":     "UPDATE block SET number = 9 WHERE number = 1",
		"blocks of no file":      "DELETE FROM file",
		"a file's unsafe name":   "UPDATE file SET name = '../meter.db'",
	} {
		t.Run(name, func(t *testing.T) {
			disk, _ := smallStore(t, true)
			db, err := openDatabase(disk, simDatabase, false)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.exec("tampering", sql), db.close()); err != nil {
				t.Fatal(err)
			}
			r, err := check(disk, simDir)
			if err != nil || r.Sound() {
				t.Errorf("%v, %v", r, err)
			}
			t.Log(r.Findings)
		})
	}
}

// A store with a flipped bit either refuses to open or to read, naming the
// file, or returns what was committed; it never returns anything else.
func TestOpeningWithAFlippedBit(t *testing.T) {
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	for name, closed := range map[string]bool{"closed": true, "killed": false} {
		t.Run(name, func(t *testing.T) {
			sound, want := smallStore(t, closed)
			files := sound.Contents()
			want = want.restarted()
			if closed {
				want.Alive, want.Clean = want.Alive.Add(time.Second), true
			}
			rnd := rand.New(rand.NewPCG(5, 6))
			refused, unharmed := 0, 0
			flips := 400
			if raceDetector {
				flips = 20
			}
			for range flips {
				disk := vfs.Restore(files)
				path := simDatabase
				if !closed && rnd.IntN(2) == 0 {
					path += "-wal"
				}
				bit := rnd.Int64N(int64(len(files[path])) * 8)
				disk.Flip(path, bit)
				got, err := openAndRead(disk, now)
				switch {
				case err != nil && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(path))):
					t.Fatalf("bit %d of %s: error does not name the file as corrupt: %v", bit, path, err)
				case err != nil:
					refused++
				case equal(want, got):
					unharmed++ // The page was superseded by the log, or lies behind its end.
				default:
					t.Fatalf("bit %d of %s was not noticed (-want +got):\n%s", bit, path, cmp.Diff(want, got))
				}
			}
			t.Logf("%d refused, %d unharmed", refused, unharmed)
			if refused == 0 {
				t.Error("no flip was refused")
			}
		})
	}
}

func openAndRead(disk vfs.FS, now time.Time) (kept, error) { return openAndReadIn(simDir, disk, now) }

func openAndReadIn(dir string, disk vfs.FS, now time.Time) (kept, error) {
	s, err := Open(dir, Options{Identity: testIdentity, FS: disk, EventDepth: workloadEventDepth, Now: func() time.Time { return now }})
	if err != nil {
		return kept{}, err
	}
	defer s.abandon()
	return content(s)
}

// A frame that rots in the log while the store runs must not be laundered into
// the database with a fresh checksum.
func TestCheckpointRefusesARottenLogFrame(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	for n := 1; n <= 4; n++ {
		w.commit(n)
	}
	s := w.store
	log, err := openLog(w.disk, simDatabase+"-wal")
	if err != nil {
		t.Fatal(err)
	}
	last := log.Frames[log.Committed-1]
	newest, _ := log.Newest(last.Page)
	w.disk.Flip(simDatabase+"-wal", (log.Offset(newest)+100)*8)
	err = s.db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "-wal") {
		t.Errorf("checkpoint of a rotten frame: %v, want ErrCorrupt naming the log", err)
	}
	s.abandon()
}
