package modbus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// wireCase is one request and its answer, byte by byte.
type wireCase struct{ name, request, response string }

// checkOrder are the rows of the check-order table of docs/modbus.md and the
// published vectors. Requests and responses are whole frames; an empty response
// means silence.
var checkOrder = []wireCase{
	// 1. The function.
	{"function 7 is not served", "0001 0000 0002 01 07", "0001 0000 0003 01 8701"},
	{"function 0", "0001 0000 0002 01 00", "0001 0000 0003 01 8001"},
	{"function 100", "0001 0000 0004 01 640102", "0001 0000 0003 01 E401"},
	{"function above 127", "0001 0000 0002 01 83", "0001 0000 0003 01 8301"},
	{"function 1 has no points yet", "0001 0000 0006 01 01 0000 0001", "0001 0000 0003 01 8101"},
	{"function 2 has no points yet", "0001 0000 0006 01 02 0000 0001", "0001 0000 0003 01 8201"},
	{"function 5 has no points yet", "0001 0000 0006 01 05 0000 FF00", "0001 0000 0003 01 8501"},
	{"function 15 has no points yet", "0001 0000 0008 01 0F 0000 0001 0101", "0001 0000 0003 01 8F01"},
	{"function before quantity: 1 wins over 3", "0001 0000 0006 01 01 0000 0000", "0001 0000 0003 01 8101"},
	{"43 with another MEI type", "0001 0000 0005 01 2B 0D0100", "0001 0000 0003 01 AB01"},
	{"43 without MEI type", "0001 0000 0002 01 2B", "0001 0000 0003 01 AB01"},
	// 2. Quantity and lengths.
	{"quantity 0", "0001 0000 0006 01 03 0BD3 0000", "0001 0000 0003 01 8303"},
	{"quantity 126", "0001 0000 0006 01 03 0BD3 007E", "0001 0000 0003 01 8303"},
	{"quantity 126 by function 4", "0001 0000 0006 01 04 0BD3 007E", "0001 0000 0003 01 8403"},
	{"quantity before address: 3 wins over 2", "0001 0000 0006 01 03 FFFF 007E", "0001 0000 0003 01 8303"},
	{"read one byte short", "0001 0000 0005 01 03 0BD3 00", "0001 0000 0003 01 8303"},
	{"read one byte long", "0001 0000 0007 01 03 0BD3 0002 00", "0001 0000 0003 01 8303"},
	{"read without body", "0001 0000 0002 01 03", "0001 0000 0003 01 8303"},
	{"write 16: byte count wrong", "0001 0000 0009 01 10 E290 0001 03 0001", "0001 0000 0003 01 9003"},
	{"write 16: data short", "0001 0000 0008 01 10 E290 0001 02 00", "0001 0000 0003 01 9003"},
	{"write 16: quantity 0", "0001 0000 0007 01 10 E290 0000 00", "0001 0000 0003 01 9003"},
	{"write 16: quantity 124", "0001 0000 00FF 01 10 E290 007C F8" + strings.Repeat("00", 248), "0001 0000 0003 01 9003"}, // longer than a frame should be
	{"23: writes 122", "0001 0000 00FF 01 17 0BD3 0001 E290 007A F4" + strings.Repeat("00", 244), "0001 0000 0003 01 9703"},
	{"a coil write longer than a frame should be", "0001 0000 00FF 01 0F 0000 07C8 F8" + strings.Repeat("00", 248), "0001 0000 0003 01 8F01"},
	{"write 6: short", "0001 0000 0005 01 06 E290 00", "0001 0000 0003 01 8603"},
	{"23: write quantity 122", "0001 0000 000B 01 17 0BD3 0001 E290 007A F4", "0001 0000 0003 01 9703"},
	{"23: read quantity 126", "0001 0000 000D 01 17 0BD3 007E E290 0001 02 0001", "0001 0000 0003 01 9703"},
	{"43/14: code 0", "0001 0000 0005 01 2B 0E0000", "0001 0000 0003 01 AB03"},
	{"43/14: code 5", "0001 0000 0005 01 2B 0E0500", "0001 0000 0003 01 AB03"},
	// 3. Addresses.
	{"last register", "0001 0000 0006 01 03 FFFF 0001", "0001 0000 0005 01 03 02 FFFF"},
	{"past the last register", "0001 0000 0006 01 03 FFFF 0002", "0001 0000 0003 01 8302"},
	{"write past the last register", "0001 0000 000B 01 10 FFFF 0002 04 0000 0000", "0001 0000 0003 01 9002"},
	{"23: write past the last register", "0001 0000 000F 01 17 0BD3 0001 FFFF 0002 04 0000 0000", "0001 0000 0003 01 9702"},
	{"43/14: no such object", "0001 0000 0005 01 2B 0E0450", "0001 0000 0003 01 AB02"},
	// 4. The gate: this policy lets nobody write.
	{"write 6 refused", "0001 0000 0006 01 06 D47A 0001", "0001 0000 0003 01 8602"},
	{"write 16 refused", "0001 0000 000B 01 10 E291 0002 04 0000 2710", "0001 0000 0003 01 9002"},
	{"23 refused", "0001 0000 000D 01 17 0BD3 0001 E290 0001 02 0001", "0001 0000 0003 01 9702"},
	// Reading.
	{"FLOAT32 230.25 V at 3028", "0001 0000 0006 01 03 0BD3 0002", "0001 0000 0007 01 03 04 4366 4000"},
	{"the same by function 4", "0001 0000 0006 01 04 0BD3 0002", "0001 0000 0007 01 04 04 4366 4000"},
	{"FLOAT32 not available at 3030", "0001 0000 0006 01 03 0BD5 0002", "0001 0000 0007 01 03 04 FFC0 0000"},
	{"half of a value", "0001 0000 0006 01 03 0BD4 0001", "0001 0000 0005 01 03 02 4000"},
	{"kW become W at 3060", "0001 0000 0006 01 03 0BF3 0002", "0001 0000 0007 01 03 04 C643 5000"},
	{"INT64 123456789012 Wh at 3204", "0001 0000 0006 01 03 0C83 0004", "0001 0000 000B 01 03 08 0000 001C BE99 1A14"},
	{"INT64 delivered + received at 3212", "0001 0000 0006 01 03 0C8B 0004", "0001 0000 000B 01 03 08 0000 001C BE99 1A15"},
	{"INT64 without a value at 3220", "0001 0000 0006 01 03 0C93 0004", "0001 0000 000B 01 03 08 8000 0000 0000 0000"},
	{"unassigned registers 3094-3095", "0001 0000 0006 01 03 0C15 0002", "0001 0000 0007 01 03 04 FFFF FFFF"},
	{"unlinked status words 2400-2401", "0001 0000 0006 01 03 095F 0002", "0001 0000 0007 01 03 04 8000 8000"},
	{"clock without a source 1837", "0001 0000 0006 01 03 072C 0001", "0001 0000 0005 01 03 02 FFFF"},
	{"enumeration in the map's order 58001", "0001 0000 0006 01 03 E290 0001", "0001 0000 0005 01 03 02 0002"},
	{"UINT32 setup 58002", "0001 0000 0006 01 03 E291 0002", "0001 0000 0007 01 03 04 0000 4E20"},
	{"nominal frequency 54395", "0001 0000 0006 01 03 D47A 0001", "0001 0000 0005 01 03 02 0000"},
	{"serial number text 117", "0001 0000 0006 01 03 0074 000C", "0001 0000 001B 01 03 18 484D2D3030303030303030303100 00000000000000000000"},
	// Unit identifiers: without a gateway any unit is the meter.
	{"unit 0", "0001 0000 0006 00 03 0BD3 0002", "0001 0000 0007 00 03 04 4366 4000"},
	{"unit 247", "0001 0000 0006 F7 03 0BD3 0002", "0001 0000 0007 F7 03 04 4366 4000"},
	{"unit 255", "0001 0000 0006 FF 03 0BD3 0002", "0001 0000 0007 FF 03 04 4366 4000"},
	{"transaction comes back", "BEEF 0000 0006 01 03 0BD3 0002", "BEEF 0000 0007 01 03 04 4366 4000"},
	// Identification.
	{"43/14 basic", "0001 0000 0005 01 2B 0E0100", "0001 0000 0022 01 2B 0E 01 83 00 00 03 00 08 6865706D65746572 01 07 494F4E39303030 02 05 332E302E30"},
	{"43/14 one object", "0001 0000 0005 01 2B 0E0480", "0001 0000 0017 01 2B 0E 04 83 00 00 01 80 0D 484D2D30303030303030303031"},
	{"43/14 basic from an unknown object starts over", "0001 0000 0005 01 2B 0E0109", "0001 0000 0022 01 2B 0E 01 83 00 00 03 00 08 6865706D65746572 01 07 494F4E39303030 02 05 332E302E30"},
	// Framing.
	{"another protocol is not answered", "0001 0001 0006 01 03 0BD3 0002", ""},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eachTransport runs a test on the event loop and on goroutines; where the system
// has no event loop, both are goroutines.
func eachTransport(t *testing.T, test func(*testing.T, Options)) {
	t.Run("loop", func(t *testing.T) { test(t, Options{}) })
	t.Run("goroutines", func(t *testing.T) { test(t, Options{goroutines: true}) })
}

func TestCheckOrder(t *testing.T) { eachTransport(t, checkOrderOn) }

func checkOrderOn(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, o)
	for _, tc := range checkOrder {
		t.Run(tc.name, func(t *testing.T) {
			conn := dial(t, address)
			if _, err := conn.Write(unhex(t, tc.request)); err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(conn)
			if err != nil && tc.response != "" {
				t.Fatal(err)
			}
			if want := unhex(t, tc.response); !bytes.Equal(got, want) {
				t.Errorf("% X\nwant\n% X", got, want)
			}
		})
	}
}

