package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test on a fresh meter with User1 (0), USER2 (two, all boxes), USER3 (three,
// reading only) and time that passes at will.
func bubble(t *testing.T, g Generation, run func(t *testing.T, m *meter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, g)
		m.account(2, "two", allPermissions)
		m.account(3, "three", MayRead)
		m.set()
		run(t, m)
	})
}

// F16: nobody changes the permissions of the account he is connected with, or deletes it,
// by any route.
func TestOwnAccountStaysAsItIs(t *testing.T) {
	set := func(object, text string) func(*Session) error {
		return func(s *Session) error {
			return s.Change(s.gate().options.Works.(*meter).t.Context(), []Change{{Kind: Set, Object: object, Text: text}}, false)
		}
	}
	change := func(changes ...Change) func(*Session) error {
		return func(s *Session) error {
			return s.Change(s.gate().options.Works.(*meter).t.Context(), slices.Clone(changes), false)
		}
	}
	apply := func(old, replacement string) func(*Session) error {
		return func(s *Session) error {
			text, err := s.ExportSecurity()
			if err != nil {
				return err
			}
			if !strings.Contains(text, old) {
				return fmt.Errorf("%q is not in the file", old)
			}
			_, err = s.ApplySecurity(s.gate().options.Works.(*meter).t.Context(), strings.Replace(text, old, replacement, 1), nil, false)
			return err
		}
	}
	all := allPermissions.String()
	for _, tc := range []struct {
		name string
		code Code
		do   func(*Session) error
	}{
		{"revoke", CodeOwnAccount, func(s *Session) error { return s.SetUser(t.Context(), 2, 0, MayTest) }},
		{"grant what it has", CodeOwnAccount, func(s *Session) error { return s.SetUser(t.Context(), 2, MayTest, 0) }},
		{"remove", CodeOwnAccount, func(s *Session) error { return s.RemoveUser(t.Context(), 2) }},
		{"set a register", CodeOwnAccount, set("Security User 2/Test Mode Access", "OFF")},
		{"in another case", CodeOwnAccount, set("SECURITY user 2/test mode access", "OFF")},
		{"with a long s", CodeOwnAccount, set("\u017fecurity U\u017fer 2/Test Mode Access", "OFF")},
		{"by set options", CodeOwnAccount, func(s *Session) error {
			return s.SetOptions(t.Context(), map[string]string{"Security User 2/Test Mode Access": "OFF"})
		}},
		{"delete the module", CodeOwnAccount, change(Change{Kind: Delete, Object: "Security User 2"})},
		{"delete and make anew", CodeOwnAccount, change(Change{Kind: Delete, Object: "Security User 2"}, Change{Kind: Create, Object: "Security User 2", Text: "Security User", Number: 2})},
		{"rename the module away", CodeNotWritable, change(Change{Kind: Rename, Object: "Security User 2", Text: "Old"})},
		{"rename another module there", CodeNotWritable, change(Change{Kind: Rename, Object: "Power Meter", Text: "Security User 9"})},
		{"a second module of the account", CodeBadRequest, change(Change{Kind: Create, Object: "Security User 02", Text: "Security User", Number: 9})},
		{"a module of another type", CodeBadRequest, change(Change{Kind: Create, Object: "\u017fecurity User 9", Text: "Arithmetic", Number: 1})},
		{"a module with another number", CodeBadRequest, change(Change{Kind: Create, Object: "Security User 9", Text: "Security User", Number: 2})},
		{"delete the options", CodeNotWritable, change(Change{Kind: Delete, Object: "Security Options"})},
		{"among other changes", CodeOwnAccount, change(Change{Kind: Set, Object: "Power Meter/PT Prim", Text: "1"}, Change{Kind: Set, Object: "Security User 2/Test Mode Access", Text: "OFF"})},
		{"by a template", CodeOwnAccount, func(s *Session) error {
			_, err := s.LoadTemplate(t.Context(), []byte("Power Meter/PT Prim = 1\nSecurity User 2/Test Mode Access = OFF\n"), false)
			return err
		}},
		{"by a security file that revokes", CodeOwnAccount, apply("account USER2 = "+all, "account USER2 = read,security")},
		{"by a security file without it", CodeOwnAccount, apply("account USER2 = "+all, "# gone")},
		{"by a rehearsal of it", CodeOwnAccount, func(s *Session) error {
			return s.Change(t.Context(), []Change{{Kind: Set, Object: "Security User 2/Test Mode Access", Text: "OFF"}}, true)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				before := maps.Clone(m.settings)
				want(t, tc.name, tc.do(m.as(ION, named("USER2", "two"))), tc.code)
				if !maps.Equal(before, m.settings) {
					t.Error("something was changed all the same")
				}
				if m.told(OperationRefused) != 1 {
					t.Error("the refusal is not recorded once")
				}
				if tc.code == CodeOwnAccount && tc.name != "by a rehearsal of it" && tc.name != "delete and make anew" {
					// Who has the right, and another account, may.
					m.account(4, "four", allPermissions)
					m.set()
					want(t, "another administrator", tc.do(m.as(ION, named("USER4", "four"))), "")
				}
			})
		})
	}
}

