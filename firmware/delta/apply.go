package delta

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// chunkBytes is how much of the target is made at once.
const chunkBytes = 64 << 10

// Apply writes to w what a delta of size bytes makes of base, and returns what the delta is
// between. The error is ErrFormat for a damaged delta and for a base that is not the one it
// was made for (the target is then not what it should be); what has been written is then
// worthless. Of base it reads only what is copied, so whoever does not know it compares
// Header.BaseSHA256 first. It writes at most Header.TargetBytes, which must be limit
// at most, and needs about 10 MB of memory, however large the files are.
func Apply(w io.Writer, base io.ReaderAt, delta io.ReaderAt, size, limit int64) (Header, error) {
	h, err := ReadHeader(delta, size)
	if err != nil {
		return h, err
	}
	if h.TargetBytes > limit {
		return h, damaged("it makes %d bytes, and %d are expected", h.TargetBytes, limit)
	}
	var stream [streams]*bufio.Reader
	offset := int64(headerBytes)
	for i, n := range h.lengths {
		section := io.NewSectionReader(delta, offset, int64(n))
		decoder, err := zstd.NewReader(section, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytes))
		if err != nil {
			return h, damaged("stream %d: %v", i, err)
		}
		defer decoder.Close()
		stream[i] = bufio.NewReaderSize(decoder, 4<<10)
		offset += int64(n)
	}
	a := applier{Header: h, base: base, steps: stream[streamSteps], literals: stream[streamLiterals],
		changes: changes{gaps: stream[streamGaps], differences: stream[streamDifferences]}}
	sum := sha256.New()
	if err := a.run(io.MultiWriter(w, sum)); err != nil {
		return h, err
	}
	for i, s := range stream {
		if _, err := s.ReadByte(); !errors.Is(err, io.EOF) {
			return h, damaged("stream %d goes on behind the end of the target", i)
		}
	}
	if [sha256.Size]byte(sum.Sum(nil)) != h.TargetSHA256 {
		return h, damaged("what it makes is not what it should: it is of another base, or damaged")
	}
	return h, nil
}

type applier struct {
	Header
	base            io.ReaderAt
	steps, literals *bufio.Reader
	changes         changes
	at              int64 // place in the base
}

func (a *applier) run(w io.Writer) error {
	chunk := make([]byte, chunkBytes)
	for made := int64(0); made < a.TargetBytes; {
		seek, err1 := binary.ReadVarint(a.steps)
		copied, err2 := binary.ReadUvarint(a.steps)
		literal, err3 := binary.ReadUvarint(a.steps)
		if err := errors.Join(err1, err2, err3); err != nil {
			return damaged("steps: %v", err)
		}
		left := uint64(a.TargetBytes - made)
		switch {
		case copied > left || literal > left-copied || copied+literal == 0:
			return damaged("a step makes %d and %d bytes, and %d are wanted", copied, literal, left)
		case seek < -a.at || seek > a.BaseBytes-a.at || int64(copied) > a.BaseBytes-a.at-seek:
			return damaged("a step leaves the base")
		}
		a.at += seek
		made += int64(copied + literal)
		for copied > 0 {
			part := chunk[:min(copied, chunkBytes)]
			if n, err := a.base.ReadAt(part, a.at); n < len(part) {
				return fmt.Errorf("reading the base of a delta at byte %d: %w", a.at, err)
			}
			if err := a.changes.apply(part); err != nil {
				return err
			}
			if _, err := w.Write(part); err != nil {
				return err
			}
			a.at += int64(len(part))
			copied -= uint64(len(part))
		}
		for literal > 0 {
			part := chunk[:min(literal, chunkBytes)]
			if _, err := io.ReadFull(a.literals, part); err != nil {
				return damaged("literals: %v", err)
			}
			if _, err := w.Write(part); err != nil {
				return err
			}
			literal -= uint64(len(part))
		}
	}
	return nil
}

// changes are the differences of copied bytes, as a stream.
type changes struct {
	gaps, differences  *bufio.Reader
	unchanged, changed uint64
	ended              bool
}

// apply adds the differences to the next copied bytes.
func (c *changes) apply(b []byte) error {
	for len(b) > 0 && !c.ended {
		if c.unchanged == 0 && c.changed == 0 {
			if err := c.next(); err != nil {
				return err
			}
			continue
		}
		n := min(c.unchanged, uint64(len(b)))
		c.unchanged -= n
		b = b[n:]
		for ; c.unchanged == 0 && c.changed > 0 && len(b) > 0; b = b[1:] {
			d, err := c.differences.ReadByte()
			if err != nil {
				return damaged("differences: %v", err)
			}
			b[0] += d
			c.changed--
		}
	}
	return nil
}

// next reads the next pair of the gaps.
func (c *changes) next() (err error) {
	if _, err := c.gaps.Peek(1); errors.Is(err, io.EOF) {
		c.ended = true
		return nil
	}
	if c.unchanged, err = binary.ReadUvarint(c.gaps); err != nil {
		return damaged("gaps: %v", err)
	}
	if c.changed, err = binary.ReadUvarint(c.gaps); err != nil || c.changed == 0 {
		return damaged("gaps: %d bytes change (%v)", c.changed, err)
	}
	return nil
}
