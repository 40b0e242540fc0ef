package template

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
	"pgregory.net/rapid"
)

func rebuild(tb testing.TB, m Model, stored string) (*ion.Node, []string) {
	tb.Helper()
	node, problems, err := m.Rebuild(stored, "HM-1", "3.1.0")
	if err != nil {
		tb.Fatal(err)
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return node, texts
}

func TestAnEmptyProgramIsTheFactorys(t *testing.T) {
	model := bare(t)
	node, problems := rebuild(t, model, "")
	if diff := cmp.Diff(build(t, model).Listing(), node.Listing()); diff != "" || len(problems) > 0 {
		t.Error(problems, diff)
	}
}

// A firmware that changes nothing changes nothing (FA409164: 3.0.0 brings no template).
func TestAProgramIsRebuiltAsItWas(t *testing.T) {
	models, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			fresh := build(t, m)
			node, problems := rebuild(t, m, string(Format(fresh.Listing())))
			if len(problems) > 0 {
				t.Error(problems)
			}
			if diff := cmp.Diff(fresh.Listing(), node.Listing()); diff != "" {
				t.Error(diff)
			}
			if string(Export(node, Header{})) != string(Export(fresh, Header{})) {
				t.Error("the exports differ")
			}
		})
	}
	model := bare(t)
	rapid.Check(t, func(r *rapid.T) {
		before := build(t, model)
		randomly(r, before)
		node, problems := rebuild(t, model, string(Format(before.Listing())))
		if diff := cmp.Diff(before.Listing(), node.Listing()); diff != "" || len(problems) > 0 {
			r.Fatal(problems, diff)
		}
	})
}

func TestANewFirmwareBringsItsModules(t *testing.T) {
	model := bare(t)
	stored := string(Format(build(t, model).Listing()))
	account := stored[strings.Index(stored, "Security User 1"):] // which no firmware brings
	lacking := func(parts ...string) string {
		lines := stored
		for _, part := range parts {
			if lines = strings.Replace(lines, part, "", 1); !strings.Contains(stored, part) {
				t.Fatalf("%q is not in the program", part)
			}
		}
		return lines
	}
	for name, row := range map[string]struct{ stored, problem string }{
		"a core module with its links": {lacking("Harmonics Analyzer 7 | I4 Harmonics | Source <- Data Acquisition/I4 | Nominal <- Factory/Nominal Current\n"), ""},
		"one between others":           {lacking("Harmonics Analyzer 1 | V1 Harmonics | Source <- Data Acquisition/V1 | Nominal <- Factory/Nominal Voltage\n"), ""},
		"a fixed link":                 {lacking(" | V3 <- Data Acquisition/V3"), ""},
		"all of them":                  {account + "# nothing\n", ""},
		"one that is programmed only":  {account + "+ Power Meter | I1 <- Data Acquisition/I1\n", ""},
		"no label for it": {lacking("Diagnostics 1 | Diagnostics\n") + "Maximum 1 | Diagnostics\n",
			"Diagnostics: the firmware brings a module of this label, which another one has: it is called Diagnostics 2"},
		"no label for what others are linked from": {lacking("Data Acquisition 1 | Data Acquisition\n") + "Maximum 1 | Data Acquisition\n",
			"Data Acquisition: the firmware brings a module of this label, which another one has: it is called Data Acquisition 2"},
	} {
		t.Run(name, func(t *testing.T) {
			node, problems := rebuild(t, model, row.stored)
			if strings.Join(problems, "\n") != row.problem {
				t.Errorf("problems %q, want %q", problems, row.problem)
			}
			if got := string(Format(node.Listing())); row.problem == "" && got != stored {
				t.Error(cmp.Diff(stored, got))
			}
		})
	}
}