// communications.md 12: the block that a production client reads, across gaps.
func TestReadAcrossGaps(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, Options{})
	conn := dial(t, address)
	if _, err := conn.Write(unhex(t, "0001 0000 0006 01 03 0BB7 0070")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 7+2+224)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	register := func(n int) []byte { return answer[9+2*(n-3000):][:4] }
	for n, want := range map[int]string{3000: "FFC00000", 3028: "43664000", 3060: "C6435000", 3094: "FFFFFFFF", 3108: "FFFFFFFF", 3110: "42480A3D"} {
		if got := strings.ToUpper(hex.EncodeToString(register(n))); got != want {
			t.Errorf("register %d: %s, want %s", n, got, want)
		}
	}
}

// Every frame of the table, cut at every byte boundary: the answer is the same as
// to the whole frame.
func TestFramesCutEverywhere(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	server := New(gate, testMap(t), Options{})
	for _, tc := range checkOrder {
		if tc.response == "" {
			continue
		}
		request, want := unhex(t, tc.request), unhex(t, tc.response)
		for cut := range len(request) {
			c := enter(t, server.handler)
			out := make([]byte, 0, answerBuffer)
			used, out, err := server.handler.exchange(c, request[:cut], out)
			if used != 0 || len(out) != 0 || err != nil {
				t.Fatalf("%s: %d of %d bytes: used %d, answered % X, %v", tc.name, cut, len(request), used, out, err)
			}
			used, out, err = server.handler.exchange(c, request, out)
			if used != len(request) || !bytes.Equal(out, want) || err != nil {
				t.Fatalf("%s: used %d, answered % X, %v", tc.name, used, out, err)
			}
			c.session.Close()
		}
	}
}

