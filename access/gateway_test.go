package access

import (
	"errors"
	"fmt"
	"testing"
)

// What is behind the gateway is reached by who its registers let, whatever the map does.
func TestDownstream(t *testing.T) {
	for _, tc := range []struct {
		name     string
		settings []string
		remote   string
		reads    bool
		code     Code
	}{
		{"factory, read", nil, "192.0.2.7", true, ""},
		{"factory, write", nil, "192.0.2.7", false, ""},
		{"the map is closed", []string{RegisterMapAccess, "None"}, "192.0.2.7", false, ""},
		{"in Advanced", []string{RegisterMode, "Advanced"}, "192.0.2.7", false, ""},
		{"read only, read", []string{"Modbus Gateway/Access", "Read Only"}, "192.0.2.7", true, ""},
		{"read only, write", []string{"Modbus Gateway/Access", "Read Only"}, "192.0.2.7", false, CodeGatewayReadOnly},
		{"none, read", []string{"Modbus Gateway/Access", "None"}, "192.0.2.7", true, CodeGatewayClosed},
		{"none, write", []string{"Modbus Gateway/Access", "None"}, "192.0.2.7", false, CodeGatewayClosed},
		{"another address", []string{"Modbus Gateway/Allowed Addresses", "192.0.2.8"}, "192.0.2.7", true, CodeGatewayClosed},
		{"the list reads only", []string{"Modbus Gateway/Allowed Addresses", "192.0.2.7=ro"}, "192.0.2.7", false, CodeGatewayReadOnly},
		{"the list lets write, the register does not", []string{"Modbus Gateway/Allowed Addresses", "192.0.2.7=rw", "Modbus Gateway/Access", "Read Only"}, "192.0.2.7", false, CodeGatewayReadOnly},
		{"IPv6", []string{"Modbus Gateway/Allowed Addresses", "2001:db8::/64"}, "[2001:db8::7]", false, ""},
		{"no address", []string{"Modbus Gateway/Allowed Addresses", "0.0.0.0/0,::/0"}, "COM1", true, CodeGatewayClosed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, third, func(t *testing.T, m *meter) {
				m.set(tc.settings...)
				sent, err := m.client(ModbusMap, tc.remote).Downstream(5, 16, tc.reads)
				want(t, tc.name, err, tc.code)
				if (sent != nil) != (!tc.reads && tc.code == "") {
					t.Error("a write that is allowed tells its outcome, and nothing else does")
				}
			})
		})
	}
}

func TestDownstreamIsRecorded(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		s := m.client(ModbusMap, "192.0.2.7")
		sent, err := s.Downstream(5, 16, false)
		want(t, "write", err, "")
		s.Close()
		late := errors.New("the unit does not answer")
		sent(late)
		if n := len(m.records); n != 1 || m.records[0].Operation != WriteDownstream || m.records[0].Target != "unit 5, function 16" || !errors.Is(m.records[0].Err, late) {
			t.Errorf("%+v", m.records)
		}
		m.set("Modbus Gateway/Access", "None")
		_, err = m.client(ModbusMap, "192.0.2.7").Downstream(6, 3, true)
		want(t, "read", err, CodeGatewayClosed)
		if n := len(m.records); n != 2 || m.records[1].Kind != OperationRefused || m.records[1].Target != "unit 6" {
			t.Errorf("%+v", m.records)
		}
	})
}

// TestGatewayConnections: the gateway has connections of its own (security.md 7.1).
func TestGatewayConnections(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.limits = FactoryLimits()
		m.start()
		open := func(i int, gateway bool) error {
			_, err := m.gate.Open(Client{Path: ModbusMap, Remote: fmt.Sprintf("192.0.2.7:%d", 1024+i), Gateway: gateway})
			return err
		}
		for i := range 32 {
			want(t, "of the gateway", open(i, true), "")
		}
		want(t, "one more", open(32, true), CodeConnectionsUsed)
		for i := range 8 {
			want(t, "of the meter", open(100+i, false), "")
		}
		want(t, "one more", open(108, false), CodeConnectionsUsed)
	})
}
