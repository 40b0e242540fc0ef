package routing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// MaxUnitsBytes bounds the text of TCP Units.
	MaxUnitsBytes = 1024
	// MaxUnit is the highest unit of a device behind a gateway.
	MaxUnit = 247
	// maxDeviceUnit is the highest unit of a TCP device: many answer as 255 only.
	maxDeviceUnit = 255
	// MaxTCPConnections is how many TCP devices the Modbus Master Options name.
	MaxTCPConnections = 20
)

// TCPUnit is a unit that is on a TCP device.
type TCPUnit struct {
	Unit       byte // as clients of the gateway ask for it
	Connection int  // which TCP Connection, from 1
	DeviceUnit byte // as the device is asked for it
}

// ParseUnits reads units between commas, each with the TCP Connection that it is on:
// "21=1, 22=1/5, 30-39=2". Unit 22 is unit 5 of the device of connection 1, and the others
// have their own number there.
func ParseUnits(text string) ([]TCPUnit, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var units []TCPUnit
	for entry := range strings.SplitSeq(text, ",") {
		first, last, on, err := parseUnits(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		for unit := first; unit <= last; unit++ {
			if slices.ContainsFunc(units, func(u TCPUnit) bool { return int(u.Unit) == unit }) {
				return nil, fmt.Errorf("unit %d is in the list twice", unit)
			}
			u := TCPUnit{byte(unit), on.Connection, on.DeviceUnit}
			if u.DeviceUnit == 0 {
				u.DeviceUnit = u.Unit
			}
			units = append(units, u)
		}
	}
	return units, nil
}

// parseUnits reads one entry; a device unit of 0 is each unit's own.
func parseUnits(entry string) (first, last int, on TCPUnit, err error) {
	bad := func(what string) (int, int, TCPUnit, error) {
		return 0, 0, TCPUnit{}, fmt.Errorf("%q: %s; write 21=1 for unit 21 on TCP Connection 1, 22=1/5 where the device calls it 5, or 30-39=2", entry, what)
	}
	left, right, ok := strings.Cut(entry, "=")
	if !ok {
		return bad("which TCP Connection is missing")
	}
	from, to, several := strings.Cut(left, "-")
	first, ok = number(from, MaxUnit)
	if last = first; ok && several {
		last, ok = number(to, MaxUnit)
	}
	if !ok || last < first {
		return bad(fmt.Sprintf("units are 1 to %d", MaxUnit))
	}
	connection, device, renamed := strings.Cut(right, "/")
	if on.Connection, ok = number(connection, MaxTCPConnections); !ok {
		return bad(fmt.Sprintf("TCP Connections are 1 to %d", MaxTCPConnections))
	}
	if !renamed {
		return first, last, on, nil
	}
	unit, ok := number(device, maxDeviceUnit)
	switch {
	case !ok:
		return bad(fmt.Sprintf("units of a TCP device are 1 to %d", maxDeviceUnit))
	case several:
		return bad("several units cannot be the same one of a device")
	}
	on.DeviceUnit = byte(unit)
	return first, last, on, nil
}

// number reads a number from 1 to high.
func number(text string, high int) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	return int(n), err == nil && n >= 1 && int(n) <= high
}
