package firmware

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// testKey returns a key that is the same for every run.
func testKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

var testBuilt = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// executable is n bytes that are the same for every run and can be packed to about half.
func executable(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{9}).Read(b)
	for i := range b {
		b[i] &= 15
	}
	return b
}

func testManifest() Manifest {
	return Manifest{Version: Version{3, 0, 0}, Models: []string{"ION7400", "ION9000"}, Platform: "linux/amd64", SecurityCounter: 2,
		MinSource: Version{2, 1, 0}, MinTool: "3.2.20218.01", MinClient: 3, State: Schemas{1, 3}, Template: "no new template", Built: testBuilt}
}

// testImage returns the image of an executable.
func testImage(t testing.TB, m Manifest, program []byte, key ed25519.PrivateKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(&b, m, program, key, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(b []byte) (*File, error) { return Open(bytes.NewReader(b), int64(len(b))) }

// mustOpen opens what is sound.
func mustOpen(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// proven is the manifest of a file, proven by a trust in key.
func proven(t testing.TB, f *File, key ed25519.PrivateKey) Proven {
	t.Helper()
	p, err := NewTrust(Key{Key: public(key)}).Prove(f.Signed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func codeOf(err error) Code {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func TestImageRoundTrip(t *testing.T) {
	for _, n := range []int{1, 5000, 300_000} {
		program := executable(n)
		image := testImage(t, testManifest(), program, testKey(1))
		f := mustOpen(t, image)
		p := proven(t, f, testKey(1))
		table, err := p.Table(f.Table())
		if err != nil {
			t.Fatal(err)
		}
		// As a meter takes it: block by block.
		var packed bytes.Buffer
		for i := range p.Manifest().Payload.Blocks() {
			b, err := f.Block(i, make([]byte, BlockBytes))
			if err != nil || !table.Check(i, b) {
				t.Fatalf("block %d: %v", i, err)
			}
			packed.Write(b)
		}
		var out bytes.Buffer
		if err := p.Unpack(&out, &packed); err != nil || !bytes.Equal(out.Bytes(), program) {
			t.Errorf("%d bytes: %d came out, %v", n, out.Len(), err)
		}
		if err := f.Check(nil); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		signed := p.Signed()
		again, length, err := ParseSigned(append(signed.Bytes(), "the table"...))
		if err != nil || length != len(signed.Bytes()) || again.Manifest.Version != f.Manifest.Version {
			t.Errorf("the signed manifest again: %d bytes, %v", length, err)
		}
	}
}

func TestSameInputsMakeTheSameImage(t *testing.T) {
	a, b := testImage(t, testManifest(), executable(50_000), testKey(1)), testImage(t, testManifest(), executable(50_000), testKey(1))
	if !bytes.Equal(a, b) {
		t.Error("two images of the same executable, manifest and key differ")
	}
	if c := testImage(t, testManifest(), executable(50_000), testKey(2)); bytes.Equal(a, c) {
		t.Error("another key makes the same image")
	}
}

// The form of a signed manifest is fixed: a meter of today reads the images of later.
func TestManifestFormIsFixed(t *testing.T) {
	f := mustOpen(t, testImage(t, testManifest(), []byte("program"), testKey(1)))
	const want = `{
  "format": 1,
  "product": "hepmeter",
  "version": "3.0.0",
  "models": [
    "ION7400",
    "ION9000"
  ],
  "platform": "linux/amd64",
  "channel": "",
  "security_counter": 2,
  "min_source": "2.1.0",
  "min_tool": "3.2.20218.01",
  "min_client": 3,
  "state": {
    "oldest": 1,
    "writes": 3
  },
  "template": "no new template",
  "built": "2026-11-24T12:00:00Z",
  "signer": "SHA256:NHUPmL1Z/PyUbaRaqr6TO+FUpLUJThxKv0KGZQXzyX4",
  "payload": {
    "bytes": 7,
    "sha256": "1310ca2c8932dbd118668bd97442558a3e1f546b5e15c69699dfbd6024f548d8",`
	got := string(f.Text())
	if !strings.HasPrefix(got, want) {
		t.Errorf("the manifest is\n%s\nwant it to begin\n%s", got, want)
	}
}

// Threats "truncated" and "endless data": E2 8.
func TestDamagedImagesAreRefused(t *testing.T) {
	image := testImage(t, testManifest(), executable(100_000), testKey(1))
	f := mustOpen(t, image)
	head := len(f.Signed.Bytes())
	edit := func(at int, b ...byte) []byte { e := slices.Clone(image); copy(e[at:], b); return e }
	tests := []struct {
		name  string
		image []byte
		code  Code
	}{
		{"nothing", nil, CodeNotAnImage},
		{"another magic", edit(0, 'X'), CodeNotAnImage},
		{"an executable", []byte("\x7fELF" + strings.Repeat("\x00", 200)), CodeNotAnImage},
		{"a manifest of 4 GB", edit(8, 255, 255, 255, 255), CodeImageDamaged},
		{"a manifest that ends early", edit(8, binary.BigEndian.AppendUint32(nil, uint32(head-headerBytes-1))...), CodeImageDamaged},
		{"a manifest that ends late", edit(8, binary.BigEndian.AppendUint32(nil, uint32(head-headerBytes+1))...), CodeImageDamaged},
		{"cut within the manifest", image[:head-9], CodeImageDamaged},
		{"cut within the table", image[:head+9], CodeImageDamaged},
		{"cut within the payload", image[:len(image)-1], CodeImageDamaged},
		{"something behind it", append(slices.Clone(image), 0), CodeImageDamaged},
		{"an edited table", edit(head+9, image[head+9]+1), CodeImageDamaged},
	}
	for _, test := range tests {
		if _, err := open(test.image); codeOf(err) != test.code {
			t.Errorf("%s: %v, want %s", test.name, err, test.code)
		}
	}
	if _, err := Open(endless{}, 1<<40); codeOf(err) != CodeNotAnImage {
		t.Errorf("a file of a terabyte: %v", err)
	}
}

// endless is a file that must not be read.
type endless struct{}

func (endless) ReadAt([]byte, int64) (int, error) { panic("a file beyond the bound was read") }

// manifestText returns an image whose manifest is edited, and signed again by key if it is not nil.
func withManifest(image []byte, edit func(string) string, key ed25519.PrivateKey) []byte {
	n := int(binary.BigEndian.Uint32(image[8:]))
	text := edit(string(image[headerBytes : headerBytes+n]))
	signature := image[12:headerBytes]
	if key != nil {
		signature = ed25519.Sign(key, []byte(signedDomain+text))
	}
	return slices.Concat(image[:8], binary.BigEndian.AppendUint32(nil, uint32(len(text))), signature, []byte(text), image[headerBytes+n:])
}

func replaced(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("no " + old + " in " + s)
		}
		return strings.Replace(s, old, new, 1)
	}
}

// A signed manifest has one form, so that no two readers understand it in two ways.
func TestManifestsInAnotherFormAreRefused(t *testing.T) {
	image := testImage(t, testManifest(), executable(100), testKey(1))
	tests := map[string]func(string) string{
		"an unknown field":            replaced(`"product"`, `"force": true,`+"\n  "+`"product"`),
		"a field twice":               replaced(`"version": "3.0.0"`, `"version": "3.0.0",`+"\n  "+`"version": "2.0.0"`),
		"a blank more":                replaced(`: 1,`, `:  1,`),
		"something behind it":         func(s string) string { return s + "{}\n" },
		"no line end":                 func(s string) string { return strings.TrimSuffix(s, "\n") },
		"another case":                replaced(`"version"`, `"Version"`),
		"another format":              replaced(`"format": 1`, `"format": 2`),
		"a format of 0":               replaced(`"format": 1`, `"format": 0`),
		"no model":                    replaced("[\n    \"ION7400\",\n    \"ION9000\"\n  ]", "[]"),
		"an empty model":              replaced(`"ION7400"`, `""`),
		"a model twice":               replaced(`"ION7400"`, `"ION9000"`),
		"models out of order":         replaced("\"ION7400\",\n    \"ION9000\"", "\"ION9000\",\n    \"ION7400\""),
		"a version of two numbers":    replaced(`"3.0.0"`, `"3.0"`),
		"a version with zeros":        replaced(`"3.0.0"`, `"3.00.0"`),
		"a version of 65536":          replaced(`"3.0.0"`, `"65536.0.0"`),
		"a source newer than itself":  replaced(`"min_source": "2.1.0"`, `"min_source": "3.0.1"`),
		"a level of words":            replaced(`"3.2.20218.01"`, `"newest"`),
		"a negative client":           replaced(`"min_client": 3`, `"min_client": -3`),
		"state the wrong way round":   replaced(`"oldest": 1`, `"oldest": 4`),
		"a terminal's command":        replaced(`no new template`, `no new\u001b[2J template`),
		"a quotation mark":            replaced(`no new template`, `no \"new\" template`),
		"a text that is too long":     replaced(`no new template`, strings.Repeat("x", maxTextBytes+1)),
		"local time":                  replaced(`12:00:00Z`, `12:00:00+01:00`),
		"parts of seconds":            replaced(`12:00:00Z`, `12:00:00.5Z`),
		"expired when it was built":   replaced(`"signer"`, `"expires": "2026-11-24T12:00:00Z",`+"\n  "+`"signer"`),
		"no signer":                   replaced(`"SHA256:`, `"SHA512:`),
		"no hash":                     replaced(`"sha256": "`, `"sha256": "00`),
		"an executable of a terabyte": replaced(`"bytes": 100`, `"bytes": 1099511627776`),
		"an executable of nothing":    replaced(`"bytes": 100`, `"bytes": 0`),
		"a payload of a terabyte":     replaced(`"packed_bytes": `, `"packed_bytes": 10000000000`),
		"another packing":             replaced(`"zstd"`, `"xz"`),
		"blocks of another length":    replaced(`"block_bytes": 16384`, `"block_bytes": 1`),
	}
	for name, edit := range tests {
		if _, err := open(withManifest(image, edit, testKey(1))); codeOf(err) != CodeImageDamaged {
			t.Errorf("%s: %v, want %s", name, err, CodeImageDamaged)
		}
	}
}

// Threats "arbitrary install" and "wrong software": E2 9, E2 32.
func TestUnsignedImagesAreRefused(t *testing.T) {
	trust := NewTrust(Key{Key: public(testKey(1))}, Key{Key: public(testKey(2))})
	image := testImage(t, testManifest(), executable(100), testKey(1))
	f := mustOpen(t, image)
	same := func(s string) string { return s }
	flipped := slices.Clone(image)
	flipped[12] ^= 1
	blank := slices.Clone(image)
	clear(blank[12:headerBytes])
	stripped := func(domain string) []byte {
		forged := slices.Clone(image)
		copy(forged[12:], ed25519.Sign(testKey(1), []byte(domain+string(f.Text()))))
		return forged
	}
	tests := []struct {
		name  string
		image []byte
		code  Code
	}{
		{"E2 9: no signature", blank, CodeBadSignature},
		{"E2 9: a flipped bit", flipped, CodeBadSignature},
		{"E2 9: another key", testImage(t, testManifest(), executable(100), testKey(3)), CodeBadSignature},
		{"E2 9: another trusted key than it says", withManifest(image, same, testKey(2)), CodeBadSignature},
		{"E2 9: signed for another purpose", stripped(keyListDomain), CodeBadSignature},
		{"E2 9: signed without a purpose", stripped(""), CodeBadSignature},
		{"E2 32: an edited version", withManifest(image, replaced("3.0.0", "3.0.9"), nil), CodeBadSignature},
		{"E2 32: an edited hash", withManifest(image, func(s string) string {
			return strings.Replace(s, f.Manifest.Payload.SHA256.String(), hex.EncodeToString(make([]byte, 32)), 1)
		}, nil), CodeBadSignature},
		{"sound", image, ""},
		{"sound, by the other key", testImage(t, testManifest(), executable(100), testKey(2)), ""},
	}
	for _, test := range tests {
		_, err := trust.Prove(mustOpen(t, test.image).Signed)
		if codeOf(err) != test.code || test.code == "" && err != nil {
			t.Errorf("%s: %v, want %q", test.name, err, test.code)
		}
	}
	forged := f.Signed
	forged.Manifest.Payload.SHA256, forged.Manifest.Version = Hash{}, Version{9, 9, 9}
	if p, err := trust.Prove(forged); err != nil || p.Manifest().Version != f.Manifest.Version || p.Manifest().Payload != f.Manifest.Payload {
		t.Errorf("a manifest that was changed after it was read: %+v, %v", p.Manifest(), err)
	}
	if _, err := trust.Prove(Signed{Manifest: f.Manifest}); codeOf(err) != CodeImageDamaged {
		t.Errorf("a manifest that was never read: %v", err)
	}
	if _, err := (Trust{}).Prove(f.Signed); codeOf(err) != CodeBadSignature {
		t.Errorf("nobody is trusted: %v", err)
	}
}

// Threats "swapped payload" and "mix-and-match": E2 11, E2 31, E2 34, E2 39.
func TestSwappedPayloadsAreRefused(t *testing.T) {
	program, other := executable(100_000), executable(100_000)
	other[500] ^= 1
	image, second := testImage(t, testManifest(), program, testKey(1)), testImage(t, testManifest(), other, testKey(1))
	f, g := mustOpen(t, image), mustOpen(t, second)
	p := proven(t, f, testKey(1))
	if _, err := p.Table(g.Table()); codeOf(err) != CodeImageDamaged {
		t.Errorf("E2 34: the table of another image: %v", err)
	}
	swapped, err := open(slices.Concat(image[:f.offset], second[g.offset:]))
	if err == nil {
		err = swapped.Check(nil)
	}
	if codeOf(err) != CodeImageDamaged {
		t.Errorf("E2 11: a file with the payload of another image: %v", err)
	}
	table, _ := p.Table(f.Table())
	b, err := g.Block(0, make([]byte, BlockBytes))
	if err != nil || table.Check(0, b) {
		t.Errorf("E2 34: a block of another image: %v", err)
	}
	for i := range b {
		b[i] = 0
	}
	if table.Check(0, b) || table.Check(-1, b) || table.Check(f.Manifest.Payload.Blocks(), nil) || table.Check(0, b[:1]) {
		t.Error("E2 31: a damaged block, or one that is not there, is taken")
	}
	if err := p.Unpack(io.Discard, g.Payload()); codeOf(err) != CodeImageDamaged {
		t.Errorf("E2 11: the payload of another image: %v", err)
	}
	damaged := slices.Clone(image)
	damaged[len(damaged)-1] ^= 1
	d := mustOpen(t, damaged)
	if err := d.Check(nil); codeOf(err) != CodeImageDamaged {
		t.Errorf("E2 39: a flipped bit in the payload: %v", err)
	}
	if err := p.Unpack(io.Discard, d.Payload()); codeOf(err) != CodeImageDamaged {
		t.Errorf("E2 39: unpacked: %v", err)
	}
	for name, from := range map[string][]byte{"another": other, "a shorter": program[:9], "a longer": append(slices.Clone(program), 0)} {
		var out bytes.Buffer
		w := p.Executable(&out)
		_, err := w.Write(from)
		if err == nil {
			err = w.Close()
		}
		if codeOf(err) != CodeImageDamaged || out.Len() > len(program) {
			t.Errorf("E2 39: %s executable from a delta: %v, %d bytes", name, err, out.Len())
		}
	}
	w := p.Executable(io.Discard)
	w.Write(program)
	if err := w.Close(); err != nil {
		t.Errorf("the right executable: %v", err)
	}
}

// Threat "endless data": a payload that unpacks to more than the manifest says is stopped there.
func TestBombsStopAtTheManifest(t *testing.T) {
	packed, err := pack(make([]byte, 64<<20), nil)
	if err != nil {
		t.Fatal(err)
	}
	var written counter
	p := Proven{Signed{Manifest: Manifest{Payload: Payload{Bytes: 1000}}}}
	if err := p.Unpack(&written, bytes.NewReader(packed)); codeOf(err) != CodeImageDamaged || written > 1000 {
		t.Errorf("%d bytes from %d, %v", written, len(packed), err)
	}
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// What a disk or a connection says comes through as it is: it is no fault of the image.
func TestErrorsOfReadersAndWriters(t *testing.T) {
	f := mustOpen(t, testImage(t, testManifest(), executable(100_000), testKey(1)))
	p := proven(t, f, testKey(1))
	if err := p.Unpack(io.Discard, io.MultiReader(io.LimitReader(f.Payload(), 5000), brokenReader{})); !errors.Is(err, errBroken) {
		t.Errorf("reader: %v", err)
	}
	if err := p.Unpack(brokenWriter{}, f.Payload()); !errors.Is(err, errBroken) {
		t.Errorf("writer: %v", err)
	}
	if _, err := Write(brokenWriter{}, testManifest(), executable(10), testKey(1), nil); !errors.Is(err, errBroken) {
		t.Errorf("writer of an image: %v", err)
	}
	if _, err := Write(io.Discard, testManifest(), executable(10), testKey(1), func(int64) error { return errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("progress: %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
