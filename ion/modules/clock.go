package modules

import (
	"fmt"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// Setup registers of the Clock; the lists of daylight saving periods follow.
const (
	setTZOffset = iota
	setDSTOffset
	setDSTStart1
	setDSTEnd1 = setDSTStart1 + dstPeriods
)

const (
	outUniversalTime = iota
	outLocalTime
	outYear
	outMonth
	outDay
	outHour
	outMinute
	outSecond
	outDayOfWeek
	outDST
	outNewHour
	outNewDay
	outNewWeek
	outNewMonth
	outNewYear
)

func clock() ion.Type {
	numeric := func(name, doc string) ion.Output { return ion.Output{Name: name, Class: ion.Numeric, Doc: doc} }
	pulse := func(name, doc string) ion.Output { return ion.Output{Name: name, Class: ion.Pulse, Doc: doc} }
	t := ion.Type{
		Number: numberClock, Name: "Clock", Kind: ion.Core,
		Doc: "The time. Inside, everything is stamped in UTC; TZ Offset and daylight saving make the local time that the " +
			"calendar registers and the New pulses follow. A pulse comes at the first second after its boundary, also when " +
			"the clock was set forward over it. When the clock is set back by less than a day, or daylight saving ends, no " +
			"boundary comes twice.",
		Source: "ION Reference (7EN02-0290), Clock module",
		Setups: []ion.Setup{
			{Name: "TZ Offset", Class: ion.NumericBounded, Unit: "s", Low: -maxZoneOffset, High: maxZoneOffset, Whole: true, Default: "0",
				Doc: "local standard time less UTC"},
			{Name: "DST Offset", Class: ion.NumericBounded, Unit: "s", Low: 0, High: maxDSTOffset, Whole: true, Default: defaultDSTOffset,
				Doc: "what daylight saving adds"},
		},
		Outputs: []ion.Output{
			{Name: "Universal Time", Class: ion.TimeStamp, Doc: "UTC"},
			{Name: "Local Time", Class: ion.TimeStamp, Doc: "local time: the instant at which a clock on UTC shows what the local clock shows now"},
			numeric("Year", "of the local time"), numeric("Month", "1 to 12"), numeric("Day", "1 to 31"),
			numeric("Hour", "0 to 23"), numeric("Minute", "0 to 59"), numeric("Second", "0 to 59"),
			numeric("Day of Week", "1 (Sunday) to 7"),
			{Name: "DST", Class: ion.Boolean, Doc: "ON during daylight saving"},
			pulse("New Hour", "the local hour began"), pulse("New Day", "the local day began"), pulse("New Week", "the local week began, on Sunday"),
			pulse("New Month", "the local month began"), pulse("New Year", "the local year began"),
		},
		New: func() ion.Behaviour { return &calendar{} },
	}
	for _, edge := range []string{"Start", "End"} {
		for i := 1; i <= dstPeriods; i++ {
			t.Setups = append(t.Setups, ion.Setup{Name: fmt.Sprintf("DST %s %d", edge, i), Class: ion.NumericBounded, Unit: "s",
				Low: 0, High: 1<<32 - 1, Whole: true, Form: ion.Instant, Default: "0", Doc: strings.ToLower(edge) + " of a period of daylight saving; from 0 to 0 is none"})
		}
	}
	return t
}

// calendar is the behaviour of the Clock.
type calendar struct {
	before time.Time // the latest local time
	hour   int64     // the latest hour, counted in standard time
}

func (m *calendar) Tick(c *ion.Context) {
	utc := c.Now.UTC()
	dst := daylightSaving(c, utc.Unix())
	offset := c.Setting(setTZOffset)
	if dst {
		offset += c.Setting(setDSTOffset)
	}
	local := utc.Add(time.Duration(offset) * time.Second)
	c.SetTime(outUniversalTime, utc)
	c.SetTime(outLocalTime, local)
	for i, x := range [...]int{local.Year(), int(local.Month()), local.Day(), local.Hour(), local.Minute(), local.Second(), int(local.Weekday()) + 1} {
		c.Set(outYear+i, float64(x))
	}
	c.SetOn(outDST, dst)
	m.pulse(c, local, (utc.Unix()+int64(c.Setting(setTZOffset)))/3600)
	if c.ClockStep != 0 {
		c.Raise(ion.PriorityInformation, "", "clock step "+c.ClockStep.String(), "Universal Time", utc.Format(time.RFC3339))
	}
}

// pulse tells of the boundaries between what the calendar showed before and now. In
// the hour that is repeated when daylight saving ends, and after the clock was set
// back by less than a day, no boundary comes twice.
func (m *calendar) pulse(c *ion.Context, local time.Time, hour int64) {
	before, hourBefore := m.before, m.hour
	if back := before.Sub(local); before.IsZero() || back > 24*time.Hour {
		m.before, m.hour = local, hour
		return
	}
	if hour > hourBefore {
		m.hour = hour
		c.Pulse(outNewHour)
	}
	if !local.After(before) {
		return
	}
	m.before = local
	for i, boundary := range [...]func(time.Time) int64{
		func(t time.Time) int64 { return t.Unix() / 86_400 },
		func(t time.Time) int64 { return (t.Unix()/86_400 + 4) / 7 }, // 1970 began on a Thursday
		func(t time.Time) int64 { return int64(t.Year())*12 + int64(t.Month()) },
		func(t time.Time) int64 { return int64(t.Year()) },
	} {
		if boundary(local) != boundary(before) {
			c.Pulse(outNewDay + i)
		}
	}
}

// Configured makes the calendar begin anew: a new time zone is no boundary.
func (m *calendar) Configured(*ion.Context, int) { *m = calendar{} }

// daylightSaving reports whether unix lies in one of the periods.
func daylightSaving(c *ion.Context, unix int64) bool {
	for i := range dstPeriods {
		start, end := int64(c.Setting(setDSTStart1+i)), int64(c.Setting(setDSTEnd1+i))
		if start <= unix && unix < end {
			return true
		}
	}
	return false
}
