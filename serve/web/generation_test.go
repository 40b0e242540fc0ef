package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// TestSecondGeneration: firmware 2.1.0 serves its pages in clear; they are read without a
// login, and the meter password does the rest.
func TestSecondGeneration(t *testing.T) {
	s := serve(t, "2.1.0")
	b := s.browser(t, false)
	t.Run("pages are read without a login", func(t *testing.T) {
		if a := b.get("/certificates"); a.StatusCode != 200 || strings.Contains(a.text, "action\" value=\"install") || !strings.Contains(a.text, `href="/login"`) {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
	})
	t.Run("so is the API", func(t *testing.T) {
		if a := b.get("/api/v1/info"); a.StatusCode != 200 || !strings.Contains(a.text, `"firmware":"2.1.0"`) {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
	})
	t.Run("and are the metrics", func(t *testing.T) {
		if a := b.get("/metrics"); a.StatusCode != 200 {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
	})
	t.Run("one's own password needs one", func(t *testing.T) {
		if a := b.get("/password"); a.StatusCode != 303 {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
	})
	t.Run("there is no HTTPS", func(t *testing.T) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.tls+"/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := s.browser(t, true).Do(r); err == nil {
			response.Body.Close()
			t.Errorf("%s", response.Status)
		}
	})
	t.Run("the login page says that it is in clear", func(t *testing.T) {
		if a := b.get("/login"); !strings.Contains(a.text, "not encrypted") || !strings.Contains(a.text, "Continue without logging in") {
			t.Errorf("%s", a.text)
		}
	})
	b.logIn("9000", "0")
	t.Run("F17 the meter password has digits only", func(t *testing.T) {
		if a := b.post("/password", "action", "change", "now", "0", "new", "abc", "again", "abc"); a.StatusCode != 400 || !strings.Contains(a.text, "digits only") {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
	})
	t.Run("F17 the meter password is changed", func(t *testing.T) {
		if a := b.post("/password", "action", "change", "now", "0", "new", "77", "again", "77"); a.StatusCode != 303 {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
		s.browser(t, false).logIn("9000", "77")
	})
	t.Run("Advanced wants an account", func(t *testing.T) {
		s.administer(t, access.Credential{Given: true, Password: "77"}, func(session *access.Session) error {
			_, err := session.AddUser(t.Context(), 1, access.MayRead|access.MaySecurity, "1")
			return err
		})
		s.set(t, access.Credential{Given: true, Password: "77"}, map[string]string{access.RegisterMode: "Advanced"})
		if a := b.get("/certificates"); a.StatusCode != 303 {
			t.Errorf("%s", a.Status)
		}
		if a := b.get("/login"); !strings.Contains(a.text, "every login names an account") && !strings.Contains(a.text, "legacy security support") {
			t.Errorf("%s", a.text)
		}
		b.logIn("USER1", "1")
	})
}
