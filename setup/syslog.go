package setup

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// SyslogTest is a test message that a meter has sent to its syslog server.
type SyslogTest struct {
	Server    string `json:"server"`
	Transport string `json:"transport"`
	// Message is what the server should show.
	Message string `json:"message"`
	// Taken tells that the server has taken it; UDP tells nothing of that.
	Taken bool `json:"taken"`
}

// TestSyslog has the meter send a test message to the syslog server that is set.
func (m *Meter) TestSyslog(ctx context.Context) (SyslogTest, error) {
	r, err := ask(ctx, m, "sending a syslog test message", ionp.SyslogTest, ionp.SyslogTestRequest{})
	return SyslogTest{Server: r.Server, Transport: r.Transport, Message: r.Message, Taken: r.Transport == "TCP" || r.Transport == "TLS"}, err
}

// SyslogAuthorities is the meter's file of the certificates by which it knows a syslog
// server, beside those of its system.
const SyslogAuthorities = "documents/syslog-ca.pem"

// TrustSyslog makes the certificates of text, as PEM, those by which the meter knows a
// syslog server, and returns whose they are. A text that holds none, or a private key, is
// not sent.
func (m *Meter) TrustSyslog(ctx context.Context, text []byte) ([]string, error) {
	var subjects []string
	clean := new(bytes.Buffer)
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, NewError(CodeFile, "it holds a %s: the meter wants certificates and nothing else", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, NewError(CodeFile, "certificate %d: %v", len(subjects)+1, err)
		}
		subjects = append(subjects, c.Subject.String())
		if err := pem.Encode(clean, block); err != nil {
			return nil, asError("reading the certificates", err)
		}
	}
	if len(subjects) == 0 {
		e := NewError(CodeFile, "it holds no certificate as PEM")
		e.Remedy = "give the certificate of who issued the server's, with its lines of BEGIN and END CERTIFICATE"
		return nil, e
	}
	return subjects, m.Send(ctx, SyslogAuthorities, clean.Bytes(), nil)
}