// The same through a real connection, one write per piece, for a few cuts and byte
// by byte.
func TestFramesSplitOnTheWire(t *testing.T) { eachTransport(t, framesSplitOnTheWire) }

func framesSplitOnTheWire(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, o)
	conn := dial(t, address)
	request := unhex(t, "0001 0000 0006 01 03 0BD3 0002")
	want := unhex(t, "0001 0000 0007 01 03 04 4366 4000")
	for size := 1; size <= len(request); size++ {
		for rest := request; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := conn.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("pieces of %d: % X, %v", size, got, err)
		}
	}
}

// A burst of pipelined requests is answered completely and in order, also where it
// does not fit in a buffer.
func TestPipelinedBurst(t *testing.T) { eachTransport(t, pipelinedBurst) }

func pipelinedBurst(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, o)
	conn := dial(t, address)
	const requests = 2000
	var burst []byte
	for i := range requests {
		start := len(burst)
		burst = modbus.BeginFrame(burst, modbus.Header{Transaction: uint16(i), Unit: 1})
		burst = modbus.AppendReadRequest(burst, modbus.ReadHoldingRegisters, 2999, 1+i%125)
		modbus.EndFrame(burst, start)
	}
	sent := make(chan error, 1)
	go func() { _, err := conn.Write(burst); sent <- err }()
	for i := range requests {
		answer := make([]byte, 9+2*(1+i%125))
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if h, pdu := modbus.ParseHeader(answer); h.Transaction != uint16(i) || int(pdu[1]) != 2*(1+i%125) {
			t.Fatalf("answer %d: % X", i, answer[:9])
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// The length field is the frame boundary: bytes that it counts belong to the frame
// even if the function needs fewer, and the next frame is found behind them.
func TestLengthFieldIsTheBoundary(t *testing.T) { eachTransport(t, lengthFieldIsTheBoundary) }

func lengthFieldIsTheBoundary(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, o)
	conn := dial(t, address)
	long := "0001 0000 0010 01 03 0BD3 0002 0102030405060708090A"
	alien := "0002 1234 0006 01 03 0BD3 0002"
	good := "0003 0000 0006 01 03 0BD3 0002"
	if _, err := conn.Write(unhex(t, long+alien+good)); err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "0001 0000 0003 01 8303"+"0003 0000 0007 01 03 04 4366 4000")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("% X, %v", got, err)
	}
}

