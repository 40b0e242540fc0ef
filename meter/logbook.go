package meter

import (
	"context"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/wire/eventchain"
)

// logBook is what the gate reads of the logs. It reads from the store beside the meter.
type logBook struct{ m *Meter }

// maxPage bounds an answer, in entries.
const maxPage = 5000

func page(limit int) int {
	if limit <= 0 || limit > maxPage {
		return maxPage
	}
	return limit
}

// Events implements access.Logs.
func (l logBook) Events(from uint64, limit int) (access.Events, error) {
	first, next, _, err := l.m.store.EventRange()
	if err != nil {
		return access.Events{}, err
	}
	kept, err := l.m.store.Events(from, page(limit))
	if err != nil {
		return access.Events{}, err
	}
	out := access.Events{First: first, Next: next, Events: make([]access.Event, len(kept))}
	if len(kept) > 0 {
		out.Previous = kept[0].Previous
	}
	for i, e := range kept {
		out.Events[i] = access.Event{Sequence: e.Sequence, Time: e.Time, Priority: e.Priority, Cause: e.Cause, CauseValue: e.CauseValue,
			Effect: e.Effect, EffectValue: e.EffectValue, User: e.User, Origin: e.Origin, Hash: e.Hash}
	}
	return out, nil
}

// EventHead implements access.Logs: the statement is over the whole log as it is kept now.
func (l logBook) EventHead() (access.EventHead, error) {
	sequence, _, hash, err := l.m.store.EventHead()
	if err != nil {
		return access.EventHead{}, err
	}
	oldest, err := l.m.store.Events(0, 1)
	if err != nil {
		return access.EventHead{}, err
	}
	key := l.m.store.DeviceKey()
	s := eventchain.Statement{Head: sequence, Hash: hash, Signed: l.m.audit.civil(time.Now()).UTC(),
		Header: eventchain.Header{Model: l.m.identity.Model, Serial: l.m.identity.Serial, Firmware: l.m.Firmware(), Key: eventchain.PublicKeyOf(key), First: sequence + 1, Previous: hash}}
	if len(oldest) > 0 {
		s.First, s.Previous = oldest[0].Sequence, oldest[0].Previous
	}
	signature, err := s.Sign(key)
	return access.EventHead{Serial: s.Serial, Sequence: s.Head, Time: s.Signed, Hash: s.Hash, Signature: signature[:], PublicKey: s.Key[:]}, err
}

// Fingerprint is that of the key with which the meter signs its event log.
func (m *Meter) Fingerprint() string {
	return eventchain.PublicKeyOf(m.store.DeviceKey()).Fingerprint()
}

// Recorders implements access.Logs.
func (l logBook) Recorders() ([]access.Recorder, error) {
	var list []access.Recorder
	d := l.m.registers.published.Load().ion.Directory()
	for i := range d.Modules {
		if module := &d.Modules[i]; module.Type.Name == dataRecorder {
			log, err := l.m.Log(module.Label)
			if err != nil {
				return nil, err
			}
			list = append(list, recorderOf(module.Label, log))
		}
	}
	return list, nil
}

func recorderOf(label string, log Log) access.Recorder {
	r := access.Recorder{Label: label, First: log.First, Next: log.Next, Count: log.Count}
	for _, c := range log.Columns {
		r.Columns = append(r.Columns, access.Column(c))
	}
	return r
}

// Records implements access.Logs.
func (l logBook) Records(recorder string, from uint64, limit int) (access.Recorder, []access.LogRecord, error) {
	log, err := l.m.Log(recorder)
	if err != nil {
		return access.Recorder{}, nil, notFound(recorder)
	}
	records, err := l.m.Records(recorder, from, page(limit))
	if err != nil {
		return access.Recorder{}, nil, err
	}
	out := make([]access.LogRecord, len(records))
	for i, r := range records {
		cells, err := ion.Cells(r.Body)
		if err != nil {
			return access.Recorder{}, nil, err
		}
		out[i] = access.LogRecord{Sequence: r.Sequence, Time: r.Time, Values: make([]access.Value, len(cells))}
		for k, cell := range cells {
			kind := access.KindNumber
			if cell.Class == ion.Boolean {
				kind = access.KindBoolean
			}
			out[i].Values[k] = access.Value{Kind: kind, Available: cell.Available, Number: cell.Number}
		}
	}
	return recorderOf(recorder, log), out, nil
}

// Gaps implements access.Logs.
func (l logBook) Gaps() ([]access.Gap, error) {
	kept, err := l.m.store.Gaps()
	list := make([]access.Gap, len(kept))
	for i, g := range kept {
		list[i] = access.Gap{From: g.From, To: g.To, Clean: g.Clean}
	}
	return list, err
}

// dataRecorder is the type of the modules that have logs.
const dataRecorder = "Data Recorder"

// Clear implements access.Logs. The chain of events goes on over an erased log.
func (l logBook) Clear(ctx context.Context, name string, by access.By) error {
	m := l.m
	return m.command(ctx, func(time.Time) error {
		if strings.EqualFold(name, access.EventLogName) {
			m.clearEvents = true
			return nil
		}
		module := m.node.Directory().Module(name)
		if module == nil || module.Type.Name != dataRecorder {
			return notFound(name)
		}
		return m.node.Pulse(module.Label+"/Reset", ion.By(by))
	})
}

// erase has a batch erase the event log.
func (m *Meter) erase(b *store.Batch) {
	if m.clearEvents {
		m.clearEvents = false
		depth := m.eventLog.depth
		b.EventDepth = &depth
	}
}
