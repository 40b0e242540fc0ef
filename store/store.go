// Package store keeps what a meter must not forget: accumulated registers, setup,
// the event log, and when it last was alive. Commit returns when its changes are
// on the disk; a batch is there whole after any crash or power cut, or not at
// all. docs/store.md describes the files.
//
// A directory holds one meter. Open creates or opens it, Load returns what was
// kept, Commit is called about once a second, Close at the end:
//
//	st, err := store.Open("/var/lib/hepmeter", store.Options{Identity: store.Identity{Model: "ION9000"}})
//	state, err := st.Load()
//	_, err = st.Commit(store.Batch{Retained: energies, Alive: now})
//	err = st.Close()
//
// The methods of a Store may be called from several goroutines; they wait for
// each other.
package store

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// Names of the files in a store's directory.
const (
	lockName     = "LOCK"
	databaseName = "meter.db"
	unfinished   = "-new" // suffix of files that are not yet part of the store
)

// defaultLogPages bounds the write-ahead log: 1024 pages of 4 KiB, some minutes of
// commits. A longer log saves little and makes the next start slower.
const defaultLogPages = 1024

// Options say how to open a store.
type Options struct {
	Identity   Identity         // Model is required
	FS         vfs.FS           // nil: the operating system's
	Now        func() time.Time // nil: time.Now
	EventDepth int              // events kept until a batch says otherwise; 0: DefaultEventDepth
	// Firmware is the program's own version, which a store that fixes none shows.
	Firmware string
	// NewSerial makes up the serial number of a store that has none, where Identity
	// names none; nil leaves it open.
	NewSerial func() string
	Random    io.Reader // of which the key of the device is made; nil: crypto/rand
	// Held says that the directory is locked already (Hold), for longer than the store is
	// open.
	Held bool
	// Resume is asked at the start whether the meter goes on with the samples behind a
	// position, up to which the state counts: the gap then lasts from when the last counted
	// sample was taken to when the first one is that comes next. Nil is no.
	Resume func(Position) (from, to time.Time, resumes bool)
}

// Store is an open store.
type Store struct {
	mu        sync.Mutex // guards everything below
	db        *database  // nil once closed
	fs        vfs.FS
	dir       string
	now       func() time.Time
	random    io.Reader
	lock      io.Closer
	meta      Meta
	key       ed25519.PrivateKey // set by Open
	gap       Gap
	logPages  int // the log is moved into the database when it has grown to this
	snapshots int // made so far; they need names of their own
	trouble   error
	closing   bool // a copy under way should give up

	copying sync.Mutex // held while the database is copied; taken before mu
	filing  sync.Mutex // held while the owner's files change; taken before mu

	// later runs what no commit should wait for: the checkpoint.
	later      func(func())
	emptying   bool // a checkpoint has been put off to later and has not run yet
	background sync.WaitGroup
}

