package firmware

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ownerKey is a key of the owner, imageKey one that may sign images only.
func ownerKey(n byte) Key { return Key{Name: "owner", Key: public(testKey(n))} }
func imageKey(n byte) Key { return Key{Name: "release", Key: public(testKey(n))} }
func idOf(n byte) KeyID   { return IDOf(public(testKey(n))) }

// adopted returns the list that signer makes behind last, and a trust with it.
func adopted(t testing.TB, trust Trust, last KeyList, signer byte, add []Key, revoke ...KeyID) (Trust, KeyList) {
	t.Helper()
	list, err := last.Next(testBuilt, add, revoke, testKey(signer))
	if err != nil {
		t.Fatal(err)
	}
	if list, err = ParseKeyList(list.Bytes()); err != nil {
		t.Fatal(err)
	}
	next, err := trust.Adopt(list)
	if err != nil {
		t.Fatal(err)
	}
	return next, list
}

// Threat "key compromise": several keys count at once, a new one comes by the signature of an old one, and
// a revoked one counts no more, for good.
func TestKeysRotate(t *testing.T) {
	signedBy := func(n byte) Signed {
		return mustOpen(t, testImage(t, testManifest(), executable(100), testKey(n))).Signed
	}
	expect := func(when string, trust Trust, codes map[byte]Code) {
		t.Helper()
		for n, want := range codes {
			_, err := trust.Prove(signedBy(n))
			if codeOf(err) != want || want == "" && err != nil {
				t.Errorf("%s: an image of key %d: %v, want %q", when, n, err, want)
			}
		}
	}
	trust := NewTrust(ownerKey(1))
	expect("at first", trust, map[byte]Code{1: "", 2: CodeBadSignature, 3: CodeBadSignature})
	first, list1 := adopted(t, trust, KeyList{}, 1, []Key{imageKey(2)})
	expect("key 2 added", first, map[byte]Code{1: "", 2: "", 3: CodeBadSignature})
	second, list2 := adopted(t, first, list1, 1, []Key{imageKey(3)}, idOf(2))
	expect("key 2 revoked", second, map[byte]Code{1: "", 2: CodeRevokedKey, 3: ""})
	third, list3 := adopted(t, second, list2, 1, []Key{{Name: "owner 2027", Key: public(testKey(4)), Lists: true}})
	fourth, list4 := adopted(t, third, list3, 4, nil, idOf(1))
	expect("the owner's first key revoked", fourth, map[byte]Code{1: CodeRevokedKey, 2: CodeRevokedKey, 3: "", 4: ""})
	expect("what was before is as it was", trust, map[byte]Code{1: "", 2: CodeBadSignature})

	file, err := EncodePublicKey(public(testKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"owner.pub": file, "b.keys": list1.Bytes(), "a.keys": list2.Bytes(), "c.keys": list3.Bytes(), "d.keys": list4.Bytes(), "README": []byte("no key")}
	read, err := ReadTrust(files)
	if err != nil {
		t.Fatal(err)
	}
	expect("read from the folder", read, map[byte]Code{1: CodeRevokedKey, 2: CodeRevokedKey, 3: "", 4: ""})
	// A meter that has missed lists takes the last one: it is whole.
	if skipped, err := trust.Adopt(list2); err != nil || skipped.Counter() != 2 {
		t.Errorf("list 2 without list 1: %v", err)
	}
}

func TestKeyListsAreRefused(t *testing.T) {
	trust := NewTrust(ownerKey(1))
	first, list1 := adopted(t, trust, KeyList{}, 1, []Key{imageKey(2), {Name: "second", Key: public(testKey(5)), Lists: true}}, idOf(9))
	_, list2 := adopted(t, first, list1, 1, nil, idOf(8))
	signed := func(signer byte, edit func(*KeyList)) KeyList {
		l := KeyList{Format: 1, Counter: 7, Made: testBuilt, Keys: []ListedKey{{"second", Hex(public(testKey(5))), true}}, Revoked: []KeyID{idOf(9)}, Signer: idOf(signer)}
		edit(&l)
		var err error
		if l.text, err = l.encode(); err != nil {
			t.Fatal(err)
		}
		l.signature = ed25519.Sign(testKey(signer), append([]byte(keyListDomain), l.text...))
		return l
	}
	wrong := signed(1, func(*KeyList) {})
	wrong.signature[3] ^= 1
	revoked := slices.Sorted(slices.Values([]KeyID{idOf(1), idOf(5), idOf(9)}))
	tests := []struct {
		name  string
		trust Trust
		list  KeyList
		code  Code
	}{
		{"the same list again", first, list1, CodeOldKeyList},
		{"rollback to an older list", mustAdopt(t, first, list2), list1, CodeOldKeyList},
		{"by an unknown key", first, signed(3, func(*KeyList) {}), CodeBadKeyList},
		{"by a key for images only", first, signed(2, func(*KeyList) {}), CodeBadKeyList},
		{"by a revoked key", first, signed(9, func(*KeyList) {}), CodeRevokedKey},
		{"a wrong signature", first, wrong, CodeBadKeyList},
		{"one that takes back a revocation", first, signed(1, func(l *KeyList) { l.Revoked = []KeyID{} }), CodeBadKeyList},
		{"one that leaves nobody", first, signed(1, func(l *KeyList) { l.Keys, l.Revoked = []ListedKey{}, revoked }), CodeBadKeyList},
		{"sound", first, signed(1, func(*KeyList) {}), ""},
		{"by a listed key for lists", first, signed(5, func(*KeyList) {}), ""},
	}
	for _, test := range tests {
		_, err := test.trust.Adopt(test.list)
		if codeOf(err) != test.code || test.code == "" && err != nil {
			t.Errorf("%s: %v, want %q", test.name, err, test.code)
		}
	}
	if _, err := list1.Next(testBuilt, []Key{imageKey(9)}, nil, testKey(1)); codeOf(err) != CodeBadKeyList {
		t.Errorf("a revoked key added again: %v", err)
	}
}

func mustAdopt(t testing.TB, trust Trust, list KeyList) Trust {
	t.Helper()
	next, err := trust.Adopt(list)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestDamagedKeyListsAreRefused(t *testing.T) {
	_, list := adopted(t, NewTrust(ownerKey(1)), KeyList{}, 1, []Key{imageKey(2)}, idOf(9))
	sound := string(list.Bytes())
	tests := map[string]string{
		"nothing":              "",
		"no signature":         sound[:strings.Index(sound, "signature ")],
		"a short signature":    sound[:len(sound)-3] + "\n",
		"upper case":           sound[:len(sound)-130] + strings.ToUpper(sound[len(sound)-130:]),
		"no line end":          strings.TrimSuffix(sound, "\n"),
		"something behind it":  sound + "x",
		"an unknown field":     strings.Replace(sound, `"counter"`, `"x": 1, "counter"`, 1),
		"a blank more":         strings.Replace(sound, `: 1,`, `:  1,`, 1),
		"a counter of 0":       strings.Replace(sound, `"counter": 1`, `"counter": 0`, 1),
		"a key cut short":      strings.Replace(sound, `"key": "8`, `"key": "`, 1),
		"another format":       strings.Replace(sound, `"format": 1`, `"format": 2`, 1),
		"a key that is odd":    strings.Replace(sound, `"release"`, `"rel\u0007ease"`, 1),
		"a fingerprint of MD5": strings.Replace(sound, `"SHA256:`, `"MD5:`, 1),
		"endless":              strings.Repeat(" ", MaxKeyListBytes+1),
	}
	for name, text := range tests {
		if text == sound {
			t.Fatalf("%s: nothing was edited", name)
		}
		if _, err := ParseKeyList([]byte(text)); codeOf(err) != CodeBadKeyList {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What cannot be read of a folder of trusted keys makes nothing of it count: it may be what revokes.
func TestATrustFolderIsReadWholeOrNotAtAll(t *testing.T) {
	pub, _ := EncodePublicKey(public(testKey(1)))
	_, list := adopted(t, NewTrust(ownerKey(1)), KeyList{}, 1, []Key{imageKey(2)})
	for name, files := range map[string]map[string][]byte{
		"a damaged key":         {"a.pub": pub, "b.pub": []byte("x")},
		"a private key":         {"a.pub": mustEncode(t, testKey(1))},
		"a damaged list":        {"a.pub": pub, "b.keys": list.Bytes()[1:]},
		"a list without signer": {"b.keys": list.Bytes()},
		"the same list twice":   {"a.pub": pub, "b.keys": list.Bytes(), "c.keys": list.Bytes()},
	} {
		if trust, err := ReadTrust(files); err == nil || len(trust.Keys()) > 0 {
			t.Errorf("%s: %d keys, %v", name, len(trust.Keys()), err)
		}
	}
	trust, err := ReadTrust(map[string][]byte{"a.pub": pub}, Key{Name: "release", Key: public(testKey(7))})
	if err != nil || len(trust.Keys()) != 2 || trust.Keys()[idOf(1)].Name != "a" {
		t.Errorf("%v, %v", trust.Keys(), err)
	}
}

func mustEncode(t testing.TB, key ed25519.PrivateKey) []byte {
	t.Helper()
	b, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeyFiles(t *testing.T) {
	key, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	if err != nil || !key.Equal(testKey(1)) {
		t.Fatal(err)
	}
	if _, err := NewKey(strings.NewReader("short")); err == nil {
		t.Error("a key of too little randomness")
	}
	private := mustEncode(t, key)
	if again, err := ParseKey(private); err != nil || !again.Equal(key) {
		t.Errorf("private: %v", err)
	}
	pub, _ := EncodePublicKey(public(key))
	if again, err := ParsePublicKey(pub); err != nil || !again.Equal(public(key)) {
		t.Errorf("public: %v", err)
	}
	for name, file := range map[string][]byte{"the other half": pub, "nothing": nil, "two": slices.Concat(private, private), "long": make([]byte, MaxKeyFileBytes+1),
		"damaged": bytes.Replace(private, []byte("MC"), []byte("NC"), 1)} {
		if _, err := ParseKey(file); err == nil || strings.Contains(err.Error(), "AQEBAQ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// openssl understands the files, and finds the signature over the domain and the manifest right.
func TestOpenSSLVerifies(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed (Debian: openssl)")
	}
	f := mustOpen(t, testImage(t, testManifest(), executable(100), testKey(1)))
	pub, _ := EncodePublicKey(public(testKey(1)))
	dir := t.TempDir()
	write(t, dir+"/key.pub", pub)
	write(t, dir+"/signature", f.signature[:])
	write(t, dir+"/signed", append([]byte(signedDomain), f.Text()...))
	out, err := exec.Command(openssl, "pkeyutl", "-verify", "-pubin", "-inkey", dir+"/key.pub", "-rawin", "-in", dir+"/signed", "-sigfile", dir+"/signature").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestKeyListTimes(t *testing.T) {
	if _, err := (KeyList{}).Next(testBuilt.Add(5), nil, nil, testKey(1)); codeOf(err) != CodeBadKeyList {
		t.Errorf("parts of seconds: %v", err)
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
