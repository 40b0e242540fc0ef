package registermap

import "fmt"

// This file is what the Modbus Slave modules and the server of the Modbus map agree upon: the
// module shows in its registers what is served, and the server puts that into the map.

// SlaveType is the name of the module type, SlaveSlots how many values one has.
const (
	SlaveType  = "Modbus Slave"
	SlaveSlots = 16
)

// Registers of a Modbus Slave module: its first number and its format as they are set, and the
// last number that it serves, which is NOT AVAILABLE while it serves nothing.
const (
	SlaveBase   = "Base Address"
	SlaveFormat = "Format"
	SlaveEnd    = "End Address"
)

// SlaveRegister is the output that holds the value of a slot, from 1, as it is served.
func SlaveRegister(slot int) string { return fmt.Sprintf("Register %d", slot) }

// Format is a way to serve values in Modbus Slave modules.
type Format struct {
	Name string
	Type Type
	// Packed says that all slots are one Boolean each, bit 0 the first, in two registers: which
	// of them have a value, and which are ON.
	Packed bool
	// Written says that clients write what others show.
	Written bool
}

// Formats are the formats, in the order of their published codes.
func Formats() []Format {
	return []Format{
		{Name: "unsigned 16-bit", Type: UINT16},
		{Name: "signed 16-bit", Type: INT16},
		{Name: "unsigned 32-bit", Type: UINT32},
		{Name: "signed 32-bit", Type: INT32},
		{Name: "unsigned 32-bit M10K", Type: UM10K},
		{Name: "signed 32-bit M10K", Type: M10K},
		{Name: "packed Boolean", Type: BITMAP, Packed: true},
		{Name: "float", Type: FLOAT32},
		{Name: "unsigned 16-bit input", Type: UINT16, Written: true},
	}
}

// Last is the last number that a module of the format serves from a first one, when so many
// of its slots are in use.
func (f Format) Last(first, slots int) int {
	if f.Packed {
		return first + 1
	}
	return first + slots*f.Type.Registers() - 1
}
