package synth

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/scenarios.md")

const docsPath = "../../docs/scenarios.md"

// TestKeysAreDocumented compares the tables in docs/scenarios.md with the structs.
func TestKeysAreDocumented(t *testing.T) {
	text, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n## Keys\n"
	at := strings.Index(string(text), heading)
	if at < 0 {
		t.Fatal("docs/scenarios.md has no section Keys")
	}
	prose := string(text[:at])
	want := prose + heading + "\nThe tables come from the code (`go test ./waveform/synth -run Documented -update` rewrites them).\n" + keyTables(t)
	if *update {
		if err := os.WriteFile(docsPath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("docs/scenarios.md differs from the code: go test ./waveform/synth -run Documented -update")
	}
	files, err := os.ReadDir("../../examples/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(prose, "../examples/scenarios/"+f.Name()) {
			t.Errorf("docs/scenarios.md does not list %s", f.Name())
		}
	}
}

// TestDocumentedScenariosParse reads every YAML block of the docs.
func TestDocumentedScenariosParse(t *testing.T) {
	text, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("no YAML block found")
	}
	for i, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if _, err := Parse([]byte(block), fmt.Sprintf("block %d", i+1)); err != nil {
			t.Error(err)
		}
	}
}

// keyTables writes one table per struct, in the order in which they are met.
func keyTables(t *testing.T) string {
	titles := map[string]string{
		"Scenario": "The file", "ThreePhase": "voltage, current", "Channel": "channels.ROLE", "Appliance": "loads",
		"Profile": "loads.profile", "Event": "events", "Harmonic": "harmonics", "Interharmonic": "interharmonics",
		"Frequency": "frequency", "FrequencyChange": "frequency.changes", "Wander": "frequency.wander",
	}
	var out strings.Builder
	queue := []reflect.Type{reflect.TypeFor[Scenario]()}
	done := map[reflect.Type]bool{}
	for len(queue) > 0 {
		typ := queue[0]
		queue = queue[1:]
		if done[typ] {
			continue
		}
		done[typ] = true
		title, ok := titles[typ.Name()]
		if !ok {
			t.Fatalf("no title for %s", typ)
		}
		fmt.Fprintf(&out, "\n### %s\n\n| key | unit | range | default | meaning |\n|---|---|---|---|---|\n", title)
		for i := range typ.NumField() {
			field := typ.Field(i)
			key := field.Tag.Get("yaml")
			if key == "" {
				continue
			}
			if field.Tag.Get("doc") == "" {
				t.Errorf("%s.%s has no doc", typ.Name(), field.Name)
			}
			kind := field.Type
			what := ""
			switch kind.Kind() {
			case reflect.Slice:
				what, kind = "list", kind.Elem()
				if limit := field.Tag.Get("max"); limit != "" {
					what += ", at most " + limit
				} else {
					t.Errorf("%s.%s has no limit", typ.Name(), field.Name)
				}
			case reflect.Map:
				what, kind = "by role", kind.Elem()
			case reflect.Pointer:
				kind = kind.Elem()
			}
			limits := strings.Replace(field.Tag.Get("range"), "..", " to ", 1)
			switch kind.Kind() {
			case reflect.Struct:
				queue = append(queue, kind)
				if what == "" {
					what = "keys"
				}
			case reflect.Bool:
				limits = "true, false"
			case reflect.String:
				limits = strings.ReplaceAll(field.Tag.Get("oneof"), "|", ", ")
				if limits == "" {
					limits = "text"
				}
			default:
				if limits == "" && field.Type != reflect.TypeFor[map[waveform.Role]float64]() {
					t.Errorf("%s.%s has no range", typ.Name(), field.Name)
				}
				if limits == "" {
					limits = "-1000 to 1000"
				}
			}
			switch {
			case what != "" && limits != "":
				limits += " (" + what + ")"
			case what != "":
				limits = what
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", key, field.Tag.Get("unit"), limits, orDash(field.Tag.Get("default")), field.Tag.Get("doc"))
		}
	}
	return out.String()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
