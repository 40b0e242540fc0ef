package template

import (
	"os"
	"strings"
	"testing"
)

// The examples of docs/templates.md are templates of a meter.
func TestTheExamplesOfTheDocumentationLoad(t *testing.T) {
	text, err := os.ReadFile("../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```template\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there are no examples")
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		load(t, build(t, bare(t)), parsed(t, example))
	}
}
