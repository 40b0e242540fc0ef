package firmware

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxTrustFiles bounds the files of a folder of trusted keys.
const MaxTrustFiles = 1000

// Trust is whose signatures count: the keys of the owner (files NAME.pub of the folder
// trust, and the release key that a program may have been built with) and those that key lists have
// added, without those that lists have revoked. It is a value: Adopt returns another one.
// The zero value trusts nobody.
type Trust struct {
	owners, listed map[KeyID]Key
	revoked        map[KeyID]bool
	counter        uint64
}

// Key is a key that may sign images.
type Key struct {
	// Name is for people.
	Name string
	Key  ed25519.PublicKey
	// Lists says that it may sign key lists, too. The keys of the owner may.
	Lists bool
}

// NewTrust trusts keys of the owner.
func NewTrust(owners ...Key) Trust {
	t := Trust{owners: map[KeyID]Key{}}
	for _, k := range owners {
		k.Lists = true
		t.owners[IDOf(k.Key)] = k
	}
	return t
}

// ReadTrust makes a trust of the owner's other keys, such as the release key, and of the
// files of a folder by name: each NAME.pub is a key of the owner, each NAME.keys a key list. The lists are adopted in the
// order of their counters. Other files do not count. An error names the file: nothing is
// then to be trusted, since a list that cannot be read may be the one that revokes.
func ReadTrust(files map[string][]byte, others ...Key) (Trust, error) {
	if len(files) > MaxTrustFiles {
		return Trust{}, fmt.Errorf("%d files in the folder of trusted keys: the most is %d", len(files), MaxTrustFiles)
	}
	owners := slices.Clone(others)
	type file struct {
		name string
		list KeyList
	}
	var lists []file
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if owner, found := strings.CutSuffix(name, ".pub"); found {
			key, err := ParsePublicKey(files[name])
			if err != nil {
				return Trust{}, fmt.Errorf("trusted key %s: %w", name, err)
			}
			owners = append(owners, Key{Name: owner, Key: key})
		}
		if strings.HasSuffix(name, KeyListSuffix) {
			list, err := ParseKeyList(files[name])
			if err != nil {
				return Trust{}, fmt.Errorf("key list %s: %w", name, err)
			}
			lists = append(lists, file{name, list})
		}
	}
	slices.SortStableFunc(lists, func(a, b file) int { return cmp.Compare(a.list.Counter, b.list.Counter) })
	t := NewTrust(owners...)
	for _, l := range lists {
		next, err := t.Adopt(l.list)
		if err != nil {
			return Trust{}, fmt.Errorf("key list %s: %w", l.name, err)
		}
		t = next
	}
	return t, nil
}

// Keys returns the keys whose signatures count, by fingerprint.
func (t Trust) Keys() map[KeyID]Key {
	keys := maps.Clone(t.listed)
	if keys == nil {
		keys = map[KeyID]Key{}
	}
	maps.Copy(keys, t.owners)
	maps.DeleteFunc(keys, func(id KeyID, _ Key) bool { return t.revoked[id] })
	return keys
}

// Counter is that of the last key list; 0 without one.
func (t Trust) Counter() uint64 { return t.counter }

// Revoked returns the fingerprints of the revoked keys, in their order.
func (t Trust) Revoked() []KeyID { return slices.Sorted(maps.Keys(t.revoked)) }

// Prove finds out whether a signed manifest is from a trusted key. Otherwise the error is a
// *Refusal (CodeBadSignature, CodeRevokedKey).
func (t Trust) Prove(s Signed) (Proven, error) {
	// What was signed counts, not what somebody has made of the field since.
	m, err := parseManifest(s.text)
	if err != nil {
		return Proven{}, Refuse(CodeImageDamaged, "%v", err)
	}
	s.Manifest = m
	if t.revoked[m.Signer] {
		return Proven{}, Refuse(CodeRevokedKey, "key %s, which signed the image, has been revoked", m.Signer)
	}
	key, known := t.Keys()[m.Signer]
	switch {
	case !known:
		return Proven{}, Refuse(CodeBadSignature, "the image is signed by key %s, which this meter does not trust", m.Signer)
	case !s.signedBy(key.Key):
		return Proven{}, Refuse(CodeBadSignature, "the signature of the image is wrong")
	}
	return Proven{s}, nil
}
