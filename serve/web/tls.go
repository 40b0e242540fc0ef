package web

import "crypto/tls"

// tlsConfig takes TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only.
// The suites of 1.3 are all such; those of 1.2 are for the meter's own ECDSA key, and for
// an owner's certificate of RSA.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := s.gate.Certificate(s.options.Names)
			if err != nil {
				s.options.Log.Error("nobody can connect by HTTPS", "error", err)
			}
			return c, err
		},
	}
}

// vouched reports whether the certificate in use comes from an authority: only then does
// a browser that has been told to insist on HTTPS lose nothing by it.
func (s *Server) vouched() bool {
	c, err := s.gate.Certificate(s.options.Names)
	return err == nil && c.Leaf != nil && string(c.Leaf.RawIssuer) != string(c.Leaf.RawSubject)
}
