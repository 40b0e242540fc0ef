package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// oneLine checks that a refusal is one line, of the kind wanted, and says what
// it must.
func oneLine(t *testing.T, err, kind error, says ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	t.Log(err)
}

func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		// The lock, the seal and an empty log are the store's own bookkeeping.
		if e.Name() == lockName || e.Name() == databaseName+"-seal" || len(data) == 0 {
			continue
		}
		sums[e.Name()] = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return sums
}

// The second process is this test binary, started again as the one that is killed.
func TestSecondProcessIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meter")
	s, err := Open(dir, Options{Identity: testIdentity})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), killDirEnv+"="+dir)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("second process ended with %v: %s", err, out)
	}
	text := strings.TrimSuffix(string(out), "\n")
	if strings.Contains(text, "\n") || !strings.Contains(text, ErrHeld.Error()) || !strings.Contains(text, fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("second process says %q", text)
	}
	if _, err := Check(dir); !errors.Is(err, ErrHeld) {
		t.Errorf("check of a running store: %v", err)
	}
	if _, err := s.Commit(Batch{Setup: map[string]string{"a": "b"}}); err != nil {
		t.Errorf("the first process suffers: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	made := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "meter")
		s, err := Open(dir, Options{Identity: testIdentity})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(Batch{Setup: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	newer := func(t *testing.T, inLog bool) string {
		dir := made(t)
		db, err := openDatabase(vfs.OS(), filepath.Join(dir, databaseName), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.exec("aging", fmt.Sprintf("PRAGMA user_version = %d", SchemaVersion+1)); err != nil {
			t.Fatal(err)
		}
		if !inLog {
			if err := db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const programVersion = "3.0.0"
	tests := []struct {
		name string
		dir  func(t *testing.T) string
		id   Identity
		kind error
		says []string
	}{
		{"another model", made, Identity{Model: "PM8000"}, ErrOtherMeter, []string{"ION9000", "PM8000", "another directory"}},
		{"another serial number", made, Identity{Model: "ION9000", Serial: "X"}, ErrOtherMeter, []string{"HM-0001", "X"}},
		{"another firmware than the program's", made, Identity{Model: "ION9000", Firmware: "2.1.0"}, ErrOtherMeter, []string{"2.1.0", "3.0.0", "fresh directory"}},
		{"another firmware than was fixed", func(t *testing.T) string {
			dir := filepath.Join(t.TempDir(), "meter")
			for _, id := range []Identity{{Model: "ION9000", Firmware: "2.1.0"}, {Model: "ION9000"}, {Model: "ION9000", Firmware: "2.1.0"}} {
				s, err := Open(dir, Options{Identity: id, Firmware: programVersion})
				if err != nil {
					t.Fatal(err)
				}
				if state, err := s.Load(); err != nil || state.Meta.Firmware != "2.1.0" {
					t.Fatalf("opened as %+v, the store shows %q (%v)", id, state.Meta.Firmware, err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			return dir
		}, Identity{Model: "ION9000", Firmware: "3.0.0"}, ErrOtherMeter, []string{"2.1.0", "3.0.0"}},
		{"newer schema", func(t *testing.T) string { return newer(t, false) }, testIdentity, ErrNewerSchema,
			[]string{databaseName, fmt.Sprint("schema ", SchemaVersion+1), "run that version"}},
		{"newer schema, still in the log", func(t *testing.T) string { return newer(t, true) }, testIdentity, ErrNewerSchema,
			[]string{databaseName, fmt.Sprint("schema ", SchemaVersion+1)}},
		{"another program's database", func(t *testing.T) string {
			dir := made(t)
			path := filepath.Join(dir, databaseName)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copy(data[68:], "ELSE")
			vfs.SumPage(data[:vfs.PageSize])
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, testIdentity, ErrNotAStore, []string{databaseName, "another directory"}},
		{"no database at all", func(t *testing.T) string {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, databaseName), []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, testIdentity, ErrCorrupt, []string{databaseName, "not a database", "hepmeter check"}},
		{"database lost, log left", func(t *testing.T) string {
			dir := newer(t, true)
			if err := os.Remove(filepath.Join(dir, databaseName)); err != nil {
				t.Fatal(err)
			}
			return dir
		}, testIdentity, ErrCorrupt, []string{databaseName, "missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tt.dir(t)
			before := sums(t, dir)
			_, err := Open(dir, Options{Identity: tt.id, Firmware: programVersion})
			oneLine(t, err, tt.kind, tt.says...)
			if diff := cmp.Diff(before, sums(t, dir)); diff != "" {
				t.Errorf("the refused store was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestDirectoryIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{Identity: testIdentity})
	oneLine(t, err, ErrNotAStore, path, "give the directory")
	_, err = Check(filepath.Dir(path))
	oneLine(t, err, ErrNotAStore, databaseName)
}

func TestReadOnlyDisk(t *testing.T) {
	for name, cause := range map[string]error{"EROFS": syscall.EROFS, "EACCES": syscall.EACCES} {
		t.Run(name, func(t *testing.T) {
			disk, _ := smallStore(t, true)
			_, err := Open(simDir, Options{Identity: testIdentity, FS: readOnly{disk, cause}})
			oneLine(t, err, ErrReadOnly, simDir, "mount the disk writable")
		})
	}
}

// readOnly is a disk on which nothing can be opened for writing.
type readOnly struct {
	vfs.FS
	cause error
}

func (r readOnly) Open(path string, flag int) (vfs.File, error) {
	if flag != os.O_RDONLY {
		return nil, &os.PathError{Op: "open", Path: path, Err: r.cause}
	}
	return r.FS.Open(path, flag)
}

func security(names, bytes int) map[string][]byte {
	m := map[string][]byte{}
	for i := range names {
		m[fmt.Sprint("n", i)] = make([]byte, bytes)
	}
	return m
}

func TestInvalidBatchesAreRefused(t *testing.T) {
	w := newWorkload(t, 1000)
	w.open()
	long := strings.Repeat("x", MaxTextBytes+1)
	tests := map[string]Batch{
		"empty label":     {Retained: map[string][]byte{"": nil}},
		"long label":      {Setup: map[string]string{long[:MaxLabelBytes+1]: ""}},
		"label not UTF-8": {Setup: map[string]string{"\xff": ""}},
		"long setup text": {Setup: map[string]string{"a": long}},
		"long event text": {Events: []Event{{Time: w.now, Effect: long}}},
		"text not UTF-8":  {Events: []Event{{Time: w.now, User: "\xff"}}},
		"event time":      {Events: []Event{{}}},
		"large state":     {Retained: map[string][]byte{"a": make([]byte, MaxStateBytes+1)}},
		"too many":        {Events: make([]Event, MaxBatchItems+1)},

		"security without a name":     {Security: map[string][]byte{"": nil}},
		"security name with a blank":  {Security: map[string][]byte{"a b": nil}},
		"security name not ASCII":     {Security: map[string][]byte{"é": nil}},
		"long security name":          {Security: map[string][]byte{long[:MaxSecurityNameBytes+1]: nil}},
		"large security state":        {Security: map[string][]byte{"a": make([]byte, MaxSecurityBytes+1)}},
		"too much security state":     {Security: security(9, MaxSecurityBytes)},
		"too many names for security": {Security: security(MaxSecurityNames+1, 1)},
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := w.store.Commit(b)
			oneLine(t, err, ErrInvalidBatch)
		})
	}
	largest := Batch{Retained: map[string][]byte{strings.Repeat("l", MaxLabelBytes): make([]byte, MaxStateBytes)},
		Setup: map[string]string{"a": long[1:]}, Events: []Event{{Time: w.now, Cause: long[1:]}},
		Security: map[string][]byte{long[:MaxSecurityNameBytes]: make([]byte, MaxSecurityBytes)}}
	if _, err := w.store.Commit(largest); err != nil {
		t.Errorf("the largest values: %v", err)
	}
	w.store.abandon()
	r, err := check(w.disk, simDir)
	if err != nil || !r.Sound() {
		t.Errorf("after the largest values: %v %v", r, err)
	}
}
