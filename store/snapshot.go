package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hepmeter/hepmeter/store/vfs"
)

// snapshotName begins the name of the file a snapshot is made in before it is
// written out.
const snapshotName = databaseName + "-snapshot"

// Snapshot writes a copy of the whole state to w, as one SQLite database with
// page checksums and without free space. Commits wait until the copy is made,
// not until w has taken it.
func (s *Store) Snapshot(w io.Writer) error {
	path, f, err := s.copyState()
	if err != nil {
		return err
	}
	defer s.fs.Remove(path) // What stays behind after a failure is swept by the next Open.
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

func (s *Store) copyState() (path string, f vfs.File, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return "", nil, ErrClosed
	}
	s.snapshots++ // A slow reader of one snapshot must not stand in the way of the next.
	path = filepath.Join(filepath.Dir(s.db.path), fmt.Sprintf("%s-%d", snapshotName, s.snapshots))
	if err := s.db.run("making a snapshot", "VACUUM INTO ?1", path); err != nil {
		_ = s.fs.Remove(path)
		return "", nil, err
	}
	if f, err = s.fs.Open(path, os.O_RDONLY); err != nil {
		return "", nil, diskError("reading the snapshot", path, err)
	}
	return path, f, nil
}
