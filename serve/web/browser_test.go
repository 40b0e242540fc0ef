package web

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser is a client with cookies that does what browsers do, and tells the redirects.
type browser struct {
	*http.Client
	t     testing.TB
	base  string
	agent string
}

// answer is what a browser got.
type answer struct {
	*http.Response
	text string
}

func (s *served) browser(t testing.TB, encrypted bool) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	b := &browser{t: t, base: "http://" + s.plain, Client: &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if encrypted {
		b.base = "https://" + s.tls
	}
	return b
}

func (b *browser) send(r *http.Request) answer {
	b.t.Helper()
	if b.agent != "" {
		r.Header.Set("User-Agent", b.agent)
	}
	response, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response, string(text)}
}

func (b *browser) get(path string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

var tokenOf = regexp.MustCompile(`name="token" value="([^"]*)"`)

// token is the token of the forms on a page.
func (b *browser) token(page string) string {
	b.t.Helper()
	a := b.get(page)
	found := tokenOf.FindStringSubmatch(a.text)
	if found == nil {
		b.t.Fatalf("%s has no token: %s\n%s", page, a.Status, a.text)
	}
	return found[1]
}

// post sends a form with its token.
func (b *browser) post(page string, fields ...string) answer {
	b.t.Helper()
	from := page
	if page == "/logout" {
		from = "/login"
	}
	return b.submit(page, append([]string{"token", b.token(from)}, fields...))
}

func (b *browser) submit(page string, fields []string, headers ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+page, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

// logIn logs in and fails the test unless that succeeds.
func (b *browser) logIn(user, password string) {
	b.t.Helper()
	if a := b.post("/login", "user", user, "password", password); a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("login as %q: %s\n%s", user, a.Status, a.text)
	}
}

func mustParse(t testing.TB, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
