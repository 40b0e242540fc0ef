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
	var b strings.Builder
	for _, r := range readRules(t) {
		if r.Heading != "" {
			fmt.Fprintf(&b, "\n**%s**\n\n| firmware | mode | path | credential | boxes | operation | answer | from |\n|---|---|---|---|---|---|---|---|\n", r.Heading)
		}
		row := make([]string, 0, 8)
		for _, c := range append(r.Columns[:], r.Answer, r.Source) {
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