// A length that no frame can have leaves no boundary to find: what came before is
// answered, and the connection is closed.
func TestImpossibleLengthsCloseTheConnection(t *testing.T) {
	eachTransport(t, impossibleLengthsCloseTheConnection)
}

func impossibleLengthsCloseTheConnection(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	server, address := start(t, gate, o)
	good := "0003 0000 0006 01 03 0BD3 0002"
	for _, bad := range []string{
		"0004 0000 0000 01 03 0BD3 0002",
		"0004 0000 0001 01 03 0BD3 0002",
		"0004 0000 010B 01 03 0BD3 0002",
		"0004 0000 FFFF 01 03 0BD3 0002",
		hex.EncodeToString([]byte("GET / HTTP/1.1\r\n\r\n")),
	} {
		conn := dial(t, address)
		if _, err := conn.Write(unhex(t, good+bad)); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn) // the close may come as a reset, with bytes unread
		if want := unhex(t, "0003 0000 0007 01 03 04 4366 4000"); !bytes.Equal(got, want) {
			t.Errorf("%s: % X", bad, got)
		}
	}
	if got := server.Counters().Malformed; got != 5 {
		t.Errorf("%d malformed connections counted, want 5", got)
	}
}

// 43/14 with names too long for one response goes on where it stopped.
func TestIdentificationInSeveralAnswers(t *testing.T) {
	meter := newTestMeter()
	meter.set(map[string]access.Value{
		"Factory/Device Name":  text(strings.Repeat("n", 200)),
		"Factory/Manufacturer": text(strings.Repeat("m", 300)),
	})
	gate, _ := newTestGate(t, meter, openRead(t), nil)
	_, address := start(t, gate, Options{})
	client := modbus.NewClient(dial(t, address), 1)
	var objects []modbus.DeviceIDObject
	next, answers := byte(0), 0
	for {
		pdu, err := client.Do(modbus.AppendDeviceIDRequest(nil, modbus.DeviceIDRequest{Code: 3, Object: next}))
		if err != nil {
			t.Fatal(err)
		}
		r, err := modbus.ParseDeviceID(pdu)
		if err != nil {
			t.Fatal(err)
		}
		answers++
		objects = append(objects, r.Objects...)
		if !r.More {
			break
		}
		next = r.Next
	}
	if want := testMap(t).Identification; len(objects) != len(want) || answers < 3 {
		t.Fatalf("%d objects in %d answers, want %d in at least 3", len(objects), answers, len(want))
	}
	for i, o := range testMap(t).Identification {
		if objects[i].ID != o.ID {
			t.Errorf("object %d is 0x%02X, want 0x%02X", i, objects[i].ID, o.ID)
		}
	}
	if len(objects[0].Text) != 244 || len(objects[6].Text) != 200 {
		t.Errorf("lengths %d and %d, want 244 (cut) and 200", len(objects[0].Text), len(objects[6].Text))
	}
}

