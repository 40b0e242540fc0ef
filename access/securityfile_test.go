package access

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
)

func TestSecurityFile(t *testing.T) {
	const head = "hepmeter security 1\ngeneration 3.x\n"
	for _, tc := range []struct{ name, text, err string }{
		{"empty", "", "names no generation"},
		{"another file", "<html>", "line 1: \"<html>\": it begins with"},
		{"no generation", "hepmeter security 1\n", "names no generation"},
		{"a word", head + "allow USER1 = read\n", "line 3: \"allow\" is no word"},
		{"no value", head + "account USER1\n", "line 3"},
		{"a register of the meter", head + "set Power Meter/PT Prim = 1\n", "no register of security"},
		{"an account by its registers", head + "set Security User 1/Read Access = ON\n", "no register of security"},
		{"twice", head + "set Security Options/Security Mode = LSS\nset security options/security mode = Advanced\n", "line 4"},
		{"an account twice", head + "account USER1 = read\naccount user1 = \n", "line 4: user1 stands twice"},
		{"an account that cannot be", head + "account USER51 = read\n", "no account"},
		{"a zero before the number", head + "account USER01 = read\n", "no account"},
		{"a permission", head + "account USER1 = read,root\n", `no permission "root"`},
		{"a password in clear", head + "password USER1 = 0\n", "no password verifier"},
		{"a password taken away", head + "password USER1 =\n", "has no password"},
		{"too long a line", head + "# " + strings.Repeat("x", maxSecurityLine) + "\n", "longer than"},
		{"too long", strings.Repeat("#\n", maxSecurityFile), "at most 65536 bytes"},
		{"all well", head + "# a remark\n\nset Ethernet/Web Access = HTTPS\naccount USER1 = \naccount USER2 = read, config\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseSecurityFile([]byte(tc.text))
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, want %q", err, tc.err)
			}
		})
	}
}

// Format, parse and plan are inverse: what is exported of one meter makes another the same.
func TestSecurityFileGoesRound(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set(RegisterMapAccess, "Read/Write", registerLockout, "60")
		text := m.gate.Security().format(true)
		file, err := parseSecurityFile(text)
		want(t, "parse", err, "")
		if tr, lines := m.gate.Security().plan(file, file.passwords); len(tr.Changes) > 0 || len(tr.Passwords) > 0 || len(lines) > 0 {
			t.Errorf("its own file changes %v", lines)
		}
		other := newMeter(t, third)
		other.account(9, "nine", MayRead)
		other.set(RegisterMapAccess, "None", registerLockout, "15")
		tr, lines := other.gate.Security().plan(file, file.passwords)
		want(t, "carry out", other.Change(t.Context(), tr, By{}, nil, false), "")
		if got := other.gate.Security().format(true); !bytes.Equal(got, text) {
			t.Errorf("got\n%s\nwant\n%s\nafter\n%s", got, text, strings.Join(lines, "\n"))
		}
		export, err := m.as(ION, named("USER2", "two")).ExportSecurity()
		want(t, "export", err, "")
		if strings.Contains(export, "argon2") {
			t.Error("what is exported tells hashes")
		}
	})
}

// What a backup asks for has verifiers, needs the right that a snapshot needs, and is told
// to the log; an account without a password has none afterwards, either.
func TestVerifiersForABackup(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.account(4, "", MayRead)
		m.set()
		two := m.as(ION, named("USER2", "two"))
		_, err := m.as(ION, named("USER3", "three")).ExportVerifiers()
		want(t, "who may only read", err, CodeNoPermission)
		m.told(OperationDone)
		text, err := two.ExportVerifiers()
		want(t, "export", err, "")
		if m.told(OperationDone) != 1 {
			t.Error("the log does not tell of it")
		}
		if strings.Count(text, "$argon2id$") != 3 || !strings.Contains(text, "password USER4 = none\n") {
			t.Errorf("exported\n%s", text)
		}
		want(t, "give USER4 one", two.SetPassword(t.Context(), 4, "four"), "")
		want(t, "another for USER3", two.SetPassword(t.Context(), 3, "3"), "")
		lines, err := two.ApplySecurity(t.Context(), text, nil, false)
		want(t, "apply", err, "")
		if want := "[USER3: new password USER4: has no password any more, and cannot log in until it is given one]"; fmt.Sprint(lines) != want {
			t.Errorf("it tells %v, want %s", lines, want)
		}
		m.as(ION, named("USER3", "three"))
		if m.gate.Security().Accounts[4].HasPassword() {
			t.Error("USER4 kept his password")
		}
		_, err = two.ApplySecurity(t.Context(), strings.Replace(text, "password USER2 = ", "password USER2 = none\n# ", 1), nil, true)
		want(t, "the last administrator's password goes", err, "")
		_, err = two.ApplySecurity(t.Context(), "hepmeter security 1\ngeneration 3.x\naccount USER1 = read\naccount USER2 = "+allPermissions.String()+"\npassword USER2 = none\n", nil, true)
		want(t, "the last administrator's password goes", err, CodeNoAdministrator)
	})
}

