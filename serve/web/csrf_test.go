package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// TestForgedForms: a form that another site makes a browser send is refused, whatever of
// the browser's own is missing or from elsewhere.
func TestForgedForms(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	b, other := g.browser(t, true), g.browser(t, true)
	b.logIn("USER1", "0")
	right := b.token("/login")
	for _, row := range []struct {
		name, token string
		headers     []string
		want        int
	}{
		{"no token", "", nil, 400},
		{"a token of another browser", other.token("/login"), nil, 400},
		{"a token of no sense", strings.Repeat("A", len(right)), nil, 400},
		{"half a token", right[:len(right)/2], nil, 400},
		{"Sec-Fetch-Site cross-site", right, []string{"Sec-Fetch-Site", "cross-site"}, 400},
		{"Sec-Fetch-Site same-site", right, []string{"Sec-Fetch-Site", "same-site"}, 400},
		{"Origin of another site", right, []string{"Origin", "https://evil.example"}, 400},
		{"Origin null", right, []string{"Origin", "null"}, 400},
		{"the meter's own page", right, []string{"Sec-Fetch-Site", "same-origin", "Origin", b.base}, 303},
	} {
		t.Run(row.name, func(t *testing.T) {
			if a := b.submit("/logout", []string{"token", row.token}, row.headers...); a.StatusCode != row.want {
				t.Errorf("%s, want %d\n%s", a.Status, row.want, a.text)
			}
		})
	}
	t.Run("tokens differ each time", func(t *testing.T) {
		if first, second := other.token("/login"), other.token("/login"); first == second {
			t.Error("the same token twice: its length in a compressed page gives it away")
		}
	})
	t.Run("a form that is too long", func(t *testing.T) {
		if a := other.submit("/login", []string{"token", other.token("/login"), "user", strings.Repeat("x", formBytes)}); a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s", a.Status)
		}
	})
	t.Run("a sentence that the meter did not say", func(t *testing.T) {
		b := g.browser(t, true)
		b.get("/login")
		u := mustParse(t, b.base)
		name := b.Jar.Cookies(u)[0].Name + "-said"
		b.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: "aGVsbG8.AAAA", Path: "/", Secure: true}})
		if a := b.get("/login"); strings.Contains(a.text, "hello") {
			t.Error("it is shown")
		}
	})
}
