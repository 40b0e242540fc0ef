package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"testing"
	"time"
)

// ownersCertificate is the PEM of a key and a certificate for it.
func ownersCertificate(t *testing.T, now time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), DNSNames: []string{"meter.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

// shown is what HTTPS shows now.
func (m *meter) shown() []byte {
	m.t.Helper()
	c, err := m.gate.Certificate([]string{"localhost"})
	if err != nil {
		m.t.Fatal(err)
	}
	return c.Certificate[0]
}

func TestInstalledCertificate(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, m *meter)
		// own tells that the meter shows its own certificate in the end.
		own bool
	}{
		{"not confirmed", func(*testing.T, *meter) {}, true},
		{"confirmed", func(t *testing.T, m *meter) {
			want(t, "confirm", m.as(ION, named("USER2", "two")).ConfirmProvisional(t.Context()), "")
		}, false},
		{"not by who may do no more than communications", func(t *testing.T, m *meter) {
			m.account(4, "four", MayRead|MayComm|MayConfig)
			m.set()
			want(t, "confirm", m.as(ION, named("USER4", "four")).ConfirmProvisional(t.Context()), CodeNoPermission)
			want(t, "cancel", m.as(ION, named("USER4", "four")).CancelProvisional(t.Context()), CodeNoPermission)
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				own := m.shown()
				want(t, "install", m.as(Web, named("USER2", "two")).InstallCertificate(t.Context(), ownersCertificate(t, m.now())), "")
				if bytes.Equal(m.shown(), own) {
					t.Fatal("it is not in use")
				}
				tc.do(t, m)
				time.Sleep(strandingPatience)
				m.carryOut()
				if got := bytes.Equal(m.shown(), own); got != tc.own {
					t.Errorf("the meter's own is shown: %v, want %v", got, tc.own)
				}
				m.powerCycle()
				if got := bytes.Equal(m.shown(), own); got != tc.own {
					t.Errorf("the meter's own is shown after a restart: %v, want %v", got, tc.own)
				}
			})
		})
	}
}

// What the disk is to get is what is in use, also where the disk does not take it yet, or the
// client did not wait: a restart must bring no certificate that nobody has reached the meter with.
func TestCertificateInUseIsTheKeptOne(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		own := m.shown()
		m.late = errDisk
		want(t, "install", m.as(Web, named("USER2", "two")).InstallCertificate(t.Context(), ownersCertificate(t, m.now())), Code(errDisk.Error()))
		m.late = nil
		used := m.shown()
		if _, what, ok := m.as(ION, named("USER2", "two")).Pending(); !ok || what != "certificate" {
			t.Errorf("waits: %v %s", ok, what)
		}
		m.powerCycle()
		if !bytes.Equal(m.shown(), used) {
			t.Error("a restart brings another certificate than was in use")
		}
		time.Sleep(strandingPatience)
		m.carryOut()
		if !bytes.Equal(m.shown(), own) {
			t.Error("nobody confirmed it, and it stays")
		}
	})
}

// What waits at the meter of a snapshot brings its twin no certificate, and takes none away.
func TestCertificateOfATwin(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		two := m.as(Web, named("USER2", "two"))
		want(t, "install", two.InstallCertificate(t.Context(), ownersCertificate(t, m.now())), "")
		want(t, "confirm", two.ConfirmProvisional(t.Context()), "")
		want(t, "install another", two.InstallCertificate(t.Context(), ownersCertificate(t, m.now())), "")
		m.keep(true)
		theirs := maps.Clone(m.kept)
		want(t, "confirm", two.ConfirmProvisional(t.Context()), "")
		want(t, "the twin's own", two.InstallCertificate(t.Context(), ownersCertificate(t, m.now())), "")
		want(t, "confirm", two.ConfirmProvisional(t.Context()), "")
		own := m.shown()
		m.keep(true)
		for name := range theirs {
			if IsOwnKey(name) {
				delete(theirs, name)
			}
		}
		for name, blob := range m.kept {
			if IsOwnKey(name) {
				theirs[name] = blob
			}
		}
		m.kept = theirs
		m.start()
		time.Sleep(strandingPatience)
		m.carryOut()
		if !bytes.Equal(m.shown(), own) {
			t.Error("the twin shows another certificate than its own")
		}
		m.powerCycle()
		if !bytes.Equal(m.shown(), own) {
			t.Error("the twin shows another certificate than its own after a restart")
		}
	})
}
