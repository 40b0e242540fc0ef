package store

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// snapshotName begins the name of the files a snapshot is made in before it is
// written out.
const snapshotName = databaseName + "-snapshot"

// LeftoverPrefix begins the names of files in the directory that the next Open removes: a
// copy that somebody makes for a while is called so.
const LeftoverPrefix = snapshotName + "-copy-"

// snapshotStepPages is how much of the database is copied between two commits, in
// pages: some two milliseconds of work.
const snapshotStepPages = 64

// Snapshot writes the whole state to w as one file, which Import takes: an SQLite
// database with page checksums, without free space and without the key of the device.
// Commits go on meanwhile, and the snapshot holds those made until its last page is copied, whole.
func (s *Store) Snapshot(w io.Writer) error {
	path, err := s.copyState()
	if path != "" {
		defer s.fs.Remove(path) // What stays behind after a failure is swept by the next Open.
	}
	if err != nil {
		return err
	}
	f, err := s.fs.Open(path, os.O_RDONLY)
	if err != nil {
		return diskError("reading the snapshot", path, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return diskError("reading the snapshot", path, err)
	}
	if _, err := io.Copy(w, io.NewSectionReader(f, 0, size)); err != nil {
		return fmt.Errorf("writing out the snapshot: %w", err)
	}
	return nil
}

// copyState makes the snapshot in two steps: page by page with its free space, between
// commits; then packed, from that copy, beside them. Neither file is synced: after a
// power cut nobody wants them.
func (s *Store) copyState() (path string, err error) {
	s.copying.Lock()
	defer s.copying.Unlock()
	s.mu.Lock()
	if s.db == nil {
		s.mu.Unlock()
		return "", ErrClosed
	}
	s.snapshots++ // A slow reader of one snapshot must not stand in the way of the next.
	path = filepath.Join(filepath.Dir(s.db.path), fmt.Sprintf("%s-%d", snapshotName, s.snapshots))
	s.mu.Unlock()
	loose := path + "-loose"
	defer func() {
		for _, rest := range []string{"", "-wal", "-seal"} { // Those of the packing; it says WAL as its source does.
			_ = s.fs.Remove(loose + rest)
		}
	}()
	if err := s.copyPages(loose); err != nil {
		return path, err
	}
	return path, pack(vfs.Unsynced(s.fs), loose, path)
}

// copyPages copies the database as it is to path, between commits.
func (s *Store) copyPages(path string) error {
	scratch := vfs.NewSQLite(vfs.Unsynced(s.fs))
	defer scratch.Close()
	var backup *sqlite3.Backup
	step := func() (done bool, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.db == nil || s.closing {
			return true, errors.Join(ErrClosed, backup.Close())
		}
		if backup == nil {
			if backup, err = s.db.conn.BackupInit("main", databaseURI(scratch, path)); err != nil {
				return true, s.db.wrapFrom(scratch, "making a snapshot", err)
			}
		}
		done, err = backup.Step(snapshotStepPages)
		if done || err != nil {
			err = s.db.wrapFrom(scratch, "making a snapshot", errors.Join(err, backup.Close()))
		}
		return done || err != nil, err
	}
	for {
		if done, err := step(); done {
			return err
		}
	}
}

// pack copies the database at from, which it changes, to the file to, without its free
// space and without the key of the device.
func pack(fsys vfs.FS, from, to string) error {
	db, err := openDatabase(fsys, from, false)
	if err != nil {
		return err
	}
	err = db.dropKey()
	if err == nil {
		err = db.run("packing the copy", "VACUUM INTO ?1", to)
	}
	return errors.Join(err, db.close())
}

// databaseURI names a database on our file layer as SQLite wants it.
func databaseURI(s *vfs.SQLite, path string) string {
	uri := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: url.Values{"vfs": {s.Name()}}.Encode()}
	return uri.String()
}
