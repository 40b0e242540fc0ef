package firmware

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion/template"
)

func testMeter() Meter {
	return Meter{Model: "ION9000", Platform: "linux/amd64", Version: Version{2, 1, 0}, SecurityCounter: 1, State: 3,
		Clock: testBuilt.AddDate(0, 1, 0), Trusted: testBuilt}
}

func judged(t testing.TB, editManifest func(*Manifest), editMeter func(*Meter), client Client) Verdict {
	t.Helper()
	m, meter := testManifest(), testMeter()
	m.Product = Product
	if editManifest != nil {
		editManifest(&m)
	}
	if editMeter != nil {
		editMeter(&meter)
	}
	known, err := Releases()
	if err != nil {
		t.Fatal(err)
	}
	return Judge(m, meter, client, known)
}

func TestJudge(t *testing.T) {
	tool := Client{Level: "3.2.20218.01", Protocol: 3}
	tests := []struct {
		name     string
		manifest func(*Manifest)
		meter    func(*Meter)
		client   Client
		codes    string // of the refusals, in their order
		says     string // in the first reason, or in the warnings
	}{
		{"F1: 2.1.0 goes to 3.0.0", nil, nil, tool, "", ""},
		{"F1, E2 5: 2.0.0 is too old for 3.0.0", nil, func(m *Meter) { m.Version = Version{2, 0, 0} }, tool, "source-too-old", "go 2.0.0 -> 2.1.0 -> 3.0.0"},
		{"F1, E2 5: 1.4.1 is too old for 3.0.0", nil, func(m *Meter) { m.Version, m.Model = Version{1, 4, 1}, "ION7400" }, tool, "source-too-old", "go 1.4.1 -> 2.1.0 -> 3.0.0"},
		{"F1, E2 5: no way is known", func(m *Manifest) { m.MinSource, m.Version = Version{9, 0, 0}, Version{9, 1, 0} }, nil, tool, "source-too-old", "no known release leads there"},
		{"F2, E2 1: a tool of level 3.2.20217.09", nil, nil, Client{"3.2.20217.09", 3}, "tool-too-old", "level 3.2.20218.01 or newer"},
		{"F2: a level is compared as numbers", nil, nil, Client{"3.10.1", 3}, "", ""},
		{"F2: a level without its last number", nil, nil, Client{"3.2.20218", 3}, "tool-too-old", "3.2.20218"},
		{"F2: no level asked for", func(m *Manifest) { m.MinTool = "" }, nil, Client{"1", 3}, "", ""},
		{"F4, E2 1: an old client at a meter of 3.x", nil, func(m *Meter) { m.AsksClients = true }, Client{Protocol: 2}, "client-too-old", "version 2"},
		{"F4, E2 2: an old client at a meter of 2.x", nil, nil, Client{Protocol: 2}, "", ""},
		{"F4: a client as old as it may be", nil, func(m *Meter) { m.AsksClients = true }, Client{Protocol: 3}, "", ""},
		{"F3, E2 3: a client of which nothing is known", nil, func(m *Meter) { m.AsksClients = true }, Client{}, "", ""},
		{"F5, E2 7: an older version", func(m *Manifest) { m.Version, m.MinSource = Version{2, 0, 9}, Version{} }, nil, tool, "downgrade", "the meter runs 2.1.0"},
		{"F5, E2 63: an older version below the security floor", nil, func(m *Meter) { m.Version, m.SecurityCounter = Version{3, 1, 0}, 3 }, tool, "downgrade security-counter", "3.1.0"},
		{"E2 63: a newer version below the security floor", nil, func(m *Meter) { m.SecurityCounter = 3 }, tool, "security-counter", "has mended"},
		{"E2 6: the same version", nil, func(m *Meter) { m.Version = Version{3, 0, 0} }, Client{"1", 1}, "already-installed", "3.0.0 already"},
		{"E2 4: another model", nil, func(m *Meter) { m.Model = "PM8000" }, tool, "wrong-model", "for ION7400, ION9000, and this is an PM8000"},
		{"E2 4: the same version for another model", nil, func(m *Meter) { m.Model, m.Version = "PM8000", Version{3, 0, 0} }, tool, "wrong-model already-installed", "PM8000"},
		{"E2 4: another platform", func(m *Manifest) { m.Platform = "linux/arm64" }, nil, tool, "wrong-platform", "linux/amd64"},
		{"E2 4, wrong software: another product", func(m *Manifest) { m.Product = "toaster" }, nil, tool, "wrong-product", "toaster"},
		{"E2 40: another customer's", func(m *Manifest) { m.Channel = "grid-a" }, nil, tool, "wrong-channel", "this meter is of none"},
		{"E2 40: its own customer's", func(m *Manifest) { m.Channel = "grid-a" }, func(m *Meter) { m.Channel = "grid-a" }, tool, "", ""},
		{"E2 40: for all customers", nil, func(m *Meter) { m.Channel = "grid-a" }, tool, "", ""},
		{"state of a newer schema", nil, func(m *Meter) { m.State = 4 }, tool, "state-unreadable", "schema 1 to 3"},
		{"state of too old a schema", func(m *Manifest) { m.State.Oldest = 2 }, func(m *Meter) { m.State = 1 }, tool, "state-unreadable", "schema 2 to 3"},
		{"E2 9, freeze: expired", expiring, func(m *Meter) { m.Clock = testBuilt.AddDate(2, 0, 0) }, tool, "expired", "2027-11-24"},
		{"E2 10: not expired", expiring, nil, tool, "", ""},
		{"E2 10: the clock is at the year 2000", expiring, func(m *Meter) { m.Clock = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }, tool, "", "clock says 2000-01-01"},
		{"E2 10: expired by the last trusted time", expiring, func(m *Meter) {
			m.Clock, m.Trusted = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), testBuilt.AddDate(2, 0, 0)
		}, tool, "expired", "takes it to be 2028"},
		{"E2 10: expired, and taken by order", expiring, func(m *Meter) { m.Clock, m.IgnoreExpiry = testBuilt.AddDate(2, 0, 0), true }, tool, "", "by order"},
		{"I10: all that is wrong, in the order in which it is told", func(m *Manifest) { m.Platform = "plan9/386" },
			func(m *Meter) { m.Version, m.Model, m.AsksClients = Version{1, 4, 1}, "PM8000", true }, Client{"1", 1},
			"wrong-model wrong-platform source-too-old tool-too-old client-too-old", "PM8000"},
	}
	for _, test := range tests {
		v := judged(t, test.manifest, test.meter, test.client)
		var codes []string
		says := strings.Join(v.Warnings, "\n")
		for i, r := range v.Refusals {
			codes = append(codes, string(r.Code))
			if i == 0 {
				says = r.Reason
			}
			if r.Remedy == "" || r.Reason == "" {
				t.Errorf("%s: %s has no reason or remedy", test.name, r.Code)
			}
		}
		if got := strings.Join(codes, " "); got != test.codes || !strings.Contains(says, test.says) || (v.Refusal() == nil) != (test.codes == "") {
			t.Errorf("%s: refused %q (%s), want %q (%s)", test.name, got, says, test.codes, test.says)
		}
	}
}

