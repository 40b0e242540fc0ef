package ssh

import gossh "golang.org/x/crypto/ssh"

// serverVersion is what the server calls itself. It tells neither the library nor its
// version.
const serverVersion = "SSH-2.0-hepmeter"

// maxTries are the passwords that a client may try on one connection.
const maxTries = 3

// algorithms sets the key exchanges, ciphers and MACs: those that have no known weakness
// today, the hybrid with ML-KEM first. None is left to the library's defaults, which still
// have NIST curves, CTR modes and MACs before encryption.
func algorithms() gossh.Config {
	return gossh.Config{
		KeyExchanges: []string{gossh.KeyExchangeMLKEM768X25519, gossh.KeyExchangeCurve25519},
		Ciphers:      []string{gossh.CipherChaCha20Poly1305, gossh.CipherAES256GCM, gossh.CipherAES128GCM},
		MACs:         []string{gossh.HMACSHA256ETM, gossh.HMACSHA512ETM},
	}
}
