package access

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated pages and golden files")

// rule is a line of rules.txt.
type rule struct {
	line                            int
	columns                         [6]string
	answer                          string // allow, or a code
	source                          string
	generations, modes, credentials []string
	paths, operations               []alternative
	anyBoxes, absent                bool
	boxes                           Permissions
	hits                            int
}

// alternative is a name with the settings in brackets, none for any.
type alternative struct {
	name     string
	settings []string
}

// heading is the comment line above rules.
type heading struct {
	text  string
	first int // index of the first rule below it
}

// parseRules knows words only: what they mean is for the gate to show.
func parseRules(text string) (rules []*rule, headings []heading, err error) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		body, source, _ := strings.Cut(line, "#")
		if strings.TrimSpace(body) == "" {
			if i+1 < len(lines) && lines[i+1] != "" && !strings.HasPrefix(lines[i+1], "#") {
				headings = append(headings, heading{strings.TrimSpace(source), len(rules)})
			}
			continue
		}
		left, answer, ok := strings.Cut(body, "->")
		columns := strings.Split(left, "|")
		r := &rule{line: i + 1, answer: strings.TrimSpace(answer), source: strings.TrimSpace(source)}
		if !ok || len(columns) != len(r.columns) || r.source == "" {
			return nil, nil, fmt.Errorf("rules.txt line %d: want six columns, -> and an answer, and # with a source", i+1)
		}
		for c := range columns {
			r.columns[c] = strings.TrimSpace(columns[c])
		}
		if !slices.ContainsFunc(codes[:], func(c CodeInfo) bool { return string(c.Code) == r.answer }) && r.answer != "allow" {
			return nil, nil, fmt.Errorf("rules.txt line %d: %q is no code of a refusal", i+1, r.answer)
		}
		for c, known := range [][]string{{"2.x", "3.x"}, modeNames[:], pathNames[:], credentialNames[:], nil, operationNames[:]} {
			for _, a := range alternatives(r.columns[c]) {
				if known != nil && a.name != "*" && !slices.Contains(known, a.name) {
					return nil, nil, fmt.Errorf("rules.txt line %d: %q is none of %s", i+1, a.name, strings.Join(known, ", "))
				}
			}
		}
		r.generations, r.modes, r.credentials = names(r.columns[0]), names(r.columns[1]), names(r.columns[3])
		r.paths, r.operations = alternatives(r.columns[2]), alternatives(r.columns[5])
		switch boxes := r.columns[4]; boxes {
		case "*":
			r.anyBoxes = true
		case "absent":
			r.absent = true
		default:
			if r.boxes, err = ParsePermissions(strings.Split(boxes, "+")); err != nil {
				return nil, nil, fmt.Errorf("rules.txt line %d: %w", i+1, err)
			}
		}
		rules = append(rules, r)
	}
	return rules, headings, nil
}

// alternatives splits at commas outside of brackets.
func alternatives(column string) (list []alternative) {
	depth := 0
	for _, part := range strings.FieldsFunc(column, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ',' && depth == 0
	}) {
		name, settings, some := strings.Cut(strings.TrimSuffix(strings.TrimSpace(part), "]"), "[")
		a := alternative{name: name}
		if some {
			a.settings = names(settings)
		}
		list = append(list, a)
	}
	return list
}

func names(list string) (all []string) {
	for part := range strings.SplitSeq(list, ",") {
		all = append(all, strings.TrimSpace(part))
	}
	return all
}

// asked is one request in the words of rules.txt.
type asked struct {
	generation, mode, path, credential, operation string
	mapAccess, upgrade, broadcast                 string
	absent                                        bool
	boxes                                         Permissions
}

func (a asked) String() string {
	boxes := "boxes " + a.boxes.String()
	if a.absent {
		boxes = "no account"
	}
	return fmt.Sprintf("%s %s, %s [%s], %s, %s, %s [%s, broadcast %s]", a.generation, a.mode, a.path, a.mapAccess, a.credential, boxes, a.operation, a.upgrade, a.broadcast)
}

func (r *rule) matches(a asked) bool {
	has := func(list []string, word string) bool { return list[0] == "*" || slices.Contains(list, word) }
	with := func(list []alternative, word string, settings ...string) bool {
		for _, alt := range list {
			if (alt.name == "*" || alt.name == word) && (alt.settings == nil || slices.ContainsFunc(alt.settings, func(s string) bool { return slices.Contains(settings, s) })) {
				return true
			}
		}
		return false
	}
	switch {
	case !has(r.generations, a.generation), !has(r.modes, a.mode), !has(r.credentials, a.credential):
		return false
	case r.anyBoxes:
	case r.absent != a.absent, a.boxes&r.boxes != r.boxes:
		return false
	}
	return with(r.paths, a.path, a.mapAccess) && with(r.operations, a.operation, a.upgrade, a.broadcast)
}

