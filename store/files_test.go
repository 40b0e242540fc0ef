package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/store/vfs"
)

// send writes a file in blocks of a size, and finishes it.
func send(t *testing.T, f Files, folder, name string, body []byte, block int) {
	t.Helper()
	for at := 0; at == 0 || at < len(body); at += block {
		part := body[at:min(at+block, len(body))]
		if got, err := f.Write(folder, name, int64(at), part); err != nil || got != int64(at+len(part)) {
			t.Fatalf("block at %d: received %d, %v", at, got, err)
		}
	}
	info, err := f.Finish(folder, name, sha256.Sum256(body))
	if err != nil || info.SizeBytes != int64(len(body)) || info.SHA256 != sha256.Sum256(body) {
		t.Fatalf("finished %+v, %v", info, err)
	}
}

// Files of every awkward size, in blocks of every awkward size, come back as they were, from
// any offset.
func TestFilesComeBack(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer w.store.abandon()
	f := w.store.Files()
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 5*blockBytes + 7, MaxFileBlockBytes + 3} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(rnd.Uint32())
		}
		for _, block := range []int{997, blockBytes, MaxFileBlockBytes} {
			send(t, f, "documents", "a", body, block)
			for _, at := range []int{0, 1, blockBytes - 1, blockBytes, size - 1, size, size + 1} {
				want := body[min(max(at, 0), size):]
				want = want[:min(len(want), 3000)]
				_, got, err := f.Read("documents", "a", int64(max(at, 0)), 3000)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("size %d in blocks of %d: %d bytes from %d, want %d; %v", size, block, len(got), at, len(want), err)
				}
			}
		}
	}
	if _, got, err := f.Read("documents", "a", 0, 1<<30); err != nil || len(got) != MaxFileBlockBytes {
		t.Errorf("%d bytes in one read, at most %d; %v", len(got), MaxFileBlockBytes, err)
	}
	if list, err := f.List("documents"); err != nil || len(list) != 1 || !list[0].Time.Equal(w.now) {
		t.Errorf("list %+v, %v", list, err)
	}
	if used, err := f.UsedBytes(); err != nil || used != MaxFileBlockBytes+3 {
		t.Errorf("%d bytes used, %v", used, err)
	}
	if list, err := f.List("web"); err != nil || len(list) != 0 {
		t.Errorf("list of another folder %+v, %v", list, err)
	}
	if err := f.Delete("documents", "a"); err != nil {
		t.Error(err)
	}
	if _, _, err := f.Read("documents", "a", 0, 1); !errors.Is(err, ErrNoFile) {
		t.Errorf("read of a deleted file: %v", err)
	}
}

// An upload that stops goes on where it was, also behind a restart; the file before it stays
// until all of it is there.
func TestUploadGoesOn(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	send(t, w.store.Files(), "documents", "a", []byte("before"), 100)
	if _, err := w.store.Files().Write("documents", "a", 0, []byte("after ")); err != nil {
		t.Fatal(err)
	}
	w.kill()
	w.open()
	defer w.store.abandon()
	f := w.store.Files()
	uploads, err := f.Uploads()
	if err != nil || len(uploads) != 1 || uploads[0].ReceivedBytes != 6 {
		t.Fatalf("uploads %+v, %v", uploads, err)
	}
	if received, err := f.Write("documents", "a", 3, []byte("x")); !errors.Is(err, ErrOffset) || received != 6 {
		t.Errorf("block at 3: received %d, %v", received, err)
	}
	if _, body, err := f.Read("documents", "a", 0, 100); err != nil || string(body) != "before" {
		t.Errorf("before the end of the upload: %q, %v", body, err)
	}
	if received, err := f.Write("documents", "a", 6, []byte("all")); err != nil || received != 9 {
		t.Errorf("received %d, %v", received, err)
	}
	sum := sha256.Sum256([]byte("after all"))
	for range 2 { // The second time because the answer was lost.
		if info, err := f.Finish("documents", "a", sum); err != nil || info.SizeBytes != 9 {
			t.Errorf("finished %+v, %v", info, err)
		}
	}
	if _, body, err := f.Read("documents", "a", 0, 100); err != nil || string(body) != "after all" {
		t.Errorf("after the end of the upload: %q, %v", body, err)
	}
}

