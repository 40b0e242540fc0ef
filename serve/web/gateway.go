package web

import (
	"fmt"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// The registers of the gateway's page: how it is set, and what all units count together.
func gatewayLabels() []string {
	labels := append(of("Modbus Gateway", "Access", "Allowed Addresses", "TCP Units", "Broadcast"), of("Modbus Master Options", "Modbus Gateway Connection")...)
	return append(labels, labelsOf(gatewayRows())...)
}

// gatewayRows are the counts over all units, in words.
func gatewayRows() []readingRow {
	var rows []readingRow
	for _, each := range [...][2]string{
		{"Units asked", "Units"}, {"Units that are not asked for a while", "Units Backing Off"}, {"Requests", "Requests"}, {"Answers", "Answers"},
		{"Time-outs", "Timeouts"}, {"Late and foreign answers, dropped", "Dropped Answers"}, {"Requests turned away", "Refused Requests"},
	} {
		rows = append(rows, readingRow{each[0], of("Modbus Gateway", each[1])})
	}
	return rows
}

// gatewaySheet is what the page of the gateway shows.
type gatewaySheet struct {
	*readings
	Rows  []readingRow
	Units []gatewayUnit
}

// gatewayUnit is a unit's line of the table.
type gatewayUnit struct {
	Unit  int
	Where string
	// Cells are its numbers, in the order of unitColumns.
	Cells []shownReading
}

// unitColumns are the columns of numbers, with what they say of a unit; empty is NOT
// AVAILABLE.
var unitColumns = [...]struct {
	name string
	text func(access.DownstreamUnit) string
}{
	{"State", unitState},
	{"Requests", func(u access.DownstreamUnit) string { return count(u.Requests) }},
	{"Answers", func(u access.DownstreamUnit) string { return count(u.Answers) }},
	{"Exceptions", func(u access.DownstreamUnit) string { return count(u.Exceptions) }},
	{"Time-outs", func(u access.DownstreamUnit) string { return count(u.Timeouts) }},
	{"CRC errors", func(u access.DownstreamUnit) string { return count(u.CRCErrors) }},
	{"Lost", func(u access.DownstreamUnit) string { return count(u.Lost) }},
	{"Retries", func(u access.DownstreamUnit) string { return count(u.Retries) }},
	{"Dropped", func(u access.DownstreamUnit) string { return count(u.Dropped) }},
	{"Cached", func(u access.DownstreamUnit) string { return count(u.Cached) }},
	{"Turned away", func(u access.DownstreamUnit) string { return count(u.Refused) }},
	{"Mean, ms", func(u access.DownstreamUnit) string { return latency(u, u.Latency) }},
	{"95 %, ms", func(u access.DownstreamUnit) string { return latency(u, u.Latency95) }},
	{"Longest, ms", func(u access.DownstreamUnit) string { return latency(u, u.LatencyMax) }},
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// latency is a time of answers in ms; empty where there was none.
func latency(u access.DownstreamUnit, d time.Duration) string {
	if !u.Answered {
		return ""
	}
	return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64)
}

func unitState(u access.DownstreamUnit) string {
	switch {
	case u.BackingOff:
		return "backing off"
	case u.Answered:
		return "answers"
	}
	return "no answer yet"
}

// gatewayUnits are the units behind the gateway, as the page shows them.
func gatewayUnits(s *access.Session) ([]gatewayUnit, error) {
	units, err := s.DownstreamUnits()
	if err != nil {
		return nil, err
	}
	var list []gatewayUnit
	for _, u := range units {
		line := gatewayUnit{Unit: int(u.Unit), Where: u.Where}
		if u.UnitThere != u.Unit {
			line.Where = fmt.Sprintf("%s, unit %d", u.Where, u.UnitThere)
		}
		for _, column := range unitColumns {
			line.Cells = append(line.Cells, shownReading{Label: fmt.Sprintf("unit %d/%s", u.Unit, column.name), Text: column.text(u)})
		}
		list = append(list, line)
	}
	return list, nil
}

// Columns are the headings of the numbers.
func (gatewaySheet) Columns() (names []string) {
	for _, column := range unitColumns {
		names = append(names, column.name)
	}
	return names
}

// gatewayPage shows how the devices behind the meter answer.
var gatewayPage = page{
	path: "/gateway", title: "Gateway", group: "Meter", needs: access.ReadMeasurement, template: "gateway.html", scripts: []string{"gateway.js"},
	show: func(q *request) (any, error) {
		r, err := readNow(q.Session, gatewayLabels(), diagnosticScales(q.Session))
		if err != nil {
			return nil, err
		}
		units, err := gatewayUnits(q.Session)
		return gatewaySheet{r, gatewayRows(), units}, err
	},
}

var gatewayStream = endpoint{path: "/live/gateway", needs: access.ReadMeasurement, live: true, serve: streamWith(func(q *request) ([]string, func(string) scale, error) {
	return labelsOf(gatewayRows()), diagnosticScales(q.Session), nil
}, func(s *access.Session) (cells []shownReading, err error) {
	units, err := gatewayUnits(s)
	for _, u := range units {
		cells = append(cells, u.Cells...)
	}
	return cells, err
})}
