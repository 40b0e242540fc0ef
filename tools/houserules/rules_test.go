package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestRules names each kind of breach and one import that is allowed.
func TestRules(t *testing.T) {
	rules, err := parse(houseRules)
	if err != nil {
		t.Fatal(err)
	}
	ours := func(p string) string { return module + "/" + p }
	for _, tc := range []struct {
		name, folder, imp string
		test              bool
		reason            string // empty: allowed
	}{
		{"a server stands on the gate", "serve/modbus", ours("access"), false, ""},
		{"a server does not reach the meter", "serve/modbus", ours("meter"), false, "ask the gate"},
		{"a server does not reach the modules", "serve/web", ours("ion/modules"), false, "never the modules"},
		{"imports run downward", "ion", ours("meter"), false, "downward only"},
		{"one storey does not import its neighbour", "wire/modbus", ours("registermap"), false, "one storey"},
		{"sub-packages of one family may", "waveform/open", ours("waveform/csv"), false, ""},
		{"the gate does not know the modules", "access", ours("ion"), false, "declares the interfaces"},
		{"the core stands on the standard library", "metering", "gonum.org/v1/gonum/dsp/fourier", false, "standard library"},
		{"a test may use an oracle", "metering", "gonum.org/v1/gonum/dsp/fourier", true, ""},
		{"the longest folder decides", "waveform/comtrade", "go.yaml.in/yaml/v3", false, "text encodings"},
		{"synth may read YAML", "waveform/synth", "go.yaml.in/yaml/v3", false, ""},
		{"a new folder needs a storey", "helpers", ours("wire/modbus"), false, "has no storey"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reason, bad := rules.breach(file{folder: tc.folder, imports: []string{tc.imp}, test: tc.test}, tc.imp)
			if bad != (tc.reason != "") || !strings.Contains(reason, tc.reason) {
				t.Errorf("%s imports %s: got %q, want %q", tc.folder, tc.imp, reason, tc.reason)
			}
		})
	}
}

// A server that goes around the gate by what it imports or names is refused by the linter,
// and one that keeps to its session is not.
func TestServingWithoutASession(t *testing.T) {
	rules, err := parse(houseRules)
	if err != nil {
		t.Fatal(err)
	}
	files, err := scan("testdata/house")
	if err != nil {
		t.Fatal(err)
	}
	breaches := map[string]string{}
	for _, b := range rules.check(files) {
		who, _, _ := strings.Cut(strings.TrimPrefix(b, "serve/"), "/")
		breaches[who] += b
	}
	for who, reason := range map[string]string{
		"honest": "", "aroundmeter": "ask the gate", "aroundion": "never the modules", "aroundstore": "no business with files", "aroundmetering": "not the engine",
		"aroundregisters": "reached through a session", "arounddot": "reached through a session", "aroundgate": "is given its gate",
	} {
		if (breaches[who] == "") != (reason == "") || !strings.Contains(breaches[who], reason) {
			t.Errorf("%s: %q, want %q", who, breaches[who], reason)
		}
	}
}

// What the gate keeps to itself does not compile outside.
func TestForgingASessionDoesNotCompile(t *testing.T) {
	for name, message := range map[string]string{
		"honest":    "",
		"view":      "unexported field session",
		"session":   "unexported field conn",
		"identity":  "unexported field verifier",
		"registers": "g.options undefined",
		"permit":    "s.permit undefined",
		"verifier":  "unexported field set",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "go", "build", "./testdata/bypass/"+name).CombinedOutput()
			if (err == nil) != (message == "") || !strings.Contains(string(out), message) {
				t.Errorf("%v: %s; want %q", err, out, message)
			}
		})
	}
}

// TestHouse holds the checkout itself against the rules.
func TestHouse(t *testing.T) {
	rules, err := parse(houseRules)
	if err != nil {
		t.Fatal(err)
	}
	files, err := scan("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range rules.check(files) {
		t.Error(b)
	}
}
