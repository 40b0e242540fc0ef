package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hepmeter/hepmeter/store/vfs"
	"github.com/ncruces/go-sqlite3"
)

// Report is what Check found.
type Report struct {
	Dir       string
	Schema    int // version of the tables
	Meta      Meta
	Pages     int // pages of the database
	LogFrames int // frames of finished transactions waiting in the log
	Setup     int // rows of each table
	Retained  int
	Events    int
	Gaps      int
	Logs      int
	Records   int
	Program   int       // bytes of its text
	Security  int       // names that state of the gate is kept under
	Files     int       // of the owner
	Uploads   int       // of files, unfinished
	Findings  []Finding // what is damaged; none means that the store is sound
	Notes     []string  // what is unusual but harmless
}

// Finding is one place that is damaged.
type Finding struct {
	File    string // name of the file in the directory
	Page    int64  // page of the database or frame of the log, from 1; 0 if none in particular
	Table   string // the table whose data the page holds, when it can be told
	Problem string
}

func (f Finding) String() string {
	place := (&vfs.Damage{File: f.File, Page: f.Page}).Place()
	if f.Table != "" {
		place += " (table " + f.Table + ")"
	}
	return place + ": " + f.Problem
}

// Sound tells whether nothing is damaged.
func (r Report) Sound() bool { return len(r.Findings) == 0 }

func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: model %s, serial %q, schema %d, %d pages, %d log frames, %d setups, %d retained, %d events, %d gaps, %d records in %d logs, program of %d bytes, %d security states, %d files, %d uploads\n",
		r.Dir, r.Meta.Model, r.Meta.Serial, r.Schema, r.Pages, r.LogFrames, r.Setup, r.Retained, r.Events, r.Gaps, r.Records, r.Logs, r.Program, r.Security, r.Files, r.Uploads)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "damaged: %v\n", f)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if r.Sound() {
		b.WriteString("sound\n")
	}
	return b.String()
}

func (r *Report) found(file string, page int64, table, problem string) {
	problem = strings.ReplaceAll(problem, corruptRemedy, "") // The report as a whole has one.
	r.Findings = append(r.Findings, Finding{filepath.Base(file), page, table, problem})
}

// Check reads every page of the store in dir, or of the one file that Export and
// Snapshot write, and verifies checksums, structure, schema and rows, without changing
// anything; it works on a copy in memory. The error is for a store that cannot be
// checked (it runs, or there is none); damage is in the report.
func Check(dir string) (Report, error) { return check(vfs.OS(), dir) }

func check(fsys vfs.FS, dir string) (Report, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Report{}, fmt.Errorf("finding the data directory: %w", err)
	}
	r := Report{Dir: dir}
	if info, err := fsys.Stat(dir); err == nil && !info.Directory {
		files, err := readSingle(fsys, dir)
		if err != nil {
			return Report{}, err
		}
		return r, r.checkAll(files, dir)
	}
	files, database, unlock, err := readStopped(fsys, dir, "checking")
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	if _, err := fsys.Stat(filepath.Join(dir, twinName)); err == nil {
		r.Notes = append(r.Notes, twinName+": a snapshot of another meter that takes the place of this one at the next start")
	}
	return r, r.checkAll(files, database)
}

// readStopped reads the files of a store that is not running, which stays locked until
// unlock.
func readStopped(fsys vfs.FS, dir, doing string) (files map[string][]byte, database string, unlock func(), err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, "", nil, fmt.Errorf("finding the data directory: %w", err)
	}
	database = filepath.Join(dir, databaseName)
	if _, err := fsys.Stat(database); errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil, fmt.Errorf("%s: %w: it has no %s", dir, ErrNotAStore, databaseName)
	}
	unlock = func() {}
	lock, holder, err := fsys.Lock(filepath.Join(dir, lockName), "")
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return nil, "", nil, fmt.Errorf("%s: %w (%s): stop it before %s", dir, ErrHeld, strings.TrimSpace(holder), doing)
	case err == nil:
		unlock = func() { lock.Close() }
	case !errors.Is(err, fs.ErrNotExist):
		return nil, "", nil, diskError("locking the data directory", dir, err)
	}
	files, err = readFiles(fsys, database, "", "-wal", "-seal", "-journal")
	if err != nil {
		unlock()
		return nil, "", nil, err
	}
	return files, database, unlock, nil
}

