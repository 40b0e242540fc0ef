package firmware

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
)

// MaxKeyFileBytes bounds a file with a key.
const MaxKeyFileBytes = 4 << 10

// KeyID is the fingerprint of a public key: "SHA256:" and the SHA-256 of its 32 bytes in
// base64 without padding, as OpenSSH writes fingerprints.
type KeyID string

// IDOf returns the fingerprint of a public key.
func IDOf(key ed25519.PublicKey) KeyID {
	sum := sha256.Sum256(key)
	return KeyID("SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]))
}

// validate refuses what is no fingerprint.
func (id KeyID) validate() error {
	digits, prefixed := strings.CutPrefix(string(id), "SHA256:")
	if sum, err := base64.RawStdEncoding.Strict().DecodeString(digits); !prefixed || err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("fingerprint %.60q: want SHA256: and 43 characters of base64", string(id))
	}
	return nil
}

// The types of PEM blocks; openssl reads and makes such files, too.
const (
	privateBlock = "PRIVATE KEY" // PKCS #8
	publicBlock  = "PUBLIC KEY"  // SubjectPublicKeyInfo
)

// NewKey makes a key of what random gives.
func NewKey(random io.Reader) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// EncodeKey writes a private key as a PEM file of PKCS #8 (RFC 8410).
func EncodeKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), nil
}

// EncodePublicKey writes a public key as a PEM file (RFC 8410).
func EncodePublicKey(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// ParseKey reads what EncodeKey writes. No error shows any of the key.
func ParseKey(file []byte) (ed25519.PrivateKey, error) {
	der, err := onlyBlock(file, privateBlock)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if private, ok := key.(ed25519.PrivateKey); err == nil && ok {
		return private, nil
	}
	return nil, fmt.Errorf("no Ed25519 key in it: make one with `hepmeter image keygen` or `openssl genpkey -algorithm ed25519`")
}

// ParsePublicKey reads what EncodePublicKey writes.
func ParsePublicKey(file []byte) (ed25519.PublicKey, error) {
	der, err := onlyBlock(file, publicBlock)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if public, ok := key.(ed25519.PublicKey); err == nil && ok {
		return public, nil
	}
	return nil, fmt.Errorf("no Ed25519 public key in it: use the .pub file that `hepmeter image keygen` wrote beside the key")
}

// onlyBlock returns the content of the one PEM block of a file, of type kind.
func onlyBlock(file []byte, kind string) ([]byte, error) {
	if len(file) > MaxKeyFileBytes {
		return nil, fmt.Errorf("%d bytes: a key has at most %d", len(file), MaxKeyFileBytes)
	}
	block, rest := pem.Decode(file)
	switch {
	case block == nil:
		return nil, fmt.Errorf("no key in it: a PEM file that begins with -----BEGIN %s----- is wanted", kind)
	case block.Type != kind:
		return nil, fmt.Errorf("it holds a %.40q, and a %s is wanted", block.Type, kind)
	case strings.TrimSpace(string(rest)) != "":
		return nil, fmt.Errorf("more than one key in it: use a file for each")
	}
	return block.Bytes, nil
}
