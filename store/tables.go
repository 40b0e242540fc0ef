package store

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// The statements on each table.

func (db *database) putMeta(key string, value any) error {
	return db.run("writing meta "+key, "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value", key, value)
}

func (db *database) readMeta() (Meta, error) {
	ints, texts := map[string]int64{}, map[string]string{}
	var head, position []byte
	err := db.query("reading meta", "SELECT key, value FROM meta", func(row *sqlite3.Stmt) error {
		switch key := row.ColumnText(0); row.ColumnType(1) {
		case sqlite3.INTEGER:
			ints[key] = row.ColumnInt64(1)
		case sqlite3.TEXT:
			texts[key] = row.ColumnText(1)
		case sqlite3.BLOB:
			switch key {
			case "event_hash":
				head = row.ColumnBlob(1, nil)
			case "position":
				position = row.ColumnBlob(1, nil)
			}
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
		if v, ok := ints[key]; !ok || (v < 0 || v > MaxSequence) && key != "created" && key != "alive" {
			return Meta{}, corruptError(fmt.Errorf("%s: table meta has no sound %s", db.path, key))
		}
	}
	depth, chosen := ints["event_depth"]
	if chosen && (depth < 1 || depth > MaxEventDepth) {
		return Meta{}, corruptError(fmt.Errorf("%s: table meta has no sound event_depth", db.path))
	}
	m := Meta{
		Identity:   Identity{Model: texts["model"], Serial: texts["serial"], Firmware: texts["firmware"]},
		Created:    timeOf(ints["created"]),
		PowerUps:   uint64(ints["power_ups"]),
		CleanStop:  ints["clean"] == 1,
		NextEvent:  uint64(ints["next_event"]),
		EventDepth: int(depth),
	}
	// Before the first event, and in an older schema, there is none.
	if copy(m.EventHash[:], head); len(head) != len(m.EventHash) && len(head) != 0 {
		return Meta{}, corruptError(fmt.Errorf("%s: table meta has no sound event_hash", db.path))
	}
	if ns := ints["alive"]; ns != 0 {
		m.LastAlive = timeOf(ns)
	}
	m.Position = positionAt(position, ints["alive"])
	return m, nil
}

// putState writes the setup, the program and the retained state of a batch. A value that has
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
	if b.Program != "" {
		err := db.run("writing the program", "INSERT INTO program (id, text) VALUES (1, ?1) "+
			"ON CONFLICT DO UPDATE SET text = excluded.text WHERE text <> excluded.text", b.Program)
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

// gapDepth is the number of gaps kept.
const gapDepth = 500

// putGap records a gap and keeps the newest gapDepth of them.
func (db *database) putGap(g Gap) error {
	err := db.run("writing a gap", "INSERT INTO gap VALUES (?1, ?2, ?3, ?4, ?5)",
		int64(g.PowerUp), g.From.UnixNano(), g.To.UnixNano(), g.Clean, int64(g.Event))
	if err != nil || g.PowerUp <= gapDepth {
		return err
	}
	return db.run("trimming the gaps", "DELETE FROM gap WHERE power_up <= ?1", int64(g.PowerUp-gapDepth))
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

func (db *database) readProgram() (text string, err error) {
	err = db.query("reading the program", "SELECT text FROM program", func(row *sqlite3.Stmt) error {
		text = row.ColumnText(0)
		return nil
	})
	return text, err
}
