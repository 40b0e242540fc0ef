package comtrade

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/hepmeter/hepmeter/waveform/internal/timeaxis"
)

// A timeline gives each row its time in seconds since the first. Rates rule where
// the .cfg states them (stamps are rounded and wrap); the stamps, or the sample
// numbers, only tell where rows were lost or pieces joined. Without rates the
// stamps decide.
type timeline struct {
	spans []span
	rows  int64

	watch column
	// unit is the seconds of one unit of the watched column.
	unit float64
	// wraps says that the column is a 32-bit number.
	wraps bool

	breaks   []joint
	scanned  int64 // rows watched so far
	lastRow  int64
	lastMark float64
	marked   bool
}

// column is one of the two numbers at the head of a row.
type column uint8

const (
	noColumn column = iota
	numberColumn
	stampColumn
)

func (c column) String() string {
	return [...]string{"rows", "sample numbers", "time stamps"}[c]
}

// span is a run of rows of one rate.
type span struct {
	first  int64   // its first row
	start  float64 // time of that row by rates alone
	rateHz float64
}

// joint is a row before which time was lost.
type joint struct {
	row  int64
	lost float64 // seconds lost in all joints up to this one
}

// maxJoints bounds the memory a broken time column can take.
const maxJoints = 1 << 20

// missingMark stands for a stamp that is not there.
var missingMark = math.NaN()

func spansOf(segments []Segment, rows int64) []span {
	spans := make([]span, 0, len(segments))
	first, start := int64(0), 0.0
	for _, s := range segments {
		if first >= rows {
			break
		}
		spans = append(spans, span{first, start, s.RateHz})
		start += float64(s.LastSample-first) / s.RateHz
		first = s.LastSample
	}
	return spans
}

// spanOf returns the index of the span that holds row.
func (t *timeline) spanOf(row int64) int {
	if len(t.spans) == 1 {
		return 0
	}
	return sort.Search(len(t.spans), func(i int) bool { return t.spans[i].first > row }) - 1
}

// spanEnd returns the row after the last of span i.
func (t *timeline) spanEnd(i int) int64 {
	if i+1 < len(t.spans) {
		return t.spans[i+1].first
	}
	return t.rows
}

func (t *timeline) byRates(row int64) float64 {
	s := &t.spans[t.spanOf(row)]
	return s.start + float64(row-s.first)/s.rateHz
}

// at returns the time of row, which must have been watched.
func (t *timeline) at(row int64) float64 {
	lost := 0.0
	if i := t.jointAfter(row); i > 0 {
		lost = t.breaks[i-1].lost
	}
	return t.byRates(row) + lost
}

// jointAfter returns the index of the first joint behind row.
func (t *timeline) jointAfter(row int64) int {
	if len(t.breaks) == 0 {
		return 0
	}
	return sort.Search(len(t.breaks), func(i int) bool { return t.breaks[i].row > row })
}

// joined reports whether time was lost just before row.
func (t *timeline) joined(row int64) bool {
	i := t.jointAfter(row)
	return i > 0 && t.breaks[i-1].row == row
}

// observe watches the mark of the next row; rows seen before are passed over.
func (t *timeline) observe(row int64, mark float64) {
	if row < t.scanned {
		return
	}
	t.scanned = row + 1
	if mark != mark {
		return
	}
	defer func() { t.lastRow, t.lastMark, t.marked = row, mark, true }()
	if !t.marked {
		return
	}
	passed := mark - t.lastMark
	if t.wraps {
		passed = float64(int32(uint32(mark) - uint32(t.lastMark)))
	}
	before := t.spanOf(row - 1)
	tolerance := 0.5 / t.spans[before].rateHz
	if here := t.spanOf(row); here != before {
		// Recorders differ in whether the step between two rates is of the old or the new.
		tolerance = 1.5 / min(t.spans[before].rateHz, t.spans[here].rateHz)
	}
	lost := passed*t.unit - (t.byRates(row) - t.byRates(t.lastRow))
	if (lost > tolerance || passed < 0) && len(t.breaks) < maxJoints {
		total := max(lost, 0)
		if n := len(t.breaks); n > 0 {
			total += t.breaks[n-1].lost
		}
		t.breaks = append(t.breaks, joint{row, total})
	}
}

// steady returns the least and largest difference of raw marks that lie within a
// step's tolerance in the span of row, for a quick check of binary rows.
func (t *timeline) steady(row int64) (least, most uint32) {
	step := 1 / (t.spans[t.spanOf(row)].rateHz * t.unit)
	if step < 1 || step > 1e9 {
		return 1, 0
	}
	return uint32(math.Ceil(0.5 * step)), uint32(1.5 * step)
}

// probeRows is how many rows at the head of a record are looked at to see whether
// its time stamps agree with its rate.
const probeRows = 1024

// choose decides which column to watch, from the head of the record. odd says what
// was strange, if anything.
func (t *timeline) choose(c *Config, numbers, stamps []float64) (odd string) {
	n := int(min(int64(len(stamps)), t.spanEnd(0)))
	numbers, stamps = numbers[:n], stamps[:n]
	rate := t.spans[0].rateHz
	if usual, steady := usualStep(stamps, t.wraps); usual > 0 {
		for _, unit := range []float64{c.stampUnit(), c.TimeMultiplier * 1e-6, c.TimeMultiplier * 1e-9, 1e-6, 1e-9} {
			// Stamps are whole units: 20 where the step is 19.53.
			step := 1 / (rate * unit)
			if math.Abs(usual-step) <= max(0.02*step, min(1, 0.25*step)) && steady >= mostlySteady {
				t.watch, t.unit = stampColumn, unit
				return ""
			}
		}
		odd = fmt.Sprintf("the time stamps step by %.6g s where the rate says %.6g s: the rate is taken", usual*c.stampUnit(), 1/rate)
	}
	if usual, steady := usualStep(numbers, t.wraps); usual == 1 && steady >= mostlySteady {
		t.watch, t.unit = numberColumn, 1/rate
	}
	return odd
}

