package store

import (
	"encoding/binary"

	"github.com/hepmeter/hepmeter/store/vfs"
)

// Which table a page belongs to is told by walking the b-trees from their roots
// (https://sqlite.org/fileformat2.html#b_tree_pages). The walk serves messages
// about damage, so it believes nothing it reads: it visits a page once, stays
// inside the file, and gives up on what makes no sense.

const (
	interiorIndex = 0x02
	interiorTable = 0x05
	leafIndex     = 0x0a
	leafTable     = 0x0d
)

const usablePage = vfs.PageSize - vfs.ReservedBytes

// owners maps each page that can be reached to its table.
func (p *pages) owners() map[int64]string {
	owners := map[int64]string{}
	p.walk(1, "sqlite_schema", owners, func(record []byte) {
		if name, root, ok := schemaRow(record); ok {
			p.walk(root, name, owners, nil)
		}
	})
	return owners
}

// walk marks the b-tree at root and gives the local part of each record on its
// table leaves to row.
func (p *pages) walk(root int64, table string, owners map[int64]string, row func([]byte)) {
	if _, seen := owners[root]; seen || root < 1 || root > p.count {
		return
	}
	page, _ := p.read(root)
	if page == nil {
		return
	}
	owners[root] = table
	h := page
	if root == 1 {
		h = page[100:] // The database header comes first on page 1.
	}
	kind, cells, array := h[0], int(binary.BigEndian.Uint16(h[3:])), 8
	if kind == interiorIndex || kind == interiorTable {
		array = 12
		p.walk(int64(binary.BigEndian.Uint32(h[8:])), table, owners, row)
	}
	for i := 0; i < cells && array+2*i+2 <= len(h); i++ {
		at := int(binary.BigEndian.Uint16(h[array+2*i:]))
		if at < 8 || at >= usablePage {
			continue
		}
		p.cell(kind, page[at:usablePage], table, owners, row)
	}
}

func (p *pages) cell(kind byte, cell []byte, table string, owners map[int64]string, row func([]byte)) {
	if kind == interiorIndex || kind == interiorTable {
		if len(cell) < 4 {
			return
		}
		p.walk(int64(binary.BigEndian.Uint32(cell)), table, owners, row)
		cell = cell[4:]
	}
	if kind == interiorTable {
		return
	}
	size, n := uvarint(cell)
	cell = cell[n:]
	if kind == leafTable {
		_, n = uvarint(cell) // the row's number
		cell = cell[n:]
	}
	local, overflows := localSize(kind, size)
	if local > len(cell) || overflows && local+4 > len(cell) {
		return
	}
	if row != nil {
		row(cell[:local])
	}
	if overflows {
		p.overflow(int64(binary.BigEndian.Uint32(cell[local:])), table, owners)
	}
}

// overflow marks the chain of pages that hold the rest of a long record.
func (p *pages) overflow(n int64, table string, owners map[int64]string) {
	for n >= 1 && n <= p.count {
		page, _ := p.read(n)
		if _, seen := owners[n]; seen || page == nil {
			return
		}
		owners[n] = table
		n = int64(binary.BigEndian.Uint32(page))
	}
}

// localSize is how much of a record of the given size lies on the b-tree page
// (https://sqlite.org/fileformat2.html#b_tree_pages, "cell payload overflow").
func localSize(kind byte, size uint64) (local int, overflows bool) {
	most := uint64(usablePage - 35)
	if kind != leafTable {
		most = (usablePage-12)*64/255 - 23
	}
	if size <= most {
		return int(size), false
	}
	least := uint64((usablePage-12)*32/255 - 23)
	k := least + (size-least)%(usablePage-4)
	if k <= most {
		return int(k), true
	}
	return int(least), true
}

// schemaRow reads type, name, tbl_name and rootpage of a sqlite_schema record.
func schemaRow(record []byte) (table string, root int64, ok bool) {
	headerSize, n := uvarint(record)
	if n == 0 || headerSize > uint64(len(record)) {
		return "", 0, false
	}
	header, body := record[n:max(n, int(headerSize))], record[headerSize:]
	var columns [4][]byte
	for i := range columns {
		serial, n := uvarint(header)
		if n == 0 {
			return "", 0, false
		}
		header = header[n:]
		size := serialSize(serial)
		if size > uint64(len(body)) {
			return "", 0, false
		}
		columns[i], body = body[:size], body[size:]
		if i == 3 && serial == 9 {
			return string(columns[2]), 1, true // The integer 1 is stored without a body.
		}
	}
	for _, b := range columns[3] {
		root = root<<8 | int64(b)
	}
	return string(columns[2]), root, true
}

// serialSize is the body size of a column (https://sqlite.org/fileformat2.html#record_format).
func serialSize(serial uint64) uint64 {
	switch {
	case serial >= 12:
		return (serial - 12) / 2
	case serial <= 4:
		return serial
	case serial == 5:
		return 6
	case serial <= 7:
		return 8
	}
	return 0
}

// uvarint reads SQLite's big-endian variable-length integer; n is 0 at the end of b.
func uvarint(b []byte) (v uint64, n int) {
	for n = range min(len(b), 8) {
		v = v<<7 | uint64(b[n]&0x7f)
		if b[n] < 0x80 {
			return v, n + 1
		}
	}
	if len(b) < 9 {
		return 0, 0
	}
	return v<<8 | uint64(b[8]), 9
}
