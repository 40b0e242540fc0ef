package csv

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/waveform/internal/textrow"
)

// layout is how a file is made, found from its head.
type layout struct {
	delimiter byte
	comma     bool // decimal comma
	columns   []column
	groups    []group
	encoding  string
	// body and line are the offset of the first row and the lines before it.
	body, line int64
	warnings   []string
}

// column is a channel's place in a row.
type column struct {
	name, unit string
	field      int
	group      int
}

// group is the columns of one time column.
type group struct {
	field int // of the time column, -1 if a rate is given instead
	day   int // of the date beside a time of day, -1 if there is none
	name  string
	clock clock
}

// timeOfDay reports whether the times have no date.
func (g group) timeOfDay() bool { return g.clock.date && !g.clock.epoch && g.day < 0 }

const (
	headLines  = 64
	maxColumns = 100_000
)

type headLine struct {
	text   []byte
	offset int64
	number int64
}

// examine finds the layout of a text.
func examine(name string, src io.ReaderAt, size int64, o Options) (*layout, error) {
	head, err := readHead(name, src, size)
	if err != nil {
		return nil, err
	}
	l := &layout{delimiter: byte(o.Delimiter)}
	if o.Delimiter == 0 {
		l.delimiter = findDelimiter(head)
	}
	first := l.firstRow(head)
	if first < 0 {
		return nil, fmt.Errorf("%s line %d: no row of numbers in the first %d lines: want a line of names and rows of numbers between commas, semicolons or tabs", name, head[0].number+1, len(head))
	}
	row := l.fields(head[first].text)
	if len(row) > maxColumns {
		return nil, fmt.Errorf("%s line %d: %d columns: more than %d are not read", name, head[first].number+1, len(row), maxColumns)
	}
	names, units := l.header(head[:first], len(row))
	if o.Names != nil {
		if len(o.Names) != len(row) {
			return nil, fmt.Errorf("%s: %d column names are given and row %d has %d columns", name, len(o.Names), head[first].number+1, len(row))
		}
		names = o.Names
	}
	l.body, l.line = head[first].offset, head[first].number
	return l, l.assign(name, names, units, row, head[first].number+1, o)
}

func readHead(name string, src io.ReaderAt, size int64) ([]headLine, error) {
	var lines textrow.Lines
	lines.Reset(src, 0, size)
	var head []headLine
	for n := int64(0); len(head) < headLines; n++ {
		line, offset, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", name, n+1, err)
		}
		if n == 0 {
			if len(line) > 1 && (line[0] == 0xFF && line[1] == 0xFE || line[0] == 0xFE && line[1] == 0xFF) {
				return nil, fmt.Errorf("%s line 1: the text is in UTF-16: save it as UTF-8", name)
			}
			if len(line) >= 3 && string(line[:3]) == "\xEF\xBB\xBF" {
				line, offset = line[3:], offset+3
			}
		}
		if isComment(line) {
			continue
		}
		head = append(head, headLine{slices.Clone(line), offset, n})
	}
	if len(head) == 0 {
		return nil, fmt.Errorf("%s: empty: want a line of names and rows of numbers", name)
	}
	return head, nil
}

// isComment reports whether a line is blank or a remark.
func isComment(line []byte) bool {
	line = textrow.Trim(line)
	return len(line) == 0 || line[0] == '#' || line[0] == '%'
}

// findDelimiter takes the first of semicolon, tab, bar, comma and blank that the last
// line of the head holds: a comma may be the decimal point, and a blank stand within a
// date.
func findDelimiter(head []headLine) byte {
	for _, d := range []byte{';', '\t', '|', ',', ' '} {
		if len(split(head[len(head)-1].text, d, nil)) > 1 {
			return d
		}
	}
	return ','
}

func (l *layout) fields(line []byte) []string {
	var out []string
	for _, f := range split(line, l.delimiter, nil) {
		text, encoding := textrow.UTF8(f)
		if encoding != "utf-8" {
			l.encoding = encoding
		}
		out = append(out, strings.ReplaceAll(string(text), `""`, `"`))
	}
	return out
}

