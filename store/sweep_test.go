package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A copy of the state that somebody made for a while, and was killed before it took it
// away, goes at the next start.
func TestOpenSweepsCopies(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, LeftoverPrefix+"1.hmx")
	for range 2 {
		s, err := Open(dir, Options{Identity: Identity{Model: "ION9000"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", left, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left, []byte("accounts"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
