package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// Names of the blobs that hold what the meter shows of itself to clients that want to know
// whom they talk to.
const (
	keptHTTPSKey     = "https/key"         // PKCS #8, made at the first start
	keptCertificate  = "https/certificate" // the meter's own, DER
	keptInstalled    = "https/installed"   // the owner's: PEM of key and chain
	keptReturning    = "https/returning"   // what was installed before, until a change is confirmed
	keptSSHHostKey   = "ssh/hostkey"       // PKCS #8, made at the first start
	certificateYears = 20
)

// IsOwnKey reports whether a blob that a meter keeps is a key or a certificate of its own,
// which no copy of its state should bring to another meter.
func IsOwnKey(name string) bool {
	return strings.HasPrefix(name, "https/") || strings.HasPrefix(name, "ssh/")
}

// keys are what the meter proves itself with. None of them ever leaves the gate but for
// the servers' handshakes.
type keys struct {
	https *ecdsa.PrivateKey
	ssh   ed25519.PrivateKey
	own   *tls.Certificate // issued by the meter to itself; nil until names are known
	owner *tls.Certificate // installed by the owner; nil for none
	// installed is the PEM of owner.
	installed []byte
	// fresh are blobs that are to be kept.
	fresh map[string][]byte
}

// restoreKeys reads the keys from what was kept, and makes those that are not there.
func restoreKeys(kept map[string][]byte, random io.Reader) (k keys, err error) {
	k.fresh = map[string][]byte{}
	kind := func(name string, key any) error { return fmt.Errorf("the kept key %s is a %T", name, key) }
	if der := kept[keptHTTPSKey]; len(der) > 0 {
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return k, fmt.Errorf("the kept key %s: %w", keptHTTPSKey, err)
		}
		var ok bool
		if k.https, ok = key.(*ecdsa.PrivateKey); !ok {
			return k, kind(keptHTTPSKey, key)
		}
	} else {
		if k.https, err = ecdsa.GenerateKey(elliptic.P256(), random); err != nil {
			return k, err
		}
		if k.fresh[keptHTTPSKey], err = x509.MarshalPKCS8PrivateKey(k.https); err != nil {
			return k, err
		}
	}
	if der := kept[keptSSHHostKey]; len(der) > 0 {
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return k, fmt.Errorf("the kept key %s: %w", keptSSHHostKey, err)
		}
		var ok bool
		if k.ssh, ok = key.(ed25519.PrivateKey); !ok {
			return k, kind(keptSSHHostKey, key)
		}
	} else {
		if _, k.ssh, err = ed25519.GenerateKey(random); err != nil {
			return k, err
		}
		if k.fresh[keptSSHHostKey], err = x509.MarshalPKCS8PrivateKey(k.ssh); err != nil {
			return k, err
		}
	}
	if der := kept[keptCertificate]; len(der) > 0 {
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return k, fmt.Errorf("the kept certificate: %w", err)
		}
		k.own = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k.https, Leaf: leaf}
	}
	if text := kept[keptInstalled]; len(text) > 0 {
		if k.owner, err = parseCertificate(text); err != nil {
			return k, fmt.Errorf("the kept certificate of the owner: %w", err)
		}
		k.installed = text
	}
	return k, nil
}

// install puts in use what the owner had installed before, nothing where it is empty.
func (k *keys) install(text []byte) {
	k.owner, k.installed = nil, nil
	if len(text) == 0 {
		return
	}
	if c, err := parseCertificate(text); err == nil { // it was in use before
		k.owner, k.installed = c, text
	}
}

// SSHHostKey is the key that the terminal and file transfer show: Ed25519, made at the
// first start.
func (g *Gate) SSHHostKey() crypto.Signer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.keys.ssh
}