// readSingle reads a store that is one file. One with a log beside it is not: the file
// alone would be older than what its meter acknowledged.
func readSingle(fsys vfs.FS, path string) (map[string][]byte, error) {
	for _, rest := range []string{"-wal", "-journal"} {
		if info, err := fsys.Stat(path + rest); err == nil && info.SizeBytes > 0 {
			return nil, fmt.Errorf("%s: %w of its own: %s lies beside it: give the directory, or export that", path, ErrNotAStore, filepath.Base(path+rest))
		}
	}
	files, err := readFiles(fsys, path, "")
	if err == nil && len(files) == 0 {
		err = diskError("reading", path, fs.ErrNotExist)
	}
	return files, err
}

func readFiles(fsys vfs.FS, path string, suffixes ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, suffix := range suffixes {
		data, err := readWhole(fsys, path+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, diskError("reading", path+suffix, err)
		}
		files[path+suffix] = data
	}
	return files, nil
}

// checkAll checks the log, then the pages and rows.
func (r *Report) checkAll(files map[string][]byte, path string) error {
	if err := r.checkLog(vfs.Restore(files), path); err != nil {
		return err
	}
	return r.checkFiles(files, path)
}

func readWhole(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n], nil
}

// checkLog compares the log with its seal.
func (r *Report) checkLog(copied vfs.FS, path string) error {
	log, err := openLog(copied, path+"-wal")
	if err != nil {
		return err
	}
	seal, unsound, sealed, err := vfs.ReadSeal(copied, path+"-wal")
	if err != nil {
		return err
	}
	if _, err := copied.Stat(path + "-seal"); err == nil && unsound > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s-seal: %d of 2 slots unsound; the next start writes them again", databaseName, unsound))
	}
	if sealed {
		if d := vfs.CheckSeal(path+"-wal", log, seal); d != nil {
			r.found(d.File, d.Page, "", d.Reason)
		}
	}
	r.LogFrames = log.Committed
	return nil
}

// openLog reads a log; a missing one is empty.
func openLog(fsys vfs.FS, path string) (*vfs.Log, error) {
	f, err := fsys.Open(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return &vfs.Log{}, nil
	}
	if err != nil {
		return nil, diskError("opening", path, err)
	}
	defer f.Close()
	return vfs.ReadLog(f)
}

// checkFiles checks the pages one by one, then what SQLite makes of them.
func (r *Report) checkFiles(files map[string][]byte, path string) error {
	log, err := openLog(vfs.Restore(files), path+"-wal")
	if err != nil {
		return err
	}
	pages := newPages(files[path], files[path+"-wal"], log)
	r.Pages = int(pages.count)
	owners := pages.owners()
	for n := int64(1); n <= pages.count; n++ {
		page, inLog := pages.read(n)
		switch {
		case page == nil:
			r.found(path, n, owners[n], "page is missing: the file is too short")
		case inLog || vfs.ZeroPage(page):
			// Log frames have been checked; an empty page that is in use fails below.
		default:
			if reason := vfs.CheckPage(page); reason != "" {
				r.found(path, n, owners[n], reason)
			}
		}
	}
	if !r.Sound() {
		return nil // SQLite would only say the same again, less clearly.
	}
	return r.checkTables(vfs.Restore(files), path)
}

