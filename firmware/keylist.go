package firmware

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// KeyListSuffix ends the names of key lists.
const KeyListSuffix = ".keys"

const (
	// MaxKeyListBytes bounds a key list, maxListedKeys the keys that it adds and those that
	// it revokes.
	MaxKeyListBytes = 64 << 10
	maxListedKeys   = 200

	keyListFormat = 1
	// keyListDomain begins what is signed.
	keyListDomain = "hepmeter key list v1\x00"
	// signatureLine begins the last line of a key list.
	signatureLine = "signature "
)

// KeyList adds keys to those of the owner and revokes keys, for good. It is whole: a newer
// one, which has a higher counter, takes the place of an older one. Only a trusted key that
// may sign lists can sign it.
type KeyList struct {
	Format  int         `json:"format"`
	Counter uint64      `json:"counter"` // from 1
	Made    time.Time   `json:"made"`
	Keys    []ListedKey `json:"keys"`
	Revoked []KeyID     `json:"revoked"` // in their order
	Signer  KeyID       `json:"signer"`

	text      []byte
	signature []byte
}

// ListedKey is a key that a list adds.
type ListedKey struct {
	Name string `json:"name"`
	Key  Hex    `json:"key"`
	// Lists says that it may sign key lists, too; otherwise only images.
	Lists bool `json:"lists"`
}

// Hex is bytes, as hexadecimal digits in JSON.
type Hex []byte

// MarshalText writes the digits.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads the digits.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// ParseKeyList reads a key list. It says nothing about the signature: Trust.Adopt does. The error is a
// *Refusal (CodeBadKeyList).
func ParseKeyList(file []byte) (KeyList, error) {
	var l KeyList
	if len(file) > MaxKeyListBytes {
		return l, Refuse(CodeBadKeyList, "%d bytes: a key list has at most %d", len(file), MaxKeyListBytes)
	}
	text, last, found := bytes.Cut(file, []byte("\n"+signatureLine))
	text = append(bytes.Clone(text), '\n')
	if !found || len(last) != 2*ed25519.SignatureSize+1 || last[len(last)-1] != '\n' {
		return l, Refuse(CodeBadKeyList, "its last line must be %q and %d hexadecimal digits", signatureLine, 2*ed25519.SignatureSize)
	}
	signature, err := hex.DecodeString(string(last[:len(last)-1]))
	if err != nil || string(last) != strings.ToLower(string(last)) {
		return l, Refuse(CodeBadKeyList, "its signature is not in hexadecimal digits")
	}
	if err := strict(text, &l); err != nil {
		return l, Refuse(CodeBadKeyList, "%v", err)
	}
	again, err := l.encode()
	if err != nil {
		return l, Refuse(CodeBadKeyList, "%v", err)
	}
	if !bytes.Equal(again, text) {
		return l, Refuse(CodeBadKeyList, "not in the form that it must have (docs/firmware.md)")
	}
	l.text, l.signature = text, signature
	return l, nil
}

// Bytes returns what ParseKeyList reads.
func (l KeyList) Bytes() []byte {
	b := append(bytes.Clone(l.text), signatureLine...)
	return append(hex.AppendEncode(b, l.signature), '\n')
}

func (l *KeyList) encode() ([]byte, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(l, "", "  ")
	return append(b, '\n'), err
}

func (l *KeyList) validate() error {
	switch {
	case l.Format != keyListFormat:
		return fmt.Errorf("format %d, and this program reads %d: use a newer one", l.Format, keyListFormat)
	case l.Counter == 0 || l.Counter > 1<<53:
		return fmt.Errorf("counter %d is outside 1 to %d", l.Counter, uint64(1)<<53)
	case len(l.Keys) > maxListedKeys || len(l.Revoked) > maxListedKeys:
		return fmt.Errorf("%d keys and %d revoked: the most of each is %d", len(l.Keys), len(l.Revoked), maxListedKeys)
	case !slices.IsSorted(l.Revoked) || len(slices.Compact(slices.Clone(l.Revoked))) != len(l.Revoked):
		return errors.New("the revoked keys must stand in their order, each once")
	case l.Made.Location() != time.UTC || l.Made.Nanosecond() != 0 || l.Made.Unix() <= 0 || l.Made.Year() > 9999:
		return fmt.Errorf("made %v: want whole seconds in UTC", l.Made)
	}
	seen := map[KeyID]bool{}
	for _, k := range l.Keys {
		if len(k.Key) != ed25519.PublicKeySize {
			return fmt.Errorf("key %.40q has %d bytes, want %d", k.Name, len(k.Key), ed25519.PublicKeySize)
		}
		if err := plainText(k.Name); err != nil {
			return err
		}
		id := IDOf(ed25519.PublicKey(k.Key))
		if seen[id] || slices.Contains(l.Revoked, id) {
			return fmt.Errorf("key %.40q stands in it twice, or is revoked", k.Name)
		}
		seen[id] = true
	}
	for _, id := range append([]KeyID{l.Signer}, l.Revoked...) {
		if err := id.validate(); err != nil {
			return err
		}
	}
	return nil
}

