package comtrade

import (
	"strconv"
	"strings"
	"time"
)

// dates reads the two lines of date and time. Nothing measured depends on them, so
// an unreadable one is a warning.
func (p *configParser) dates() error {
	for i, to := range []*time.Time{&p.cfg.Start, &p.cfg.Trigger} {
		what := []string{"the time of the first sample", "the time of the trigger"}[i]
		if err := p.next(what); err != nil {
			return err
		}
		if _, err := ParseFormat(p.field(0)); err == nil {
			p.warn("%s is missing", what)
			p.unread = true
			continue
		}
		t, digits, odd := parseDate(p.field(0), p.field(1), p.cfg.Revision == 1991)
		if odd != "" {
			p.warn("%s: %s", what, odd)
		}
		*to = t
		if i == 0 {
			p.cfg.FractionDigits = digits
		}
	}
	return nil
}

// parseDate reads "dd/mm/yyyy" ("mm/dd/yyyy" if american, as in 1991) and
// "hh:mm:ss.ffffff". A field over 12 where the month should be swaps the two. odd
// says what was, if anything.
func parseDate(date, clock string, american bool) (t time.Time, digits int, odd string) {
	whole, fraction, _ := strings.Cut(clock, ".")
	digits = len(fraction)
	d, ok := numbers(date, "/.-")
	if !ok {
		return t, digits, "date " + strconv.Quote(shorten(date)) + " is not of the form dd/mm/yyyy: taken as unknown"
	}
	day, month, year := d[0], d[1], d[2]
	if american {
		day, month = month, day
	}
	if d[0] > 999 { // yyyy-mm-dd
		year, month, day = d[0], d[1], d[2]
		odd = "the date begins with the year"
	}
	if month > 12 && day <= 12 {
		day, month = month, day
		odd = "day and month are swapped for the revision year"
	}
	switch {
	case year < 70:
		year += 2000
	case year < 100:
		year += 1900
	}
	h, ok := numbers(whole, ":")
	nanoseconds := 0
	if digits > 0 {
		n, err := strconv.Atoi((fraction + "000000000")[:9])
		nanoseconds = n
		ok = ok && err == nil && n >= 0
	}
	if !ok || month < 1 || month > 12 || day < 1 || day > 31 || h[0] > 24 || h[1] > 59 || h[2] > 60 {
		return t, digits, "time " + strconv.Quote(shorten(date+","+clock)) + " cannot be: taken as unknown"
	}
	return time.Date(year, time.Month(month), day, h[0], h[1], h[2], nanoseconds, time.UTC), digits, odd
}

// numbers splits text at any of separators into three numbers.
func numbers(text, separators string) (n [3]int, ok bool) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) })
	if len(parts) != 3 {
		return n, false
	}
	for i, part := range parts {
		v, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || v < 0 || v > 9999 {
			return n, false
		}
		n[i] = v
	}
	return n, true
}

// timeCode reads an offset from UTC as "-5h30", "0h00", "+1" in seconds.
func timeCode(code string) (seconds int, ok bool) {
	code = strings.ToLower(strings.TrimSpace(code))
	sign := 1
	if rest, found := strings.CutPrefix(code, "-"); found {
		sign, code = -1, rest
	} else {
		code = strings.TrimPrefix(code, "+")
	}
	hours, minutes, _ := strings.Cut(code, "h")
	h, err := strconv.Atoi(hours)
	if err != nil || h < 0 || h > 24 {
		return 0, false
	}
	m := 0
	if minutes != "" {
		if m, err = strconv.Atoi(minutes); err != nil || m < 0 || m > 59 {
			return 0, false
		}
	}
	return sign * (h*3600 + m*60), true
}
