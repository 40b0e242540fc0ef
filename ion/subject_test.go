package ion

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSubjectsFollowTheTransaction(t *testing.T) {
	n := newAccountNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "S", Number: 4}, Create{Type: "Account", Label: "Account 1"})
	for name, row := range map[string]struct {
		changes []Change
		want    []Subject
	}{
		"a setup register":  {[]Change{Set{Register: "c/Value", Value: "2"}}, []Subject{{Type: "Constant", Number: 1, Label: "c", Name: "Value"}}},
		"an input":          {[]Change{Link{Input: "S/A", Register: "C/Out"}}, []Subject{{Type: "Sum", Number: 4, Label: "S", Name: "A", Source: "Constant"}}},
		"an input unlinked": {[]Change{Link{Input: "S/A"}}, []Subject{{Type: "Sum", Number: 4, Label: "S", Name: "A"}}},
		"nothing there":     {[]Change{Set{Register: "X/Value"}, Delete{Module: "Y"}, Create{Type: "Z", Label: "Z"}}, []Subject{{Label: "X", Name: "Value"}, {Label: "Y"}, {Label: "Z"}}},
		"one that is made":  {[]Change{Create{Type: "constant", Label: "D"}, Set{Register: "D/Value"}}, []Subject{{Type: "Constant", Label: "D"}, {Type: "Constant", Label: "D", Name: "Value"}}},
		"one that is gone":  {[]Change{Delete{Module: "C"}, Set{Register: "C/Value"}}, []Subject{{Type: "Constant", Number: 1, Label: "C"}, {Label: "C", Name: "Value"}}},
		"a number in a label": {[]Change{Create{Type: "Account", Label: "Account 3"}, Set{Register: "account 3/Mode"}},
			[]Subject{{Type: "Account", Number: 3, Label: "Account 3"}, {Type: "Account", Number: 3, Label: "account 3", Name: "Mode"}}},
		"one behind another's label": {[]Change{Rename{Module: "S", Label: "T"}, Rename{Module: "C", Label: "S"}, Set{Register: "S/Value"}, Set{Register: "T/Value"}},
			[]Subject{{Type: "Sum", Number: 4, Label: "S"}, {Type: "Constant", Number: 1, Label: "C"}, {Type: "Constant", Number: 1, Label: "S", Name: "Value"}, {Type: "Sum", Number: 4, Label: "T", Name: "Value"}}},
		"a link from one that is made": {[]Change{Create{Type: "Account", Label: "Account 2", Number: 2}, Link{Input: "S/A", Register: "Account 2/Event"}},
			[]Subject{{Type: "Account", Number: 2, Label: "Account 2"}, {Type: "Sum", Number: 4, Label: "S", Name: "A", Source: "Account"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, n.Directory().Subjects(row.changes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDirectoryFindsModules(t *testing.T) {
	d := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "Über"}).Directory()
	for label, want := range map[string]string{"c": "C", "ÜBER/Result": "Über", "C/Nothing of it": "C", "X/Out": "", "": ""} {
		got := ""
		if m := d.ModuleOf(label); m != nil {
			got = m.Label
		}
		if got != want {
			t.Errorf("%q belongs to %q, want %q", label, got, want)
		}
	}
}
