// Package vfs is the floor the store stands on: a small file system interface
// (FS), its two implementations (the operating system and a simulated disk that
// records every operation and can lose power at any of them), and the adapter
// that makes SQLite run on either, with page checksums it cannot switch off and
// a guard over the write-ahead log.
//
// Everything the store does to a disk goes through FS, so a proof that cuts the
// simulated disk at every operation covers the store whole.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrLocked is returned by FS.Lock while another process, or another store of
// this process, holds the lock file.
var ErrLocked = errors.New("locked")

// FS is the set of file operations the store needs. Paths are absolute.
// Errors are those of package os and can be tested with errors.Is against
// fs.ErrNotExist, fs.ErrPermission, syscall.ENOSPC and the like.
type FS interface {
	// Open opens a file with the flags of os.OpenFile; files are created with
	// mode 0600, since a meter's state includes account data.
	Open(path string, flag int) (File, error)
	// Remove deletes a file. The deletion is durable after SyncDir.
	Remove(path string) error
	// Rename replaces to with from atomically. It is durable after SyncDir.
	Rename(from, to string) error
	// MkdirAll creates a directory of mode 0700 and its missing parents.
	MkdirAll(path string) error
	// Stat reports a file's size and kind.
	Stat(path string) (Info, error)
	// List returns the names of the directory's entries, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes the creations, renames and removals in dir durable.
	SyncDir(dir string) error
	// Lock takes the exclusive lock file at path until the closer is closed,
	// or the process ends in any way, and writes holder into it. It returns
	// an error wrapping ErrLocked, and what the present holder wrote, when
	// the lock is taken. With an empty holder it writes nothing and the file
	// must exist.
	Lock(path, holder string) (lock io.Closer, present string, err error)
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	// Sync returns when the file's content and size are on the disk itself; its
	// times need not be.
	Sync() error
	Size() (int64, error)
}

// Info is what Stat reports.
type Info struct {
	SizeBytes int64
	Directory bool
}

// OS returns the file system of the operating system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Remove(path string) error { return os.Remove(path) }

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

// MkdirAll syncs the parent of each directory it makes: without that a power
// cut could take back the directory under files already synced.
func (f osFS) MkdirAll(path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := f.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return f.SyncDir(parent)
}

func (osFS) Stat(path string) (Info, error) {
	st, err := os.Stat(path)
	if err != nil {
		return Info{}, err
	}
	return Info{SizeBytes: st.Size(), Directory: st.IsDir()}, nil
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func openLock(path, holder string) (*os.File, error) {
	if holder == "" {
		return os.Open(path)
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// writeHolder leaves the note for the process that finds the lock taken. The
// file itself stays when the lock goes: removing it would let two processes
// lock two different files of one name.
func writeHolder(f *os.File, holder string) error {
	if holder == "" {
		return nil
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(holder), 0)
	return err
}
