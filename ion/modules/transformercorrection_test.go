package modules

import (
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
)

func TestTestDataIsChecked(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"8 test points", "1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1", ""},
		{"9 test points", "1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1,9:1", "more than 8"},
		{"none", " ", ""},
		{"no value", "10", "no test point"},
		{"no number", "10: NaN", "no test point"},
		{"descending", "10: 1, 5: 1", "ascending"},
		{"twice the same", "10: 1, 10: 1.1", "ascending"},
		{"beyond the percentages", "1001: 1", "outside 0 to 1000"},
		{"beyond the values", "10: 2.1", "outside 0.5 to 2"},
		{"a trailing comma", "10: 1,", "no test point"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, ion.Create{Type: "Instr Transformer Correction", Label: "V1 Correction"})
			err := r.node.Program([]ion.Change{ion.Set{Register: "V1 Correction/Ratio Test Data", Value: row.text}}, ion.By{}, r.now)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
}

func FuzzParseTestPoints(f *testing.F) {
	for _, text := range []string{"", "10: 1.0021, 100: 0.9995", "5:-600,1e2:+600", "10,", ":,:", "1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1,9:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		points, err := parseTestPoints(text, -maxPhaseMinutes, maxPhaseMinutes)
		if err != nil {
			return
		}
		before := -1.0
		for _, p := range points {
			if !(p.Percent > before && p.Percent <= maxTestPercent && p.Value >= -maxPhaseMinutes && p.Value <= maxPhaseMinutes) {
				t.Fatalf("%q has the test points %v", text, points)
			}
			before = p.Percent
		}
		if len(points) > maxTestPoints {
			t.Fatalf("%d test points", len(points))
		}
	})
}