// Open opens the store in dir, or makes one if dir is missing or empty. It
// counts the start, and if the store ran before, records the gap since. It
// refuses, in one line with the remedy, a directory that is held by another
// process, belongs to another meter, is newer than this program, is damaged, or
// cannot be written; the database and log of a refused store are not changed.
func Open(dir string, opt Options) (*Store, error) {
	s := &Store{fs: opt.FS, now: opt.Now, random: opt.Random, logPages: defaultLogPages}
	s.later = s.background.Go
	if s.fs == nil {
		s.fs = vfs.OS()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	if opt.EventDepth < 0 || opt.EventDepth > MaxEventDepth {
		return nil, fmt.Errorf("event depth %d: give one of 1 to %d, or 0 for %d", opt.EventDepth, MaxEventDepth, DefaultEventDepth)
	}
	if opt.Identity.Model == "" {
		return nil, errors.New("opening a store needs the model of the meter it belongs to")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the data directory: %w", err)
	}
	if err := prepareDir(s.fs, dir); err != nil {
		return nil, err
	}
	s.dir = dir
	if !opt.Held {
		if s.lock, err = lockDir(s.fs, dir); err != nil {
			return nil, err
		}
	}
	if err := s.openIn(dir, opt); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func prepareDir(fsys vfs.FS, dir string) error {
	switch info, err := fsys.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := fsys.MkdirAll(dir); err != nil {
			return diskError("creating the data directory", dir, err)
		}
	case err != nil:
		return diskError("opening the data directory", dir, err)
	case !info.Directory:
		return fmt.Errorf("%s: %w: it is a file; give the directory for the meter's data", dir, ErrNotAStore)
	}
	return nil
}

// Hold takes the lock of a directory, which it makes if it is missing, for longer than a
// store is open there (Options.Held). The lock is an *os.File: it lasts while any process
// has its descriptor. Where another process holds it, Hold waits for that for patience.
func Hold(ctx context.Context, dir string, patience time.Duration) (io.Closer, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the data directory: %w", err)
	}
	fsys := vfs.OS()
	if err := prepareDir(fsys, dir); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; {
		lock, err := lockDir(fsys, dir)
		if !errors.Is(err, ErrHeld) || time.Now().After(deadline) {
			return lock, err
		}
		select {
		case <-time.After(lockInterval):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// lockInterval is how often Hold looks whether a lock is free.
const lockInterval = 10 * time.Millisecond

// lockDir takes the directory's lock, or tells who holds it.
func lockDir(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, holder, err := fsys.Lock(filepath.Join(dir, lockName), fmt.Sprintf("pid %d\n", os.Getpid()))
	if errors.Is(err, vfs.ErrLocked) {
		if holder = strings.TrimSpace(holder); holder == "" {
			holder = "its pid is not known"
		}
		return nil, fmt.Errorf("%s: %w (%s): stop it, or choose another directory", dir, ErrHeld, holder)
	}
	if err != nil {
		return nil, diskError("locking the data directory", dir, err)
	}
	return lock, nil
}

// openIn opens or creates the database in the locked directory.
func (s *Store) openIn(dir string, opt Options) error {
	id := opt.Identity
	path := filepath.Join(dir, databaseName)
	switch _, err := s.fs.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		if err := sweep(s.fs, dir); err != nil {
			return err
		}
		if err := s.create(dir, path, id); err != nil {
			return err
		}
	case err != nil:
		return diskError("opening", path, err)
	default:
		if err := takeTwin(s.fs, dir); err != nil {
			return err
		}
	}
	version, err := peekSchema(s.fs, path)
	if err != nil {
		return err
	}
	if version > uint32(SchemaVersion) {
		return newerSchemaError(path, version)
	}
	db, err := openDatabase(s.fs, path, false)
	if err != nil {
		return err
	}
	s.db = db
	meta, err := db.readMeta()
	if err != nil {
		return err
	}
	if err := meta.accept(dir, id, opt.Firmware); err != nil {
		return err
	}
	if err := sweep(s.fs, dir); err != nil {
		return err
	}
	if err := db.useLog(); err != nil {
		return err
	}
	// A log left by a power cut may end inside a sector. The next commit would
	// share that sector with the last one kept, and a second cut could ruin both.
	if err := db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE); err != nil {
		return err
	}
	if err := db.migrate(); err != nil {
		return err
	}
	if s.meta, err = db.readMeta(); err != nil { // A migration adds to it.
		return err
	}
	s.meta.EventDepth = cmp.Or(s.meta.EventDepth, opt.EventDepth, DefaultEventDepth)
	if err := s.recordStart(id, opt.NewSerial, opt.Resume); err != nil {
		return err
	}
	if _, err := db.conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, false); err != nil {
		return db.wrap("opening", err)
	}
	return nil
}

// sweep removes what an interrupted creation, import or snapshot left behind.
func sweep(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return diskError("reading the data directory", dir, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, databaseName+unfinished) || strings.HasPrefix(name, snapshotName) {
			if err := fsys.Remove(filepath.Join(dir, name)); err != nil {
				return diskError("removing a leftover", filepath.Join(dir, name), err)
			}
		}
	}
	return nil
}

