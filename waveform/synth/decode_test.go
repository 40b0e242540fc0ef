package synth

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// TestParseRefuses names line, place and remedy of what is wrong.
func TestParseRefuses(t *testing.T) {
	rows := []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "voltage:\n  rms: 230\n  harmoncs: []\n", []string{"s.yaml:3:", "voltage", `"harmoncs"`, `"harmonics"`}},
		{"unknown key deep down", "voltage:\n  rms: 230\n  harmonics:\n    - order: 3\n      prcent: 2\n", []string{"s.yaml:5:", "voltage.harmonics[0]", `"percent"`}},
		{"unknown channel", "channels:\n  V1: {rms: 1}\n  U2: {rms: 1}\n", []string{"s.yaml:3:", `"U2"`, "V1 V2"}},
		{"key twice", "voltage: {rms: 230}\nvoltage: {rms: 240}\n", []string{"s.yaml:2:", "twice"}},
		{"channel twice", "channels:\n  V1: {rms: 1}\n  v1: {rms: 2}\n", []string{"s.yaml:3:", "twice"}},
		{"word for number", "voltage: {rms: 230V}\n", []string{"s.yaml:1:", "voltage.rms", `"230V"`}},
		{"number for word", "voltage: {rms: 230, reversed: 1}\n", []string{"voltage.reversed", "true or false"}},
		{"not finite", "voltage: {rms: .nan}\n", []string{"voltage.rms", "outside 0 to 1e7"}},
		{"out of range", "voltage: {rms: 230}\nfrequency: {hz: 5000}\n", []string{"s.yaml:2:", "frequency.hz", "outside 1 to 1000"}},
		{"fraction for whole", "voltage: {rms: 230, harmonics: [{order: 2.5}]}\n", []string{"order", "whole number"}},
		{"nothing", "voltage: {rms: }\n", []string{"voltage.rms", "found nothing"}},
		{"list for keys", "voltage: [1]\n", []string{"voltage", "found a list"}},
		{"keys for list", "voltage: {rms: 230, harmonics: {order: 3}}\n", []string{"voltage.harmonics", "want a list"}},
		{"alias", "voltage: &v {rms: 230}\ncurrent: *v\n", []string{"s.yaml:1:", "anchors"}},
		{"merge", "voltage: {<<: {rms: 230}}\n", []string{"unknown key"}},
		{"unknown word", "voltage: {rms: 230}\nconnection: star\n", []string{"s.yaml:2:", `"star"`, "wye"}},
		{"unknown event", "voltage: {rms: 230}\nevents:\n  - {type: sag, at: 1}\n", []string{"s.yaml:3:", "events[0].type", `"sag"`}},
		{"event without type", "voltage: {rms: 230}\nevents:\n  - {at: 1}\n", []string{"s.yaml:3:", "events[0]", "type"}},
		{"dip without end", "voltage: {rms: 230}\nevents:\n  - {type: dip, at: 1, percent: 50}\n", []string{"s.yaml:3:", "durationSeconds"}},
		{"swell below 100 %", "voltage: {rms: 230}\nevents:\n  - {type: swell, at: 1, percent: 20, durationCycles: 1}\n", []string{"what is left"}},
		{"event on a channel that is not there", "voltage: {rms: 230}\nevents:\n  - {type: step, percent: 50, channels: [I1]}\n", []string{"events[0]", "no channel I1"}},
		{"event on a derived channel", "connection: delta\nvoltage: {rms: 230}\nevents:\n  - {type: step, percent: 50, channels: [V12]}\n", []string{"V12 is derived"}},
		{"event on a channel twice", "voltage: {rms: 230}\nevents:\n  - {type: step, percent: 50, channels: [V1, v1]}\n", []string{"named twice"}},
		{"unknown load", "voltage: {rms: 230}\nevents:\n  - {type: step, percent: 50, load: pump}\n", []string{`no load called "pump"`}},
		{"repeats faster than it lasts", "voltage: {rms: 230}\nevents:\n  - {type: dip, percent: 50, durationSeconds: 2, everySeconds: 1}\n", []string{"everySeconds"}},
		{"repeats without end of each", "voltage: {rms: 230}\nevents:\n  - {type: step, percent: 50, everySeconds: 1}\n", []string{"needs a duration"}},
		{"load without voltage", "loads:\n  - {kW: 1}\n", []string{"s.yaml:2:", "loads[0]", "voltage V1"}},
		{"load with pf and kvar", "voltage: {rms: 230}\nloads:\n  - {kW: 1, pf: 0.9, kvar: 2}\n", []string{"either pf or kvar"}},
		{"cycle without length", "voltage: {rms: 230}\nloads:\n  - kW: 1\n    profile: {kind: cycle}\n", []string{"s.yaml:4:", "everySeconds"}},
		{"day of 23 hours", "voltage: {rms: 230}\nloads:\n  - kW: 1\n    profile: {kind: day, hours: [1]}\n", []string{"state 24"}},
		{"interharmonic twice stated", "voltage: {rms: 230, interharmonics: [{ratio: 2.5, hz: 100}]}\n", []string{"either ratio or hz"}},
		{"derive from nothing", "channels:\n  I4: {derive: {I1: 1}}\n", []string{"s.yaml:2:", "derive names I1"}},
		{"changes out of order", "voltage: {rms: 230}\nfrequency: {changes: [{at: 5, hz: 49}, {at: 4, hz: 50}]}\n", []string{"frequency.changes[1]", "before"}},
		{"empty", "", []string{"s.yaml", "empty"}},
		{"no channel", "name: x\n", []string{"there is no channel"}},
		{"not YAML", "voltage: {rms: 230\n", []string{"s.yaml", "not YAML"}},
		{"too many events", "voltage: {rms: 230}\nevents: [" + strings.Repeat("{type: step},", 1001) + "]", []string{"1001 entries are more than the 1000"}},
		{"too many harmonics", "voltage: {rms: 230, harmonics: [" + strings.Repeat("{order: 2},", 201) + "]}", []string{"201 entries"}},
		{"too long", strings.Repeat("#", maxFileBytes+1), []string{"more than a scenario may have"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse([]byte(row.text), "s.yaml")
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range row.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") && row.name != "not YAML" {
				t.Errorf("%q is more than one line", err)
			}
		})
	}
}

