package template

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
)

// made is a factory meter of the model and firmware.
func made(tb testing.TB, model, firmware string) *ion.Node {
	tb.Helper()
	m, err := Load(model)
	if err != nil {
		tb.Fatal(err)
	}
	node, err := m.Build("HM-1", firmware)
	if err != nil {
		tb.Fatal(err)
	}
	return node
}

// accounts are the labels of the Security User modules.
func accounts(node *ion.Node) (labels []string) {
	for _, m := range node.Directory().Modules {
		if m.Type.Name == accountType {
			labels = append(labels, m.Label)
		}
	}
	return labels
}

// refusal is why changes are refused, empty if they are done.
func refusal(node *ion.Node, changes ...ion.Change) string {
	if err := node.Program(changes, ion.By{}, start); err != nil {
		return strings.TrimPrefix(err.Error(), "nothing was changed: ")
	}
	return ""
}

// Every version that a model has makes a meter of its generation.
func TestEveryGenerationLoads(t *testing.T) {
	generations, err := Generations()
	if err != nil {
		t.Fatal(err)
	}
	names, err := Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range generations {
		for _, v := range g.Versions {
			for _, model := range v.Models {
				if !slices.Contains(names, model) {
					t.Errorf("firmware %s is for a model %q that there is not", v.Version, model)
				}
			}
		}
	}
	for _, model := range names {
		versions, err := Versions(model)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range versions {
			t.Run(model+" "+version, func(t *testing.T) {
				g, err := GenerationOf(version)
				if err != nil {
					t.Fatal(err)
				}
				node := made(t, model, version)
				for label, want := range map[string]string{"Security Options/Security Mode": g.FactoryMode, "Security Options/Modbus Map Access": g.FactoryMapAccess} {
					if v, _ := node.Setting(label); v.Text != want {
						t.Errorf("%s = %q, want %q", label, v.Text, want)
					}
				}
				if got := accounts(node); len(got) != len(g.FactoryAccounts) {
					t.Errorf("accounts %q, want %v", got, g.FactoryAccounts)
				}
			})
		}
	}
}

// DESIGN 3: what a firmware version changes.
func TestWhatAGenerationChanges(t *testing.T) {
	for _, row := range []struct {
		version, mode     string
		modes             []string
		accounts          int
		factory           []string
		protocol          int
		panel, https, ssh bool
		webAccess         string
	}{
		{"1.4.1", "Standard", []string{"None", "Standard", "Advanced"}, 16, nil, 1, true, false, false, "HTTP"},
		{"2.1.0", "Standard", []string{"None", "Standard", "Advanced"}, 16, nil, 1, true, false, false, "HTTP"},
		{"3.0.0", "LSS", []string{"LSS", "Advanced"}, 50, []string{"Security User 1"}, 2, false, true, true, "HTTP with redirect to HTTPS"},
		{"3.1.0", "LSS", []string{"LSS", "Advanced"}, 50, []string{"Security User 1"}, 2, false, true, true, "HTTP with redirect to HTTPS"},
	} {
		t.Run(row.version, func(t *testing.T) {
			g, err := GenerationOf(row.version)
			if err != nil {
				t.Fatal(err)
			}
			if g.FactoryMode != row.mode || !slices.Equal(g.SecurityModes, row.modes) || g.Accounts != row.accounts || g.FactoryMapAccess != "Read Only" ||
				g.Protocol != row.protocol || g.PanelPassword != row.panel || g.HTTPS != row.https || g.SSH != row.ssh {
				t.Errorf("%+v, want %+v", g, row)
			}
			node := made(t, "PM8000", row.version)
			if got := accounts(node); !slices.Equal(got, row.factory) {
				t.Errorf("accounts %q, want %q", got, row.factory)
			}
			if v, _ := node.Setting("Ethernet/Web Access"); v.Text != row.webAccess {
				t.Errorf("Web Access %q, want %q", v.Text, row.webAccess)
			}
		})
	}
	node := made(t, "ION9000", "3.0.0")
	m := node.Directory().Module("Security User 1")
	for _, permission := range m.Type.Setups {
		if v, _ := node.Setting(m.Label + "/" + permission.Name); v.Number != 1 {
			t.Errorf("factory account without %s", permission.Name)
		}
	}
}