// mostlySteady is the share of usual steps that a column to be watched must have.
const mostlySteady = 0.75

// usualStep returns the median difference of marks, and the share of differences
// within half of it; 0 if there are too few.
func usualStep(marks []float64, wraps bool) (usual, steady float64) {
	var steps []float64
	for i := 1; i < len(marks); i++ {
		d := marks[i] - marks[i-1]
		if d != d {
			continue
		}
		if wraps {
			d = float64(int32(uint32(marks[i]) - uint32(marks[i-1])))
		}
		steps = append(steps, d)
	}
	if len(steps) < 2 {
		return 0, 0
	}
	sorted := slices.Clone(steps)
	slices.Sort(sorted)
	usual = sorted[len(sorted)/2]
	within := 0
	for _, d := range steps {
		if math.Abs(d-usual) <= 0.5*math.Abs(usual) {
			within++
		}
	}
	return usual, float64(within) / float64(len(steps))
}

// stampUnit returns the seconds of one unit of a time stamp.
func (c *Config) stampUnit() float64 {
	if c.FractionDigits > 6 {
		return c.TimeMultiplier * 1e-9
	}
	return c.TimeMultiplier * 1e-6
}

// fromStamps derives the timeline of a record without rates.
func (t *timeline) fromStamps(c *Config, scan func(func(row int64, number, stamp float64) error) error) (odd string, err error) {
	judge := stampJudge{unit: c.stampUnit(), wraps: t.wraps}
	err = scan(func(_ int64, _, stamp float64) error {
		judge.add(stamp)
		return nil
	})
	if err != nil {
		return "", err
	}
	judge.end()
	v := judge.Verdict()
	without := ""
	if judge.bad > 0 {
		without = fmt.Sprintf("%d of %d time stamps are missing or out of order, the first that of row %d", judge.bad, t.rows, judge.firstBad+1)
		if float64(judge.bad) > (1-mostlySteady)*float64(t.rows) {
			v = timeaxis.Verdict{Odd: without}
		}
	}
	t.spans = []span{{0, 0, v.RateHz}}
	if v.Holes {
		t.watch, t.unit = stampColumn, judge.unit
	}
	if v.RateHz == 0 {
		return "no sampling rate is stated and the time stamps give none (" + v.Odd + "): nothing that needs a rate can be measured", nil
	}
	odd = fmt.Sprintf("no sampling rate is stated: %.9g Hz from the time stamps", v.RateHz)
	if without != "" {
		odd += " (" + without + ": the others decide)"
	}
	return odd, nil
}

// stampJudge judges time stamps of which some are missing or garbage. One that lies
// outside its neighbours, which are in order themselves, is garbage: it is held back
// until the next one tells.
type stampJudge struct {
	timeaxis.Judge
	unit  float64 // seconds of one unit of a stamp
	wraps bool    // a stamp is a 32-bit number

	held, before  float64 // the last stamp, and the one judged before it
	holds, begun  bool    // there is a held one, one before it
	skipped       int     // rows without a stamp behind the held one
	offset        float64 // of stamps that wrapped
	rows          int64
	heldRow       int64
	bad, firstBad int64
}

// between returns the units from one stamp to another.
func (j *stampJudge) between(from, to float64) float64 {
	if j.wraps {
		return float64(int32(uint32(to) - uint32(from)))
	}
	return to - from
}

func (j *stampJudge) add(stamp float64) {
	row := j.rows
	j.rows++
	if stamp != stamp {
		j.spoil(row)
		if j.holds {
			j.skipped++
		} else {
			j.Skip()
		}
		return
	}
	if j.holds && j.garbage(stamp) {
		j.drop()
	} else {
		j.flush()
	}
	j.held, j.holds, j.heldRow = stamp, true, row
}

// garbage reports whether the held stamp lies outside those around it.
func (j *stampJudge) garbage(next float64) bool {
	if !j.begun {
		return j.between(j.held, next) < 0 // the first of all
	}
	return j.between(j.before, next) >= 0 && (j.between(j.before, j.held) < 0 || j.between(j.held, next) < 0)
}

func (j *stampJudge) spoil(row int64) {
	if j.bad++; j.bad == 1 || row < j.firstBad {
		j.firstBad = row
	}
}

// drop passes over the held stamp.
func (j *stampJudge) drop() {
	j.spoil(j.heldRow)
	j.Skip()
	j.pass()
}

// flush judges the held stamp.
func (j *stampJudge) flush() {
	if !j.holds {
		return
	}
	if j.begun && j.wraps && j.held < j.before && j.between(j.before, j.held) >= 0 {
		j.offset += 1 << 32
	}
	j.Add((j.held + j.offset) * j.unit)
	j.before, j.begun = j.held, true
	j.pass()
}

// end judges the last stamp, which no other tells about: one that lies before its
// predecessor is garbage.
func (j *stampJudge) end() {
	if j.holds && j.begun && j.between(j.before, j.held) < 0 {
		j.drop()
		return
	}
	j.flush()
}

// pass goes on to the row behind the held stamp and those without one.
func (j *stampJudge) pass() {
	for range j.skipped {
		j.Skip()
	}
	j.skipped, j.holds = 0, false
}
