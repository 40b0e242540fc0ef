package firmware

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/firmware.md")

const page = "../docs/firmware.md"

// The table of codes in the documentation is the one of the program.
func TestDocumentedCodes(t *testing.T) {
	text := readText(t, page)
	const begin, end = "<!-- codes: written by go test ./firmware -update -->\n", "<!-- end -->"
	head, rest, found := strings.Cut(text, begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the codes", page)
	}
	table := "| code | what it means | what to do |\n|---|---|---|\n"
	for _, c := range Codes() {
		table += fmt.Sprintf("| `%s` | %s | %s |\n", c.Code, c.Sentence, c.Remedy)
	}
	want := head + begin + table + end + tail
	if *update {
		write(t, page, []byte(want))
	} else if want != text {
		t.Errorf("the codes in %s are stale: go test ./firmware -update", page)
	}
}

// Each test that the documentation names as the cover of a threat is there.
func TestThreatsNameTheirTests(t *testing.T) {
	_, threats, found := strings.Cut(readText(t, page), "## Threats")
	if !found {
		t.Fatalf("%s has no threats", page)
	}
	var code string
	for _, file := range []string{"image_test.go", "package_test.go", "trust_test.go", "judge_test.go", "fuzz_test.go", "delta/delta_test.go"} {
		code += readText(t, file)
	}
	named := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(threats, -1)
	if len(named) < 15 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !strings.Contains(code, "func "+name+"(") {
			t.Errorf("%s is named and is not there", name)
		}
	}
}

func readText(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