func expiring(m *Manifest) { m.Expires = m.Built.AddDate(1, 0, 0) }

// F1: the way to each known version from each, with no step that is refused.
func TestStepsLeadThere(t *testing.T) {
	known, err := Releases()
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"ION9000", "PM8000"} {
		for _, from := range known {
			for _, to := range known {
				if to.Version.Compare(from.Version) <= 0 {
					continue
				}
				way := steps(from.Version, Manifest{Version: to.Version, MinSource: to.MinSource}, model, known)
				if len(way) < 2 || len(way) > 3 {
					t.Errorf("%s: %s to %s: %v", model, from.Version, to.Version, way)
					continue
				}
				for i := range way[1:] {
					r, err := ReleaseOf(way[i+1])
					if err != nil || r.MinSource.Compare(way[i]) > 0 || len(r.Models) > 0 && !slices.Contains(r.Models, model) {
						t.Errorf("%s: %s to %s: step %v is refused", model, from.Version, to.Version, way)
					}
				}
			}
		}
	}
}

// The known versions are those of the generations, model by model.
func TestReleasesAreTheVersionsOfTheGenerations(t *testing.T) {
	known, err := Releases()
	if err != nil {
		t.Fatal(err)
	}
	models, err := template.Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range models {
		var versions []string
		for _, r := range known {
			if len(r.Models) == 0 || slices.Contains(r.Models, model) {
				versions = append(versions, r.Version.String())
			}
		}
		if want, err := template.Versions(model); err != nil || !slices.Equal(versions, want) {
			t.Errorf("%s: %v, want %v (%v)", model, versions, want, err)
		}
	}
}

func TestReleaseOf(t *testing.T) {
	for version, source := range map[string]string{"3.0.0": "2.1.0", "3.0.7": "2.1.0", "2.9.0": "0.0.0", "9.0.0": "2.1.0"} {
		v, _ := ParseVersion(version)
		r, err := ReleaseOf(v)
		if err != nil || r.MinSource.String() != source || r.Version != v {
			t.Errorf("%s: %+v, %v", version, r, err)
		}
	}
	if _, err := ReleaseOf(Version{1, 0, 0}); err == nil {
		t.Error("1.0.0: no error")
	}
}

func TestParseReleases(t *testing.T) {
	for name, text := range map[string]string{
		"descending":        `[{"version":"2.0.0","template":"x"},{"version":"1.0.0","template":"x"}]`,
		"a counter falls":   `[{"version":"1.0.0","template":"x","securityCounter":2},{"version":"2.0.0","template":"x","securityCounter":1}]`,
		"from itself":       `[{"version":"1.0.0","template":"x","minSource":"1.0.0"}]`,
		"no template note":  `[{"version":"1.0.0"}]`,
		"a level of words":  `[{"version":"1.0.0","template":"x","minTool":"new"}]`,
		"an unknown column": `[{"version":"1.0.0","template":"x","maxSource":"1.0.0"}]`,
	} {
		if _, err := parseReleases([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Each code has a sentence and a remedy, once.
func TestCodes(t *testing.T) {
	seen := map[Code]bool{}
	for _, c := range Codes() {
		if c.Sentence == "" || c.Remedy == "" || seen[c.Code] {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
		if r := Refuse(c.Code, ""); r.Reason != c.Sentence || !strings.Contains(r.Error(), c.Remedy) {
			t.Errorf("%s: %v", c.Code, r)
		}
	}
}
