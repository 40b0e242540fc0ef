package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// The refusals a caller may want to tell apart. Each comes wrapped in one line
// that names the directory or file, what was found, and what to do about it.
var (
	ErrHeld         = errors.New("held by another process")
	ErrOtherMeter   = errors.New("belongs to another meter")
	ErrNewerSchema  = errors.New("written by a newer version")
	ErrNotAStore    = errors.New("not a store")
	ErrCorrupt      = errors.New("corrupt")
	ErrOccupied     = errors.New("already there")
	ErrReadOnly     = errors.New("not writable")
	ErrDiskFull     = errors.New("disk full")
	ErrClosed       = errors.New("store is closed")
	ErrInvalidBatch = errors.New("invalid batch")

	ErrNoFile      = errors.New("no such file")
	ErrInvalidFile = errors.New("not allowed for a file")
	ErrNoRoom      = errors.New("no room for the file")
	ErrOffset      = errors.New("not the next block")
	ErrChecksum    = errors.New("not what was sent")
)

// wrap turns an error of the engine into one that names the file and the
// remedy. The file system's own error, when there is one, says more than the
// engine's result code and is kept in the chain.
func (db *database) wrap(doing string, err error) error { return db.wrapFrom(db.vfs, doing, err) }

// wrapFrom is wrap where the trouble may also have come by another file layer.
func (db *database) wrapFrom(other *vfs.SQLite, doing string, err error) error {
	damage, cause := db.vfs.Cause() // Also forgets what SQLite got over by itself.
	if otherDamage, otherCause := other.Cause(); damage == nil && cause == nil {
		damage, cause = otherDamage, otherCause
	}
	if err == nil {
		return nil
	}
	switch {
	case damage != nil:
		return corruptError(damage)
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return corruptError(fmt.Errorf("%s: %w", db.path, err))
	case cause != nil:
		return diskError(doing, db.path, cause)
	}
	return fmt.Errorf("%s: %s: %w", db.path, doing, err)
}

// corruptRemedy ends the message of a corrupt file.
const corruptRemedy = " (the file was changed or its disk is failing: `hepmeter check` on the directory tells how much; put a copy of it back, or move it away to begin anew)"

func corruptError(what error) error {
	return fmt.Errorf("%w: %w%s", ErrCorrupt, what, corruptRemedy)
}

// diskError gives the operating system's error its remedy.
func diskError(doing, path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s: %s: %w: free some space; nothing already stored is lost (%w)", path, doing, ErrDiskFull, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s: %s: %w: mount the disk writable and give this user the directory (%w)", path, doing, ErrReadOnly, err)
	}
	return fmt.Errorf("%s: %s: %w", path, doing, err)
}
