package store

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// The event log: a ring of the newest events, numbered from 1 for ever.

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
// the depth of the log are gone.
func (s *Store) Events(from uint64, limit int) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil, ErrClosed
	}
	return s.db.readEvents(from, min(limit, MaxReadRows))
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

// putEvents erases the log where it gets a depth, adds the events of a batch and
// drops the oldest. It returns the numbers given and the one after them.
func (db *database) putEvents(b Batch, next uint64, depth int) (sequences []uint64, after uint64, err error) {
	if b.EventDepth != nil {
		depth = *b.EventDepth
		err := errors.Join(db.run("erasing the event log", "DELETE FROM event"), db.putMeta("event_depth", int64(depth)))
		if err != nil {
			return nil, next, err
		}
	}
	if len(b.Events) == 0 {
		return nil, next, nil
	}
	if uint64(len(b.Events)) > MaxSequence-next {
		return nil, next, corruptError(errors.New("the numbers of the event log are used up: " + db.path))
	}
	for _, e := range b.Events {
		if err := db.putEvent(next, e); err != nil {
			return nil, next, err
		}
		sequences = append(sequences, next)
		next++
	}
	return sequences, next, errors.Join(db.trimEvents(next, depth), db.putMeta("next_event", int64(next)))
}

func (db *database) putEvent(sequence uint64, e Event) error {
	return db.run("writing an event", "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		int64(sequence), e.Time.UnixNano(), int64(e.Priority), e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin)
}

// trimEvents keeps the newest depth events; the numbers of the others stay used.
func (db *database) trimEvents(next uint64, depth int) error {
	if next <= uint64(depth) {
		return nil
	}
	return db.run("trimming the event log", "DELETE FROM event WHERE sequence < ?1", int64(next)-int64(depth))
}

func (db *database) readEvents(from uint64, limit int) ([]Event, error) {
	if from > MaxSequence || limit <= 0 {
		return nil, nil
	}
	var events []Event
	bytes := 0
	err := db.query("reading events", "SELECT sequence, time, priority, cause, cause_value, effect, effect_value, user, origin "+
		"FROM event WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2", func(row *sqlite3.Stmt) error {
		e := Event{
			Sequence: uint64(row.ColumnInt64(0)), Time: timeOf(row.ColumnInt64(1)), Priority: uint8(row.ColumnInt64(2)),
			Cause: row.ColumnText(3), CauseValue: row.ColumnText(4), Effect: row.ColumnText(5), EffectValue: row.ColumnText(6),
			User: row.ColumnText(7), Origin: row.ColumnText(8),
		}
		bytes += len(e.Cause) + len(e.CauseValue) + len(e.Effect) + len(e.EffectValue) + len(e.User) + len(e.Origin)
		if len(events) > 0 && bytes > MaxReadBytes {
			return errEnough
		}
		events = append(events, e)
		return nil
	}, int64(from), int64(limit))
	return events, err
}
