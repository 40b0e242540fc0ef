package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// highestOrder is that of the Harmonics Analyzer's registers.
const highestOrder = 63

// harmonicsSheet is what the page of the harmonics shows.
type harmonicsSheet struct {
	*readings
	Analyzers []analyzer
	Of        analyzer
	Figures   []readingRow
	// Parts are the orders in three tables, which stand side by side.
	Parts [][]harmonicOrder
	// Mode is what the parts of the orders are in: % of fundamental ...
	Mode string
}

// harmonicOrder is one row of the table, with the labels of its cells.
type harmonicOrder struct {
	Order                  int
	Part, Magnitude, Angle string
}

func harmonicFigures(a analyzer) []readingRow {
	rows := []readingRow{
		{"Total harmonic distortion", []string{a.Label("Total HD")}},
		{"of odd orders", []string{a.Label("Total OddHD")}},
		{"of even orders", []string{a.Label("Total EvenHD")}},
		{"Crest factor", []string{a.Label("Crest Factor")}},
	}
	if a.Unit == "A" {
		rows = append(rows, readingRow{"K factor", []string{a.Label("K Factor")}})
	}
	return rows
}

func harmonicLabels(a analyzer) []string {
	labels := labelsOf(harmonicFigures(a))
	for n := 1; n <= highestOrder; n++ {
		number := strconv.Itoa(n)
		labels = append(labels, a.Label("HD"+number), a.Label("Mag "+number), a.Label("Phs "+number))
	}
	return labels
}

// analyzerOf finds the input that a page asks for, the first one where it names none.
func analyzerOf(list []analyzer, input string) (analyzer, error) {
	if len(list) == 0 {
		return analyzer{}, access.NewRefusal(access.CodeNotFound, "this meter has no Harmonics Analyzer that is online")
	}
	if input == "" {
		return list[0], nil
	}
	i := slices.IndexFunc(list, func(a analyzer) bool { return a.Input == input })
	if i < 0 {
		return analyzer{}, access.NewRefusal(access.CodeNotFound, "this meter has no harmonics of an input of that name")
	}
	return list[i], nil
}

// chosenAnalyzer is the one that a page or a stream is about.
func chosenAnalyzer(q *request) (list []analyzer, a analyzer, err error) {
	if list, err = analyzers(q.Session); err != nil {
		return nil, a, err
	}
	a, err = analyzerOf(list, q.URL.Query().Get("input"))
	return list, a, err
}

// harmonicsPage shows the spectrum of one input.
var harmonicsPage = page{
	path: "/harmonics", title: "Harmonics", group: "Readings", needs: access.ReadMeasurement, template: "harmonics.html", scripts: []string{"harmonics.js"},
	show: func(q *request) (any, error) {
		list, a, err := chosenAnalyzer(q)
		if err != nil {
			return nil, err
		}
		r, err := readNow(q.Session, harmonicLabels(a), harmonicScales(q.Session, a))
		if err != nil {
			return nil, err
		}
		sheet := harmonicsSheet{readings: r, Analyzers: list, Of: a, Figures: harmonicFigures(a), Mode: displayMode(q.Session, a)}
		var orders []harmonicOrder
		for n := 1; n <= highestOrder; n++ {
			number := strconv.Itoa(n)
			orders = append(orders, harmonicOrder{n, a.Label("HD" + number), a.Label("Mag " + number), a.Label("Phs " + number)})
		}
		sheet.Parts = slices.Collect(slices.Chunk(orders, highestOrder/3))
		return sheet, nil
	},
}

var harmonicsStream = endpoint{path: "/live/harmonics", needs: access.ReadMeasurement, live: true, serve: stream(func(q *request) ([]string, func(string) scale, error) {
	_, a, err := chosenAnalyzer(q)
	if err != nil {
		return nil, nil, err
	}
	return harmonicLabels(a), harmonicScales(q.Session, a), nil
})}

// displayMode is what HD1 to HD63 are in, as the module is set up.
func displayMode(s *access.Session, a analyzer) string {
	d, err := s.Describe(a.module())
	if err != nil {
		return ""
	}
	for _, setup := range d.Setups {
		if setup.Name == "Harmonics Display Mode" {
			return setup.Value
		}
	}
	return ""
}

// harmonicScales knows that HD1 to HD63 are in % but for one mode.
func harmonicScales(s *access.Session, a analyzer) func(string) scale {
	others, mode := phasorScales(s), displayMode(s, a)
	return func(label string) scale {
		if _, register, _ := strings.Cut(label, "/"); strings.HasPrefix(register, "HD") && mode == "engineering units" {
			return scaleOf(a.Unit)
		}
		return others(label)
	}
}
