package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// TestHeaders: every answer has the headers that keep browsers from being turned against
// the meter.
func TestHeaders(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	b := g.browser(t, true)
	login := b.get("/login")
	style := regexp.MustCompile(`/assets/[0-9a-f]{16}/style\.css`).FindString(login.text)
	for _, row := range []struct{ name, path, cache string }{
		{"a page", "/login", "no-store"},
		{"a redirect", "/", "no-store"},
		{"an asset", style, "public, max-age=31536000, immutable"},
		{"an asset that is none", style + "x", "no-store"},
		{"the API", "/api/v1/info", "no-store"},
		{"the API's description", "/api/v1", "no-store"},
		{"metrics", "/metrics", "no-store"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := b.get(row.path)
			for name, want := range map[string]string{
				"Content-Security-Policy":      contentPolicy,
				"X-Content-Type-Options":       "nosniff",
				"Referrer-Policy":              "same-origin",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Cache-Control":                row.cache,
				"Server":                       "",
				"X-Powered-By":                 "",
				"Access-Control-Allow-Origin":  "",
				"Strict-Transport-Security":    "",
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if !strings.Contains(a.Header.Get("Permissions-Policy"), "camera=()") {
				t.Error("no Permissions-Policy")
			}
		})
	}
	t.Run("no page has what its policy forbids", func(t *testing.T) {
		if found := regexp.MustCompile(`(?i)<script>|<style|style=|\son\w+=|javascript:`).FindString(login.text); found != "" {
			t.Errorf("the page has %q", found)
		}
	})
	t.Run("pages are compressed for who reads that", func(t *testing.T) {
		if a := b.get("/login", "Accept-Encoding", "gzip"); a.Header.Get("Content-Encoding") != "gzip" || a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%v", a.Header)
		}
		if a := b.get(style, "Accept-Encoding", "br, gzip;q=0"); a.Header.Get("Content-Encoding") != "" || a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%v", a.Header)
		}
	})
}

// TestStrictTransport: browsers are told to insist on HTTPS only with a certificate of an
// authority.
func TestStrictTransport(t *testing.T) {
	s := serve(t, "3.0.0")
	b := s.browser(t, true)
	b.logIn("USER1", "0")
	if h := b.get("/certificates").Header.Get("Strict-Transport-Security"); h != "" {
		t.Errorf("with the meter's own certificate: %q", h)
	}
	if a := b.post("/certificates", "action", "install", "pem", issued(t, false)); a.StatusCode != 303 {
		t.Fatalf("installing: %s\n%s", a.Status, a.text)
	}
	if a := b.get("/certificates"); a.Header.Get("Strict-Transport-Security") != "max-age=86400" || !strings.Contains(a.text, "installed by the owner") || !strings.Contains(a.text, "The certificate is installed") {
		t.Errorf("with an authority's certificate: %q\n%s", a.Header.Get("Strict-Transport-Security"), a.text)
	}
	fresh := s.browser(t, true)
	if a := fresh.get("/login"); a.TLS.PeerCertificates[0].Subject.CommonName != "meter.example" {
		t.Errorf("a new connection gets the certificate of %s", a.TLS.PeerCertificates[0].Subject)
	}
	if a := b.post("/certificates", "action", "remove"); a.StatusCode != 303 {
		t.Fatalf("removing: %s\n%s", a.Status, a.text)
	}
	if h := b.get("/certificates").Header.Get("Strict-Transport-Security"); h != "" {
		t.Errorf("after it was removed: %q", h)
	}
	for name, text := range map[string]string{"nothing": "", "no PEM": "hello", "one that has ended": issued(t, true)} {
		if a := b.post("/certificates", "action", "install", "pem", text); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("installing %s: %s", name, a.Status)
		}
	}
}

// issued is a certificate of a small authority with its key, as PEM.
func issued(t *testing.T, ended bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "meter.example"}, DNSNames: []string{"meter.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if ended {
		leaf.NotAfter = time.Now().Add(-time.Minute)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
