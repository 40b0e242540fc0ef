// Package csv reads recordings kept as tables of text: a line of names, then a row
// for each instant, between commas, semicolons or tabs.
package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/internal/textrow"
	"github.com/hepmeter/hepmeter/waveform/internal/timeaxis"
)

// Options say what a table does not. The zero value finds everything itself.
type Options struct {
	// Delimiter separates the fields: 0 finds it.
	Delimiter rune
	// RateHz is the sampling rate of a table without times, or overrides them.
	RateHz float64
	// Time is the name, or the number from 1, of the time column; "none" says that
	// there is none. Blank finds it, and finds several.
	Time string
	// Names are the names of all columns, for a table without a line of names.
	Names []string
}

// Reader delivers the columns of a table, but for those of time, as a
// waveform.Source. It reads the table once to learn its rate and again to deliver
// it; it holds no more than a few rows and a sparse index.
//
// Channels with time columns of their own are interpolated linearly to the times of
// the column with the most rows; where they have none they are missing.
type Reader struct {
	name   string
	layout *layout
	src    io.ReaderAt
	size   int64
	file   io.Closer

	info     waveform.Info
	rows     int64
	master   int // group whose times rule
	begin    stamp
	verdict  timeaxis.Verdict
	index    []indexEntry
	warnings []string

	row     int64
	cursor  cursor   // at row
	follow  []follow // the other groups
	pending bool     // cursor holds row, not yet delivered
	before  float64  // time of the row before
}

var (
	_ waveform.Rewinder = (*Reader)(nil)
	_ waveform.Timed    = (*Reader)(nil)
)

type indexEntry struct {
	offset, line int64
	days         []midnights // before that row; nil where all times are dated
}

const indexEvery = 1024

// Open opens the table at path.
func Open(path string, o Options) (*Reader, error) {
	// A pipe is refused before it is opened: that would wait for its writer.
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file: copy what it delivers into one", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := New(filepath.Base(path), f, stat.Size(), o)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	return r, nil
}

// New reads a table of that size. name is used in errors and warnings.
func New(name string, src io.ReaderAt, size int64, o Options) (*Reader, error) {
	if o.RateHz < 0 || math.IsNaN(o.RateHz) || math.IsInf(o.RateHz, 0) {
		return nil, fmt.Errorf("%s: a rate of %g Hz cannot be", name, o.RateHz)
	}
	l, err := examine(name, src, size, o)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, layout: l, src: src, size: size, warnings: l.warnings}
	if err := r.survey(o); err != nil {
		return nil, err
	}
	r.describe()
	return r, r.Rewind()
}

// survey reads the whole table: its rows, index and times. It reads it again where a
// date shows that day and month of its column are the other way round.
func (r *Reader) survey(o Options) error {
	err := r.surveyOnce(o)
	for g := range r.layout.groups {
		if days := &r.layout.groups[g].clock.calendar; err != nil && days.refuted {
			days.swap()
			r.index = r.index[:0]
			return r.survey(o)
		}
	}
	return err
}

