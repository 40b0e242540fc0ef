// Package registermap is the meter's Modbus register map as plain data: which
// register number carries which quantity, in which type and unit, and from which
// ION registers it is formed. The map itself is registers.csv beside this file;
// docs/register-map.md is generated from it.
//
// Numbers are one-based, as vendors print them: the address in a Modbus request is
// the number minus one. The high word of a longer value comes first.
package registermap

import (
	"bytes"
	_ "embed"
	"math"
	"slices"
)

// Type says how a value is laid out in registers.
type Type string

// The types. Register is 16 bits; bytes are big-endian.
const (
	UINT16   Type = "UINT16"
	INT16    Type = "INT16"
	UINT32   Type = "UINT32"
	INT32    Type = "INT32"
	INT64    Type = "INT64"
	FLOAT32  Type = "FLOAT32" // IEEE 754
	FLOAT64  Type = "FLOAT64"
	UM10K    Type = "UM10K"    // high · 10,000 + low, no sign
	M10K     Type = "M10K"     // the same, both halves with the sign
	UTF8     Type = "UTF8"     // two bytes per register, padded with zero bytes
	BITMAP   Type = "BITMAP"   // one bit per state, bit 0 the first
	DATETIME Type = "DATETIME" // four registers after IEC 870-5-4
	PF4Q     Type = "PF4Q"     // four-quadrant power factor as a float of -2..+2
)

// typeRegisters is the length of each type of fixed length; UTF8 and BITMAP are as
// long as their row says.
var typeRegisters = map[Type]int{
	UINT16: 1, INT16: 1, UINT32: 2, INT32: 2, INT64: 4, FLOAT32: 2, FLOAT64: 4, UM10K: 2, M10K: 2, DATETIME: 4, PF4Q: 2,
	UTF8: 0, BITMAP: 0,
}

// Form says how the sources make one value.
type Form string

// The forms.
const (
	// Sum adds the sources, each with its sign. One source alone is a sum, too.
	Sum Form = "sum"
	// Deviation is 100·|x − mean|/mean, in percent, of the sources x; mean.
	Deviation Form = "deviation"
	// FourQuadrant is the four-quadrant power factor of the sources
	// power factor; active power; reactive power: the sign of the active power,
	// and lag where both powers have the same sign.
	FourQuadrant Form = "pf4q"
	// Bits has bit i set while source i, a Boolean, is ON; Validity while it has a
	// value. They make the pair of words of a status bitmap.
	Bits     Form = "bits"
	Validity Form = "validity"
)

// Write says how a row is written.
type Write string

// The ways to write a row's Target.
const (
	ReadOnly Write = ""
	// WriteSetup writes a setup register: one of Enum, or a number.
	WriteSetup Write = "setup"
	// WriteNumber and WriteSwitch write a numeric output and a Boolean one, 0 or 1.
	WriteNumber Write = "number"
	WriteSwitch Write = "switch"
	// WritePulse pulses an output when 1 is written. The row reads 0.
	WritePulse Write = "pulse"
	// WriteClock sets the meter's clock, which is no register.
	WriteClock Write = "clock"
)

// Evidence says where a row's number is known from.
type Evidence string

// The evidence marks.
const (
	Confirmed Evidence = "hep"    // seen on meters of this family
	Sister    Evidence = "sister" // published for sister meters with the same numbering
	Own       Evidence = "own"    // ours
)

// Term is one source of a value.
type Term struct {
	// Label is "Module label/Register label".
	Label string
	// Negative subtracts the source instead of adding it.
	Negative bool
	// From is the register that a server reads: the output of the row's Data Mapping
	// module, or the source itself where none feeds the row.
	From string
}

// Row is one quantity of the map.
type Row struct {
	Number    int // one-based number of the first register
	Name      string
	Registers int // how many registers the value fills
	Type      Type
	Unit      string // as served: "W", "kWh", "%", empty for plain numbers
	// Write says how the row is written, Target to what: "Module label/Register label".
	// Both are empty for a row that is only read.
	Write    Write
	Target   string
	Group    string
	Evidence Evidence
	Form     Form
	// Sources are empty for a quantity that no module feeds yet, which reads NOT
	// AVAILABLE, and for a pulse, which reads 0. What is written otherwise is the one
	// source, too.
	Sources []Term
	// Scale multiplies the sources' own unit into Unit; 1 when none is written.
	Scale float64
	// Enum lists the names of the values 0, 1, 2 ... of an enumeration.
	Enum []string
	// Mapping is the label of the Data Mapping module that the row belongs to; empty
	// for a row that can be written, which is its register itself, and for groups
	// without any source.
	Mapping string
}

// Address is the wire address of the first register.
func (r Row) Address() int { return r.Number - 1 }

// Writable reports whether the row can be written.
func (r Row) Writable() bool { return r.Write != ReadOnly }

// Takes reports whether x is a value that the row can be written to, as far as the map
// says; bounds are the register's own. Any other is a value error.
func (r Row) Takes(x float64) bool {
	switch r.Write {
	case WritePulse:
		return x == 1
	case WriteSwitch:
		return x == 0 || x == 1
	case WriteSetup, WriteNumber, WriteClock:
		if len(r.Enum) > 0 {
			return x >= 0 && x < float64(len(r.Enum)) && x == math.Trunc(x)
		}
		return !math.IsNaN(x) && !math.IsInf(x, 0)
	}
	return false
}

// Map is a register map: rows in ascending order, none overlapping.
type Map struct {
	Rows []Row
	// Identification are the objects of Read Device Identification, by id.
	Identification []Object
}

// Object is one object of Read Device Identification (function 43/14).
type Object struct {
	ID   byte
	Name string
	// Source is the register the text comes from; Text is used where it is empty.
	Source string
	Text   string
}

//go:embed registers.csv
var registersCSV []byte

//go:embed identification.csv
var identificationCSV []byte

// Load returns the map built into the program.
func Load() (*Map, error) {
	rows, err := ParseRows(bytes.NewReader(registersCSV))
	if err != nil {
		return nil, err
	}
	objects, err := ParseIdentification(bytes.NewReader(identificationCSV))
	if err != nil {
		return nil, err
	}
	return &Map{Rows: rows, Identification: objects}, nil
}

// Covering returns the rows that have registers in [address, address+quantity), in
// wire addresses.
func (m *Map) Covering(address, quantity int) []Row {
	first, _ := slices.BinarySearchFunc(m.Rows, address, func(r Row, a int) int {
		return r.Address() + r.Registers - 1 - a
	})
	last := first
	for last < len(m.Rows) && m.Rows[last].Address() < address+quantity {
		last++
	}
	return m.Rows[first:last]
}
