package modules

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	setEnableSyslog = iota
	setSyslogServer
)

// The transports of Syslog Transport.
const (
	SyslogUDP = "UDP"
	SyslogTCP = "TCP"
	SyslogTLS = "TLS"
)

func ethernet() ion.Type {
	t := ion.Type{
		Number: numberEthernet, Name: "Ethernet", Kind: ion.Core,
		Doc: "Which services the meter offers on its network, and on which ports. The address is that of the machine it runs on. " +
			"Ports are those of the port set standard; --ports dev and --port go before them. Enable Syslog without a Syslog Server sends nothing and raises a warning.",
		Source: "ION Reference (7EN02-0290), Ethernet module; ION9000 manual 7EN02-0390, protocols, ports and connections",
		Setups: []ion.Setup{
			{Name: "Enable Syslog", Class: ion.Boolean, Default: "OFF", Doc: "logged events go to Syslog Server, too"},
			{Name: "Syslog Server", Class: ion.String, MaxLength: serverBytes, Check: checkServer, Doc: "address or host name of the server, with :port where it is not Syslog Port; empty: none"},
			enumerated("Syslog Transport", SyslogUDP, "how events go to the server: RFC 5426, RFC 6587 or RFC 5425", SyslogUDP, SyslogTCP, SyslogTLS),
			enumerated("Web Access", "HTTP with redirect to HTTPS", "how the web pages are served", "Disabled", "HTTP", "HTTPS", "HTTP with redirect to HTTPS"),
		},
		New: func() ion.Behaviour { return &network{} },
	}
	for _, s := range []struct{ name, value, doc string }{
		{"Enable ION", "ON", "the object protocol"},
		{"Enable Modbus TCP", "ON", "Modbus TCP"},
		{"Enable Modbus RTU over TCP", "ON", "Modbus RTU frames in TCP"},
		{"Enable SSH", "ON", "the terminal"},
		{"Enable SFTP", "ON", "file transfer"},
		{"Enable EtherGate", "OFF", "the way through to the devices on a serial port whose Protocol is EtherGate, for anyone who connects,"},
	} {
		t.Setups = append(t.Setups, ion.Setup{Name: s.name, Class: ion.Boolean, Default: s.value, Doc: s.doc + " is served"})
	}
	for _, s := range []struct{ name, value string }{
		{"HTTP Port", "80"}, {"HTTPS Port", "443"}, {"ION Port", "7700"}, {"Modbus TCP Port", "502"}, {"Modbus RTU over TCP Port", "7701"},
		{"SSH Port", "22"}, {"EtherGate COM1 Port", "7801"}, {"EtherGate COM4 Port", "7802"},
	} {
		t.Setups = append(t.Setups, ion.Setup{Name: s.name, Class: ion.NumericBounded, Low: 1, High: 65_535, Whole: true, Default: s.value, Doc: "TCP port"})
	}
	t.Setups = append(t.Setups, ion.Setup{Name: "Syslog Port", Class: ion.NumericBounded, Low: 1, High: 65_535, Whole: true, Default: "514",
		Doc: "port of a Syslog Server that names none; with TLS 514 stands for 6514"})
	return t
}

// serverBytes is the length of the longest host name (RFC 1035, as text) with a port.
const serverBytes = 253 + len(":65535")

// checkServer takes an IP address or a host name, each with or without a port; an IPv6
// address with a port stands in brackets.
func checkServer(text string) error {
	if text == "" {
		return nil
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return nil
	}
	host, port := text, ""
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return notServer(text)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q has the port %q: it is a number from 1 to 65535", text, port)
		}
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return notServer(text)
	}
	return nil
}

func notServer(text string) error {
	return fmt.Errorf("%q is no server: write an address or a host name such as 192.0.2.7, [2001:db8::7]:6514 or logs.example.com:6514", text)
}

// isHostName reports whether text is a host name (RFC 1123 2.1). One whose last label is a
// number would be an address, and is none.
func isHostName(text string) bool {
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	_, err := strconv.Atoi(labels[len(labels)-1])
	return err != nil && len(text) <= 253
}

// network is the behaviour of Ethernet.
type network struct{ settingsOnly }

// Configured warns of a syslog without a server.
func (*network) Configured(c *ion.Context, setup int) {
	if setup <= setSyslogServer && c.Setting(setEnableSyslog) != 0 && c.SettingText(setSyslogServer) == "" {
		c.Raise(ion.PriorityWarning, "Syslog Server", "none", "Enable Syslog", "nothing is sent")
	}
}
