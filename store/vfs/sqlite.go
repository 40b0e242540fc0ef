package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// SQLite lets SQLite work on an FS. One SQLite value serves one store, from one
// goroutine at a time. It takes no file locks: the store holds the directory's
// lock file, and opens its databases in exclusive locking mode.
type SQLite struct {
	fs     FS
	name   string
	damage *Damage
	cause  error
	log    *guardedLog // the open log, if there is one
}

// NewSQLite registers the adapter with the SQLite library under a name of its
// own until Close.
func NewSQLite(fsys FS) *SQLite {
	s := &SQLite{fs: fsys}
	s.name = fmt.Sprintf("hepmeter-%p", s) // The address of a live object is unique in the process.
	vfs.Register(s.name, s)
	return s
}

// Name is what to give as vfs= in a database URI.
func (s *SQLite) Name() string { return s.name }

// Close ends the registration.
func (s *SQLite) Close() { vfs.Unregister(s.name) }

// Cause returns the damage or the file system error behind the last failure
// that SQLite reported, which says more than its result code, and forgets it.
func (s *SQLite) Cause() (damage *Damage, cause error) {
	damage, cause = s.damage, s.cause
	s.damage, s.cause = nil, nil
	return damage, cause
}

// reportDamage keeps the first damage seen: what follows is its consequence.
func (s *SQLite) reportDamage(d *Damage) error {
	if s.damage == nil {
		s.damage = d
	}
	return vfs.SystemError(d, sqlite3.IOERR_DATA)
}

// failed keeps the cause of a failed operation and gives it SQLite's code for
// a full disk where that is what it was.
func (s *SQLite) failed(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	var d *Damage
	if errors.As(err, &d) {
		return err
	}
	s.cause = err
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

// Open implements the library's VFS.
func (s *SQLite) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == "" {
		return nil, flags, sqlite3.CANTOPEN // The store keeps temporary tables in memory.
	}
	mode := os.O_RDWR
	if flags&vfs.OPEN_READONLY != 0 {
		mode = os.O_RDONLY
	}
	created := false
	if flags&vfs.OPEN_CREATE != 0 {
		mode |= os.O_CREATE
		_, err := s.fs.Stat(name)
		created = errors.Is(err, fs.ErrNotExist)
	}
	if flags&vfs.OPEN_EXCLUSIVE != 0 {
		mode |= os.O_EXCL
	}
	f, err := s.fs.Open(name, mode)
	if err != nil {
		return nil, flags, s.failed(err)
	}
	file := &sqliteFile{File: f, s: s, path: name, syncDir: created}
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0:
		file.pages = true
	case flags&vfs.OPEN_WAL != 0:
		g, err := openGuardedLog(s.fs, name, f, s.reportDamage)
		if err != nil {
			f.Close()
			return nil, flags, s.failed(err)
		}
		file.File, s.log = g, g
	}
	return file, flags, nil
}

// LogEmptied is to be called when everything in the log is in the database, and the
// database synced: it takes the seal off the log, which the next commit, about to
// write over it, would otherwise have to wait for.
func (s *SQLite) LogEmptied() error {
	if s.log == nil {
		return nil
	}
	return s.failed(s.log.release())
}

// Delete implements the library's VFS. Deletions are made durable at once: a
// log or journal that came back after a power cut would be played again.
func (s *SQLite) Delete(name string, _ bool) error {
	if strings.HasSuffix(name, "-wal") {
		if err := s.emptyLog(name); err != nil {
			return s.failed(err)
		}
	}
	err := s.fs.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return sqlite3.IOERR_DELETE_NOENT
	}
	if err != nil {
		return s.failed(err)
	}
	return s.failed(s.fs.SyncDir(filepath.Dir(name)))
}

// emptyLog empties a closed log that SQLite is about to delete, seal first.
func (s *SQLite) emptyLog(name string) error {
	f, err := s.fs.Open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	g, err := openGuardedLog(s.fs, name, f, s.reportDamage)
	if err != nil {
		f.Close()
		return err
	}
	return errors.Join(g.Truncate(0), g.Close())
}

// Access implements the library's VFS.
func (s *SQLite) Access(name string, _ vfs.AccessFlag) (bool, error) {
	_, err := s.fs.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, s.failed(err)
}

// FullPathname implements the library's VFS; the store gives absolute paths.
func (s *SQLite) FullPathname(name string) (string, error) { return name, nil }

// reservedAt is the byte of the database header that tells SQLite to leave room
// for a checksum on every page; where it is not set, a sum would destroy data.
const reservedAt = 20

// sqliteFile is one file as SQLite sees it.
type sqliteFile struct {
	File
	s       *SQLite
	path    string
	pages   bool // a database: pages carry checksums
	syncDir bool // created and its directory entry not yet synced
}

func (f *sqliteFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if n == len(p) {
		err = nil
	}
	if err != nil {
		return n, f.s.failed(err)
	}
	if f.pages && n == PageSize && off%PageSize == 0 {
		if reason := CheckPage(p); reason != "" {
			return 0, f.s.reportDamage(&Damage{File: f.path, Page: off/PageSize + 1, Reason: reason})
		}
		if sum := p[PageSize-ReservedBytes:]; string(sum) == zeroMark && ZeroPage(p[:PageSize-ReservedBytes]) {
			clear(sum) // The library verifies the published sum by itself.
		}
	}
	return n, nil
}

func (f *sqliteFile) WriteAt(p []byte, off int64) (int, error) {
	if f.pages {
		if len(p) != PageSize || off%PageSize != 0 || off == 0 && p[reservedAt] != ReservedBytes {
			return 0, f.s.failed(fmt.Errorf("%s: %d bytes at %d are not a page with room for its checksum", f.path, len(p), off))
		}
		SumPage(p)
	}
	n, err := f.File.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, f.s.failed(err)
}

func (f *sqliteFile) Close() error {
	if g, ok := f.File.(*guardedLog); ok && f.s.log == g {
		f.s.log = nil
	}
	return f.File.Close()
}

func (f *sqliteFile) Truncate(size int64) error { return f.s.failed(f.File.Truncate(size)) }

// Sync also syncs the directory of a file created since: a synced log that no
// directory names is lost all the same.
func (f *sqliteFile) Sync(vfs.SyncFlag) error {
	if err := f.File.Sync(); err != nil {
		return f.s.failed(err)
	}
	if f.syncDir {
		if err := f.s.fs.SyncDir(filepath.Dir(f.path)); err != nil {
			return f.s.failed(err)
		}
		f.syncDir = false
	}
	return nil
}

func (f *sqliteFile) Size() (int64, error) {
	size, err := f.File.Size()
	return size, f.s.failed(err)
}

// The directory's lock file has decided already; SQLite need not ask again.

func (f *sqliteFile) Lock(vfs.LockLevel) error         { return nil }
func (f *sqliteFile) Unlock(vfs.LockLevel) error       { return nil }
func (f *sqliteFile) CheckReservedLock() (bool, error) { return false, nil }

// SectorSize is the largest unit a power cut may ruin while one byte of it is
// written. SQLite pads the log with it, so that no commit shares a sector with
// the one before.
func (f *sqliteFile) SectorSize() int { return PageSize }

// DeviceCharacteristics claims nothing of the disk: not that appends are safe,
// nor that bytes beside a torn write survive.
func (f *sqliteFile) DeviceCharacteristics() vfs.DeviceCharacteristic { return 0 }
