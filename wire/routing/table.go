package routing

import (
	"fmt"
	"strings"
)

// The registers of the gateway, by label.
const (
	Gateway = "Modbus Gateway"
	Options = "Modbus Master Options"

	RegisterUnits      = Gateway + "/TCP Units"
	RegisterAccess     = Gateway + "/Access"
	RegisterAddresses  = Gateway + "/Allowed Addresses"
	RegisterBroadcast  = Gateway + "/Broadcast"
	RegisterConnection = Options + "/Modbus Gateway Connection"
)

// MasterProtocol is what the Protocol of a serial port is called while the meter is the
// master of its line.
const MasterProtocol = "Modbus Master"

// Place is where a unit is; the zero value is nowhere.
type Place struct {
	// Line is the port of a serial line, as in COM1, or Address that of a TCP device.
	Line, Address string
	// Unit is what the unit is called there.
	Unit byte
}

// Nowhere reports whether there is no way to the unit.
func (p Place) Nowhere() bool { return p.Line == "" && p.Address == "" }

// Table tells where the units of a gateway are.
type Table struct {
	// Line is the port that serves the gateway, empty for none.
	Line string
	// Units says that units are on TCP devices, too.
	Units bool
	tcp   [MaxUnit + 1]Place
}

// Read makes the table that the registers ask for, each of which is told as text by its
// label, empty where there is none. A text that cannot be understood stands for nothing: the
// registers take none such.
func Read(register func(label string) string) *Table {
	t := &Table{}
	if connection := register(RegisterConnection); connection != "" && connection != "None" {
		if port := register(Options + "/" + connection); port != "None" {
			t.Line = port
		}
	}
	units, _ := ParseUnits(register(RegisterUnits))
	t.Units = len(units) > 0
	for _, u := range units {
		address := strings.TrimSpace(register(fmt.Sprintf("%s/TCP Connection %d", Options, u.Connection)))
		t.tcp[u.Unit] = Place{Address: address, Unit: u.DeviceUnit}
	}
	return t
}

// On reports whether there is a gateway, where protocol tells what a serial port speaks.
func (t *Table) On(protocol func(port string) string) bool {
	return t.Units || t.Line != "" && protocol(t.Line) == MasterProtocol
}

// Of returns where a unit from 1 to MaxUnit is: on the TCP device that the list names for
// it, and on the line otherwise.
func (t *Table) Of(unit byte) Place {
	if place := t.tcp[unit]; place.Unit != 0 {
		return place
	}
	return Place{Line: t.Line, Unit: unit}
}
