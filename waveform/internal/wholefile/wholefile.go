// Package wholefile writes a file that nobody sees under its name before it is whole.
package wholefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// File is a file that is being written. End it with Commit or Abort.
type File struct {
	*os.File
	path string
}

// Create begins the file path under another name in the same folder.
func Create(path string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".hepmeter-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("%s: no file can be made in its folder: choose one that is there and writable (%w)", path, err)
	}
	return &File{f, path}, nil
}

// Commit gives the file its name, in place of one that has it, unless err, what went
// wrong while it was written, or the closing fails: then nothing is left.
func (f *File) Commit(err error) error {
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}

// Abort leaves nothing behind.
func (f *File) Abort() {
	f.Close()
	os.Remove(f.Name())
}
