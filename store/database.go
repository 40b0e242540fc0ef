package store

import (
	"errors"
	"fmt"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// database is one open SQLite file on our own VFS. It is the only file of this
// package, with schema.go, that speaks SQL about how rather than what.
type database struct {
	conn     *sqlite3.Conn
	vfs      *vfs.SQLite
	path     string
	logPages int                      // frames in the write-ahead log after the last commit
	prepared map[string]*sqlite3.Stmt // by their SQL text
}

// The engine's settings, each with its reason.
const pragmas = `
PRAGMA locking_mode = EXCLUSIVE;    -- one process per store: no shared-memory file, no lock calls
PRAGMA synchronous = FULL;          -- a commit returns when the log is on the disk
PRAGMA wal_autocheckpoint = 0;      -- the store checkpoints between commits, not inside one
PRAGMA temp_store = MEMORY;         -- no temporary files
PRAGMA cache_size = -1024;          -- 1 MiB: the whole working set of a meter
PRAGMA cell_size_check = ON;        -- do not trust lengths read from the disk
PRAGMA trusted_schema = OFF;        -- nor a schema that was tampered with
PRAGMA foreign_keys = ON;
`

// maxValueBytes bounds what a ruined record can make the engine allocate.
const maxValueBytes = 2 * MaxProgramBytes

// openDatabase opens path, which must exist unless create is set.
func openDatabase(fsys vfs.FS, path string, create bool) (*database, error) {
	db := &database{vfs: vfs.NewSQLite(fsys), path: path, prepared: map[string]*sqlite3.Stmt{}}
	flags := sqlite3.OPEN_READWRITE | sqlite3.OPEN_URI
	if create {
		flags |= sqlite3.OPEN_CREATE
	}
	conn, err := sqlite3.OpenFlags(databaseURI(db.vfs, path), flags)
	if err != nil {
		defer db.vfs.Close()
		return nil, db.wrap("opening", err)
	}
	db.conn = conn
	// Until the store has accepted the file, closing must leave it as it was.
	if _, err := conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil {
		return nil, errors.Join(db.wrap("opening", err), db.close())
	}
	if err := conn.Exec(pragmas); err != nil {
		return nil, errors.Join(db.wrap("opening", err), db.close())
	}
	if create {
		if err := db.layOut(); err != nil {
			return nil, errors.Join(err, db.close())
		}
	}
	conn.Limit(sqlite3.LIMIT_LENGTH, maxValueBytes)
	conn.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		db.logPages = pages
		return nil
	})
	return db, nil
}

// layOut settles, before the first page is written, what a database cannot
// change later: its page size and the room for checksums, then its log mode.
func (db *database) layOut() error {
	if _, err := db.conn.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, vfs.ReservedBytes); err != nil {
		return db.wrap("creating", err)
	}
	err := db.exec("creating", fmt.Sprintf("PRAGMA page_size = %d; PRAGMA application_id = %d;", vfs.PageSize, applicationID))
	if err != nil {
		return err
	}
	return db.useLog()
}

// useLog makes sure that the database works with a write-ahead log. A snapshot
// put in place of the database comes without.
func (db *database) useLog() error {
	mode := ""
	err := db.query("turning on the log", "PRAGMA journal_mode = WAL", func(row *sqlite3.Stmt) error {
		mode = row.ColumnText(0)
		return nil
	})
	if err == nil && mode != "wal" {
		return fmt.Errorf("%s: journal mode is %s, not wal: the file system cannot hold a log beside the database", db.path, mode)
	}
	return err
}

// close releases the database. SQLite then checkpoints and removes the log,
// unless the store has not accepted the file (DBCONFIG_NO_CKPT_ON_CLOSE).
func (db *database) close() error {
	for _, stmt := range db.prepared {
		_ = stmt.Close() // Repeats the error of its last step, which was reported then.
	}
	clear(db.prepared)
	err := db.wrap("closing", db.conn.Close())
	db.vfs.Close()
	return err
}

// exec runs statements without parameters or results.
func (db *database) exec(doing, sql string) error {
	return db.wrap(doing, db.conn.Exec(sql))
}

// run runs one statement with parameters and no result.
func (db *database) run(doing, sql string, args ...any) error {
	return db.query(doing, sql, nil, args...)
}

// errEnough ends a query before its last row.
var errEnough = errors.New("enough rows")

// query runs one statement and gives each row to row; its parameters are int64,
// string, []byte or bool. Statements are compiled once.
func (db *database) query(doing, sql string, row func(*sqlite3.Stmt) error, args ...any) error {
	stmt, err := db.prepare(sql)
	if err != nil {
		return db.wrap(doing, err)
	}
	defer stmt.Reset()
	for i, arg := range args {
		switch v := arg.(type) {
		case int64:
			err = stmt.BindInt64(i+1, v)
		case string:
			err = stmt.BindText(i+1, v)
		case []byte:
			if v == nil {
				v = []byte{}
			}
			err = stmt.BindBlob(i+1, v)
		case bool:
			err = stmt.BindBool(i+1, v)
		default:
			err = fmt.Errorf("parameter of type %T", arg)
		}
		if err != nil {
			return db.wrap(doing, err)
		}
	}
	for stmt.Step() {
		if row == nil {
			continue
		}
		if err := row(stmt); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return db.wrap(doing, stmt.Err())
}

func (db *database) prepare(sql string) (*sqlite3.Stmt, error) {
	if stmt, ok := db.prepared[sql]; ok {
		return stmt, nil
	}
	stmt, _, err := db.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	db.prepared[sql] = stmt
	return stmt, nil
}

// transaction runs change and commits it, synced, or leaves no trace of it.
func (db *database) transaction(doing string, change func() error) error {
	if !db.conn.GetAutocommit() {
		// The disk failed while the one before was undone. Nothing can be committed
		// until that has succeeded.
		if err := db.exec("undoing", "ROLLBACK"); err != nil {
			return err
		}
	}
	if err := db.exec(doing, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := change()
	if err == nil {
		err = db.exec(doing, "COMMIT")
	}
	if err != nil && !db.conn.GetAutocommit() {
		// A failed rollback leaves the transaction open: say so, loudly.
		if undo := db.conn.Exec("ROLLBACK"); undo != nil && !db.conn.GetAutocommit() {
			return errors.Join(err, db.wrap("undoing", undo))
		}
	}
	return err
}

// checkpoint moves the log into the database. CHECKPOINT_TRUNCATE leaves a log of no
// bytes; CHECKPOINT_RESTART lets the next commit write over it from the front, which
// needs no new blocks of the file system and so makes each sync half as long.
func (db *database) checkpoint(mode sqlite3.CheckpointMode) error {
	if _, _, err := db.conn.WALCheckpoint("main", mode); err != nil {
		return db.wrap("checkpoint", err)
	}
	if err := db.vfs.LogEmptied(); err != nil {
		return db.wrap("checkpoint", err)
	}
	db.logPages = 0
	return nil
}
