package modules

import (
	"fmt"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inSchedulerEnable = iota
	inSchedulerTime
)

const (
	outStatus         = 0
	outScheduleTurnOn = schedules
)

func scheduler() ion.Type {
	t := ion.Type{
		Number: numberScheduler, Name: "Scheduler", Kind: ion.Standard,
		Doc: fmt.Sprintf("Switches by the calendar: Status n is ON while one of the entries of Schedule n holds. Entries are parted by \";\", each is up to three words: "+
			"dates, days of the week, times of day, of which dates and days may be left out. \"Mon-Fri 08:00-12:00,13:00-17:00; Sat 09:00-12:00; "+
			"2027-12-24..2028-01-02 00:00-24:00; 05-01 06:00-22:00\": dates are single or from..to, with the year or for every year, "+
			"days are names or ranges of Sun, Mon, Tue, Wed, Thu, Fri, Sat, times are from-to, the end not included, and do not pass midnight; "+
			"lists have commas and no spaces. An entry holds when all its words do. The dates with a year of one module lie within %d months. ", scheduleMonths) +
			"Time is the Clock's Local Time, so that daylight saving and a clock that was set are followed at once. " +
			"While Enable is OFF, or Time is NOT AVAILABLE, every Status is NOT AVAILABLE. After power-up Status follows the clock.",
		Source: "ION Reference (7EN02-0290), Scheduler module; the syntax is ours",
		Inputs: []ion.Input{enableInput(), {Name: "Time", Classes: []ion.Class{ion.TimeStamp}, Mandatory: true}},
		New:    func() ion.Behaviour { return &scheduling{} },
	}
	for i := 1; i <= schedules; i++ {
		t.Setups = append(t.Setups, ion.Setup{Name: fmt.Sprintf("Schedule %d", i), Class: ion.String, MaxLength: scheduleBytes,
			Check: func(text string) error { _, err := parseSchedule(text); return err },
			Doc:   "the entries during which Status is ON; empty: never"})
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Status %d", i), Class: ion.Boolean, Doc: "whether an entry of the schedule holds"})
	}
	for i := 1; i <= schedules; i++ {
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Trigger %d", i), Class: ion.Pulse, Doc: "Status went from OFF to ON"})
	}
	return t
}

// scheduleEntry holds on its dates, days of the week and at its times of day.
type scheduleEntry struct {
	dates []dateRange // none is every date
	days  weekdays
	times []timeRange
}

// timeRange is a part of a day, in minutes after midnight, without its end.
type timeRange struct{ from, to int }

func parseTimeRange(text string) (timeRange, error) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return timeRange{}, fmt.Errorf("%q is no time: write from-to, such as 08:00-17:00", text)
	}
	from, err := parseMinute(first)
	if err != nil {
		return timeRange{}, err
	}
	to, err := parseMinute(last)
	if err == nil && to <= from {
		err = fmt.Errorf("%s does not end after it begins; past midnight write %s-24:00,00:00-%s", text, first, last)
	}
	return timeRange{from, to}, err
}

// parseSchedule reads the entries of a schedule.
func parseSchedule(text string) ([]scheduleEntry, error) {
	var entries []scheduleEntry
	for _, item := range splitList(text, ";") {
		e, err := parseScheduleEntry(item)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func parseScheduleEntry(text string) (scheduleEntry, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 3 {
		return scheduleEntry{}, fmt.Errorf("%q is no entry: write dates, days of the week and times, of which the first two may be left out", text)
	}
	e := scheduleEntry{days: everyDay}
	var err error
	if e.times, err = parseEach(words[len(words)-1], parseTimeRange); err != nil {
		return scheduleEntry{}, err
	}
	words = words[:len(words)-1]
	if len(words) > 0 && (words[0][0] >= '0' && words[0][0] <= '9' || len(words) == 2) {
		if e.dates, err = parseEach(words[0], parseDateRange); err != nil {
			return scheduleEntry{}, err
		}
		words = words[1:]
	}
	if len(words) > 0 {
		sets, err := parseEach(words[0], parseWeekdays)
		if err != nil {
			return scheduleEntry{}, err
		}
		e.days = 0
		for _, set := range sets {
			e.days |= set
		}
	}
	return e, nil
}

func (e *scheduleEntry) holds(date civilDate, weekday time.Weekday, minute int) bool {
	if len(e.dates) > 0 && !holdsDate(e.dates, date) || !e.days.holds(weekday) {
		return false
	}
	for _, t := range e.times {
		if t.from <= minute && minute < t.to {
			return true
		}
	}
	return false
}

// scheduling is the behaviour of the Scheduler.
type scheduling struct{ entries [schedules][]scheduleEntry }

func (m *scheduling) Check(settings []ion.Value, _ []bool) error {
	var dates []dateRange
	for i := range schedules {
		entries, err := parseSchedule(settings[i].Text)
		if err != nil {
			return fmt.Errorf("schedule %d: %w", i+1, err)
		}
		for _, e := range entries {
			dates = append(dates, e.dates...)
		}
	}
	if span, ok := datedSpan(dates); ok && span.last.monthCount()-span.first.monthCount() >= scheduleMonths {
		return fmt.Errorf("its dates, %v to %v, lie in more than %d months", span.first, span.last, scheduleMonths)
	}
	return nil
}

func (m *scheduling) Start(c *ion.Context) {
	for i := range m.entries {
		m.entries[i], _ = parseSchedule(c.SettingText(i)) // Check has seen them
	}
}

func (m *scheduling) Tick(c *ion.Context) {
	v := c.Input(inSchedulerTime)
	if !v.Available {
		m.Disabled(c)
		return
	}
	local := time.Unix(int64(v.Number), 0).UTC()
	date, weekday, minute := dateOf(local), local.Weekday(), local.Hour()*60+local.Minute()
	for i := range m.entries {
		on := false
		for e := range m.entries[i] {
			on = on || m.entries[i][e].holds(date, weekday, minute)
		}
		before := c.Output(outStatus + i)
		if on && before.Available && !before.IsTrue() {
			c.Pulse(outScheduleTurnOn + i)
		}
		c.SetOn(outStatus+i, on)
	}
}

func (m *scheduling) Disabled(c *ion.Context) {
	for i := range m.entries {
		c.SetNotAvailable(outStatus + i)
	}
}
