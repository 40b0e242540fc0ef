package firmware

import (
	"fmt"
	"io"
)

// MaxFileBytes bounds an image or package.
const MaxFileBytes = int64(MaxPackedBytes) + 8<<20

// File is an image as it lies in a .upx file or in the package of a release.
type File struct {
	Signed
	// Packaged tells that it is in a package, whose release notes are Notes.
	Packaged bool
	Notes    string

	image  io.ReaderAt
	table  []byte
	offset int64
}

// Open reads an image or a package of size bytes; the content decides which, not a name. Whether it is to be trusted
// Trust.Prove says. The error is a *Refusal (CodeNotAnImage, CodeImageDamaged,
// CodePackageDamaged, CodePackageMixed), or what the reader says.
func Open(r io.ReaderAt, size int64) (*File, error) {
	if size > MaxFileBytes {
		return nil, Refuse(CodeNotAnImage, "it has %d bytes, and an image has at most %d", size, MaxFileBytes)
	}
	begin := make([]byte, min(size, int64(len(packageMagic))))
	if err := readFull(r, begin, 0); err != nil {
		return nil, err
	}
	if string(begin) == packageMagic {
		return openPackage(r, size)
	}
	return openImage(r, size)
}

// openImage reads an image that has exactly size bytes.
func openImage(r io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, min(size, int64(MaxSignedBytes)))
	if err := readFull(r, head, 0); err != nil {
		return nil, err
	}
	signed, length, err := ParseSigned(head)
	if err != nil {
		return nil, err
	}
	payload := signed.Manifest.Payload
	f := &File{Signed: signed, image: r, offset: int64(length) + int64(payload.TableBytes())}
	if want := f.offset + payload.PackedBytes; size != want {
		return nil, Refuse(CodeImageDamaged, "it has %d bytes, and %d by its manifest", size, want)
	}
	f.table = make([]byte, payload.TableBytes())
	if err := readFull(r, f.table, int64(length)); err != nil {
		return nil, err
	}
	if _, err := payload.table(f.table); err != nil {
		return nil, err
	}
	return f, nil
}

// Table returns the table of blocks, which stands in the image behind the signed manifest.
func (f *File) Table() []byte { return f.table }

// Block reads block i of the payload into b, which it returns at the block's length, and
// compares it with the table.
func (f *File) Block(i int, b []byte) ([]byte, error) {
	payload := f.Manifest.Payload
	b = b[:payload.BlockLength(i)]
	if err := readFull(f.image, b, f.offset+int64(i)*BlockBytes); err != nil {
		return nil, err
	}
	if !(Table{payload, f.table}).Check(i, b) {
		return nil, Refuse(CodeImageDamaged, "block %d of its payload is not what the table of blocks says", i)
	}
	return b, nil
}

// Payload reads the packed payload.
func (f *File) Payload() *io.SectionReader {
	return io.NewSectionReader(f.image, f.offset, f.Manifest.Payload.PackedBytes)
}

// Check reads all of the image and compares it with its hashes, as far as nobody's trust
// is needed for it. progress is told how many blocks have been read, and stops it with an error;
// it may be nil.
func (f *File) Check(progress func(blocks int) error) error {
	b := make([]byte, BlockBytes)
	for i := range f.Manifest.Payload.Blocks() {
		if _, err := f.Block(i, b); err != nil {
			return err
		}
		if progress != nil {
			if err := progress(i + 1); err != nil {
				return err
			}
		}
	}
	return f.Manifest.Payload.unpack(io.Discard, f.Payload())
}

func readFull(r io.ReaderAt, b []byte, offset int64) error {
	if n, err := r.ReadAt(b, offset); n < len(b) {
		return fmt.Errorf("reading an image at byte %d: %w", offset, err)
	}
	return nil
}
