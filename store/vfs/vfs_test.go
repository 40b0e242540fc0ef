package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func write(t *testing.T, f File, text string, off int64) {
	t.Helper()
	if _, err := f.WriteAt([]byte(text), off); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Both file systems do the same with the same calls.
func TestFileSystems(t *testing.T) {
	for name, fsys := range map[string]FS{"os": OS(), "disk": NewDisk()} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			must(t, fsys.MkdirAll(dir))
			path := filepath.Join(dir, "f")
			if _, err := fsys.Open(path, os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("opening a missing file: %v", err)
			}
			f, err := fsys.Open(path, os.O_RDWR|os.O_CREATE)
			must(t, err)
			write(t, f, "hello", 2)
			must(t, f.Truncate(6))
			must(t, f.Sync())
			if size, err := f.Size(); err != nil || size != 6 {
				t.Errorf("size %d, %v", size, err)
			}
			b := make([]byte, 10)
			if n, err := f.ReadAt(b, 0); n != 6 || err == nil || !bytes.Equal(b[:6], []byte("\x00\x00hell")) {
				t.Errorf("read %q, %v", b[:n], err)
			}
			must(t, f.Close())
			if _, err := fsys.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL); !errors.Is(err, fs.ErrExist) {
				t.Errorf("creating an existing file: %v", err)
			}
			must(t, fsys.Rename(path, path+"2"))
			must(t, fsys.SyncDir(dir))
			if names, err := fsys.List(dir); err != nil || len(names) != 1 || names[0] != "f2" {
				t.Errorf("names %v, %v", names, err)
			}
			if info, err := fsys.Stat(path + "2"); err != nil || info.Directory || info.SizeBytes != 6 {
				t.Errorf("stat %+v, %v", info, err)
			}
			must(t, fsys.Remove(path+"2"))
			if err := fsys.Remove(path + "2"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("removing a missing file: %v", err)
			}
			lock, _, err := fsys.Lock(filepath.Join(dir, "LOCK"), "me")
			must(t, err)
			if _, present, err := fsys.Lock(filepath.Join(dir, "LOCK"), "you"); !errors.Is(err, ErrLocked) || present != "me" {
				t.Errorf("second lock: %q, %v", present, err)
			}
			must(t, lock.Close())
			lock, _, err = fsys.Lock(filepath.Join(dir, "LOCK"), "you")
			must(t, err)
			must(t, lock.Close())
		})
	}
}

// What each loss leaves of one synced and two unsynced writes and a new name.
func TestLosses(t *testing.T) {
	d := NewDisk()
	must(t, d.MkdirAll("/d"))
	f, err := d.Open("/d/f", os.O_RDWR|os.O_CREATE)
	must(t, err)
	write(t, f, "synced", 0)
	must(t, f.Sync())
	must(t, d.SyncDir("/d"))
	write(t, f, "SYN", 0)
	write(t, f, "tail", 6)
	must(t, d.Rename("/d/f", "/d/g"))
	cuts := NewCuts(d)
	for cuts.Next() {
	}
	tests := []struct {
		loss       Loss
		name, want string
	}{
		{DropUnsynced, "/d/f", "synced"},
		{KeepUnsynced, "/d/g", "SYNcedtail"},
		{ZeroUnsynced, "/d/g", "synced\x00\x00\x00\x00"},
	}
	for _, tt := range tests {
		files := cuts.Cut(tt.loss, 1).Contents()
		if len(files) != 1 || string(files[tt.name]) != tt.want {
			t.Errorf("%v leaves %q, want %s = %q", tt.loss, files, tt.name, tt.want)
		}
	}
	seen := map[string]bool{}
	for seed := range uint64(500) {
		for name, data := range cuts.Cut(KeepSome, seed).Contents() {
			seen[name+" "+string(data)] = true
		}
	}
	for _, want := range []string{"/d/f synced", "/d/f SYNced", "/d/g syncedtail", "/d/g SYNcedtail"} {
		if !seen[want] {
			t.Errorf("KeepSome never leaves %q in %v", want, seen)
		}
	}
}

// After a failed sync the pages are clean to the system: a later sync that
// succeeds does not bring them back.
func TestFailedSyncLosesWrites(t *testing.T) {
	d := NewDisk()
	must(t, d.MkdirAll("/d"))
	f, err := d.Open("/d/f", os.O_RDWR|os.O_CREATE)
	must(t, err)
	must(t, d.SyncDir("/d"))
	write(t, f, "lost", 0)
	d.FailBetween(d.Calls(), d.Calls(), syscall.EIO, false)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	write(t, f, "kept", 8192)
	must(t, f.Sync())
	cuts := NewCuts(d)
	for cuts.Next() {
	}
	data := cuts.Cut(DropUnsynced, 1).Contents()["/d/f"]
	if string(data[8192:]) != "kept" || string(data[:4]) == "lost" {
		t.Errorf("after the cut %q ... %q", data[:4], data[8192:])
	}
}

// Every single flipped bit of a page changes its checksum.
func TestPageSumNoticesEveryBit(t *testing.T) {
	for name, step := range map[string]int{"some bytes": 7, "zeros": 0} {
		page := make([]byte, PageSize)
		for i := range page {
			page[i] = byte(i * step)
		}
		SumPage(page)
		if reason := CheckPage(page); reason != "" {
			t.Fatalf("sound page of %s: %s", name, reason)
		}
		for bit := range PageSize * 8 {
			page[bit/8] ^= 1 << (bit % 8)
			if CheckPage(page) == "" {
				t.Fatalf("bit %d of a page of %s flipped unnoticed", bit, name)
			}
			page[bit/8] ^= 1 << (bit % 8)
		}
	}
	if CheckPage(make([]byte, PageSize)) == "" {
		t.Error("a page of zeros passes")
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{0x37, 0x7f, 6, 0x82}, 2000), Seal{Sequence: 1, Frames: 3}.encode())
	f.Fuzz(func(t *testing.T, log, seal []byte) {
		d := Restore(map[string][]byte{"/m.db-wal": log, "/m.db-seal": seal})
		file, err := d.Open("/m.db-wal", os.O_RDONLY)
		must(t, err)
		l, err := ReadLog(file)
		must(t, err)
		if l.Committed > len(l.Frames) || len(l.Frames) > len(log)/frameSize {
			t.Errorf("%d committed of %d frames in %d bytes", l.Committed, len(l.Frames), len(log))
		}
		s, _, ok, err := ReadSeal(d, "/m.db-wal")
		must(t, err)
		if got, sound := decodeSeal(s.encode()); ok && (!sound || got != s) {
			t.Errorf("seal %+v encodes to %+v", s, got)
		}
		_ = CheckSeal("/m.db-wal", l, s)
	})
}
