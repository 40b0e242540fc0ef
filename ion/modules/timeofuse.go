package modules

import (
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inTariffEnable = iota
	inTariffTime
)

const (
	outSeason = iota
	outDayType
	outActiveRate
	outActiveSchedule
	outRate1
)

// The pulse outputs follow the Booleans of the rates.
const (
	outSeasonChange = outRate1 + tariffRates + iota
	outDayTypeChange
	outRateChange
	outSelfRead
	outAutoReset
)

func timeOfUse() ion.Type {
	t := ion.Type{
		Number: numberTimeOfUse, Name: "Time of Use", Kind: ion.Standard,
		Doc: fmt.Sprintf("The tariff: the season of the date and the type of the day choose a rate schedule, and that says which of %d rates is active at each "+
			"time of the day. Everything is evaluated by the local time one second after each minute begins, so that what is logged at the boundary "+
			"still belongs to the old rate, and at the first turn after power-up or a change of the setup. ", tariffRates) +
			"Seasons are lists of dates, \"11-01..03-31\" for every year or \"2027-05-01..2027-09-30,2028-05-03..2028-10-01\" year by year; they must cover every day once, for " +
			"every year or, with dates of single years, from the first to the last of those, at most " + fmt.Sprint(tariffYears) + " years; else the module is offline. All empty, season 1 " +
			"rules all year. On a day outside the dated years the outputs are NOT AVAILABLE, and a warning is raised. Lists of days have names and ranges of Sun, Mon, Tue, Wed, Thu, Fri, Sat, and dates: \"Sat,Sun\", \"12-25,2027-03-29\"; " +
			"each day of the week stands in exactly one of them, and dates go before names, holidays before alternate 2, that before alternate 1, weekend and weekday. A rate schedule is \"00:00 1, 07:00 2, 21:00 1\": " +
			"times and the rate from then on, from midnight, in order. Self-Read and Auto-Reset are lists of dates, each with a time if that is not midnight: \"2027-03-01T00:15\", \"03-01\" of every year, \"01\" of every month; " +
			"one that passed while the meter was without power, or was jumped over when the clock was set forward, is served at the next evaluation, all of them by one pulse; after " +
			"the clock was set back by less than a day none comes twice. " +
			"While Enable is OFF, or Time is NOT AVAILABLE, the outputs are NOT AVAILABLE and the dates pass unserved. Changes of season, self-reads and auto-resets are events of priority 25.",
		Source: "ION Reference (7EN02-0290), Time of Use module; the syntax, the order of day lists and the rules of missed dates are ours",
		Inputs: []ion.Input{enableInput(), {Name: "Time", Classes: []ion.Class{ion.TimeStamp}, Mandatory: true}},
		Outputs: []ion.Output{
			{Name: "Season", Class: ion.Numeric, Doc: "1 to 4"},
			{Name: "Day Type", Class: ion.Numeric, Doc: "1 weekday, 2 weekend, 3 alternate 1, 4 alternate 2, 5 holiday"},
			{Name: "Active Rate", Class: ion.Numeric, Doc: "1 to 4"},
			{Name: "Active Schedule", Class: ion.String, Doc: "the name of the rate schedule that holds today"},
		},
		New: func() ion.Behaviour { return &tariff{} },
	}
	for rate := 1; rate <= tariffRates; rate++ {
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Rate %d", rate), Class: ion.Boolean, Doc: "ON while this rate is active"})
	}
	pulse := func(name, doc string) {
		t.Outputs = append(t.Outputs, ion.Output{Name: name, Class: ion.Pulse, Doc: doc})
	}
	pulse("Season Change", "the season is another than at the evaluation before, also across a power cut")
	pulse("Day Type Change", "the type of the day is another")
	pulse("Rate Change", "the active rate is another")
	pulse("Self-Read", "a self-read date came")
	pulse("Auto-Reset", "an auto-reset date came")
	t.Setups = tariffSetups()
	return t
}