// A closed map answers exception 2 to reads (communications.md 12: 83 02).
func TestClosedMap(t *testing.T) {
	gate, log := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, Options{})
	client := modbus.NewClient(dial(t, address), 1)
	if _, err := client.ReadRegisters(3027, 2); err != nil {
		t.Fatal(err)
	}
	gate.SetSecurity(closedMapping(t))
	if _, err := client.ReadRegisters(3027, 2); !isException(err, modbus.IllegalDataAddress) {
		t.Errorf("closed map: %v, want exception 2", err)
	}
	if _, err := client.Do(modbus.AppendDeviceIDRequest(nil, modbus.DeviceIDRequest{Code: 1})); err != nil {
		t.Fatal(err)
	}
	gate.SetSecurity(openRead(t))
	if _, err := client.ReadRegisters(3027, 2); err != nil {
		t.Errorf("map opened again: %v", err)
	}
	records := log.all()
	if len(records) != 2 || records[0].Operation != access.ReadMeasurement || records[0].Path != access.ModbusMap || records[0].Code != access.CodeMapClosed {
		t.Errorf("audit %+v, want the two refusals", records)
	}
}

func TestNoSnapshotYet(t *testing.T) {
	gate, _ := newTestGate(t, new(testMeter), openRead(t), nil)
	_, address := start(t, gate, Options{})
	if _, err := modbus.NewClient(dial(t, address), 1).ReadRegisters(3027, 2); !isException(err, modbus.ServerDeviceFailure) {
		t.Errorf("%v, want exception 4", err)
	}
}

// A new snapshot is served at the next read, and a new layout is found again.
func TestImageFollowsSnapshotAndLayout(t *testing.T) {
	meter := newTestMeter()
	gate, _ := newTestGate(t, meter, openRead(t), nil)
	_, address := start(t, gate, Options{})
	client := modbus.NewClient(dial(t, address), 1)
	read := func(wire int) uint32 {
		words, err := client.ReadRegisters(wire, 2)
		if err != nil {
			t.Fatal(err)
		}
		return float(words)
	}
	if got := read(3027); got != 0x43664000 {
		t.Fatalf("%08X, want 230.25", got)
	}
	meter.set(map[string]access.Value{"Power Meter/Vln a": number(231)})
	if got := read(3027); got != 0x43670000 {
		t.Errorf("after a new snapshot %08X, want 231", got)
	}
	if got := read(2999); got != 0xFFC00000 {
		t.Errorf("current A before it exists: %08X, want not available", got)
	}
	meter.set(map[string]access.Value{"Power Meter/Ia": number(1)})
	if got := read(2999); got != 0x3F800000 {
		t.Errorf("current A in the new layout: %08X, want 1", got)
	}
}

func TestConnectionLimit(t *testing.T) { eachTransport(t, connectionLimit) }

