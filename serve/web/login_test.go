package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// TestF14Names: the login page says which names work now, and those work, and no others.
func TestF14Names(t *testing.T) {
	for _, row := range []struct {
		name       string
		generation access.Generation
		mode       access.Mode
		user       string
		right      bool
		says       string
	}{
		{"F14 LSS, an account", third, access.LSS, "USER1", true, "an account such as USER1, or the model number (9000)"},
		{"F14 LSS, the model number", third, access.LSS, "9000", true, "(9000), which stands for USER1"},
		{"F14 LSS, another model's number", third, access.LSS, "8000", false, "model number (9000)"},
		{"F14 LSS, no name", third, access.LSS, "", false, "model number (9000)"},
		{"F14 Advanced, an account", third, access.Advanced, "USER1", true, "legacy security support is off"},
		{"F14 Advanced, the model number", third, access.Advanced, "9000", false, "legacy security support is off"},
		{"2.x Standard, the model number with the meter password", second, access.Standard, "9000", true, "the model number (9000), with the meter password"},
		{"2.x Advanced, an account", second, access.Advanced, "USER1", true, "an account such as USER1"},
		{"2.x Advanced, the model number", second, access.Advanced, "9000", false, "an account such as USER1"},
		{"2.x None", second, access.None, "", false, "No login is needed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := behindGate(t, row.generation, row.mode, access.OpenLimits())
			b := g.browser(t, row.generation.Name == "3.x")
			if a := b.get("/login"); !strings.Contains(a.text, row.says) {
				t.Errorf("the login page does not say %q:\n%s", row.says, a.text)
			}
			password := "0"
			if row.mode == access.None {
				password = ""
			}
			a := b.post("/login", "user", row.user, "password", password)
			if right := a.StatusCode == http.StatusSeeOther; right != row.right {
				t.Errorf("login: %s, right is %v\n%s", a.Status, row.right, a.text)
			}
		})
	}
}

// TestF14ModeSwitch: switching legacy support off ends the sessions of the model number,
// says why, and leaves those of accounts alone.
func TestF14ModeSwitch(t *testing.T) {
	s := serve(t, "3.0.0")
	model, account := s.browser(t, true), s.browser(t, true)
	model.logIn("9000", "0")
	account.logIn("USER1", "0")
	for name, b := range map[string]*browser{"model number": model, "account": account} {
		if a := b.get("/certificates"); a.StatusCode != 200 {
			t.Fatalf("%s before the switch: %s", name, a.Status)
		}
	}
	s.set(t, user1, map[string]string{access.RegisterMode: "Advanced"})
	if a := account.get("/certificates"); a.StatusCode != 200 {
		t.Errorf("the account's session ended with the switch: %s", a.Status)
	}
	if a := model.get("/certificates"); a.StatusCode != 303 || a.Header.Get("Location") != "/login?next=%2Fcertificates" {
		t.Fatalf("the model number's session goes on: %s", a.Status)
	}
	if a := model.get("/login?next=%2Fcertificates"); !strings.Contains(a.text, "legacy security support was switched off") {
		t.Errorf("the login page does not tell why:\n%s", a.text)
	}
	if a := model.get("/login"); strings.Contains(a.text, "Your session has ended") {
		t.Error("the reason is told twice")
	}
	if a := model.get("/api/v1/info"); a.StatusCode != 401 || !strings.Contains(a.text, "session-ended") {
		t.Errorf("a script of the page: %s %s", a.Status, a.text)
	}
}

// TestCookie: the session's cookie is bound to the host, to HTTPS and to this site, and no
// script reads it.
func TestCookie(t *testing.T) {
	for _, row := range []struct {
		name      string
		encrypted bool
		prefix    string
	}{
		{"HTTPS", true, "__Host-hepmeter-"},
		{"HTTP", false, "hepmeter-"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := behindGate(t, third, access.LSS, access.OpenLimits())
			if !row.encrypted {
				g.set(t, access.RegisterWebAccess, "HTTP")
			}
			b := g.browser(t, row.encrypted)
			visitor := b.get("/login").Cookies()[0].Value
			a := b.post("/login", "user", "USER1", "password", "0")
			if len(a.Cookies()) != 1 {
				t.Fatalf("%d cookies after the login", len(a.Cookies()))
			}
			c := a.Cookies()[0]
			if !strings.HasPrefix(c.Name, row.prefix) || !c.HttpOnly || c.Secure != row.encrypted || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) != 43 {
				t.Errorf("the cookie is %s", a.Header.Get("Set-Cookie"))
			}
			if c.Value == visitor {
				t.Error("the login took over the identifier from before it: a planted one would be good")
			}
		})
	}
}

