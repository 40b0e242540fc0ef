package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
)

// An export of a stopped store, of a killed one, and of one of the schema before, comes
// back whole from its file, and the directory it was made of is as it was.
func TestExportAndImport(t *testing.T) {
	closed, want := smallStore(t, true)
	killed, _ := smallStore(t, false)
	for name, disk := range map[string]*vfs.Disk{"closed": closed, "killed": killed, "schema 1": vfs.Restore(oldStore(t, "schema1", "killed"))} {
		t.Run(name, func(t *testing.T) {
			if err := disk.MkdirAll("/out"); err != nil {
				t.Fatal(err)
			}
			before := disk.Contents()
			if err := export(disk, simDir, "/out/file"); err != nil {
				t.Fatal(err)
			}
			after := disk.Contents()
			delete(after, "/out/file")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("export changed the directory (-before +after):\n%.500s", diff)
			}
			r, err := check(disk, "/out/file")
			if err != nil || !r.Sound() {
				t.Fatalf("file: %v %v", r, err)
			}
			if err := Import("/out/file", simTwin, Options{FS: disk, Identity: testIdentity}); err != nil {
				t.Fatal(err)
			}
			got, err := openAndReadIn(simTwin, disk, want.Alive)
			if err != nil {
				t.Fatal(err)
			}
			if name == "schema 1" {
				if len(got.Retained) != 30 || got.Setup["Setup 1"] != "15" {
					t.Errorf("imported %+v", got)
				}
				return
			}
			want, got := want.restarted(), got
			if got.Key == want.Key {
				t.Error("the import has the key of the device that was exported")
			}
			got.Key = want.Key
			got.Alive, got.Clean = want.Alive, want.Clean
			if !equal(want, got) {
				t.Errorf("imported (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

func TestExportAndImportRefuse(t *testing.T) {
	sound, _ := smallStore(t, true)
	if err := sound.MkdirAll("/out"); err != nil {
		t.Fatal(err)
	}
	if err := export(sound, simDir, "/out/file"); err != nil {
		t.Fatal(err)
	}
	files := sound.Contents()
	with := func(change func(*vfs.Disk)) *vfs.Disk {
		disk := vfs.Restore(files)
		change(disk)
		return disk
	}
	put := func(disk *vfs.Disk, path string, data []byte) {
		if err := disk.MkdirAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		if err := writeWhole(disk, path, data); err != nil {
			t.Fatal(err)
		}
	}
	newer := with(func(d *vfs.Disk) {
		db, err := openDatabase(d, "/out/file", false)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.exec("aging", fmt.Sprintf("PRAGMA user_version = %d", SchemaVersion+1)), db.close()); err != nil {
			t.Fatal(err)
		}
	})
	as := func(id Identity) func(*vfs.Disk) error {
		return func(d *vfs.Disk) error { return Import("/out/file", simTwin, Options{FS: d, Identity: id}) }
	}
	tests := []struct {
		name string
		disk *vfs.Disk
		do   func(*vfs.Disk) error
		kind error
		says []string
	}{
		{"import into a directory that holds a meter", with(func(*vfs.Disk) {}), func(d *vfs.Disk) error { return Import("/out/file", simDir, Options{FS: d}) }, ErrOccupied, []string{simDir, "another directory"}},
		{"import where only a log is left", with(func(d *vfs.Disk) { put(d, simTwin+"/meter.db-wal", []byte("x")) }), as(Identity{}), ErrOccupied, []string{"meter.db-wal"}},
		{"import into a directory in use", with(func(d *vfs.Disk) {
			if _, _, err := d.Lock(simTwin+"/"+lockName, "pid 7"); err != nil {
				t.Fatal(err)
			}
		}), as(Identity{}), ErrHeld, []string{"pid 7"}},
		{"import of another model", with(func(*vfs.Disk) {}), as(Identity{Model: "PM8000"}), ErrOtherMeter, []string{"PM8000"}},
		{"import of a newer schema", newer, as(Identity{}), ErrNewerSchema, []string{"run that version"}},
		{"import of a flipped bit", with(func(d *vfs.Disk) { d.Flip("/out/file", 8*5000) }), as(Identity{}), ErrCorrupt, []string{"page 2"}},
		{"import of half a file", with(func(d *vfs.Disk) { put(d, "/out/file", files["/out/file"][:8192]) }), as(Identity{}), ErrCorrupt, nil},
		{"import of something else", with(func(d *vfs.Disk) { put(d, "/out/file", []byte("hello")) }), as(Identity{}), ErrCorrupt, nil},
		{"import of nothing", with(func(d *vfs.Disk) { put(d, "/out/file", nil) }), as(Identity{}), ErrCorrupt, nil},
		{"import of a missing file", with(func(d *vfs.Disk) { d.Remove("/out/file") }), as(Identity{}), os.ErrNotExist, []string{"/out/file"}},
		{"import of a database in use", with(func(d *vfs.Disk) { put(d, "/out/file-wal", []byte("x")) }), as(Identity{}), ErrNotAStore, []string{"file-wal"}},
		{"export over a file", with(func(*vfs.Disk) {}), func(d *vfs.Disk) error { return export(d, simDir, "/out/file") }, ErrOccupied, []string{"another name"}},
		{"export of nothing", with(func(*vfs.Disk) {}), func(d *vfs.Disk) error { return export(d, "/nowhere", "/out/f") }, ErrNotAStore, nil},
		{"export of a running meter", with(func(d *vfs.Disk) {
			if _, _, err := d.Lock(simDir+"/"+lockName, "pid 7"); err != nil {
				t.Fatal(err)
			}
		}), func(d *vfs.Disk) error { return export(d, simDir, "/out/f") }, ErrHeld, []string{"pid 7", "before exporting"}},
		{"export of a damaged store", with(func(d *vfs.Disk) { d.Flip(simDatabase, 8*5000) }), func(d *vfs.Disk) error { return export(d, simDir, "/out/f") }, ErrCorrupt, []string{"page 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.disk.Contents()
			oneLine(t, tt.do(tt.disk), tt.kind, tt.says...)
			if diff := cmp.Diff(before, tt.disk.Contents()); diff != "" {
				t.Errorf("the refusal changed files (-before +after):\n%.500s", diff)
			}
		})
	}
}

// A disk that is full or fails at any call of an export or import leaves nothing but an
// error; tried again, it works.
func TestExportAndImportOnAFailingDisk(t *testing.T) {
	sound, _ := smallStore(t, true)
	if err := sound.MkdirAll("/out"); err != nil {
		t.Fatal(err)
	}
	if err := export(sound, simDir, "/out/file"); err != nil {
		t.Fatal(err)
	}
	files := sound.Contents()
	for name, do := range map[string]func(*vfs.Disk) error{
		"export": func(d *vfs.Disk) error { return export(d, simDir, "/out/again") },
		"import": func(d *vfs.Disk) error { return Import("/out/file", simTwin, Options{FS: d}) },
	} {
		refused := 0
		for at := 0; ; at++ {
			disk := vfs.Restore(files)
			disk.FailBetween(at, at, syscall.ENOSPC, true)
			err := do(disk)
			if disk.Calls() <= at {
				t.Logf("%s: %d calls failed in turn, %d refused", name, at, refused)
				break
			}
			disk.FailBetween(0, -1, nil, false)
			if err != nil {
				refused++
				if again := do(disk); again != nil && !errors.Is(again, ErrOccupied) {
					t.Fatalf("%s: call %d failed (%v), then: %v", name, at, err, again)
				}
			}
			for _, path := range []string{"/out/again", simTwin} {
				if _, err := disk.Stat(path); err != nil {
					continue
				}
				if r, err := check(disk, path); err != nil || !r.Sound() {
					t.Fatalf("%s: call %d failed: %v %v", name, at, r, err)
				}
			}
		}
		if refused == 0 {
			t.Errorf("%s: nothing was refused", name)
		}
	}
}

// Commits made while a snapshot is copied are in it whole or not at all, and a close
// ends it.
func TestSnapshotBesideCommits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meter")
	s, err := Open(dir, Options{Identity: testIdentity})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkload(t, 1000)
	batch := func(n uint64) Batch {
		b := Batch{Retained: map[string][]byte{}, LogHeader: map[uint32]string{1: fmt.Sprint(n)}}
		for i := range 50 {
			b.Retained[fmt.Sprint("kWh ", i)] = fmt.Append(make([]byte, 3000), n)
		}
		b.Records = []Record{{1, n, w.now, nil}}
		return b
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for n := uint64(1); ; n++ {
			if _, err := s.Commit(batch(n)); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for range 5 {
		var b bytes.Buffer
		if err := s.Snapshot(&b); err != nil {
			t.Fatal(err)
		}
		disk := vfs.Restore(map[string][]byte{simDatabase: b.Bytes()})
		if r, err := check(disk, simDir); err != nil || !r.Sound() {
			t.Fatalf("%v %v", r, err)
		}
		got, err := openAndRead(disk, w.now)
		if err != nil {
			t.Fatal(err)
		}
		n := got.Logs[1].Header
		for label, state := range got.Retained {
			if string(state[3000:]) != n {
				t.Fatalf("%s is of commit %s, the log of %s", label, state[3000:], n)
			}
		}
	}
	close(stop)
	wg.Wait()
	wg.Go(func() {
		for {
			if err := s.Snapshot(new(bytes.Buffer)); errors.Is(err, ErrClosed) {
				return
			} else if err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
