package eventchain

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Format and Version are the first things that an exported log says of itself.
const (
	Format  = "hepmeter event log"
	Version = 1
)

// maxSequence bounds sequence numbers, far from where 64 bits overflow.
const maxSequence = 1 << 62

// domain begins what the meter signs, so that the signature can mean nothing else.
const domain = "hepmeter event log v1"

// Header says which meter a log is of, and where the chain begins in it.
type Header struct {
	Model    string    `json:"model"`
	Serial   string    `json:"serial"`
	Firmware string    `json:"firmware"`
	Key      PublicKey `json:"key"`      // of the meter
	First    uint64    `json:"first"`    // sequence of the first event in the log
	Previous Hash      `json:"previous"` // hash of the event before it
}

// Statement is what a meter signs: its event log from First on was, at a time, these events.
// A log without events has First behind Head, and Hash is Previous.
type Statement struct {
	Header
	Head   uint64    // sequence of the last event; 0 where there never was one
	Hash   Hash      // of that event
	Signed time.Time // by the clock of the meter
}

// Bytes returns what the signature is over: the domain "hepmeter event log v1" and a zero
// byte; model, serial and firmware, each behind its length in 4 bytes; the key; First, in 8
// bytes, and Previous; Head and Hash likewise; the time in nanoseconds since 1970, in 8 bytes.
// Integers are big-endian.
func (s *Statement) Bytes() []byte {
	b := append([]byte(domain), 0)
	for _, text := range []string{s.Model, s.Serial, s.Firmware} {
		b = appendText(b, text)
	}
	b = append(b, s.Key[:]...)
	b = append(binary.BigEndian.AppendUint64(b, s.First), s.Previous[:]...)
	b = append(binary.BigEndian.AppendUint64(b, s.Head), s.Hash[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(s.Signed.UnixNano()))
}

// Sign returns the meter's signature. The statement must bear its key.
func (s *Statement) Sign(key ed25519.PrivateKey) (Signature, error) {
	if PublicKeyOf(key) != s.Key {
		return Signature{}, errors.New("the statement bears the public key of another meter: put that of the signing key in its header")
	}
	return Signature(ed25519.Sign(key, s.Bytes())), nil
}

// Verify tells whether the signature is that of the statement's key over the statement.
func (s *Statement) Verify(signature Signature) bool {
	return ed25519.Verify(s.Key[:], s.Bytes(), signature[:])
}

// PublicKey is the Ed25519 public key of a meter; 64 hexadecimal digits in JSON.
type PublicKey [ed25519.PublicKeySize]byte

// PublicKeyOf returns the public half of a private key.
func PublicKeyOf(key ed25519.PrivateKey) PublicKey {
	return PublicKey(key.Public().(ed25519.PublicKey))
}

// Fingerprint returns the short form by which people compare keys: "SHA256:" and the SHA-256
// of the key's 32 bytes in base64 without padding, as OpenSSH writes fingerprints.
func (k PublicKey) Fingerprint() string {
	sum := sha256.Sum256(k[:])
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// MarshalText makes hexadecimal digits the form in JSON.
func (k PublicKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (k *PublicKey) UnmarshalText(text []byte) error { return decodeHex(k[:], text) }

// Signature is an Ed25519 signature; 128 hexadecimal digits in JSON.
type Signature [ed25519.SignatureSize]byte

// MarshalText makes hexadecimal digits the form in JSON.
func (s Signature) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads 128 hexadecimal digits.
func (s *Signature) UnmarshalText(text []byte) error { return decodeHex(s[:], text) }

func (h *Header) validate() error {
	for _, text := range []string{h.Model, h.Serial, h.Firmware} {
		if err := validText(text); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	if h.First == 0 || h.First > maxSequence {
		return fmt.Errorf("header: first event %d, and events are numbered from 1 to %d", h.First, uint64(maxSequence))
	}
	return nil
}
