package access

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a check: argon2id with 19 MiB, two passes, one lane (OWASP Password Storage).
const (
	argonTime      = 2
	argonMemoryKiB = 19 * 1024
	argonLanes     = 1
	saltBytes      = 16
	hashBytes      = 32
)

// Verifier checks a password without telling it. The zero Verifier matches nothing: an
// account that has it cannot log in.
type Verifier struct {
	salt [saltBytes]byte
	hash [hashBytes]byte
	set  bool
	// numeric tells that the password has digits only.
	numeric bool
}

// hashing is how a password becomes its hash: argon2id, but in tests that count.
type hashing func(password string, salt []byte) [hashBytes]byte

func argon2id(password string, salt []byte) [hashBytes]byte {
	return [hashBytes]byte(argon2.IDKey([]byte(password), salt, argonTime, argonMemoryKiB, argonLanes, hashBytes))
}

// newVerifier hashes a password that follows the rules.
func newVerifier(password string, random io.Reader, hash hashing) (Verifier, error) {
	if err := CheckPassword(password); err != nil {
		return Verifier{}, err
	}
	v := Verifier{set: true, numeric: Numeric(password)}
	if _, err := io.ReadFull(random, v.salt[:]); err != nil {
		return Verifier{}, fmt.Errorf("no random numbers for a password's salt: %w", err)
	}
	v.hash = hash(normal(password), v.salt[:])
	return v, nil
}

// matches takes some tens of milliseconds and 19 MiB, whatever the answer.
func (v *Verifier) matches(password string, hash hashing) bool {
	digest := hash(normal(password), v.salt[:])
	return subtle.ConstantTimeCompare(digest[:], v.hash[:]) == 1 && v.set
}

// Set reports whether there is a password at all, Numeric whether it has digits only.
func (v Verifier) Set() bool     { return v.set }
func (v Verifier) Numeric() bool { return v.set && v.numeric }

const (
	verifierForm  = "$argon2id$v=19$m=19456,t=2,p=1$"
	numericMark   = "digits"
	anyMark       = "characters"
	verifierParts = 6
)

// String is the verifier as it is stored: argon2's usual form and what kind of
// password it is.
func (v Verifier) String() string {
	if !v.set {
		return ""
	}
	kind := anyMark
	if v.numeric {
		kind = numericMark
	}
	return verifierForm + base64.RawStdEncoding.EncodeToString(v.salt[:]) + "$" + base64.RawStdEncoding.EncodeToString(v.hash[:]) + " " + kind
}

var errVerifier = errors.New("this is no password verifier of this version")

// ParseVerifier reads what String wrote; empty is the zero Verifier.
func ParseVerifier(text string) (Verifier, error) {
	if text == "" {
		return Verifier{}, nil
	}
	hashed, kind, _ := strings.Cut(text, " ")
	parts := strings.Split(hashed, "$")
	if len(parts) != verifierParts || !strings.HasPrefix(hashed, verifierForm) || kind != numericMark && kind != anyMark {
		return Verifier{}, errVerifier
	}
	salt, err := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	hash, err2 := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err != nil || err2 != nil || len(salt) != saltBytes || len(hash) != hashBytes {
		return Verifier{}, errVerifier
	}
	v := Verifier{salt: [saltBytes]byte(salt), hash: [hashBytes]byte(hash), set: true, numeric: kind == numericMark}
	if v.String() != text { // base64 has several texts for the same bytes
		return Verifier{}, errVerifier
	}
	return v, nil
}