func TestAMeterAlwaysGoesUp(t *testing.T) {
	model := bare(t)
	good := string(Format(build(t, model).Listing()))
	const user = "Integrator 1 | A | Integrand <- Power Meter/kW tot | Int Mode = net\nMaximum 1 | M | Source <- A/Result\n"
	for name, row := range map[string]struct {
		stored, want string // want are the lines that are left
		problems     []string
	}{
		"a type is gone": {user + "Flux Capacitor 1 | F | Charge <- Power Meter/kW tot | Speed = 88\nMaximum 2 | N | Source <- F/Charge\n", user + "Maximum 2 | N\n",
			[]string{`F: left out: F: there is no module type "Flux Capacitor"`, "N/Source: left out: F: there is no such module"}},
		"an input is gone":     {user + "+ M | Sauce <- Power Meter/Ia\n", user, []string{"M/Sauce: left out: M/Sauce: there is no such input, only Source, Enable, Reset"}},
		"a register is gone":   {user + "Maximum 2 | N | Source <- A/Sum\n", user + "Maximum 2 | N\n", []string{"N/Source: left out: A/Sum: there is no such register"}},
		"a setup is gone":      {user + "+ A | Mode = up\n", user, []string{"A/Mode: left out: A/Mode: there is no such setup register"}},
		"a value is gone":      {user + "+ A | RollValue = -1\n", user, []string{"A/RollValue: left out: A/RollValue: -1 is outside 0 to 999999999"}},
		"a limit is lower":     {user + "Integrator 2 | B\nIntegrator 3 | C\nIntegrator 4 | D\n", user + "Integrator 2 | B\nIntegrator 3 | C\n", []string{"D: left out: Integrator: 4 modules are more than the 3 that the TEST1 carries"}},
		"a loop":               {user + "+ A | Integrand <- M/Maximum\n", "Integrator 1 | A | Integrand <- M/Maximum | Int Mode = net\nMaximum 1 | M\n", []string{"M/Source: left out: A: the links would make a loop: A → M → A"}},
		"a line is damaged":    {user + "Maximum 2 N\n", user, []string{`stored program: line `}},
		"a newer format":       {strings.Replace(user, "", "# hepmeter template 2\n", 1), user, []string{"stored program: line "}},
		"not a program at all": {"\x00\xff", "", []string{"stored program: line "}},
	} {
		t.Run(name, func(t *testing.T) {
			node, problems := rebuild(t, model, good+row.stored)
			want := string(Format(parsed(t, good+row.want)))
			if got := string(Format(node.Listing())); got != want {
				t.Error(cmp.Diff(want, got))
			}
			if len(problems) != len(row.problems) {
				t.Errorf("problems %q, want %q", problems, row.problems)
				return
			}
			for i, want := range row.problems {
				if !strings.HasPrefix(problems[i], want) {
					t.Errorf("problem %q, want %q", problems[i], want)
				}
			}
		})
	}
}

// However many things no longer fit, the start does not take long.
func BenchmarkRebuild(b *testing.B) {
	model, err := Load("ION9000")
	if err != nil {
		b.Fatal(err)
	}
	stored := string(Format(build(b, model).Listing()))
	for name, text := range map[string]string{"as it was": stored, "a type gone": strings.ReplaceAll(stored, "Maximum ", "Gone ")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rebuild(b, model, text)
			}
		})
	}
}

// Whatever a store gives back, the meter goes up with all that the factory makes, and what
// it then keeps is taken back whole.
func FuzzRebuild(f *testing.F) {
	model := Model{Name: "TEST1", Program: parsed(f, "Data Acquisition | Data Acquisition\nSymmetrical Components | V Symm Comp | Source 1 <- Data Acquisition/V1\nClock | Clock")}
	f.Add(string(Format(build(f, model).Listing())))
	f.Add("Integrator 1 | A | Integrand <- M/Maximum\nMaximum 1 | M | Source <- A/Result\nFlux Capacitor 1 | F\nPower Meter 2 | P")
	f.Fuzz(func(t *testing.T, stored string) {
		if strings.Count(stored, "\n") > 20 {
			return // each line that does not fit costs a few attempts
		}
		node, _ := rebuild(t, model, stored)
		for _, m := range build(t, model).Directory().Modules {
			if m.Type.Kind != ion.Standard && !slices.ContainsFunc(node.Directory().Modules, func(n ion.ModuleInfo) bool { return n.Handle == m.Handle }) {
				t.Errorf("%s is missing", m.Label)
			}
		}
		kept := Format(node.Listing())
		again, problems := rebuild(t, model, string(kept))
		if got := Format(again.Listing()); len(problems) > 0 || string(got) != string(kept) {
			t.Errorf("rebuilt from what it keeps: problems %q\n%s", problems, cmp.Diff(string(kept), string(got)))
		}
	})
}
