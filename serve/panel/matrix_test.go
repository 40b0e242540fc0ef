package panel

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/access/rules"
	"github.com/hepmeter/hepmeter/access/rules/ruletest"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// asked is what is tried at the panel.
type asked struct {
	op access.Operation
	// menus lead to the item; change are the keys of its form.
	menus  []string
	change []wire.Key
	done   string
	// register is what an allowed change changes, empty where a look is enough.
	register string
}

var askedAtThePanel = []asked{
	{access.WriteSetup, []string{"Basic Setup", "CT Ratio"}, []wire.Key{wire.Right, wire.Up, wire.Enter, wire.Enter}, "STORED", "Power Meter/CT Prim"},
	{access.WriteCommunications, []string{"Communications", "COM1", "Unit ID"}, []wire.Key{wire.Up, wire.Enter}, "STORED", "COM1/Unit ID"},
	{access.SetClock, []string{"Clock", "Set Clock"}, []wire.Key{wire.Enter, wire.Enter}, "CLOCK SET", ""},
	{access.ResetDemand, []string{"Demand Reset"}, []wire.Key{wire.Enter}, "DEMAND RESET", ""},
	{access.ChangeOwnPassword, []string{"Password Setup"}, []wire.Key{"0", wire.Enter, "0", wire.Enter}, "PASSWORD CHANGED", ""},
}

// matrix is a run of the table of rules through the panel of one meter.
type matrix struct {
	*bench
	generation access.Generation
	table      ruletest.Table
	cases      map[string]int // by answer
}

// The panel answers as the table of rules says, key by key: every generation, mode, set of
// permissions and kind of change, and with programming at the panel off.
func TestRulesAtThePanel(t *testing.T) {
	table := ruletest.Read(t, filepath.Join("..", "..", "access", "rules.txt"))
	cases := map[string]int{}
	for _, firmware := range []string{"2.1.0", "3.0.0"} {
		bubble(t, firmware, everything, func(b *bench) {
			m := matrix{b, b.meter.Gate().Security().Generation, table, cases}
			for _, mode := range m.generation.Modes {
				for set := range ruletest.Absent + 1 {
					if (mode == access.None || mode == access.Standard) && set > 0 {
						break // accounts are without effect
					}
					for _, off := range []string{"", "setup off"} {
						if raceDetector && set > 1 && set < ruletest.Sets-1 {
							continue
						}
						if ruletest.Telling(set) || off == "" && set%4 == 3 {
							m.at(&rules.Asked{Generation: m.generation.Name, Mode: mode.String(), Path: access.FrontPanel.String(), Setup: off, Absent: set == ruletest.Absent, Boxes: ruletest.Ticked(set)})
						}
					}
				}
			}
		})
	}
	sum := 0
	for _, n := range cases {
		sum += n
	}
	t.Logf("gate: %d cases at the panel: %v", sum, cases)
	fmt.Printf("gate: %d cases at the panel\n", sum)
	for _, answer := range []string{rules.Allow, string(access.CodeNoPermission), string(access.CodeSetupClosed), string(access.CodeNotInThisMode), string(access.CodeNotOnThisPath), string(access.CodeBadCredentials)} {
		if cases[answer] == 0 {
			t.Errorf("nothing was answered with %s", answer)
		}
	}
}

// set puts a security in force in which USER1 and USER2 have the boxes, or are absent.
func (m matrix) set(a *rules.Asked) {
	m.Helper()
	m.meter.Gate().SetSecurity(m.table.Security(m, m.generation, "8000", a, nil))
}

// at tries everything under one security.
func (m matrix) at(a *rules.Asked) {
	m.Helper()
	for _, each := range askedAtThePanel {
		m.set(a)
		a.Operation = each.op.String()
		a.Credential = map[string]string{"None": "none", "Advanced": "user and password"}[a.Mode]
		if a.Credential == "" {
			a.Credential = "password only"
		}
		want := m.table.Answer(a)
		if a.Absent && want != string(access.CodeSetupClosed) && want != string(access.CodeNotOnThisPath) {
			want = string(access.CodeBadCredentials) // the table is asked about right ones only
		}
		before := m.value(each.register)
		got := m.try(a, each)
		m.cases[want]++
		if got != want {
			m.Errorf("%s: %s, want %s", a, got, want)
		}
		if after := m.value(each.register); each.register != "" && (after != before) != (got == rules.Allow) {
			m.Errorf("%s: %s, and %s was %s and is %s", a, got, each.register, before, after)
		}
	}
	for _, look := range []struct {
		op          access.Operation
		screen, see string
	}{{access.ReadMeasurement, "volts", "Vln a"}, {access.ReadLog, "events", "newest first"}} {
		m.set(a)
		a.Operation, a.Credential = look.op.String(), "none"
		d, done := m.display()
		for d.data.screens[d.data.shown].name != look.screen {
			d.press(m.Context(), wire.Right)
		}
		want := m.table.Answer(a)
		m.cases[want]++
		if text := shownBy(d); strings.Contains(text, look.see) != (want == rules.Allow) {
			m.Errorf("%s: want %s and got\n%s", a, want, text)
		}
		done()
	}
}

