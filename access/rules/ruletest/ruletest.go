// Package ruletest is what the tests share that hold a server, and a real meter behind it,
// against the table of rules: the sets of permissions in the words of the table, and the
// security in which they are asked for. All passwords are 0.
package ruletest

import (
	"fmt"
	"math/bits"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/wire/routing"
)

// Sets is how many sets of permissions there are, each a number; Absent stands for an
// account that is not there.
const (
	Sets   = 1 << 7
	Absent = Sets
)

// boxes are the registers of a Security User module, by the words of the rules.
var boxes = [...]struct{ word, register string }{
	{"read", "Read Access"}, {"reset", "Peak Demand Reset Access"}, {"time", "Time Sync Access"}, {"config", "Full Meter Config Access"},
	{"test", "Test Mode Access"}, {"security", "Security Config Access"}, {"comm", "Comm Config Access"},
}

// Ticked are the words of a set.
func Ticked(set int) (words []string) {
	for i, box := range boxes {
		if set < Sets && set>>i&1 == 1 {
			words = append(words, box.word)
		}
	}
	return words
}

// Telling reports whether a set is nothing, one box with or without Read Access, all, or
// no account at all.
func Telling(set int) bool {
	return bits.OnesCount(uint(set&^1)) <= 1 || set == Sets-1 // Absent is one bit, too
}

// Table is the table of rules, and the password 0.
type Table struct {
	rules    []*rules.Rule
	password access.Verifier
}

// Read reads the table from its file, access/rules.txt.
func Read(t testing.TB, file string) Table {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := rules.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	password, err := access.FactoryPassword(salt{})
	if err != nil {
		t.Fatal(err)
	}
	return Table{table, password}
}

// salt is that of a password which is known to all.
type salt struct{}

func (salt) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Answer is what the table answers to a request.
func (t Table) Answer(a *rules.Asked) string {
	if rule := rules.Decide(t.rules, a); rule != nil {
		return rule.Answer
	}
	return "no rule"
}

// Security is one in which USER1 and USER2 have the boxes that are asked for, or are
// absent; clients of the gateway are at 127.0.0.1. Nobody is locked out, and settings, by
// label, are added.
func (t Table) Security(tb testing.TB, g access.Generation, modelName string, a *rules.Asked, settings map[string]string) *access.Security {
	tb.Helper()
	onOff := map[bool]string{true: "ON", false: "OFF"}
	setup := onOff[a.Setup != "setup off"]
	all := map[string]string{access.RegisterMode: a.Mode, access.RegisterWebSetup: setup, access.RegisterPanelSetup: setup,
		"Security Options/Allow Broadcast Time Sync": onOff[a.Broadcast == "on"]}
	if a.MapAccess != "" {
		all[access.RegisterMapAccess] = a.MapAccess
	}
	if a.Gateway != "" {
		all[routing.RegisterAccess] = a.Gateway
		all[routing.RegisterAddresses] = "127.0.0.1=" + strings.TrimPrefix(a.Address, "address ")
	}
	for _, path := range []string{"Panel", "ION", "Web", "SSH", "SFTP"} {
		all["Security Options/"+path+" Lockout Attempts"] = "0"
	}
	passwords := map[int]access.Verifier{0: t.password}
	for account := 1; account <= 2 && !a.Absent; account++ {
		passwords[account] = t.password
		for _, box := range boxes {
			all[fmt.Sprintf("Security User %d/%s", account, box.register)] = onOff[slices.Contains(a.Boxes, box.word)]
		}
	}
	for label, text := range settings {
		all[label] = text
	}
	security, err := access.NewSecurity(g, modelName, all, passwords)
	if err != nil {
		tb.Fatal(err)
	}
	return security
}
