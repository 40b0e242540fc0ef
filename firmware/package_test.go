package firmware

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// entry is a part of a package for tests.
type entry struct {
	name   string
	body   []byte
	method uint16
	mode   fs.FileMode
	size   uint64 // the size that is stated, if not 0
}

func zipped(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: e.method}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		var w io.Writer
		var err error
		if e.size == 0 {
			w, err = z.CreateHeader(h)
		} else {
			h.UncompressedSize64, h.CompressedSize64 = e.size, uint64(len(e.body))
			w, err = z.CreateRaw(h)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testPackage(t testing.TB, image []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePackage(&b, mustOpen(t, image), "# 3.0.0\n\nLegacy Security Support.\n"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// F3, E2 72: a package and a bare image come to the same, whatever their names.
func TestPackageRoundTrip(t *testing.T) {
	image := testImage(t, testManifest(), executable(100_000), testKey(1))
	bare := mustOpen(t, image)
	packaged := testPackage(t, image)
	if !bytes.Equal(packaged, testPackage(t, image)) {
		t.Error("two packages of the same image differ")
	}
	deflated := zipped(t, entry{name: "any.upx", body: image, method: zip.Deflate}, entry{name: notesEntry, body: []byte("# 3.0.0\n\nLegacy Security Support.\n"), method: zip.Deflate},
		entry{name: manifestEntry, body: bare.Text(), method: zip.Deflate})
	for name, p := range map[string][]byte{"as written": packaged, "packed anew, in another order": deflated} {
		f := mustOpen(t, p)
		if !f.Packaged || !strings.Contains(f.Notes, "Legacy") || !bytes.Equal(f.Text(), bare.Text()) || !bytes.Equal(f.Table(), bare.Table()) {
			t.Errorf("%s: %+v", name, f)
		}
		if err := f.Check(nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What a package holds can be taken out of it and packed again.
	var again bytes.Buffer
	if err := WritePackage(&again, mustOpen(t, packaged), "# 3.0.0\n\nLegacy Security Support.\n"); err != nil || !bytes.Equal(again.Bytes(), packaged) {
		t.Errorf("a package of a package's image: %v", err)
	}
}

// E2 8: archive damaged, truncated, bomb, path traversal, two images. E2 11: mix-and-match.
func TestArchiveTraps(t *testing.T) {
	image := testImage(t, testManifest(), executable(50_000), testKey(1))
	other := testManifest()
	other.Version = Version{3, 0, 1}
	second := testImage(t, other, executable(50_000), testKey(1))
	manifest, notes := entry{name: manifestEntry, body: mustOpen(t, image).Text()}, entry{name: notesEntry, body: []byte("words")}
	upx := entry{name: "a.upx", body: image}
	sound := zipped(t, upx, manifest, notes)
	if _, err := open(sound); err != nil {
		t.Fatal(err)
	}
	// A megabyte of zeros in a thousandth of that; what the directory says of its size is another matter.
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, flate.BestCompression)
	w.Write(make([]byte, 1<<20))
	w.Close()
	inflating := func(name string, size uint64) entry {
		return entry{name: name, body: bomb.Bytes(), method: zip.Deflate, size: size}
	}
	named := func(name string) []byte { return zipped(t, entry{name: name, body: image}, manifest, notes) }
	damaged := slices.Clone(sound)
	damaged[bytes.Index(damaged, []byte("words"))+1] ^= 1
	tests := []struct {
		name string
		file []byte
		code Code
	}{
		{"truncated", sound[:len(sound)-30], CodePackageDamaged},
		{"truncated to half", sound[:len(sound)/2], CodePackageDamaged},
		{"damaged notes", damaged, CodePackageDamaged},
		{"two images", zipped(t, upx, entry{name: "b.upx", body: image}, manifest, notes), CodePackageDamaged},
		{"two images of one name", zipped(t, upx, upx, manifest, notes), CodePackageDamaged},
		{"two manifests", zipped(t, upx, manifest, manifest, notes), CodePackageDamaged},
		{"no image", zipped(t, manifest, notes), CodePackageDamaged},
		{"no manifest", zipped(t, upx, notes), CodePackageDamaged},
		{"no notes", zipped(t, upx, manifest), CodePackageDamaged},
		{"nothing", zipped(t), CodeNotAnImage},
		{"an unknown entry", zipped(t, upx, manifest, notes, entry{name: "setup.exe"}), CodePackageDamaged},
		{"many entries", zipped(t, slices.Repeat([]entry{notes}, 100)...), CodePackageDamaged},
		{"traversal up", named("../a.upx"), CodePackageDamaged},
		{"traversal from the root", named("/a.upx"), CodePackageDamaged},
		{"traversal on Windows", named(`..\a.upx`), CodePackageDamaged},
		{"a drive", named("c:a.upx"), CodePackageDamaged},
		{"a folder", named("release/a.upx"), CodePackageDamaged},
		{"a symbolic link", zipped(t, entry{name: "a.upx", body: []byte("/etc/passwd"), mode: fs.ModeSymlink | 0o777}, manifest, notes), CodePackageDamaged},
		{"a bomb as image", zipped(t, inflating("a.upx", 1<<30), manifest, notes), CodePackageDamaged},
		{"a bomb as notes", zipped(t, upx, manifest, inflating(notesEntry, 1<<30)), CodePackageDamaged},
		{"a bomb as manifest", zipped(t, upx, inflating(manifestEntry, 1<<20), notes), CodePackageDamaged},
		{"a bomb as notes that says it is none", zipped(t, upx, manifest, inflating(notesEntry, 1000)), CodePackageDamaged},
		{"a bomb as image that says it is none", zipped(t, inflating("a.upx", 1000), manifest, notes), CodePackageDamaged},
		{"a size of 16 exabytes", zipped(t, entry{name: "a.upx", body: image, size: 1<<64 - 1}, manifest, notes), CodePackageDamaged},
		{"more in it than stated", zipped(t, entry{name: "a.upx", body: image, size: uint64(len(image)) - 1}, manifest, notes), CodePackageDamaged},
		{"an unknown packing", zipped(t, entry{name: "a.upx", body: image, method: 12, size: uint64(len(image))}, manifest, notes), CodePackageDamaged},
		{"E2 11: the manifest of another image", zipped(t, entry{name: "a.upx", body: second}, manifest, notes), CodePackageMixed},
		{"a package in a package", zipped(t, entry{name: "a.upx", body: sound}, manifest, notes), CodeNotAnImage},
		{"notes that are no text", zipped(t, upx, manifest, entry{name: notesEntry, body: []byte{0xff}}), CodePackageDamaged},
	}
	for _, test := range tests {
		if _, err := open(test.file); codeOf(err) != test.code {
			t.Errorf("E2 8: %s: %v, want %s", test.name, err, test.code)
		}
	}
}
