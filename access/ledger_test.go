package access

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func ledgerOf(t *testing.T, m *meter) []Use {
	t.Helper()
	list, _, _, err := m.as(ION, named("USER2", "two")).Uses()
	want(t, "ledger", err, "")
	return list
}

// Three clients name nobody, a fourth uses an account, a fifth reads the map: the ledger
// tells who would be cut off, also after a restart.
func TestLedgerTellsWhoIsLegacy(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		start := m.now()
		scada := m.client(ION, "192.0.2.10")
		scada.Call("scada", "1.0")
		_, err := scada.Registers(Readings)
		want(t, "scada", err, "")
		ems := m.client(IONOverModbus, "192.0.2.11")
		ems.Call("ems", "")
		writer, err := ems.With(t.Context(), passwordOnly("0"))
		want(t, "ems", err, "")
		want(t, "ems", writer.Change(t.Context(), []Change{{Kind: Set, Object: "Power Meter/PT Prim", Text: "1"}}, false), "")
		browser, err := m.client(Web, "192.0.2.12").Login(t.Context(), named("9000", "0"), time.Hour)
		want(t, "browser", err, "")
		_, err = browser.Events(0, 1)
		want(t, "a log that this meter does not have", err, CodeNotFound)
		good := m.client(ION, "192.0.2.13")
		good.Call("good", "2.0")
		named, err := good.With(t.Context(), named("USER3", "three"))
		want(t, "good", err, "")
		_, err = named.Registers(Readings)
		want(t, "good", err, "")
		_, err = m.client(ModbusMap, "192.0.2.14").Registers(Readings)
		want(t, "map", err, "")
		_, err = m.client(FrontPanel, "panel").Registers(Readings)
		want(t, "looking at the panel", err, "")
		_, err = m.client(ION, "192.0.2.15").With(t.Context(), passwordOnly("5"))
		want(t, "a wrong password is no use", err, CodeBadCredentials)
		view, err := scada.Registers(Readings)
		want(t, "scada", err, "")
		time.Sleep(time.Hour)
		_, err = view.Snapshot()
		want(t, "scada reads on", err, "")
		m.gate.Tick(m.now())
		check := func(when string) {
			rows := map[string]Use{}
			for _, u := range ledgerOf(t, m) {
				rows[u.Host] = u
			}
			for host, w := range map[string]struct {
				class Class
				row   string
			}{
				"192.0.2.10": {Legacy, "scada 1.0, ion, none, "},
				"192.0.2.11": {Legacy, "ems , ion over modbus, password only, "},
				"192.0.2.12": {Legacy, " , web, model number, "},
				"192.0.2.13": {Safe, "good 2.0, ion, user and password, USER3"},
				"192.0.2.14": {Unaffected, " , modbus map, none, "},
			} {
				u := rows[host]
				if row := fmt.Sprintf("%s %s, %s, %s, %s", u.Client, u.ClientVersion, u.Path, u.Credential, u.User); row != w.row || u.Class != w.class || !u.First.Equal(start) {
					t.Errorf("%s: %s is %q, %s, since %v; want %q, %s", when, host, row, u.Class, u.First, w.row, w.class)
				}
			}
			if u := rows["192.0.2.10"]; !u.Last.Equal(start.Add(time.Hour)) || u.Requests != 3 {
				t.Errorf("%s: scada was last here at %v with %d requests", when, u.Last, u.Requests)
			}
			if u := rows["192.0.2.11"]; len(u.Asked) != 1 || u.Asked[0] != "Power Meter/PT Prim" {
				t.Errorf("%s: ems asked for %v", when, u.Asked)
			}
			for _, host := range []string{"panel", "192.0.2.15"} {
				if _, there := rows[host]; there {
					t.Errorf("%s: %s is in the ledger", when, host)
				}
			}
		}
		check("at once")
		if list := ledgerOf(t, m); list[0].Class != Legacy || list[2].Class != Legacy || list[len(list)-1].Class != Unaffected {
			t.Error("legacy use does not come first")
		}
		m.powerCycle()
		check("after a restart")
		_, _, _, err = m.client(ION, "192.0.2.20").Uses()
		want(t, "who may not read it", err, CodeCredentialsNeeded)
	})
}

func TestLedgerIsBounded(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		use := func(host, name string) *Session {
			s := m.client(ION, host)
			s.Call(name, "")
			_, err := s.Registers(Readings)
			want(t, host, err, "")
			return s
		}
		var last *Session
		for i := range 200 {
			last = use("192.0.2.1", fmt.Sprint("client ", i))
		}
		if e := last.entry.Load(); e.key.client != otherClients || !e.listed.Load() {
			t.Errorf("the 200th client of an address is %+v", e.key)
		}
		if n := len(m.gate.ledger.entries); n > ledgerOfHost+1 {
			t.Errorf("%d entries of one address, want %d and one for the rest", n, ledgerOfHost)
		}
		s := use("192.0.2.2", strings.Repeat("x", 1000)+"\x00\n")
		if n := len(s.conn.name()); n != maxCalled {
			t.Errorf("a name of %d bytes is remembered", n)
		}
		// Safe use makes room before legacy use does.
		safe := m.as(ION, named("USER3", "three"))
		_, err := safe.Registers(Readings)
		want(t, "safe", err, "")
		for i := range 2 * ledgerEntries {
			time.Sleep(time.Millisecond)
			use(fmt.Sprintf("10.0.%d.%d", i/256, i%256), "x").Close()
		}
		if n := len(m.gate.ledger.entries); n != ledgerEntries {
			t.Errorf("%d entries, want %d", n, ledgerEntries)
		}
		m.gate.ledger.mu.Lock()
		for k := range m.gate.ledger.entries {
			if k.class() == Safe {
				t.Error("a safe client outlived legacy ones")
			}
		}
		if m.gate.ledger.dropped == 0 {
			t.Error("nobody is told that some are missing")
		}
		m.gate.ledger.mu.Unlock()
		_, err = safe.Registers(Readings)
		want(t, "it comes back", err, "")
	})
}

// What only moves times does not write to the disk each second.
func TestLedgerIsKeptSparingly(t *testing.T) {
	bubble(t, third, func(t *testing.T, m *meter) {
		s := m.client(ION, "192.0.2.1")
		kept := 0
		for range 600 {
			_, err := s.Registers(Readings)
			want(t, "read", err, "")
			time.Sleep(time.Second)
			m.gate.Tick(m.now())
			if m.gate.Keep(m.now(), false)[keptLedger] != nil {
				kept++
			}
		}
		if kept > 4 {
			t.Errorf("kept %d times in 10 minutes", kept)
		}
		if len(m.gate.Keep(m.now(), false)) != 0 {
			t.Error("kept again though nothing changed")
		}
	})
}
