package firmware

import (
	"errors"
	"fmt"
	"math/bits"
)

// MaxBlocks bounds the blocks of a transfer.
const MaxBlocks = MaxPackedBytes / BlockBytes

// Bitmap says which blocks of a transfer have arrived (DLMS/COSEM image transfer has such a
// map). It makes transfers resumable by anybody, and duplicates harmless.
type Bitmap struct {
	blocks  int
	words   []uint64
	missing int
}

// NewBitmap is the map of a transfer of which nothing has arrived.
func NewBitmap(blocks int) (Bitmap, error) {
	if blocks < 0 || blocks > MaxBlocks {
		return Bitmap{}, fmt.Errorf("a transfer of %d blocks: the most is %d", blocks, MaxBlocks)
	}
	return Bitmap{blocks: blocks, words: make([]uint64, (blocks+63)/64), missing: blocks}, nil
}

// Add notes that block i is there. It reports whether that is new; a block that is not in
// the transfer is not.
func (b *Bitmap) Add(i int) bool {
	if i < 0 || i >= b.blocks || b.Has(i) {
		return false
	}
	b.words[i/64] |= 1 << (i % 64)
	b.missing--
	return true
}

// Remove notes that block i is not there after all.
func (b *Bitmap) Remove(i int) {
	if b.Has(i) {
		b.words[i/64] &^= 1 << (i % 64)
		b.missing++
	}
}

// Has tells whether block i is there.
func (b *Bitmap) Has(i int) bool {
	return i >= 0 && i < b.blocks && b.words[i/64]>>(i%64)&1 == 1
}

// Missing is how many blocks are not there.
func (b *Bitmap) Missing() int { return b.missing }

// Blocks is how many blocks there are in all.
func (b *Bitmap) Blocks() int { return b.blocks }

// Next returns the first block from i on that is not there, Blocks if all are.
func (b *Bitmap) Next(i int) int {
	for i = max(0, i); i < b.blocks; i = i/64*64 + 64 {
		if rest := ^b.words[i/64] >> (i % 64); rest != 0 {
			return min(i+bits.TrailingZeros64(rest), b.blocks)
		}
	}
	return b.blocks
}

// Bytes returns a bit a block, the first one lowest in the first byte.
func (b *Bitmap) Bytes() []byte {
	bytes := make([]byte, (b.blocks+7)/8)
	for i := range bytes {
		bytes[i] = byte(b.words[i/8] >> (8 * (i % 8)))
	}
	return bytes
}

// ParseBitmap reads what Bytes wrote for so many blocks.
func ParseBitmap(blocks int, bytes []byte) (Bitmap, error) {
	b, err := NewBitmap(blocks)
	if err != nil {
		return b, err
	}
	if len(bytes) != (blocks+7)/8 {
		return Bitmap{}, fmt.Errorf("a map of %d bytes for %d blocks: want %d", len(bytes), blocks, (blocks+7)/8)
	}
	for i, octet := range bytes {
		b.words[i/8] |= uint64(octet) << (8 * (i % 8))
		b.missing -= bits.OnesCount8(octet)
	}
	if blocks%8 != 0 && bytes[len(bytes)-1]>>(blocks%8) != 0 {
		return Bitmap{}, errors.New("a map with blocks behind the last one")
	}
	return b, nil
}
