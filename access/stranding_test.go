package access

import (
	"testing"
	"time"
)

// The stranding guard, issue by issue: what might cut its author off returns unless it is
// confirmed; what only adds a way in, or is none of a door's business, stays.
func TestStrandingGuard(t *testing.T) {
	for _, tc := range []struct {
		label, was, is string
		returns        bool
	}{
		{"Ethernet/Enable ION", "ON", "OFF", true},
		{"Ethernet/Enable ION", "OFF", "ON", false},
		{"Ethernet/Enable SSH", "ON", "no", true},
		{"Ethernet/Enable Syslog", "ON", "OFF", false},
		{"Ethernet/Syslog Port", "514", "6514", false},
		{"Ethernet/HTTPS Port", "443", "8443", true},
		{"ethernet/https port", "443", "443.0", false},
		{"Ethernet/Web Access", "HTTPS", "HTTP", true},
		{"Ethernet/Web Access", "HTTPS", "Disabled", true},
		{"Ethernet/Web Access", "Disabled", "HTTPS", false},
		{"COM1/Baud Rate", "19200", "9600", true},
		{"COM1/Retries", "3", "2", false},
		{"Display Options/Front Panel Programming", "ON", "OFF", true},
		{"Display Options/Front Panel Programming", "OFF", "ON", false},
		{"Security Options/Web Configuration", "ON", "OFF", true},
		{"Power Meter/PT Prim", "120", "240", false},
		{"Modbus Gateway/TCP Units", "", "1=1", true},
		{"Modbus Gateway/TCP Units", "1=1", "1=1,2=1", false},
		{"Modbus Master Options/Modbus Gateway Connection", "None", "Serial Connection 1", true},
		{"Modbus Master Options/Modbus Gateway Connection", "Serial Connection 1", "None", false},
		{"Modbus Master Options/Serial Connection 1", "None", "COM1", true},
	} {
		t.Run(tc.label+" "+tc.was+" to "+tc.is, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				m.modules["Display Options"] = "Display Options"
				known := labelIn(map[string]string{"Ethernet/HTTPS Port": ""}, tc.label)
				m.set(known, tc.was)
				two := m.as(ION, named("USER2", "two"))
				want(t, "rehearse", two.Change(t.Context(), []Change{{Kind: Set, Object: tc.label, Text: tc.is}}, true), "")
				if _, what, ok := two.Pending(); ok {
					t.Fatalf("a rehearsal has %s wait", what)
				}
				want(t, "change", two.Change(t.Context(), []Change{{Kind: Set, Object: tc.label, Text: tc.is}}, false), "")
				until, what, ok := two.Pending()
				if ok != tc.returns || ok && (what != known || until.Sub(m.now()) != strandingPatience) {
					t.Fatalf("waits: %v (%s until %s), want %v", ok, what, until, tc.returns)
				}
				m.powerCycle() // what waits outlives the meter
				time.Sleep(strandingPatience)
				m.carryOut()
				if got, back := m.settings[known], tc.was; tc.returns && got != back || !tc.returns && got != tc.is {
					t.Errorf("it is %q in the end", got)
				}
			})
		})
	}
}

