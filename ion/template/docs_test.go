package template

import (
	"os"
	"strings"
	"testing"
)

// The examples of docs/templates.md can be appended to what the factory makes, and every
// module in them is online.
func TestTheExamplesOfTheDocumentationLoad(t *testing.T) {
	text, err := os.ReadFile("../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```template\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there are no examples")
	}
	model, err := Load("PM8000")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		node := build(t, model)
		load(t, node, parsed(t, string(Export(node, Header{}))+example))
		if offline := node.Offline(); len(offline) > 0 {
			t.Errorf("offline: %v, after\n%s", offline, example)
		}
	}
}