// firstRow returns the index of the first line of numbers, -1 if there is none. Where
// every line holds words, it is the first of mostly numbers.
func (l *layout) firstRow(head []headLine) int {
	mixed := -1
	for i, h := range head {
		numbers, words := 0, 0
		for _, f := range split(h.text, l.delimiter, nil) {
			switch {
			case isMissing(f):
			case l.isValue(f):
				numbers++
				l.comma = l.comma || l.delimiter != ',' && strings.Contains(string(f), ",")
			default:
				words++
			}
		}
		if numbers > 0 && words == 0 {
			return i
		}
		if mixed < 0 && numbers > 1 && numbers > words {
			mixed = i
		}
	}
	return mixed
}

// isValue reports whether a cell holds a number, a time or a date.
func (l *layout) isValue(field []byte) bool {
	if _, ok := textrow.Float(field, l.delimiter != ','); ok {
		return true
	}
	return isDate(field) || isDay(field)
}

// header finds names, and units where the line behind the names holds them.
func (l *layout) header(lines []headLine, columns int) (names, units []string) {
	var found [][]string
	for _, h := range lines {
		if f := l.fields(h.text); len(f) == columns || len(f) > columns && columns > 1 && l.delimiter != ' ' {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		names = make([]string, columns)
		for i := range names {
			names[i] = "column " + strconv.Itoa(i+1)
		}
		return names, make([]string, columns)
	}
	names, units = found[0][:columns], make([]string, columns)
	if len(found) > 1 {
		for i, u := range found[1][:columns] {
			units[i] = strings.Trim(u, "()[] ")
		}
	}
	return names, units
}

// nameAndUnit splits "Va (kV)", "Va [kV]", "Va/kV" and "time_ms". A prefixed unit
// behind a name (Va_kV) is told, but stays part of the name; V and A alone are not, as
// they may be a phase or a second designation.
func nameAndUnit(text string) (name, unit string) {
	text = strings.TrimSpace(text)
	for _, p := range []string{"()", "[]"} {
		if i := strings.IndexByte(text, p[0]); i > 0 && text[len(text)-1] == p[1] {
			return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1 : len(text)-1])
		}
	}
	if secondsIn(text) > 0 && len(text) > 1 { // a column called ms
		return text, text
	}
	i := strings.LastIndexAny(text, "/_ ")
	if i < 1 {
		return text, ""
	}
	word, before := text[i+1:], strings.TrimRight(text[:i], " _")
	switch before = strings.TrimSuffix(before, " in"); word {
	case "V", "A", "kV", "kA", "mV", "mA":
		if text[i] == '/' {
			return before, word
		}
		if len(word) > 1 {
			return text, word
		}
	default:
		if secondsIn(word) > 0 && isTimeName(before) {
			return before, word
		}
	}
	return text, ""
}

// secondsIn returns the seconds in a unit of time, 0 for any other word.
func secondsIn(unit string) float64 {
	switch strings.ToLower(unit) {
	case "s", "sec", "secs", "second", "seconds":
		return 1
	case "ms", "msec", "millis", "millisecond", "milliseconds":
		return 1e-3
	case "us", "µs", "μs", "usec", "micros", "microsecond", "microseconds":
		return 1e-6
	case "ns", "nsec", "nanos", "nanosecond", "nanoseconds":
		return 1e-9
	case "min", "minute", "minutes":
		return 60
	case "h", "hour", "hours":
		return 3600
	}
	return 0
}

// isTimeName reports whether a column's name says that it holds the time.
func isTimeName(name string) bool {
	n := strings.ToLower(name)
	switch n {
	case "t", "x", "utc", "epoch", "clock", "ts":
		return true
	}
	if secondsIn(n) > 0 && len(n) > 1 {
		return true
	}
	for _, p := range []string{"time", "date", "zeit", "epoch", "timestamp", "temps"} {
		if strings.HasPrefix(n, p) {
			return true
		}
	}
	return false
}

