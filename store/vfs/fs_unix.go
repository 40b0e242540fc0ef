//go:build unix

package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Lock uses flock(2): it ends with the process however that ends, and it holds
// between two opens of one process too, which POSIX record locks do not.
func (osFS) Lock(path, holder string) (io.Closer, string, error) {
	f, err := openLock(path, holder)
	if err != nil {
		return nil, "", err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
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
