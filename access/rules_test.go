package access

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/wire/routing"
)

var update = flag.Bool("update", false, "rewrite generated pages and golden files")

// readRules reads the table, and finds words in it that the gate does not have.
func readRules(t *testing.T) []*rules.Rule {
	t.Helper()
	text, err := os.ReadFile("rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	table, err := rules.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table {
		if r.Answer != rules.Allow && !slices.ContainsFunc(codes[:], func(c CodeInfo) bool { return string(c.Code) == r.Answer }) {
			t.Errorf("rules.txt line %d: %q is no code of a refusal", r.Line, r.Answer)
		}
		if _, err := ParsePermissions(r.Boxes); err != nil {
			t.Errorf("rules.txt line %d: %v", r.Line, err)
		}
		known := func(names []string, words ...string) {
			for _, word := range words {
				if word != rules.Any && !slices.Contains(names, word) {
					t.Errorf("rules.txt line %d: %q is none of %s", r.Line, word, strings.Join(names, ", "))
				}
			}
		}
		known([]string{"2.x", "3.x"}, r.Generations...)
		known(modeNames[:], r.Modes...)
		known(credentialNames[:], r.Credentials...)
		for _, a := range r.Paths {
			known(pathNames[:], a.Name)
			known(append([]string{"setup off"}, mapAccessNames[:]...), a.Settings...)
		}
		for _, a := range r.Operations {
			known(operationNames[:], a.Name)
			known(append([]string{"named only", "on", "off", "address none", "address ro", "address rw"}, mapAccessNames[:]...), a.Settings...)
		}
	}
	return table
}

// TestTable goes through every request that there can be, and compares the gate's answer
// with rules.txt. F8, F9, F13 to F15, F17 and F18 at the table.
func TestTable(t *testing.T) {
	table := readRules(t)
	hits := map[*rules.Rule]int{}
	cases, failures := 0, 0
	for _, g := range []Generation{second, third} {
		for _, mode := range g.Modes {
			for set := 0; set <= int(allPermissions)+1; set++ {
				boxes, absent := Permissions(set)&allPermissions, set > int(allPermissions)
				const ordinary = 3 * 2 * 2 * 2
				for settings := range ordinary + 3*3 {
					mapAccess, named, broadcast, setup := MapAccess(settings%3), settings/3%2 == 1, settings/6%2 == 1, settings/12 == 1
					gateway, address := MapReadWrite, "rw"
					if settings >= ordinary { // those of the gateway, and the others as they are first
						mapAccess, named, broadcast, setup = 0, false, false, false
						gateway, address = MapAccess((settings-ordinary)%3), []string{"none", "ro", "rw"}[(settings-ordinary)/3]
					}
					// Everyone else has just what the acting account lacks.
					acting := [2]*Security{}
					for i, n := range []int{1, 2} {
						acting[i] = securityOf(t, g, mode, mapAccess, named, broadcast, setup, n, boxes, absent, routing.RegisterAccess, gateway.String(), routing.RegisterAddresses, "192.0.2.7="+address)
					}
					a := &rules.Asked{Generation: g.Name, Mode: mode.String(), MapAccess: mapAccess.String(), Absent: absent, Boxes: boxes.Words(),
						Upgrade: map[bool]string{true: "named only", false: "anyone"}[named], Broadcast: map[bool]string{true: "on", false: "off"}[broadcast],
						Setup:   map[bool]string{true: "setup on", false: "setup off"}[setup],
						Gateway: gateway.String(), Address: "address " + address}
					for path := range paths {
						for kind := range credentialKinds {
							for op := range operations {
								downstream := op == ReadDownstream || op == WriteDownstream
								if settings >= ordinary && (path != ModbusMap || !downstream) {
									continue
								}
								// Settings are varied where they matter.
								if path != ModbusMap && mapAccess != 0 || op != UpgradeFirmware && named || op != SyncClock && broadcast || path != Web && path != FrontPanel && setup {
									continue
								}
								r, s := Request{Path: path, Credential: kind, Operation: op, Address: netip.MustParseAddr("192.0.2.7")}, acting[0]
								if kind == NamedUser {
									r.Account, s = 2, acting[1]
								}
								if path == ModbusMap || op == SyncClock {
									r.Account, s = 0, acting[0]
								}
								a.Path, a.Credential, a.Operation = path.String(), kind.String(), op.String()
								cases++
								rule := rules.Decide(table, a)
								hits[rule]++
								if !judged(t, rule, a, s.Decide(r)) {
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
	for _, r := range table {
		if hits[r] == 0 {
			t.Errorf("rules.txt line %d decides nothing", r.Line)
		}
	}
	t.Logf("gate: %d cases at the table, %d failures", cases, failures)
	fmt.Printf("gate: %d cases at the table, %d failures\n", cases, failures)
}

// judged compares one answer with the rule that decides.
func judged(t *testing.T, rule *rules.Rule, a *rules.Asked, refusal *Refusal) bool {
	if rule == nil {
		t.Errorf("%s: no line of rules.txt matches", a)
		return false
	}
	got := rules.Allow
	if refusal != nil {
		got = string(refusal.Code)
		if refusal.Reason == "" || refusal.Remedy == "" || refusal.Operation.String() != a.Operation {
			t.Errorf("%s: the refusal %+v lacks reason, remedy or operation", a, refusal)
			return false
		}
	}
	if got != rule.Answer {
		t.Errorf("%s: %s, want %s (rules.txt line %d)", a, got, rule.Answer, rule.Line)
		return false
	}
	return true
}

// securityOf makes a security in which account n has the boxes, or is absent, and account
// 3-n has just the others.
func securityOf(t *testing.T, g Generation, mode Mode, access MapAccess, named, broadcast, setup bool, n int, boxes Permissions, absent bool, more ...string) *Security {
	t.Helper()
	onOff := map[bool]string{true: "ON", false: "OFF"}
	settings := map[string]string{RegisterMode: mode.String(), RegisterMapAccess: access.String(), registerNamedUpgrade: onOff[named], registerBroadcast: onOff[broadcast],
		RegisterWebSetup: onOff[setup], RegisterPanelSetup: onOff[setup]}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
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
