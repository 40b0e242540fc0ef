package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// TestF11Redirect: under "HTTP with redirect to HTTPS" every request in clear gets 308 to
// the same host, path and query on the HTTPS port, whatever its method.
func TestF11Redirect(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	_, port, _ := net.SplitHostPort(g.tls)
	for _, row := range []struct{ name, request, location string }{
		{"F11 the first page", "GET / HTTP/1.1\r\nHost: meter.example\r\n", "https://meter.example:" + port + "/"},
		{"F11 the port of the request is dropped", "GET / HTTP/1.1\r\nHost: meter.example:8080\r\n", "https://meter.example:" + port + "/"},
		{"F11 path and query", "GET /a/b?c=d&e=f%20g HTTP/1.1\r\nHost: meter\r\n", "https://meter:" + port + "/a/b?c=d&e=f%20g"},
		{"F11 an escaped slash stays escaped", "GET /logs/a%2Fb HTTP/1.1\r\nHost: meter\r\n", "https://meter:" + port + "/logs/a%2Fb"},
		{"F11 an empty query", "GET /a? HTTP/1.1\r\nHost: meter\r\n", "https://meter:" + port + "/a?"},
		{"F11 POST", "POST /login HTTP/1.1\r\nHost: meter\r\nContent-Length: 0\r\n", "https://meter:" + port + "/login"},
		{"F11 PUT", "PUT /x HTTP/1.1\r\nHost: meter\r\nContent-Length: 0\r\n", "https://meter:" + port + "/x"},
		{"F11 HEAD", "HEAD / HTTP/1.1\r\nHost: meter\r\n", "https://meter:" + port + "/"},
		{"F11 the API, too", "GET /api/v1/info HTTP/1.1\r\nHost: meter\r\nAuthorization: Basic VVNFUjE6MA==\r\n", "https://meter:" + port + "/api/v1/info"},
		{"F11 an IPv4 address", "GET / HTTP/1.1\r\nHost: 192.0.2.7:80\r\n", "https://192.0.2.7:" + port + "/"},
		{"F11 an IPv6 address", "GET / HTTP/1.1\r\nHost: [2001:db8::7]:80\r\n", "https://[2001:db8::7]:" + port + "/"},
		{"F11 HTTP/1.0 without a host", "GET /a HTTP/1.0\r\n", "https://127.0.0.1:" + port + "/a"},
		{"F11 two slashes are no other host", "GET //evil.example/ HTTP/1.1\r\nHost: meter\r\n", "https://meter:" + port + "//evil.example/"},
		{"a host with a user is none", "GET / HTTP/1.1\r\nHost: meter@evil.example\r\n", ""},
		{"a host with a path is none", "GET / HTTP/1.1\r\nHost: evil.example/x\r\n", ""},
		{"CONNECT is none of ours", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", g.plain)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, row.request+"Connection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			method, _, _ := strings.Cut(row.request, " ")
			response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if row.location == "" {
				if response.StatusCode < 400 {
					t.Errorf("%s to %s", response.Status, response.Header.Get("Location"))
				}
				return
			}
			if response.StatusCode != 308 || response.Header.Get("Location") != row.location {
				t.Errorf("%s to %q, want 308 to %q", response.Status, response.Header.Get("Location"), row.location)
			}
			if c := response.Header.Get("Cache-Control"); c != "no-store" {
				t.Errorf("browsers may remember the redirect for ever: Cache-Control %q", c)
			}
			if response.Header.Get("Set-Cookie") != "" {
				t.Error("a cookie is set in clear")
			}
		})
	}
}

