package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
)

func TestParseFramework(t *testing.T) {
	got, err := ParseFramework([]byte("# energy\n\nIntegrator | kWh del | Integrand <- Power Meter/kW tot | Int Mode = forward\r\n+ kWh del | Enable <- Input 1/State\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []ion.Change{
		ion.Create{Type: "Integrator", Label: "kWh del"},
		ion.Link{Input: "kWh del/Integrand", Register: "Power Meter/kW tot"},
		ion.Set{Register: "kWh del/Int Mode", Value: "forward"},
		ion.Link{Input: "kWh del/Enable", Register: "Input 1/State"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFaultyFrameworksAreRefusedByLine(t *testing.T) {
	_, err := ParseFramework([]byte("Clock\n# fine\n+ | A = 1\nClock | C | nonsense\n"))
	for _, want := range []string{"line 1: ", "line 3: ", "line 4: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if _, err := ParseFramework([]byte(strings.Repeat("\n", maxFrameworkLines+1))); err == nil {
		t.Error("too many lines were accepted")
	}
	if _, err := ParseFramework(make([]byte, maxFrameworkBytes+1)); err == nil {
		t.Error("too many bytes were accepted")
	}
}

func TestFaultyModelsAreRefused(t *testing.T) {
	const good = `[{"name":"A","product":"p","samplesPerCycle":256,"inputs":["V1"],"frameworks":["f"],"limits":{"chainDepth":25,"modules":{"Maximum":3}}}]`
	framework := func(string) ([]byte, error) { return []byte("Clock | Clock"), nil }
	if _, err := parseModels([]byte(good), framework); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ old, new, want string }{
		"unknown key":         {`"product"`, `"products"`, "unknown field"},
		"no product":          {`"p"`, `""`, "product text"},
		"rate":                {`256`, `5`, "outside 16 to 65536"},
		"input":               {`"V1"`, `"V9"`, `unknown input "V9"`},
		"limit of no type":    {`"Maximum"`, `"Maximal"`, `unknown module type "Maximal"`},
		"not JSON":            {`[{`, `{`, "models.json"},
		"the same name twice": {good[1 : len(good)-1], good[1:len(good)-1] + "," + good[1:len(good)-1], "listed twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseModels([]byte(strings.Replace(good, row.old, row.new, 1)), framework)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v does not say %q", err, row.want)
			}
		})
	}
	if _, err := Load("ION1"); err == nil || !strings.Contains(err.Error(), "ION9000T") {
		t.Errorf("error %v does not name the models there are", err)
	}
}

func FuzzParseFramework(f *testing.F) {
	for _, name := range []string{"core", "energy", "demand", "extremes"} {
		text, err := data.ReadFile("frameworks/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("+ | | <- = "))
	f.Fuzz(func(t *testing.T, text []byte) {
		changes, err := ParseFramework(text)
		if err != nil {
			return
		}
		for _, c := range changes { // every change names its module
			switch c := c.(type) {
			case ion.Create:
				if c.Label == "" {
					t.Errorf("%+v has no label", c)
				}
			case ion.Link:
				if !strings.Contains(c.Input, "/") {
					t.Errorf("%+v names no input", c)
				}
			case ion.Set:
				if !strings.Contains(c.Register, "/") {
					t.Errorf("%+v names no register", c)
				}
			}
		}
	})
}