// Certificate is what HTTPS shows: the owner's certificate where there is one, else the
// meter's own for the names and addresses, which is issued anew where it does not cover
// them or nears its end. Serve it from tls.Config.GetCertificate: it may change.
func (g *Gate) Certificate(names []string) (*tls.Certificate, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys.owner != nil {
		return g.keys.owner, nil
	}
	now := g.options.Now()
	if own := g.keys.own; own != nil && covers(own.Leaf, names) && now.Before(own.Leaf.NotAfter.AddDate(-1, 0, 0)) && own.Leaf.PublicKey.(*ecdsa.PublicKey).Equal(g.keys.https.Public()) {
		return own, nil
	}
	issued, err := g.issue(names, now)
	if err != nil {
		return nil, fmt.Errorf("issuing the certificate for HTTPS: %w", err)
	}
	g.keys.own = issued
	g.keys.fresh[keptCertificate] = issued.Certificate[0]
	return issued, nil
}

func covers(leaf *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// issue makes a certificate that the meter signs itself: it can be pinned, and proves
// nothing to who has not seen its fingerprint before.
func (g *Gate) issue(names []string, now time.Time) (*tls.Certificate, error) {
	info := g.options.Works.Info()
	serial := make([]byte, 16)
	if _, err := io.ReadFull(g.options.Random, serial); err != nil {
		return nil, err
	}
	serial[0] &= 0x7f
	subject := pkix.Name{CommonName: strings.TrimSpace(info.Model + " " + info.Serial), SerialNumber: info.Serial}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: subject, Issuer: subject,
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(certificateYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if name != "" {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(g.options.Random, template, template, g.keys.https.Public(), g.keys.https)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: g.keys.https, Leaf: leaf}, nil
}

// CertificateInfo describes a certificate or a key for people to compare.
type CertificateInfo struct {
	// Use is "https", "ssh" or "event log".
	Use string
	// Installed tells that the owner has put it there.
	Installed           bool
	Subject, Issuer     string
	Names               []string
	NotBefore, NotAfter time.Time
	// Fingerprint is SHA256: and, for a certificate, hexadecimal pairs as browsers show
	// them; for a key, base64 as OpenSSH does.
	Fingerprint string
}

// Fingerprints are those of what the servers show, by service (https, ssh): they are no
// secret. The one of https is there once its certificate is.
func (g *Gate) Fingerprints() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	prints := map[string]string{"ssh": sshFingerprint(g.keys.ssh.Public().(ed25519.PublicKey))}
	if c := g.keys.inUse(); c != nil {
		prints["https"] = certificateFingerprint(c.Certificate[0])
	}
	return prints
}

func (k *keys) inUse() *tls.Certificate {
	if k.owner != nil {
		return k.owner
	}
	return k.own
}

func certificateFingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return "SHA256:" + strings.Join(pairs, ":")
}

// sshFingerprint is what `ssh-keygen -l` prints (RFC 4253 6.6, RFC 8709 for the blob).
func sshFingerprint(key ed25519.PublicKey) string {
	const name = "ssh-ed25519"
	blob := []byte{0, 0, 0, byte(len(name))}
	blob = append(blob, name...)
	blob = append(append(blob, 0, 0, 0, byte(len(key))), key...)
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// Certificates describes what the meter proves itself with. Everybody who may read may
// compare.
func (s *Session) Certificates() ([]CertificateInfo, error) {
	if err := s.permit(ReadMeasurement, "certificates"); err != nil {
		return nil, err
	}
	g := s.gate()
	log := g.options.Works.Info().Fingerprint
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []CertificateInfo
	if c := g.keys.inUse(); c != nil {
		info := CertificateInfo{Use: "https", Installed: c == g.keys.owner, Subject: c.Leaf.Subject.CommonName, Issuer: c.Leaf.Issuer.CommonName,
			Names: slices.Clone(c.Leaf.DNSNames), NotBefore: c.Leaf.NotBefore, NotAfter: c.Leaf.NotAfter, Fingerprint: certificateFingerprint(c.Certificate[0])}
		for _, ip := range c.Leaf.IPAddresses {
			info.Names = append(info.Names, ip.String())
		}
		list = append(list, info)
	}
	list = append(list, CertificateInfo{Use: "ssh", Fingerprint: sshFingerprint(g.keys.ssh.Public().(ed25519.PublicKey))})
	if log != "" {
		list = append(list, CertificateInfo{Use: "event log", Fingerprint: log})
	}
	return list, nil
}

// maxCertificate bounds an uploaded certificate with its chain and key, in bytes.
const maxCertificate = 64 << 10

// parseCertificate reads a certificate chain and its private key from PEM, in any order of
// key and chain; the first certificate is that of the key.
func parseCertificate(text []byte) (*tls.Certificate, error) {
	if len(text) > maxCertificate {
		return nil, fmt.Errorf("%d bytes: a certificate with its chain and key has at most %d", len(text), maxCertificate)
	}
	c, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "tls: "))
	}
	switch key := c.PrivateKey.(type) {
	case *ecdsa.PrivateKey:
		if key.Curve.Params().BitSize < 256 {
			return nil, fmt.Errorf("an ECDSA key of %d bits: use P-256 or a larger curve", key.Curve.Params().BitSize)
		}
	case ed25519.PrivateKey:
	case crypto.Signer:
		if public, ok := key.Public().(interface{ Size() int }); ok && public.Size() < 2048/8 {
			return nil, fmt.Errorf("an RSA key of %d bits: use 2,048 or more", public.Size()*8)
		}
	}
	if c.Leaf == nil {
		return nil, errors.New("it holds no certificate")
	}
	return &c, nil
}