func TestStrandingGuardConfirmed(t *testing.T) {
	ssh := []Change{{Kind: Set, Object: "Ethernet/Enable SSH", Text: "OFF"}}
	for _, tc := range []struct {
		name  string
		do    func(t *testing.T, m *meter)
		stays bool
	}{
		{"by who may do the same", func(t *testing.T, m *meter) {
			m.account(4, "four", MayRead|MayComm)
			m.set()
			want(t, "confirm", m.as(Web, named("USER4", "four")).ConfirmProvisional(t.Context()), "")
		}, true},
		{"not by who may only read", func(t *testing.T, m *meter) {
			want(t, "confirm", m.as(Web, named("USER3", "three")).ConfirmProvisional(t.Context()), CodeNoPermission)
		}, false},
		{"taken back at once", func(t *testing.T, m *meter) {
			want(t, "cancel", m.as(ION, named("USER2", "two")).CancelProvisional(t.Context()), "")
			m.carryOut()
			if m.settings[ssh[0].Object] != "ON" {
				t.Error("it waits for its time")
			}
		}, false},
		{"joined by a second change, which needs more", func(t *testing.T, m *meter) {
			want(t, "web", m.as(ION, named("USER2", "two")).SetOptions(t.Context(), map[string]string{RegisterWebAccess: "Disabled"}), "")
			m.account(4, "four", MayRead|MayComm)
			m.set()
			want(t, "confirm", m.as(Web, named("USER4", "four")).ConfirmProvisional(t.Context()), CodeNoPermission)
		}, false},
		{"joined by provisional changes of security", func(t *testing.T, m *meter) {
			_, err := m.as(ION, named("USER2", "two")).BeginProvisional(t.Context(), strandingPatience)
			want(t, "begin", err, "")
			harden(t, m)
			want(t, "confirm", m.as(ION, named("USER2", "two")).ConfirmProvisional(t.Context()), "")
		}, true},
		{"a template that does the same", func(t *testing.T, m *meter) {
			two := m.as(ION, named("USER2", "two"))
			want(t, "confirm", two.ConfirmProvisional(t.Context()), "")
			_, err := two.LoadTemplate(t.Context(), []byte("COM1/Parity = 8E1"), false)
			want(t, "load", err, "")
			if _, what, ok := two.Pending(); !ok || what != "COM1/Parity" {
				t.Errorf("waits: %v %s", ok, what)
			}
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				m.set(ssh[0].Object, "ON", "COM1/Parity", "8N1")
				want(t, "change", m.as(ION, named("USER2", "two")).Change(t.Context(), ssh, false), "")
				tc.do(t, m)
				time.Sleep(strandingPatience)
				m.carryOut()
				if got := m.settings[ssh[0].Object]; (got == "OFF") != tc.stays {
					t.Errorf("%s is %s", ssh[0].Object, got)
				}
				if got := m.settings["COM1/Parity"]; got != "8N1" {
					t.Errorf("parity is %s", got)
				}
			})
		})
	}
}

// What the meter refuses after the gate has said yes leaves nothing that waits.
func TestStrandingGuardUndone(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set("Ethernet/Enable SSH", "ON")
		two := m.as(ION, named("USER2", "two"))
		changes := []Change{{Kind: Set, Object: "Ethernet/Enable SSH", Text: "OFF"}, {Kind: Set, Object: "Nowhere/PT Prim", Text: "1"}}
		want(t, "change", two.Change(t.Context(), changes, false), CodeNotFound)
		if _, what, ok := two.Pending(); ok {
			t.Errorf("%s waits", what)
		}
	})
}

// What is in force, and only not durable yet, waits for its confirmation all the same.
func TestStrandingGuardOfAFullDisk(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, s *Session) error{
		"a change": func(t *testing.T, s *Session) error {
			return s.Change(t.Context(), []Change{{Kind: Set, Object: "Ethernet/Enable SSH", Text: "OFF"}}, false)
		},
		"a template": func(t *testing.T, s *Session) error {
			_, err := s.LoadTemplate(t.Context(), []byte("Ethernet/Enable SSH = OFF"), false)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				m.set("Ethernet/Enable SSH", "ON")
				m.late = errDisk
				want(t, "change", do(t, m.as(ION, named("USER2", "two"))), Code(errDisk.Error()))
				m.late = nil
				time.Sleep(strandingPatience)
				m.carryOut()
				if got := m.settings["Ethernet/Enable SSH"]; got != "ON" {
					t.Errorf("SSH is %s for ever, and nobody has confirmed it", got)
				}
			})
		})
	}
}

// What begins to wait while the disk has not yet taken a confirmation is not forgotten with it.
func TestStrandingGuardWhileConfirming(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set("Ethernet/Enable SSH", "ON", "COM1/Parity", "8N1")
		two := m.as(ION, named("USER2", "two"))
		want(t, "change", two.Change(t.Context(), []Change{{Kind: Set, Object: "Ethernet/Enable SSH", Text: "OFF"}}, false), "")
		m.late, m.meanwhile = errDisk, func() {
			m.gate.guard("USER5", []stranding{{"COM1/Parity", "8N1", "8E1", WriteCommunications}})
		}
		want(t, "confirm", two.ConfirmProvisional(t.Context()), Code(errDisk.Error()))
		if _, what, ok := two.Pending(); !ok || what != "COM1/Parity" {
			t.Errorf("waits: %v %s, want COM1/Parity", ok, what)
		}
	})
}
