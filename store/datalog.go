package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// The logs of data recorders. A log is named by the handle of its module; the module
// numbers its records, decides how many are kept, and defines the bytes.

// Record is one record of a log.
type Record struct {
	Log      uint32 // handle of the recorder's module
	Sequence uint64 // given by the module, ascending; the store refuses one that was given before
	Time     time.Time
	Body     []byte
}

// LogInfo describes a log without its records.
type LogInfo struct {
	Log    uint32
	First  uint64 // sequence number of the oldest record that is kept; Next if there is none
	Next   uint64 // the lowest sequence number that the next record can have
	Count  int    // records kept
	Bytes  int64  // of their bodies
	Header string // text that describes the columns
}

// Records returns up to limit records of a log with sequence numbers from and above,
// in order: at most MaxReadRows, and no more than MaxReadBytes of bodies beyond the
// first. Where there may be more, ask again from behind the last; commits go on in
// between. The records of a log that there is not are none.
func (s *Store) Records(log uint32, from uint64, limit int) ([]Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil, ErrClosed
	}
	return s.db.readRecords(log, from, min(limit, MaxReadRows))
}

// Logs describes all logs, in the order of their handles.
func (s *Store) Logs() ([]LogInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil, ErrClosed
	}
	return s.db.readLogs()
}

func validRecords(records []Record) error {
	last := map[uint32]uint64{}
	for _, r := range records {
		if r.Sequence > MaxSequence {
			return fmt.Errorf("%w: record %d of log %d is above the last sequence number, %d", ErrInvalidBatch, r.Sequence, r.Log, uint64(MaxSequence))
		}
		if before, ok := last[r.Log]; ok && r.Sequence <= before {
			return fmt.Errorf("%w: record %d of log %d comes after record %d", ErrInvalidBatch, r.Sequence, r.Log, before)
		}
		if len(r.Body) > MaxRecordBytes {
			return fmt.Errorf("%w: record %d of log %d has %d bytes, at most %d", ErrInvalidBatch, r.Sequence, r.Log, len(r.Body), MaxRecordBytes)
		}
		if err := validTime(r.Time); err != nil {
			return err
		}
		last[r.Log] = r.Sequence
	}
	return nil
}

// putLogs does what a batch asks of the logs.
func (db *database) putLogs(b Batch) error {
	for _, log := range b.LogDrop {
		for _, sql := range []string{"DELETE FROM record WHERE log = ?1", "DELETE FROM log WHERE log = ?1"} {
			if err := db.run(fmt.Sprint("dropping log ", log), sql, int64(log)); err != nil {
				return err
			}
		}
	}
	for _, log := range sortedKeys(b.LogHeader) {
		err := db.run(fmt.Sprint("writing the header of log ", log), "INSERT INTO log (log, next, count, bytes, header) VALUES (?1, 0, 0, 0, ?2) "+
			"ON CONFLICT DO UPDATE SET header = excluded.header WHERE header <> excluded.header", int64(log), b.LogHeader[log])
		if err != nil {
			return err
		}
	}
	added := map[uint32][]Record{}
	for _, r := range b.Records {
		added[r.Log] = append(added[r.Log], r)
	}
	for _, log := range sortedKeys(added) {
		if err := db.putRecords(log, added[log]); err != nil {
			return err
		}
	}
	for _, log := range sortedKeys(b.LogTrim) {
		if err := db.trimLog(log, b.LogTrim[log]); err != nil {
			return err
		}
	}
	return nil
}

// putRecords adds records, of ascending sequence, to one log.
func (db *database) putRecords(log uint32, records []Record) error {
	doing := fmt.Sprint("writing to log ", log)
	next := uint64(0)
	err := db.query(doing, "SELECT next FROM log WHERE log = ?1", func(row *sqlite3.Stmt) error {
		next = uint64(row.ColumnInt64(0))
		return nil
	}, int64(log))
	if err != nil {
		return err
	}
	if records[0].Sequence < next {
		return fmt.Errorf("%w: record %d of log %d was given before, the next is %d", ErrInvalidBatch, records[0].Sequence, log, next)
	}
	bytes := 0
	for _, r := range records {
		err := db.run(doing, "INSERT INTO record (log, sequence, time, body) VALUES (?1, ?2, ?3, ?4)",
			int64(log), int64(r.Sequence), r.Time.UnixNano(), r.Body)
		if err != nil {
			return err
		}
		bytes += len(r.Body)
	}
	return db.run(doing, "INSERT INTO log (log, next, count, bytes, header) VALUES (?1, ?2, ?3, ?4, '') ON CONFLICT DO UPDATE "+
		"SET next = excluded.next, count = count + excluded.count, bytes = bytes + excluded.bytes",
		int64(log), int64(records[len(records)-1].Sequence+1), int64(len(records)), int64(bytes))
}

// trimLog deletes the records before first. The numbers of those that go stay used.
func (db *database) trimLog(log uint32, first uint64) error {
	doing := fmt.Sprint("trimming log ", log)
	bound := int64(min(first, MaxSequence+1))
	var count, bytes int64
	err := db.query(doing, "SELECT count(*), coalesce(sum(length(body)), 0) FROM record WHERE log = ?1 AND sequence < ?2", func(row *sqlite3.Stmt) error {
		count, bytes = row.ColumnInt64(0), row.ColumnInt64(1)
		return nil
	}, int64(log), bound)
	if err != nil || count == 0 {
		return err
	}
	if err := db.run(doing, "DELETE FROM record WHERE log = ?1 AND sequence < ?2", int64(log), bound); err != nil {
		return err
	}
	return db.run(doing, "UPDATE log SET count = count - ?2, bytes = bytes - ?3 WHERE log = ?1", int64(log), count, bytes)
}

func (db *database) readRecords(log uint32, from uint64, limit int) ([]Record, error) {
	if from > MaxSequence || limit <= 0 {
		return nil, nil
	}
	var records []Record
	bytes := 0
	err := db.query(fmt.Sprint("reading log ", log), "SELECT sequence, time, body FROM record WHERE log = ?1 AND sequence >= ?2 "+
		"ORDER BY sequence LIMIT ?3", func(row *sqlite3.Stmt) error {
		body := row.ColumnRawBlob(2)
		if bytes += len(body); len(records) > 0 && bytes > MaxReadBytes {
			return errEnough
		}
		records = append(records, Record{Log: log, Sequence: uint64(row.ColumnInt64(0)), Time: timeOf(row.ColumnInt64(1)), Body: slices.Clone(body)})
		return nil
	}, int64(log), int64(from), int64(limit))
	return records, err
}

func (db *database) readLogs() ([]LogInfo, error) {
	var logs []LogInfo
	err := db.query("reading the logs", "SELECT log, next, count, bytes, header, "+
		"coalesce((SELECT min(sequence) FROM record WHERE record.log = log.log), next) FROM log ORDER BY log", func(row *sqlite3.Stmt) error {
		logs = append(logs, LogInfo{Log: uint32(row.ColumnInt64(0)), Next: uint64(row.ColumnInt64(1)), Count: row.ColumnInt(2),
			Bytes: row.ColumnInt64(3), Header: row.ColumnText(4), First: uint64(row.ColumnInt64(5))})
		return nil
	})
	return logs, err
}
