package modules

import (
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
)

func schedulers(settings ...string) []ion.Change {
	return slices.Concat(externals("Boolean", "On"), module("Scheduler", []string{"Time", "Clock/Local Time", "Enable", "On/Switch"}, settings),
		counted("M", "Trigger 1"), counted("M", "Trigger 2"))
}

// Rules of the Scheduler (ION Reference, Scheduler module; matrix 2.12).
func TestScheduler(t *testing.T) {
	enabled := func(run func(*rig)) func(*rig) {
		return func(r *rig) {
			r.turn("On/Switch", true)
			run(r)
		}
	}
	// statuses checks Status 1 at times.
	statuses := func(want map[string]float64) func(*rig) {
		return enabled(func(r *rig) {
			for at, on := range want {
				r.at(at)
				if v := r.value("M/Status 1"); !v.Available || v.Number != on {
					r.Errorf("at %s Status 1 is %v, want %v", at, v, on)
				}
			}
		})
	}
	runRows(t, []row{
		{"Time not linked: not functioning", module("Scheduler", nil, nil), func(r *rig) { r.wantOffline("the mandatory input Time is not linked") }},
		{"days of the week and times, the end not included", schedulers("Schedule 1", "Mon-Fri 08:00-12:00,13:00-17:00; Sat 09:00-12:00"), statuses(map[string]float64{
			"2026-03-02T07:59:59Z": 0, "2026-03-02T08:00:00Z": 1, "2026-03-02T12:00:00Z": 0, "2026-03-02T13:00:00Z": 1,
			"2026-03-02T16:59:59Z": 1, "2026-03-07T08:30:00Z": 0, "2026-03-07T11:00:00Z": 1, "2026-03-08T11:00:00Z": 0,
		})},
		{"dates of one year and of every year", schedulers("Schedule 1", "2026-12-24..2027-01-02 00:00-24:00; 05-01 06:00-22:00"), statuses(map[string]float64{
			"2026-12-23T23:59:59Z": 0, "2026-12-24T00:00:00Z": 1, "2027-01-02T23:59:59Z": 1, "2027-01-03T00:00:00Z": 0, "2027-12-25T12:00:00Z": 0,
			"2030-05-01T12:00:00Z": 1, "2031-05-01T05:59:59Z": 0,
		})},
		{"a range over the turn of the year; days that turn the week", schedulers("Schedule 1", "11-01..02-28 Fri-Mon 00:00-24:00"), statuses(map[string]float64{
			"2026-01-02T12:00:00Z": 1, "2026-01-06T12:00:00Z": 0, "2026-11-02T12:00:00Z": 1, "2026-10-30T12:00:00Z": 0, "2028-02-29T12:00:00Z": 0,
		})},
		{"an empty schedule is never ON", schedulers(), statuses(map[string]float64{"2026-03-02T07:59:59Z": 0})},
		{"daylight saving is followed", slices.Concat(schedulers("Schedule 1", "03:00-04:00"), []ion.Change{ion.Set{Register: "Clock/TZ Offset", Value: "3600"},
			ion.Set{Register: "Clock/DST Start 1", Value: "1774746000"}, ion.Set{Register: "Clock/DST End 1", Value: "1792890000"}}), statuses(map[string]float64{
			"2026-03-28T02:30:00Z": 1, "2026-03-29T00:59:59Z": 0, "2026-03-29T01:00:00Z": 1, "2026-03-29T02:00:00Z": 0,
		})},
		{"Trigger when Status goes ON", schedulers("Schedule 1", "12:00-12:01;12:02-12:03", "Schedule 2", "00:00-24:00"), enabled(func(r *rig) {
			r.ticks(59, 1)
			r.want("#Trigger 1/Count", 0)
			r.ticks(62, 1)
			r.want("#Trigger 1/Count", 1)
			r.want("#Trigger 2/Count", 0)
		})},
		{"Enable off: all 8 Status N/A", schedulers("Schedule 1", "00:00-24:00"), func(r *rig) {
			r.turn("On/Switch", true)
			r.tick(1)
			r.want("M/Status 1", 1)
			r.want("M/Status 8", 0)
			r.turn("On/Switch", false)
			r.tick(1)
			for _, name := range []string{"Status 1", "Status 8"} {
				r.want("M/"+name, na)
			}
			r.turn("On/Switch", true)
			r.tick(1)
			r.want("M/Status 1", 1)
			r.want("#Trigger 1/Count", 0) // it did not come from OFF
		}},
		{"power-up: follows the clock, without a Trigger", schedulers("Schedule 1", "12:00-13:00"), enabled(func(r *rig) {
			r.tick(1)
			r.restart()
			r.tick(1)
			r.want("M/Status 1", 1)
			r.want("#Trigger 1/Count", 0)
		})},
		{"dates in more than 24 months", schedulers("Schedule 1", "2026-03-31 00:00-01:00", "Schedule 8", "2028-03-01 00:00-01:00"), func(r *rig) {
			r.wantOffline("its dates, 2026-03-31 to 2028-03-01, lie in more than 24 months")
			r.do(ion.Set{Register: "M/Schedule 8", Value: "2028-02-29 00:00-01:00"})
			r.wantOffline("")
		}},
		{"a bad schedule is refused", schedulers(), func(r *rig) {
			for _, text := range []string{"Mon", "08:00", "08:00-", "17:00-08:00", "22:00-06:00", "24:00-24:00", "08:00-25:00", "8:00-9:00", "Mon-Fry 08:00-09:00",
				"2026-02-30 08:00-09:00", "02-30 08:00-09:00", "2026-03-02..2026-03-01 08:00-09:00", "2026-03-02..04-01 08:00-09:00", "1999-01-01 00:00-01:00",
				"Mon 2026-03-02 08:00-09:00", "a b c 08:00-09:00", ";", "08:00-09:00;", "Mon, Tue 08:00-09:00", strings.Repeat("08:00-09:00;", 60)} {
				if err := r.node.Program([]ion.Change{ion.Set{Register: "M/Schedule 1", Value: text}}, ion.By{}, r.now); err == nil {
					r.Errorf("%q is accepted", text)
				}
			}
		}},
	})
}