func TestAModeOfAnotherGenerationIsRefused(t *testing.T) {
	for _, row := range []struct{ firmware, register, value, want string }{
		{"2.1.0", "Security Options/Security Mode", "LSS", `Security Options/Security Mode: "LSS" is none of None, Standard, Advanced`},
		{"3.0.0", "Security Options/Security Mode", "Standard", `Security Options/Security Mode: "Standard" is none of LSS, Advanced`},
		{"3.0.0", "Security Options/Security Mode", "None", `Security Options/Security Mode: "None" is none of LSS, Advanced`},
		{"2.1.0", "Ethernet/Web Access", "HTTPS", `Ethernet/Web Access: "HTTPS" is none of Disabled, HTTP`},
		{"2.1.0", "Security Options/Security Mode", "Advanced", ""},
		{"2.1.0", "Security Options/Security Mode", "None", ""},
		{"3.0.0", "Security Options/Security Mode", "Advanced", ""},
	} {
		t.Run(row.firmware+" "+row.value, func(t *testing.T) {
			if got := refusal(made(t, "ION9000", row.firmware), ion.Set{Register: row.register, Value: row.value}); got != row.want {
				t.Errorf("refused with %q, want %q", got, row.want)
			}
		})
	}
}

// Security User module n is USERn: its label is bound, and its number has the bounds of the
// generation.
func TestAccountsAreModules(t *testing.T) {
	account := func(number int) ion.Change {
		return ion.Create{Type: accountType, Label: fmt.Sprint("Security User ", number)}
	}
	for _, row := range []struct {
		name, firmware string
		changes        []ion.Change
		want           string
	}{
		{"3.x, the last one", "3.0.0", []ion.Change{account(50)}, ""},
		{"3.x, one too high", "3.0.0", []ion.Change{account(51)}, "Security User 51: the ION9000 carries Security User 1 to Security User 50"},
		{"2.x, the last one", "2.1.0", []ion.Change{account(16)}, ""},
		{"2.x, one too high", "2.1.0", []ion.Change{account(17)}, "Security User 17: the ION9000 carries Security User 1 to Security User 16"},
		{"another label", "3.0.0", []ion.Change{ion.Create{Type: accountType, Label: "Ann"}}, "Ann: the label of a module of type Security User is bound: write Security User 2"},
		{"renamed", "3.0.0", []ion.Change{ion.Rename{Module: "Security User 1", Label: "Ann"}}, "Security User 1: a module of type Security User keeps its label: others rely on it"},
		{"Security Options renamed", "3.0.0", []ion.Change{ion.Rename{Module: "Security Options", Label: "Doors"}}, "Security Options: a core module keeps its label: others rely on it"},
		{"an account's label", "3.0.0", []ion.Change{ion.Create{Type: "Maximum", Label: "security user 7"}}, "security user 7: labels that begin with Security User are for modules of that type"},
		{"a label of Security Options", "3.0.0", []ion.Change{ion.Rename{Module: "kWh del", Label: "Security Options 2"}}, "Security Options 2: labels that begin with Security Options are for modules of that type"},
		{"the last account gone", "3.0.0", []ion.Change{ion.Delete{Module: "Security User 1"}}, ""}, // that somebody must be left is the gate's rule
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := refusal(made(t, "ION9000", row.firmware), row.changes...); got != row.want {
				t.Errorf("refused with %q, want %q", got, row.want)
			}
		})
	}
}

// A new account may do all but configure security and communications (security.md 3.2; 13
// row 5).
func TestPermissionsOfANewAccount(t *testing.T) {
	node := made(t, "PM8000", "3.0.0")
	if got := refusal(node, ion.Create{Type: accountType, Label: "Security User 2"}); got != "" {
		t.Fatal(got)
	}
	for permission, want := range map[string]string{"Read Access": "ON", "Peak Demand Reset Access": "ON", "Time Sync Access": "ON", "Full Meter Config Access": "ON",
		"Test Mode Access": "ON", "Security Config Access": "OFF", "Comm Config Access": "OFF"} {
		if v, ok := node.Setting("Security User 2/" + permission); !ok || v.String() != want {
			t.Errorf("%s = %v, want %s", permission, v, want)
		}
	}
}

