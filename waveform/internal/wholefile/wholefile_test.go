package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFileIsThereWholeOrNotAtAll(t *testing.T) {
	trouble := errors.New("the disk is full")
	for name, tc := range map[string]struct {
		end  func(*File) error
		want string // its content afterwards
		err  error
	}{
		"committed":        {func(f *File) error { return f.Commit(nil) }, "new", nil},
		"failed":           {func(f *File) error { return f.Commit(trouble) }, "old", trouble},
		"aborted":          {func(f *File) error { f.Abort(); return nil }, "old", nil},
		"aborted, twice":   {func(f *File) error { f.Abort(); f.Abort(); return nil }, "old", nil},
		"closed by others": {func(f *File) error { f.Close(); return f.Commit(nil) }, "old", os.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("new"); err != nil {
				t.Fatal(err)
			}
			if err := tc.end(f); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != tc.want {
				t.Errorf("%q, %v; want %q", text, err, tc.want)
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("%d files are left, want 1", len(entries))
			}
		})
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "no", "out")); err == nil || !strings.Contains(err.Error(), "choose one that is there") {
		t.Errorf("error %v", err)
	}
}
