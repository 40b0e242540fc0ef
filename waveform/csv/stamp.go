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
}

func (c *clock) read(field []byte) (stamp, bool) {
	if c.date {
		return readDate(field)
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

// readDay reads "2020-02-24", "24.02.2020" and "24/02/2020", or month before day if
// american, as seconds since 1970. A number over 12 where the month should be swaps
// the two.
func readDay(field []byte, american bool) (seconds int64, ok bool) {
	d, ok := threeNumbers(field, "-/.")
	if !ok {
		return 0, false
	}
	y, m, dd := d[0], d[1], d[2]
	if d[2] > 31 {
		y, dd = d[2], d[0]
		if american || m > 12 {
			m, dd = dd, m
		}
	}
	if y < 1 || y > 9999 || m < 1 || m > 12 || dd < 1 || dd > 31 {
		return 0, false
	}
	return time.Date(int(y), time.Month(m), int(dd), 0, 0, 0, 0, time.UTC).Unix(), true
}

// readDate reads "2020-02-24 18:15:21.499998208", with T, slashes, a Z or an offset,
// "24.02.2020 18:15:21", "2/24/2020 6:15:21 PM" and a time of day alone.
func readDate(field []byte) (stamp, bool) {
	var s stamp
	field, noon := cutNoon(field)
	day, clock := []byte(nil), field
	if i := bytes.IndexAny(field, " T"); i >= 0 {
		day, clock = field[:i], bytes.TrimLeft(field[i+1:], " ")
	}
	if day != nil {
		var ok bool
		if s.whole, ok = readDay(day, noon != 0); !ok {
			return s, false
		}
	}
	offset := int64(0)
	clock = bytes.TrimSuffix(bytes.TrimSuffix(clock, []byte("Z")), []byte(" UTC"))
	if i := bytes.LastIndexAny(clock, "+-"); i > 0 {
		zone := bytes.ReplaceAll(clock[i+1:], []byte(":"), nil)
		n, ok := readInt(zone)
		if !ok || len(zone) != 4 && len(zone) != 2 {
			return s, false
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
	h, ok := threeNumbers(clock, ":")
	f, fok := readInt(fraction)
	if !ok || !fok || h[0] > 24 || h[1] > 59 || h[2] > 60 {
		return s, false
	}
	if noon != 0 {
		if h[0] < 1 || h[0] > 12 {
			return stamp{}, false
		}
		if h[0] %= 12; noon == 'P' {
			h[0] += 12
		}
	}
	s.whole += h[0]*3600 + h[1]*60 + h[2] - offset
	s.frac = float64(f) / math.Pow10(len(fraction))
	return s, true
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
