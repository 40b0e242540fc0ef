package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// applicationID marks our databases in their header ("HEPM"), so that a file of
// another program is told from a damaged store.
const applicationID = 0x4845504d

// migrations[v] takes a store from schema version v to v+1 in one transaction, with what
// converted[v] does to its rows. An entry never changes after its release; docs/store.md
// describes the tables.
var migrations = [...]string{
	0: `
CREATE TABLE meta (
	key   TEXT NOT NULL PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setup (
	label TEXT NOT NULL PRIMARY KEY,
	text  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE retained (
	label TEXT NOT NULL PRIMARY KEY,
	state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
	sequence     INTEGER NOT NULL PRIMARY KEY,
	time         INTEGER NOT NULL,
	priority     INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 255),
	cause        TEXT NOT NULL,
	cause_value  TEXT NOT NULL,
	effect       TEXT NOT NULL,
	effect_value TEXT NOT NULL,
	user         TEXT NOT NULL,
	origin       TEXT NOT NULL
) STRICT;

CREATE TABLE gap (
	power_up INTEGER NOT NULL PRIMARY KEY,
	start    INTEGER NOT NULL,
	stop     INTEGER NOT NULL,
	clean    INTEGER NOT NULL CHECK (clean IN (0, 1)),
	event    INTEGER NOT NULL
) STRICT;
`,
	// The text of the program, and the records of data recorders. What a log holds is
	// counted in its row, so that no start and no reader has to count a year of records.
	1: `
CREATE TABLE program (
	id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	text TEXT NOT NULL
) STRICT;

CREATE TABLE log (
	log    INTEGER NOT NULL PRIMARY KEY,
	next   INTEGER NOT NULL,
	count  INTEGER NOT NULL,
	bytes  INTEGER NOT NULL,
	header TEXT NOT NULL
) STRICT;

CREATE TABLE record (
	log      INTEGER NOT NULL,
	sequence INTEGER NOT NULL,
	time     INTEGER NOT NULL,
	body     BLOB NOT NULL,
	PRIMARY KEY (log, sequence)
) STRICT, WITHOUT ROWID;
`,
	// Security state, the key of the device, the files of the owner, and the chain of
	// events: each has the hash of the one before it.
	2: `
CREATE TABLE security (
	name  TEXT NOT NULL PRIMARY KEY,
	state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
	id  INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	key BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;

CREATE TABLE file (
	file   INTEGER NOT NULL PRIMARY KEY,
	folder TEXT NOT NULL,
	name   TEXT NOT NULL,
	whole  INTEGER NOT NULL CHECK (whole IN (0, 1)),
	size   INTEGER NOT NULL,
	time   INTEGER NOT NULL,
	sha256 BLOB NOT NULL,
	UNIQUE (folder, name, whole)
) STRICT;

CREATE TABLE block (
	file   INTEGER NOT NULL,
	number INTEGER NOT NULL,
	body   BLOB NOT NULL,
	PRIMARY KEY (file, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE event ADD COLUMN previous BLOB NOT NULL
	DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000'
	CHECK (length(previous) = 32);
`,
}

// converted[v] is what the migration from version v does beyond its SQL, in the same
// transaction.
var converted = [len(migrations)]func(*database) error{2: (*database).chainOldEvents}

// SchemaVersion is what this code writes and the newest it reads.
const SchemaVersion = len(migrations)

// peekSchema reads the schema version of a closed database from its bytes, or
// from those of its log if that holds a newer first page, so that a store of a
// newer version is refused before anything could change it.
func peekSchema(fsys vfs.FS, path string) (version uint32, err error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return 0, diskError("opening", path, err)
	}
	defer f.Close()
	header := make([]byte, 100)
	if _, err := f.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, diskError("reading", path, err)
	}
	if err := peekLog(fsys, path+"-wal", header); err != nil {
		return 0, err
	}
	if string(header[:16]) != "SQLite format 3\x00" {
		return 0, corruptError(fmt.Errorf("%s: not a database", path))
	}
	if id := binary.BigEndian.Uint32(header[68:]); id != applicationID {
		return 0, fmt.Errorf("%s: %w (application id %#x): choose another directory", path, ErrNotAStore, id)
	}
	return binary.BigEndian.Uint32(header[60:]), nil
}

func peekLog(fsys vfs.FS, path string, header []byte) error {
	f, err := fsys.Open(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError("opening", path, err)
	}
	defer f.Close()
	log, err := vfs.ReadLog(f)
	if err != nil {
		return diskError("reading", path, err)
	}
	if i, ok := log.Newest(1); ok {
		if _, err := f.ReadAt(header, log.Offset(i)); err != nil {
			return diskError("reading", path, err)
		}
	}
	return nil
}

// migrate brings the schema up to date, one transaction per version.
func (db *database) migrate() error { return db.migrateTo(SchemaVersion) }

func (db *database) migrateTo(newest int) error {
	version := -1
	err := db.query("reading the schema version", "PRAGMA user_version", func(row *sqlite3.Stmt) error {
		version = row.ColumnInt(0)
		return nil
	})
	if err != nil {
		return err
	}
	if version < 0 || version > SchemaVersion {
		return newerSchemaError(db.path, uint32(version))
	}
	for ; version < newest; version++ {
		doing := fmt.Sprintf("migrating the schema from version %d", version)
		err := db.transaction(doing, func() error {
			if err := db.exec(doing, migrations[version]+fmt.Sprintf("PRAGMA user_version = %d;", version+1)); err != nil {
				return err
			}
			if convert := converted[version]; convert != nil {
				return convert(db)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func newerSchemaError(path string, version uint32) error {
	return fmt.Errorf("%s: %w (schema %d, this program knows up to %d): run that version, or choose another directory",
		path, ErrNewerSchema, version, SchemaVersion)
}
