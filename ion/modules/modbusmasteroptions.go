package modules

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/hepmeter/hepmeter/ion"
)

// How many connections a Modbus master has, both published.
const (
	serialConnections = 4
	tcpConnections    = 20
)

// noConnection is the choice of none.
const noConnection = "None"

func modbusMasterOptions() ion.Type {
	t := ion.Type{
		Number: numberModbusMasterOptions, Name: "Modbus Master Options", Kind: ion.Core, Labels: ion.Named,
		Doc: "Where the meter asks other Modbus devices: its connections by number, which Modbus Master Devices name. A serial connection is " +
			"a port whose Protocol is Modbus Master; a TCP connection is the address of a device or of a gateway.",
		Source: "ION Reference (7EN02-0290), Modbus Master Options module; the factory's connections are ours",
		New:    func() ion.Behaviour { return settingsOnly{} },
	}
	for i := range serialConnections {
		port := noConnection
		if i == 0 {
			port = "COM1" // on every model; frameworks/second-port.txt has the other
		}
		t.Setups = append(t.Setups, enumerated(serialConnection(i+1), port, "the serial port", noConnection, "COM1", "COM2", "COM3", "COM4"))
	}
	for i := range tcpConnections {
		t.Setups = append(t.Setups, ion.Setup{Name: tcpConnection(i + 1), Class: ion.String, MaxLength: serverBytes, Check: checkPeer,
			Doc: "address of the device, with its port: 192.0.2.7:502, [2001:db8::7]:502 or a host name; empty: none"})
	}
	t.Setups = append(t.Setups, enumerated("Modbus Gateway Connection", serialConnection(1),
		"the serial connection that the Modbus gateway passes requests on to", append([]string{noConnection}, serialConnectionNames()...)...))
	return t
}

func serialConnection(number int) string { return fmt.Sprintf("Serial Connection %d", number) }
func tcpConnection(number int) string    { return fmt.Sprintf("TCP Connection %d", number) }

func serialConnectionNames() (names []string) {
	for i := range serialConnections {
		names = append(names, serialConnection(i+1))
	}
	return names
}

// checkPeer takes an IP address or a host name with a port, an IPv6 address in brackets.
func checkPeer(text string) error {
	if text == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q has the port %q: it is a number from 1 to 65535", text, port)
		}
		if _, err = netip.ParseAddr(host); err == nil || isHostName(host) {
			return nil
		}
	}
	return fmt.Errorf("%q is no address of a device: write it with its port, such as 192.0.2.7:502, [2001:db8::7]:502 or feeder.example.com:502", text)
}