func (r *Reader) surveyOnce(o Options) error {
	l := r.layout
	count := make([]int64, len(l.groups))
	judges := make([]timeaxis.Judge, len(l.groups))
	begins := make([]stamp, len(l.groups))
	var c cursor
	c.reset(r, indexEntry{offset: l.body, line: l.line})
	for row := int64(0); ; row++ {
		err := c.next(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if row%indexEvery == 0 {
			r.index = append(r.index, indexEntry{c.offset, c.line - 1, c.midnights(r)})
		}
		for g := range l.groups {
			if l.groups[g].field < 0 {
				count[g]++
				continue
			}
			s, ok, err := c.stamp(r, g)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if count[g] != row {
				return c.fail(r, l.groups[g].field, "a time after rows without one")
			}
			if row == 0 {
				begins[g] = s
			}
			count[g]++
			judges[g].Add(s.since(begins[g]) * l.groups[g].clock.unit)
		}
	}
	for g := range count {
		if count[g] > count[r.master] {
			r.master = g
		}
	}
	r.rows, r.begin = count[r.master], begins[r.master]
	if r.rows == 0 {
		return fmt.Errorf("%s line %d: no row has a time", r.name, l.line+1)
	}
	if l.groups[r.master].field < 0 {
		r.verdict = timeaxis.Verdict{RateHz: o.RateHz}
		return nil
	}
	r.noteDays(&c)
	r.verdict = judges[r.master].Verdict()
	if r.verdict.RateHz == 0 {
		r.warn("%s: the times give no sampling rate (%s): nothing that needs a rate can be measured", r.name, r.verdict.Odd)
	}
	if r.verdict.Holes {
		r.warn("%s: the times have holes: the record is read in pieces of %.9g Hz", r.name, r.verdict.RateHz)
	}
	r.compareGroups(judges, count)
	return nil
}

// noteDays says what was taken for granted of the dates, after a cursor has read all.
func (r *Reader) noteDays(c *cursor) {
	for g := range r.layout.groups {
		if line := c.days[g].line; line > 0 {
			r.warn("%s line %d: the time of day passes midnight: taken as the next day", r.name, line)
			break
		}
	}
	if doubt := r.layout.groups[r.master].clock.calendar.doubt(); doubt != "" {
		r.warn("%s: %s", r.name, doubt)
	}
}

// compareGroups says which channels are interpolated.
func (r *Reader) compareGroups(judges []timeaxis.Judge, count []int64) {
	named := map[string][]string{}
	var order []string
	for g := range r.layout.groups {
		v := judges[g].Verdict()
		if g == r.master || count[g] == 0 || count[g] == count[r.master] && math.Abs(v.RateHz-r.verdict.RateHz) <= 1e-9*r.verdict.RateHz {
			continue
		}
		what := fmt.Sprintf("%d rows at %.6g Hz", count[g], v.RateHz)
		for _, c := range r.layout.columns {
			if c.group == g {
				if named[what] == nil {
					order = append(order, what)
				}
				named[what] = append(named[what], c.name)
			}
		}
	}
	for _, what := range order {
		r.warn("%s: %s with a time column of their own (%s): interpolated to %d rows at %.6g Hz",
			r.name, strings.Join(named[what], ", "), what, r.rows, r.verdict.RateHz)
	}
}

func (r *Reader) warn(format string, args ...any) {
	const most = 40
	if len(r.warnings) < most {
		r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
	}
}

func (r *Reader) describe() {
	r.info = waveform.Info{Format: "csv", RateHz: r.verdict.RateHz, Samples: r.rows}
	if g := r.layout.groups[r.master]; g.field >= 0 && g.clock.epoch {
		r.info.Start = g.clock.civil(r.begin)
	}
	for _, c := range r.layout.columns {
		r.info.Channels = append(r.info.Channels, waveform.Channel{Name: c.name, Unit: c.unit, Primary: 1, Secondary: 1})
	}
}

// Info describes the table. RateHz is 0 where its times are not uniform.
func (r *Reader) Info() waveform.Info {
	info := r.info
	info.Warnings = slices.Clone(r.warnings)
	return info
}

// Rewind makes Next begin again at the first row.
func (r *Reader) Rewind() error {
	r.row, r.pending = 0, false
	r.cursor.reset(r, r.index[0])
	r.follow = r.follow[:0]
	for g := range r.layout.groups {
		if g == r.master {
			continue
		}
		f := follow{group: g}
		for i, c := range r.layout.columns {
			if c.group == g {
				f.channels = append(f.channels, i)
			}
		}
		if len(f.channels) > 0 {
			f.start(r)
			r.follow = append(r.follow, f)
		}
	}
	return nil
}

// Next delivers the next rows without a hole in their times.
func (r *Reader) Next(ctx context.Context, b *waveform.Block, max int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	channels := len(r.layout.columns)
	if r.row >= r.rows {
		b.Resize(channels, 0)
		return 0, io.EOF
	}
	if max < 1 {
		return 0, errors.New("csv: a block of no samples was asked for")
	}
	n := int(min(int64(max), r.rows-r.row, int64(1+maxBlockValues/channels)))
	b.Resize(channels, n)
	b.First, b.RateHz, b.Gap = r.row, r.verdict.RateHz, false
	done := 0
	for ; done < n; done++ {
		if !r.pending {
			if err := r.cursor.next(r); err != nil {
				return 0, err
			}
		}
		r.pending = false
		at, err := r.time()
		if err != nil {
			return 0, err
		}
		hole := r.verdict.Holes && r.row > 0 && (at-r.before)*r.verdict.RateHz > 1.5
		if hole && done > 0 {
			r.pending = true
			break
		}
		if done == 0 {
			b.Gap, b.Start = hole, at
		}
		if err := r.fill(b, done, at); err != nil {
			return 0, err
		}
		r.before = at
		r.row++
	}
	if r.verdict.RateHz > 0 && !r.verdict.Holes {
		b.Start = float64(b.First) / r.verdict.RateHz
	}
	b.Resize(channels, done)
	return done, nil
}

// maxBlockValues bounds the size of a Block of a table of very many columns.
const maxBlockValues = 4 << 20

// time returns the time of the row at the cursor in seconds since the first.
func (r *Reader) time() (float64, error) {
	g := &r.layout.groups[r.master]
	if g.field < 0 {
		return float64(r.row) / r.verdict.RateHz, nil
	}
	s, ok, err := r.cursor.stamp(r, r.master)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, r.cursor.fail(r, g.field, "the time is missing")
	}
	return s.since(r.begin) * g.clock.unit, nil
}

