package firmware

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of a manifest. What is read is compared with them before anything is allocated.
const (
	// MaxManifestBytes bounds a manifest.
	MaxManifestBytes = 16 << 10
	// MaxExecutableBytes bounds an executable, MaxPackedBytes what is left of it in an image.
	MaxExecutableBytes = 256 << 20
	MaxPackedBytes     = 128 << 20
	// maxTextBytes bounds a text of a manifest, maxModels how many models it names.
	maxTextBytes = 200
	maxModels    = 32
)

// BlockBytes is the length of the blocks of a payload that have a hash of their own; the
// last one is shorter.
const BlockBytes = 16 << 10

// Product is what the manifests of this project say they are of.
const Product = "hepmeter"

// manifestFormat is the version of the format of manifests.
const manifestFormat = 1

// Hash is a SHA-256; 64 hexadecimal digits in JSON.
type Hash [sha256.Size]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText makes the digits of String the form in JSON.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a hash of %d digits, want %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Manifest says what an image is and who may take it. It is what the signature of an image
// is over, and all else in the image hangs on its hashes.
type Manifest struct {
	Format  int    `json:"format"`
	Product string `json:"product"`
	// Version is that of the firmware, Models those that it is for, in their order,
	// Platform what the executable runs on, as GOOS/GOARCH.
	Version  Version  `json:"version"`
	Models   []string `json:"models"`
	Platform string   `json:"platform"`
	// Channel is the customer or region that it is for; empty for all.
	Channel string `json:"channel"`
	// SecurityCounter never falls: a release that mends what earlier ones must not bring
	// back raises it.
	SecurityCounter uint32 `json:"security_counter"`
	// MinSource is the oldest firmware that can be upgraded to this one (F1), MinTool the
	// oldest level of a setup tool (F2), MinClient the oldest protocol of a client that a
	// meter of generation 3.x takes it from (F4). 0.0.0, an empty level and 0 ask for nothing.
	MinSource Version `json:"min_source"`
	MinTool   Level   `json:"min_tool"`
	MinClient int     `json:"min_client"`
	// State says which schemas of a meter's durable state it reads and writes.
	State Schemas `json:"state"`
	// Template says in words what becomes of the meter's template (F7).
	Template string `json:"template"`
	// Built is when it was made. Behind Expires it is no longer taken; without one it always
	// is.
	Built   time.Time `json:"built"`
	Expires time.Time `json:"expires,omitzero"`
	// Signer is the fingerprint of the key that signed it.
	Signer  KeyID   `json:"signer"`
	Payload Payload `json:"payload"`
}

// Schemas are versions of the schema of a meter's durable state.
type Schemas struct {
	Oldest int `json:"oldest"` // that it reads
	Writes int `json:"writes"` // also the newest that it reads
}

// Payload says what the executable of an image is, as it is and as it is packed.
type Payload struct {
	Bytes       int64  `json:"bytes"`
	SHA256      Hash   `json:"sha256"`
	Packing     string `json:"packing"` // zstd
	PackedBytes int64  `json:"packed_bytes"`
	BlockBytes  int64  `json:"block_bytes"`
	// BlocksSHA256 is the hash over the table of blocks, which has that of each block of
	// the packed payload.
	BlocksSHA256 Hash `json:"blocks_sha256"`
}

// Blocks is how many blocks the packed payload has.
func (p Payload) Blocks() int { return int((p.PackedBytes + BlockBytes - 1) / BlockBytes) }

// BlockLength returns the length of block i, from 0.
func (p Payload) BlockLength(i int) int64 {
	return min(BlockBytes, p.PackedBytes-int64(i)*BlockBytes)
}

// encode writes the one form that a manifest has: JSON with the fields in their order, two
// blanks a level, and a line end.
func (m *Manifest) encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	if len(b) >= MaxManifestBytes {
		return nil, fmt.Errorf("a manifest of %d bytes: the most is %d", len(b), MaxManifestBytes)
	}
	return append(b, '\n'), nil
}

