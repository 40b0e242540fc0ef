package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/ion"
)

func TestParse(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want []ion.Change
	}{
		"modules, then links, then setup": {
			"# energy\n\nIntegrator 3 | kWh del | Int Mode = forward | Integrand <- Power Meter/kW tot\r\n+ kWh del | Enable <- Input 1/State\nMaximum | M\n",
			[]ion.Change{
				ion.Create{Type: "Integrator", Label: "kWh del", Number: 3},
				ion.Create{Type: "Maximum", Label: "M"},
				ion.Link{Input: "kWh del/Integrand", Register: "Power Meter/kW tot"},
				ion.Link{Input: "kWh del/Enable", Register: "Input 1/State"},
				ion.Set{Register: "kWh del/Int Mode", Value: "forward"},
			}},
		"a type of digits has no number":    {"7 | A", []ion.Change{ion.Create{Type: "7", Label: "A"}}},
		"the first of <- and = counts":      {"+ A | S = a <- b = c", []ion.Change{ion.Set{Register: "A/S", Value: "a <- b = c"}}},
		"bars without spaces part nothing":  {"+ A | S = a|b", []ion.Change{ion.Set{Register: "A/S", Value: "a|b"}}},
		"quotation marks around everything": {`T | "a | b" | "x = y" = " z "  | "I <- J" <- "a | b/R"`, []ion.Change{ion.Create{Type: "T", Label: "a | b"}, ion.Link{Input: "a | b/I <- J", Register: "a | b/R"}, ion.Set{Register: "a | b/x = y", Value: " z "}}},
		"escapes of Go":                     {`+ A | S = "\"\u00a0\x41"`, []ion.Change{ion.Set{Register: "A/S", Value: "\"\u00a0A"}}},
		"an empty value, no link":           {`+ A | S = "" | I <- ""`, []ion.Change{ion.Link{Input: "A/I"}, ion.Set{Register: "A/S"}}},
		"this version of the format":        {"# hepmeter template 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(row.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFaultyLinesAreRefused(t *testing.T) {
	for name, row := range map[string]struct{ line, want string }{
		"no label":                 {"Clock", "write Type | Label"},
		"an empty label":           {`Clock | "" | A = 1`, "is no label"},
		"a label with a slash":     {"Clock | a/b", "is no label"},
		"an empty label after +":   {"+ | A = 1", "is empty"},
		"number 0":                 {"Clock 0 | C", "number of a module is 1 to 4095"},
		"a number beyond all":      {"Clock 99999999999999999999 | C", "number of a module is 1 to 4095"},
		"neither link nor setup":   {"Clock | C | nonsense", "write Input <- Module/Register or Setup = value"},
		"an empty value":           {"Clock | C | A = | B = 1", `write "" for an empty value`},
		"an empty last value":      {"Clock | C | A =", `write Input`},
		"a source without a slash": {"Clock | C | A <- B", "is no register"},
		"open quotation marks":     {`Clock | "C`, "are not closed"},
		"an unknown escape":        {`Clock | "\C"`, "are not closed, or an escape"},
		"text after a quotation":   {`Clock | "C"x`, "nothing may follow"},
		"a newer format":           {"# hepmeter template 2", "this program reads version 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte("# line 1\n" + row.line))
			if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want line 2 and %q", err, row.want)
			}
		})
	}
}

func TestEveryFaultyLineIsNamed(t *testing.T) {
	_, err := Parse([]byte("Clock\n# fine\n+ | A = 1\nClock | C | nonsense\n"))
	for _, want := range []string{"line 1: ", "line 3: ", "line 4: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

func TestTextsBeyondTheLimitsAreRefused(t *testing.T) {
	if _, err := Parse([]byte(strings.Repeat("\n", maxLines+1))); err == nil {
		t.Error("too many lines were accepted")
	}
	if _, err := Parse(make([]byte, maxBytes+1)); err == nil {
		t.Error("too many bytes were accepted")
	}
}

// hasTwins tells of a faulty program: two modules of one label or number.
func hasTwins(changes []ion.Change) bool {
	p := read(changes, nil)
	handles := map[handle]bool{}
	for _, m := range p.modules {
		if handles[m.key()] || p.byLabel[fold(m.label)] != m {
			return true
		}
		handles[m.key()] = true
	}
	return false
}

// What is read and written is read as the same program and written as the same text.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"core", "energy", "demand", "extremes", "neutral-voltage"} {
		text, err := data.ReadFile("frameworks/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("+ | | <- = "))
	f.Add([]byte(`Maximum 2 | "a | b" | source <- "a | b/event" | "x" = " "`))
	f.Fuzz(func(t *testing.T, text []byte) {
		changes, err := Parse(text)
		if err != nil {
			return
		}
		written := Format(changes)
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, written)
		}
		if hasTwins(changes) {
			return
		}
		if diff := Compare(changes, again); diff != nil {
			t.Errorf("written and read again it is another program:\n%v\n%s", diff, written)
		}
		if second := Format(again); string(second) != string(written) {
			t.Errorf("written as\n%s\nread and written again as\n%s", written, second)
		}
	})
}
