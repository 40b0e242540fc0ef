package web

import (
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// TestF17: everyone changes the password of the account he is connected with, and nothing
// else of it, on the web pages.
func TestF17(t *testing.T) {
	s := serve(t, "3.0.0")
	for n, boxes := range map[int]access.Permissions{2: access.MayRead, 3: 0} {
		s.administer(t, user1, func(session *access.Session) error {
			_, err := session.AddUser(t.Context(), n, boxes, "22")
			return err
		})
	}
	for _, row := range []struct {
		name, user, now, fresh, again, cut string
		status                             int
		says                               string
	}{
		{"F17 two that differ", "USER2", "22", "33", "34", "", 400, "the two new passwords differ"},
		{"F17 the present one is wrong", "USER2", "23", "33", "33", "", 403, "the user name or the password is wrong"},
		{"F19 nine digits", "USER2", "22", "123456789", "123456789", "", 400, "at most 8"},
		{"F19 seven characters", "USER2", "22", "abcdefg", "abcdefg", "", 400, "at most 6"},
		{"F17 an account that may read", "USER2", "22", "33", "33", "", 303, ""},
		{"F17 an account that may nothing", "USER3", "22", "44", "44", "", 303, ""},
		{"F20 letters for USER1 under LSS", "USER1", "0", "abc", "abc", "", 400, "cut off"},
		{"F20 letters for USER1 under LSS, knowingly", "USER1", "0", "abc", "abc", "1", 303, ""},
		{"F17 who logs in with the model number changes USER1's", "9000", "abc", "0", "0", "", 303, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, elsewhere := s.browser(t, true), s.browser(t, true)
			login := row.now
			if row.status == 403 {
				login = "22"
			}
			b.logIn(row.user, login)
			elsewhere.logIn(row.user, login)
			before := b.Jar.Cookies(mustParse(t, b.base))[0].Value
			a := b.post("/password", "action", "change", "now", row.now, "new", row.fresh, "again", row.again, "cut", row.cut)
			if a.StatusCode != row.status || !strings.Contains(a.text, row.says) {
				t.Fatalf("%s, want %d and %q\n%s", a.Status, row.status, row.says, a.text)
			}
			changed := row.status == 303
			if a := b.get("/password"); a.StatusCode != 200 || strings.Contains(a.text, "The password is changed") != changed {
				t.Errorf("the session that changed it: %s\n%s", a.Status, a.text)
			}
			if rotated := b.Jar.Cookies(mustParse(t, b.base))[0].Value != before; rotated != changed {
				t.Errorf("another identifier: %v, want %v", rotated, changed)
			}
			if a := elsewhere.get("/password"); (a.StatusCode == 200) == changed {
				t.Errorf("another session of the account: %s", a.Status)
			}
			if changed {
				s.browser(t, true).logIn(row.user, row.fresh)
			}
		})
	}
}

// TestF20Warning: the page of USER1's password warns under LSS, and names the clients that
// were seen to whoever may know them.
func TestF20Warning(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	root, err := g.gate.Open(access.Client{Path: access.ION, Remote: "192.0.2.9:7"})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	old, err := root.With(t.Context(), access.Credential{Given: true, Password: "0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Registers(access.Readings); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, user string
		mode       access.Mode
		warns      bool
		names      bool
	}{
		{"F20 USER1 under LSS", "USER1", access.LSS, true, true},
		{"F20 USER2 under LSS", "USER2", access.LSS, false, false},
		{"F20 USER1 under Advanced", "USER1", access.Advanced, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			g.set(t, access.RegisterMode, row.mode.String())
			b := g.browser(t, true)
			b.logIn(row.user, "0")
			a := b.get("/password")
			if warns, names := strings.Contains(a.text, "Clients that give no user name"), strings.Contains(a.text, "192.0.2.9 (ion)"); warns != row.warns || names != row.names {
				t.Errorf("warns %v, names %v\n%s", warns, names, a.text)
			}
		})
	}
}
