package modules

import (
	"fmt"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// Setup registers of Time of Use: seasons, lists of days, rate schedules by season
// and type of day, and dates.
const (
	setSeasons   = 0
	setDayLists  = setSeasons + seasons
	setRateLists = setDayLists + dayTypes
	setSelfRead  = setRateLists + seasons*dayTypes
	setAutoReset = setSelfRead + 1
)

// dayTypes is the number of types of days; of two lists with the same date the later
// one has it.
const dayTypes = 5

var dayTypeNames = [dayTypes]string{"Weekday", "Weekend", "Alternate 1", "Alternate 2", "Holiday"}

// rateScheduleName is the label of a rate schedule's register; both count from 1.
func rateScheduleName(season, day int) string {
	return fmt.Sprintf("Season %d %s", season, dayTypeNames[day-1])
}

func tariffSetups() []ion.Setup {
	text := func(name, value string, bytes int, doc string, check func(string) error) ion.Setup {
		return ion.Setup{Name: name, Class: ion.String, MaxLength: bytes, Default: value, Doc: doc, Check: check}
	}
	var list []ion.Setup
	for i := 1; i <= seasons; i++ {
		list = append(list, text(fmt.Sprintf("Season %d", i), "", seasonBytes, "its dates", func(text string) error {
			_, err := parseEach(text, parseDateRange)
			return err
		}))
	}
	for day, name := range dayTypeNames {
		list = append(list, text(name+" Days", [dayTypes]string{"Mon-Fri", "Sat,Sun"}[day], dayListBytes, "the days of this type", func(text string) error {
			_, err := parseDayList(text)
			return err
		}))
	}
	for season := 1; season <= seasons; season++ {
		for day := 1; day <= dayTypes; day++ {
			list = append(list, text(rateScheduleName(season, day), "00:00 1", rateBytes, "the rates of such a day", func(text string) error {
				_, err := parseRateSchedule(text)
				return err
			}))
		}
	}
	for _, name := range []string{"Self-Read", "Auto-Reset"} {
		list = append(list, text(name+" Dates", "", datesBytes, "when "+name+" is pulsed", func(text string) error {
			_, err := parseEach(text, parseDueDate)
			return err
		}))
	}
	return list
}

// tariffBook is the setup of a Time of Use module, read.
type tariffBook struct {
	seasons             [seasons][]dateRange
	allYear             bool // season 1 has every day
	days                [dayTypes]dayList
	rates               [seasons][dayTypes]rateSchedule
	rateNames           [seasons][dayTypes]string
	selfRead, autoReset []dueDate
}

// newTariffBook reads the setup registers and says what is wrong with them together.
func newTariffBook(setting func(setup int) string) (*tariffBook, error) {
	b := &tariffBook{}
	var err error
	for i := range b.seasons {
		if b.seasons[i], err = parseEach(setting(setSeasons+i), parseDateRange); err != nil {
			return nil, fmt.Errorf("season %d: %w", i+1, err)
		}
	}
	for i := range b.days {
		if b.days[i], err = parseDayList(setting(setDayLists + i)); err != nil {
			return nil, fmt.Errorf("days of type %s: %w", strings.ToLower(dayTypeNames[i]), err)
		}
	}
	for s := range b.rates {
		for d := range b.rates[s] {
			b.rateNames[s][d] = rateScheduleName(s+1, d+1)
			if b.rates[s][d], err = parseRateSchedule(setting(setRateLists + s*dayTypes + d)); err != nil {
				return nil, fmt.Errorf("rates of %s: %w", b.rateNames[s][d], err)
			}
		}
	}
	if b.selfRead, err = parseEach(setting(setSelfRead), parseDueDate); err != nil {
		return nil, fmt.Errorf("dates of self-read: %w", err)
	}
	if b.autoReset, err = parseEach(setting(setAutoReset), parseDueDate); err != nil {
		return nil, fmt.Errorf("dates of auto-reset: %w", err)
	}
	if err := b.checkSeasons(); err != nil {
		return nil, err
	}
	return b, b.checkWeek()
}

// checkSeasons finds days without a season or with two.
func (b *tariffBook) checkSeasons() error {
	var all []dateRange
	for _, s := range b.seasons {
		all = append(all, s...)
	}
	b.allYear = len(all) == 0
	if b.allYear {
		return nil
	}
	span, dated := datedSpan(all)
	if !dated { // a leap year has every day that there is
		span = dateRange{civilDate{2000, 1, 1}, civilDate{2000, 12, 31}}
	} else if span.last.year-span.first.year >= tariffYears {
		return fmt.Errorf("its seasons, %v to %v, lie in more than %d years", span.first, span.last, tariffYears)
	}
	for t := span.first.time(); !t.After(span.last.time()); t = t.AddDate(0, 0, 1) {
		d := dateOf(t)
		found := 0
		for i, ranges := range b.seasons {
			if !holdsDate(ranges, d) {
				continue
			}
			if !dated {
				d.year = 0
			}
			if found > 0 {
				return fmt.Errorf("%v is in season %d and in season %d", d, found, i+1)
			}
			found = i + 1
		}
		if found == 0 {
			if !dated {
				d.year = 0
			}
			return fmt.Errorf("%v is in no season", d)
		}
	}
	return nil
}

// checkWeek finds days of the week without a type or with two.
func (b *tariffBook) checkWeek() error {
	for day, name := range weekdayNames {
		found := -1
		for i, list := range b.days {
			if !list.week.holds(time.Weekday(day)) {
				continue
			}
			if found >= 0 {
				return fmt.Errorf("%s is a day of type %s and of type %s", name, strings.ToLower(dayTypeNames[found]), strings.ToLower(dayTypeNames[i]))
			}
			found = i
		}
		if found < 0 {
			return fmt.Errorf("%s is in no list of days", name)
		}
	}
	return nil
}

// at returns what holds at a local time.
func (b *tariffBook) at(local time.Time) ratedTime {
	d := dateOf(local)
	season := b.season(d)
	if season == 0 {
		return ratedTime{}
	}
	day := b.day(d, local.Weekday())
	return ratedTime{season, day, b.rates[season-1][day-1].at(local.Hour()*60 + local.Minute())}
}

// season returns the season of a date, 0 if it has none.
func (b *tariffBook) season(d civilDate) int {
	if b.allYear {
		return 1
	}
	for i, ranges := range b.seasons {
		if holdsDate(ranges, d) {
			return i + 1
		}
	}
	return 0
}

// day returns the type of a day.
func (b *tariffBook) day(d civilDate, weekday time.Weekday) int {
	byName := 0
	for i := dayTypes - 1; i >= 0; i-- {
		if holdsDate(b.days[i].dates, d) {
			return i + 1
		}
		if b.days[i].week.holds(weekday) {
			byName = i + 1
		}
	}
	return byName
}

// dayList is days of the week and dates.
type dayList struct {
	week  weekdays
	dates []dateRange
}

func parseDayList(text string) (dayList, error) {
	var list dayList
	for _, item := range splitList(text, ",") {
		if item != "" && (item[0] < '0' || item[0] > '9') {
			set, err := parseWeekdays(item)
			if err != nil {
				return dayList{}, err
			}
			list.week |= set
			continue
		}
		r, err := parseDateRange(item)
		if err != nil {
			return dayList{}, err
		}
		list.dates = append(list.dates, r)
	}
	return list, nil
}

// rateSchedule is the rates of a day, each from a minute on.
type rateSchedule []rateStart

type rateStart struct{ minute, rate int }

func parseRateSchedule(text string) (rateSchedule, error) {
	starts, err := parseEach(text, func(item string) (rateStart, error) {
		words := strings.Fields(item)
		if len(words) != 2 || len(words[1]) != 1 || words[1][0] < '1' || words[1][0] > '0'+tariffRates {
			return rateStart{}, fmt.Errorf("%q is no change of rate: write a time and a rate from 1 to %d, such as 07:00 2", item, tariffRates)
		}
		minute, err := parseMinute(words[0])
		return rateStart{minute, int(words[1][0] - '0')}, err
	})
	switch {
	case err != nil:
		return nil, err
	case len(starts) == 0 || starts[0].minute != 0:
		return nil, fmt.Errorf("%q does not begin at midnight: write 00:00 and the first rate", text)
	case len(starts) > rateChanges:
		return nil, fmt.Errorf("%d changes of rate in a day are more than %d", len(starts), rateChanges)
	}
	for i, s := range starts[1:] {
		if s.minute <= starts[i].minute || s.minute >= minutesPerDay {
			return nil, fmt.Errorf("%q: the times must grow and be before 24:00", text)
		}
	}
	return starts, nil
}

func (s rateSchedule) at(minute int) (rate int) {
	for _, start := range s {
		if start.minute > minute {
			break
		}
		rate = start.rate
	}
	return rate
}

// dueDate is a minute of a date, of that day of every year, or of every month; then
// year or also month is 0.
type dueDate struct {
	civilDate
	minute int
}

// parseDueDate reads "2027-03-01T00:15", "03-01" or "01".
func parseDueDate(text string) (dueDate, error) {
	date, at, timed := strings.Cut(text, "T")
	var due dueDate
	var err error
	if timed {
		if due.minute, err = parseMinute(at); err == nil && due.minute == minutesPerDay {
			err = fmt.Errorf("%s: write the midnight before a day as 00:00 of that day", text)
		}
		if err != nil {
			return dueDate{}, err
		}
	}
	if len(date) == len("01") {
		// Any January has every number of a day.
		if due.civilDate, err = parseDate("01-" + date); err != nil {
			return dueDate{}, fmt.Errorf("%q is no day of the month: write 01 to 31", date)
		}
		due.month = 0
		return due, nil
	}
	due.civilDate, err = parseDate(date)
	return due, err
}

func (due dueDate) on(d civilDate) bool {
	return (due.year == 0 || due.year == d.year) && (due.month == 0 || due.month == d.month) && due.day == d.day
}

// latestDue returns the latest date after one local minute and until another.
func latestDue(dates []dueDate, after, until int64) (latest time.Time, ok bool) {
	if len(dates) == 0 {
		return latest, false
	}
	// A clock that was a lifetime wrong has passed every date of the latest years.
	after = max(after, until-tariffYears*366*minutesPerDay)
	for day := until / minutesPerDay; day >= after/minutesPerDay; day-- {
		d := dateOf(time.Unix(day*minutesPerDay*60, 0).UTC())
		for _, due := range dates {
			minute := day*minutesPerDay + int64(due.minute)
			if at := time.Unix(minute*60, 0).UTC(); due.on(d) && after < minute && minute <= until && at.After(latest) {
				latest, ok = at, true
			}
		}
		if ok {
			break
		}
	}
	return latest, ok
}