// parseManifest reads what encode writes, and nothing else: one form for one manifest, so
// that no two readers can understand a signed text in two ways.
func parseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := strict(b, &m); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	again, err := m.encode()
	if err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	if !bytes.Equal(again, b) {
		return m, errors.New("manifest: not in the form that it must have (docs/firmware.md)")
	}
	return m, nil
}

// strict decodes JSON without unknown fields, and nothing behind it.
func strict(b []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("something stands behind its end")
	}
	return nil
}

func (m *Manifest) validate() error {
	switch {
	case m.Format != manifestFormat:
		return fmt.Errorf("format %d, and this program reads %d: use a newer one", m.Format, manifestFormat)
	case len(m.Models) == 0 || len(m.Models) > maxModels || !slices.IsSorted(m.Models) || len(slices.Compact(slices.Clone(m.Models))) != len(m.Models):
		return fmt.Errorf("models %.200q: want one to %d, in their order", m.Models, maxModels)
	case m.MinClient < 0 || m.MinClient > 1<<16:
		return fmt.Errorf("client protocol %d is outside 0 to %d", m.MinClient, 1<<16)
	case m.State.Oldest < 0 || m.State.Oldest > m.State.Writes || m.State.Writes > 1<<16:
		return fmt.Errorf("state schemas %d to %d: want them ascending, up to %d", m.State.Oldest, m.State.Writes, 1<<16)
	case m.Version == (Version{}) || m.MinSource.Compare(m.Version) > 0:
		return fmt.Errorf("version %s, upgraded from %s or newer: want a version, and none newer to start from", m.Version, m.MinSource)
	}
	needed := append([]string{m.Product, m.Platform}, m.Models...)
	if slices.Contains(needed, "") {
		return errors.New("product, platform and models must not be empty")
	}
	for _, text := range append(needed, m.Channel, m.Template) {
		if err := plainText(text); err != nil {
			return err
		}
	}
	if err := m.Signer.validate(); err != nil {
		return err
	}
	for _, at := range []time.Time{m.Built, m.Expires} {
		if at.Location() != time.UTC || at.Nanosecond() != 0 || at.Year() > 9999 {
			return fmt.Errorf("time %v: want whole seconds in UTC", at)
		}
	}
	if m.Built.Unix() <= 0 || !m.Expires.IsZero() && !m.Expires.After(m.Built) {
		return fmt.Errorf("built %v, expires %v: want a time after 1970, and then a later one or none", m.Built, m.Expires)
	}
	if err := m.MinTool.Validate(); err != nil {
		return err
	}
	return m.Payload.validate()
}

func (p *Payload) validate() error {
	switch {
	case p.Packing != packing:
		return fmt.Errorf("payload packed with %.40q, and this program knows %s: use a newer one", p.Packing, packing)
	case p.BlockBytes != BlockBytes:
		return fmt.Errorf("payload in blocks of %d bytes, want %d", p.BlockBytes, BlockBytes)
	case p.Bytes <= 0 || p.Bytes > MaxExecutableBytes:
		return fmt.Errorf("executable of %d bytes: want 1 to %d", p.Bytes, int64(MaxExecutableBytes))
	case p.PackedBytes <= 0 || p.PackedBytes > MaxPackedBytes:
		return fmt.Errorf("payload of %d bytes: want 1 to %d", p.PackedBytes, int64(MaxPackedBytes))
	}
	return nil
}

// plainText refuses texts that JSON has more than one form for, or a terminal could take
// for commands.
func plainText(text string) error {
	odd := func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }
	if len(text) > maxTextBytes || strings.ContainsFunc(text, odd) {
		return fmt.Errorf(`text %.40q: want up to %d characters of ASCII without " \ < > &`, text, maxTextBytes)
	}
	return nil
}
