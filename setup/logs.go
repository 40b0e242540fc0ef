package setup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Event is an entry of the event log.
type Event = eventchain.Event

// EventLog is what a meter says of its event log beside the events.
type EventLog struct {
	First, Next uint64
	// Previous is the hash of the event before the first that was given.
	Previous eventchain.Hash
}

// Events gives each event with a number from and above to each, in their order, until it
// returns an error. It returns the number at which to go on.
func (m *Meter) Events(ctx context.Context, from uint64, each func(Event) error) (EventLog, error) {
	return m.events(ctx, from, 0, each)
}

// events stops behind the event with the number last, where that is not 0.
func (m *Meter) events(ctx context.Context, from, last uint64, each func(Event) error) (log EventLog, err error) {
	const what = "reading the event log"
	begun := false
	pages := m.pages(what)
	defer func() { pages.end() }()
	for {
		r, err := ask(ctx, m, what, ionp.Events, ionp.EventsRequest{From: from, Limit: pages.limit()})
		if err != nil {
			return log, err
		}
		if newest := cmp.Or(last, r.Next-min(r.Next, 1)); len(r.Events) > 0 {
			pages.came(len(r.Events), newest-min(newest, r.Events[len(r.Events)-1].Sequence))
		}
		log.First, log.Next = r.First, r.Next
		if !begun {
			begun = true
			copy(log.Previous[:], r.PreviousHash)
		}
		for _, w := range r.Events {
			if last != 0 && w.Sequence > last {
				return log, nil
			}
			e := Event{Sequence: w.Sequence, Time: time.Unix(0, w.Time).UTC(), Priority: uint8(w.Priority), Cause: w.Cause, CauseValue: w.CauseValue,
				Effect: w.Effect, EffectValue: w.EffectValue, User: w.User, Origin: w.Origin}
			if err := each(e); err != nil {
				return log, err
			}
			from = w.Sequence + 1
		}
		// A page may be shorter than asked for: only an empty one is the end.
		if len(r.Events) == 0 || last != 0 && from > last {
			return log, nil
		}
	}
}

// exportTries is how often an export is begun anew, because the log moved on meanwhile.
const exportTries = 5

// ExportEvents writes the whole event log in the form that can be verified for ever: each
// event with its hash, the last signed by the meter (docs/store.md).
func (m *Meter) ExportEvents(ctx context.Context, w io.Writer) error {
	info, err := m.Info(ctx)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		text, err := m.exportOnce(ctx, info)
		if err == nil {
			_, err = w.Write(text)
			return asError("writing the exported log", err)
		}
		if ErrorCode(err) != "" || try == exportTries {
			return asError("exporting the event log", err)
		}
	}
}