// TestValidateRefuses has scenarios that were built in Go and never parsed.
func TestValidateRefuses(t *testing.T) {
	negative := -5.0
	rows := []struct {
		want string
		s    Scenario
	}{
		{"frequency.hz: -50", Scenario{Voltage: &ThreePhase{RMS: 230}, Frequency: Frequency{Hz: -50}}},
		{"voltage.harmonics[0].order: 1 ", Scenario{Voltage: &ThreePhase{RMS: 230, Harmonics: []Harmonic{{Order: 1}}}}},
		{"channels.V1.rms: -5", Scenario{Channels: map[waveform.Role]Channel{waveform.V1: {RMS: &negative}}}},
		{`connection: "star"`, Scenario{Voltage: &ThreePhase{RMS: 230}, Connection: "star"}},
		{"events[0].at: NaN", Scenario{Voltage: &ThreePhase{RMS: 230}, Events: []Event{{Type: "step", At: math.NaN()}}}},
		{"events: 1001 entries", Scenario{Voltage: &ThreePhase{RMS: 230}, Events: make([]Event, 1001)}},
		{"state its order", Scenario{Voltage: &ThreePhase{RMS: 230, Harmonics: []Harmonic{{Percent: 1}}}}},
	}
	for _, row := range rows {
		if _, err := row.s.Source(51200, testStart); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v, want %q", err, row.want)
		}
	}
}

// FuzzParse feeds the parser anything: it must not panic or hang, and what it
// accepts must run or be refused with an error.
func FuzzParse(f *testing.F) {
	f.Add(defaultYAML)
	f.Add([]byte(eventful))
	files, _ := filepath.Glob("../../examples/scenarios/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("voltage: {rms: 230}\nevents: [{type: impulse, peak: 1, decaySeconds: 1e-7, riseSeconds: 1e-8, everySeconds: 0.001}]"))
	f.Add([]byte("channels: {V1: {rms: 1, derive: {V1: 1}}}"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text, "fuzz")
		if err != nil {
			return
		}
		s.RateHz = 0
		src, err := s.Source(8000, testStart)
		if err != nil {
			return
		}
		var b waveform.Block
		want := 100
		if n := src.Info().Samples; n >= 0 {
			want = int(min(n, 100))
		}
		if n, err := src.Next(context.Background(), &b, 100); err != nil || n != want {
			t.Fatalf("%d samples, %v", n, err)
		}
		_, _ = s.Expect(8000, 1)
	})
}