// value is a setup register's value, whoever may see it; empty for no register.
func (m matrix) value(label string) string {
	module, name, _ := strings.Cut(label, "/")
	if name == "" {
		return ""
	}
	description, err := m.meter.Describe(module)
	if err != nil {
		m.Fatal(err)
	}
	for _, setup := range description.Setups {
		if setup.Name == name {
			return setup.Value
		}
	}
	m.Fatalf("no register %s", label)
	return ""
}

func (m matrix) display() (*display, func()) {
	m.Helper()
	gate := m.meter.Gate()
	root, err := gate.Open(access.Client{Path: access.FrontPanel, Medium: access.Local, Remote: "panel"})
	if err != nil {
		m.Fatal(err)
	}
	d := newDisplay(gate, root, Options{}.withDefaults())
	d.resize(wire.Request{Columns: wire.MostColumns, Rows: 24})
	return d, root.Close
}

func shownBy(d *display) string {
	var b strings.Builder
	for _, line := range d.draw("") {
		fmt.Fprintln(&b, line.Text())
	}
	return b.String()
}

// try presses the keys, and returns the answer in the words of the table.
func (m matrix) try(a *rules.Asked, what asked) string {
	m.Helper()
	d, done := m.display()
	defer done()
	press := func(keys ...wire.Key) {
		for _, key := range keys {
			d.press(m.Context(), key)
		}
	}
	press(wire.Enter)
	for _, item := range what.menus {
		if _, closed := answered(d); closed {
			break
		}
		if !selected(d, item) {
			switch {
			case what.op == access.ChangeOwnPassword && !m.generation.PanelPassword:
				return string(access.CodeNotOnThisPath)
			case len(a.Boxes) == 0 || a.Boxes[0] != "read":
				return m.unread(a) // what cannot be read cannot be chosen
			}
			return "no item " + item + " in\n" + shownBy(d)
		}
		press(wire.Enter)
	}
	if _, isForm := d.open[len(d.open)-1].(*form); isForm && d.login == nil && a.Mode != "None" {
		if a.Mode == "Advanced" {
			press(wire.Backspace, "2", wire.Enter)
		}
		press("0", wire.Enter)
	}
	if _, isForm := d.open[len(d.open)-1].(*form); isForm {
		press(what.change...)
	}
	answer, _ := answered(d)
	if strings.Contains(shownBy(d), what.done+"\n") {
		return rules.Allow
	}
	return answer
}

// unread is the answer to who sees no item of what he may not read.
func (m matrix) unread(a *rules.Asked) string {
	if a.Absent {
		return string(access.CodeBadCredentials)
	}
	return string(access.CodeNoPermission)
}

// selected brings the menu to an item.
func selected(d *display, item string) bool {
	for range 12 {
		if strings.Contains(shownBy(d), "> "+item) {
			return true
		}
		d.press(context.Background(), wire.Down)
	}
	return false
}

// answered returns the answer that a message tells, and whether there is one.
func answered(d *display) (string, bool) {
	text := shownBy(d)
	if _, ok := d.open[len(d.open)-1].(*message); !ok {
		return "no answer in\n" + text, false
	}
	for see, answer := range map[string]access.Code{
		invalidLevel:                      access.CodeNoPermission,
		"setup at the front panel is off": access.CodeSetupClosed,
		"INVALID USER OR PASSWORD":        access.CodeBadCredentials,
		"INVALID PASSWORD":                access.CodeBadCredentials,
		"without security":                access.CodeNotInThisMode,
	} {
		if strings.Contains(text, see) {
			return string(answer), true
		}
	}
	return text, true
}