// TestF11Port443: the usual port is left out, as browsers do.
func TestF11Port443(t *testing.T) {
	s := &Server{options: Options{HTTPSPort: func() string { return "443" }}}
	for host, want := range map[string]string{"meter:80": "https://meter/a", "[::1]:80": "https://[::1]/a"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/a", nil)
		r.Host = host
		s.redirect(w, r)
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// TestF11Curl: a real client follows.
func TestF11Curl(t *testing.T) {
	curl := program(t, "curl")
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	out, err := exec.CommandContext(t.Context(), curl, "-sk", "-o", "/dev/null", "--max-redirs", "1", "-L", "-w", "%{num_redirects} %{url_effective} %{http_code}", "http://"+g.plain+"/login?next=%2Fx").CombinedOutput()
	if want := "1 https://" + g.tls + "/login?next=%2Fx 200"; err != nil || string(out) != want {
		t.Errorf("curl: %v, %q, want %q", err, out, want)
	}
}

// program finds a program that a test drives, or skips the test and names it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// TestWebAccess: what each value of Ethernet/Web Access serves, also when it changes while
// the meter runs and on connections from before.
func TestWebAccess(t *testing.T) {
	const nothing = 0
	for _, row := range []struct {
		access     webAccess
		plain, tls int // status of the login page
		onOld      int // of a connection in clear from before
	}{
		{accessDisabled, nothing, nothing, nothing},
		{accessHTTP, 200, nothing, 200},
		{accessHTTPS, nothing, 200, nothing},
		{accessRedirect, 308, 200, 308},
	} {
		t.Run(string(row.access), func(t *testing.T) {
			g := behindGate(t, third, access.LSS, access.OpenLimits())
			old := g.browser(t, false)
			old.get("/login")
			g.set(t, access.RegisterWebAccess, string(row.access))
			status := func(c *http.Client, address string) int {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/login", nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := c.Do(r)
				if err != nil {
					return nothing
				}
				response.Body.Close()
				return response.StatusCode
			}
			for _, c := range []struct {
				name, address string
				client        *http.Client
				want          int
			}{
				{"in clear, on a connection from before", "http://" + g.plain, old.Client, row.onOld},
				{"in clear", "http://" + g.plain, g.browser(t, false).Client, row.plain},
				{"over HTTPS", "https://" + g.tls, g.browser(t, true).Client, row.tls},
			} {
				if got := status(c.client, c.address); got != c.want {
					t.Errorf("%s: %d, want %d", c.name, got, c.want)
				}
			}
		})
	}
}

// FuzzRedirect: whatever Host and target a client sends, it is led to that host's HTTPS
// port, or nowhere.
func FuzzRedirect(f *testing.F) {
	for _, seed := range [][2]string{{"meter:80", "/a?b=c"}, {"[::1]", "//x/../y"}, {"a@b", "/"}, {"", "/"}, {"a%2fb", "/%2f?#"}, {"x\r\ny", "/\r\n"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, host, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		s := &Server{options: Options{HTTPSPort: func() string { return "8443" }}}
		w := httptest.NewRecorder()
		s.redirect(w, &http.Request{Method: "GET", Host: host, URL: u, Header: http.Header{}})
		location := w.Header().Get("Location")
		if location == "" {
			return
		}
		to, err := url.Parse(location)
		if err != nil || to.Scheme != "https" || to.User != nil || to.Port() != "8443" || !strings.EqualFold(to.Hostname(), hostOnly(host)) {
			t.Errorf("host %q target %q lead to %q (%v)", host, target, location, err)
		}
		if err == nil && (to.EscapedPath() != u.EscapedPath() || to.RawQuery != strings.ReplaceAll(u.RawQuery, "#", "%23") || to.Fragment != "") {
			t.Errorf("target %q became %q", target, location)
		}
	})
}

// FuzzLocal: after a login a browser stays on this meter.
func FuzzLocal(f *testing.F) {
	for _, seed := range []string{"/", "/a?b", "//evil.example", `/\evil.example`, "https://evil.example", "/\t/evil.example", "javascript:alert(1)", "/a/../..//evil.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		base, _ := url.Parse("https://meter:8443/login")
		to, err := base.Parse(local(next))
		if err != nil || to.Host != base.Host || to.Scheme != "https" {
			t.Errorf("%q leads to %v (%v)", next, to, err)
		}
	})
}
