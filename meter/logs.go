package meter

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/store"
)

// Column is what one cell of a log's records holds.
type Column struct {
	Register string // "Module label/Register label" at the time of recording
	Unit     string
}

// Log is the log of a Data Recorder.
type Log struct {
	Handle  ion.Handle
	Columns []Column
	// First is the number of the oldest record, Next what the next will get, Count how
	// many there are.
	First, Next, Count uint64
}

// Log describes the log of the Data Recorder with the label, as it is durable.
func (m *Meter) Log(recorder string) (Log, error) {
	handle, err := m.recorder(recorder)
	if err != nil {
		return Log{}, err
	}
	logs, err := m.store.Logs()
	if err != nil {
		return Log{}, err
	}
	l := Log{Handle: handle, First: 1, Next: 1}
	for _, kept := range logs {
		if kept.Log == uint32(handle) {
			l = Log{Handle: handle, Columns: columns(kept.Header), First: kept.First, Next: kept.Next, Count: uint64(kept.Count)}
		}
	}
	return l, nil
}

// Records returns up to limit records of the log of a Data Recorder with numbers from and
// above, in order; fewer where the store bounds an answer. It reads from the store
// beside the meter: measuring never waits for it.
func (m *Meter) Records(recorder string, from uint64, limit int) ([]ion.Record, error) {
	handle, err := m.recorder(recorder)
	if err != nil {
		return nil, err
	}
	kept, err := m.store.Records(uint32(handle), from, limit)
	if err != nil {
		return nil, err
	}
	records := make([]ion.Record, len(kept))
	for i, r := range kept {
		records[i] = ion.Record{Log: handle, Sequence: r.Sequence, Time: r.Time, Body: r.Body}
	}
	return records, nil
}

// Events returns up to limit events of the event log with numbers from and above.
func (m *Meter) Events(from uint64, limit int) ([]store.Event, error) {
	return m.store.Events(from, limit)
}

// Gaps returns the times in which the meter did not run, the oldest first: no log has
// records of them.
func (m *Meter) Gaps() ([]store.Gap, error) { return m.store.Gaps() }

func (m *Meter) recorder(label string) (ion.Handle, error) {
	module := m.registers.published.Load().ion.Directory().Module(label)
	if module == nil || !strings.EqualFold(module.Type.Name, "Data Recorder") {
		return 0, fmt.Errorf("there is no Data Recorder %q", label)
	}
	return module.Handle, nil
}

// columns reads the header that a Data Recorder writes: a line for each cell, the
// register and its unit parted by a tab.
func columns(header string) []Column {
	var list []Column
	for line := range strings.Lines(header) {
		register, unit, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		list = append(list, Column{register, unit})
	}
	return list
}

// Outbox returns the alerts that wait for a transport, the oldest first.
func (m *Meter) Outbox(ctx context.Context) ([]ion.Alert, error) {
	var alerts []ion.Alert
	if err := m.ask(ctx, func(time.Time) error { alerts = m.node.Outbox(); return nil }); err != nil {
		return nil, err
	}
	return alerts, nil
}

// Sent takes an alert that a transport has sent out of the outbox, and returns when that
// is durable.
func (m *Meter) Sent(ctx context.Context, alert uint64) error {
	return m.command(ctx, func(time.Time) error { m.node.Sent(alert); return nil })
}