// assign makes columns and time groups of the names.
func (l *layout) assign(file string, names, units, row []string, line int64, o Options) error {
	isTime := make([]bool, len(names))
	anyTime := false
	for i, n := range names {
		base, _ := nameAndUnit(n)
		switch {
		case o.Time == "none":
		case o.Time != "":
			isTime[i] = strings.EqualFold(base, o.Time) || n == o.Time || strconv.Itoa(i+1) == o.Time
		default:
			isTime[i] = isTimeName(base)
		}
		anyTime = anyTime || isTime[i]
	}
	if !anyTime && o.Time == "" {
		for i, n := range names {
			// t1, t2, ...: beside a column called time they may be temperatures.
			isTime[i] = len(n) > 1 && (n[0] == 't' || n[0] == 'T') && strings.Trim(n[1:], "0123456789") == ""
			anyTime = anyTime || isTime[i]
		}
	}
	if o.Time != "" && o.Time != "none" && !anyTime {
		return fmt.Errorf("%s: no column is called %q: the columns are %s", file, o.Time, strings.Join(names, ", "))
	}
	if !anyTime && o.Time == "" && len(row) > 1 {
		// A first column of dates, or a first column without a name, is the time.
		_, isNumber := textrow.Float([]byte(row[0]), l.comma)
		if isDate([]byte(row[0])) && !isNumber || o.RateHz == 0 && (names[0] == "column 1" || names[0] == "") {
			isTime[0], anyTime = true, true
		}
	}
	if !anyTime && o.RateHz == 0 {
		return fmt.Errorf("%s line %d: no column holds the time (%s): name it (%s?time=COLUMN) or give the rate (%s?rate=HZ)", file, line, strings.Join(names, ", "), file, file)
	}
	current := -1
	if o.RateHz > 0 || !anyTime {
		l.groups = []group{{field: -1, day: -1}}
		current = 0
	}
	day := -1
	for i, n := range names {
		base, unit := nameAndUnit(n)
		if unit == "" {
			unit = units[i]
		}
		if isTime[i] {
			if o.RateHz > 0 {
				continue
			}
			if isDay([]byte(row[i])) && !isCount([]byte(row[i])) && i+1 < len(names) && isTime[i+1] {
				day = i // the time of day follows
				continue
			}
			c, ok := l.clockOf(row[i], unit)
			if !ok {
				return fmt.Errorf("%s line %d field %d (%s): %q is no time: want seconds, a date with time, or a count since 1970", file, line, i+1, base, row[i])
			}
			if !c.date || c.epoch {
				day = -1 // this time needs no date
			}
			if day >= 0 {
				c.epoch = true
				c.calendar = calendarOf([]byte(row[day] + " " + row[i]))
			}
			l.groups = append(l.groups, group{i, day, base, c})
			current, day = len(l.groups)-1, -1
			continue
		}
		if row[i] == "" && n == "" {
			continue // the blank column behind a trailing delimiter
		}
		if cell := []byte(row[i]); !isMissing(cell) && !l.isValue(cell) {
			l.warnings = append(l.warnings, fmt.Sprintf("%s line %d field %d (%s): %q is no number: the column is left out", file, line, i+1, base, shorten(cell)))
			continue
		}
		l.columns = append(l.columns, column{name: base, unit: unit, field: i, group: current})
	}
	for i := range l.columns {
		if l.columns[i].group < 0 {
			l.columns[i].group = 0
		}
	}
	if len(l.columns) == 0 {
		return fmt.Errorf("%s line %d: there is a time column and no other", file, line)
	}
	// Groups whose time column serves no channel, and all after the first that repeat
	// its times cell by cell, are found while reading.
	return nil
}

// clockOf finds how a time field is written.
func (l *layout) clockOf(field, unit string) (clock, bool) {
	if s, ok := readNumber([]byte(field), l.comma); ok {
		c := clock{comma: l.comma}
		v := math.Abs(float64(s.whole) + s.frac)
		if c.unit = secondsIn(unit); c.unit == 0 {
			// A count since 1970 shows its unit by its size.
			switch {
			case v >= 1e17:
				c.unit = 1e-9
			case v >= 1e14:
				c.unit = 1e-6
			case v >= 1e11:
				c.unit = 1e-3
			default:
				c.unit = 1
			}
		}
		c.epoch = v*c.unit >= 1e8 && v*c.unit < 1e10
		return c, true
	}
	for _, dayFirst := range []bool{true, false} {
		if _, dated, ok := readDate([]byte(field), &calendar{dayFirst: dayFirst}); ok {
			// A time of day alone is of an unknown day.
			return clock{date: true, unit: 1, epoch: dated, calendar: calendarOf([]byte(field))}, true
		}
	}
	return clock{}, false
}

// isCount reports whether a cell is of digits alone: a number, not a date.
func isCount(field []byte) bool {
	_, ok := readInt(field)
	return ok
}

// isMissing reports whether a cell stands for no value.
func isMissing(field []byte) bool {
	switch strings.ToLower(string(field)) {
	case "", "nan", "null", "na", "n/a", "-", "--", "none", "missing", "inf", "+inf", "-inf", "infinity", "-infinity":
		return true
	}
	return false
}