func connectionLimit(t *testing.T, o Options) {
	limits := access.OpenLimits()
	limits.Path[access.ModbusMap] = 2
	gate, _ := newLimitedGate(t, newTestMeter(), openRead(t), nil, limits)
	server, address := start(t, gate, o)
	first, second := dial(t, address), dial(t, address)
	for _, c := range []net.Conn{first, second} {
		if _, err := modbus.NewClient(c, 1).ReadRegisters(0, 1); err != nil {
			t.Fatal(err)
		}
	}
	third := dial(t, address)
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("third connection: %v, want it closed by the server", err)
	}
	first.Close()
	eventually(t, "the first connection is gone", func() bool { return server.Counters().Connections == 1 })
	if _, err := modbus.NewClient(dial(t, address), 1).ReadRegisters(0, 1); err != nil {
		t.Errorf("after one left: %v", err)
	}
	if c := server.Counters(); c.Rejected != 1 || c.Accepted != 3 || c.Requests != 3 {
		t.Errorf("counters %+v, want 3 accepted, 1 rejected, 3 requests", c)
	}
	eventually(t, "two sessions are open", func() bool { return gate.Counters().Connections == 2 })
}

func TestIdleConnectionIsClosed(t *testing.T) { eachTransport(t, idleConnectionIsClosed) }

func idleConnectionIsClosed(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	o.IdleTimeout = 50 * time.Millisecond
	server, address := start(t, gate, o)
	conn := dial(t, address)
	// Half a request is not a request: it does not keep the connection alive.
	if _, err := conn.Write([]byte{0, 1, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("an idle connection got bytes, want it closed")
	}
	eventually(t, "the connection is counted", func() bool {
		c := server.Counters()
		return c.TimedOut == 1 && c.Connections == 0
	})
}

// A client that asks and never reads is closed after the write limit, and delays
// nobody meanwhile.
func TestSlowReaderDelaysNobody(t *testing.T) { eachTransport(t, slowReaderDelaysNobody) }

func slowReaderDelaysNobody(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	o.WriteTimeout = time.Second
	server, address := start(t, gate, o)
	slow := dial(t, address)
	_ = slow.(*net.TCPConn).SetReadBuffer(4096)
	go func() {
		var burst []byte
		for i := range 500 {
			start := len(burst)
			burst = modbus.BeginFrame(burst, modbus.Header{Transaction: uint16(i), Unit: 1})
			burst = modbus.AppendReadRequest(burst, modbus.ReadHoldingRegisters, 2999, 125)
			modbus.EndFrame(burst, start)
		}
		for {
			if _, err := slow.Write(burst); err != nil {
				return // closed by the server, as it must be
			}
		}
	}()
	quick := modbus.NewClient(dial(t, address), 1)
	worst := time.Duration(0)
	for server.Counters().TimedOut == 0 {
		began := time.Now()
		if _, err := quick.ReadRegisters(2999, 10); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(began))
	}
	// A server that waited for the slow client would wait for the whole limit.
	if worst > o.WriteTimeout*3/4 {
		t.Errorf("a read took %v while a slow client hung", worst)
	}
}

// A peer that vanishes in the middle of a request leaves nothing behind.
func TestVanishingPeers(t *testing.T) { eachTransport(t, vanishingPeers) }

func vanishingPeers(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	server, address := start(t, gate, o)
	request := unhex(t, "0001 0000 0006 01 03 0BD3 0002")
	for cut := range len(request) + 1 {
		conn := dial(t, address)
		_, _ = conn.Write(request[:cut])
		if cut%2 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly end
		}
		conn.Close()
	}
	eventually(t, "all connections are gone", func() bool {
		c := server.Counters()
		return c.Connections == 0 && c.Accepted == uint64(len(request)+1) && gate.Counters().Connections == 0
	})
}

func TestThreeHundredConnections(t *testing.T) { eachTransport(t, threeHundredConnections) }

