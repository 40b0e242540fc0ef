package fault

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/fault-proxy.md")

const docsPath = "../docs/fault-proxy.md"

// TestDocumented compares the tables of docs/fault-proxy.md with the code.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n## Faults\n"
	prose, _, _ := strings.Cut(string(text), heading)
	want := prose + heading + "\nThese tables come from the code (`go test ./fault -run Documented -update` rewrites them).\n" + tables()
	if *update {
		if err := os.WriteFile(docsPath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("docs/fault-proxy.md differs from the code: go test ./fault -run Documented -update")
	}
}

func tables() string {
	var out strings.Builder
	out.WriteString("\n| fault | strikes | what happens |\n|---|---|---|\n")
	for _, k := range Kinds() {
		places := join(k.Places)
		if places == "" {
			places = "both ways"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", k.Name, places, k.Does)
	}
	out.WriteString("\n## Keys\n\n| key | values | meaning |\n|---|---|---|\n")
	for _, k := range keys() {
		values := fmt.Sprintf("%.15g to %.15g", k.Lowest, k.Highest)
		switch {
		case k.Name == "fault":
			values = "a name of the table above"
		case k.Words != nil:
			values = strings.Join(k.Words, ", ")
		case k.Whole:
			values += ", whole"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", k.Name, values, k.Does)
	}
	fmt.Fprintf(&out, "\nA scenario is at most %d KiB long and has at most %d faults.\n", MaxScenarioBytes>>10, maxRules)
	return out.String()
}

// TestExamples: every example and every scenario of the docs can be read, and the docs list
// every example.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if _, err := Parse([]byte(block), fmt.Sprintf("block %d", i+1)); err != nil {
			t.Error(err)
		}
	}
	files, err := filepath.Glob("../examples/faults/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, path := range files {
		example, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(example, path); err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(text), path) {
			t.Errorf("docs/fault-proxy.md does not list %s", path)
		}
	}
}
