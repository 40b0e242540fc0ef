package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeWhole writes a file that nobody sees before it is whole and on the disk. It takes the
// place of a file of that name only if that begins with one of the marks: of its own kind, and no
// key or anything else that somebody wants to keep.
func writeWhole(path string, marks []string, write func(io.Writer) error) error {
	if err := replaceable(path, marks); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".hepmeter-*.tmp")
	if err != nil {
		return fmt.Errorf("%s: no file can be made in its folder: choose one that is there and writable (%w)", path, err)
	}
	defer os.Remove(f.Name()) // fails, as it should, after the rename
	err = write(f)
	if err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func replaceable(path string, marks []string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	begin := make([]byte, 16)
	n, _ := io.ReadFull(f, begin)
	for _, mark := range marks {
		if bytes.HasPrefix(begin[:n], []byte(mark)) {
			return nil
		}
	}
	return fmt.Errorf("%s is there and is no file of this kind: choose another name", path)
}

// writeNew writes a file that must not be there yet, durably, or leaves nothing.
func writeNew(path string, mode fs.FileMode, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
