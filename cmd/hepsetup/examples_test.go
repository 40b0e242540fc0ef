package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command says in short and at length what it does, and its example is a command
// line that the tool takes.
func TestEveryCommandTeaches(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Hidden {
			return
		}
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
		if cmd.Runnable() && !cmd.HasSubCommands() && !strings.Contains(cmd.Long, cmd.CommandPath()[len("hepsetup "):]) {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long) {
			checkExample(t, line)
		}
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(rootForTest())
}

// So are those of the book.
func TestTheBooksExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/setup-tool.md")
	if err != nil {
		t.Fatal(err)
	}
	inside, checked := false, 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			inside = strings.HasPrefix(line, "```sh")
			continue
		}
		if inside && checkExample(t, "  "+line) {
			checked++
		}
	}
	if checked < 30 {
		t.Errorf("%d examples were found", checked)
	}
}

func rootForTest() *cobra.Command {
	var told *report
	return newApp(os.Stdin, os.Stdout, os.Stderr, func(string) string { return "" }).newRootCommand(&told)
}

var example = regexp.MustCompile(`^  (?:[A-Z_]+=\S+ )*(?:\./)?hepsetup (.*)$`)

// checkExample parses a line if it is an example.
func checkExample(t *testing.T, line string) bool {
	t.Helper()
	found := example.FindStringSubmatch(strings.TrimRight(line, "\n"))
	if found == nil {
		return false
	}
	text, _, _ := strings.Cut(found[1], "  ") // what follows explains it
	text, _, _ = strings.Cut(text, " #")
	text, _, _ = strings.Cut(text, " >")
	root := rootForTest()
	cmd, rest, err := root.Find(words(text))
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil && cmd.Args != nil {
		err = cmd.Args(cmd, cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return true
}

// words cuts a command line as a shell does, as far as examples need it.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}
