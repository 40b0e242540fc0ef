// Package delta makes one executable of another: a delta says how the new one is made of
// the old one, and is a few hundredths of the size where a few lines of the source have
// changed. A delta need not be trusted: what comes of it is compared with a hash, which for
// firmware is the signed one, and neither memory nor time go beyond the sizes that its
// reader allows. docs/firmware.md has the format.
package delta

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxBytes bounds the base and the target of a delta.
const MaxBytes = 256 << 20

// magic begins a delta; its last digit is the version of the format.
const magic = "HEPDELT1"

// The streams of a delta, in their order. Each is a zstd frame with a window of at most
// windowBytes.
const (
	// streamSteps has three variable-length integers a step: seek (zigzag), copied, literal.
	streamSteps = iota
	// streamGaps tells which copied bytes differ from the base, in turn by two
	// variable-length integers: how many do not, and how many then do. Behind the last pair
	// none does.
	streamGaps
	// streamDifferences has what is added, modulo 256, to each byte that differs.
	streamDifferences
	// streamLiterals has the bytes that the base does not give.
	streamLiterals
	streams
)

// windowBytes bounds what each stream needs of memory to be read.
const windowBytes = 1 << 20

// headerBytes is the length of what stands before the streams.
const headerBytes = len(magic) + 2*(8+sha256.Size) + 4*streams

// Header says what a delta is between.
type Header struct {
	BaseBytes, TargetBytes   int64
	BaseSHA256, TargetSHA256 [sha256.Size]byte

	lengths [streams]uint32
}

// ErrFormat reports something that is no delta, or a damaged one.
var ErrFormat = errors.New("not a sound delta")

func damaged(what string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(what, args...))
}

// ReadHeader reads what a delta of size bytes is between. Sizes beyond MaxBytes, and streams
// that do not fill the delta exactly, are refused with ErrFormat.
func ReadHeader(r io.ReaderAt, size int64) (Header, error) {
	var h Header
	if size < int64(headerBytes) {
		return h, damaged("%d bytes are too short", size)
	}
	var b [headerBytes]byte
	if _, err := r.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return h, fmt.Errorf("reading a delta: %w", err)
	}
	rest := b[:]
	if string(rest[:len(magic)]) != magic {
		return h, damaged("it does not begin with %s", magic)
	}
	rest = rest[len(magic):]
	for _, side := range []struct {
		bytes *int64
		hash  *[sha256.Size]byte
	}{{&h.BaseBytes, &h.BaseSHA256}, {&h.TargetBytes, &h.TargetSHA256}} {
		n := binary.BigEndian.Uint64(rest)
		if n > MaxBytes {
			return h, damaged("%d bytes are more than the %d that an executable may have", n, int64(MaxBytes))
		}
		*side.bytes = int64(n)
		rest = rest[8+copy(side.hash[:], rest[8:]):]
	}
	end := int64(headerBytes)
	for i := range h.lengths {
		h.lengths[i] = binary.BigEndian.Uint32(rest[4*i:])
		end += int64(h.lengths[i])
	}
	if end != size {
		return h, damaged("its streams end at byte %d, and it has %d", end, size)
	}
	return h, nil
}

// append writes the header.
func (h *Header) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(binary.BigEndian.AppendUint64(b, uint64(h.BaseBytes)), h.BaseSHA256[:]...)
	b = append(binary.BigEndian.AppendUint64(b, uint64(h.TargetBytes)), h.TargetSHA256[:]...)
	for _, n := range h.lengths {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}
