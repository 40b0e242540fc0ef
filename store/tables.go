package store

import (
	"fmt"
	"math"

	"github.com/ncruces/go-sqlite3"
)

// The statements on each table.

func (db *database) putMeta(key string, value any) error {
	return db.run("writing meta "+key, "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value", key, value)
}

func (db *database) readMeta() (Meta, error) {
	ints, texts := map[string]int64{}, map[string]string{}
	err := db.query("reading meta", "SELECT key, value FROM meta", func(row *sqlite3.Stmt) error {
		switch key := row.ColumnText(0); row.ColumnType(1) {
		case sqlite3.INTEGER:
			ints[key] = row.ColumnInt64(1)
		case sqlite3.TEXT:
			texts[key] = row.ColumnText(1)
		}
		return nil
	})
	if err != nil {
		return Meta{}, err
	}
	for _, key := range []string{"model", "serial"} {
		if _, ok := texts[key]; !ok {
			return Meta{}, corruptError(fmt.Errorf("%s: table meta has no %s", db.path, key))
		}
	}
	for _, key := range []string{"created", "power_ups", "alive", "clean", "next_event"} {
		if v, ok := ints[key]; !ok || (v < 0 && key != "created" && key != "alive") {
			return Meta{}, corruptError(fmt.Errorf("%s: table meta has no sound %s", db.path, key))
		}
	}
	return Meta{
		Identity:  Identity{Model: texts["model"], Serial: texts["serial"], Firmware: texts["firmware"]},
		Created:   timeOf(ints["created"]),
		PowerUps:  uint64(ints["power_ups"]),
		LastAlive: timeOf(ints["alive"]),
		CleanStop: ints["clean"] == 1,
		NextEvent: uint64(ints["next_event"]),
	}, nil
}

// putState writes the setup and the retained state of a batch. A value that has
// not changed is not written: a page nobody touched needs no log frame.
func (db *database) putState(b Batch) error {
	for _, label := range b.RetainedDelete {
		if err := db.run("deleting retained "+label, "DELETE FROM retained WHERE label = ?1", label); err != nil {
			return err
		}
	}
	for _, label := range b.SetupDelete {
		if err := db.run("deleting setup "+label, "DELETE FROM setup WHERE label = ?1", label); err != nil {
			return err
		}
	}
	for _, label := range sortedKeys(b.Retained) {
		err := db.run("writing retained "+label, "INSERT INTO retained (label, state) VALUES (?1, ?2) "+
			"ON CONFLICT DO UPDATE SET state = excluded.state WHERE state <> excluded.state", label, b.Retained[label])
		if err != nil {
			return err
		}
	}
	for _, label := range sortedKeys(b.Setup) {
		err := db.run("writing setup "+label, "INSERT INTO setup (label, text) VALUES (?1, ?2) "+
			"ON CONFLICT DO UPDATE SET text = excluded.text WHERE text <> excluded.text", label, b.Setup[label])
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *database) putEvent(sequence uint64, e Event) error {
	return db.run("writing an event", "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		int64(sequence), e.Time.UnixNano(), int64(e.Priority), e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin)
}

// trimEvents keeps the newest depth events; the numbers of the others stay used.
func (db *database) trimEvents(next, depth uint64) error {
	if next <= depth {
		return nil
	}
	return db.run("trimming the event log", "DELETE FROM event WHERE sequence < ?1", int64(next-depth))
}

func (db *database) readEvents(from uint64, limit int) ([]Event, error) {
	if from > math.MaxInt64 || limit <= 0 {
		return nil, nil
	}
	var events []Event
	err := db.query("reading events", "SELECT sequence, time, priority, cause, cause_value, effect, effect_value, user, origin "+
		"FROM event WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2", func(row *sqlite3.Stmt) error {
		events = append(events, Event{
			Sequence: uint64(row.ColumnInt64(0)), Time: timeOf(row.ColumnInt64(1)), Priority: uint8(row.ColumnInt64(2)),
			Cause: row.ColumnText(3), CauseValue: row.ColumnText(4), Effect: row.ColumnText(5), EffectValue: row.ColumnText(6),
			User: row.ColumnText(7), Origin: row.ColumnText(8),
		})
		return nil
	}, int64(from), int64(limit))
	return events, err
}

// putGap records a gap and keeps the newest depth of them.
func (db *database) putGap(g Gap, depth uint64) error {
	err := db.run("writing a gap", "INSERT INTO gap VALUES (?1, ?2, ?3, ?4, ?5)",
		int64(g.PowerUp), g.From.UnixNano(), g.To.UnixNano(), g.Clean, int64(g.Event))
	if err != nil || g.PowerUp <= depth {
		return err
	}
	return db.run("trimming the gaps", "DELETE FROM gap WHERE power_up <= ?1", int64(g.PowerUp-depth))
}

func (db *database) readGaps() ([]Gap, error) {
	var gaps []Gap
	err := db.query("reading gaps", "SELECT power_up, start, stop, clean, event FROM gap ORDER BY power_up", func(row *sqlite3.Stmt) error {
		gaps = append(gaps, Gap{PowerUp: uint64(row.ColumnInt64(0)), From: timeOf(row.ColumnInt64(1)),
			To: timeOf(row.ColumnInt64(2)), Clean: row.ColumnBool(3), Event: uint64(row.ColumnInt64(4))})
		return nil
	})
	return gaps, err
}
