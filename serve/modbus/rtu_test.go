package modbus

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// inRTU is a frame of Modbus TCP as it is on a line: address and PDU are the same.
func inRTU(t testing.TB, mbap string) []byte {
	t.Helper()
	frame := unhex(t, mbap)
	if len(frame) == 0 {
		return nil
	}
	return modbus.EndRTU(frame[modbus.HeaderLength-1:], 0)
}

// lineSecurity is security of a meter that is unit on its line.
func lineSecurity(t testing.TB, unit string, settings map[string]string) *access.Security {
	t.Helper()
	all := map[string]string{UnitRegister: unit}
	for label, text := range settings {
		all["Security Options/"+label] = text
	}
	for _, box := range allBoxes {
		all["Security User 1/"+box] = "ON"
	}
	security, err := access.NewSecurity(generation3, "9000", all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return security
}

// One handler: what Modbus TCP answers to a request, an RTU frame gets around the same PDU.
func TestRTUAnswersAsModbusTCPDoes(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "1", nil), nil)
	s := NewRTU(gate, testMap(t), Options{})
	compared := 0
	for _, tc := range checkOrder {
		frame := unhex(t, tc.request)
		request := inRTU(t, tc.request)
		if _, n := modbus.FindRTURequest(request); n != len(request) || frame[6] != 1 || frame[3] != 0 {
			continue // of another length than its function has: no frame. Another unit: below
		}
		compared++
		t.Run(tc.name, func(t *testing.T) {
			c := enter(t, s.handler)
			for cut := range len(request) {
				if used, out, err := s.handler.exchange(c, request[:cut], make([]byte, 0, answerBuffer)); used != 0 || len(out) != 0 || err != nil {
					t.Fatalf("%d of %d bytes: used %d, answered % X, %v", cut, len(request), used, out, err)
				}
			}
			used, got, err := s.handler.exchange(c, request, make([]byte, 0, answerBuffer))
			if want := inRTU(t, tc.response); used != len(request) || err != nil || !bytes.Equal(got, want) {
				t.Errorf("% X, %v; want % X", got, err, want)
			}
		})
	}
	if compared < 30 {
		t.Errorf("%d requests were compared; want most of the table", compared)
	}
}

// DESIGN 7: on RTU over TCP only the own unit answers. Silence is told by the answer to the
// request behind.
func TestRTUSilence(t *testing.T) {
	const own = "0001 0000 0006 64 03 0BD3 0002"
	broken := inRTU(t, own)
	broken[len(broken)-1] ^= 1
	for _, tc := range []struct {
		name    string
		request []byte
	}{
		{"another unit", inRTU(t, "0001 0000 0006 01 03 0BD3 0002")},
		{"unit 255", inRTU(t, "0001 0000 0006 FF 03 0BD3 0002")},
		{"another unit's write", inRTU(t, "0001 0000 0006 01 06 D47A 0001")},
		{"a wrong CRC", broken},
		{"a read for everyone", inRTU(t, "0001 0000 0006 00 03 0BD3 0002")},
		{"a broadcast that is refused", inRTU(t, "0001 0000 0006 00 06 D47A 0001")},
		{"text", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"Modbus TCP", unhex(t, own)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			works := new(testWorks)
			gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "100", nil), works)
			address := serveRTU(t, gate)
			conn := dial(t, address)
			if _, err := conn.Write(append(bytes.Clone(tc.request), inRTU(t, own)...)); err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(conn)
			if want := inRTU(t, "0001 0000 0007 64 03 04 4366 4000"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("% X, %v; want the answer to the second request alone, % X", got, err, want)
			}
			if done := works.all(); len(done) != 0 {
				t.Errorf("done: %+v", done)
			}
		})
	}
}

// The unit follows its register, also on connections that are open; one that Modbus does
// not have is nobody's.
func TestRTUUnitFollowsItsRegister(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "100", nil), nil)
	s := NewRTU(gate, testMap(t), Options{})
	c := enter(t, s.handler)
	for _, tc := range []struct {
		register string
		unit     byte
		answers  bool
	}{{"100", 100, true}, {"7", 100, false}, {"7", 7, true}, {"247", 247, true}, {"248", 248, false}, {"9999", 15, false}, {"", 100, false}} {
		gate.SetSecurity(lineSecurity(t, tc.register, nil))
		request := modbus.EndRTU(modbus.AppendReadRequest(modbus.BeginRTU(nil, tc.unit), modbus.ReadHoldingRegisters, 3027, 2), 0)
		_, got, err := s.handler.exchange(c, request, make([]byte, 0, answerBuffer))
		if err != nil || (len(got) > 0) != tc.answers {
			t.Errorf("register %q, unit %d: % X, %v; want an answer: %v", tc.register, tc.unit, got, err, tc.answers)
		}
	}
}

// A write is answered when it is durable, a broadcast of the time is obeyed in silence.
func TestRTUWrites(t *testing.T) {
	works := new(testWorks)
	gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "100", map[string]string{"Modbus Map Access": "Read/Write"}), works)
	conn := dial(t, serveRTU(t, gate))
	write, clock := inRTU(t, "0001 0000 0006 64 06 D47A 0001"), inRTU(t, "0001 0000 000B 00 10 E299 0002 04 4A4A C320")
	if _, err := conn.Write(append(bytes.Clone(clock), write...)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(write))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, write) {
		t.Errorf("% X, %v; want the write's echo alone, % X", got, err, write)
	}
	done := works.all()
	if len(done) != 2 || !done[0][0].Broadcast || done[0][0].Kind != access.SetTime || done[1][0].Object != "Factory/Nominal Frequency" {
		t.Errorf("done: %+v; want the time, then the frequency", done)
	}
}