// Next returns the list that follows on l, or the first where l is the zero value: its counter
// is one higher, it adds keys to those of l and revokes some beside those that are. signer
// signs it; whether it is taken depends on whom a meter trusts (Trust.Adopt).
func (l KeyList) Next(made time.Time, add []Key, revoke []KeyID, signer ed25519.PrivateKey) (KeyList, error) {
	next := KeyList{Format: keyListFormat, Counter: l.Counter + 1, Made: made, Keys: []ListedKey{}, Signer: IDOf(signer.Public().(ed25519.PublicKey))}
	next.Revoked = append([]KeyID{}, slices.Compact(slices.Sorted(slices.Values(slices.Concat(l.Revoked, revoke))))...)
	keys := map[KeyID]ListedKey{}
	for _, k := range l.Keys {
		keys[IDOf(ed25519.PublicKey(k.Key))] = k
	}
	for _, k := range add {
		id := IDOf(k.Key)
		if slices.Contains(next.Revoked, id) {
			return KeyList{}, Refuse(CodeBadKeyList, "key %s is revoked, and what is revoked stays so", id)
		}
		keys[id] = ListedKey{k.Name, Hex(k.Key), k.Lists}
	}
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(next.Revoked, id) {
			next.Keys = append(next.Keys, keys[id])
		}
	}
	var err error
	if next.text, err = next.encode(); err != nil {
		return KeyList{}, Refuse(CodeBadKeyList, "%v", err)
	}
	next.signature = ed25519.Sign(signer, append([]byte(keyListDomain), next.text...))
	return next, nil
}

// Adopt returns t with a key list in the place of the last one. It is refused, as a
// *Refusal, unless a trusted key that may sign lists has signed it (CodeBadKeyList,
// CodeRevokedKey), its counter is higher than the last one's (CodeOldKeyList), and it takes
// back no revocation and leaves a key that may sign the next one (CodeBadKeyList).
func (t Trust) Adopt(l KeyList) (Trust, error) {
	signer, known := t.Keys()[l.Signer]
	switch {
	case t.revoked[l.Signer]:
		return t, Refuse(CodeRevokedKey, "key %s, which signed the list, has been revoked", l.Signer)
	case !known || !signer.Lists:
		return t, Refuse(CodeBadKeyList, "it is signed by key %s, which may not sign lists here", l.Signer)
	case !ed25519.Verify(signer.Key, append([]byte(keyListDomain), l.text...), l.signature):
		return t, Refuse(CodeBadKeyList, "its signature is wrong")
	case l.Counter <= t.counter:
		return t, Refuse(CodeOldKeyList, "its counter is %d, and that of the last list %d", l.Counter, t.counter)
	}
	next := Trust{owners: t.owners, listed: map[KeyID]Key{}, revoked: map[KeyID]bool{}, counter: l.Counter}
	for _, id := range l.Revoked {
		next.revoked[id] = true
	}
	for id := range t.revoked {
		if !next.revoked[id] {
			return t, Refuse(CodeBadKeyList, "it would take back the revocation of key %s", id)
		}
	}
	for _, k := range l.Keys {
		key := ed25519.PublicKey(k.Key)
		next.listed[IDOf(key)] = Key{k.Name, key, k.Lists}
	}
	for _, k := range next.Keys() {
		if k.Lists {
			return next, nil
		}
	}
	return t, Refuse(CodeBadKeyList, "it would leave no key that may sign the next list")
}
