package csv

import (
	"bytes"
	"math"
	"time"

	"github.com/hepmeter/hepmeter/waveform/internal/textrow"
)

// stamp is a point in time in two parts, so that nanoseconds of an epoch time do not
// drown in a float64.
type stamp struct {
	whole int64
	frac  float64
}

// since returns the difference in the stamps' unit.
func (s stamp) since(t stamp) float64 { return float64(s.whole-t.whole) + (s.frac - t.frac) }

// clock reads the fields of a time column.
type clock struct {
	date  bool    // date and time of day, in seconds since 1970
	unit  float64 // seconds of one unit
	epoch bool    // counts from 1970
	comma bool    // decimal comma
	// calendar reads the dates, also those of the column beside a time of day.
	calendar calendar
}

func (c *clock) read(field []byte) (stamp, bool) {
	if c.date {
		s, _, ok := readDate(field, &c.calendar)
		return s, ok
	}
	return readNumber(field, c.comma)
}

// civil returns the time of a stamp that counts from 1970.
func (c *clock) civil(s stamp) time.Time {
	if c.unit > 1 {
		return time.Unix(int64(math.Round((float64(s.whole)+s.frac)*c.unit)), 0).UTC()
	}
	perSecond := int64(math.Round(1 / c.unit))
	seconds, rest := s.whole/perSecond, s.whole%perSecond
	nanos := float64(rest)*1e9/float64(perSecond) + s.frac*1e9/float64(perSecond)
	return time.Unix(seconds, int64(math.Round(nanos))).UTC()
}

// readNumber reads a decimal number, its whole part exactly.
func readNumber(field []byte, comma bool) (stamp, bool) {
	whole := field
	var fraction []byte
	if i := bytes.IndexAny(field, ".,"); i >= 0 && (field[i] == '.' || comma) {
		whole, fraction = field[:i], field[i+1:]
	}
	negative := len(whole) > 0 && whole[0] == '-'
	n, ok := readInt(bytes.TrimLeft(whole, "+-"))
	f, fok := readInt(fraction)
	if !ok || len(whole) == 0 || len(fraction) > 18 || len(fraction) > 0 && !fok {
		v, ok := textrow.Float(field, comma)
		return stamp{0, v}, ok && !math.IsInf(v, 0)
	}
	s := stamp{n, float64(f) / math.Pow10(len(fraction))}
	if negative {
		s.whole, s.frac = -s.whole, -s.frac
	}
	return s, true
}

func readInt(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 19 {
		return 0, len(digits) == 0
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n >= 0 // 19 digits may overflow
}

// readDate reads a date and a time of day, as "2020-02-24 18:15:21.499998208", with T,
// a Z or an offset, "2020/02/24 18:15", "20200224T181521.5", "24.02.2020 18:15:21,5",
// "2/24/2020 6:15:21 PM"; and a time of day alone, which has its seconds. dated tells
// the two apart.
func readDate(field []byte, days *calendar) (s stamp, dated, ok bool) {
	field, noon := cutNoon(field)
	day, clock := cutDay(field)
	if day != nil {
		if s.whole, ok = days.read(day); !ok {
			return s, true, false
		}
	}
	offset := int64(0)
	clock = bytes.TrimSuffix(bytes.TrimSuffix(clock, []byte("Z")), []byte(" UTC"))
	if i := bytes.LastIndexAny(clock, "+-"); i > 0 {
		zone := bytes.ReplaceAll(clock[i+1:], []byte(":"), nil)
		n, ok := readInt(zone)
		if !ok || len(zone) != 4 && len(zone) != 2 {
			return s, day != nil, false
		}
		if len(zone) == 2 {
			n *= 100
		}
		offset = n/100*3600 + n%100*60
		if clock[i] == '-' {
			offset = -offset
		}
		clock = clock[:i]
	}
	var fraction []byte
	if i := bytes.IndexAny(clock, ".,"); i >= 0 {
		clock, fraction = clock[:i], clock[i+1:]
	}
	h, ok := readClock(clock, day != nil)
	f, fok := readInt(fraction)
	if !ok || !fok || h[0] > 24 || h[1] > 59 || h[2] > 60 {
		return s, day != nil, false
	}
	if noon != 0 {
		if h[0] < 1 || h[0] > 12 {
			return s, day != nil, false
		}
		if h[0] %= 12; noon == 'P' {
			h[0] += 12
		}
	}
	s.whole += h[0]*3600 + h[1]*60 + h[2] - offset
	s.frac = float64(f) / math.Pow10(len(fraction))
	return s, day != nil, true
}

// isDate reports whether a cell is a time of day, with or without a date.
func isDate(field []byte) bool {
	for _, dayFirst := range []bool{true, false} {
		if _, _, ok := readDate(field, &calendar{dayFirst: dayFirst}); ok {
			return true
		}
	}
	return false
}

// cutDay cuts the date off a field at its first blank, or at a T between digits; day is
// nil where there is none.
func cutDay(field []byte) (day, clock []byte) {
	for i, c := range field {
		if c == ' ' || c == 'T' && i > 0 && isDigit(field[i-1]) && i+1 < len(field) && isDigit(field[i+1]) {
			return field[:i], bytes.TrimLeft(field[i+1:], " ")
		}
	}
	return nil, field
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// readClock reads hh:mm:ss, and behind a date hh:mm and hhmmss too.
func readClock(clock []byte, dated bool) (n [3]int64, ok bool) {
	if !dated {
		return threeNumbers(clock, ":")
	}
	switch hours, minutes, _ := bytes.Cut(clock, []byte(":")); bytes.Count(clock, []byte(":")) {
	case 0:
		all, ok := readInt(clock)
		return [3]int64{all / 10000, all / 100 % 100, all % 100}, ok && len(clock) == 6
	case 1:
		h, hok := readInt(hours)
		m, mok := readInt(minutes)
		return [3]int64{h, m, 0}, hok && mok && len(hours) > 0 && len(minutes) > 0
	}
	return threeNumbers(clock, ":")
}

// cutNoon cuts AM or PM off a time; noon is 'A', 'P' or 0.
func cutNoon(field []byte) (rest []byte, noon byte) {
	if n := len(field); n > 2 && (field[n-1] == 'M' || field[n-1] == 'm') {
		if c := field[n-2] &^ 0x20; c == 'A' || c == 'P' {
			return bytes.TrimRight(field[:n-2], " "), c
		}
	}
	return field, 0
}

func threeNumbers(text []byte, separators string) (n [3]int64, ok bool) {
	for i := range n {
		part := text
		if at := bytes.IndexAny(text, separators); at >= 0 && i < 2 {
			part, text = text[:at], text[at+1:]
		} else if i < 2 {
			return n, false
		}
		if n[i], ok = readInt(part); !ok || len(part) == 0 {
			return n, false
		}
	}
	return n, true
}