// Ethernet/Enable Modbus RTU over TCP is this server's switch, and Modbus TCP's is not.
func TestRTUSwitchedOff(t *testing.T) {
	meter := newTestMeter()
	gate, _ := newTestGate(t, meter, lineSecurity(t, "100", nil), nil)
	address := serveRTU(t, gate)
	for _, tc := range []struct {
		register string
		serves   bool
	}{{"Ethernet/Enable Modbus TCP", true}, {"Ethernet/Enable Modbus RTU over TCP", false}} {
		meter.set(map[string]access.Value{tc.register: boolean(false)})
		conn := dial(t, address)
		_, _ = conn.Write(inRTU(t, "0001 0000 0006 64 03 0BD3 0002")) // may fail: it is closed at once
		_, err := io.ReadFull(conn, make([]byte, 9))
		if (err == nil) != tc.serves {
			t.Errorf("%s OFF: %v, want it served: %v", tc.register, err, tc.serves)
		}
	}
}

// A silence ends what has come of a frame: so what was cut off does not swallow the next
// request. A pause that is no silence does not.
func TestRTUFramesEndInSilence(t *testing.T) {
	const silence = 500 * time.Millisecond
	// The beginning of a write of 255 bytes, as a gateway leaves it that loses the rest.
	torn := "64 10 E290 007F FE 0000"
	for _, tc := range []struct {
		name    string
		pause   time.Duration
		answers bool
	}{{"silence", silence, true}, {"a pause", silence - time.Millisecond, false}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "100", nil), nil)
				s := NewRTU(gate, testMap(t), Options{Silence: silence})
				here, there := net.Pipe()
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				writers := &writers{ctx: ctx, running: &running, timeout: time.Second}
				running.Go(func() { s.converse(ctx, there, writers) })
				defer running.Wait()
				defer cancel()
				defer here.Close()
				if _, err := here.Write(unhex(t, torn)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tc.pause) // of the bubble's time
				if _, err := here.Write(inRTU(t, "0001 0000 0006 64 03 0BD3 0002")); err != nil {
					t.Fatal(err)
				}
				_ = here.SetReadDeadline(time.Now().Add(time.Second))
				got := make([]byte, 9)
				if _, err := io.ReadFull(here, got); (err == nil) != tc.answers {
					t.Errorf("% X, %v; want an answer: %v", got, err, tc.answers)
				}
			})
		})
	}
}

// A connection on which no request comes is closed, as in Modbus TCP.
func TestRTUIdleConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "100", nil), nil)
		s := NewRTU(gate, testMap(t), Options{IdleTimeout: time.Minute})
		here, there := net.Pipe()
		var running sync.WaitGroup
		writers := &writers{ctx: t.Context(), running: &running, timeout: time.Second}
		running.Go(func() { s.converse(t.Context(), there, writers) })
		began := time.Now()
		if _, err := here.Read(make([]byte, 1)); err == nil {
			t.Error("an idle connection got bytes")
		}
		if after := time.Since(began); after < time.Minute || after > 75*time.Second {
			t.Errorf("closed after %v, want 60 to 75 s", after)
		}
		running.Wait()
		if c := s.Counters(); c.TimedOut != 1 || c.Connections != 0 {
			t.Errorf("counters %+v", c)
		}
	})
}

func TestRTUAnsweringAllocatesNothing(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), lineSecurity(t, "100", nil), nil)
	h := NewRTU(gate, testMap(t), Options{}).handler
	c := enter(t, h)
	request := inRTU(t, "0001 0000 0006 64 03 0BB7 007D")
	out := make([]byte, 0, answerBuffer)
	if n := testing.AllocsPerRun(100, func() { _, out, _, _ = h.serve(c, request, out[:0]) }); n != 0 {
		t.Errorf("%v allocations per request, want 0", n)
	}
}

func FuzzServeRTU(f *testing.F) {
	for _, tc := range checkOrder[:20] {
		f.Add(inRTU(f, tc.request))
	}
	f.Add(append([]byte("rubbish"), inRTU(f, "0001 0000 0006 01 03 0BD3 0002")...))
	gate, _ := newTestGate(f, newTestMeter(), lineSecurity(f, "1", nil), nil)
	h := NewRTU(gate, testMap(f), Options{}).handler
	f.Fuzz(func(t *testing.T, in []byte) {
		c := enter(t, h)
		defer c.session.Close()
		used, out, err := h.exchange(c, in, make([]byte, 0, answerBuffer))
		if err != nil || used > len(in) {
			t.Fatalf("used %d of %d bytes, %v", used, len(in), err)
		}
		if len(out) > 0 && (len(out) < 5 || out[0] != 1) {
			t.Fatalf("answer % X is not this unit's", out)
		}
	})
}

// serveRTU serves gate in RTU frames on a free port until the test ends.
func serveRTU(t testing.TB, gate *access.Gate) (address string) {
	t.Helper()
	_, address = serve(t, NewRTU(gate, testMap(t), Options{}))
	return address
}
