package routing

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		name, list, address string
		want                Access
	}{
		{"an empty list lets everybody do everything", "", "192.0.2.7", ReadWrite},
		{"who is not in the list may do nothing", "192.0.2.7", "192.0.2.8", None},
		{"an address without a word may do everything", "192.0.2.7", "192.0.2.7", ReadWrite},
		{"rw", "192.0.2.7=rw", "192.0.2.7", ReadWrite},
		{"ro", "192.0.2.7=ro", "192.0.2.7", ReadOnly},
		{"none", "192.0.2.7 = NONE", "192.0.2.7", None},
		{"a prefix", "192.0.2.0/24=ro", "192.0.2.200", ReadOnly},
		{"the longest prefix decides, wherever it stands", "192.0.2.0/24=ro, 192.0.2.7=none, 0.0.0.0/0", "192.0.2.7", None},
		{"everybody else", "192.0.2.0/24=none, 0.0.0.0/0=ro", "198.51.100.1", ReadOnly},
		{"IPv6", "2001:db8::/64", "2001:db8::7", ReadWrite},
		{"IPv6 with a zone", "fe80::/10=ro", "fe80::1%eth0", ReadOnly},
		{"IPv4 that came in by IPv6", "192.0.2.7=ro", "::ffff:192.0.2.7", ReadOnly},
		{"IPv6 is not IPv4", "0.0.0.0/0", "2001:db8::7", None},
		{"host bits of a prefix do not matter", "192.0.2.7/24=ro", "192.0.2.9", ReadOnly},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, err := ParseAddresses(tc.list)
			if err != nil {
				t.Fatal(err)
			}
			if got := list.Of(netip.MustParseAddr(tc.address)); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestAddressesRefused(t *testing.T) {
	for _, tc := range []struct{ name, list, names string }{
		{"a host name", "scada.example.com", "scada.example.com"},
		{"an unknown word", "192.0.2.7=read", "ro, rw or none"},
		{"an empty entry", "192.0.2.7,,192.0.2.8", "no address"},
		{"the same twice", "192.0.2.7, 192.0.2.7/32=ro", "192.0.2.7/32"},
		{"a prefix too long", "192.0.2.7/33", "192.0.2.7/33"},
		{"a prefix of IPv4 in IPv6", "::ffff:192.0.2.0/120", "::ffff"},
		{"too many", many(maxAddresses + 1), "64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := ParseAddresses(tc.list); err == nil || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("%v, want an error that names %s", err, tc.names)
			}
		})
	}
}

// many is a list of n addresses.
func many(n int) string {
	var list []string
	for address := netip.MustParseAddr("10.0.0.1"); len(list) < n; address = address.Next() {
		list = append(list, address.String())
	}
	return strings.Join(list, ",")
}

func registers(pairs ...string) func(string) string {
	return func(label string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == label {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestTable(t *testing.T) {
	both := registers("Modbus Master Options/Modbus Gateway Connection", "Serial Connection 2", "Modbus Master Options/Serial Connection 1", "COM1",
		"Modbus Master Options/Serial Connection 2", "COM4", "Modbus Master Options/TCP Connection 1", "192.0.2.7:502", "Modbus Master Options/TCP Connection 20", "[2001:db8::7]:502",
		"Modbus Gateway/TCP Units", "21=1, 22=1/5 ,23 = 1/255, 30-32=20, 40=3")
	for _, tc := range []struct {
		name     string
		register func(string) string
		unit     byte
		want     Place
	}{
		{"a unit of the line", both, 1, Place{Line: "COM4", Unit: 1}},
		{"a unit of a TCP device", both, 21, Place{Address: "192.0.2.7:502", Unit: 21}},
		{"one that the device calls otherwise", both, 22, Place{Address: "192.0.2.7:502", Unit: 5}},
		{"one of a device that answers as 255 only", both, 23, Place{Address: "192.0.2.7:502", Unit: 255}},
		{"the last of several", both, 32, Place{Address: "[2001:db8::7]:502", Unit: 32}},
		{"one after them", both, 33, Place{Line: "COM4", Unit: 33}},
		{"a connection without an address is nowhere, and not the line", both, 40, Place{Unit: 40}},
		{"no registers", registers(), 1, Place{Unit: 1}},
		{"no connection", registers("Modbus Master Options/Modbus Gateway Connection", "None", "Modbus Master Options/Serial Connection 1", "COM1"), 1, Place{Unit: 1}},
		{"a connection without a port", registers("Modbus Master Options/Modbus Gateway Connection", "Serial Connection 1", "Modbus Master Options/Serial Connection 1", "None"), 1, Place{Unit: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Read(tc.register).Of(tc.unit); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestOn(t *testing.T) {
	line := []string{"Modbus Master Options/Modbus Gateway Connection", "Serial Connection 1", "Modbus Master Options/Serial Connection 1", "COM1"}
	for _, tc := range []struct {
		name     string
		pairs    []string
		protocol string
		want     bool
	}{
		{"nothing is set", nil, MasterProtocol, false},
		{"the port is a master's", line, MasterProtocol, true},
		{"the port speaks something else", line, "Modbus RTU", false},
		{"TCP units alone", []string{RegisterUnits, "21=1"}, "Modbus RTU", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Read(registers(tc.pairs...)).On(func(string) string { return tc.protocol }); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestUnitsRefused(t *testing.T) {
	for _, tc := range []struct{ name, list, names string }{
		{"no connection", "21", "TCP Connection is missing"},
		{"unit 0", "0=1", "1 to 247"},
		{"unit 248", "248=1", "1 to 247"},
		{"connection 21", "1=21", "1 to 20"},
		{"connection 0", "1=0", "1 to 20"},
		{"device unit 256", "1=1/256", "1 to 255"},
		{"device unit 0", "1=1/0", "1 to 255"},
		{"backwards", "9-1=1", "1 to 247"},
		{"several of one", "1-9=1/5", "cannot be the same"},
		{"the same twice", "1-9=1,5=2", "unit 5"},
		{"an empty entry", "1=1,", "missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := ParseUnits(tc.list); err == nil || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("%v, want an error that names %s", err, tc.names)
			}
		})
	}
}

func FuzzAddresses(f *testing.F) {
	f.Add("192.0.2.7, 192.0.2.0/24=ro, 2001:db8::/64=none", "192.0.2.7")
	f.Add("::ffff:192.0.2.7=rw", "::ffff:192.0.2.7")
	f.Fuzz(func(t *testing.T, list, address string) {
		a, err := ParseAddresses(list)
		if err != nil || len(list) > MaxAddressesBytes {
			return
		}
		if addr, err := netip.ParseAddr(address); err == nil {
			if got := a.Of(addr); got > ReadWrite {
				t.Errorf("%q of %s is %d", list, addr, got)
			}
		}
	})
}

func FuzzUnits(f *testing.F) {
	f.Add("21=1, 22=1/5, 30-39=2")
	f.Add("1-247=20")
	f.Fuzz(func(t *testing.T, list string) {
		units, err := ParseUnits(list)
		if err != nil {
			return
		}
		seen := map[byte]bool{}
		for _, u := range units {
			if u.Unit < 1 || u.Unit > MaxUnit || u.Connection < 1 || u.Connection > MaxTCPConnections || u.DeviceUnit == 0 || seen[u.Unit] {
				t.Errorf("%q: %+v", list, u)
			}
			seen[u.Unit] = true
		}
	})
}