// fill writes the values at the cursor to sample k of b.
func (r *Reader) fill(b *waveform.Block, k int, at float64) error {
	for i := range r.layout.columns {
		if c := &r.layout.columns[i]; c.group == r.master {
			v, err := r.cursor.value(r, c)
			if err != nil {
				return err
			}
			b.Samples[i][k] = v
		}
	}
	for i := range r.follow {
		if err := r.follow[i].fill(r, b, k, at); err != nil {
			return err
		}
	}
	return nil
}

// Times returns the times of the rows first to end (exclusive), as written, in
// seconds since row 0.
func (r *Reader) Times(first, end int64) ([]float64, error) {
	if first < 0 || end < first || end > r.rows {
		return nil, fmt.Errorf("samples %d:%d are not in the table: it has %d, counted from 0", first, end, r.rows)
	}
	times := make([]float64, 0, end-first)
	if r.layout.groups[r.master].field < 0 {
		for row := first; row < end; row++ {
			times = append(times, float64(row)/r.verdict.RateHz)
		}
		return times, nil
	}
	if first == end {
		return times, nil
	}
	var c cursor
	c.reset(r, r.index[first/indexEvery])
	for row := first / indexEvery * indexEvery; row < end; row++ {
		if err := c.next(r); err != nil {
			return nil, err
		}
		s, _, err := c.stamp(r, r.master) // of rows before the first, too: midnight may pass
		if err != nil {
			return nil, err
		}
		if row < first {
			continue
		}
		times = append(times, s.since(r.begin)*r.layout.groups[r.master].clock.unit)
	}
	return times, nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// cursor walks the rows.
type cursor struct {
	lines  textrow.Lines
	offset int64 // of the row
	line   int64 // its number, from 1
	fields [][]byte
	days   []midnights // of each group
}

func (c *cursor) reset(r *Reader, at indexEntry) {
	c.lines.Reset(r.src, at.offset, r.size)
	c.line = at.line
	c.days = append(c.days[:0], at.days...)
	for len(c.days) < len(r.layout.groups) {
		c.days = append(c.days, midnights{})
	}
}

// next moves to the next row that is neither blank nor a remark.
func (c *cursor) next(r *Reader) error {
	for {
		line, offset, err := c.lines.Next()
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return fmt.Errorf("%s line %d: %w", r.name, c.line+1, err)
		}
		c.line++
		if isComment(line) {
			continue
		}
		c.offset = offset
		c.fields = split(line, r.layout.delimiter, c.fields)
		return nil
	}
}

// midnights returns a copy of what the cursor knows of them, nil where no group needs it.
func (c *cursor) midnights(r *Reader) []midnights {
	if slices.ContainsFunc(r.layout.groups, group.timeOfDay) {
		return slices.Clone(c.days)
	}
	return nil
}

func (c *cursor) fail(r *Reader, field int, what string) error {
	return fmt.Errorf("%s line %d field %d: %s", r.name, c.line, field+1, what)
}

// stamp reads the time of group g; ok is false if the cell is blank.
func (c *cursor) stamp(r *Reader, g int) (s stamp, ok bool, err error) {
	group := &r.layout.groups[g]
	if group.field >= len(c.fields) || len(c.fields[group.field]) == 0 {
		return s, false, nil
	}
	if s, ok = group.clock.read(c.fields[group.field]); !ok {
		return s, false, c.fail(r, group.field, fmt.Sprintf("(%s) %q is no time", group.name, shorten(c.fields[group.field])))
	}
	if group.day >= 0 {
		day, ok := group.clock.calendar.read(c.fields[group.day])
		if !ok {
			return s, false, c.fail(r, group.day, fmt.Sprintf("%q is no date", shorten(c.fields[group.day])))
		}
		s.whole += day
	}
	if group.timeOfDay() {
		s.whole += c.days[g].pass(s.whole, c.line)
	}
	return s, true, nil
}

func (c *cursor) value(r *Reader, col *column) (float64, error) {
	if col.field >= len(c.fields) {
		return waveform.Missing, nil
	}
	field := c.fields[col.field]
	v, ok := textrow.Float(field, r.layout.comma)
	if !ok {
		if isMissing(field) {
			return waveform.Missing, nil
		}
		return 0, c.fail(r, col.field, fmt.Sprintf("(%s) %q is not a number", col.name, shorten(field)))
	}
	if math.IsInf(v, 0) {
		return waveform.Missing, nil
	}
	return v, nil
}

func shorten(field []byte) string {
	const most = 40
	if len(field) > most {
		return string(field[:most]) + "..."
	}
	return string(field)
}
