package formula

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// pageRows returns the rows of the tables of docs/formulas.md whose heading has the
// cells, each as its cells.
func pageRows(t *testing.T, heading ...string) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "formulas.md"))
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case strings.Join(cells, "|") == strings.Join(heading, "|"):
			inside = true
		case inside && !strings.HasPrefix(cells[0], "---"):
			cells[0] = strings.Trim(cells[0], "`")
			rows = append(rows, cells)
		}
	}
	return rows
}

// pageValue reads a value of the page.
func pageValue(t *testing.T, text string) float64 {
	t.Helper()
	if text == "NA" || text == "N/A" {
		return na
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestPageExamples(t *testing.T) {
	rows := pageRows(t, "formula", "with", "result")
	if len(rows) < 40 {
		t.Fatalf("the page has %d examples", len(rows))
	}
	for _, row := range rows {
		p, err := Compile(row[0])
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		in := &Inputs{}
		in.Forget()
		series, runs := map[int][]string{}, 1
		for assignment := range strings.SplitSeq(row[1], ", ") {
			name, values, ok := strings.Cut(assignment, "=")
			switch {
			case ok && name[0] == 'S':
				n, _ := strconv.Atoi(name[1:])
				series[n-1] = strings.Split(values, ",")
				runs = max(runs, len(series[n-1]))
			case ok:
				in.SetResult(0, pageValue(t, values), true)
			}
		}
		shown := "N/A"
		for run := range runs {
			in.Advance()
			for source, values := range series {
				in.SetSource(source, pageValue(t, values[run]))
			}
			x, available := p.Evaluate(in)
			if shown = "N/A"; available {
				shown = fmt.Sprint(x)
			}
			in.SetResult(0, x, available) // the example is Formula 1
		}
		if shown != row[2] {
			t.Errorf("%s with %s is %s, the page says %s", row[0], row[1], shown, row[2])
		}
	}
}

func TestPageRefusals(t *testing.T) {
	rows := pageRows(t, "formula", "refused with")
	if len(rows) < 5 {
		t.Fatalf("the page has %d refusals", len(rows))
	}
	for _, row := range rows {
		if _, err := Compile(row[0]); err == nil || err.Error() != row[1] {
			t.Errorf("%s: %v\nthe page says %s", row[0], err, row[1])
		}
	}
}

// The page teaches every function, and the bounds are those that it states.
func TestPageIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "formulas.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(page)), " ")
	want := []string{fmt.Sprintf("at most %d bytes, %d operands and operations, and %d levels", MaxBytes, MaxSteps, MaxDepth),
		fmt.Sprintf("`S1` to `S%d`", Sources), fmt.Sprintf("`R1` to `R%d`", Results), fmt.Sprintf("n from 1 to %d", Previous)}
	for _, f := range Functions() {
		want = append(want, "`"+f+"(")
	}
	for _, text := range want {
		if !strings.Contains(words, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}
