package comtrade

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/internal/textrow"
)

// asciiRows are rows of text: number, time stamp, analogue values, states, between
// commas. A sparse index of offsets makes every row reachable.
type asciiRows struct {
	part
	cfg   *Config
	index []indexEntry // every indexEvery-th row
	rows  int64
	comma byte // what stands between fields
	// strays says that some rows, but not all, have more fields than the .cfg says.
	strays bool

	// The walk of read, which continues where it stopped.
	lines textrow.Lines
	at    int64 // row of the line to come, -1 before the first walk
	line  int64 // number of the line before it in the file
}

type indexEntry struct {
	offset int64
	line   int64 // lines before it
}

const indexEvery = 1024

func newASCIIRows(c *Config, dat part) (*asciiRows, error) {
	r := &asciiRows{part: dat, cfg: c, at: -1, comma: ','}
	var lines textrow.Lines
	lines.Reset(dat.src, dat.offset, dat.offset+dat.size)
	commas := 0 // in the last row
	var surplus, firstSurplus int64
	for n := int64(0); ; n++ {
		line, offset, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", dat.name, n+1, err)
		}
		if _, section := parseSection(line); section {
			r.size = offset - r.offset // what follows is another section of a .cff
			break
		}
		if blank(line) {
			continue
		}
		if r.rows == 0 {
			r.comma = separatorOf(line)
		}
		if r.rows%indexEvery == 0 {
			r.index = append(r.index, indexEntry{offset, n})
		}
		r.rows++
		if commas = bytes.Count(line, []byte{r.comma}); r.surplus(line, commas) {
			if surplus++; surplus == 1 {
				firstSurplus = n + 1
			}
		}
	}
	// A file cut off in its last line is whole up to there.
	if r.rows > 1 && commas+1 < 2+len(c.Analog) {
		r.rows--
		c.warn("%s: the last row is cut off: ignored", dat.name)
	}
	fields := 2 + len(c.Analog) + len(c.Status)
	switch {
	case surplus > 0 && surplus >= r.rows:
		c.warn("%s line %d: more fields than the %d that the cfg describes, as in every row: the rest is ignored; check the channel counts", dat.name, firstSurplus, fields)
	case surplus > 0:
		r.strays = true
		c.warn("%s line %d: more fields than the %d that the cfg describes, as in %d rows of %d: the values may stand in the wrong place; those of rows without a time stamp are missing", dat.name, firstSurplus, fields, surplus, r.rows)
	}
	return r, nil
}

// surplus reports whether a row of so many commas has more fields than the .cfg
// describes. Blank ones at its end are none.
func (r *asciiRows) surplus(row []byte, commas int) bool {
	most := 1 + len(r.cfg.Analog) + len(r.cfg.Status) // commas
	if commas <= most {
		return false
	}
	for commas > most {
		row = textrow.Trim(row)
		if len(row) == 0 || row[len(row)-1] != r.comma {
			return true
		}
		row, commas = row[:len(row)-1], commas-1
	}
	return false
}

// stray reports whether the values of a row are not where they belong: it has too many
// fields, and no time stamp where one should be.
func (r *asciiRows) stray(row []byte, stamp float64) bool {
	return r.strays && stamp != stamp && r.surplus(row, bytes.Count(row, []byte{r.comma}))
}

// blank reports whether a line holds nothing; a line of dashes, too, is no row.
func blank(line []byte) bool {
	line = textrow.Trim(line)
	return len(line) == 0 || bytes.HasPrefix(line, []byte("---"))
}

// separatorOf tells what stands between the fields of a row: a comma by the standard,
// a semicolon (with a decimal comma, it may be) or a tab in the wild.
func separatorOf(row []byte) byte {
	for _, s := range []byte{';', '\t'} {
		if bytes.IndexByte(row, s) >= 0 {
			return s
		}
	}
	return ','
}

func (r *asciiRows) count() int64 { return r.rows }

// seek makes next return row.
func (r *asciiRows) seek(row int64) error {
	if r.at == row {
		return nil
	}
	if r.at < 0 || row < r.at || row/indexEvery > r.at/indexEvery {
		e := r.index[row/indexEvery]
		r.lines.Reset(r.src, e.offset, r.offset+r.size)
		r.at, r.line = row/indexEvery*indexEvery, e.line
	}
	for r.at < row {
		if _, err := r.next(); err != nil {
			return err
		}
	}
	return nil
}

// next returns the next row that is not blank.
func (r *asciiRows) next() ([]byte, error) {
	for {
		line, _, err := r.lines.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			r.at = -1
			return nil, fmt.Errorf("%s line %d: %w: the file changed while it was read", r.name, r.line+1, err)
		}
		r.line++
		if !blank(line) {
			r.at++
			return line, nil
		}
	}
}

// unread makes next return its last row again.
func (r *asciiRows) unread() {
	r.lines.Unread()
	r.at--
	r.line--
}

