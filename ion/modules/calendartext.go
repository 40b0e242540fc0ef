package modules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The texts in which the setup of Scheduler and Time of Use names days and times, all
// of the local time.

// civilDate is a date; in the year 0 it is that day of every year.
type civilDate struct{ year, month, day int }

// dateOf is the date of a local time.
func dateOf(t time.Time) civilDate {
	year, month, day := t.Date()
	return civilDate{year, int(month), day}
}

// order grows with the date.
func (d civilDate) order() int { return (d.year*12+d.month)*31 + d.day }

// monthCount counts the months.
func (d civilDate) monthCount() int { return d.year*12 + d.month }

// time is the beginning of the date.
func (d civilDate) time() time.Time {
	return time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
}

func (d civilDate) String() string {
	if d.year == 0 {
		return fmt.Sprintf("%02d-%02d", d.month, d.day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

// parseDate reads "2027-03-28", or "03-28" for the day of every year.
func parseDate(text string) (civilDate, error) {
	if len(text) == len("01-02") {
		if t, err := time.Parse("2006-01-02", "2000-"+text); err == nil { // a leap year
			return civilDate{0, int(t.Month()), t.Day()}, nil
		}
	} else if t, err := time.Parse("2006-01-02", text); err == nil && t.Year() >= 2000 && t.Year() < 2100 {
		return dateOf(t), nil
	}
	return civilDate{}, fmt.Errorf("%q is no date: write one such as 2027-03-28, or 03-28 for every year", text)
}

// dateRange is all days from first to last, both included. That of every year may
// contain the turn of the year.
type dateRange struct{ first, last civilDate }

// parseDateRange reads a date, or two parted by "..".
func parseDateRange(text string) (dateRange, error) {
	from, to, ok := strings.Cut(text, "..")
	first, err := parseDate(from)
	if err != nil || !ok {
		return dateRange{first, first}, err
	}
	last, err := parseDate(to)
	switch {
	case err != nil:
	case (first.year == 0) != (last.year == 0):
		err = fmt.Errorf("%s has a year at one end only", text)
	case first.year != 0 && last.order() < first.order():
		err = fmt.Errorf("%s ends before it begins", text)
	}
	return dateRange{first, last}, err
}

func (r dateRange) holds(d civilDate) bool {
	if r.first.year == 0 {
		d.year = 0
	}
	first, last, day := r.first.order(), r.last.order(), d.order()
	if first > last {
		return first <= day || day <= last
	}
	return first <= day && day <= last
}

func holdsDate(ranges []dateRange, d civilDate) bool {
	for _, r := range ranges {
		if r.holds(d) {
			return true
		}
	}
	return false
}

// datedSpan returns the first and the last date among those with a year; ok is false
// if there is none.
func datedSpan(ranges []dateRange) (span dateRange, ok bool) {
	for _, r := range ranges {
		if r.first.year == 0 {
			continue
		}
		if !ok || r.first.order() < span.first.order() {
			span.first = r.first
		}
		if !ok || r.last.order() > span.last.order() {
			span.last = r.last
		}
		ok = true
	}
	return span, ok
}

// weekdays is a set of days of the week; bit 0 is Sunday.
type weekdays uint8

const everyDay weekdays = 1<<7 - 1

func (w weekdays) holds(d time.Weekday) bool { return w>>d&1 != 0 }

var weekdayNames = [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// parseWeekdays reads a day such as "Mon", or two parted by "-".
func parseWeekdays(text string) (weekdays, error) {
	position := func(name string) int {
		for i, n := range weekdayNames {
			if strings.EqualFold(n, name) {
				return i
			}
		}
		return -1
	}
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		to = from
	}
	first, last := position(from), position(to)
	if first < 0 || last < 0 {
		return 0, fmt.Errorf("%q is no day of the week: write Sun, Mon, Tue, Wed, Thu, Fri, Sat, or two such as Mon-Fri", text)
	}
	var set weekdays
	for day := first; ; day = (day + 1) % 7 {
		set |= 1 << day
		if day == last {
			return set, nil
		}
	}
}

const minutesPerDay = 24 * 60

// parseMinute reads a time of day, 00:00 to 24:00, in minutes after midnight.
func parseMinute(text string) (int, error) {
	if len(text) == len("00:00") && text[2] == ':' {
		hours, errH := strconv.ParseUint(text[:2], 10, 8)
		minutes, errM := strconv.ParseUint(text[3:], 10, 8)
		if at := int(hours*60 + minutes); errH == nil && errM == nil && minutes < 60 && at <= minutesPerDay {
			return at, nil
		}
	}
	return 0, fmt.Errorf("%q is no time of day: write one from 00:00 to 24:00", text)
}

// splitList splits a list at a separator and trims its items; an empty text has none.
func splitList(text, separator string) []string {
	var items []string
	for item := range strings.SplitSeq(text, separator) {
		items = append(items, strings.TrimSpace(item))
	}
	if len(items) == 1 && items[0] == "" {
		return nil
	}
	return items
}

// parseEach reads every item of a list that is parted by commas.
func parseEach[T any](text string, parse func(string) (T, error)) ([]T, error) {
	var list []T
	for _, item := range splitList(text, ",") {
		x, err := parse(item)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}
