package csv

// midnights counts the days of a column of times of day without dates.
type midnights struct {
	begun bool
	last  int64 // seconds of the day
	days  int64
	line  int64 // of the first time behind a midnight, 0 if there is none
}

const secondsOfDay = 24 * 3600

// pass takes the next time of day, in whole seconds, and returns the seconds of the days
// before it. One that falls by more than half a day is the next day's.
func (m *midnights) pass(seconds, line int64) int64 {
	if m.begun && m.last-seconds > secondsOfDay/2 {
		if m.days++; m.line == 0 {
			m.line = line
		}
	}
	m.begun, m.last = true, seconds
	return m.days * secondsOfDay
}