// checkTables lets SQLite verify its structures and reads every row.
func (r *Report) checkTables(copied vfs.FS, path string) error {
	version, err := peekSchema(copied, path)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotAStore) {
		r.found(path, 1, "", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	r.Schema = int(version)
	if version > uint32(SchemaVersion) {
		return newerSchemaError(path, version)
	}
	db, err := openDatabase(copied, path, false)
	if err != nil {
		r.found(path, 0, "", err.Error())
		return nil
	}
	defer db.close()
	err = db.query("integrity check", "PRAGMA integrity_check(20)", func(row *sqlite3.Stmt) error {
		if text := row.ColumnText(0); text != "ok" {
			r.found(path, 0, "", text)
		}
		return nil
	})
	if err == nil {
		err = db.query("foreign key check", "PRAGMA foreign_key_check", func(row *sqlite3.Stmt) error {
			r.found(path, 0, row.ColumnText(0), "row refers to a missing one")
			return nil
		})
	}
	if err == nil {
		err = r.checkRows(db)
	}
	if err != nil {
		r.found(path, 0, "", err.Error())
	}
	return nil
}

// checkRows compares the schema with what this program would create, and reads
// every row as the store does.
func (r *Report) checkRows(db *database) error {
	want, err := schemaOf(r.Schema)
	if err != nil {
		return err
	}
	got, err := db.schema()
	if err != nil {
		return err
	}
	if got != want {
		r.found(db.path, 0, "sqlite_schema", "tables differ from those of schema version "+fmt.Sprint(r.Schema))
		return nil
	}
	if r.Meta, err = db.readMeta(); err != nil {
		return err
	}
	counts := []struct {
		into  *int
		table string
	}{{&r.Setup, "setup"}, {&r.Retained, "retained"}, {&r.Events, "event"}, {&r.Gaps, "gap"}}
	for _, c := range counts {
		err := db.query("counting", "SELECT count(*) FROM "+c.table, func(row *sqlite3.Stmt) error {
			*c.into = row.ColumnInt(0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := r.checkEvents(db); err != nil {
		return err
	}
	gaps, err := db.readGaps()
	if err != nil {
		return err
	}
	for _, g := range gaps {
		if g.PowerUp == 0 || g.PowerUp > r.Meta.PowerUps || g.Event >= r.Meta.NextEvent {
			r.found(db.path, 0, "gap", fmt.Sprintf("gap of start %d with event %d, though there were %d starts", g.PowerUp, g.Event, r.Meta.PowerUps))
		}
	}
	if r.Schema < 2 {
		return nil
	}
	program, err := db.readProgram()
	if err != nil {
		return err
	}
	r.Program = len(program)
	if err := r.checkLogs(db); err != nil || r.Schema < 3 {
		return err
	}
	security, err := db.readSecurity()
	if err != nil {
		return err
	}
	r.Security = len(security)
	if _, err := db.readKey(); err != nil {
		return err
	}
	return r.checkOwnersFiles(db)
}

// checkEvents reads every event and follows the chain of their hashes to its first break.
func (r *Report) checkEvents(db *database) error {
	columns := eventColumns
	if r.Schema < 3 {
		columns = unchainedEventColumns
	}
	broken := r.Schema < 3 // There is no chain.
	var last Event
	for {
		events, err := db.readEvents(columns, last.Sequence+1, MaxReadRows)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if e.Sequence >= r.Meta.NextEvent {
				r.found(db.path, 0, "event", fmt.Sprintf("event %d, though the next is %d", e.Sequence, r.Meta.NextEvent))
			}
			if !broken && last.Sequence > 0 && (e.Sequence != last.Sequence+1 || e.Previous != last.Hash) {
				broken = true
				r.found(db.path, 0, "event", fmt.Sprintf("the chain of events breaks between %d and %d: one was changed or removed", last.Sequence, e.Sequence))
			}
			last = e
		}
	}
	if !broken && last.Sequence > 0 && (last.Sequence+1 != r.Meta.NextEvent || last.Hash != r.Meta.EventHash) {
		r.found(db.path, 0, "event", fmt.Sprintf("the chain of events breaks behind %d: it was changed, or newer ones were removed", last.Sequence))
	}
	return db.query("looking for stray events", "SELECT count(*) FROM event WHERE sequence < 1", func(row *sqlite3.Stmt) error {
		if n := row.ColumnInt(0); n > 0 {
			r.found(db.path, 0, "event", fmt.Sprintf("%d events are numbered below 1", n))
		}
		return nil
	})
}

// checkOwnersFiles reads every file and compares it with its description.
func (r *Report) checkOwnersFiles(db *database) error {
	for _, whole := range []bool{true, false} {
		rows, err := db.readFiles(whole, "")
		if err != nil {
			return err
		}
		for _, row := range rows {
			data, err := db.readBlocks(row.id, 0, MaxFilesBytes/blockBytes)
			if err != nil {
				return err
			}
			problem := ""
			if err := validFile(row.Folder, row.Name); err != nil {
				problem = err.Error()
			} else if int64(len(data)) != row.SizeBytes {
				problem = fmt.Sprintf("has %d bytes, though %d were counted", len(data), row.SizeBytes)
			} else if whole && sha256.Sum256(data) != row.SHA256 {
				problem = "does not have its SHA-256"
			}
			if problem != "" {
				r.found(db.path, 0, "file", fmt.Sprintf("%s/%s: %s", row.Folder, row.Name, problem))
			}
		}
		if whole {
			r.Files = len(rows)
		} else {
			r.Uploads = len(rows)
		}
	}
	return db.query("looking for stray blocks", "SELECT count(*) FROM block WHERE file NOT IN (SELECT file FROM file) OR number < 0", func(row *sqlite3.Stmt) error {
		if n := row.ColumnInt(0); n > 0 {
			r.found(db.path, 0, "block", fmt.Sprintf("%d blocks belong to no file", n))
		}
		return nil
	})
}

// checkLogs reads every record and compares what is counted with what is there.
func (r *Report) checkLogs(db *database) error {
	logs, err := db.readLogs()
	if err != nil {
		return err
	}
	r.Logs = len(logs)
	for _, log := range logs {
		count, bytes, from := 0, int64(0), uint64(0)
		for {
			records, err := db.readRecords(log.Log, from, MaxReadRows)
			if err != nil {
				return err
			}
			if len(records) == 0 {
				break
			}
			for _, rec := range records {
				count++
				bytes += int64(len(rec.Body))
			}
			from = records[len(records)-1].Sequence + 1
		}
		r.Records += count
		if count != log.Count || bytes != log.Bytes {
			r.found(db.path, 0, "log", fmt.Sprintf("log %d holds %d records of %d bytes, though %d of %d were counted", log.Log, count, bytes, log.Count, log.Bytes))
		}
		if from > log.Next {
			r.found(db.path, 0, "record", fmt.Sprintf("record %d of log %d, though the next is %d", from-1, log.Log, log.Next))
		}
	}
	return db.query("looking for stray records", "SELECT count(*) FROM record WHERE log NOT IN (SELECT log FROM log) OR sequence < 0", func(row *sqlite3.Stmt) error {
		if n := row.ColumnInt(0); n > 0 {
			r.found(db.path, 0, "record", fmt.Sprintf("%d records belong to no log", n))
		}
		return nil
	})
}

// schema returns the definitions of all tables and indexes.
func (db *database) schema() (string, error) {
	var b strings.Builder
	err := db.query("reading the schema", "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name", func(row *sqlite3.Stmt) error {
		fmt.Fprintf(&b, "%s %s %s\n", row.ColumnText(0), row.ColumnText(1), row.ColumnText(2))
		return nil
	})
	return b.String(), err
}

// schemaOf is what a store of a schema version has.
func schemaOf(version int) (string, error) {
	disk := vfs.NewDisk()
	if err := disk.MkdirAll("/"); err != nil {
		return "", err
	}
	db, err := openDatabase(disk, "/schema", true)
	if err != nil {
		return "", err
	}
	defer db.close()
	if err := db.migrateTo(version); err != nil {
		return "", err
	}
	return db.schema()
}

// pages gives the newest image of every page of a closed database.
type pages struct {
	database, logged []byte
	log              *vfs.Log
	count            int64
}

func newPages(database, logged []byte, log *vfs.Log) *pages {
	p := &pages{database: database, logged: logged, log: log}
	if first, _ := p.read(1); first != nil {
		p.count = int64(binary.BigEndian.Uint32(first[28:])) // Page count in the database header.
	}
	// A ruined count must not hide pages, nor ask for millions of them.
	if there := int64(len(database)) / vfs.PageSize; p.count > there+int64(log.Committed) || p.count < there && log.Committed == 0 {
		p.count = there
	}
	return p
}

// read returns nil for a page that is nowhere.
func (p *pages) read(n int64) (page []byte, inLog bool) {
	if i, ok := p.log.Newest(n); ok {
		off := p.log.Offset(i)
		return p.logged[off : off+vfs.PageSize], true
	}
	off := (n - 1) * vfs.PageSize
	if off < 0 || off+vfs.PageSize > int64(len(p.database)) {
		return nil, false
	}
	return p.database[off : off+vfs.PageSize], false
}