// F16 where no name is given: the account is User1's.
func TestLegacySessionsAreConnectedAsUser1(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		want(t, "password only", m.as(ION, passwordOnly("0")).SetUser(t.Context(), 1, 0, MayTest), CodeOwnAccount)
		s, err := m.client(Web, "192.0.2.2").Login(t.Context(), named("9000", "0"), time.Hour)
		want(t, "model number", err, "")
		want(t, "model number", s.RemoveUser(t.Context(), 1), CodeOwnAccount)
		want(t, "another one's", s.SetUser(t.Context(), 3, MayTime, 0), "")
	})
}

// F17: everyone changes his own password, on every path that can carry it.
func TestOwnPassword(t *testing.T) {
	for p := range paths {
		if p == ModbusMap || p == FrontPanel { // F18: not on the panel of 3.x
			continue
		}
		bubble(t, third, func(t *testing.T, m *meter) {
			s, err := m.client(p, "192.0.2.1").Login(t.Context(), named("USER3", "three"), time.Hour)
			want(t, p.String(), err, "")
			want(t, p.String()+", own", s.SetPassword(t.Context(), 3, "333"), "")
			want(t, p.String()+", another's", s.SetPassword(t.Context(), 2, "333"), CodeNoPermission)
			want(t, p.String()+", one that is not there", s.SetPassword(t.Context(), 9, "333"), CodeNoPermission)
			if p == ION || p == IONOverModbus {
				want(t, p.String()+", without a name", m.as(p, passwordOnly("0")).SetPassword(t.Context(), 1, "12"), "")
				m.as(p, passwordOnly("12"))
				want(t, p.String()+", nobody", m.client(p, "192.0.2.4").SetPassword(t.Context(), 1, "12"), CodeCredentialsNeeded)
			}
		})
	}
	bubble(t, third, func(t *testing.T, m *meter) {
		s, err := m.client(FrontPanel, "panel").Login(t.Context(), named("USER3", "three"), time.Hour)
		want(t, "login at the panel", err, "")
		want(t, "F18", s.SetPassword(t.Context(), 3, "333"), CodeNotOnThisPath)
	})
	bubble(t, second, func(t *testing.T, m *meter) {
		s := m.as(ION, passwordOnly("0"))
		want(t, "the meter password of Standard: digits", s.SetPassword(t.Context(), 0, "a1"), CodePasswordRule)
		want(t, "the meter password of Standard", s.SetPassword(t.Context(), 0, "77"), "")
		m.as(FrontPanel, passwordOnly("77"))
		want(t, "nobody", m.client(ION, "192.0.2.5").SetPassword(t.Context(), 0, "7"), CodeCredentialsNeeded)
	})
}

// F19: the published examples (FA279497) and their counterparts.
func TestPasswordRules(t *testing.T) {
	for password, code := range map[string]Code{
		"0": "", "12345678": "", "0A123": "", "#A134": "", "01234$": "", "A^@g5": "", // published
		"99999999": "", "a": "", "!~!~!~": "", "a12345": "", "10": "",
		"123456789": CodePasswordRule, // 9 digits
		"012":       CodePasswordRule, // a zero before digits
		"00":        CodePasswordRule,
		"abcdefg":   CodePasswordRule, // 7 that are no number
		"1234567a":  CodePasswordRule,
		"a b":       CodePasswordRule,
		" 1":        CodePasswordRule,
		"pässwd":    CodePasswordRule,
		"\u0661":    CodePasswordRule, // an Arabic digit
		"a\x7f":     CodePasswordRule,
		"":          CodePasswordRule,
	} {
		want(t, fmt.Sprintf("%q", password), CheckPassword(password), code)
	}
	// A number is the same with leading zeros when it is compared (security.md 12).
	v := verifierOf("12")
	for password, right := range map[string]bool{"12": true, "0012": true, "120": false, "12 ": false, "": false, "0": false} {
		if v.matches(password, quick) != right {
			t.Errorf("%q against 12: want %v", password, right)
		}
	}
	if (&Verifier{}).matches("", quick) || (&Verifier{}).matches("0", quick) {
		t.Error("an account without a password lets in")
	}
}

