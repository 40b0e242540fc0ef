package web

import (
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// analyzer is a Harmonics Analyzer with the input that it looks at.
type analyzer struct {
	Input string // V1, I4 ...
	Unit  string
	// Phase is the letter by which pages colour it: a, b, c, n, or 5 for the earth.
	Phase string
}

func (a analyzer) module() string { return a.Input + " Harmonics" }

// Label is that of a register of it.
func (a analyzer) Label(register string) string { return a.module() + "/" + register }

// analyzers lists those of the meter, voltages first.
func analyzers(s *access.Session) ([]analyzer, error) {
	modules, err := s.ModuleList("Harmonics Analyzer")
	if err != nil {
		return nil, err
	}
	var list []analyzer
	for _, m := range modules {
		input, ok := strings.CutSuffix(m.Label, " Harmonics")
		if !ok || len(input) < 2 || m.Offline != "" {
			continue
		}
		a := analyzer{Input: input, Unit: "V", Phase: "n"}
		if input[0] == 'I' {
			a.Unit = "A"
		}
		switch input[1:] {
		case "1", "12":
			a.Phase = "a"
		case "2", "23":
			a.Phase = "b"
		case "3", "31":
			a.Phase = "c"
		case "5":
			a.Phase = "5"
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b analyzer) int { return -strings.Compare(a.Unit, b.Unit) })
	return list, nil
}

// phasorsSheet is what the page of the phasors shows.
type phasorsSheet struct {
	*readings
	Analyzers []analyzer
	Sequences []readingRow
}

// sequences are the symmetrical components.
func sequences() []readingRow {
	rows := func(name, module string) []readingRow {
		return []readingRow{{name, of(module, "PosSeqMag", "PosSeqPhs", "NegSeqMag", "NegSeqPhs", "ZeroSeqMag", "ZeroSeqPhs", "u2", "u0")}}
	}
	return append(rows("Voltage", "V Symm Comp"), rows("Current", "I Symm Comp")...)
}

func phasorLabels(list []analyzer) []string {
	labels := labelsOf(sequences())
	for _, a := range list {
		labels = append(labels, a.Label("Mag 1"), a.Label("Phs 1"))
	}
	return labels
}

// phasorScales gives magnitudes, which carry no unit of their own, that of their input.
func phasorScales(s *access.Session) func(string) scale {
	others := scales(s)
	return func(label string) scale {
		module, register, _ := strings.Cut(label, "/")
		switch {
		case strings.HasPrefix(register, "Mag "), strings.HasSuffix(register, "SeqMag"):
			if module[0] == 'I' {
				return scaleOf("A")
			}
			return scaleOf("V")
		case strings.HasPrefix(register, "HD"):
			return scaleOf("%")
		}
		return others(label)
	}
}

// phasorsPage shows the fundamentals as arrows, and their symmetrical components.
var phasorsPage = page{
	path: "/phasors", title: "Phasors", group: "Readings", needs: access.ReadMeasurement, template: "phasors.html", scripts: []string{"phasors.js"},
	show: func(q *request) (any, error) {
		list, err := analyzers(q.Session)
		if err != nil {
			return nil, err
		}
		r, err := readNow(q.Session, phasorLabels(list), phasorScales(q.Session))
		return phasorsSheet{r, list, sequences()}, err
	},
}

var phasorsStream = endpoint{path: "/live/phasors", needs: access.ReadMeasurement, live: true, serve: stream(func(q *request) ([]string, func(string) scale, error) {
	list, err := analyzers(q.Session)
	return phasorLabels(list), phasorScales(q.Session), err
})}
