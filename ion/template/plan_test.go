package template

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// load loads a template.
func load(tb testing.TB, node *ion.Node, target []ion.Change) []ion.Change {
	tb.Helper()
	plan, err := Plan(node, target)
	if err == nil {
		err = node.Program(plan, ion.By{User: "User1"}, start)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return plan
}

// with is the program of a node and lines of the user's.
func with(tb testing.TB, m Model, lines string) []ion.Change {
	tb.Helper()
	node := build(tb, m)
	edit(tb, node, lines)
	return node.Listing()
}

func TestPlanOrdersWhatGoesRound(t *testing.T) {
	model := bare(t)
	for name, row := range map[string]struct{ before, after string }{
		"two labels swapped":              {"Maximum 1 | A\nMaximum 2 | B", "Maximum 1 | B\nMaximum 2 | A"},
		"three labels in a ring":          {"Maximum 1 | A\nMaximum 2 | B\nMaximum 3 | C", "Maximum 1 | B\nMaximum 2 | C\nMaximum 3 | A"},
		"a row of labels":                 {"Maximum 1 | A\nMaximum 2 | B\nMaximum 3 | C", "Maximum 1 | B\nMaximum 2 | C\nMaximum 3 | D"},
		"the label of a deleted one":      {"Maximum 1 | A\nMaximum 2 | B", "Maximum 2 | A"},
		"the label of a renamed one":      {"Maximum 1 | A", "Maximum 1 | B\nMaximum 2 | A"},
		"a label of another type":         {"Maximum 1 | A\nMinimum 1 | B", "Maximum 1 | B\nMinimum 1 | A"},
		"the label to step aside by":      {"Maximum 1 | aside 1\nMaximum 2 | aside 2", "Maximum 1 | aside 2\nMaximum 2 | aside 1"},
		"a label to step aside by in use": {"Maximum 1 | A\nMaximum 2 | B\nMaximum 3 | aside 1", "Maximum 1 | B\nMaximum 2 | A\nMaximum 3 | aside 1"},
		"a chain reversed": {
			"Maximum 1 | A | Source <- Power Meter/Ia\nMaximum 2 | B | Source <- A/Maximum\nMaximum 3 | C | Source <- B/Maximum",
			"Maximum 1 | A | Source <- B/Maximum\nMaximum 2 | B | Source <- C/Maximum\nMaximum 3 | C | Source <- Power Meter/Ia"},
		"a source renamed":              {"Maximum 1 | A | Source <- Power Meter/Ia\nMaximum 2 | B | Source <- A/Maximum", "Maximum 1 | C | Source <- Power Meter/Ia\nMaximum 2 | B | Source <- C/Maximum"},
		"a source replaced":             {"Maximum 1 | A | Source <- Power Meter/Ia\nMaximum 2 | B | Source <- A/Maximum", "Maximum 3 | A | Source <- Power Meter/Ia\nMaximum 2 | B | Source <- A/Maximum"},
		"at the limit, one for another": {"Integrator 1 | A\nIntegrator 2 | B\nIntegrator 3 | C", "Integrator 2 | B\nIntegrator 3 | C\nIntegrator 4 | D"},
		"setup back to its default":     {"+ Power Meter | PT Prim = 10000 | Volts Mode = DELTA", ""},
	} {
		t.Run(name, func(t *testing.T) {
			node := build(t, model)
			edit(t, node, row.before)
			target := with(t, model, row.after)
			load(t, node, target)
			if diff := cmp.Diff(target, node.Listing()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Nothing steps aside for a label that comes free.
func TestPlanIsShort(t *testing.T) {
	node := build(t, bare(t))
	edit(t, node, "Maximum 1 | A\nMaximum 2 | B\nMaximum 3 | C")
	want := []ion.Change{ion.Delete{Module: "A"}, ion.Rename{Module: "B", Label: "A"}, ion.Rename{Module: "C", Label: "B"}}
	if diff := cmp.Diff(want, load(t, node, parsed(t, "Maximum 2 | A\nMaximum 3 | B"))); diff != "" {
		t.Error(diff)
	}
}

// What a renamed module counted is not lost, and one that the template leaves as it was
// is not touched.
func TestLoadingKeepsWhatWasCounted(t *testing.T) {
	model := bare(t)
	node := build(t, model)
	edit(t, node, "Integrator | A | Integrand <- Power Meter/kW tot\nIntegrator | B | Integrand <- Power Meter/kW tot\nMaximum | M | Source <- A/Result")
	second := &metering.Second{Windows: 5, DurationS: 1}
	second.Energy.Wh[0] = 1000
	node.Tick(start, second)
	before := node.Directory().Module("B").SetupCount
	load(t, node, with(t, model, "Integrator | kWh | Integrand <- Power Meter/kW tot\nIntegrator | B | Integrand <- Power Meter/kW tot\nMaximum | M | Source <- kWh/Result"))
	for _, label := range []string{"kWh/Result", "B/Result", "M/Maximum"} {
		if i, ok := node.Find(label); !ok || node.Value(i).Number != 1 {
			t.Errorf("%s = %v, want 1 kWh", label, node.Value(i))
		}
	}
	if after := node.Directory().Module("B").SetupCount; after != before {
		t.Errorf("B was programmed %d times", after-before)
	}
}

// Modules that the template writes without a number are those of the same label.
func TestModulesWithoutNumbersAreKnownByLabel(t *testing.T) {
	node := build(t, bare(t))
	edit(t, node, "Maximum | A\nMaximum | B")
	want := func(numbers map[string]int) {
		t.Helper()
		for label, number := range numbers {
			if m := node.Directory().Module(label); m == nil || m.Handle.Number() != number {
				t.Errorf("%s is %+v, want number %d", label, m, number)
			}
		}
		if got := strings.Count(string(Export(node, Header{})), "\nMaximum "); got != len(numbers) {
			t.Errorf("there are %d, want %d", got, len(numbers))
		}
	}
	load(t, node, parsed(t, "Maximum | New\nMaximum | B"))
	want(map[string]int{"B": 2, "New": 3}) // not 1: the registers of A are not those of New
	load(t, node, parsed(t, "Maximum | B\nMaximum 2 | X"))
	want(map[string]int{"B": 1, "X": 2})
}

func TestWhatTemplatesLeaveToTheMeterStays(t *testing.T) {
	node := build(t, bare(t))
	edit(t, node, "+ Clock | TZ Offset = 3600\n+ Factory | Owner = me\n+ Power Meter | PT Prim = 10000\nMinimum | Same | Source <- Power Meter/Ia")
	// The Power Meter is not named and stays; the Clock and the owner are not a template's to set.
	plan := load(t, node, parsed(t, "Minimum | Same | Source <- Power Meter/Ia\nClock | Clock | TZ Offset = 7200\n+ Factory | Owner = you | Nominal Voltage = 400\nMaximum | M | Source <- Clock/Year"))
	want := []ion.Change{ion.Create{Type: "Maximum", Label: "M", Number: 1}, ion.Link{Input: "M/Source", Register: "Clock/Year"}, ion.Set{Register: "Factory/Nominal Voltage", Value: "400"}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Error(diff)
	}
}

// A factory template can be loaded into the meter that has it, and into one that was
// changed.
func TestTheFactoryTemplateLoads(t *testing.T) {
	models, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) {
			node := build(t, m)
			factory := string(Export(node, Header{}))
			if plan := load(t, node, m.Program); len(plan) > 0 {
				t.Errorf("a fresh meter would be changed: %v", plan)
			}
			edit(t, node, "+ kWh del | Int Mode = reverse | Integrand <- Power Meter/kVAR tot\nMaximum | Mine | Source <- kWh del/Result")
			if err := node.Program([]ion.Change{ion.Rename{Module: "kWh rec", Label: "x"}, ion.Delete{Module: "kW sd"}}, ion.By{}, start); err != nil {
				t.Fatal(err)
			}
			load(t, node, parsed(t, factory))
			if got := string(Export(node, Header{})); got != factory {
				t.Error(cmp.Diff(factory, got))
			}
		})
	}
}

func TestATemplateThatDoesNotFitIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		lines string
		want  []string // one for each reason
	}{
		"more than the model has":                  {"Integrator | 1\nIntegrator | 2\nIntegrator | 3\nIntegrator | 4", []string{"Integrator: 4 modules are more than the 3 that the TEST1 carries"}},
		"incompatible classes":                     {"Maximum | M | Source <- Clock/New Day", []string{"M/Source: takes numeric; Clock/New Day is pulse"}},
		"a loop":                                   {"Maximum | A | Source <- B/Maximum\nMaximum | B | Source <- A/Maximum", []string{"the links would make a loop"}},
		"too long a chain":                         {"Maximum | A | Source <- Power Meter/Ia\nMaximum | B | Source <- A/Maximum\nMaximum | C | Source <- B/Maximum\nMaximum | D | Source <- C/Maximum", []string{"D: stands at the end of a chain of 7 modules, at most 6"}},
		"a type that is not known":                 {"Flux Capacitor | F | Charge <- Power Meter/kW tot | Speed = 88\nMaximum | M | Source <- F/Charge", []string{`F: there is no module type "Flux Capacitor"`}},
		"an input that is not known":               {"Maximum | M | Sauce <- Power Meter/Ia", []string{"M/Sauce: there is no such input"}},
		"a register that is not known":             {"Maximum | M | Source <- Power Meter/Ix", []string{"Power Meter/Ix: there is no such register"}},
		"a setup that is not known":                {"Integrator | I | Mode = net", []string{"I/Mode: there is no such setup register"}},
		"a bad value":                              {"Integrator | I | Int Mode = sideways", []string{`I/Int Mode: "sideways" is none of`}},
		"a value out of range":                     {"+ Power Meter | PT Prim = 0", []string{"Power Meter/PT Prim: 0 is outside 1 to 999999"}},
		"a module that nobody makes":               {"+ Nobody | A = 1", []string{"Nobody: there is no such module"}},
		"a source that it deletes":                 {"Maximum | M | Source <- Mine/Result", []string{"Mine: there is no such module"}},
		"a source that it deletes, linked already": {"Minimum 7 | Low | Source <- Mine/Result", []string{"Mine: there is no such module"}},
		"further lines for one that it deletes":    {"+ Mine | Int Mode = forward", []string{"Mine: there is no such module"}},
		"the number of one that is there, twice":   {"Minimum 7 | Low\nMinimum 7 | Lower", []string{"Lower: number 7 under the manager of Minimum is taken"}},
		"a label twice":                            {"Maximum | M\nMaximum | M", []string{"M: the label is taken by another module"}},
		"a number twice":                           {"Maximum 2 | M\nMaximum 2 | N", []string{"N: number 2 under the manager of Maximum is taken"}},
		"a number beyond all":                      {"Maximum 5000 | M", []string{"M: number 5000 under the manager of Maximum is taken or above 4095"}},
		"a label in use by a core module":          {"Maximum | Power Meter", []string{"Power Meter: the label is taken"}},
		"a second core module":                     {"Power Meter 2 | P", []string{"P: a core module of type Power Meter is made by the factory only, and this TEST1 was made without it"}},
		"a core module renamed":                    {"Power Meter 1 | P", []string{"Power Meter: a core module keeps its label"}},
		"a fixed input":                            {"+ Power Meter | V1 <- Data Acquisition/V2", []string{"Power Meter/V1: the input is linked by the factory"}},
		"all at once": {"Flux Capacitor | F\nMaximum | M | Source <- Clock/New Day\nInteger | I\n+ Power Meter | PT Prim = x | V1 <- Data Acquisition/V2", []string{
			"Flux Capacitor", "M/Source: takes numeric", `"Integer"`, `Power Meter/PT Prim: "x" is not a number`, "Power Meter/V1"}},
	} {
		t.Run(name, func(t *testing.T) {
			node := build(t, bare(t))
			edit(t, node, "Integrator | Mine | Integrand <- Power Meter/kW tot | Int Mode = net\nMinimum 7 | Low | Source <- Mine/Result")
			before := node.Listing()
			plan, err := Plan(node, parsed(t, row.lines))
			var refusal *ion.Refusal
			if !errors.As(err, &refusal) || plan != nil {
				t.Fatalf("plan %v, error %v, want a refusal", plan, err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the reasons do not have %q:\n%v", want, err)
				}
			}
			if len(refusal.Problems) != len(row.want) {
				t.Errorf("%d reasons, want %d: %v", len(refusal.Problems), len(row.want), err)
			}
			if diff := cmp.Diff(before, node.Listing()); diff != "" {
				t.Error("something was changed:", diff)
			}
		})
	}
}

// The template of a larger model says what the smaller one lacks, and no more.
func TestATemplateOfAnotherModel(t *testing.T) {
	large, err := Load("ION9000")
	if err != nil {
		t.Fatal(err)
	}
	small, err := Load("PM8000")
	if err != nil {
		t.Fatal(err)
	}
	target := parsed(t, string(Export(build(t, large), Header{})))
	_, err = Plan(build(t, small), target)
	var refusal *ion.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("error %v, want a refusal", err)
	}
	for _, want := range []string{
		"V4 Harmonics: a core module of type Harmonics Analyzer is made by the factory only, and this PM8000 was made without it",
		"Power Meter/V4: the input is linked by the factory and cannot be changed",
		"Power Meter/I5: the input is linked by the factory and cannot be changed",
	} {
		if !slices.ContainsFunc(refusal.Problems, func(p ion.Problem) bool { return p.String() == want }) {
			t.Errorf("the reasons do not have %q:\n%v", want, strings.ReplaceAll(err.Error(), "; ", "\n"))
		}
	}
	// The other way round all fits.
	if _, err := Plan(build(t, large), parsed(t, string(Export(build(t, small), Header{})))); err != nil {
		t.Error(err)
	}
}