func TestApplySecurity(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		two := m.as(ION, named("USER2", "two"))
		all := allPermissions.String()
		text := fmt.Sprintf("hepmeter security 1\ngeneration 3.x\nset Security Options/Security Mode = Advanced\naccount USER1 = read\naccount USER2 = %s\naccount USER7 = read,time\n", all)
		lines, err := two.ApplySecurity(t.Context(), text, map[string]string{"user7": "seven"}, true)
		want(t, "rehearse", err, "")
		wanted := []string{"Security Options/Security Mode: LSS -> Advanced", "USER3: removed", "USER1: " + all + " -> read", "USER7: added with read,time", "USER7: new password"}
		if fmt.Sprint(lines) != fmt.Sprint(wanted) {
			t.Errorf("the rehearsal tells\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(wanted, "\n"))
		}
		if _, there := m.modules["Security User 7"]; there {
			t.Error("the rehearsal did it")
		}
		_, err = two.ApplySecurity(t.Context(), text, map[string]string{"user7": "seven"}, false)
		want(t, "apply", err, "")
		m.as(ION, named("USER7", "seven"))
		again, err := two.ApplySecurity(t.Context(), text, nil, false)
		if err != nil || again != nil {
			t.Errorf("again: %v, %v", again, err)
		}
		_, err = two.ApplySecurity(t.Context(), strings.Replace(text, "3.x", "2.x", 1), nil, false)
		want(t, "another generation", err, CodeNotInThisFirmware)
		_, err = two.ApplySecurity(t.Context(), text, map[string]string{"USER8": "x"}, false)
		want(t, "a password for nobody", err, CodeNoSuchAccount)
		_, err = two.ApplySecurity(t.Context(), text, map[string]string{"USER7": "too long"}, false)
		want(t, "a password against the rule", err, CodePasswordRule)
		_, err = m.as(ION, named("USER7", "seven")).ApplySecurity(t.Context(), text, nil, false)
		want(t, "who may not", err, CodeNoPermission)
		want(t, "one's own password by a file", func() error {
			_, err := two.ApplySecurity(t.Context(), text, map[string]string{"USER2": "22"}, false)
			return err
		}(), "")
		m.as(ION, named("USER2", "22"))
	})
}

func FuzzSecurityFile(f *testing.F) {
	f.Add([]byte("hepmeter security 1\ngeneration 3.x\nset Security Options/Security Mode = LSS\naccount USER1 = read,config\n"))
	v := Verifier{set: true}
	f.Add([]byte("hepmeter security 1\ngeneration 2.x\n# x\nset Ethernet/Web Access = HTTP\naccount user16 =\npassword METER = " + v.String() + "\npassword USER16 = " + v.String() + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parseSecurityFile(text)
		if err != nil {
			if len(err.Error()) > 2*maxSecurityLine {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		// What it makes of a bare security says the same when it is written and read again.
		g := Generation{Name: file.generation, Modes: []Mode{None}, MaxAccounts: maxUserNumber}
		settings := maps.Clone(file.settings)
		delete(settings, labelIn(settings, RegisterMode))
		delete(settings, labelIn(settings, RegisterMapAccess))
		for n, boxes := range file.accounts {
			for _, c := range boxChanges(n, boxes, allPermissions) {
				settings[c.Object] = c.Text
			}
		}
		s, err := NewSecurity(g, "", settings, file.passwords)
		if err != nil {
			t.Fatal(err)
		}
		text = s.format(true)
		again, err := parseSecurityFile(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		passwords := maps.Clone(again.passwords)
		if tr, lines := s.plan(again, passwords); len(tr.Changes)+len(tr.Passwords)+len(lines) > 0 {
			t.Errorf("%q differs from its own text:\n%s", lines, text)
		}
	})
}

func FuzzVerifier(f *testing.F) {
	f.Add("")
	f.Add((Verifier{set: true}).String())
	f.Add((Verifier{set: true, numeric: true, hash: [hashBytes]byte{1, 2, 3}}).String())
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVerifier(text)
		if err != nil {
			return
		}
		if v.String() != text {
			t.Errorf("%q is written as %q", text, v.String())
		}
		if v.Set() != (text != "") {
			t.Errorf("%q: set %v", text, v.Set())
		}
	})
}

// What the meter kept is its own, but a disk may have changed it: the gate starts or says
// why not, and what it starts with can be kept again.
func FuzzKept(f *testing.F) {
	f.Add([]byte(`[{"account":1,"path":"ion","medium":"ethernet","failures":3,"lockedMs":1000,"untilUTC":"2026-01-01T00:00:00Z"}]`),
		[]byte(`{"since":"2026-01-01T00:00:00Z","entries":[{"host":"a","path":"ion","credential":"none","first":1,"last":2,"requests":3,"operations":1}]}`),
		[]byte(`{"untilUTC":"2026-01-01T00:00:00Z","remainingMs":5,"by":"USER2","before":"hepmeter security 1\ngeneration 3.x\naccount USER1 = read\n"}`))
	f.Fuzz(func(t *testing.T, locked, ledger, provisional []byte) {
		m := &meter{t: t, generation: third, modules: map[string]string{}, settings: map[string]string{}, passwords: map[int]Verifier{}}
		security, err := m.security(m.settings, m.passwords)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewGate(Options{Registers: m, Security: security, Audit: m, Works: m, Now: m.now, After: never, Random: zeros{},
			Kept: map[string][]byte{keptLockouts: locked, keptLedger: ledger, keptProvisional: provisional}})
		if err != nil {
			return
		}
		g.Tick(m.now())
		if _, err := g.Open(Client{Path: ION}); err != nil {
			t.Fatal(err)
		}
		g.lockouts.wrong(lockoutKey{1, ION, Ethernet}, digest{}, m.now(), 5, 1, 1)
		g.ledger.fresh = true
		kept := g.Keep(m.now(), true)
		kept[keptProvisional] = provisional
		m.kept = kept
		if _, err := NewGate(Options{Registers: m, Security: security, Audit: m, Works: m, Now: m.now, After: never, Random: zeros{}, Kept: kept}); err != nil {
			t.Errorf("what the gate kept is not taken back: %v", err)
		}
	})
}