// There is always an account that can change security (security.md 2.4).
func TestAdministratorsDoNotRunOut(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		// USER4 has Security Config, but no password: it does not count.
		m.account(4, "", allPermissions)
		m.set()
		two := m.as(ION, named("USER2", "two"))
		want(t, "USER1 can go", two.SetUser(t.Context(), 1, 0, MaySecurity), "")
		want(t, "not by a file that takes passwords away", func() error {
			text, err := two.ExportSecurity()
			if err != nil {
				return err
			}
			_, err = two.ApplySecurity(t.Context(), text+"password USER2 =\n", nil, false)
			return err
		}(), CodeBadRequest)
	})
	bubble(t, second, func(t *testing.T, m *meter) {
		m.modules = maps.Clone(m.modules)
		s := m.as(ION, passwordOnly("0"))
		// Without USER2 nobody could change security in Advanced.
		want(t, "remove the administrator in Standard", s.RemoveUser(t.Context(), 2), "")
		for _, text := range []string{"Advanced", "advanced"} {
			want(t, "Advanced without one, "+text, s.SetOptions(t.Context(), map[string]string{RegisterMode: text}), CodeNoAdministrator)
		}
		for _, text := range []string{"3", " Advanced", "LSS", "4", ""} {
			want(t, fmt.Sprintf("a mode the gate cannot read, or the firmware lacks: %q", text), s.SetOptions(t.Context(), map[string]string{RegisterMode: text}), CodeBadValue)
		}
		want(t, "a mode by number", s.Change(t.Context(), []Change{{Kind: Set, Object: RegisterMode, Value: Value{Kind: KindEnum, Available: true, Number: 3}}}, false), CodeBadValue)
		want(t, "Read Access counts, too", s.Change(t.Context(), []Change{{Kind: Set, Object: "Security User 3/Security Config Access", Text: "ON"},
			{Kind: Set, Object: "Security User 3/Read Access", Text: "OFF"}, {Kind: Set, Object: RegisterMode, Text: "Advanced"}}, false), CodeNoAdministrator)
		want(t, "a box that the gate cannot read", s.Change(t.Context(), []Change{{Kind: Set, Object: "Security User 3/Security Config Access", Text: "yes"}}, false), CodeBadValue)
		want(t, "with one", s.Change(t.Context(), []Change{{Kind: Set, Object: "Security User 3/Security Config Access", Text: "ON"}, {Kind: Set, Object: RegisterMode, Text: "Advanced"}}, false), "")
		if m.gate.Security().Mode != Advanced {
			t.Error("the mode is not Advanced")
		}
	})
}

func TestAddUser(t *testing.T) {
	bubble(t, second, func(t *testing.T, m *meter) {
		s := m.as(ION, passwordOnly("0"))
		n, err := s.AddUser(t.Context(), 0, MayRead, "x")
		want(t, "the lowest free number", err, "")
		if n != 1 {
			t.Errorf("USER%d, want USER1", n)
		}
		_, err = s.AddUser(t.Context(), 2, MayRead, "x")
		want(t, "taken", err, CodeAccountExists)
		_, err = s.AddUser(t.Context(), 17, MayRead, "x")
		want(t, "beyond the generation's 16", err, CodeAccountLimit)
		want(t, "beyond them by a module", s.Change(t.Context(), []Change{{Kind: Create, Object: "Security User 17", Text: "Security User", Number: 17}}, false), CodeAccountLimit)
		_, err = s.AddUser(t.Context(), 5, MayRead, "123456789")
		want(t, "password rule", err, CodePasswordRule)
		_, err = m.client(ION, "192.0.2.9").AddUser(t.Context(), 2, MayRead, "x")
		want(t, "nobody learns that it is there", err, CodeCredentialsNeeded)
	})
}

