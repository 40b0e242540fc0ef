package store

import (
	"errors"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/ncruces/go-sqlite3"
)

// The event log: a ring of the newest events, numbered from 1 and chained by their hashes
// for ever. A row holds the hash before it, so that the oldest that is kept says where the
// chain goes on; the hash of the newest is in meta, where it outlives an erased log.

// DefaultEventDepth is the number of events kept when neither Options nor a batch
// says.
const DefaultEventDepth = 5000

// MaxReadRows and MaxReadBytes bound what one call of Events or Records returns, so
// that no reader keeps a commit waiting for much more than a millisecond.
const (
	MaxReadRows  = 256
	MaxReadBytes = 64 << 10
)

// Events returns up to limit events with sequence numbers from and above, in
// order: at most MaxReadRows, and no more than MaxReadBytes of text beyond the
// first. Where there may be more, ask again from behind the last. Events beyond
// the depth of the log are gone. Each comes with its hash and that of the event before.
func (s *Store) Events(from uint64, limit int) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil, ErrClosed
	}
	return s.db.readEvents(eventColumns, from, min(limit, MaxReadRows))
}

// EventRange returns the sequence number of the oldest event that is kept, the one
// that the next event will get, and how many are kept. An empty log has first = next.
func (s *Store) EventRange() (first, next uint64, count int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return 0, 0, 0, ErrClosed
	}
	first, next = s.meta.NextEvent, s.meta.NextEvent
	err = s.db.query("reading the event range", "SELECT min(sequence), count(*) FROM event", func(row *sqlite3.Stmt) error {
		if count = row.ColumnInt(1); count > 0 {
			first = uint64(row.ColumnInt64(0))
		}
		return nil
	})
	return first, next, count, err
}

// EventHead returns the newest event there ever was: its sequence number, its time and its
// hash, to which the next one will be chained. Before the first event all are zero; the time
// is zero too where the log has been erased since.
func (s *Store) EventHead() (sequence uint64, at time.Time, hash eventchain.Hash, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return 0, time.Time{}, eventchain.Hash{}, ErrClosed
	}
	sequence = s.meta.NextEvent - 1
	err = s.db.query("reading the newest event", "SELECT time FROM event WHERE sequence = ?1", func(row *sqlite3.Stmt) error {
		at = timeOf(row.ColumnInt64(0))
		return nil
	}, int64(sequence))
	return sequence, at, s.meta.EventHash, err
}

// putEvents erases the log where it gets a depth, adds the events of a batch and
// drops the oldest. It counts them in meta and returns the numbers given.
func (db *database) putEvents(b Batch, meta *Meta) (sequences []uint64, err error) {
	if b.EventDepth != nil {
		meta.EventDepth = *b.EventDepth
		err := errors.Join(db.run("erasing the event log", "DELETE FROM event"), db.putMeta("event_depth", int64(meta.EventDepth)))
		if err != nil {
			return nil, err
		}
	}
	if len(b.Events) == 0 {
		return nil, nil
	}
	if uint64(len(b.Events)) > MaxSequence-meta.NextEvent {
		return nil, corruptError(errors.New("the numbers of the event log are used up: " + db.path))
	}
	for _, e := range b.Events {
		sequences = append(sequences, meta.NextEvent)
		if err := db.putEvent(e, meta); err != nil {
			return nil, err
		}
	}
	return sequences, db.finishEvents(meta)
}

// putEvent gives an event the next number and chains it to the one before.
func (db *database) putEvent(e Event, meta *Meta) error {
	e.Sequence = meta.NextEvent
	err := db.run("writing an event", "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		int64(e.Sequence), e.Time.UnixNano(), int64(e.Priority), e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin, meta.EventHash[:])
	meta.NextEvent++
	meta.EventHash = eventchain.EventHash(meta.EventHash, e.chained())
	return err
}

// finishEvents keeps the newest events, to the depth of the log, and notes how far the
// numbers and the chain have come. Numbers of events that go stay used.
func (db *database) finishEvents(meta *Meta) error {
	if err := errors.Join(db.putMeta("next_event", int64(meta.NextEvent)), db.putMeta("event_hash", meta.EventHash[:])); err != nil {
		return err
	}
	if meta.NextEvent <= uint64(meta.EventDepth) {
		return nil
	}
	return db.run("trimming the event log", "DELETE FROM event WHERE sequence < ?1", int64(meta.NextEvent)-int64(meta.EventDepth))
}

// The columns of an event in the present schema, and in those before 3.
const (
	eventColumns          = oldEventColumns + ", previous"
	oldEventColumns       = "sequence, time, priority, cause, cause_value, effect, effect_value, user, origin"
	unchainedEventColumns = oldEventColumns + ", zeroblob(32)"
)

func (db *database) readEvents(columns string, from uint64, limit int) ([]Event, error) {
	if from > MaxSequence || limit <= 0 {
		return nil, nil
	}
	var events []Event
	bytes := 0
	err := db.query("reading events", "SELECT "+columns+" FROM event WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2", func(row *sqlite3.Stmt) error {
		e := Event{
			Sequence: uint64(row.ColumnInt64(0)), Time: timeOf(row.ColumnInt64(1)), Priority: uint8(row.ColumnInt64(2)),
			Cause: row.ColumnText(3), CauseValue: row.ColumnText(4), Effect: row.ColumnText(5), EffectValue: row.ColumnText(6),
			User: row.ColumnText(7), Origin: row.ColumnText(8),
		}
		bytes += len(e.Cause) + len(e.CauseValue) + len(e.Effect) + len(e.EffectValue) + len(e.User) + len(e.Origin)
		if len(events) > 0 && bytes > MaxReadBytes {
			return errEnough
		}
		copy(e.Previous[:], row.ColumnRawBlob(9))
		e.Hash = eventchain.EventHash(e.Previous, e.chained())
		events = append(events, e)
		return nil
	}, int64(from), int64(limit))
	return events, err
}

// chainOldEvents gives the events of a store of schema 2 their chain. It begins at the
// oldest that is kept.
func (db *database) chainOldEvents() error {
	var previous eventchain.Hash
	for from := uint64(0); ; {
		events, err := db.readEvents(unchainedEventColumns, from, MaxReadRows)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			err := db.run("chaining an event", "UPDATE event SET previous = ?2 WHERE sequence = ?1", int64(e.Sequence), previous[:])
			if err != nil {
				return err
			}
			previous = eventchain.EventHash(previous, e.chained())
			from = e.Sequence + 1
		}
	}
	return db.putMeta("event_hash", previous[:])
}