func readRules(t *testing.T) ([]*rule, []heading) {
	t.Helper()
	text, err := os.ReadFile("rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules, headings, err := parseRules(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return rules, headings
}

// TestTable goes through every request that there can be, and compares the gate's answer
// with rules.txt. F8, F9, F13 to F15, F17 and F18 at the table.
func TestTable(t *testing.T) {
	rules, _ := readRules(t)
	cases, failures := 0, 0
	for _, g := range []Generation{second, third} {
		for _, mode := range g.Modes {
			for set := 0; set <= int(allPermissions)+1; set++ {
				boxes, absent := Permissions(set)&allPermissions, set > int(allPermissions)
				for settings := range 3 * 2 * 2 {
					mapAccess, named, broadcast := MapAccess(settings%3), settings/3%2 == 1, settings/6 == 1
					// Everyone else has just what the acting account lacks.
					acting := [2]*Security{}
					for i, n := range []int{1, 2} {
						acting[i] = securityOf(t, g, mode, mapAccess, named, broadcast, n, boxes, absent)
					}
					a := asked{generation: g.Name, mode: mode.String(), mapAccess: mapAccess.String(), absent: absent, boxes: boxes,
						upgrade: map[bool]string{true: "named only", false: "anyone"}[named], broadcast: map[bool]string{true: "on", false: "off"}[broadcast]}
					for path := range paths {
						for kind := range credentialKinds {
							for op := range operations {
								// Settings are varied where they matter.
								if path != ModbusMap && mapAccess != 0 || op != UpgradeFirmware && named || op != SyncClock && broadcast {
									continue
								}
								r, s := Request{Path: path, Credential: kind, Operation: op}, acting[0]
								if kind == NamedUser {
									r.Account, s = 2, acting[1]
								}
								if path == ModbusMap || op == SyncClock {
									r.Account, s = 0, acting[0]
								}
								a.path, a.credential, a.operation = path.String(), kind.String(), op.String()
								cases++
								if !judged(t, rules, a, s.Decide(r)) {
									if failures++; failures > 20 {
										t.Fatal("and more")
									}
								}
							}
						}
					}
				}
			}
		}
	}
	for _, r := range rules {
		if r.hits == 0 {
			t.Errorf("rules.txt line %d decides nothing", r.line)
		}
	}
	t.Logf("gate: %d cases at the table, %d failures", cases, failures)
	fmt.Printf("gate: %d cases at the table, %d failures\n", cases, failures)
}

// judged compares one answer with the first rule that matches.
func judged(t *testing.T, rules []*rule, a asked, refusal *Refusal) bool {
	i := slices.IndexFunc(rules, func(r *rule) bool { return r.matches(a) })
	if i < 0 {
		t.Errorf("%s: no line of rules.txt matches", a)
		return false
	}
	rules[i].hits++
	got := "allow"
	if refusal != nil {
		got = string(refusal.Code)
		if refusal.Reason == "" || refusal.Remedy == "" || refusal.Operation.String() != a.operation {
			t.Errorf("%s: the refusal %+v lacks reason, remedy or operation", a, refusal)
			return false
		}
	}
	if got != rules[i].answer {
		t.Errorf("%s: %s, want %s (rules.txt line %d)", a, got, rules[i].answer, rules[i].line)
		return false
	}
	return true
}

// securityOf makes a security in which account n has the boxes, or is absent, and account
// 3-n has just the others.
func securityOf(t *testing.T, g Generation, mode Mode, access MapAccess, named, broadcast bool, n int, boxes Permissions, absent bool) *Security {
	t.Helper()
	onOff := map[bool]string{true: "ON", false: "OFF"}
	settings := map[string]string{RegisterMode: mode.String(), RegisterMapAccess: access.String(), registerNamedUpgrade: onOff[named], registerBroadcast: onOff[broadcast]}
	for account, ticked := range map[int]Permissions{n: boxes, 3 - n: ^boxes & allPermissions} {
		if absent && account == n {
			continue
		}
		for _, c := range boxChanges(account, ticked, allPermissions) {
			settings[c.Object] = c.Text
		}
	}
	s, err := NewSecurity(g, "9000", settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