func TestFilesRefuse(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	defer w.store.abandon()
	f := w.store.Files()
	send(t, f, "documents", "a", []byte("a"), 1)
	write := func(folder, name string, offset int64, block []byte) error {
		_, err := f.Write(folder, name, offset, block)
		return err
	}
	finish := func(name, body string) error {
		_, err := f.Finish("documents", name, sha256.Sum256([]byte(body)))
		return err
	}
	tests := []struct {
		name string
		do   func() error
		kind error
		says string
	}{
		{"empty name", func() error { return write("documents", "", 0, nil) }, ErrInvalidFile, "choose another"},
		{"empty folder", func() error { return write("", "a", 0, nil) }, ErrInvalidFile, "folder name"},
		{"the folder itself", func() error { return write("documents", ".", 0, nil) }, ErrInvalidFile, ""},
		{"the folder above", func() error { return write("..", "a", 0, nil) }, ErrInvalidFile, ""},
		{"a name of 69 characters", func() error { return write("documents", strings.Repeat("x", 69), 0, nil) }, ErrInvalidFile, "68"},
		{"a name that is not ASCII", func() error { return write("documents", "é", 0, nil) }, ErrInvalidFile, ""},
		{"a block too large", func() error { return write("documents", "b", 0, make([]byte, MaxFileBlockBytes+1)) }, ErrInvalidFile, "split it"},
		{"no beginning", func() error { return write("documents", "b", 5, []byte("x")) }, ErrOffset, "begin at 0"},
		{"a negative offset", func() error { return write("documents", "b", -1, []byte("x")) }, ErrOffset, "begin at 0"},
		{"an end without a beginning", func() error { return finish("b", "x") }, ErrNoFile, "send it from 0"},
		{"an end of what was replaced", func() error { return finish("a", "x") }, ErrNoFile, "send it from 0"},
		{"another sum", func() error {
			return errors.Join(write("documents", "c", 0, []byte("x")), finish("c", "y"))
		}, ErrChecksum, "send it again"},
		{"what was dropped for its sum", func() error { return f.Abandon("documents", "c") }, ErrNoFile, ""},
		{"deleting what is not there", func() error { return f.Delete("documents", "b") }, ErrNoFile, "list the folder"},
		{"abandoning a whole file", func() error { return f.Abandon("documents", "a") }, ErrNoFile, ""},
	}
	for _, c := range "\x00 \"'`/\\*?<>\x7f" {
		tests = append(tests, struct {
			name string
			do   func() error
			kind error
			says string
		}{fmt.Sprintf("a name with %q", c), func() error { return write("documents", "a"+string(c), 0, nil) }, ErrInvalidFile, ""})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { oneLine(t, tt.do(), tt.kind, tt.says) })
	}
	if list, err := f.List(""); err != nil || len(list) != 1 {
		t.Errorf("the refusals left %+v, %v", list, err)
	}
}

// Files and uploads together take no more than MaxFilesBytes, whatever is refused on the way,
// and what was deleted makes room.
func TestFilesStayInTheirRoom(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	f := w.store.Files()
	block := make([]byte, MaxFileBlockBytes)
	for i := range MaxFilesBytes / MaxFileBlockBytes {
		if _, err := f.Write("documents", "large", int64(i)*MaxFileBlockBytes, block); err != nil {
			t.Fatal(err)
		}
		w.catchUp()
	}
	_, err := f.Write("documents", "large", MaxFilesBytes, []byte("x"))
	oneLine(t, err, ErrNoRoom, "delete a file")
	_, err = f.Write("documents", "b", 0, []byte("x"))
	oneLine(t, err, ErrNoRoom, "abandon an upload")
	start := time.Now()
	if _, err := f.Finish("documents", "large", sha256.Sum256(make([]byte, MaxFilesBytes))); err != nil {
		t.Fatal(err)
	}
	finished := time.Since(start)
	w.store.abandon()
	if r, err := check(w.disk, simDir); err != nil || !r.Sound() || r.Files != 1 || r.Uploads != 0 {
		t.Errorf("full: %v %v", r, err)
	}
	w.now = w.now.Add(time.Second)
	w.open()
	f = w.store.Files()
	start = time.Now()
	if err := f.Delete("documents", "large"); err != nil {
		t.Fatal(err)
	}
	t.Logf("16 MiB: finished in %v, deleted in %v", finished, time.Since(start))
	send(t, f, "documents", "b", []byte("x"), 1)
	w.store.abandon()
}

// Uploads are bounded in number; those that nobody has gone on with for a day go at the next
// start, or when the next one begins.
func TestUploadsAreSwept(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	begin := func(name string) error {
		_, err := w.store.Files().Write("documents", name, 0, []byte("x"))
		return err
	}
	for i := range MaxUploads {
		if err := begin(fmt.Sprint("old", i)); err != nil {
			t.Fatal(err)
		}
	}
	oneLine(t, begin("another"), ErrNoRoom, "abandon an upload")
	if err := begin("old0"); err != nil { // Anew.
		t.Error(err)
	}
	w.now = w.now.Add(uploadKept)
	if _, err := w.store.Files().Write("documents", "old0", 1, []byte("y")); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	files := w.disk.Contents()
	if err := begin("new"); err != nil {
		t.Fatal(err)
	}
	for when, disk := range map[string]vfs.FS{"begun": w.disk, "started": vfs.Restore(files)} {
		s := w.store
		if when == "started" {
			var err error
			opt := w.options()
			opt.FS = disk
			if s, err = Open(simDir, opt); err != nil {
				t.Fatal(err)
			}
		}
		uploads, err := s.Files().Uploads()
		if err != nil || !strings.HasPrefix(fmt.Sprint(uploads[len(uploads)-1].Name), "old0") || len(uploads) > 2 {
			t.Errorf("%s: uploads %+v, %v", when, uploads, err)
		}
		s.abandon()
	}
}

// FuzzFileNames: a name that is taken is safe on any file system, and comes back.
func FuzzFileNames(f *testing.F) {
	for _, name := range []string{"report.pdf", "..", "a/b", "a b", "é", strings.Repeat("x", 69), "con", "a\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := validFileName("file", name)
		if err != nil && !errors.Is(err, ErrInvalidFile) {
			t.Fatal(err)
		}
		if err == nil && (strings.ContainsAny(name, "/\\\x00 \"'*?<>") || name == "" || name == "." || name == ".." || len(name) > 68) {
			t.Errorf("%q is taken", name)
		}
	})
}