// InstallCertificate puts the owner's certificate in use for HTTPS: PEM of its private key
// and its chain, the meter's certificate first. It needs Security Config Access, and
// returns unless it is confirmed: who cannot reach the pages with it gets the old one back.
func (s *Session) InstallCertificate(ctx context.Context, text []byte) error {
	if err := s.permit(AdministerSecurity, "certificate"); err != nil {
		return err
	}
	c, err := parseCertificate(text)
	if err == nil {
		switch now := s.gate().options.Now(); {
		case now.After(c.Leaf.NotAfter):
			err = fmt.Errorf("it ended on %s", c.Leaf.NotAfter.UTC().Format(time.DateOnly))
		case now.Before(c.Leaf.NotBefore.Add(-24 * time.Hour)):
			err = fmt.Errorf("it begins on %s", c.Leaf.NotBefore.UTC().Format(time.DateOnly))
		}
	}
	if err != nil {
		refusal := refuse(CodeBadValue, "the certificate: "+err.Error()+"; send PEM of the private key and of the chain, the meter's own certificate first").of(AdministerSecurity)
		s.note(Record{Kind: OperationDone, Operation: AdministerSecurity, Target: "certificate", Err: refusal})
		return refusal
	}
	return s.putCertificate(ctx, c, text, certificateFingerprint(c.Certificate[0]))
}

// RemoveCertificate goes back to the meter's own certificate.
func (s *Session) RemoveCertificate(ctx context.Context) error {
	if err := s.permit(AdministerSecurity, "certificate"); err != nil {
		return err
	}
	g := s.gate()
	g.mu.Lock()
	there := g.keys.owner != nil
	g.mu.Unlock()
	if !there {
		return refuse(CodeNotFound, "no certificate of the owner is installed").of(AdministerSecurity)
	}
	return s.putCertificate(ctx, nil, nil, "the meter's own")
}

// putCertificate has HTTPS show c, the meter's own where it is nil. It is in use from the
// moment at which it is handed to the disk: what is shown is what a restart will bring.
func (s *Session) putCertificate(ctx context.Context, c *tls.Certificate, text []byte, is string) error {
	g := s.gate()
	err := g.options.Works.Change(ctx, Transaction{Keep: map[string][]byte{keptInstalled: text}}, s.by(), func(Modules, []Change) error {
		if err := s.permit(AdministerSecurity, "certificate"); err != nil {
			return err
		}
		g.guardCertificate(s.identity.eventName(), c, text)
		return nil
	}, false)
	s.note(Record{Kind: OperationDone, Operation: AdministerSecurity, Target: "certificate", Is: is, Err: err})
	return err
}
