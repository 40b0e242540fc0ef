package vfs

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// PageSize is the page size of every database of the store, in bytes. It equals
// the physical sector of today's disks, so a page is written whole or not at
// all more often than not, and it is the unit the checksums cover.
const PageSize = 4096

// ReservedBytes at the end of each page hold its checksum (byte 20 of the
// database header says so to SQLite).
const ReservedBytes = 8

// Damage is the error of a file whose content is not what was written to it.
type Damage struct {
	File   string // path of the file
	Page   int64  // page of a database, or frame of a log, from 1; 0 is the file as a whole
	Reason string
}

func (d *Damage) Error() string { return d.Place() + ": " + d.Reason }

// Place names the file and the page or frame.
func (d *Damage) Place() string {
	switch {
	case d.Page == 0:
		return d.File
	case strings.HasSuffix(d.File, "-wal"):
		return fmt.Sprintf("%s frame %d", d.File, d.Page)
	}
	return fmt.Sprintf("%s page %d", d.File, d.Page)
}

// SumPage writes the checksum into the last eight bytes of a page. The sum is
// that of SQLite's checksum VFS (https://sqlite.org/cksumvfs.html), so that any
// SQLite with that extension can verify a store. It changes with every single
// flipped bit.
//
// The last page of a long value may be of zeros, for which the published sum is zero too:
// it gets zeroMark, since a page that is zeros throughout is one that the disk has lost.
func SumPage(page []byte) {
	sum := sumOf(page)
	copy(page[len(page)-ReservedBytes:], sum[:])
}

// zeroMark stands in place of the sum of a page of zeros.
const zeroMark = "ZEROPAGE"

func sumOf(page []byte) (sum [ReservedBytes]byte) {
	s1, s2 := pageSum(page[:len(page)-ReservedBytes])
	if s1|s2 == 0 && ZeroPage(page[:len(page)-ReservedBytes]) {
		copy(sum[:], zeroMark)
		return sum
	}
	binary.LittleEndian.PutUint32(sum[:], s1)
	binary.LittleEndian.PutUint32(sum[4:], s2)
	return sum
}

// CheckPage returns an empty string for a sound page, else what is wrong.
func CheckPage(page []byte) (reason string) {
	switch {
	case [ReservedBytes]byte(page[len(page)-ReservedBytes:]) == sumOf(page):
		return ""
	case ZeroPage(page):
		return "page is all zeros"
	}
	return "checksum does not match"
}

// ZeroPage tells whether a page was never written (free pages can be holes).
func ZeroPage(page []byte) bool {
	for _, b := range page {
		if b != 0 {
			return false
		}
	}
	return true
}

func pageSum(p []byte) (s1, s2 uint32) {
	for ; len(p) >= 8; p = p[8:] {
		s1 += binary.LittleEndian.Uint32(p) + s2
		s2 += binary.LittleEndian.Uint32(p[4:]) + s1
	}
	return s1, s2
}
