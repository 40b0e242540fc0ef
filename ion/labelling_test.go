package ion

import (
	"strings"
	"testing"
)

// newAccountNode is a node with types whose labels are bound: Account by its number, of
// which there are five, Policy by its name.
func newAccountNode(t *testing.T, program ...Change) *Node {
	t.Helper()
	n, err := New(Config{Identity: Identity{Model: "TEST1"}, Limits: Limits{Modules: map[string]int{"Account": 5}},
		Types: append(testTypes(),
			Type{Number: 20, Name: "Account", Kind: Standard, Labels: Numbered, Doc: "d", New: func() Behaviour { return &tally{} },
				Setups: []Setup{{Name: "Mode", Class: Boolean, Default: "OFF"}}},
			Type{Number: 21, Name: "Policy", Kind: Standard, Labels: Named, Doc: "d", New: func() Behaviour { return &tally{} }}),
		Program: program})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBoundLabels(t *testing.T) {
	account2 := Create{Type: "Account", Label: "Account 2"}
	for name, row := range map[string]struct {
		changes []Change
		want    string // of the refusal; empty if there is none
	}{
		"the number from the label":       {[]Change{account2, Create{Type: "Account", Label: "Account 5"}}, ""},
		"the number beside the label":     {[]Change{Create{Type: "Account", Label: "Account 3", Number: 3}}, ""},
		"deleted and made again":          {[]Change{account2, Delete{Module: "Account 2"}, account2}, ""},
		"the name of the type":            {[]Change{Create{Type: "Policy", Label: "Policy"}}, ""},
		"another number":                  {[]Change{Create{Type: "Account", Label: "Account 3", Number: 4}}, "Account 3: the label of a module of type Account is bound: write Account 4"},
		"another label":                   {[]Change{Create{Type: "Account", Label: "Ann"}}, "Ann: the label of a module of type Account is bound: write Account 1"},
		"another case":                    {[]Change{Create{Type: "Account", Label: "account 1"}}, "account 1: the label of a module of type Account is bound: write Account 1"},
		"a leading zero":                  {[]Change{Create{Type: "Account", Label: "Account 01"}}, "Account 01: the label of a module of type Account is bound: write Account 1"},
		"a number without a label":        {[]Change{Create{Type: "Policy", Label: "Policy 1"}}, "Policy 1: the label of a module of type Policy is bound: write Policy"},
		"a number above the limit":        {[]Change{Create{Type: "Account", Label: "Account 6"}}, "Account 6: the TEST1 carries Account 1 to Account 5"},
		"a number twice":                  {[]Change{account2, account2}, "Account 2: the label is taken by another module"},
		"renamed":                         {[]Change{account2, Rename{Module: "Account 2", Label: "Account 3"}}, "Account 2: a module of type Account keeps its label: others rely on it"},
		"another type's":                  {[]Change{Create{Type: "Constant", Label: "account 9"}}, "account 9: labels that begin with Account are for modules of that type"},
		"another bound type's":            {[]Change{Create{Type: "Account", Label: "Policy"}}, "Policy: labels that begin with Policy are for modules of that type"},
		"another type's by way of rename": {[]Change{Create{Type: "Constant", Label: "C"}, Rename{Module: "C", Label: "Policy 1"}}, "Policy 1: labels that begin with Policy are for modules of that type"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newAccountNode(t).Program(row.changes, By{}, start)
			if got := message(err); got != row.want {
				t.Errorf("refused with %q, want %q", got, row.want)
			}
		})
	}
}

// message is the reason of a refusal without what all of them say.
func message(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "nothing was changed: ")
}
