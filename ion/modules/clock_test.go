package modules

import (
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

func TestCalendar(t *testing.T) {
	const berlinSummer2026, berlinWinter2026 = "1774746000", "1792890000" // 29 March and 25 October, 01:00 UTC
	r := newRig(t, ion.Set{Register: "Clock/TZ Offset", Value: "3600"},
		ion.Set{Register: "Clock/DST Start 3", Value: berlinSummer2026}, ion.Set{Register: "Clock/DST End 3", Value: berlinWinter2026})
	for _, row := range []struct {
		utc  string
		want [7]float64 // year, month, day, hour, minute, second, day of week
		dst  float64
	}{
		{"2026-03-29T00:59:59Z", [7]float64{2026, 3, 29, 1, 59, 59, 1}, 0},
		{"2026-03-29T01:00:00Z", [7]float64{2026, 3, 29, 3, 0, 0, 1}, 1},
		{"2026-10-25T00:59:59Z", [7]float64{2026, 10, 25, 2, 59, 59, 1}, 1},
		{"2026-10-25T01:00:00Z", [7]float64{2026, 10, 25, 2, 0, 0, 1}, 0},
		{"2026-12-31T23:00:00Z", [7]float64{2027, 1, 1, 0, 0, 0, 6}, 0},
	} {
		t.Run(row.utc, func(t *testing.T) {
			r.TB = t
			utc, err := time.Parse(time.RFC3339, row.utc)
			if err != nil {
				t.Fatal(err)
			}
			r.node.Tick(utc, nil)
			for i, name := range []string{"Year", "Month", "Day", "Hour", "Minute", "Second", "Day of Week"} {
				r.want("Clock/"+name, row.want[i])
			}
			r.want("Clock/DST", row.dst)
			r.want("Clock/Universal Time", float64(utc.Unix()))
			r.want("Clock/Local Time", float64(utc.Unix())+3600+3600*row.dst)
		})
	}
}

func TestCalendarPulses(t *testing.T) {
	outputs := []string{"New Hour", "New Day", "New Week", "New Month", "New Year"}
	for _, row := range []struct {
		name         string
		before, then string
		want         []string
	}{
		{"within the hour", "2026-03-03T12:00:00Z", "2026-03-03T12:59:59Z", nil},
		{"an hour", "2026-03-03T12:59:59Z", "2026-03-03T13:00:00Z", outputs[:1]},
		{"a day", "2026-03-03T23:59:59Z", "2026-03-04T00:00:00Z", outputs[:2]},
		{"a Sunday", "2026-03-07T23:59:59Z", "2026-03-08T00:00:00Z", outputs[:3]},
		{"a month", "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z", []string{"New Hour", "New Day", "New Month"}},
		{"a year", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", []string{"New Hour", "New Day", "New Month", "New Year"}},
		{"set forward over a day", "2026-03-03T12:00:00Z", "2026-03-04T12:00:00Z", outputs[:2]},
		{"set back over midnight", "2026-03-04T00:10:00Z", "2026-03-03T23:50:00Z", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			tick := func(text string) time.Time {
				at, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				r.node.Tick(at, nil)
				return at
			}
			tick(row.before)
			at := tick(row.then)
			var got []string
			for _, name := range outputs {
				if v := r.value("Clock/" + name); v.Available && v.Time().Equal(at) {
					got = append(got, name)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("pulses %v, want %v", got, row.want)
			}
		})
	}
}

func TestNoBoundaryComesTwice(t *testing.T) {
	r := newRig(t, ion.Create{Type: "Integrator", Label: "Days"}, ion.Link{Input: "Days/Integrand", Register: "Power Meter/Vln a"},
		ion.Link{Input: "Days/Update Outputs", Register: "Clock/New Day"}, ion.Set{Register: "Days/Divisor", Value: "1"})
	for _, at := range []string{"2026-03-03T23:59:59Z", "2026-03-04T00:00:00Z"} {
		r.now, _ = time.Parse(time.RFC3339, at)
		r.now = r.now.Add(-time.Second)
		r.tick(1)
	}
	r.want("Days/Result", 2)
	r.now = r.now.Add(-10 * time.Second) // set back over midnight, and again forward
	r.ticks(15, 1)
	r.want("Days/Result", 2)
	r.now = r.now.AddDate(-1, 0, 0) // a clock that was a year ahead
	r.tick(1)
	r.now = time.Date(2025, 3, 4, 23, 59, 59, 0, time.UTC)
	r.tick(1)
	r.want("Days/Result", 19)
}

func TestClockStepIsLogged(t *testing.T) {
	r := newRig(t)
	r.tick(1)
	r.node.TakeChanges()
	r.now = r.now.Add(time.Minute)
	r.tick(1)
	events := r.node.TakeChanges().Events
	if len(events) != 1 || events[0].CauseValue != "clock step 1m0s" || events[0].Effect != "Clock/Universal Time" {
		t.Errorf("events %v, want the clock step", events)
	}
}