// Rules of F9 and 3.2 that depend on what a change is about.
func TestChangesAreWhatTheyDo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		boxes  Permissions
		change Change
		code   Code
	}{
		{"setup needs config", MayRead | MayConfig, Change{Kind: Set, Object: "Power Meter/PT Prim", Text: "1"}, ""},
		{"a port is communications", MayRead | MayComm, Change{Kind: Set, Object: "COM1/Baud Rate", Text: "9600"}, ""},
		{"but not by test mode", MayRead | MayTest, Change{Kind: Set, Object: "COM1/Baud Rate", Text: "9600"}, CodeNoPermission},
		{"the gateway is communications", MayRead | MayComm, Change{Kind: Set, Object: "Modbus Gateway/TCP Units", Text: "21=1"}, ""},
		{"so is where its devices are", MayRead | MayComm, Change{Kind: Set, Object: "Modbus Master Options/TCP Connection 1", Text: "192.0.2.7:502"}, ""},
		{"who may use it is security", MayRead | MayComm | MayConfig, Change{Kind: Set, Object: "modbus gateway/access", Text: "Read/Write"}, CodeNoPermission},
		{"by address, too", MayRead | MayComm | MayConfig, Change{Kind: Set, Object: "Modbus Gateway/Allowed Addresses", Text: ""}, CodeNoPermission},
		{"web access is security", MayRead | MayComm | MayConfig, Change{Kind: Set, Object: "Ethernet/Web Access", Text: "HTTP"}, CodeNoPermission},
		{"in any case", MayRead | MayComm | MayConfig, Change{Kind: Set, Object: "ethernet/WEB access", Text: "HTTP"}, CodeNoPermission},
		{"the mode is security", MayRead | MayConfig, Change{Kind: Set, Object: RegisterMode, Text: "Advanced"}, CodeNoPermission},
		{"with a long s, too", MayRead | MayConfig, Change{Kind: Set, Object: "\u017fecurity Options/Modbus Map Access", Text: "Read/Write"}, CodeNoPermission},
		{"the clock module is the clock", MayTime, Change{Kind: Set, Object: "Clock/TZ Offset", Text: "1"}, ""},
		{"config is not the clock", MayRead | MayConfig, Change{Kind: SetTime}, CodeNoPermission},
		{"the clock needs no Read", MayTime, Change{Kind: SetTime}, ""},
		{"a demand's Reset is a demand reset", MayRead | MayConfig, Change{Kind: Pulse, Object: "Sd Demand/Reset"}, CodeNoPermission},
		{"in any case of letters", MayRead | MayConfig, Change{Kind: Pulse, Object: "sd demand/rESET"}, CodeNoPermission},
		{"the pulse that resets it", MayRead | MayConfig, Change{Kind: Pulse, Object: "peak dmd reset/Trigger"}, CodeNoPermission},
		{"the reset by its name", MayRead | MayConfig, Change{Kind: ResetNamed, Object: "PEAK demand"}, CodeNoPermission},
		{"with the box", MayRead | MayReset, Change{Kind: ResetNamed, Object: "Peak demand"}, ""},
		{"another reset", MayRead | MayReset, Change{Kind: ResetNamed, Object: "Energy"}, CodeNoPermission},
		{"a broadcast on another path", allPermissions, Change{Kind: SetTime, Broadcast: true}, CodeNotOnThisPath},
		{"create needs config", MayRead | MaySecurity, Change{Kind: Create, Object: "A", Text: "Arithmetic"}, CodeNoPermission},
		{"an account needs security", MayRead | MayConfig, Change{Kind: Create, Object: "Security User 9", Text: "security user", Number: 9}, CodeNoPermission},
		{"a box without Read is none", MayConfig | MayComm | MaySecurity | MayReset | MayTest, Change{Kind: Set, Object: "COM1/Baud Rate", Text: "9600"}, CodeNoPermission},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				m.account(4, "four", tc.boxes)
				m.set()
				want(t, tc.name, m.as(ION, named("USER4", "four")).Change(t.Context(), []Change{tc.change}, false), tc.code)
			})
		})
	}
}

// A change is judged when it is carried out, not when it was asked for.
func TestRightsAreThoseOfTheMoment(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.account(4, "four", MayRead|MayConfig)
		m.set()
		s := m.as(ION, named("USER4", "four"))
		want(t, "with the right", s.Change(t.Context(), []Change{{Kind: Set, Object: "Power Meter/PT Prim", Text: "1"}}, false), "")
		want(t, "revoke", m.as(ION, named("USER2", "two")).SetUser(t.Context(), 4, 0, MayConfig), "")
		want(t, "without it", s.Change(t.Context(), []Change{{Kind: Set, Object: "Power Meter/PT Prim", Text: "2"}}, false), CodeNoPermission)
		want(t, "passwords beside changes are judged, too", s.transact(t.Context(), Transaction{Passwords: map[int]Verifier{2: verifierOf("4")}}, false), CodeNoPermission)
		two := m.as(ION, named("USER2", "two"))
		want(t, "and as a whole", m.as(ION, named("USER1", "0")).SetUser(t.Context(), 2, 0, MaySecurity), "")
		want(t, "and as a whole", two.transact(t.Context(), Transaction{Passwords: map[int]Verifier{1: {}}}, false), CodeNoPermission)
		want(t, "the last administrator's", m.as(ION, named("USER1", "0")).transact(t.Context(), Transaction{Passwords: map[int]Verifier{1: {}}}, false), CodeNoAdministrator)
		want(t, "back", m.as(ION, named("USER1", "0")).SetUser(t.Context(), 2, MaySecurity, 0), "")
		want(t, "remove", m.as(ION, named("USER2", "two")).RemoveUser(t.Context(), 4), "")
		_, err := s.Registers(Readings)
		want(t, "the account is gone", err, Code(ErrClosed.Error()))
	})
}
