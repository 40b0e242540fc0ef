package modules

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A rule that is taken holds in the middle of its ranges and not at their ends.
func FuzzBinRule(f *testing.F) {
	for _, text := range []string{"", "A 80..90 B 0.02..0.5", "b ..-1e9", "A 1..", "A 2..1", "A ..", "A 1..2 A 1..2", "A -1.7e308..1.7e308", "A 1..1.0000000000000002", "A 0x1p-2..1_000"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseBinRule(text)
		if err != nil {
			return
		}
		lowest, above := [2]float64{}, [2]float64{}
		for i := range lowest {
			lowest[i], above[i] = max(r.low[i], -math.MaxFloat64), r.high[i]
		}
		if asks := r.asks[0] || r.asks[1]; r.holds(lowest) != asks {
			t.Errorf("%q holds at its beginning: %v, want %v", text, !asks, asks)
		}
		if r.holds(above) || r.holds([2]float64{math.NaN(), math.NaN()}) {
			t.Errorf("%q holds where it must not", text)
		}
	})
}

// A schedule that is taken has only entries that can hold.
func FuzzSchedule(f *testing.F) {
	for _, text := range []string{"", "Mon-Fri 08:00-12:00,13:00-17:00; Sat 09:00-12:00", "2027-12-24..2028-01-02,05-01 Sun 00:00-24:00",
		"02-29 00:00-00:01", "Fri-Mon 00:00-24:00", "a b c", ";;", "08:00-07:00", "2027-02-29 08:00-09:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseSchedule(text)
		if err != nil {
			return
		}
		for _, e := range entries {
			if len(e.times) == 0 || e.days == 0 || e.days > everyDay {
				t.Errorf("%q has an entry without times or days: %+v", text, e)
			}
			date := civilDate{2028, 2, 29}
			if len(e.dates) > 0 {
				date = e.dates[0].first
			}
			for _, at := range e.times {
				held := false
				for day := range time.Weekday(7) {
					held = held || e.holds(date, day, at.from)
				}
				if !held || at.to > minutesPerDay {
					t.Errorf("%q does not hold at the beginning of %+v", text, at)
				}
			}
		}
	})
}

// A tariff that is taken has a season, a type and a rate for every day, but for those
// outside dated years.
func FuzzTariff(f *testing.F) {
	f.Add("01-01..06-30", "07-01..12-31", "Mon-Fri", "12-25,2026-04-06", "00:00 1,07:00 2", "01,03-31T00:15,2026-12-31T23:59")
	f.Add("2026-01-01..2026-12-31", "", "Mon-Fri,2026-05-02", "", "00:00 4", "")
	f.Add("11-01..03-31", "04-01..10-31", "Fri-Tue", "Wed,Thu", "00:00 1", "29")
	f.Add("", "", "Mon-Fri", "Mon", "00:00 5", "32")
	f.Add("2000-01-01..2099-12-31", "2027-02-29", "Mon-", "..", "24:00 1", "T")
	f.Fuzz(func(t *testing.T, season1, season2, weekdayDays, holidayDays, rates, dates string) {
		b, err := newTariffBook(func(setup int) string {
			switch setup {
			case setSeasons:
				return season1
			case setSeasons + 1:
				return season2
			case setDayLists:
				return weekdayDays
			case setDayLists + 1:
				return "Sat,Sun"
			case setDayLists + dayTypes - 1:
				return holidayDays
			case setSelfRead, setAutoReset:
				return dates
			}
			if setup >= setRateLists {
				return rates
			}
			return ""
		})
		if err != nil {
			return
		}
		dated := strings.Contains(season1+season2, "20")
		for day := range 366 {
			at := time.Date(2028, 1, 1+day, 23, 59, 0, 0, time.UTC)
			switch x := b.at(at); {
			case x == ratedTime{} && dated:
			case x.season < 1 || x.season > 2 || x.day < 1 || x.day > dayTypes || x.rate < 1 || x.rate > tariffRates:
				t.Fatalf("on %v %+v holds", at, x)
			}
		}
		from := time.Date(2028, 1, 31, 0, 0, 0, 0, time.UTC).Unix() / 60
		if due, ok := latestDue(b.selfRead, from, from+31*minutesPerDay); ok && (due.Unix()/60 <= from || due.Unix()/60 > from+31*minutesPerDay) {
			t.Errorf("%v is due outside of what was asked for", due)
		}
	})
}

// A message that is taken says the same when it is written out of its parts again.
func FuzzMessage(f *testing.F) {
	for _, text := range []string{"", "{label}: {1} A {{not}}", "{", "}", "{9}", "}}{{", "{LABEL}{8}", "{1"} {
		f.Add(text)
	}
	escape := strings.NewReplacer("{", "{{", "}", "}}")
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := parseMessage(text)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, p := range parts {
			switch p.source {
			case 0:
				b.WriteString(escape.Replace(p.text))
			case messageLabel:
				b.WriteString("{label}")
			default:
				b.WriteString("{" + string(rune('0'+p.source)) + "}")
			}
		}
		again, err := parseMessage(b.String())
		if err != nil || !reflect.DeepEqual(again, parts) {
			t.Errorf("%q is %+v, written again %+v (%v)", text, parts, again, err)
		}
	})
}