// create makes a database under another name and renames it when it is whole.
// Files of an old log or seal without a database mean that the database was
// lost, which must not look like a new meter.
func (s *Store) create(dir, path string, id Identity) error {
	for _, rest := range []string{"-wal", "-journal"} {
		if info, err := s.fs.Stat(path + rest); err == nil && info.SizeBytes > 0 {
			return corruptError(&vfs.Damage{File: path, Reason: "the file is missing, though " + filepath.Base(path+rest) + " is there"})
		}
	}
	// A new meter does not become what the one before it was to be.
	if err := s.fs.Remove(filepath.Join(dir, twinName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError("removing a leftover", filepath.Join(dir, twinName), err)
	}
	fresh := path + unfinished
	db, err := openDatabase(s.fs, fresh, true)
	if err != nil {
		return err
	}
	err = func() error {
		if err := db.migrate(); err != nil {
			return err
		}
		err := db.transaction("creating", func() error {
			return errors.Join(
				db.putMeta("model", id.Model), db.putMeta("serial", id.Serial),
				db.putMeta("created", s.now().UnixNano()), db.putMeta("power_ups", int64(0)),
				db.putMeta("alive", int64(0)), db.putMeta("clean", int64(1)), db.putMeta("next_event", int64(1)),
				db.putMeta("firmware", id.Firmware))
		})
		if err != nil {
			return err
		}
		return db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE)
	}()
	if err := errors.Join(err, db.close()); err != nil {
		return err
	}
	if err := s.fs.Rename(fresh, path); err != nil {
		return diskError("creating", path, err)
	}
	if err := s.fs.SyncDir(dir); err != nil {
		return diskError("creating", path, err)
	}
	return nil
}

// accept refuses the state of another meter.
func (m *Meta) accept(dir string, id Identity, program string) error {
	if m.Model != id.Model {
		return fmt.Errorf("%s: %w (model %s, not %s): give its model, or another directory", dir, ErrOtherMeter, m.Model, id.Model)
	}
	if id.Serial != "" && m.Serial != "" && m.Serial != id.Serial {
		return fmt.Errorf("%s: %w (serial number %s, not %s): give its serial number, or another directory", dir, ErrOtherMeter, m.Serial, id.Serial)
	}
	if shows := m.shows(program); id.Firmware != "" && shows != id.Firmware {
		return fmt.Errorf("%s: %w (firmware %s, not %s): only a fresh directory takes another version; leave --firmware out, or give another directory",
			dir, ErrOtherMeter, shows, id.Firmware)
	}
	return nil
}

// shows is the firmware version that a meter shows whose program is of a version.
func (m *Meta) shows(program string) string { return cmp.Or(m.Firmware, program) }

// gapPriority is the priority of the event that records a gap: power-up and
// power-down are warnings (ION Reference, Event Log Controller module).
const gapPriority = 30

// recordStart counts the start and records the gap before it, in one
// transaction, and marks the store as running.
func (s *Store) recordStart(id Identity, newSerial func() string, resume func(Position) (from, to time.Time, resumes bool)) error {
	now := s.now().UTC()
	if err := validTime(now); err != nil {
		return fmt.Errorf("the system's clock cannot be right: %w: set it", err)
	}
	m := s.meta
	if m.PowerUps >= MaxSequence || m.NextEvent >= MaxSequence {
		return corruptError(fmt.Errorf("%s: table meta counts %d starts and %d events", s.db.path, m.PowerUps, m.NextEvent))
	}
	m.PowerUps++
	var key ed25519.PrivateKey
	if m.Serial == "" {
		m.Serial = id.Serial
	}
	if m.Serial == "" && newSerial != nil {
		m.Serial = newSerial()
	}
	first := m.LastAlive.IsZero()
	gap := Gap{From: m.LastAlive, To: now, Clean: m.CleanStop, PowerUp: m.PowerUps, Event: m.NextEvent}
	if m.Position != nil && resume != nil {
		if from, to, resumes := resume(*m.Position); resumes {
			gap.From, gap.To = from.UTC(), to.UTC()
		} else {
			m.Position = nil
		}
	}
	err := s.db.transaction("recording the start", func() error {
		if !first {
			cause := "power lost or process killed"
			if gap.Clean {
				cause = "stopped"
			}
			err := s.db.putEvent(Event{Time: now, Priority: gapPriority,
				Cause: "Power Down", CauseValue: gap.From.Format(time.RFC3339Nano) + " " + cause,
				Effect: "Power Up", EffectValue: gap.To.Format(time.RFC3339Nano)}, &m)
			if err != nil {
				return err
			}
			if err := errors.Join(s.db.putGap(gap), s.db.finishEvents(&m)); err != nil {
				return err
			}
		}
		var err error
		if key, err = s.db.keepKey(s.random); err != nil {
			return err
		}
		if err := s.db.sweepUploads(now); err != nil {
			return err
		}
		return errors.Join(
			s.db.putMeta("serial", m.Serial), s.db.putMeta("power_ups", int64(m.PowerUps)),
			s.db.putAlive(now, m.Position), s.db.putMeta("clean", int64(0)))
	})
	if err != nil {
		return err
	}
	if !first {
		s.gap = gap
	}
	s.meta, s.key = m, key
	return nil
}

