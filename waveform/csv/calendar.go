package csv

import (
	"bytes"
	"time"
)

// calendar reads the dates of one column. Where the year stands last, day and month
// are told by the numbers over 12 of the whole column; a column without any is read day
// first, but month first between slashes or beside AM and PM.
type calendar struct {
	dayFirst bool
	// told says that dots between the numbers, or AM and PM, tell the order.
	told bool
	// proven says that a number over 12 was seen where the day is; refuted, that one
	// was seen where the month is, before any proof.
	proven, refuted bool
	// open says that a date was seen that has both readings.
	open bool
}

// calendarOf guesses the order of day and month of a column from one cell.
func calendarOf(field []byte) calendar {
	rest, noon := cutNoon(field)
	day, _ := cutDay(rest)
	if day == nil {
		day = rest // a date alone
	}
	dots := bytes.IndexByte(day, '.') >= 0
	return calendar{dayFirst: dots || noon == 0 && bytes.IndexByte(day, '/') < 0, told: dots || noon != 0}
}

// doubt says what was taken for granted of the dates read so far, if anything.
func (c *calendar) doubt() string {
	if !c.open || c.proven || c.told {
		return ""
	}
	order := "the month"
	if c.dayFirst {
		order = "the day"
	}
	return "the dates do not tell day from month (no number is over 12): the first number is taken as " + order
}

// swap turns the order round for good.
func (c *calendar) swap() { *c = calendar{dayFirst: !c.dayFirst, proven: true} }

// read reads "2020-02-24", "20200224", "24-Feb-2020", "24.02.2020", "24/02/2020" and
// "02/24/2020" as seconds since 1970.
func (c *calendar) read(field []byte) (seconds int64, ok bool) {
	y, m, d, form := splitDay(field)
	if form == noDay {
		return 0, false
	}
	if form == yearLast {
		a, b := d, m // in the order in which they are written
		if !c.dayFirst {
			d, m = m, d
		}
		switch {
		case m > 12 && d <= 12 && !c.proven:
			c.refuted = true
		case d > 12 && m <= 12:
			c.proven = true
		case a <= 12 && b <= 12 && a != b:
			c.open = true
		}
	}
	if y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	return time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC).Unix(), true
}

// isDay reports whether a cell is a date, in either order of day and month.
func isDay(field []byte) bool {
	for _, dayFirst := range []bool{true, false} {
		c := calendar{dayFirst: dayFirst}
		if _, ok := c.read(field); ok {
			return true
		}
	}
	return false
}

// dayForm is how a date is written.
type dayForm uint8

const (
	noDay dayForm = iota
	yearFirst
	yearLast // y, and d and m in the order day, month
	named    // the month is a word
)

func splitDay(field []byte) (y, m, d int64, form dayForm) {
	if len(field) == 8 && !bytes.ContainsAny(field, "-/.") {
		n, ok := readInt(field)
		if !ok {
			return 0, 0, 0, noDay
		}
		return n / 10000, n / 100 % 100, n % 100, yearFirst
	}
	first, rest, found := bytes.Cut(field, []byte("-"))
	if month, last, more := bytes.Cut(rest, []byte("-")); found && more {
		if m := monthOf(month); m > 0 {
			y, yok := readInt(last)
			d, dok := readInt(first)
			if len(first) == 4 {
				y, d = d, y
			} else if len(last) != 4 {
				return 0, 0, 0, noDay // which is the year is not clear
			}
			if !yok || !dok || len(first) == 0 || len(last) == 0 {
				return 0, 0, 0, noDay
			}
			return y, m, d, named
		}
	}
	n, ok := threeNumbers(field, "-/.")
	switch {
	case !ok:
		return 0, 0, 0, noDay
	case n[2] > 31:
		return n[2], n[1], n[0], yearLast
	}
	return n[0], n[1], n[2], yearFirst
}

// monthOf reads the English name of a month or its first three letters, 0 for any
// other word.
func monthOf(word []byte) int64 {
	for m := time.January; m <= time.December; m++ {
		if name := []byte(m.String()); bytes.EqualFold(word, name) || bytes.EqualFold(word, name[:3]) {
			return int64(m)
		}
	}
	return 0
}
