package web

import (
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// diagnosticRows are the registers of the Diagnostics module, in words.
func diagnosticRows() []readingRow {
	var rows []readingRow
	for _, each := range [...][2]string{
		{"Uptime", "Uptime"}, {"Times started", "Power Up Count"}, {"Windows measured", "Windows Measured"}, {"Windows missed", "Missed Windows"},
		{"Windows closed early, samples missing", "Gaps"}, {"Windows without a usable fundamental", "Unsynchronised Windows"},
		{"Windows with questionable samples", "Questionable Windows"}, {"Windows of a clock that runs free", "Clock Unsynchronised Windows"},
		{"Overruns", "Overruns"}, {"Samples are behind the clock by", "Source Lag"}, {"Load of one core", "CPU Load"}, {"Memory", "Memory"},
		{"Memory of logs, used", "UsedLogMemory"}, {"Memory of logs, in all", "TotalLogMemory"}, {"Latest state made durable in", "Commit Latency"},
		{"Modules online", "Modules Online"}, {"Modules offline", "Modules Offline"}, {"Battery remaining", "Battery Remaining"}, {"Temperature", "Temperature"},
	} {
		rows = append(rows, readingRow{each[0], of("Diagnostics", each[1])})
	}
	return rows
}

// diagnosticScales writes counts as whole numbers.
func diagnosticScales(s *access.Session) func(string) scale {
	others := scales(s)
	return func(label string) scale {
		at := others(label)
		switch {
		case at.unit == "", strings.HasSuffix(label, "/Uptime"):
			at.decimals = 0
		case strings.HasSuffix(label, "/Commit Latency"), strings.HasSuffix(label, "/Source Lag"):
			at.decimals = 4
		}
		return at
	}
}

// diagnosticsSheet is what the page of the meter itself shows.
type diagnosticsSheet struct {
	*readings
	Info access.Info
	Rows []readingRow
	// Gaps are the latest times in which the meter did not run, the newest first.
	Gaps []access.Gap
	// Restarts tells that the reader may restart the meter.
	Restarts bool
}

// shownGaps bounds the list of gaps.
const shownGaps = 20

// diagnosticsPage shows the name plate, and how the meter itself is doing.
var diagnosticsPage = page{
	path: "/diagnostics", title: "Meter", group: "Meter", needs: access.ReadMeasurement, template: "diagnostics.html", scripts: []string{"diagnostics.js"},
	show: func(q *request) (any, error) {
		info, err := q.Session.Info()
		if err != nil {
			return nil, err
		}
		r, err := readNow(q.Session, labelsOf(diagnosticRows()), diagnosticScales(q.Session))
		if err != nil {
			return nil, err
		}
		sheet := diagnosticsSheet{readings: r, Info: info, Rows: diagnosticRows(), Restarts: q.Session.May(access.RestartMeter)}
		if q.Session.May(access.ReadLog) {
			gaps, err := q.Session.Gaps()
			if err != nil {
				return nil, err
			}
			for i := len(gaps) - 1; i >= 0 && len(sheet.Gaps) < shownGaps; i-- {
				sheet.Gaps = append(sheet.Gaps, gaps[i])
			}
		}
		return sheet, nil
	},
	actions: map[string]func(*request) error{
		"restart": func(q *request) error {
			if err := q.Session.Restart(); err != nil {
				return err
			}
			q.Say("The meter restarts. Log in again in a moment.")
			return nil
		},
	},
}

var diagnosticsStream = endpoint{path: "/live/diagnostics", needs: access.ReadMeasurement, live: true, serve: stream(func(q *request) ([]string, func(string) scale, error) {
	return labelsOf(diagnosticRows()), diagnosticScales(q.Session), nil
})}
