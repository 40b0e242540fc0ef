package modules

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// What Voltage Selection, Data Mapping and the modules of setup registers do: a row for
// each rule.
func TestSetupRules(t *testing.T) {
	selection := []ion.Change{ion.Create{Type: "Voltage Selection", Label: "M"}, ion.Link{Input: "M/Volts Mode", Register: "Power Meter/Volts Mode"}}
	for _, name := range []string{"a", "b", "c", "avg"} {
		pairs := map[string]string{"a": "ab", "b": "bc", "c": "ca", "avg": "avg"}
		selection = append(selection, ion.Link{Input: "M/Vln " + name, Register: "Power Meter/Vln " + name}, ion.Link{Input: "M/Vll " + name, Register: "Power Meter/Vll " + pairs[name]})
	}
	mapping := []ion.Change{ion.Create{Type: "Data Mapping energy-int64", Label: "D"}, ion.Create{Type: "Integrator", Label: "kWh"},
		ion.Link{Input: "kWh/Integrand", Register: "Power Meter/kW tot"}, ion.Link{Input: "D/kWh del", Register: "kWh/Result"}}
	for _, row := range []struct {
		name    string
		program []ion.Change
		run     func(*rig)
	}{
		{"Voltage Selection/line to neutral in a wye mode", selection, func(r *rig) {
			r.tickWith(fourWire)
			r.want("M/V1", 230)
			r.want("M/V Avg", 231)
		}},
		{"Voltage Selection/line to line in DELTA", selection, func(r *rig) {
			r.do(ion.Set{Register: "Power Meter/Volts Mode", Value: "DELTA"})
			r.tickWith(fourWire)
			r.want("M/V1", 400)
			r.want("M/V2", 401)
			r.want("M/V3", 402)
		}},
		{"Voltage Selection/V2 Behavior suppresses V2 in DELTA only", slices.Concat(selection, []ion.Change{ion.Set{Register: "M/V2 Behavior", Value: "suppress"}}), func(r *rig) {
			r.tickWith(fourWire)
			r.want("M/V2", 231)
			r.do(ion.Set{Register: "Power Meter/Volts Mode", Value: "DELTA"})
			r.tickWith(fourWire)
			r.want("M/V2", na)
			r.want("M/V3", 402)
		}},
		{"Voltage Selection/Use Vll Always", slices.Concat(selection, []ion.Change{ion.Set{Register: "M/Use Vll Always", Value: "ON"}}), func(r *rig) {
			r.tickWith(fourWire)
			r.want("M/V1", 400)
		}},
		{"Voltage Selection/selected and not linked is N/A", selection, func(r *rig) {
			r.do(ion.Link{Input: "M/Vln b"})
			r.tickWith(fourWire)
			r.want("M/V1", 230)
			r.want("M/V2", na)
		}},
		{"Voltage Selection/source N/A", selection, func(r *rig) {
			r.tick(na)
			r.want("M/V1", na)
		}},
		{"Voltage Selection/offline without Volts Mode", selection, func(r *rig) {
			r.do(ion.Link{Input: "M/Volts Mode"})
			r.tickWith(fourWire)
			r.want("M/V1", na)
		}},
		{"Data Mapping/passes the exact count, the time stamp and the unit", mapping, func(r *rig) {
			r.energyTick(1, [4]float64{1234})
			from, to := r.value("kWh/Result"), r.value("D/kWh del")
			if from != to || !to.Exact || to.Count != 1234 {
				r.Errorf("the output is %+v, the source %+v", to, from)
			}
			d := r.node.Directory()
			index, _ := d.Find("D/kWh del")
			if unit := d.Registers[index].Unit; unit != "kWh" {
				r.Errorf("unit %q, want kWh", unit)
			}
		}},
		{"Data Mapping/relinked it shows the new source at once", mapping, func(r *rig) {
			r.energyTick(7, [4]float64{1234})
			r.do(ion.Link{Input: "D/kWh del", Register: "Power Meter/Vln a"})
			r.want("D/kWh del", 7)
		}},
		{"Data Mapping/unlinked it is N/A", mapping, func(r *rig) {
			r.energyTick(7, [4]float64{1234})
			r.do(ion.Link{Input: "D/kWh del"})
			r.want("D/kWh del", na)
			r.tick(1)
			r.want("D/kWh del", na)
		}},
		{"Data Mapping/power-up shows what its source kept", mapping, func(r *rig) {
			r.energyTick(7, [4]float64{1234})
			r.restart()
			r.want("D/kWh del", 1.234)
		}},
		{"Communications/a Unit ID beyond the protocol's keeps the port offline", []ion.Change{ion.Create{Type: "Communications", Label: "COM1"}}, func(r *rig) {
			r.do(ion.Set{Register: "COM1/Unit ID", Value: "300"})
			if reason := r.node.Offline()["COM1"]; reason != "" {
				r.Errorf("ION takes 300, but the port is offline: %s", reason)
			}
			r.do(ion.Set{Register: "COM1/Protocol", Value: "Modbus RTU"})
			if reason := r.node.Offline()["COM1"]; !strings.Contains(reason, "1 to 247") {
				r.Errorf("offline for %q", reason)
			}
		}},
		{"Ethernet/syslog without a server raises a warning", []ion.Change{ion.Create{Type: "Ethernet", Label: "Ethernet"}}, func(r *rig) {
			r.do(ion.Set{Register: "Ethernet/Syslog Server", Value: "192.0.2.7"}, ion.Set{Register: "Ethernet/Enable Syslog", Value: "ON"})
			warnings := func() (count int) {
				for _, e := range r.node.TakeChanges().Events {
					if e.Priority == ion.PriorityWarning {
						count++
					}
				}
				return count
			}
			if n := warnings(); n != 0 {
				r.Errorf("%d warnings with a server, want none", n)
			}
			r.do(ion.Set{Register: "Ethernet/Syslog Server", Value: ""})
			if n := warnings(); n != 1 {
				r.Errorf("%d warnings, want 1", n)
			}
		}},
		{"Ethernet/a syslog server is an address or a host name, with or without a port", []ion.Change{ion.Create{Type: "Ethernet", Label: "Ethernet"}}, func(r *rig) {
			set := func(server string) error {
				return r.node.Program([]ion.Change{ion.Set{Register: "Ethernet/Syslog Server", Value: server}}, ion.By{}, r.now)
			}
			for _, server := range []string{"192.0.2.7", "192.0.2.7:1514", "2001:db8::7", "[2001:db8::7]:6514", "logs", "logs.example.com", "logs_1.example.com:6514", "fe80::1%eth0", ""} {
				if err := set(server); err != nil {
					r.Errorf("%q: %v", server, err)
				}
			}
			for _, server := range []string{"no where", "192.0.2.300", "192.0.2.7:", "192.0.2.7:0", "192.0.2.7:65536", ":514", "[2001:db8::7", "-logs", "logs..example", "udp://logs", "logs/", "a:b:c"} {
				if set(server) == nil {
					r.Errorf("%q was accepted", server)
				}
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}

// The registers that other programs address by label are there, with the factory values
// that were published or chosen.
func TestFixedLabels(t *testing.T) {
	r := newRig(t, ion.Create{Type: "Security Options", Label: "Security Options"}, ion.Create{Type: "Ethernet", Label: "Ethernet"},
		ion.Create{Type: "Communications", Label: "COM1"}, ion.Create{Type: "Security User", Label: "Security User 1"})
	for label, want := range map[string]string{
		"Security Options/Security Mode": "LSS", "Security Options/Modbus Map Access": "Read Only",
		"Security Options/ION Lockout Attempts": "5", "Security Options/Web Lockout Attempts": "5", "Security Options/SSH Lockout Attempts": "5",
		"Security Options/SFTP Lockout Attempts": "5", "Security Options/Panel Lockout Attempts": "5", "Security Options/Lockout Minutes": "15",
		"Security Options/ION Session Timeout": "30", "Security Options/Require Named User For Upgrade": "OFF",
		"Ethernet/Web Access": "HTTP with redirect to HTTPS", "Ethernet/Enable ION": "ON", "Ethernet/Enable Modbus TCP": "ON",
		"Ethernet/Enable SSH": "ON", "Ethernet/Enable SFTP": "ON", "Ethernet/Enable Syslog": "OFF", "Ethernet/Syslog Server": "", "Ethernet/Syslog Transport": "UDP", "Ethernet/Syslog Port": "514",
		"COM1/Protocol": "ION", "COM1/Baud Rate": "19200", "COM1/Parity": "8N1", "COM1/Unit ID": "100",
		"Security User 1/Read Access": "ON", "Security User 1/Security Config Access": "OFF",
	} {
		if v, ok := r.node.Setting(label); !ok || v.String() != want {
			t.Errorf("%s = %v, want %s", label, v, want)
		}
	}
}

// Every group of the map that has sources has its own manager number in the block.
func TestMappedGroupsHaveNumbers(t *testing.T) {
	for _, m := range Mappings() {
		if i := slices.Index(mappedGroups(), m.Group); i < 0 || numberDataMapping+i > 89 {
			t.Errorf("group %s has no manager number: append it to mappedGroups", m.Group)
		}
	}
}

func TestNothingHereAllocates(t *testing.T) {
	program := slices.Concat(lossModule("Line Loss", "Resistance", "0.1"), []ion.Change{ion.Create{Type: "Transformer Loss", Label: "T"},
		ion.Link{Input: "T/Ia", Register: "Power Meter/Ia"}, ion.Link{Input: "T/Voltage", Register: "Power Meter/Vln avg"}, ion.Link{Input: "T/kW", Register: "Power Meter/kW tot"},
		ion.Create{Type: "Voltage Selection", Label: "V"}, ion.Link{Input: "V/Volts Mode", Register: "Power Meter/Volts Mode"},
		ion.Create{Type: "Diagnostics", Label: "Diagnostics"}, ion.Create{Type: "Instr Transformer Correction", Label: "V1 Correction"},
		ion.Create{Type: "Communications", Label: "COM1"}, ion.Create{Type: "Ethernet", Label: "Ethernet"}, ion.Create{Type: "Display Options", Label: "Display Options"},
		ion.Create{Type: "Security Options", Label: "Security Options"}, ion.Create{Type: "Security User", Label: "Security User 1"}})
	for _, m := range Mappings() {
		program = append(program, ion.Create{Type: m.Label, Label: m.Label})
	}
	r := newRig(t, program...)
	s := metering.Second{Windows: 5, DurationS: 1}
	now := r.now
	if n := testing.AllocsPerRun(100, func() { now = now.Add(time.Second); s.EndS++; r.node.Tick(now, &s) }); n != 0 {
		t.Errorf("a tick allocates %v times", n)
	}
}
