package modules

import (
	"fmt"
	"net/netip"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	setEnableSyslog = iota
	setSyslogServer
)

func ethernet() ion.Type {
	t := ion.Type{
		Number: numberEthernet, Name: "Ethernet", Kind: ion.Core,
		Doc: "Which services the meter offers on its network, and on which ports. The address is that of the machine it runs on. " +
			"Ports are those of the port set standard; --ports dev and --port go before them. Enable Syslog without a Syslog Server sends nothing and raises a warning.",
		Source: "ION Reference (7EN02-0290), Ethernet module; ION9000 manual 7EN02-0390, protocols, ports and connections",
		Setups: []ion.Setup{
			{Name: "Enable Syslog", Class: ion.Boolean, Default: "OFF", Doc: "events go to Syslog Server, too"},
			{Name: "Syslog Server", Class: ion.String, MaxLength: addressBytes, Check: checkAddress, Doc: "IP address of the server; empty: none"},
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
	} {
		t.Setups = append(t.Setups, ion.Setup{Name: s.name, Class: ion.Boolean, Default: s.value, Doc: s.doc + " is served"})
	}
	for _, s := range []struct{ name, value string }{
		{"HTTP Port", "80"}, {"HTTPS Port", "443"}, {"ION Port", "7700"}, {"Modbus TCP Port", "502"}, {"Modbus RTU over TCP Port", "7701"},
		{"SSH Port", "22"}, {"EtherGate COM1 Port", "7801"}, {"EtherGate COM4 Port", "7802"}, {"Syslog Port", "514"},
	} {
		t.Setups = append(t.Setups, ion.Setup{Name: s.name, Class: ion.NumericBounded, Low: 1, High: 65_535, Whole: true, Default: s.value, Doc: "TCP port, of Syslog UDP"})
	}
	return t
}

// addressBytes is the length of the longest IPv6 address with a zone.
const addressBytes = 45

func checkAddress(text string) error {
	if text == "" {
		return nil
	}
	if _, err := netip.ParseAddr(text); err != nil {
		return fmt.Errorf("%q is no IP address: write one such as 192.0.2.7", text)
	}
	return nil
}

// network is the behaviour of Ethernet.
type network struct{ settingsOnly }

// Configured warns of a syslog without a server.
func (*network) Configured(c *ion.Context, setup int) {
	if setup <= setSyslogServer && c.Setting(setEnableSyslog) != 0 && c.SettingText(setSyslogServer) == "" {
		c.Raise(ion.PriorityWarning, "Syslog Server", "none", "Enable Syslog", "nothing is sent")
	}
}
