// Package eventchain is the hash chain of the event log and the file that an event log is
// exported to: JSON lines, each event with its hash, the last of them signed with the key
// of the meter. Whoever has the fingerprint of that key can tell by the file alone whether
// anything in it was changed. docs/store.md ("The chain of events") has the format.
package eventchain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxTextBytes bounds each text of an event and of a header.
const MaxTextBytes = 16 << 10

// Event is one record of the event log, in the fields that its hash covers.
type Event struct {
	Sequence    uint64    `json:"sequence"` // from 1, without a hole
	Time        time.Time `json:"time"`     // to the nanosecond, of the years 1678 to 2261
	Priority    uint8     `json:"priority"`
	Cause       string    `json:"cause"`
	CauseValue  string    `json:"cause_value"`
	Effect      string    `json:"effect"`
	EffectValue string    `json:"effect_value"`
	User        string    `json:"user"`
	Origin      string    `json:"origin"`
}

// Hash is a link of the chain. Before the first event ever it is zero.
type Hash [sha256.Size]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText makes the digits of String the form in JSON.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error { return decodeHex(h[:], text) }

// decodeHex fills b from hexadecimal digits, which must be as many as it needs.
func decodeHex(b, digits []byte) error {
	if len(digits) != hex.EncodedLen(len(b)) {
		return fmt.Errorf("%d hexadecimal digits where %d belong", len(digits), hex.EncodedLen(len(b)))
	}
	_, err := hex.Decode(b, digits)
	return err
}

// EventHash returns the SHA-256 over the hash of the event before e and all that e says:
// sequence and time (nanoseconds since 1970) in 8 bytes each, the priority in one, then the
// six texts in the order of the fields, each behind its length in bytes, in 4 bytes.
// Integers are big-endian.
func EventHash(previous Hash, e *Event) Hash {
	var room [512]byte // Most events fit, and then nothing is allocated.
	b := append(room[:0], previous[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixNano()))
	b = append(b, e.Priority)
	for _, text := range e.texts() {
		b = appendText(b, text)
	}
	return sha256.Sum256(b)
}

func (e *Event) texts() [6]string {
	return [...]string{e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin}
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// validate refuses what the encodings could not give back.
func (e *Event) validate() error {
	for _, text := range e.texts() {
		if err := validText(text); err != nil {
			return err
		}
	}
	return validTime(e.Time)
}

func validText(text string) error {
	if len(text) > MaxTextBytes || !utf8.ValidString(text) {
		return fmt.Errorf("text %.20q must be at most %d bytes of UTF-8", text, MaxTextBytes)
	}
	return nil
}

func validTime(t time.Time) error {
	if y := t.Year(); y < 1678 || y > 2261 {
		return fmt.Errorf("time %v is outside the years 1678 to 2261", t)
	}
	return nil
}
