package setup

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Transport is what carries the object protocol.
type Transport string

// The transports.
const (
	TCP        Transport = "tcp"     // the object protocol itself
	ModbusTCP  Transport = "modbus"  // inside Modbus TCP
	ModbusRTU  Transport = "rtu+tcp" // inside Modbus RTU over TCP, as serial gateways have it
	SerialLine Transport = "rtu"     // inside Modbus RTU on a serial line
)

// Default ports of the addresses.
const (
	DefaultPort       = 7700
	DefaultModbusPort = 502
)

// Address is where a meter is, and what leads there.
type Address struct {
	Transport Transport
	// Host and Port of a network address; Device of a serial line.
	Host   string
	Port   int
	Device string
	// Unit is the Modbus address, 1 to 247, or 255 for the meter behind its own gateway.
	Unit int
	// Baud rate in bit/s and Parity ("N", "E", "O") of a serial line.
	Baud   int
	Parity string
}

// ParseAddress reads host[:port], modbus://host[:port]/UNIT, rtu+tcp://host:port/UNIT or
// rtu:DEVICE?baud=N&parity=E&unit=N. The error has the code usage.
func ParseAddress(text string) (Address, error) {
	bad := func(format string, args ...any) (Address, error) {
		e := NewError(CodeUsage, "address %.80q: %s", text, fmt.Sprintf(format, args...))
		return Address{}, e.with("write host or host:port, modbus://host/UNIT, rtu+tcp://host:port/UNIT or rtu:DEVICE?baud=19200&parity=E&unit=1")
	}
	scheme, rest, _ := strings.Cut(text, ":")
	switch {
	case len(text) > 1024:
		return Address{}, NewError(CodeUsage, "the address has %d characters", len(text))
	case text == "":
		return bad("it is empty")
	case scheme == string(SerialLine) && !strings.HasPrefix(rest, "//"): // never a host of that name
		return parseSerial(rest, bad)
	case !strings.Contains(text, "://"):
		host, port, err := splitHost(text, DefaultPort)
		if err != nil {
			return bad("%v", err)
		}
		return Address{Transport: TCP, Host: host, Port: port}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("it is no address")
	}
	a := Address{Transport: Transport(u.Scheme)}
	switch {
	case a.Transport != ModbusTCP && a.Transport != ModbusRTU:
		return bad("%q is no transport", u.Scheme)
	case u.User != nil:
		return bad("passwords are not given in addresses")
	case u.RawQuery != "" || u.Fragment != "":
		return bad("nothing comes behind the unit")
	}
	port := DefaultModbusPort
	if a.Transport == ModbusRTU {
		port = 0
	}
	if a.Host, a.Port, err = splitHost(u.Host, port); err != nil {
		return bad("%v", err)
	}
	if a.Unit, err = parseUnit(strings.TrimPrefix(u.Path, "/")); err != nil {
		return bad("%v", err)
	}
	return a, nil
}

func parseSerial(rest string, bad func(string, ...any) (Address, error)) (Address, error) {
	device, query, _ := strings.Cut(rest, "?")
	a := Address{Transport: SerialLine, Device: device, Baud: 19200, Parity: "E", Unit: 1}
	if device == "" {
		return bad("it names no device")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return bad("what follows ? is not KEY=VALUE&KEY=VALUE")
	}
	for key, list := range values {
		value := list[0]
		switch {
		case len(list) > 1:
			return bad("%s is given twice", key)
		case key == "baud":
			if a.Baud, err = strconv.Atoi(value); err != nil || a.Baud < 300 || a.Baud > 4_000_000 {
				return bad("baud=%s: give 300 to 4000000", value)
			}
		case key == "parity":
			a.Parity = strings.ToUpper(value)
			if a.Parity != "N" && a.Parity != "E" && a.Parity != "O" {
				return bad("parity=%s: give N, E or O", value)
			}
		case key == "unit":
			if a.Unit, err = parseUnit(value); err != nil {
				return bad("%v", err)
			}
		default:
			return bad("%s is neither baud, parity nor unit", key)
		}
	}
	return a, nil
}

func parseUnit(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 255 || n > 247 && n < 255 {
		return 0, fmt.Errorf("unit %q: a Modbus unit is 1 to 247, or 255", text)
	}
	return n, nil
}

// maxHost is the length of the longest name of a host (RFC 1035 2.3.4).
const maxHost = 253

// splitHost parts host and port; an IPv6 address may stand without brackets if it has no
// port. Port 0 as the default means that one must be given.
func splitHost(text string, port int) (string, int, error) {
	host := text
	if strings.Count(text, ":") == 1 || strings.HasPrefix(text, "[") && strings.Contains(text, "]:") {
		var number string
		var err error
		if host, number, err = net.SplitHostPort(text); err != nil {
			return "", 0, fmt.Errorf("%q is no host and port", text)
		}
		if port, err = strconv.Atoi(number); err != nil || port < 1 || port > 65535 {
			return "", 0, fmt.Errorf("port %q: ports are 1 to 65535", number)
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	switch {
	case host == "":
		return "", 0, fmt.Errorf("it names no host")
	case len(host) > maxHost:
		return "", 0, fmt.Errorf("a host has at most %d characters, this one %d", maxHost, len(host))
	case strings.ContainsAny(host, " /\\?#@%[]\t\n") || strings.Contains(host, ":") && net.ParseIP(host) == nil:
		return "", 0, fmt.Errorf("%q is no host", host)
	case port == 0:
		return "", 0, fmt.Errorf("it names no port")
	}
	return host, port, nil
}

// String is the address as it would be typed.
func (a Address) String() string {
	switch a.Transport {
	case SerialLine:
		return fmt.Sprintf("rtu:%s?baud=%d&parity=%s&unit=%d", a.Device, a.Baud, a.Parity, a.Unit)
	case ModbusTCP, ModbusRTU:
		return fmt.Sprintf("%s://%s/%d", a.Transport, net.JoinHostPort(a.Host, strconv.Itoa(a.Port)), a.Unit)
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
}
