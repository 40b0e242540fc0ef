package setup

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// A message by UDP may have gone anywhere; one by TCP or TLS was taken.
func TestSyslogTestSaysWhatIsKnown(t *testing.T) {
	for transport, taken := range map[string]bool{"UDP": false, "TCP": true, "TLS": true} {
		f := newFake()
		on(f, ionp.SyslogTest, true, func(ionp.SyslogTestRequest) (ionp.SyslogTestReply, error) {
			return ionp.SyslogTestReply{Server: "192.0.2.7:514", Transport: transport, Message: "<134>1 -"}, nil
		})
		got, err := f.connect(t, withPassword()).TestSyslog(t.Context())
		if want := (SyslogTest{"192.0.2.7:514", transport, "<134>1 -", taken}); got != want || err != nil {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}

// certificateOf is a certificate that names itself, as PEM.
func certificateOf(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestTrustSyslog(t *testing.T) {
	two := append(certificateOf(t, "Site CA"), certificateOf(t, "Old CA")...)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})
	for _, row := range []struct {
		name     string
		text     []byte
		subjects []string
	}{
		{"two certificates, and words around them", slices.Concat([]byte("Our CAs\n"), two, []byte("\nthe end\n")), []string{"CN=Site CA", "CN=Old CA"}},
		{"no PEM", []byte("Our CAs"), nil},
		{"nothing", nil, nil},
		{"a private key is not sent", append(bytes.Clone(two), key...), nil},
		{"a broken certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFake()
			subjects, err := f.connect(t, withPassword()).TrustSyslog(t.Context(), row.text)
			sent, there := f.files[SyslogAuthorities]
			if row.subjects == nil {
				if !HasCode(err, CodeFile) || there {
					t.Errorf("%v, sent %v", err, there)
				}
				return
			}
			if err != nil || !slices.Equal(subjects, row.subjects) || !bytes.Equal(sent, two) {
				t.Errorf("%q, %v; sent %d bytes, want %d", subjects, err, len(sent), len(two))
			}
		})
	}
}