// TestSessionEnds: what ends a session, and that its identifier is good for nothing then.
func TestSessionEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(*testing.T, *gated, *browser)
		says string
	}{
		{"logout", func(t *testing.T, _ *gated, b *browser) {
			if a := b.post("/logout"); a.StatusCode != 303 {
				t.Fatalf("logout: %s", a.Status)
			}
		}, "You are logged out"},
		{"15 minutes without use", func(t *testing.T, g *gated, _ *browser) { g.pass(loginIdle) }, "it was not used for 15m0s"},
		{"15 minutes that the gate has not seen pass", func(t *testing.T, g *gated, _ *browser) { g.passed.Add(int64(loginIdle)) }, "it was not used for 15m0s"},
		{"the account is gone", func(t *testing.T, g *gated, _ *browser) {
			g.mu.Lock()
			for label := range g.settings {
				if strings.HasPrefix(label, "Security User 2/") {
					delete(g.settings, label)
				}
			}
			g.mu.Unlock()
			g.set(t)
		}, "the account or its password was changed"},
		{"an administrator ends the connection", func(t *testing.T, g *gated, _ *browser) {
			root, err := g.gate.Open(access.Client{Path: access.ION, Remote: "127.0.0.1:1"})
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			admin, err := root.With(t.Context(), user1)
			if err != nil {
				t.Fatal(err)
			}
			list, err := admin.Connections()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if c.Path == access.Web && c.User == "USER2" {
					if err := admin.EndConnection(t.Context(), c.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
		}, "someone with the right ended it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := behindGate(t, third, access.LSS, access.OpenLimits())
			b := g.browser(t, true)
			b.logIn("USER2", "0")
			stolen := b.Jar.Cookies(mustParse(t, b.base))
			if a := b.get("/certificates"); a.StatusCode != 200 {
				t.Fatalf("a page: %s\n%s", a.Status, a.text)
			}
			row.end(t, g, b)
			if a := b.get("/certificates"); a.StatusCode != 303 {
				t.Errorf("a page after the end: %s", a.Status)
			}
			if a := b.get("/login"); !strings.Contains(a.text, row.says) {
				t.Errorf("the login page does not say %q:\n%s", row.says, a.text)
			}
			other := g.browser(t, true)
			other.Jar.SetCookies(mustParse(t, b.base), stolen)
			if a := other.get("/certificates"); a.StatusCode != 303 {
				t.Errorf("the old identifier still opens a page: %s", a.Status)
			}
			if n := len(g.webConnections(t)); n != 0 {
				t.Errorf("%d connections of the gate are left", n)
			}
		})
	}
}

// webConnections are the connections that the gate has for the web.
func (g *gated) webConnections(t *testing.T) (list []access.ConnectionInfo) {
	t.Helper()
	root, err := g.gate.Open(access.Client{Path: access.ION, Remote: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	admin, err := root.With(t.Context(), user1)
	if err != nil {
		t.Fatal(err)
	}
	all, err := admin.Connections()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Path == access.Web {
			list = append(list, c)
		}
	}
	return list
}

// TestCounts: how many sessions there can be.
func TestCounts(t *testing.T) {
	t.Run("the oldest session of an account makes room", func(t *testing.T) {
		g := behindGate(t, third, access.LSS, access.OpenLimits())
		first := g.browser(t, true)
		first.logIn("USER2", "0")
		for range loginsOfUser {
			g.pass(time.Second)
			g.browser(t, true).logIn("USER2", "0")
		}
		if n := g.server.Counters().Logins; n != loginsOfUser {
			t.Errorf("%d sessions, want %d", n, loginsOfUser)
		}
		if a := first.get("/certificates"); a.StatusCode != 303 {
			t.Errorf("the oldest: %s", a.Status)
		}
	})
	t.Run("factory limits: ten connections, one more for a named user, then 503", func(t *testing.T) {
		g := behindGate(t, third, access.LSS, access.FactoryLimits())
		for range 10 {
			g.browser(t, true).logIn("9000", "0")
		}
		b := g.browser(t, true)
		if a := b.post("/login", "user", "9000", "password", "0"); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || !strings.Contains(a.text, "connection") {
			t.Errorf("the eleventh without a name: %s\n%s", a.Status, a.text)
		}
		b.logIn("USER2", "0")
		if a := g.browser(t, true).post("/login", "user", "USER1", "password", "0"); a.StatusCode != 503 {
			t.Errorf("the twelfth: %s", a.Status)
		}
	})
	t.Run("who only looks at the login page takes none", func(t *testing.T) {
		g := behindGate(t, third, access.LSS, access.FactoryLimits())
		for range 20 {
			b := g.browser(t, true)
			b.get("/")
			b.get("/login")
			b.get("/api/v1/info")
			b.post("/login", "user", "USER1", "password", "1")
		}
		if list := g.webConnections(t); len(list) != 0 {
			t.Errorf("%d connections of the gate are taken", len(list))
		}
	})
	t.Run("sessions that a change of security ended make room", func(t *testing.T) {
		g := behindGate(t, third, access.LSS, access.FactoryLimits())
		for range 10 {
			g.browser(t, true).logIn("9000", "0")
		}
		g.set(t, access.RegisterMode, "Advanced")
		for range 5 {
			g.browser(t, true).logIn("USER2", "0")
		}
	})
}

// TestBanner: the owner's text is on the login page, as text.
func TestBanner(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	g.set(t, "Security Options/Banner", "Authorised <staff> only")
	if a := g.browser(t, true).get("/login"); !strings.Contains(a.text, "Authorised &lt;staff&gt; only") {
		t.Errorf("no banner:\n%s", a.text)
	}
}

// TestAgent: the ledger names browsers.
func TestAgent(t *testing.T) {
	for _, row := range []struct{ name, header, client, version string }{
		{"Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", "128.0"},
		{"Chrome", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Chrome", "131.0.0.0"},
		{"Edge", "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51", "Edge", "131.0.2903.51"},
		{"Safari", "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15", "Safari", "17.6"},
		{"curl", "curl/8.14.1", "curl", "8.14.1"},
		{"Prometheus", "Prometheus/3.1.0", "Prometheus", "3.1.0"},
		{"none", "", "", ""},
	} {
		if client, version := agent(row.header); client != row.client || version != row.version {
			t.Errorf("%s: %q %q", row.name, client, version)
		}
	}
}

// TestLegacyLedger: a login with the model number is legacy use, with the browser's name.
func TestLegacyLedger(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	b := g.browser(t, true)
	b.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	b.logIn("9000", "0")
	b.get("/certificates")
	list := g.webConnections(t)
	if len(list) != 1 || list[0].Client != "Firefox" || list[0].Credential != access.ModelNumber || !list[0].Encrypted {
		t.Errorf("connections: %+v", list)
	}
}