func tariffs(settings ...string) []ion.Change {
	return slices.Concat(externals("Boolean", "On"), module("Time of Use", []string{"Time", "Clock/Local Time", "Enable", "On/Switch"}, settings),
		counted("M", "Season Change"), counted("M", "Day Type Change"), counted("M", "Rate Change"), counted("M", "Self-Read"), counted("M", "Auto-Reset"))
}

// Rules of Time of Use (ION Reference, Time of Use module).
func TestTimeOfUse(t *testing.T) {
	enabled := func(run func(*rig)) func(*rig) {
		return func(r *rig) {
			r.turn("On/Switch", true)
			run(r)
		}
	}
	type moment struct {
		at                string
		season, day, rate float64
	}
	moments := func(list ...moment) func(*rig) {
		return enabled(func(r *rig) {
			for _, m := range list {
				r.at(m.at)
				for name, want := range map[string]float64{"Season": m.season, "Day Type": m.day, "Active Rate": m.rate} {
					if v := r.value("M/" + name); v.Available != (want == want) || v.Available && v.Number != want {
						r.Errorf("at %s %s is %v, want %v", m.at, name, v, want)
					}
				}
			}
		})
	}
	summer := []string{"Season 1", "11-01..03-31", "Season 2", "04-01..10-31", "Season 1 Weekday", "00:00 1, 07:00 2, 21:00 1", "Season 2 Weekday", "00:00 3,12:30 4",
		"Season 2 Holiday", "00:00 2", "Alternate 1 Days", "Fri", "Weekday Days", "Mon-Thu", "Season 1 Alternate 1", "00:00 4", "Holiday Days", "12-25,2026-04-06", "Alternate 2 Days", "2026-03-03,12-25"}
	runRows(t, []row{
		{"Time not linked: offline", module("Time of Use", nil, nil), func(r *rig) { r.wantOffline("the mandatory input Time is not linked") }},
		{"as it comes: rate 1 all day, all year", tariffs(), moments(
			moment{"2026-03-02T12:00:01Z", 1, 1, 1}, moment{"2026-03-07T12:00:01Z", 1, 2, 1}, moment{"2040-12-31T23:59:59Z", 1, 1, 1})},
		{"season, type of day and time choose the rate", tariffs(summer...), moments(
			moment{"2026-03-02T06:59:59Z", 1, 1, 1}, moment{"2026-03-02T07:00:01Z", 1, 1, 2}, moment{"2026-03-02T21:00:01Z", 1, 1, 1},
			moment{"2026-03-06T12:00:01Z", 1, 3, 4}, moment{"2026-03-07T12:00:01Z", 1, 2, 1},
			moment{"2026-04-01T12:30:01Z", 2, 1, 4}, moment{"2026-10-31T12:00:01Z", 2, 2, 1}, moment{"2026-11-01T00:00:01Z", 1, 2, 1})},
		{"dates go before days of the week, holidays before alternate days", tariffs(summer...), moments(
			moment{"2026-04-06T12:00:01Z", 2, 5, 2}, moment{"2026-03-03T12:00:01Z", 1, 4, 1}, moment{"2027-12-25T12:00:01Z", 1, 5, 1})},
		{"evaluated one second after the minute began", tariffs(summer...), enabled(func(r *rig) {
			r.at("2026-03-02T06:59:58Z")
			for _, want := range []float64{1, 1, 2} { // :59, :00, :01
				r.tick(1)
				r.want("M/Active Rate", want)
			}
			r.want("#Rate Change/Count", 1)
		})},
		{"the Rate Booleans follow, and the schedule has a name", tariffs(summer...), enabled(func(r *rig) {
			r.at("2026-03-02T07:00:01Z")
			for name, want := range map[string]float64{"Rate 1": 0, "Rate 2": 1, "Rate 3": 0, "Rate 4": 0} {
				r.want("M/"+name, want)
			}
			r.wantText("M/Active Schedule", "Season 1 Weekday")
		})},
		{"pulses and an event on change", tariffs(summer...), enabled(func(r *rig) {
			r.at("2026-03-31T23:59:59Z")
			for _, name := range []string{"Season Change", "Day Type Change", "Rate Change"} {
				r.want("#"+name+"/Count", 0)
			}
			r.events()
			r.ticks(2, 1) // Wednesday 1 April
			r.want("#Season Change/Count", 1)
			r.want("#Day Type Change/Count", 0)
			r.want("#Rate Change/Count", 1)
			e := r.events()
			if len(e) != 1 || e[0].Priority != ion.PriorityInformation || e[0].Effect != "M/Season" || e[0].CauseValue != "1" || e[0].EffectValue != "2" {
				r.Errorf("events %+v", e)
			}
		})},
		{"a change during a power cut is pulsed at power-up", tariffs(summer...), enabled(func(r *rig) {
			r.at("2026-03-02T06:00:00Z")
			r.restart()
			r.at("2026-03-02T08:00:30Z")
			r.want("M/Active Rate", 2)
			r.want("#Rate Change/Count", 1)
			r.want("#Season Change/Count", 0)
		})},
		{"power-up: evaluated at the first turn", tariffs(summer...), enabled(func(r *rig) {
			r.at("2026-03-02T07:00:01Z")
			r.restart()
			r.tick(1)
			r.want("M/Active Rate", 2)
			r.want("#Rate Change/Count", 0)
		})},
		{"a change of the setup: evaluated at the next turn", tariffs(), enabled(func(r *rig) {
			r.at("2026-03-02T12:00:10Z")
			r.do(ion.Set{Register: "M/Season 1 Weekday", Value: "00:00 3"})
			r.want("M/Active Rate", na)
			r.tick(1)
			r.want("M/Active Rate", 3)
		})},
		{"Enable off: N/A", tariffs(), func(r *rig) {
			r.turn("On/Switch", true)
			r.tick(1)
			r.want("M/Rate 1", 1)
			r.turn("On/Switch", false)
			r.tick(1)
			for _, name := range []string{"Season", "Day Type", "Active Rate", "Active Schedule", "Rate 1", "Rate 4"} {
				r.want("M/"+name, na)
			}
			r.turn("On/Switch", true)
			r.tick(1)
			r.want("M/Rate 1", 1)
		}},
		{"self-read and auto-reset dates", tariffs("Self-Read Dates", "2026-03-02T00:15,03-04,05", "Auto-Reset Dates", "2026-04-01"), enabled(func(r *rig) {
			read := func(at string, want float64) {
				r.Helper()
				r.at(at)
				if got := r.value("#Self-Read/Count").Number; got != want {
					r.Errorf("at %s %v self-reads, want %v", at, got, want)
				}
			}
			read("2026-03-02T00:14:59Z", 0)
			r.tick(1)
			read("2026-03-02T00:15:01Z", 1)
			read("2026-03-02T00:16:01Z", 1)
			read("2026-03-03T23:59:01Z", 1)
			read("2026-03-04T00:00:01Z", 2)
			read("2026-03-04T23:59:59Z", 2)
			read("2026-03-05T00:00:01Z", 3)
			r.want("#Auto-Reset/Count", 0)
			read("2026-04-01T00:00:01Z", 3)
			r.want("#Auto-Reset/Count", 1)
		})},
		{"a date that passed without power is served at power-up, once", tariffs("Self-Read Dates", "01"), enabled(func(r *rig) {
			r.at("2026-02-27T12:00:00Z")
			r.restart()
			r.events()
			r.at("2026-05-02T12:00:00Z")
			r.want("#Self-Read/Count", 1)
			if e := r.events(); len(e) != 1 || e[0].CauseValue != "date 2026-05-01 00:00" {
				r.Errorf("events %+v", e)
			}
			r.ticks(120, 1)
			r.want("#Self-Read/Count", 1)
		})},
		{"set back by less than a day: no date comes twice", tariffs("Self-Read Dates", "01"), enabled(func(r *rig) {
			r.at("2026-02-28T23:59:50Z")
			r.ticks(20, 1)
			r.want("#Self-Read/Count", 1)
			r.at("2026-02-28T23:59:00Z")
			r.ticks(200, 1)
			r.want("#Self-Read/Count", 1)
		})},
		{"set back by a month: dates come again", tariffs("Self-Read Dates", "01"), enabled(func(r *rig) {
			r.at("2026-03-31T12:00:00Z")
			r.at("2026-02-28T12:00:00Z")
			r.want("#Self-Read/Count", 0)
			r.at("2026-03-01T12:00:00Z")
			r.want("#Self-Read/Count", 1)
		})},
		{"Enable off: dates pass unserved", tariffs("Self-Read Dates", "01"), func(r *rig) {
			r.turn("On/Switch", true)
			r.at("2026-02-28T12:00:00Z")
			r.turn("On/Switch", false)
			r.at("2026-03-01T12:00:00Z")
			r.turn("On/Switch", true)
			r.ticks(120, 1)
			r.want("#Self-Read/Count", 0)
		}},
		{"a date before the first start ever is not served", tariffs("Self-Read Dates", "01"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:00Z")
			r.want("#Self-Read/Count", 0)
		})},
		{"seasons year by year; a day outside has none", tariffs("Season 1", "2026-01-01..2026-05-15,2026-10-01..2027-12-31", "Season 2", "2026-05-16..2026-09-30"), func(r *rig) {
			moments(moment{"2026-05-16T12:00:01Z", 2, 2, 1}, moment{"2027-05-16T12:00:01Z", 1, 2, 1}, moment{"2028-01-01T00:00:01Z", na, na, na})(r)
			e := r.events()
			if last := e[len(e)-1]; last.Priority != ion.PriorityWarning || last.CauseValue != "no season has the date 2028-01-01" {
				r.Errorf("events %+v", e)
			}
			r.ticks(180, 1)
			if e := r.events(); len(e) != 0 {
				r.Errorf("the warning comes again: %+v", e)
			}
		}},
		{"a gap between seasons: offline", tariffs("Season 1", "01-01..06-30", "Season 2", "07-02..12-31"), func(r *rig) { r.wantOffline("07-01 is in no season") }},
		{"an overlap of seasons: offline", tariffs("Season 1", "01-01..06-30", "Season 2", "06-30..12-31"), func(r *rig) { r.wantOffline("06-30 is in season 1 and in season 2") }},
		{"29 February needs a season, too", tariffs("Season 1", "03-01..02-28"), func(r *rig) { r.wantOffline("02-29 is in no season") }},
		{"a gap in one of the years: offline", tariffs("Season 1", "2026-01-01..2026-12-31", "Season 3", "2027-01-02..2027-12-31"), func(r *rig) { r.wantOffline("2027-01-01 is in no season") }},
		{"more than 20 years: offline", tariffs("Season 1", "2026-01-01..2046-01-01"), func(r *rig) { r.wantOffline("its seasons, 2026-01-01 to 2046-01-01, lie in more than 20 years") }},
		{"20 years", tariffs("Season 1", "2026-01-01..2045-12-31"), func(r *rig) { r.wantOffline("") }},
		{"a day of the week in no list: offline", tariffs("Weekend Days", "Sat"), func(r *rig) { r.wantOffline("Sun is in no list of days") }},
		{"a day of the week in two lists: offline", tariffs("Alternate 1 Days", "Wed"), func(r *rig) { r.wantOffline("Wed is a day of type weekday and of type alternate 1") }},
		{"daylight saving is followed", slices.Concat(tariffs("Season 1 Weekend", "00:00 1,02:30 2,03:30 3"), []ion.Change{ion.Set{Register: "Clock/TZ Offset", Value: "3600"},
			ion.Set{Register: "Clock/DST Start 1", Value: "1774746000"}, ion.Set{Register: "Clock/DST End 1", Value: "1792890000"}}), moments(
			moment{"2026-03-29T00:59:59Z", 1, 2, 1}, moment{"2026-03-29T01:00:01Z", 1, 2, 2}, moment{"2026-03-29T01:30:01Z", 1, 2, 3})},
		{"bad texts are refused", tariffs(summer...), func(r *rig) {
			for register, texts := range map[string][]string{
				"Season 1":         {"x", "01-01..", "..01-01", "01-01..02-30", "13-01", "1-1..2-2", "01-01..2027-01-01", ",", "Mon"},
				"Holiday Days":     {"Mo", "12-25;12-26", "12-25..", ",", "Mon-", "00-01"},
				"Season 1 Weekday": {"", "07:00 2", "00:00", "00:00 0", "00:00 5", "00:00 1,00:00 2", "00:00 1,12:00 2,11:00 3", "00:00 1,24:00 2", "00:00 11", "00:00 1," + strings.Repeat("00:01 1,", 24) + "23:00 1"},
				"Self-Read Dates":  {"1", "32", "00", "03-01T", "03-01T24:00", "03-01 00:00", "2027-02-29", "03-01T00:60"},
			} {
				for _, text := range texts {
					if err := r.node.Program([]ion.Change{ion.Set{Register: "M/" + register, Value: text}}, ion.By{}, r.now); err == nil {
						r.Errorf("%s = %q is accepted", register, text)
					}
				}
			}
		}},
	})
}

func TestTariffsAllocateNothing(t *testing.T) {
	noAllocations(t, slices.Concat(
		module("Time of Use", []string{"Time", "Clock/Local Time"}, []string{"Season 1 Weekend", "00:00 1,12:01 2,12:02 3", "Self-Read Dates", "05-01", "Holiday Days", "12-25"}),
		[]ion.Change{ion.Create{Type: "Scheduler", Label: "S"}, ion.Link{Input: "S/Time", Register: "Clock/Local Time"},
			ion.Set{Register: "S/Schedule 1", Value: "2026-03-01 Sun 12:01-12:02; Mon 00:00-24:00"}})...)
}
