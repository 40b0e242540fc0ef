package firmware

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// imageMagic begins an image (.upx); its last digit is the version of the format.
const imageMagic = "HEPMUPX1"

// signedDomain begins what is signed, so that the signature can mean nothing else.
const signedDomain = "hepmeter firmware image v1\x00"

// headerBytes is what stands before the manifest: the magic, its length, the signature.
const headerBytes = len(imageMagic) + 4 + ed25519.SignatureSize

// MaxSignedBytes bounds a signed manifest.
const MaxSignedBytes = headerBytes + MaxManifestBytes

// packing is how payloads are packed, and window what that needs of memory to be read.
const (
	packing     = "zstd"
	windowBytes = 8 << 20
)

// Signed is a manifest with a signature, as an image begins. Nothing in it counts until
// Trust.Prove has found the signature right.
type Signed struct {
	// Manifest is what it claims.
	Manifest  Manifest
	text      []byte
	signature [ed25519.SignatureSize]byte
}

// ParseSigned reads a signed manifest, which b begins with, and returns its length.
// The error is a *Refusal (CodeNotAnImage, CodeImageDamaged).
func ParseSigned(b []byte) (s Signed, length int, err error) {
	if len(b) < headerBytes || string(b[:len(imageMagic)]) != imageMagic {
		return s, 0, Refuse(CodeNotAnImage, "it does not begin as an image does")
	}
	n := binary.BigEndian.Uint32(b[len(imageMagic):])
	if n > MaxManifestBytes {
		return s, 0, Refuse(CodeImageDamaged, "a manifest of %d bytes, and the most is %d", n, MaxManifestBytes)
	}
	copy(s.signature[:], b[len(imageMagic)+4:])
	rest := b[headerBytes:]
	if len(rest) < int(n) {
		return s, 0, Refuse(CodeImageDamaged, "it ends within its manifest")
	}
	s.text = bytes.Clone(rest[:n])
	if s.Manifest, err = parseManifest(s.text); err != nil {
		return s, 0, Refuse(CodeImageDamaged, "%v", err)
	}
	return s, headerBytes + int(n), nil
}

// Bytes returns what ParseSigned reads.
func (s *Signed) Bytes() []byte {
	b := binary.BigEndian.AppendUint32([]byte(imageMagic), uint32(len(s.text)))
	return append(append(b, s.signature[:]...), s.text...)
}

// Text returns the manifest as it was signed; a package has it as manifest.json.
func (s *Signed) Text() []byte { return bytes.Clone(s.text) }

// signedBy tells whether the signature is that of key.
func (s *Signed) signedBy(key ed25519.PublicKey) bool {
	return ed25519.Verify(key, append([]byte(signedDomain), s.text...), s.signature[:])
}

// Proven is a manifest whose signature a Trust has found right. It is the only way to the
// executable of an image.
type Proven struct{ signed Signed }

// Manifest is what was signed.
func (p Proven) Manifest() Manifest { return p.signed.Manifest }

// Signed is the manifest with its signature, to keep or to send.
func (p Proven) Signed() Signed { return p.signed }

// Table is the hash of each block of a payload.
type Table struct {
	payload Payload
	hashes  []byte
}

// TableBytes is the length of the table of blocks of a payload.
func (p Payload) TableBytes() int { return p.Blocks() * sha256.Size }

// Table returns the table of blocks in b, if it is the one that was signed; otherwise the
// error is a *Refusal (CodeImageDamaged).
func (p Proven) Table(b []byte) (Table, error) { return p.signed.Manifest.Payload.table(b) }

func (p Payload) table(b []byte) (Table, error) {
	if len(b) != p.TableBytes() || Hash(sha256.Sum256(b)) != p.BlocksSHA256 {
		return Table{}, Refuse(CodeImageDamaged, "the table of its blocks is not the one of its manifest")
	}
	return Table{p, bytes.Clone(b)}, nil
}

// Check tells whether block is block i of the payload, from 0.
func (t Table) Check(i int, block []byte) bool {
	if i < 0 || i >= t.payload.Blocks() || int64(len(block)) != t.payload.BlockLength(i) {
		return false
	}
	sum := sha256.Sum256(block)
	return bytes.Equal(sum[:], t.hashes[i*sha256.Size:][:sha256.Size])
}

// Unpack writes to w the executable that packed holds. What has been written is worthless
// unless it returns nil: then it is, byte for byte, what was signed. It writes no more than the manifest
// says and needs about 20 MB of memory. The error is a *Refusal (CodeImageDamaged), or
// what the reader and the writer say.
func (p Proven) Unpack(w io.Writer, packed io.Reader) error {
	return p.signed.Manifest.Payload.unpack(w, packed)
}

