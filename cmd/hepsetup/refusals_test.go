package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/setup"
)

var update = flag.Bool("update", false, "rewrite generated pages")

const refusalsPage = "../../docs/refusals.md"

// docs/refusals.md is made of the code, and says of every code what `hepsetup explain`
// says.
func TestRefusalsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Refusals

Every reason code that a meter or the setup tool gives, in ` + "`--json`" + ` as "code" and on the terminal behind the reason.
` + "`hepsetup explain CODE`" + ` prints an entry. Codes are stable: programs may depend on them; sentences may change.

This page is made by ` + "`go test ./cmd/hepsetup -run Refusals -update`" + `.

`)
	part := func(title, by string) {
		fmt.Fprintf(&b, "## %s\n\n| code | exit | what it means | what to do |\n|---|---|---|---|\n", title)
		for _, r := range refusals() {
			if r.By == by {
				fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", r.Code, r.Exit, r.Sentence, r.Remedy)
			}
		}
		b.WriteString("\n")
	}
	part("Of the meter", "meter")
	part("Of the tool", "tool")
	text := strings.TrimSuffix(b.String(), "\n")
	if *update {
		if err := os.WriteFile(refusalsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(refusalsPage)
	if err != nil || string(have) != text {
		t.Errorf("%s is stale (%v): go test ./cmd/hepsetup -run Refusals -update", refusalsPage, err)
	}
}

// One word means one thing: a code of the tool that the meter has, too, has the same
// sentence or is about the same rule.
func TestCodesMeanOneThing(t *testing.T) {
	same := []string{"password-rule", "not-in-this-firmware", "wrong-model", "not-fresh"}
	meter := map[string]bool{}
	for _, c := range access.Codes() {
		meter[string(c.Code)] = true
	}
	for _, c := range setup.Codes() {
		if meter[c.Code] && !slices.Contains(same, c.Code) {
			t.Errorf("%s is both the meter's and the tool's", c.Code)
		}
	}
}

// The rule for passwords is stated twice, since the tool must not know the gate: both
// say the same of every password.
func TestPasswordRuleIsTheGates(t *testing.T) {
	for _, password := range []string{"", "0", "00", "012", "12345678", "123456789", "0A123", "#A134", "01234$", "A^@g5", "abcdef", "abcdefg", "a b", "pässwd", "a\tb", "\x7f", "!", "~"} {
		ours, gate := setup.CheckPassword(password), access.CheckPassword(password)
		if (ours == nil) != (gate == nil) {
			t.Errorf("%q: the tool says %v, the gate %v", password, ours, gate)
		}
		if setup.Numeric(password) != access.Numeric(password) {
			t.Errorf("%q: numeric for one of them", password)
		}
	}
}

// So is what the boxes imply.
func TestBoxesAreTheGates(t *testing.T) {
	words := setup.PermissionWords()
	for set := range 1 << len(words) {
		var boxes []string
		for i, word := range words {
			if set&(1<<i) != 0 {
				boxes = append(boxes, word)
			}
		}
		p, err := access.ParsePermissions(boxes)
		if err != nil {
			t.Fatal(err)
		}
		idle := setup.Idle(boxes)
		effective := slices.DeleteFunc(slices.Clone(boxes), func(word string) bool { return slices.Contains(idle, word) })
		if !slices.Equal(effective, p.Effective().Words()) && len(effective)+len(p.Effective().Words()) > 0 {
			t.Errorf("%v: the tool says %v, the gate %v", boxes, effective, p.Effective().Words())
		}
	}
}