func (m *Meter) exportOnce(ctx context.Context, info Info) ([]byte, error) {
	head, err := ask(ctx, m, "reading the head of the event log", ionp.EventHead, ionp.EventHeadRequest{})
	if err != nil {
		return nil, err
	}
	header := eventchain.Header{Model: info.Model, Serial: head.Serial, Firmware: info.Firmware}
	var signature eventchain.Signature
	if len(head.PublicKey) != len(header.Key) || len(head.Signature) != len(signature) {
		return nil, fmt.Errorf("the meter's key has %d bytes and its signature %d: they have %d and %d", len(head.PublicKey), len(head.Signature), len(header.Key), len(signature))
	}
	copy(header.Key[:], head.PublicKey)
	copy(signature[:], head.Signature)
	var list []Event
	log, err := m.events(ctx, 1, head.Sequence, func(e Event) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	header.First, header.Previous = max(log.First, 1), log.Previous
	if len(list) > 0 {
		header.First = list[0].Sequence
	}
	var text bytes.Buffer
	out, err := eventchain.NewWriter(&text, header)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if err := out.Event(e); err != nil {
			return nil, err
		}
	}
	if err := out.End(time.Unix(0, head.Time), signature); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// Verified is what an exported event log was found to be.
type Verified struct {
	Model       string    `json:"model"`
	Serial      string    `json:"serial"`
	Firmware    string    `json:"firmware"`
	Fingerprint string    `json:"fingerprint"`
	Events      int       `json:"events"`
	First       uint64    `json:"first"`
	Last        uint64    `json:"last"`
	Signed      time.Time `json:"signed"`
	// Compared tells that the fingerprint was compared with one that is trusted.
	Compared bool `json:"compared"`
}

// VerifyEvents reads an exported event log and finds any edit of it. Without a trusted
// fingerprint it proves only that one key signed the whole: compare it with what the
// meter itself shows. The error has the code log-edited and names the line.
func VerifyEvents(open func() (io.ReadCloser, error), trusted string) (Verified, error) {
	run := func(fingerprint string) (eventchain.Report, error) {
		r, err := open()
		if err != nil {
			return eventchain.Report{}, err
		}
		defer r.Close()
		return eventchain.Verify(r, fingerprint)
	}
	report, err := run(trusted)
	if trusted == "" && report.Fingerprint != "" {
		report, err = run(report.Fingerprint)
	}
	v := Verified{report.Model, report.Serial, report.Firmware, report.Fingerprint, report.Events, report.First, report.Head, report.Signed, trusted != ""}
	var line *eventchain.LineError
	if errors.As(err, &line) {
		e := NewError(CodeLogEdited, "line %d: %s", line.Line, line.Reason)
		e.Err = err
		return v, e
	}
	return v, asError("verifying the log", err)
}

// Column is what one cell of a log's records holds.
type Column struct {
	Register string `json:"register"`
	Unit     string `json:"unit"`
}

// Recorder is the log of a Data Recorder.
type Recorder struct {
	Label   string   `json:"label"`
	First   uint64   `json:"first"`
	Next    uint64   `json:"next"`
	Count   uint64   `json:"count"`
	Columns []Column `json:"columns"`
}

// Recorders lists the data logs.
func (m *Meter) Recorders(ctx context.Context) ([]Recorder, error) {
	r, err := ask(ctx, m, "listing data logs", ionp.Recorders, ionp.RecordersRequest{})
	if err != nil {
		return nil, err
	}
	list := []Recorder{}
	for _, w := range r.Recorders {
		list = append(list, Recorder{w.Label, w.First, w.Next, w.Count, columnsOf(w.Columns)})
	}
	return list, nil
}

func columnsOf(list []ionp.Column) []Column {
	columns := []Column{}
	for _, w := range list {
		columns = append(columns, Column{w.Register, w.Unit})
	}
	return columns
}

// Record is one record of a data log.
type Record struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Values   []Value   `json:"values"`
}

// Records gives each record of a data log with a number from and above to each, until it
// returns an error. Columns is told the columns before the first.
func (m *Meter) Records(ctx context.Context, label string, from uint64, columns func([]Column) error, each func(Record) error) error {
	what := "reading " + label
	begun := false
	pages := m.pages(what)
	defer func() { pages.end() }()
	next, err := pages.next(ctx, label)
	if err != nil {
		return err
	}
	for {
		r, err := ask(ctx, m, what, ionp.Records, ionp.RecordsRequest{Recorder: label, From: from, Limit: pages.limit()})
		if err != nil {
			return err
		}
		if len(r.Records) > 0 && next > 0 {
			pages.came(len(r.Records), next-min(next, r.Records[len(r.Records)-1].Sequence+1))
		}
		if !begun {
			begun = true
			if err := columns(columnsOf(r.Columns)); err != nil {
				return err
			}
		}
		for _, w := range r.Records {
			record := Record{Sequence: w.Sequence, Time: time.Unix(0, w.Time).UTC()}
			for _, v := range w.Values {
				record.Values = append(record.Values, valueOf(v))
			}
			if err := each(record); err != nil {
				return err
			}
			from = w.Sequence + 1
		}
		if len(r.Records) == 0 {
			return nil
		}
	}
}

// Gap is a time in which the meter did not run.
type Gap struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Clean bool      `json:"clean"`
}

// Gaps lists the times in which the meter did not run.
func (m *Meter) Gaps(ctx context.Context) ([]Gap, error) {
	r, err := ask(ctx, m, "reading gaps", ionp.Gaps, ionp.GapsRequest{})
	if err != nil {
		return nil, err
	}
	list := []Gap{}
	for _, w := range r.Gaps {
		list = append(list, Gap{time.Unix(0, w.From).UTC(), time.Unix(0, w.To).UTC(), w.Clean})
	}
	return list, nil
}

// ClearLog erases a log: "events", or that of a Data Recorder.
func (m *Meter) ClearLog(ctx context.Context, name string) error {
	_, err := ask(ctx, m, "clearing the log "+name, ionp.ClearLog, ionp.ClearLogRequest{Log: name})
	return err
}
