package web

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

const (
	// logPage is how many records are taken from the gate at a time, logRows how many a page
	// shows in words.
	logPage = 1000
	logRows = 50
	// logPoints bounds the points of a chart: more than a screen is wide.
	logPoints = 4000
	// logDefault is how many of the latest records a page shows that names no range.
	logDefault = 672 // a week of quarters of an hour
)

// logRange is what a page, a chart or a file shows of a log: the records from From to
// before To.
type logRange struct {
	access.Recorder
	From, To uint64
}

// rangeOf finds the records of a log between two times; the latest ones where neither is
// given.
func rangeOf(s *access.Session, recorder string, from, to time.Time) (logRange, error) {
	log, _, err := s.Records(recorder, math.MaxInt64, 1)
	if err != nil {
		return logRange{}, err
	}
	r := logRange{Recorder: log, From: log.First, To: log.Next}
	if from.IsZero() && to.IsZero() {
		if log.Next > logDefault {
			r.From = max(r.From, log.Next-logDefault)
		}
		return r, nil
	}
	if !from.IsZero() {
		if r.From, err = firstAt(s, log, from); err != nil {
			return r, err
		}
	}
	if !to.IsZero() {
		r.To, err = firstAt(s, log, to)
	}
	return r, err
}

// firstAt finds the first record of t or later. Where the clock was set back it is one of
// several.
func firstAt(s *access.Session, log access.Recorder, t time.Time) (uint64, error) {
	low, high := log.First, log.Next
	for low < high {
		middle := low + (high-low)/2
		_, records, err := s.Records(log.Label, middle, 1)
		if err != nil {
			return 0, err
		}
		if len(records) == 0 || !records[0].Time.Before(t) {
			high = middle
		} else {
			low = records[0].Sequence + 1
		}
	}
	return low, nil
}

