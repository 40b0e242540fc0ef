package web

import "github.com/hepmeter/hepmeter/access"

// readingRow is a row of a table of readings, with the labels of its cells.
type readingRow struct {
	Name  string
	Cells []string
}

// of are the labels of registers of one module.
func of(module string, registers ...string) []string {
	labels := make([]string, len(registers))
	for i, r := range registers {
		labels[i] = module + "/" + r
	}
	return labels
}

// labelsOf are the labels of all cells.
func labelsOf(tables ...[]readingRow) []string {
	var labels []string
	for _, rows := range tables {
		for _, row := range rows {
			labels = append(labels, row.Cells...)
		}
	}
	return labels
}

// The tables of the overview.
func headlines() []readingRow {
	return []readingRow{
		{"Active power", of("Power Meter", "kW tot")},
		{"Power factor", of("Power Meter", "PF sign tot")},
		{"Frequency", of("Power Meter", "Freq")},
		{"Mean voltage, line to line", of("Power Meter", "Vll avg")},
		{"Mean current", of("Power Meter", "I avg")},
	}
}

func byPhase() []readingRow {
	return []readingRow{
		{"Voltage to neutral", of("Power Meter", "Vln a", "Vln b", "Vln c", "Vln avg")},
		{"Current", of("Power Meter", "Ia", "Ib", "Ic", "I avg")},
		{"Active power P", of("Power Meter", "kW a", "kW b", "kW c", "kW tot")},
		{"Reactive power Q", of("Power Meter", "kVAR a", "kVAR b", "kVAR c", "kVAR tot")},
		{"Apparent power S", of("Power Meter", "kVA a", "kVA b", "kVA c", "kVA tot")},
		{"Power factor", of("Power Meter", "PF sign a", "PF sign b", "PF sign c", "PF sign tot")},
	}
}

func lineToLine() []readingRow {
	return []readingRow{{"Voltage line to line", of("Power Meter", "Vll ab", "Vll bc", "Vll ca", "Vll avg")}}
}

func others() []readingRow {
	return []readingRow{
		{"Voltage unbalance", of("Power Meter", "V unbal")},
		{"Current unbalance", of("Power Meter", "I unbal")},
		{"Neutral to earth voltage (V4)", of("Power Meter", "V4")},
		{"Neutral current (I4)", of("Power Meter", "I4")},
		{"Earth current (I5)", of("Power Meter", "I5")},
	}
}

func energySums() []readingRow {
	return []readingRow{
		{"Active", []string{"kWh del/Result", "kWh rec/Result", "kWh del-rec/Result"}},
		{"Reactive", []string{"kVARh del/Result", "kVARh rec/Result", "kVARh del-rec/Result"}},
		{"Apparent", []string{"kVAh del/Result", "kVAh rec/Result", "kVAh del-rec/Result"}},
	}
}

// overviewSheet is what the overview shows.
type overviewSheet struct {
	*readings
	Headlines, Phases, Lines, Others, Energy []readingRow
}

func overviewLabels() []string {
	return labelsOf(headlines(), byPhase(), lineToLine(), others(), energySums())
}

// overviewPage is the first page: what the meter measures now.
var overviewPage = page{
	path: "/", title: "Overview", group: "Readings", needs: access.ReadMeasurement, template: "overview.html", scripts: []string{"overview.js"},
	show: func(q *request) (any, error) {
		r, err := readNow(q.Session, overviewLabels(), scales(q.Session))
		return overviewSheet{r, headlines(), byPhase(), lineToLine(), others(), energySums()}, err
	},
}

var overviewStream = endpoint{path: "/live/overview", needs: access.ReadMeasurement, live: true, serve: stream(func(q *request) ([]string, func(string) scale, error) {
	return overviewLabels(), scales(q.Session), nil
})}