// tariff is the behaviour of Time of Use.
type tariff struct {
	book    *tariffBook
	running bool  // whether the present minute was evaluated
	minute  int64 // the latest minute that was evaluated, local, since 1970
	now     ratedTime
	// served is the latest minute up to which self-read and auto-reset dates were
	// served; 0 before the first evaluation ever.
	served int64
}

// ratedTime is what holds at a time; the zero one is unknown. They count from 1.
type ratedTime struct{ season, day, rate int }

func (m *tariff) Check(settings []ion.Value, _ []bool) error {
	_, err := newTariffBook(func(setup int) string { return settings[setup].Text })
	return err
}

func (m *tariff) Start(c *ion.Context) {
	m.book, _ = newTariffBook(c.SettingText) // Check has seen it
	m.running = false
}

func (m *tariff) Tick(c *ion.Context) {
	v := c.Input(inTariffTime)
	if !v.Available {
		m.Disabled(c)
		return
	}
	minute := (int64(v.Number) - 1) / 60
	if m.running && minute == m.minute {
		return
	}
	m.running, m.minute = true, minute
	m.serve(c, minute)
	m.evaluate(c, time.Unix(minute*60, 0).UTC())
	c.Changed()
}

// Disabled makes the outputs NOT AVAILABLE; dates pass.
func (m *tariff) Disabled(c *ion.Context) {
	if v := c.Input(inTariffTime); v.Available && m.served != 0 {
		if minute := (int64(v.Number) - 1) / 60; minute > m.served {
			m.served = minute
			c.Changed()
		}
	}
	m.running = false
	m.hide(c)
}

func (m *tariff) hide(c *ion.Context) {
	for output := outSeason; output < outSeasonChange; output++ {
		c.SetNotAvailable(output)
	}
}

// serve pulses for the dates that came since the latest minute that was served.
func (m *tariff) serve(c *ion.Context, minute int64) {
	before := m.served
	if back := before - minute; back > 0 && back < minutesPerDay {
		return // their dates were served
	}
	m.served = minute
	if before == 0 || minute < before {
		return
	}
	for _, list := range []struct {
		output int
		name   string
		dates  []dueDate
	}{{outSelfRead, "Self-Read", m.book.selfRead}, {outAutoReset, "Auto-Reset", m.book.autoReset}} {
		if at, ok := latestDue(list.dates, before, minute); ok {
			c.Pulse(list.output)
			c.Raise(ion.PriorityInformation, "", "date "+at.Format("2006-01-02 15:04"), list.name, "pulsed")
		}
	}
}

// evaluate shows what holds at a local time.
func (m *tariff) evaluate(c *ion.Context, local time.Time) {
	before := m.now
	m.now = m.book.at(local)
	now := m.now
	if now.season == 0 {
		m.hide(c)
		if before.season != 0 {
			c.Raise(ion.PriorityWarning, "", "no season has the date "+dateOf(local).String(), "Season", "N/A")
		}
		return
	}
	c.Set(outSeason, float64(now.season))
	c.Set(outDayType, float64(now.day))
	c.Set(outActiveRate, float64(now.rate))
	c.SetText(outActiveSchedule, m.book.rateNames[now.season-1][now.day-1])
	for rate := range tariffRates {
		c.SetOn(outRate1+rate, now.rate == rate+1)
	}
	if before.season == 0 {
		return
	}
	if now.season != before.season {
		c.Pulse(outSeasonChange)
		c.Raise(ion.PriorityInformation, "Season", fmt.Sprint(before.season), "Season", fmt.Sprint(now.season))
	}
	if now.day != before.day {
		c.Pulse(outDayTypeChange)
	}
	if now.rate != before.rate {
		c.Pulse(outRateChange)
	}
}

const tariffVersion = 1

func (m *tariff) Keep(e *ion.Encoder) {
	e.Uint(tariffVersion)
	e.Int(m.served)
	for _, x := range [...]int{m.now.season, m.now.day, m.now.rate} {
		e.Int(int64(x))
	}
}

func (m *tariff) Restore(d *ion.Decoder) {
	d.Version(tariffVersion)
	m.served = d.Int()
	m.now = ratedTime{int(d.Int()), int(d.Int()), int(d.Int())}
}