func TestAccountsSurviveARestart(t *testing.T) {
	for name, row := range map[string]struct {
		firmware string
		changes  []ion.Change
		want     []string
	}{
		"made":                  {"3.0.0", []ion.Change{ion.Create{Type: accountType, Label: "Security User 7"}, ion.Set{Register: "Security User 7/Read Access", Value: "OFF"}}, []string{"Security User 1", "Security User 7"}},
		"the first one deleted": {"3.0.0", []ion.Change{ion.Create{Type: accountType, Label: "Security User 2"}, ion.Delete{Module: "Security User 1"}}, []string{"Security User 2"}},
		"none left":             {"3.0.0", []ion.Change{ion.Delete{Module: "Security User 1"}}, nil},
		"none ever":             {"2.1.0", []ion.Change{ion.Create{Type: "Maximum", Label: "M"}}, nil},
		"the first one of 2.x":  {"2.1.0", []ion.Change{ion.Create{Type: accountType, Label: "Security User 1"}, ion.Set{Register: "Security Options/Security Mode", Value: "Advanced"}}, []string{"Security User 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			model := bare(t)
			before, err := model.Build("HM-1", row.firmware)
			if err != nil {
				t.Fatal(err)
			}
			if got := refusal(before, row.changes...); got != "" {
				t.Fatal(got)
			}
			after, problems, err := model.Rebuild(string(Format(before.Listing())), "HM-1", row.firmware)
			if err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			if got := accounts(after); !slices.Equal(got, row.want) {
				t.Errorf("accounts %q, want %q", got, row.want)
			}
			if diff := cmp.Diff(before.Listing(), after.Listing()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a program of one generation has no place for in another is left out and reported,
// and the meter goes up: in the factory mode, never in an open one.
func TestAProgramOfAnotherGenerationGoesUp(t *testing.T) {
	for _, row := range []struct{ from, mode, to, want, problem string }{
		{"2.1.0", "None", "3.0.0", "LSS", `Security Options/Security Mode: left out: Security Options/Security Mode: "None" is none of LSS, Advanced`},
		{"2.1.0", "Standard", "3.0.0", "LSS", ""},
		{"2.1.0", "Advanced", "3.0.0", "Advanced", ""},
		{"3.0.0", "LSS", "2.1.0", "Standard", ""},
	} {
		t.Run(row.from+" "+row.mode, func(t *testing.T) {
			model := bare(t)
			before, err := model.Build("HM-1", row.from)
			if err != nil {
				t.Fatal(err)
			}
			if got := refusal(before, ion.Set{Register: "Security Options/Security Mode", Value: row.mode}); got != "" {
				t.Fatal(got)
			}
			after, problems, err := model.Rebuild(string(Format(before.Listing())), "HM-1", row.to)
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := after.Setting("Security Options/Security Mode"); v.Text != row.want {
				t.Errorf("mode %q, want %q", v.Text, row.want)
			}
			if len(problems) > 1 || len(problems) == 1 != (row.problem != "") || row.problem != "" && problems[0].String() != row.problem {
				t.Errorf("problems %q, want %q", problems, row.problem)
			}
		})
	}
}

// A module that an older firmware let have a label of the Security modules makes way.
func TestABoundLabelIsTakenBack(t *testing.T) {
	model := bare(t)
	stored := strings.Replace(string(Format(build(t, model).Listing())), "Security Options 1 | Security Options\n", "Maximum 1 | Security Options\n", 1)
	node, problems := rebuild(t, model, stored)
	if m := node.Directory().Module("Security Options"); m == nil || m.Type.Name != "Security Options" {
		t.Errorf("Security Options is %+v", m)
	}
	if want := []string{"Security Options: left out: Security Options: the label is taken by another module"}; !slices.Equal(problems, want) {
		t.Errorf("problems %q, want %q", problems, want)
	}
}

// Accounts and options belong to the one meter: templates neither save nor load them.
func TestTemplatesLeaveAccountsAlone(t *testing.T) {
	node, other := made(t, "PM8000", "3.0.0"), made(t, "PM8000", "3.0.0")
	if got := refusal(node, ion.Create{Type: accountType, Label: "Security User 2"}, ion.Delete{Module: "Security User 1"},
		ion.Set{Register: "Security Options/Security Mode", Value: "Advanced"}); got != "" {
		t.Fatal(got)
	}
	if strings.Contains(string(Export(node, Header{})), "Security") {
		t.Error("the export has Security modules")
	}
	if d := Compare(other.Listing(), node.Listing()); len(d) > 0 {
		t.Errorf("differences %v", d)
	}
	if plan, err := Plan(other, node.Listing()); err != nil || len(plan) > 0 {
		t.Errorf("plan %v (%v)", plan, err)
	}
	// F7: 3.0.0 brings no template.
	if diff := cmp.Diff(string(Export(made(t, "PM8000", "2.1.0"), Header{})), string(Export(other, Header{}))); diff != "" {
		t.Error(diff)
	}
}

func TestVersions(t *testing.T) {
	for model, want := range map[string][]string{
		"":        {"1.4.1", "2.0.0", "2.1.0", "3.0.0", "3.1.0"},
		"PM8000":  {"1.4.1", "2.0.0", "2.1.0", "3.0.0", "3.1.0"},
		"ION9000": {"2.0.0", "2.1.0", "3.0.0", "3.1.0"},
	} {
		if got, err := Versions(model); err != nil || !slices.Equal(got, want) {
			t.Errorf("versions of %q: %v (%v), want %v", model, got, err, want)
		}
	}
	for _, unknown := range []string{"", "3", "3.0", "1.4.0", "2.2.0", "3.0.-1", "3.0.01", "v3.0.0"} {
		if _, err := GenerationOf(unknown); err == nil || !strings.Contains(err.Error(), "use one of 1.4.1, 2.0.0") {
			t.Errorf("firmware %q: error %v does not name the versions there are", unknown, err)
		}
	}
}

func TestPatchReleases(t *testing.T) {
	for version, want := range map[string]string{"1.4.2": "2.x", "2.1.1": "2.x", "3.0.17": "3.x"} {
		if g, err := GenerationOf(version); err != nil || g.Name != want {
			t.Errorf("%s: generation %q, %v; want %s", version, g.Name, err, want)
		}
	}
}

func TestFaultyGenerationsAreRefused(t *testing.T) {
	text, err := data.ReadFile("generations.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ old, new, want string }{
		"unknown key":           {`"protocol"`, `"protocols"`, "unknown field"},
		"not JSON":              {`[`, ``, "generations.json"},
		"no name":               {`"2.x"`, `""`, "needs a name"},
		"a version twice":       {`"2.1.0"`, `"3.0.0"`, "version 3.0.0: versions ascend"},
		"no version":            {`"2.1.0"`, `"2.1"`, `version "2.1": want three numbers`},
		"no accounts":           {`"accounts": 16`, `"accounts": 0`, "0 accounts are outside"},
		"factory account":       {`[1]`, `[51]`, "factory account 51 is outside 1 to 50"},
		"protocol":              {`"protocol": 1`, `"protocol": 0`, "protocol version 0"},
		"no such register":      {`"Security Mode"`, `"Mode"`, "Security Options/Mode is no enumerated setup register"},
		"no enumeration":        {`"Security Mode"`, `"Lockout Minutes"`, "is no enumerated setup register"},
		"no mode":               {`"Security Mode"`, `"Modbus Map Access"`, "needs rows for Security Mode"},
		"a new option":          {`["None", "Standard"`, `["Open", "Standard"`, `option "Open" is none of the catalogue's`},
		"options out of order":  {`["None", "Standard", "Adv`, `["Standard", "None", "Adv`, `option "None" is none of the catalogue's, or out of its order`},
		"factory is no option":  {`"factory": "Standard"`, `"factory": "LSS"`, `factory value "LSS" is none of its options`},
		"factory would be lost": {`"factory": "LSS"`, `"factory": "Advanced"`, `factory value "Advanced", want the catalogue's "LSS"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseGenerations([]byte(strings.Replace(string(text), row.old, row.new, 1)), modules.Catalogue())
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v does not say %q", err, row.want)
			}
		})
	}
}
