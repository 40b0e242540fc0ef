package web

import (
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// energyTable is one table of the energy page.
type energyTable struct {
	Title, Of string
	Heads     []string
	Rows      []readingRow
}

// energyTables are the energies and demands of the factory's program; what is not there
// is not available.
func energyTables() []energyTable {
	results := func(labels ...string) []string {
		for i := range labels {
			labels[i] += "/Result"
		}
		return labels
	}
	quadrants := func(name, unit string) readingRow {
		return readingRow{name, results(unit+" Q1", unit+" Q2", unit+" Q3", unit+" Q4")}
	}
	sums := func(name, unit string) readingRow {
		return readingRow{name, results(unit+" del", unit+" rec", unit+" del-rec", unit+" del+rec")}
	}
	demand := func(name, of string) readingRow {
		return readingRow{name, []string{of + " sd/SWinDemand", of + " sd/PredDemand", of + " sd max/Maximum", of + " sd min/Minimum"}}
	}
	return []energyTable{
		{"Energy", "Energy", []string{"Delivered", "Received", "Net", "Total"}, []readingRow{sums("Active", "kWh"), sums("Reactive", "kVARh"), sums("Apparent", "kVAh")}},
		{"Energy by quadrant", "Energy", []string{"Q I", "Q II", "Q III", "Q IV"}, []readingRow{quadrants("Active", "kWh"), quadrants("Reactive", "kVARh"), quadrants("Apparent", "kVAh")}},
		{"Since the last partial reset", "Energy", []string{"Delivered"}, []readingRow{{"Active", results("kWh del part")}, {"Reactive", results("kVARh del part")}, {"Apparent", results("kVAh del part")}}},
		{"Tariffs", "Active energy delivered", []string{"Rate 1", "Rate 2", "Rate 3", "Rate 4"}, []readingRow{{"Active", results("kWh del Rate 1", "kWh del Rate 2", "kWh del Rate 3", "kWh del Rate 4")}}},
		{"Demand", "Demand", []string{"Last interval", "Predicted", "Highest", "Lowest"}, []readingRow{
			demand("Active power", "kW"), demand("Reactive power", "kVAR"), demand("Apparent power", "kVA"), demand("Current A", "Ia"), demand("Current B", "Ib"), demand("Current C", "Ic"), demand("Mean current", "I avg")}},
	}
}

const timeLeft = "kW sd/Time Left"

func energyLabels() []string {
	labels := []string{timeLeft}
	for _, t := range energyTables() {
		labels = append(labels, labelsOf(t.Rows)...)
	}
	return labels
}

// energyScales counts the time that is left in whole seconds.
func energyScales(s *access.Session) func(string) scale {
	others := scales(s)
	return func(label string) scale {
		if label == timeLeft {
			return scale{"s", 0}
		}
		return others(label)
	}
}

// energySheet is what the energy page shows.
type energySheet struct {
	*readings
	Tables   []energyTable
	TimeLeft string
	// Resets are those that the reader may carry out; Missing says what others need.
	Resets  []access.Reset
	Missing *access.Refusal
}

// energyPage shows energies and demands, and lets who may reset them.
var energyPage = page{
	path: "/energy", title: "Energy", group: "Readings", needs: access.ReadMeasurement, template: "energy.html", scripts: []string{"energy.js"},
	show: func(q *request) (any, error) {
		r, err := readNow(q.Session, energyLabels(), energyScales(q.Session))
		if err != nil {
			return nil, err
		}
		resets, err := q.Session.Resets()
		if err != nil {
			return nil, err
		}
		sheet := energySheet{readings: r, Tables: energyTables(), TimeLeft: timeLeft}
		for _, reset := range resets {
			op := access.WriteSetup
			if reset.Demand {
				op = access.ResetDemand
			}
			if missing := q.missing(op); missing == nil {
				sheet.Resets = append(sheet.Resets, reset)
			} else if sheet.Missing == nil {
				sheet.Missing = missing
			}
		}
		return sheet, nil
	},
	actions: map[string]func(*request) error{
		"reset": func(q *request) error {
			name := strings.TrimSpace(q.PostForm.Get("name"))
			if err := q.Session.Reset(q.Context(), name); err != nil {
				return err
			}
			q.Say("Reset: %s.", name)
			return nil
		},
	},
}

var energyStream = endpoint{path: "/live/energy", needs: access.ReadMeasurement, live: true, serve: stream(func(q *request) ([]string, func(string) scale, error) {
	return energyLabels(), energyScales(q.Session), nil
})}
