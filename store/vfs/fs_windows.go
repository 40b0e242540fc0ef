package vfs

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: Windows has no handle on a directory to flush, NTFS
// journals its entries in order and FlushFileBuffers on a file carries its own.
func syncDir(string) error { return nil }

// lockAt is the byte that is locked, far behind the note, because a locked
// range of a file cannot be read by another process on Windows.
const lockAt = 1 << 30

func (osFS) Lock(path, holder string) (io.Closer, string, error) {
	f, err := openLock(path, holder)
	if err != nil {
		return nil, "", err
	}
	at := windows.Overlapped{Offset: lockAt}
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if err != nil {
		defer f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			present, _ := io.ReadAll(io.LimitReader(f, 200))
			return nil, string(present), fmt.Errorf("%s: %w", path, ErrLocked)
		}
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	if err := writeHolder(f, holder); err != nil {
		f.Close()
		return nil, "", err
	}
	return f, "", nil
}
