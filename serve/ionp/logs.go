package ionp

import (
	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// entriesOfPage is how many events or records a page has where the client does not say.
const entriesOfPage = 500

// page is how many entries a client wants.
func page(limit uint32) int {
	if limit == 0 {
		return entriesOfPage
	}
	return int(limit)
}

// pageBytes bounds what the entries of a page make up, so that a reply remains a message:
// what is left out comes with the next page.
const pageBytes = ionp.DefaultMaxMessage / 2

func (r *request) events(q *ionp.EventsRequest) (s ionp.EventsReply, err error) {
	log, err := r.session.Events(q.From, page(q.Limit))
	if err != nil {
		return s, err
	}
	s.First, s.Next = log.First, log.Next
	if log.Previous != [32]byte{} {
		s.PreviousHash = log.Previous[:]
	}
	size := 0
	for i := range log.Events {
		e := &log.Events[i]
		size += 64 + len(e.Hash) + len(e.Cause) + len(e.CauseValue) + len(e.Effect) + len(e.EffectValue) + len(e.User) + len(e.Origin)
		if size > pageBytes && i > 0 {
			break
		}
		s.Events = append(s.Events, ionp.Event{Sequence: e.Sequence, Time: e.Time.UnixNano(), Priority: uint32(e.Priority), Cause: e.Cause, CauseValue: e.CauseValue,
			Effect: e.Effect, EffectValue: e.EffectValue, User: e.User, Origin: e.Origin, Hash: e.Hash[:]})
		s.Next = e.Sequence + 1
	}
	return s, nil
}

func (r *request) eventHead(*ionp.EventHeadRequest) (s ionp.EventHeadReply, err error) {
	h, err := r.session.EventHead()
	if err != nil {
		return s, err
	}
	return ionp.EventHeadReply{Serial: h.Serial, Sequence: h.Sequence, Time: h.Time.UnixNano(), Hash: h.Hash[:], Signature: h.Signature, PublicKey: h.PublicKey}, nil
}

func (r *request) recorders(*ionp.RecordersRequest) (s ionp.RecordersReply, err error) {
	list, err := r.session.Recorders()
	for _, each := range list {
		s.Recorders = append(s.Recorders, ionp.Recorder{Label: each.Label, First: each.First, Next: each.Next, Count: each.Count, Columns: columns(each.Columns)})
	}
	return s, err
}

func columns(list []access.Column) []ionp.Column {
	var columns []ionp.Column
	for _, c := range list {
		columns = append(columns, ionp.Column{Register: c.Register, Unit: c.Unit})
	}
	return columns
}

func (r *request) records(q *ionp.RecordsRequest) (s ionp.RecordsReply, err error) {
	recorder, records, err := r.session.Records(q.Recorder, q.From, page(q.Limit))
	if err != nil {
		return s, err
	}
	s.Columns, s.Next = columns(recorder.Columns), recorder.Next
	size := 0
	for i := range records {
		record := ionp.LogRecord{Sequence: records[i].Sequence, Time: records[i].Time.UnixNano()}
		size += 32
		for _, v := range records[i].Values {
			// The columns state the units.
			value := valueOf(v, "")
			size += 32 + len(value.Text)
			record.Values = append(record.Values, value)
		}
		if size > pageBytes && i > 0 {
			break
		}
		s.Records = append(s.Records, record)
		s.Next = record.Sequence + 1
	}
	return s, nil
}

func (r *request) gaps(*ionp.GapsRequest) (s ionp.GapsReply, err error) {
	list, err := r.session.Gaps()
	for _, gap := range list {
		s.Gaps = append(s.Gaps, ionp.Gap{From: gap.From.UnixNano(), To: gap.To.UnixNano(), Clean: gap.Clean})
	}
	return s, err
}

func (r *request) clearLog(q *ionp.ClearLogRequest) (s ionp.ClearLogReply, err error) {
	return s, r.session.ClearLog(r.ctx, q.Log)
}
