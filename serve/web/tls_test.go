package web

import (
	"crypto/tls"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// TestTLSVersions: 1.2 and 1.3 are taken and nothing older, by our own client and by curl.
func TestTLSVersions(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	for _, row := range []struct {
		name    string
		version uint16
		taken   bool
	}{
		{"1.0", tls.VersionTLS10, false}, {"1.1", tls.VersionTLS11, false}, {"1.2", tls.VersionTLS12, true}, {"1.3", tls.VersionTLS13, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", g.tls, &tls.Config{InsecureSkipVerify: true, MinVersion: row.version, MaxVersion: row.version})
			if err == nil {
				conn.Close()
			}
			if (err == nil) != row.taken {
				t.Errorf("taken is %v, want %v (%v)", err == nil, row.taken, err)
			}
		})
	}
	t.Run("curl with TLS 1.1", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), program(t, "curl"), "-skS", "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", "https://"+g.tls+"/login").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "version") && !strings.Contains(string(out), "protocol") {
			t.Errorf("curl: %v %s", err, out)
		}
	})
}

// TestTLSCertificate: the meter's own certificate has the names that it is reached by, and
// is pinned by a client that trusts it alone.
func TestTLSCertificate(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	conn, err := tls.Dial("tcp", g.tls, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if leaf.PublicKeyAlgorithm.String() != "ECDSA" {
		t.Errorf("the key is %s", leaf.PublicKeyAlgorithm)
	}
}

// TestTLSScan: sslscan finds nothing weak.
func TestTLSScan(t *testing.T) {
	sslscan := program(t, "sslscan")
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	text, err := exec.CommandContext(t.Context(), sslscan, "--no-colour", g.tls).CombinedOutput()
	if err != nil {
		t.Fatalf("sslscan: %v\n%s", err, text)
	}
	out := string(text)
	for _, want := range []string{"SSLv2     disabled", "SSLv3     disabled", "TLSv1.0   disabled", "TLSv1.1   disabled", "TLSv1.2   enabled", "TLSv1.3   enabled", "Session renegotiation not supported", "TLSv1.2 not vulnerable to heartbleed"} {
		if !strings.Contains(out, want) {
			t.Errorf("sslscan does not say %q", want)
		}
	}
	suites := regexp.MustCompile(`(?m)^(?:Preferred|Accepted) .*$`).FindAllString(out, -1)
	if len(suites) == 0 {
		t.Error("sslscan names no suite")
	}
	strong := regexp.MustCompile(`TLS_(AES|CHACHA20)|ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM|CHACHA20)`)
	for _, suite := range suites {
		if !strong.MatchString(suite) {
			t.Errorf("a weak suite: %s", suite)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