// Load returns what the store holds. Meta tells of the run before this one.
func (s *Store) Load() (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return State{}, ErrClosed
	}
	return s.db.load(s.meta)
}

func (db *database) load(meta Meta) (State, error) {
	state := State{Meta: meta, Setup: map[string]string{}, Retained: map[string][]byte{}}
	err := db.query("reading the setup", "SELECT label, text FROM setup", func(row *sqlite3.Stmt) error {
		state.Setup[row.ColumnText(0)] = row.ColumnText(1)
		return nil
	})
	if err != nil {
		return State{}, err
	}
	err = db.query("reading the retained state", "SELECT label, state FROM retained", func(row *sqlite3.Stmt) error {
		state.Retained[row.ColumnText(0)] = row.ColumnBlob(1, []byte{})
		return nil
	})
	if err != nil {
		return State{}, err
	}
	if state.Program, err = db.readProgram(); err != nil {
		return State{}, err
	}
	if state.Security, err = db.readSecurity(); err != nil {
		return State{}, err
	}
	return state, nil
}

// Gap returns the gap that ended when this store was opened; ok is false for a
// store just made.
func (s *Store) Gap() (gap Gap, ok bool) { return s.gap, s.gap.PowerUp != 0 }

// Commit makes a batch durable and returns when it is on the disk. sequences are
// the numbers given to b.Events. After an error nothing of the batch is in the
// store, which can be used further: what could not be committed now can be
// committed with the next batch.
func (s *Store) Commit(b Batch) (sequences []uint64, err error) {
	if err := b.validate(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil, ErrClosed
	}
	meta := s.meta
	err = s.commit("committing", func() error {
		if err := s.db.putState(b); err != nil {
			return err
		}
		if err := s.db.putSecurity(b); err != nil {
			return err
		}
		if err := s.db.putLogs(b); err != nil {
			return err
		}
		if sequences, err = s.db.putEvents(b, &meta); err != nil {
			return err
		}
		if b.Alive.IsZero() {
			return nil
		}
		meta.Position = b.Position
		return s.db.putAlive(b.Alive, b.Position)
	})
	if err != nil {
		return nil, err
	}
	s.meta = meta
	return sequences, nil
}

// commit makes one change durable, and has the log emptied where it has grown.
func (s *Store) commit(doing string, change func() error) error {
	if err := s.db.transaction(doing, change); err != nil {
		return err
	}
	if s.db.logPages >= s.logPages || s.trouble != nil {
		s.emptyLogLater()
	}
	return nil
}

// emptyLogLater moves the log into the database when the commit has returned: the
// batch is safe in the log, and what follows takes longer than a commit may. A
// failure is tried again after the next commit.
func (s *Store) emptyLogLater() {
	if s.emptying {
		return
	}
	s.emptying = true
	s.later(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.emptying = false
		if s.db == nil {
			return
		}
		mode := sqlite3.CHECKPOINT_RESTART
		if s.db.logPages > 2*s.logPages {
			mode = sqlite3.CHECKPOINT_TRUNCATE // What was too large once need not stay on the disk.
		}
		s.trouble = s.db.checkpoint(mode)
	})
}

// Trouble returns why the log could not be moved into the database the last time
// it was tried, or nil. Nothing is lost then, but the log grows until it works.
func (s *Store) Trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// Gaps returns the recorded gaps, the oldest first: the newest 500.
func (s *Store) Gaps() ([]Gap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil, ErrClosed
	}
	return s.db.readGaps()
}

// Close records a clean stop, moves the log into the database and gives the
// directory free. The directory is free even after an error.
func (s *Store) Close() error {
	defer s.background.Wait()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.copying.Lock()
	defer s.copying.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	err := s.db.transaction("recording the stop", func() error {
		return errors.Join(s.db.putMeta("clean", int64(1)), s.db.putAlive(s.now(), s.meta.Position))
	})
	if err == nil {
		err = s.db.checkpoint(sqlite3.CHECKPOINT_TRUNCATE)
	}
	return errors.Join(err, s.release())
}

// release closes what is open and leaves the files as they are.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		err = s.db.close()
		s.db = nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// sortedKeys gives changes one order, so that the same batch always makes the
// same writes.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