func (r *asciiRows) read(t *timeline, row int64, n int, b *waveform.Block) (int, error) {
	if err := r.seek(row); err != nil {
		return 0, err
	}
	for i := range n {
		line, err := r.next()
		if err != nil {
			return 0, err
		}
		number, stamp, rest, err := r.head(line)
		if err != nil {
			return 0, err
		}
		if t.watch != noColumn {
			t.observe(row+int64(i), t.pick(number, stamp))
			if i > 0 && t.joined(row+int64(i)) {
				r.unread()
				return i, nil
			}
		}
		if r.stray(line, stamp) {
			for c := range r.cfg.Analog {
				b.Samples[c][i] = waveform.Missing
			}
			continue
		}
		for c := range r.cfg.Analog {
			var field []byte
			field, rest, err = r.field(rest, c)
			if err != nil {
				return 0, err
			}
			v, err := r.value(field, c)
			if err != nil {
				return 0, err
			}
			b.Samples[c][i] = v
		}
	}
	return n, nil
}

// head reads the first two fields of a row and returns what follows. A blank or
// unreadable number is missing: nothing measured depends on it where a rate is
// stated.
func (r *asciiRows) head(line []byte) (number, stamp float64, rest []byte, err error) {
	first, rest, found := r.cut(line)
	second, rest, more := r.cut(rest)
	if !found || !more {
		return 0, 0, nil, fmt.Errorf("%s line %d field 3 (%s): the row ends before it: want number, time stamp and %d values between commas", r.name, r.line, r.cfg.Analog[0].Name, len(r.cfg.Analog))
	}
	number, stamp = missingMark, missingMark
	if v, ok := textrow.Float(first, false); ok && math.Abs(v) < mostMark {
		number = v
	}
	if v, ok := textrow.Float(second, false); ok && math.Abs(v) < mostMark && v != 4294967295 {
		stamp = v
	}
	return number, stamp, rest, nil
}

// mostMark is beyond any sample number or time stamp: a century in nanoseconds.
const mostMark = 4e18

func (r *asciiRows) cut(row []byte) (field, rest []byte, found bool) {
	if i := bytes.IndexByte(row, r.comma); i >= 0 {
		return row[:i], row[i+1:], true
	}
	return row, nil, false
}

// field cuts the field of channel c off the front of rest; nil rest has none left.
func (r *asciiRows) field(rest []byte, c int) (field, after []byte, err error) {
	if rest == nil {
		return nil, nil, fmt.Errorf("%s line %d field %d (%s): the row ends before it: the cfg says %d analogue channels", r.name, r.line, c+3, r.cfg.Analog[c].Name, len(r.cfg.Analog))
	}
	field, after, _ = r.cut(rest)
	return field, after, nil
}

// value reads a stored number as a value. Blank is missing; so is 99999 since 1999,
// and in 1991 where the channel's stated range does not reach it.
func (r *asciiRows) value(field []byte, c int) (float64, error) {
	ch := &r.cfg.Analog[c]
	x, ok := textrow.Float(field, r.comma != ',')
	if !ok {
		text := textrow.Trim(field)
		if len(text) == 0 || bytes.EqualFold(text, []byte("nan")) {
			return waveform.Missing, nil
		}
		return 0, fmt.Errorf("%s line %d field %d (%s): %q is not a number", r.name, r.line, c+3, ch.Name, shorten(string(text)))
	}
	if x == 99999 && (r.cfg.Revision > 1991 || ch.Max < 99999) {
		return waveform.Missing, nil
	}
	v := ch.A*x + ch.B
	if v-v != 0 { // infinite
		return waveform.Missing, nil
	}
	return v, nil
}

func (r *asciiRows) marks(first, end int64, f func(row int64, number, stamp float64) error) error {
	return r.each(first, end, func(row int64, number, stamp float64, _ []byte, _ bool) error { return f(row, number, stamp) })
}

func (r *asciiRows) statuses(first, end int64, f func(row int64, words []uint16) error) error {
	words := make([]uint16, statusLayout(len(r.cfg.Status)).words())
	return r.each(first, end, func(row int64, _, _ float64, rest []byte, stray bool) error {
		if stray {
			return f(row, words) // the states of the row before
		}
		var err error
		for c := range r.cfg.Analog {
			if _, rest, err = r.field(rest, c); err != nil {
				return err
			}
		}
		clear(words)
		for c := range r.cfg.Status {
			var field []byte
			field, rest, _ = r.cut(rest)
			if field = textrow.Trim(field); len(field) == 1 && field[0] == '1' {
				words[c/16] |= 1 << (c % 16)
			}
		}
		return f(row, words)
	})
}

// each walks rows with a walk of its own, so that read is not disturbed.
func (r *asciiRows) each(first, end int64, f func(row int64, number, stamp float64, rest []byte, stray bool) error) error {
	walk := asciiRows{part: r.part, cfg: r.cfg, index: r.index, rows: r.rows, comma: r.comma, strays: r.strays, at: -1}
	for row := first; row < end; row++ {
		if err := walk.seek(row); err != nil {
			return err
		}
		line, err := walk.next()
		if err != nil {
			return err
		}
		number, stamp, rest, err := walk.head(line)
		if err != nil {
			return err
		}
		if err := f(row, number, stamp, rest, walk.stray(line, stamp)); err != nil {
			return err
		}
	}
	return nil
}
