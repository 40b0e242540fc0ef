package modbus

import (
	"net"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// mapOperation is something that a client can ask of the map, with what User1 needs for
// it under LSS.
type mapOperation struct {
	name  string
	unit  byte
	pdu   []byte
	read  bool
	sync  bool // a broadcast of the time
	needs []string
}

func mapOperations() []mapOperation {
	write := func(number int, words ...uint16) []byte {
		return modbus.AppendWriteRequest(nil, number-1, words)
	}
	return []mapOperation{
		{name: "read", unit: 1, pdu: modbus.AppendReadRequest(nil, modbus.ReadHoldingRegisters, 3027, 2), read: true, needs: []string{"Read Access"}},
		{name: "identify", unit: 1, pdu: modbus.AppendDeviceIDRequest(nil, modbus.DeviceIDRequest{Code: 1}), read: true, needs: []string{"Read Access"}},
		{name: "write setup", unit: 1, pdu: write(54395, 1), needs: []string{"Read Access", "Full Meter Config Access"}},
		{name: "write setup by function 6", unit: 1, pdu: modbus.AppendWriteSingleRequest(nil, 54394, 1), needs: []string{"Read Access", "Full Meter Config Access"}},
		{name: "write External Numeric", unit: 255, pdu: write(58021, 0x4366, 0x4000), needs: []string{"Read Access", "Full Meter Config Access"}},
		{name: "External Pulse", unit: 1, pdu: write(58051, 1), needs: []string{"Read Access", "Full Meter Config Access"}},
		{name: "reset of minima and maxima", unit: 1, pdu: write(58013, 1), needs: []string{"Read Access", "Full Meter Config Access"}},
		{name: "peak demand reset", unit: 1, pdu: write(58012, 1), needs: []string{"Read Access", "Full Meter Config Access", "Peak Demand Reset Access"}},
		{name: "clock", unit: 1, pdu: write(58010, 0x4A4A, 0xC320), needs: []string{"Read Access", "Full Meter Config Access", "Time Sync Access"}},
		{name: "broadcast of the time", unit: 0, pdu: write(58010, 0x4A4A, 0xC320), sync: true},
	}
}

// allowed states the rules of the map in other words than the gate does (DESIGN 4;
// security.md 5.3).
func (op mapOperation) allowed(mode access.Mode, mapAccess string, boxes []string, broadcast bool) bool {
	has := func(box string) bool {
		for _, b := range boxes {
			if b == box {
				return true
			}
		}
		return false
	}
	if op.sync { // the map has no say in it, and before accounts there is no choice
		return mode == access.None || mode == access.Standard || broadcast && (mode != access.LSS || has("Time Sync Access"))
	}
	switch mode {
	case access.None:
		return true
	case access.Standard:
		return op.read
	case access.Advanced:
		return op.read && mapAccess != "None"
	}
	if mapAccess == "None" || mapAccess == "Read Only" && !op.read {
		return false
	}
	for _, box := range op.needs {
		if !has(box) {
			return false
		}
	}
	return true
}

// Map access × mode × User1's permissions × broadcast time sync × operation, through real
// connections: done, or exception 2.
func TestMapAccess(t *testing.T) { eachTransport(t, mapAccess) }

func mapAccess(t *testing.T, o Options) {
	works := new(testWorks)
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), works)
	_, address := start(t, gate, o)
	conn := dial(t, address)
	cases, refused := 0, 0
	for _, era := range []struct {
		generation access.Generation
		modes      []access.Mode
	}{{generation2, []access.Mode{access.None, access.Standard, access.Advanced}}, {generation3, []access.Mode{access.LSS, access.Advanced}}} {
		for _, mode := range era.modes {
			for _, mapAccess := range []string{"None", "Read Only", "Read/Write"} {
				for set := range 1 << 4 { // the other three boxes are none of the map's
					boxes := []string{}
					for i, box := range []string{"Read Access", "Full Meter Config Access", "Peak Demand Reset Access", "Time Sync Access"} {
						if set&(1<<i) != 0 {
							boxes = append(boxes, box)
						}
					}
					for _, broadcast := range []bool{false, true} {
						settings := map[string]string{"Security Mode": mode.String(), "Modbus Map Access": mapAccess, "Allow Broadcast Time Sync": onOff(broadcast)}
						gate.SetSecurity(securitySet(t, era.generation, boxes, settings))
						for _, op := range mapOperations() {
							before := len(works.all())
							answer, err := modbus.NewClient(conn, op.unit).Do(op.pdu)
							if err != nil {
								t.Fatalf("%s: %v", op.name, err)
							}
							cases++
							want := op.allowed(mode, mapAccess, boxes, broadcast)
							if !want {
								refused++
							}
							if ok := answer[0] == op.pdu[0]; ok != want || !ok && answer[1] != 2 {
								t.Errorf("%s %s, map %s, User1 %v, broadcast %v: %s answered % X, want allowed %v", era.generation.Name, mode, mapAccess, boxes, broadcast, op.name, answer, want)
							}
							if done := len(works.all()) - before; done == 1 != (want && !op.read) {
								t.Errorf("%s %s, map %s, User1 %v, broadcast %v: %s did %d changes", era.generation.Name, mode, mapAccess, boxes, broadcast, op.name, done)
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d cases, %d of them refused", cases, refused)
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// A write without User1's account at all is refused, and so is reading under LSS.
func TestWithoutUser1TheMapIsClosedUnderLSS(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), securitySet(t, generation3, nil, map[string]string{"Modbus Map Access": "Read/Write"}), nil)
	_, address := start(t, gate, Options{})
	client := modbus.NewClient(dial(t, address), 1)
	for _, pdu := range [][]byte{modbus.AppendReadRequest(nil, modbus.ReadHoldingRegisters, 3027, 2), modbus.AppendWriteSingleRequest(nil, 54394, 1)} {
		if answer, err := client.Do(pdu); err != nil || answer[0] != pdu[0]|0x80 || answer[1] != 2 {
			t.Errorf("% X, %v; want exception 2", answer, err)
		}
	}
}

// "Disabling a protocol stops new sockets only" (security.md 7.1).
func TestSwitchedOffTakesNoNewConnections(t *testing.T) {
	eachTransport(t, switchedOffTakesNoNewConnections)
}

func switchedOffTakesNoNewConnections(t *testing.T, o Options) {
	meter := newTestMeter()
	gate, _ := newTestGate(t, meter, openRead(t), nil)
	server, address := start(t, gate, o)
	early := dial(t, address)
	send(t, early, readRequest)
	expect(t, early, readAnswer)
	meter.set(map[string]access.Value{"Ethernet/Enable Modbus TCP": boolean(false)})
	gone(t, dial(t, address))
	send(t, early, readRequest)
	expect(t, early, readAnswer)
	meter.set(map[string]access.Value{"Ethernet/Enable Modbus TCP": boolean(true)})
	late := dial(t, address)
	send(t, late, readRequest)
	expect(t, late, readAnswer)
	if c := server.Counters(); c.Rejected != 1 || c.Accepted != 2 {
		t.Errorf("counters %+v, want 2 accepted and 1 rejected", c)
	}
}

// All connections read the same image, and each read is counted for who made it.
func TestReadsAreCountedByConnection(t *testing.T) { eachTransport(t, readsAreCountedByConnection) }

func readsAreCountedByConnection(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), securitySet(t, generation2, nil, map[string]string{"Security Mode": "None"}), nil)
	_, address := start(t, gate, o)
	// Finding the registers takes the first one snapshot more.
	wanted := map[string]uint64{}
	for i, reads := range []int{5, 7} {
		conn := dial(t, address)
		for range reads {
			send(t, conn, readRequest)
			expect(t, conn, readAnswer)
		}
		wanted[conn.LocalAddr().String()] = uint64(reads + 1 - i)
	}
	administrator, err := gate.Open(access.Client{Path: access.ION, Remote: "192.0.2.9:1"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := administrator.Connections()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if want, ours := wanted[c.Remote]; ours && c.Requests != want {
			t.Errorf("%s: %d reads counted, want %d", c.Remote, c.Requests, want)
		}
		delete(wanted, c.Remote)
	}
	if len(wanted) != 0 {
		t.Errorf("connections %v are not listed", wanted)
	}
	uses, _, _, err := administrator.Uses()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(address)
	for _, u := range uses {
		if u.Host == host && u.Path == access.ModbusMap {
			if u.Class != access.Unaffected || u.Requests < 12 {
				t.Errorf("%+v, want at least 12 requests of a client that is unaffected", u)
			}
			return
		}
	}
	t.Errorf("the ledger %+v does not list the map's reader", uses)
}