func threeHundredConnections(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	server, address := start(t, gate, o)
	conns := make([]net.Conn, 300)
	for i := range conns {
		conns[i] = dial(t, address)
	}
	results := make(chan error, len(conns))
	for _, c := range conns {
		go func() {
			client := modbus.NewClient(c, 1)
			for range 20 {
				words, err := client.ReadRegisters(3027, 125)
				if err == nil && float(words) != 0x43664000 {
					err = errors.New("wrong value")
				}
				if err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	for range conns {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	if c := server.Counters(); c.Requests != 300*20 || c.Connections != 300 || c.Exceptions != 0 {
		t.Errorf("counters %+v, want 6000 requests on 300 connections", c)
	}
	// Finding the registers takes one snapshot more.
	if got := gate.Counters().Reads; got != 300*20+1 {
		t.Errorf("the gate counted %d reads, want 6001", got)
	}
}

// The end of the server is an orderly end of every connection, and of Serve.
func TestShutdown(t *testing.T) { eachTransport(t, shutdown) }

func shutdown(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(gate, testMap(t), o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	var conns []net.Conn
	for range 5 {
		conn := dial(t, l.Addr().String())
		if _, err := modbus.NewClient(conn, 1).ReadRegisters(3027, 2); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	for _, conn := range conns {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("connection after the end: %v, want EOF", err)
		}
	}
	if c, open := s.Counters(), gate.Counters().Connections; c.Connections != 0 || open != 0 {
		t.Errorf("%d connections and %d sessions are left", c.Connections, open)
	}
}

// A listener that fails is an error that names it, and not an endless loop.
func TestListenerFails(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := New(gate, testMap(t), Options{}).Serve(context.Background(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v, want an error that names %s", err, l.Addr())
	}
}

// More answers than the sockets take: everything arrives in the end, in order.
func TestBackpressureLosesNothing(t *testing.T) { eachTransport(t, backpressureLosesNothing) }

func backpressureLosesNothing(t *testing.T, o Options) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	server, address := start(t, gate, o)
	conn := dial(t, address)
	const requests = 80000 // 20 MB of answers: more than both socket buffers hold
	go func() {
		var frame []byte
		for i := range requests {
			frame = modbus.AppendReadRequest(modbus.BeginFrame(frame[:0], modbus.Header{Transaction: uint16(i), Unit: 1}), modbus.ReadHoldingRegisters, 2999, 125)
			modbus.EndFrame(frame, 0)
			if _, err := conn.Write(frame); err != nil {
				return // the reader sees what is missing
			}
		}
	}()
	// Nothing is read until the server has answered all that the sockets take.
	answered := uint64(0)
	eventually(t, "the sockets are full", func() bool {
		before := answered
		time.Sleep(20 * time.Millisecond)
		answered = server.Counters().Requests
		return answered == before && answered > 0
	})
	if answered == requests {
		t.Fatal("the sockets took everything; the test needs more requests")
	}
	in := bufio.NewReader(conn)
	answer := make([]byte, 259)
	for i := range requests {
		if _, err := io.ReadFull(in, answer); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if h, pdu := modbus.ParseHeader(answer); h.Transaction != uint16(i) || pdu[1] != 250 {
			t.Fatalf("answer %d: % X", i, answer[:9])
		}
	}
}

func TestAnsweringAllocatesNothing(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	h := newHandler(gate, testMap(t), mbap{})
	c := enter(t, h)
	request := unhex(t, "0001 0000 0006 01 03 0BB7 007D")
	out := make([]byte, 0, answerBuffer)
	if n := testing.AllocsPerRun(100, func() { _, out, _, _ = h.serve(c, request, out[:0]) }); n != 0 {
		t.Errorf("%v allocations per request, want 0", n)
	}
}

func FuzzServe(f *testing.F) {
	for _, tc := range checkOrder {
		f.Add(unhex(f, tc.request))
	}
	f.Add(unhex(f, checkOrder[0].request+checkOrder[1].request))
	gate, _ := newTestGate(f, newTestMeter(), openRead(f), nil)
	h := newHandler(gate, testMap(f), mbap{})
	f.Fuzz(func(t *testing.T, in []byte) {
		c := enter(t, h)
		defer c.session.Close()
		for {
			used, out, err := h.exchange(c, in, make([]byte, 0, answerBuffer))
			// Whatever came in, only whole frames go out.
			for rest := out; len(rest) > 0; {
				n, ferr := modbus.FrameLength(rest)
				if ferr != nil || n == 0 || n > len(rest) {
					t.Fatalf("answer % X has no frame boundary at % X", out, rest)
				}
				rest = rest[n:]
			}
			if used > len(in) {
				t.Fatalf("used %d of %d bytes", used, len(in))
			}
			in = in[used:]
			if used == 0 || err != nil {
				return
			}
		}
	})
}
