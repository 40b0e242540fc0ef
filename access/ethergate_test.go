package access

import (
	"strings"
	"testing"
	"time"
)

// A serial port is one client's: the next is told who holds it, and gets it after. Who was
// joined, and how much went, is on record.
func TestPassThrough(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		first := m.client(EtherGate, "192.0.2.7")
		_, err := first.PassThrough("COM1")
		want(t, "off at the factory", err, CodeEtherGateClosed)
		m.set(RegisterEtherGate, "ON")
		passed, err := first.PassThrough("COM1")
		want(t, "on", err, "")
		second := m.client(EtherGate, "192.0.2.8")
		_, err = second.PassThrough("COM1")
		want(t, "a second client", err, CodeConnectionsUsed)
		if err == nil || !strings.Contains(err.Error(), "COM1 is in use by 192.0.2.7:1000 since ") {
			t.Errorf("%v does not name the holder", err)
		}
		_, err = m.client(EtherGate, "192.0.2.9").PassThrough("COM4")
		want(t, "another port", err, "")
		first.Call("COM1", "")
		time.Sleep(90 * time.Second)
		first.Close()
		passed(12, 34)
		_, err = second.PassThrough("COM1")
		want(t, "after the first has left", err, "")
		var told []string
		for _, r := range m.records {
			if r.Operation == PassThrough && r.Kind == OperationDone {
				told = append(told, r.Remote+" "+r.Target+" "+r.Is)
			}
		}
		if got, want := strings.Join(told, "\n"), "192.0.2.7:1000 COM1 joined\n192.0.2.9:1000 COM4 joined\n192.0.2.7:1000 COM1 left: after 1m30s, 12 bytes to the line and 34 from it\n192.0.2.8:1000 COM1 joined"; got != want {
			t.Errorf("on record is\n%s\nwant\n%s", got, want)
		}
	})
}

// EtherGate needs no account, so that nobody who uses it is cut off without legacy support,
// and no connection is kept for someone who could log in there.
func TestEtherGateHasNoAccounts(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		m.set(RegisterEtherGate, "ON")
		s := m.client(EtherGate, "192.0.2.7")
		if _, err := s.PassThrough("COM1"); err != nil {
			t.Fatal(err)
		}
		s.Close()
		uses, _, _, err := m.as(ION, named("USER1", "0")).Uses()
		if err != nil || len(uses) != 2 || uses[0].Path == EtherGate && uses[0].Class != Unaffected || uses[1].Path == EtherGate && uses[1].Class != Unaffected {
			t.Errorf("%+v, %v", uses, err)
		}
		if kinds := m.gate.Takes(EtherGate); len(kinds) > 0 {
			t.Errorf("%v", kinds)
		}
	})
}
