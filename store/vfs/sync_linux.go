package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sync uses fdatasync(2): it leaves out the file's times, and with them the journal
// of the file system where a log is written over in place.
func (f osFile) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err == nil {
			return nil
		} else if err != unix.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
