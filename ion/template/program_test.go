package template

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
	"pgregory.net/rapid"
)

var start = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// bare is a model with core modules only and room for a few modules of the user's.
func bare(tb testing.TB) Model {
	tb.Helper()
	text, err := data.ReadFile("frameworks/core.txt")
	if err != nil {
		tb.Fatal(err)
	}
	changes, err := Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return Model{Name: "TEST1", Program: changes, Limits: ion.Limits{ChainDepth: 6, Modules: map[string]int{"Integrator": 3, "Maximum": 4}}}
}

// factory is a meter of the model as it leaves the factory.
func factory(tb testing.TB, model string) *ion.Node {
	tb.Helper()
	m, err := Load(model)
	if err != nil {
		tb.Fatal(err)
	}
	return build(tb, m)
}

func build(tb testing.TB, m Model) *ion.Node {
	tb.Helper()
	node, err := m.Build("HM-1", "3.0.0")
	if err != nil {
		tb.Fatal(err)
	}
	return node
}

// edit programs a node with lines of a template.
func edit(tb testing.TB, node *ion.Node, lines string) {
	tb.Helper()
	changes, err := Parse([]byte(lines))
	if err == nil {
		err = node.Program(changes, ion.By{}, start)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// labels of random programs: what the text format has to quote, too.
var labels = []string{"A", "B", "kWh del", "a | b", `"q"`, "+ p", "x = y", "<- z", "#1", "|", "Ünbal"}

// randomly programs a node by random changes of all kinds; those that it refuses are
// not done.
func randomly(t *rapid.T, node *ion.Node) {
	var types []string
	for _, typ := range modules.Catalogue() {
		if typ.Kind == ion.Standard {
			types = append(types, typ.Name)
		}
	}
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
	label := rapid.SampledFrom(labels)
	for range rapid.IntRange(0, 40).Draw(t, "changes") {
		d := node.Directory()
		m := d.Modules[pick(len(d.Modules))]
		if own(m.Type.Name, "") {
			continue
		}
		var c ion.Change
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1, 2:
			c = ion.Create{Type: rapid.SampledFrom(types).Draw(t, "type"), Label: label.Draw(t, "label"), Number: rapid.IntRange(0, 4).Draw(t, "number")}
		case 3:
			c = ion.Delete{Module: m.Label}
		case 4:
			c = ion.Rename{Module: m.Label, Label: label.Draw(t, "label")}
		case 5, 6, 7:
			m = d.Modules[len(d.Modules)-1-pick(min(len(d.Modules), 6))] // most likely one of the user's
			if len(m.Type.Inputs) == 0 {
				continue
			}
			in := m.Type.Inputs[pick(len(m.Type.Inputs))]
			from := d.Modules[pick(len(d.Modules))]
			var fit []string
			for _, o := range from.Type.Outputs {
				if slices.Contains(in.Classes, o.Class) {
					fit = append(fit, from.Label+"/"+o.Name)
				}
			}
			register := ""
			if len(fit) > 0 {
				register = rapid.SampledFrom(fit).Draw(t, "register")
			}
			c = ion.Link{Input: m.Label + "/" + in.Name, Register: register}
		default:
			if len(m.Type.Setups) == 0 {
				continue
			}
			s := m.Type.Setups[pick(len(m.Type.Setups))]
			if own(m.Type.Name, s.Name) {
				continue
			}
			var value string
			switch s.Class {
			case ion.Enumerated:
				value = fmt.Sprint(pick(len(s.Options)))
			case ion.Boolean:
				value = rapid.SampledFrom([]string{"ON", "OFF"}).Draw(t, "boolean")
			case ion.String:
				value = rapid.SampledFrom(append(labels, "", " ", " x ", `\`)).Draw(t, "text")
			default:
				x := rapid.Float64Range(s.Low, s.High).Draw(t, "value")
				if s.Whole {
					x = math.Trunc(x)
				}
				value = fmt.Sprint(x)
			}
			c = ion.Set{Register: m.Label + "/" + s.Name, Value: value}
		}
		_ = node.Program([]ion.Change{c}, ion.By{}, start)
	}
}

func TestParseUndoesFormat(t *testing.T) {
	model := bare(t)
	rapid.Check(t, func(r *rapid.T) {
		node := build(t, model)
		randomly(r, node)
		text := Format(node.Listing())
		got, err := Parse(text)
		if err != nil {
			r.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(node.Listing(), got); diff != "" {
			r.Fatalf("%s\n%s", diff, text)
		}
	})
}

// From any program to any other: exactly it, at once, and what stays is not touched.
func TestAPlanMakesTheTarget(t *testing.T) {
	model := bare(t)
	rapid.Check(t, func(r *rapid.T) {
		node, target := build(t, model), build(t, model)
		randomly(r, node)
		randomly(r, target)
		text := Format(target.Listing())
		before := node.Directory()
		differences := Compare(node.Listing(), target.Listing())
		plan, err := Plan(node, target.Listing())
		if err == nil {
			err = node.Program(plan, ion.By{}, start)
		}
		if err != nil {
			r.Fatalf("%v\n%s\nfrom\n%s\nto\n%s", err, differences, Format(node.Listing()), text)
		}
		if diff := cmp.Diff(target.Listing(), node.Listing()); diff != "" {
			r.Fatal(diff)
		}
		if left, err := Plan(node, target.Listing()); err != nil || len(left) > 0 || Compare(node.Listing(), target.Listing()) != nil {
			r.Fatalf("loading it again would do %v (%v)", left, err)
		}
		for _, m := range before.Modules {
			after := node.Directory().Module(m.Label)
			touched := slices.ContainsFunc(differences, func(d Difference) bool { return d.Label == m.Label || d.From == m.Label })
			if !touched && (after == nil || after.Handle != m.Handle || after.SetupCount != m.SetupCount) {
				r.Fatalf("%s was touched: %+v, was %+v", m.Label, after, m)
			}
		}
		if string(Export(node, Header{})) != string(Export(target, Header{})) {
			r.Fatal("the exports differ")
		}
	})
}

// The canonical form does not depend on how a program is written.
func TestFormatIsCanonical(t *testing.T) {
	want := Format(parsed(t, "Maximum 1 | M | Source <- Power Meter/kW tot\nIntegrator 2 | I | Integrand <- Power Meter/kW tot | Int Mode = reverse | RollValue = 500"))
	for name, text := range map[string]string{
		"order":               "Integrator 2 | I | RollValue = 500 | Integrand <- Power Meter/kW tot | Int Mode = reverse\nMaximum 1 | M | Source <- Power Meter/kW tot",
		"further lines":       "Maximum 1 | M\nIntegrator 2 | I | Integrand <- Power Meter/kW tot\n+ i | Int Mode = reverse\n+ M | Source <- Power Meter/kW tot\n+ I | RollValue = 500",
		"case":                "maximum 1 | M | source <- Power Meter/kW tot\nINTEGRATOR 2 | I | integrand <- Power Meter/kW tot | int mode = REVERSE | rollvalue = 500",
		"numbers":             "Maximum | M | Source <- Power Meter/kW tot\nIntegrator 2 | I | Integrand <- Power Meter/kW tot | Int Mode = 2 | RollValue = 5e2",
		"defaults":            "Maximum 1 | M | Source <- Power Meter/kW tot\nIntegrator 2 | I | Integrand <- Power Meter/kW tot | Int Mode = reverse | RollValue = 500.0 | Divisor = 3600",
		"the latest of two":   "Maximum 1 | M | Source <- Power Meter/Ia | Source <- Power Meter/kW tot\nIntegrator 2 | I | Integrand <- Power Meter/kW tot | Int Mode = reverse | RollValue = 9 | RollValue = 500",
		"comments and spaces": "# a\n\n  Maximum  1 |  M | Source  <-  Power Meter/kW tot\nIntegrator 2 | I | Integrand <- Power Meter/kW tot | Int Mode = reverse | RollValue = 500 \r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(string(want), string(Format(parsed(t, text)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func parsed(tb testing.TB, text string) []ion.Change {
	tb.Helper()
	changes, err := Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return changes
}

// A template holds no time zone, no owner and no account (FA409164, canonical export).
func TestExportLeavesOutWhatIsTheMetersOwn(t *testing.T) {
	node := build(t, bare(t))
	fresh := string(Export(node, Header{}))
	edit(t, node, "+ Clock | TZ Offset = 3600\n+ Factory | Device Name = Feeder 1 | Owner = me | Tag 1 = a | Tag 2 = b")
	if got := string(Export(node, Header{})); got != fresh {
		t.Error(cmp.Diff(fresh, got))
	}
	edit(t, node, "+ Factory | Nominal Voltage = 400")
	if got := string(Export(node, Header{})); got == fresh {
		t.Error("the nominal voltage is part of the template")
	}
}

func TestTheHeaderSaysWhereATemplateIsFrom(t *testing.T) {
	text := string(Export(build(t, bare(t)), Header{Model: "ION9000", Firmware: "3.0.0", Saved: start}))
	const want = "# hepmeter template 1\n# model: ION9000\n# firmware: 3.0.0\n# saved: 2027-01-01T00:00:00Z\n\nData Acquisition 1 | Data Acquisition\n"
	if len(text) < len(want) || text[:len(want)] != want {
		t.Errorf("begins with\n%.200s\nwant\n%s", text, want)
	}
}
