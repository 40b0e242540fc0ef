package store

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/hepmeter/hepmeter/wire/eventchain"
)

// oldStore reads a store that the last program of a schema made: two runs of commits, the
// second stopped ("closed") or killed with its commits still in the log ("killed").
func oldStore(t *testing.T, schema, name string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, rest := range []string{"", "-wal", "-seal"} {
		data, err := os.ReadFile(filepath.Join("testdata", schema, name, databaseName+rest))
		if err != nil {
			if rest == "-wal" && name == "closed" {
				continue
			}
			t.Fatal(err)
		}
		files[simDatabase+rest] = data
	}
	return files
}

func TestMigrationFromSchema1(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"closed", "killed"} {
		t.Run(name, func(t *testing.T) {
			files := oldStore(t, "schema1", name)
			r, err := check(vfs.Restore(files), simDir)
			if err != nil || !r.Sound() || r.Schema != 1 {
				t.Fatalf("before: %v %v", r, err)
			}
			disk := vfs.Restore(files)
			s, err := Open(simDir, Options{Identity: testIdentity, FS: disk, EventDepth: workloadEventDepth, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			first, err := content(s)
			if err != nil {
				t.Fatal(err)
			}
			wantSetup := map[string]string{"Setup 1": "15", "Setup 2": "9", "Setup 5": "12", "Setup 6": "6"}
			if !reflect.DeepEqual(first.Setup, wantSetup) || len(first.Retained) != 30 {
				t.Errorf("setup %v, %d retained", first.Setup, len(first.Retained))
			}
			for label, state := range first.Retained {
				if len(state) != 40 || binary.LittleEndian.Uint64(state[32:]) != 16 {
					t.Errorf("%s is %x, want 16 behind 32 zeros", label, state)
				}
			}
			if n := len(first.Events); n != workloadEventDepth-1 || first.Events[n-1].Sequence != 17 || first.Next != 18 {
				t.Errorf("%d events before %d", n, first.Next)
			}
			if first.Program != "" || len(first.Logs) != 0 {
				t.Errorf("program %q, logs %v", first.Program, first.Logs)
			}
			// The new tables work.
			if _, err := s.Commit(Batch{Program: "p", Records: []Record{{Log: 1, Time: now, Body: []byte{1}}}, Alive: now}); err != nil {
				t.Fatal(err)
			}
			s.abandon()
			if r, err := check(disk, simDir); err != nil || !r.Sound() || r.Schema != SchemaVersion || r.Records != 1 {
				t.Errorf("after: %v %v", r, err)
			}
		})
	}
}

// Schema 2 comes with what its program says it had committed. Nothing of it changes, and
// its events get the chain that anybody can compute from them.
func TestMigrationFromSchema2(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"closed", "killed"} {
		t.Run(name, func(t *testing.T) {
			files := oldStore(t, "schema2", name)
			disk := vfs.Restore(files)
			if r, err := check(disk, simDir); err != nil || !r.Sound() || r.Schema != 2 {
				t.Fatalf("before: %v %v", r, err)
			}
			text, err := os.ReadFile(filepath.Join("testdata", "schema2", name, "content.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want kept
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			want.Security, want.Files = map[string][]byte{}, map[string]keptFile{}
			for i := range want.Events {
				e := &want.Events[i]
				e.Previous = want.Hash
				e.Hash = eventchain.EventHash(e.Previous, e.chained())
				want.Hash = e.Hash
			}
			first, err := openAndRead(disk, now)
			if err != nil {
				t.Fatal(err)
			}
			want, want.Key = want.restarted(), first.Key
			if !equal(want, first) {
				t.Errorf("migrated (-want +got):\n%s", cmp.Diff(want, first))
			}
			again, err := openAndRead(disk, now)
			if err != nil || again.Key != first.Key || len(again.Key) != ed25519.PrivateKeySize {
				t.Errorf("key of %d bytes of the device, kept: %v; %v", len(again.Key), again.Key == first.Key, err)
			}
			if r, err := check(disk, simDir); err != nil || !r.Sound() || r.Schema != SchemaVersion {
				t.Errorf("after: %v %v", r, err)
			}
		})
	}
}

// The power goes at any operation of the start that migrates, and again at any of the
// start after that.
func TestPowerCutDuringMigration(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	sample := 9
	if cutCount(t) > 1 {
		sample = 2
	}
	if raceDetector {
		sample = 90
	}
	for _, old := range []struct{ schema, name string }{{"schema1", "closed"}, {"schema1", "killed"}, {"schema2", "closed"}, {"schema2", "killed"}} {
		t.Run(old.schema+" "+old.name, func(t *testing.T) {
			disk := vfs.Restore(oldStore(t, old.schema, old.name))
			want, err := openAndRead(disk, now)
			if err != nil {
				t.Fatal(err)
			}
			want.Key = "" // It is made by the start that is cut.
			once, twice := 0, 0
			for cuts := vfs.NewCuts(disk); cuts.Next(); {
				for i, loss := range vfs.Losses() {
					if raceDetector && (cuts.At()+i)%20 != 0 {
						continue
					}
					again := cuts.Cut(loss, 1)
					got, err := openAndRead(again, now)
					if err != nil {
						t.Fatalf("cut before operation %d, %v: %v", cuts.At(), loss, err)
					}
					if !got.follows(want) {
						t.Fatalf("cut before operation %d, %v (-want +got):\n%.1500s", cuts.At(), loss, cmp.Diff(want, got))
					}
					once++
					for second := vfs.NewCuts(again); second.Next(); {
						if (second.At()+cuts.At()*7+i)%sample != 0 {
							continue
						}
						got2, err := openAndRead(second.Cut(loss, 2), now)
						if err != nil {
							t.Fatalf("cuts before operations %d and %d, %v: %v", cuts.At(), second.At(), loss, err)
						}
						before := got
						before.Key = "" // The second cut may be before the start that made it was acknowledged.
						if !got2.follows(before) {
							t.Fatalf("cuts before operations %d and %d, %v (-want +got):\n%.1500s", cuts.At(), second.At(), loss, cmp.Diff(got, got2))
						}
						twice++
					}
				}
			}
			t.Logf("%d operations of the start that migrates, %d cuts and %d second cuts opened and compared", disk.Operations(), once, twice)
		})
	}
}
