package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

const (
	// eventRows are shown on a page, eventScan are looked through for them at most.
	eventRows = 100
	eventScan = 20000
	eventPage = 1000
)

// priority is a class of events, in words: what syslog and the alarms of the meter part
// them by.
type priority struct {
	Word  string
	Least uint8
}

// priorities are the classes, the highest first.
func priorities() []priority {
	return []priority{{"high", 192}, {"medium", 128}, {"low", 64}, {"information", 0}}
}

func priorityWord(p uint8) string {
	for _, each := range priorities() {
		if p >= each.Least {
			return each.Word
		}
	}
	return ""
}

// eventFilter is which events a page shows: those before a number, of a priority and
// above, that hold a text.
type eventFilter struct {
	Before uint64 // 0 for the newest
	Least  uint8
	Text   string
}

func (f eventFilter) matches(e access.Event) bool {
	if e.Priority < f.Least {
		return false
	}
	if f.Text == "" {
		return true
	}
	text := strings.ToLower(f.Text)
	for _, each := range []string{e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin} {
		if strings.Contains(strings.ToLower(each), text) {
			return true
		}
	}
	return false
}

// find returns the newest events that the filter lets through, the newest first. older is
// where the next page begins, 0 where there is none; scanned tells that it stopped
// looking.
func (f eventFilter) find(s *access.Session) (found []access.Event, older uint64, scanned bool, err error) {
	whole, err := s.Events(0, 1)
	if err != nil {
		return nil, 0, false, err
	}
	end := whole.Next
	if f.Before > 0 && f.Before < end {
		end = f.Before
	}
	for looked := 0; end > whole.First; {
		begin := whole.First
		if end-whole.First > eventPage {
			begin = end - eventPage
		}
		part, err := s.Events(begin, int(end-begin))
		if err != nil {
			return nil, 0, false, err
		}
		for _, e := range slices.Backward(part.Events) {
			if e.Sequence >= end || !f.matches(e) {
				continue
			}
			if len(found) == eventRows {
				return found, found[eventRows-1].Sequence, false, nil
			}
			found = append(found, e)
		}
		if end = begin; end <= whole.First {
			break
		}
		if looked += eventPage; looked >= eventScan {
			return found, end, true, nil
		}
	}
	return found, 0, false, nil
}

// alarm is a Setpoint and whether it is on.
type alarm struct {
	Label, Type string
	State       string // ON, OFF, or empty for NOT AVAILABLE
}

// alarms lists the setpoints of the meter, those that are on first.
func alarms(s *access.Session) (list []alarm, err error) {
	var labels []string
	for _, kind := range []string{"Setpoint", "HS Setpoint", "Relative Setpoint", "HS Relative Setpoint"} {
		modules, err := s.ModuleList(kind)
		if err != nil {
			return nil, err
		}
		for _, m := range modules {
			list = append(list, alarm{Label: m.Label, Type: m.Type})
			labels = append(labels, m.Label+"/Status")
		}
	}
	r, err := readNow(s, labels, func(string) scale { return scale{} })
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].State = r.list[i].Text
	}
	slices.SortStableFunc(list, func(a, b alarm) int {
		switch {
		case a.State == "ON" && b.State != "ON":
			return -1
		case b.State == "ON" && a.State != "ON":
			return 1
		}
		return 0
	})
	return list, nil
}

// eventsSheet is what the page of the events shows.
type eventsSheet struct {
	Filter     eventFilter
	Priorities []priority
	Events     []eventRow
	// Older and Newest are addresses of other pages, empty for none.
	Older, Newest string
	Scanned       bool
	Alarms        []alarm
	On            int
}

type eventRow struct {
	access.Event
	At, Word string
}

// eventsPage shows the alarms, and the event log from its end.
var eventsPage = page{
	path: "/events", title: "Events", group: "Records", needs: access.ReadLog, template: "events.html",
	show: func(q *request) (any, error) {
		f, err := eventQuery(q.URL.Query())
		if err != nil {
			return nil, err
		}
		found, older, scanned, err := f.find(q.Session)
		if err != nil {
			return nil, err
		}
		sheet := eventsSheet{Filter: f, Priorities: priorities(), Scanned: scanned}
		for _, e := range found {
			sheet.Events = append(sheet.Events, eventRow{e, stamp(e.Time), priorityWord(e.Priority)})
		}
		address := func(before uint64) string {
			values := url.Values{"priority": {strconv.Itoa(int(f.Least))}, "text": {f.Text}}
			if before > 0 {
				values.Set("before", strconv.FormatUint(before, 10))
			}
			return "/events?" + values.Encode()
		}
		if older > 0 {
			sheet.Older = address(older)
		}
		if f.Before > 0 {
			sheet.Newest = address(0)
		}
		if q.Session.May(access.ReadMeasurement) {
			if sheet.Alarms, err = alarms(q.Session); err != nil {
				return nil, err
			}
		}
		for _, a := range sheet.Alarms {
			if a.State == "ON" {
				sheet.On++
			}
		}
		return sheet, nil
	},
}

// maxSearch bounds the text that events are searched for, in bytes.
const maxSearch = 100

func eventQuery(values url.Values) (f eventFilter, err error) {
	number := func(name string, bits int) (n uint64) {
		if text := values.Get(name); text != "" && err == nil {
			if n, err = strconv.ParseUint(text, 10, bits); err != nil {
				err = access.NewRefusal(access.CodeBadRequest, name+" is no number")
			}
		}
		return n
	}
	f = eventFilter{Before: number("before", 64), Least: uint8(number("priority", 8)), Text: strings.TrimSpace(values.Get("text"))}
	if len(f.Text) > maxSearch {
		f.Text = strings.ToValidUTF8(f.Text[:maxSearch], "")
	}
	return f, err
}