// each calls do for the records of a range in order, every nth.
func (r logRange) each(s *access.Session, nth uint64, do func(access.LogRecord) error) error {
	for next := r.From; next < r.To; {
		_, records, err := s.Records(r.Label, next, int(min(logPage, r.To-next)))
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
		for _, record := range records {
			if record.Sequence >= r.To {
				return nil
			}
			if next = record.Sequence + 1; nth > 1 && record.Sequence%nth != 0 {
				continue
			}
			if err := do(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// logQuery reads a recorder and a range from an address.
func logQuery(q *request) (recorder string, from, to time.Time, err error) {
	values := q.URL.Query()
	recorder = values.Get("recorder")
	if from, err = timeOf(values.Get("from")); err == nil {
		to, err = timeOf(values.Get("to"))
	}
	return recorder, from, to, err
}

// timeOf reads a time as a field of a form has it, in UTC; zero for none.
func timeOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, access.NewRefusal(access.CodeBadValue, fmt.Sprintf("%.40q is no time: write 2026-01-31T23:59:00, in UTC", text))
}

// fieldTime is a time as a field of a form has it.
func fieldTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

// logsSheet is what the page of the logs shows.
type logsSheet struct {
	Recorders []access.Recorder
	Range     logRange
	From, To  string // as fields have them
	// Chart and CSV are the addresses of the range.
	Chart, CSV string
	Heads      []access.Column
	Rows       []logRow
	Count      uint64 // records in the range
	// Clears tells that the reader may erase the log.
	Clears bool
}

type logRow struct {
	Time  string
	Cells []string // empty for NOT AVAILABLE
}

// logsPage shows the logs of the Data Recorders as charts.
var logsPage = page{
	path: "/logs", title: "Logs", group: "Records", needs: access.ReadLog, template: "logs.html", scripts: []string{"logs.js"},
	show: func(q *request) (any, error) {
		list, err := q.Session.Recorders()
		if err != nil || len(list) == 0 {
			return logsSheet{}, err
		}
		recorder, from, to, err := logQuery(q)
		if err != nil {
			return nil, err
		}
		if recorder == "" {
			recorder = list[0].Label
			for _, r := range list { // the one with the most to see
				if r.Label == "Hist Mean" {
					recorder = r.Label
				}
			}
		}
		r, err := rangeOf(q.Session, recorder, from, to)
		if err != nil {
			return nil, err
		}
		sheet := logsSheet{Recorders: list, Range: r, From: fieldTime(from), To: fieldTime(to), Heads: shortly(r.Columns), Clears: q.Session.May(access.WriteSetup)}
		query := url.Values{"recorder": {recorder}, "from": {sheet.From}, "to": {sheet.To}}.Encode()
		sheet.Chart, sheet.CSV = "/logs/chart?"+query, "/logs/csv?"+query
		if r.To > r.From {
			sheet.Count = r.To - r.From
		}
		latest := r
		if sheet.Count > logRows {
			latest.From = r.To - logRows
		}
		err = latest.each(q.Session, 1, func(record access.LogRecord) error {
			row := logRow{Time: stamp(record.Time)}
			for i, v := range record.Values {
				unit := ""
				if i < len(r.Columns) {
					unit = r.Columns[i].Unit
				}
				row.Cells = append(row.Cells, valueText(v, scaleOf(unit).decimals))
			}
			sheet.Rows = append(sheet.Rows, row)
			return nil
		})
		slices.Reverse(sheet.Rows)
		return sheet, err
	},
	actions: map[string]func(*request) error{
		"clear": func(q *request) error {
			name := q.PostForm.Get("recorder")
			if name == access.EventLogName {
				return access.NewRefusal(access.CodeBadRequest, "the form names no Data Recorder")
			}
			if err := q.Session.ClearLog(q.Context(), name); err != nil {
				return err
			}
			q.Say("%s is erased.", name)
			return nil
		},
	},
}

// shortly names columns without the register where that says nothing new.
func shortly(columns []access.Column) []access.Column {
	short := slices.Clone(columns)
	for i := range short {
		for _, register := range []string{"/SWinDemand", "/Maximum", "/Minimum", "/Result"} {
			short[i].Register = strings.TrimSuffix(short[i].Register, register)
		}
	}
	return short
}

// chart is a range of a log as a chart takes it: columns of numbers, null for NOT
// AVAILABLE.
type chart struct {
	Times   []float64     `json:"times"` // seconds since 1970
	Columns []chartColumn `json:"columns"`
	// Thinned is 1 where every record is there, n where only every nth is.
	Thinned uint64 `json:"thinned"`
}

type chartColumn struct {
	Register string     `json:"register"`
	Unit     string     `json:"unit"`
	Values   []*float64 `json:"values"`
}

var logsChart = endpoint{path: "/logs/chart", needs: access.ReadLog, serve: func(w http.ResponseWriter, q *request) error {
	recorder, from, to, err := logQuery(q)
	if err != nil {
		return err
	}
	r, err := rangeOf(q.Session, recorder, from, to)
	if err != nil {
		return err
	}
	c := chart{Times: []float64{}, Columns: make([]chartColumn, len(r.Columns)), Thinned: 1}
	if r.To > r.From+logPoints {
		c.Thinned = (r.To - r.From + logPoints - 1) / logPoints
	}
	for i, column := range r.Columns {
		c.Columns[i] = chartColumn{column.Register, column.Unit, []*float64{}}
	}
	if err := r.each(q.Session, c.Thinned, func(record access.LogRecord) error {
		c.Times = append(c.Times, float64(record.Time.UnixMilli())/1000)
		for i := range c.Columns {
			var cell *float64
			if i < len(record.Values) && record.Values[i].Available {
				cell = &record.Values[i].Number
			}
			c.Columns[i].Values = append(c.Columns[i].Values, cell)
		}
		return nil
	}); err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	writeText(w, q.Request, http.StatusOK, "application/json", text)
	return nil
}}

var logsCSV = endpoint{path: "/logs/csv", needs: access.ReadLog, serve: func(w http.ResponseWriter, q *request) error {
	recorder, from, to, err := logQuery(q)
	if err != nil {
		return err
	}
	r, err := rangeOf(q.Session, recorder, from, to)
	if err != nil {
		return err
	}
	_, cancel := q.keepOpen(w)
	defer cancel()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", "attachment; filename=\""+fileName(r.Label)+".csv\"")
	control := http.NewResponseController(w)
	if err := writeCSV(w, r, q.Session, func() { _ = control.SetWriteDeadline(time.Now().Add(sendWithin)) }); err != nil {
		panic(http.ErrAbortHandler) // a file that ends early must not look whole
	}
	return nil
}}

// writeCSV writes a range as it is read (RFC 4180): numbers in full, nothing for NOT
// AVAILABLE. alive is called now and then.
func writeCSV(w io.Writer, r logRange, s *access.Session, alive func()) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	row := []string{"Record", "Time (UTC)"}
	for _, c := range r.Columns {
		head := c.Register
		if c.Unit != "" {
			head += " (" + c.Unit + ")"
		}
		row = append(row, plainCell(head))
	}
	alive()
	if err := out.Write(row); err != nil {
		return err
	}
	n := 0
	if err := r.each(s, 1, func(record access.LogRecord) error {
		row = append(row[:0], strconv.FormatUint(record.Sequence, 10), record.Time.UTC().Format(time.RFC3339Nano))
		for _, v := range record.Values {
			cell := ""
			if v.Available {
				cell = strconv.FormatFloat(v.Number, 'g', -1, 64)
			}
			row = append(row, cell)
		}
		if n++; n%logPage == 0 {
			alive()
		}
		return out.Write(row)
	}); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// plainCell keeps a spreadsheet from taking a label for a formula.
func plainCell(text string) string {
	if strings.HasPrefix(text, "=") || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") || strings.HasPrefix(text, "@") {
		return "'" + text
	}
	return text
}

// fileName makes a label fit for a file's name.
func fileName(label string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, label)
	return cmp.Or(strings.Trim(name, "-."), "log")
}
