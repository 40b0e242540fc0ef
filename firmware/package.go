package firmware

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"
)

// A package is a .zip with exactly these entries, in the root: the image, whose name ends
// in .upx, the manifest of it, and the release notes.
const (
	packageMagic  = "PK\x03\x04"
	imageSuffix   = ".upx"
	manifestEntry = "manifest.json"
	notesEntry    = "release-notes.md"

	// MaxNotesBytes bounds release notes.
	MaxNotesBytes = 1 << 20
	// maxEntries bounds the entries that are looked at.
	maxEntries = 8
)

// WritePackage writes the package of an image to w. The same image and notes give the same
// package.
func WritePackage(w io.Writer, f *File, notes string) error {
	if len(notes) > MaxNotesBytes || !utf8.ValidString(notes) {
		return fmt.Errorf("release notes of %d bytes: want up to %d of UTF-8", len(notes), MaxNotesBytes)
	}
	m := f.Manifest
	z := zip.NewWriter(w)
	for _, part := range []struct {
		name string
		body io.Reader
	}{
		{manifestEntry, bytes.NewReader(f.Text())},
		{notesEntry, strings.NewReader(notes)},
		{fmt.Sprintf("hepmeter-%s-%s%s", m.Version, strings.ReplaceAll(m.Platform, "/", "-"), imageSuffix), io.NewSectionReader(f.image, 0, f.offset+m.Payload.PackedBytes)},
	} {
		// Stored: the payload is packed already.
		entry, err := z.CreateHeader(&zip.FileHeader{Name: part.name, Method: zip.Store, Modified: m.Built})
		if err == nil {
			_, err = io.Copy(entry, part.body)
		}
		if err != nil {
			return fmt.Errorf("writing a package: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("writing a package: %w", err)
	}
	return nil
}

// openPackage reads a package. Whoever packs its parts anew with another program makes a
// package, too, so entries may be deflated; what that may take is bounded by the bounds of the
// parts.
func openPackage(r io.ReaderAt, size int64) (*File, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, Refuse(CodePackageDamaged, "%v", err)
	}
	if len(z.File) > maxEntries {
		return nil, Refuse(CodePackageDamaged, "%d entries, and a package has 3", len(z.File))
	}
	var image, manifest, notes *zip.File
	for _, entry := range z.File {
		var place **zip.File
		limit := uint64(MaxNotesBytes)
		switch name := entry.Name; {
		case path.Base(name) != name || strings.ContainsAny(name, `\:`) || !entry.Mode().IsRegular():
			return nil, Refuse(CodePackageDamaged, "entry %.80q leads out of the package's root, or is no file", name)
		case strings.HasSuffix(name, imageSuffix):
			place, limit = &image, uint64(MaxFileBytes)
		case name == manifestEntry:
			place, limit = &manifest, MaxManifestBytes
		case name == notesEntry:
			place = &notes
		default:
			return nil, Refuse(CodePackageDamaged, "entry %.80q does not belong in a package", name)
		}
		switch {
		case *place != nil:
			return nil, Refuse(CodePackageDamaged, "two entries where one belongs: %.80q and %.80q", (*place).Name, entry.Name)
		case entry.UncompressedSize64 > limit:
			return nil, Refuse(CodePackageDamaged, "entry %.80q has %d bytes, and the most is %d", entry.Name, entry.UncompressedSize64, limit)
		}
		*place = entry
	}
	if image == nil || manifest == nil || notes == nil {
		return nil, Refuse(CodePackageDamaged, "a package has an image (.upx), %s and %s, and one is missing", manifestEntry, notesEntry)
	}
	text, err := content(manifest)
	if err != nil {
		return nil, err
	}
	words, err := content(notes)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(words) {
		return nil, Refuse(CodePackageDamaged, "its release notes are not UTF-8")
	}
	f, err := imageOf(r, image)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(text, f.text) {
		return nil, Refuse(CodePackageMixed, "")
	}
	f.Packaged, f.Notes = true, string(words)
	return f, nil
}

// imageOf opens the image of a package: where it lies, if it is stored.
func imageOf(r io.ReaderAt, entry *zip.File) (*File, error) {
	if entry.Method != zip.Store {
		b, err := content(entry)
		if err != nil {
			return nil, err
		}
		return openImage(bytes.NewReader(b), int64(len(b)))
	}
	offset, err := entry.DataOffset()
	if err != nil || entry.CompressedSize64 != entry.UncompressedSize64 {
		return nil, Refuse(CodePackageDamaged, "entry %.80q: its sizes differ (%v)", entry.Name, err)
	}
	return openImage(io.NewSectionReader(r, offset, int64(entry.UncompressedSize64)), int64(entry.UncompressedSize64))
}

// content reads an entry whose stated size has been found to be within bounds, and no more
// than that.
func content(entry *zip.File) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, Refuse(CodePackageDamaged, "entry %.80q: %v", entry.Name, err)
	}
	defer r.Close()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, int64(entry.UncompressedSize64)+1))
	switch {
	case err != nil:
		return nil, Refuse(CodePackageDamaged, "entry %.80q: %v", entry.Name, err)
	case uint64(n) != entry.UncompressedSize64:
		return nil, Refuse(CodePackageDamaged, "entry %.80q is not what the package's directory says", entry.Name)
	}
	return b.Bytes(), nil
}
