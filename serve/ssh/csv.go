package ssh

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// pageOfLog is how many entries are asked for at a time.
const pageOfLog = 500

// logOperation is what reading a log needs.
const logOperation = access.ReadLog

// logRows gives a log row by row, some at a time: what it holds is bounded, however long
// the log is.
type logRows struct {
	heads []string
	// empty is what a table shows where a cell is empty.
	empty string
	// next returns further rows; none at the end.
	next func() ([][]string, error)
}

// eventRows are the events with numbers from and above, as far as the log goes now.
func eventRows(s *access.Session, from uint64) (logRows, error) {
	now, err := s.Events(from, 1)
	if err != nil {
		return logRows{}, err
	}
	from, end := max(from, now.First), now.Next
	return logRows{
		heads: []string{"sequence", "time", "priority", "cause", "cause value", "effect", "effect value", "user", "origin"},
		next: func() (rows [][]string, err error) {
			if from >= end {
				return nil, nil
			}
			page, err := s.Events(from, pageOfLog)
			if err != nil {
				return nil, err
			}
			for _, e := range page.Events {
				if e.Sequence >= end {
					break
				}
				rows = append(rows, []string{strconv.FormatUint(e.Sequence, 10), e.Time.UTC().Format(time.RFC3339Nano), strconv.Itoa(int(e.Priority)),
					plain(e.Cause), plain(e.CauseValue), plain(e.Effect), plain(e.EffectValue), plain(e.User), plain(e.Origin)})
				from = e.Sequence + 1
			}
			return rows, nil
		},
	}, nil
}

// recordRows are the records of a Data Recorder with numbers from and above, as far as the
// log goes now. What is not available is empty.
func recordRows(s *access.Session, label string, from uint64) (logRows, error) {
	recorder, _, err := s.Records(label, from, 1)
	if err != nil {
		return logRows{}, err
	}
	heads := []string{"sequence", "time"}
	for _, c := range recorder.Columns {
		head := plain(c.Register)
		if c.Unit != "" {
			head += " (" + plain(c.Unit) + ")"
		}
		heads = append(heads, head)
	}
	from, end := max(from, recorder.First), recorder.Next
	return logRows{heads: heads, empty: notAvailable, next: func() (rows [][]string, err error) {
		if from >= end {
			return nil, nil
		}
		_, page, err := s.Records(label, from, pageOfLog)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if r.Sequence >= end {
				break
			}
			row := []string{strconv.FormatUint(r.Sequence, 10), r.Time.UTC().Format(time.RFC3339Nano)}
			for _, v := range r.Values {
				cell := ""
				if v.Available {
					cell = strconv.FormatFloat(v.Number, 'g', -1, 64)
				}
				row = append(row, cell)
			}
			rows = append(rows, row)
			from = r.Sequence + 1
		}
		return rows, nil
	}}, nil
}

// writeCSV writes all rows of a log.
func (l logRows) writeCSV(ctx context.Context, to io.Writer) error {
	text := &csvText{rows: l}
	for {
		part, err := text.more()
		if len(part) == 0 || err != nil {
			return err
		}
		if _, err := to.Write(part); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// csvText makes the text of a log part by part.
type csvText struct {
	rows  logRows
	begun bool
}

// more returns the next part; none at the end.
func (c *csvText) more() ([]byte, error) {
	var part bytes.Buffer
	w := csv.NewWriter(&part)
	if !c.begun {
		c.begun = true
		_ = w.Write(c.rows.heads) // into memory
	} else {
		rows, err := c.rows.next()
		if err != nil {
			return nil, err
		}
		_ = w.WriteAll(rows)
	}
	w.Flush()
	return part.Bytes(), nil
}