// Executable returns a writer that takes the executable from elsewhere, such as from a
// delta, and passes it on to w. Its Close tells whether it was what was signed.
func (p Proven) Executable(w io.Writer) *Checked {
	return &Checked{w: w, sum: sha256.New(), payload: p.signed.Manifest.Payload}
}

func (p Payload) unpack(w io.Writer, packed io.Reader) error {
	source := &noted{r: packed}
	decoder, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytes))
	if err != nil {
		return fmt.Errorf("unpacking an executable: %w", errors.Join(err, source.err))
	}
	defer decoder.Close()
	checked := &Checked{w: w, sum: sha256.New(), payload: p}
	if _, err := io.Copy(checked, decoder); err != nil {
		switch {
		case checked.err != nil:
			return checked.err
		case source.err != nil:
			return fmt.Errorf("reading a payload: %w", source.err)
		}
		return Refuse(CodeImageDamaged, "its payload cannot be unpacked: %v", err)
	}
	return checked.Close()
}

// noted remembers what went wrong while it was read.
type noted struct {
	r   io.Reader
	err error
}

func (n *noted) Read(b []byte) (int, error) {
	k, err := n.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// Checked passes an executable on and sums it up.
type Checked struct {
	w       io.Writer
	sum     hash.Hash
	written int64
	payload Payload
	err     error
}

// Write passes b on, unless it is more than the manifest says.
func (c *Checked) Write(b []byte) (int, error) {
	if c.err == nil && c.written+int64(len(b)) > c.payload.Bytes {
		c.err = Refuse(CodeImageDamaged, "its executable has more than the %d bytes of its manifest", c.payload.Bytes)
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(b)
	c.sum.Write(b[:n])
	c.written += int64(n)
	c.err = err
	return n, err
}

// Close tells whether all of it has been written, and is what was signed; otherwise the error is
// a *Refusal (CodeImageDamaged).
func (c *Checked) Close() error {
	switch {
	case c.err != nil:
		return c.err
	case c.written != c.payload.Bytes:
		return Refuse(CodeImageDamaged, "its executable has %d bytes, and %d by its manifest", c.written, c.payload.Bytes)
	case Hash(c.sum.Sum(nil)) != c.payload.SHA256:
		return Refuse(CodeImageDamaged, "its executable is not the one of its manifest")
	}
	return nil
}

// Write writes the image of an executable to w: Format, Product, Signer and Payload of m are
// filled in, the rest is the caller's. The same executable, manifest and key give the same
// image. progress is told how many bytes are packed, and stops it with an error; it may be nil.
func Write(w io.Writer, m Manifest, executable []byte, key ed25519.PrivateKey, progress func(bytes int64) error) (Signed, error) {
	if len(executable) > MaxExecutableBytes {
		return Signed{}, fmt.Errorf("an executable of %d bytes: the most is %d", len(executable), int64(MaxExecutableBytes))
	}
	packed, err := pack(executable, progress)
	if err != nil {
		return Signed{}, err
	}
	var table []byte
	for rest := packed; len(rest) > 0; {
		n := min(len(rest), BlockBytes)
		sum := sha256.Sum256(rest[:n])
		table, rest = append(table, sum[:]...), rest[n:]
	}
	m.Format, m.Product, m.Signer = manifestFormat, Product, IDOf(key.Public().(ed25519.PublicKey))
	m.Payload = Payload{Bytes: int64(len(executable)), SHA256: sha256.Sum256(executable), Packing: packing,
		PackedBytes: int64(len(packed)), BlockBytes: BlockBytes, BlocksSHA256: sha256.Sum256(table)}
	s := Signed{Manifest: m}
	if s.text, err = m.encode(); err != nil {
		return Signed{}, err
	}
	copy(s.signature[:], ed25519.Sign(key, append([]byte(signedDomain), s.text...)))
	for _, part := range [][]byte{s.Bytes(), table, packed} {
		if _, err := w.Write(part); err != nil {
			return Signed{}, fmt.Errorf("writing an image: %w", err)
		}
	}
	return s, nil
}

func pack(executable []byte, progress func(bytes int64) error) ([]byte, error) {
	var packed bytes.Buffer
	// One at a time and with a stated level: the same for all machines.
	encoder, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(windowBytes), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("packing an executable: %w", err)
	}
	for done := 0; done < len(executable); {
		n, err := encoder.Write(executable[done:min(done+1<<20, len(executable))])
		done += n
		if err == nil && progress != nil {
			err = progress(int64(done))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("packing an executable: %w", err), encoder.Close())
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("packing an executable: %w", err)
	}
	return packed.Bytes(), nil
}
