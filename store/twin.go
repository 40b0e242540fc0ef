package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// A meter becomes the twin of another by taking that one's snapshot. It is made ready
// beside the store, which goes on; then it gets a name that the next Open knows, and takes
// the place of the store there. At any moment the directory holds the one or the other,
// whole.

const (
	// twinName is the database that takes the place of the store at the next Open.
	twinName = databaseName + "-twin"
	// freshTwinName is one that is being made; a start sweeps it.
	freshTwinName = databaseName + unfinished + "-twin"
)

// TwinOptions say what of a meter stays its own when it becomes a twin, beside its serial
// number, its key and its firmware version.
type TwinOptions struct {
	// Firmware is the program's own version, which a store that fixes none shows.
	Firmware string
	// Own tells which security state stays the meter's own.
	Own func(name string) bool
	// Event makes the event that is chained to those of the snapshot.
	Event func(of Meta) Event
}

// Twin is a snapshot that is ready to take the place of a store.
type Twin struct {
	// Report is what Check finds in the snapshot, and State what the twin will begin with.
	Report Report
	State  State
}

// PrepareTwin makes of the snapshot in the file path, beside the store, what may take its
// place. It reads every page and row first, and refuses a damaged snapshot, one of a newer
// schema, and one of another model or firmware version (ErrOtherMeter, with the Report). Commits
// go on meanwhile. StageTwin makes use of it, and DropTwin removes it.
func (s *Store) PrepareTwin(path string, opt TwinOptions) (Twin, error) {
	s.copying.Lock()
	defer s.copying.Unlock()
	s.mu.Lock()
	if s.db == nil {
		s.mu.Unlock()
		return Twin{}, ErrClosed
	}
	own, key, fresh := s.meta, s.key.Seed(), s.beside(freshTwinName)
	kept, err := s.db.readSecurity()
	s.mu.Unlock()
	if err != nil {
		return Twin{}, err
	}
	files, err := readSingle(s.fs, path)
	if err != nil {
		return Twin{}, err
	}
	report, err := checkSound(files, path)
	if err != nil {
		return Twin{}, err
	}
	same := Identity{Model: own.Model, Firmware: own.shows(opt.Firmware)}
	if err := report.Meta.accept("the snapshot", same, opt.Firmware); err != nil {
		return Twin{Report: report}, err
	}
	if err := writeWhole(s.fs, fresh, files[path]); err != nil {
		return Twin{}, err
	}
	state, err := makeTwin(s.fs, fresh, func(db *database, meta *Meta) error {
		event := opt.Event(*meta)
		meta.Serial, meta.Created, meta.Firmware = own.Serial, own.Created, own.Firmware
		if meta.EventDepth == 0 {
			meta.EventDepth = DefaultEventDepth
		}
		return errors.Join(db.putOwn(key, kept, opt.Own), db.putMeta("serial", meta.Serial), db.putMeta("created", meta.Created.UnixNano()),
			db.putMeta("firmware", meta.Firmware), db.putMeta("clean", int64(1)), db.putEvent(event, meta), db.finishEvents(meta))
	})
	if err != nil {
		return Twin{}, errors.Join(err, s.removeTwin())
	}
	return Twin{Report: report, State: state}, nil
}

// makeTwin changes the database at path, which is a copy, and syncs it without a log.
func makeTwin(fsys vfs.FS, path string, change func(*database, *Meta) error) (State, error) {
	db, err := openDatabase(fsys, path, false)
	if err != nil {
		return State{}, err
	}
	var state State
	err = func() error {
		if err := db.useLog(); err != nil {
			return err
		}
		if err := db.migrate(); err != nil {
			return err
		}
		meta, err := db.readMeta()
		if err != nil {
			return err
		}
		if err := db.transaction("making a twin", func() error { return change(db, &meta) }); err != nil {
			return err
		}
		if state, err = db.load(meta); err != nil {
			return err
		}
		return db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE)
	}()
	if err = errors.Join(err, db.close()); err != nil {
		return State{}, err
	}
	return state, dropLog(fsys, path)
}

// putOwn gives a twin what stays a meter's own: its key, and some of its security state.
func (db *database) putOwn(key []byte, kept map[string][]byte, own func(string) bool) error {
	theirs, err := db.readSecurity()
	if err != nil {
		return err
	}
	var b Batch
	b.Security = map[string][]byte{}
	for _, name := range sortedKeys(theirs) {
		if own(name) {
			b.SecurityDelete = append(b.SecurityDelete, name)
		}
	}
	for name, state := range kept {
		if own(name) {
			b.Security[name] = state
		}
	}
	return errors.Join(db.putSecurity(b), db.dropKey(), db.run("keeping the key of the device", "INSERT INTO device (id, key) VALUES (1, ?1)", key))
}

// StageTwin has the twin that was prepared take the place of the store at the next Open.
// It is durable when it returns. The store goes on until it is closed, and what it commits
// from now on goes with it.
func (s *Store) StageTwin() error {
	if err := s.fs.Rename(s.beside(freshTwinName), s.beside(twinName)); err != nil {
		return diskError("staging a snapshot", s.beside(twinName), err)
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		// Who is told that it failed must not lose the store to it at some later start.
		return errors.Join(diskError("staging a snapshot", s.beside(twinName), err), s.fs.Remove(s.beside(twinName)))
	}
	return nil
}

// DropTwin removes a twin that was prepared and is not wanted.
func (s *Store) DropTwin() error {
	s.copying.Lock()
	defer s.copying.Unlock()
	return s.removeTwin()
}

func (s *Store) removeTwin() error {
	var err error
	for _, rest := range []string{"", "-wal", "-seal"} {
		if e := s.fs.Remove(s.beside(freshTwinName) + rest); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (s *Store) beside(name string) string { return filepath.Join(s.dir, name) }

// takeTwin puts a staged twin in the place of the store in the locked directory. Until the
// rename the old store is there, whole: so its log is moved into it first, and is gone for
// certain when another database bears its name.
func takeTwin(fsys vfs.FS, dir string) error {
	twin, path := filepath.Join(dir, twinName), filepath.Join(dir, databaseName)
	if _, err := fsys.Stat(twin); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return diskError("opening", twin, err)
	}
	db, err := openDatabase(fsys, path, false)
	if err != nil {
		return err
	}
	err = db.useLog()
	if err == nil {
		err = db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE)
	}
	if err = errors.Join(err, db.close()); err != nil {
		return err
	}
	if err := dropLog(fsys, path); err != nil {
		return err
	}
	if err := fsys.Rename(twin, path); err != nil {
		return diskError("taking up a snapshot", twin, err)
	}
	if err := fsys.SyncDir(dir); err != nil {
		return diskError("taking up a snapshot", path, err)
	}
	return nil
}

// dropLog removes the empty log of a closed database, so that no power cut brings it back.
func dropLog(fsys vfs.FS, path string) error {
	err := func() error {
		for _, rest := range []string{"-wal", "-seal"} {
			f, err := fsys.Open(path+rest, os.O_RDWR)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = errors.Join(f.Truncate(0), f.Sync(), f.Close())
			}
			if err == nil {
				err = fsys.Remove(path + rest)
			}
			if err != nil {
				return err
			}
		}
		return fsys.SyncDir(filepath.Dir(path))
	}()
	if err != nil {
		return diskError("removing the log", path, err)
	}
	return nil
}
