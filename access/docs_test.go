package access

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocsHaveTheTable holds docs/access.md against rules.txt.
func TestDocsHaveTheTable(t *testing.T) {
	const page, begin, end = "../docs/access.md", "-update -->\n", "<!-- end -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	rules, headings := readRules(t)
	var b strings.Builder
	for i, r := range rules {
		for _, h := range headings {
			if h.first == i {
				fmt.Fprintf(&b, "\n**%s**\n\n| firmware | mode | path | credential | boxes | operation | answer | from |\n|---|---|---|---|---|---|---|---|\n", h.text)
			}
		}
		row := make([]string, 0, 8)
		for _, c := range append(r.columns[:], r.answer, r.source) {
			switch c {
			case "*":
				c = "any"
			case "allow":
				c = "**allow**"
			}
			row = append(row, strings.NewReplacer("[", " (", "]", ")").Replace(c))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	if b.String() == table {
		return
	}
	if !*update {
		t.Fatalf("%s is stale: go test ./access -run Docs -update", page)
	}
	if err := os.WriteFile(page, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
