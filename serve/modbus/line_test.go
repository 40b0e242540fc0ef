package modbus

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/serial"
)

// testPort is a device whose other end is the test. Its time is the bubble's.
type testPort struct {
	heard   chan []byte // what comes from the line
	rest    []byte
	timeout time.Duration
	answers chan answered
}

type answered struct {
	frame []byte
	at    time.Time
}

func newTestPort() *testPort {
	return &testPort{heard: make(chan []byte), answers: make(chan answered, 8)}
}

func (p *testPort) SetReadTimeout(d time.Duration) error { p.timeout = d; return nil }
func (p *testPort) Close() error                         { return nil }

func (p *testPort) Write(b []byte) (int, error) {
	p.answers <- answered{bytes.Clone(b), time.Now()}
	return len(b), nil
}

func (p *testPort) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		select {
		case p.rest = <-p.heard:
		case <-time.After(p.timeout):
			return 0, nil
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// serveLine serves a line on a port until the returned function is called.
func serveLine(t *testing.T, gate *access.Gate, port serial.Port, settings func() serial.Settings) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	line := serial.Line{Name: "COM1", Settings: settings, Open: func(serial.Settings) (serial.Port, error) { return port, nil }}
	servers := map[string]serial.Server{LineProtocol: NewLine(gate, testMap(t), line, Options{})}
	go func() { done <- serial.Serve(ctx, line, servers, slog.New(slog.DiscardHandler)) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func at9600() serial.Settings {
	return serial.Settings{Protocol: LineProtocol, Baud: 9600, Framing: "8N1", Unit: 100}
}

const lineRead, lineAnswer = "0001 0000 0006 64 03 0BD3 0002", "0001 0000 0007 64 03 04 4366 4000"

// Modbus over serial line V1.02, section 2.5.1.1: a frame ends in silence, and its answer
// begins no sooner.
func TestLineFramesEndInSilence(t *testing.T) {
	request := inRTU(t, lineRead)
	broken := bytes.Clone(request)
	broken[7] ^= 1
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tc := range []struct {
		name     string
		bunches  [][]byte
		pause    time.Duration // between bunches
		answered bool
	}{
		{"a request", [][]byte{request}, 0, true},
		{"each character by itself, at the line's pace", characters(request), 1146 * time.Microsecond, true},
		{"bunches as an adapter hands them over", [][]byte{request[:3], request[3:]}, 16 * time.Millisecond, true},
		{"a frame that was cut off is forgotten", [][]byte{request[:3], request}, 60 * time.Millisecond, true},
		{"the end of a request alone", [][]byte{request[:3], request[3:]}, 60 * time.Millisecond, false},
		{"another unit's answer, then a request", [][]byte{inRTU(t, "0001 0000 0006 05 10 0001 0002"), request}, 5 * time.Millisecond, true},
		{"a wrong CRC", [][]byte{broken}, 0, false},
		{"a wrong CRC, then a request", [][]byte{broken, request}, 60 * time.Millisecond, true},
		{"another unit", [][]byte{inRTU(t, "0001 0000 0006 65 03 0BD3 0002")}, 0, false},
		{"a read for everyone", [][]byte{inRTU(t, "0001 0000 0006 00 03 0BD3 0002")}, 0, false},
		{"noise without end, then a request", [][]byte{bytes.Repeat([]byte{0x64, 0x10}, 2000), request}, 60 * time.Millisecond, true},
		{"a request in the data of a write that was cut off", [][]byte{join(inRTU(t, "0001 0000 0006 64 10 E290 0004")[:6], []byte{8}, request, []byte{0})}, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
				port := newTestPort()
				defer serveLine(t, gate, port, at9600)()
				for i, b := range tc.bunches {
					if i > 0 {
						time.Sleep(tc.pause)
					}
					port.heard <- b
				}
				sent := time.Now()
				select {
				case got := <-port.answers:
					if want := inRTU(t, lineAnswer); !tc.answered || !bytes.Equal(got.frame, want) {
						t.Errorf("answered % X; want an answer: %v", got.frame, tc.answered)
					}
					if after := got.at.Sub(sent); after < 4010*time.Microsecond || after > 5*time.Millisecond {
						t.Errorf("answered after %v, want t3.5 at 9600 baud, 4.01 ms", after)
					}
				case <-time.After(time.Second):
					if tc.answered {
						t.Error("not answered")
					}
				}
			})
		})
	}
}

// characters are the bytes of a frame, each by itself.
func characters(frame []byte) (bunches [][]byte) {
	for i := range frame {
		bunches = append(bunches, frame[i:i+1])
	}
	return bunches
}

// A write on a line is answered, a broadcast of the time obeyed in silence; a refusal names
// the line.
func TestLineWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works := new(testWorks)
		gate, log := newTestGate(t, newTestMeter(), openRead(t), works)
		port := newTestPort()
		defer serveLine(t, gate, port, at9600)()
		port.heard <- inRTU(t, "0001 0000 000B 00 10 E299 0002 04 4A4A C320")
		time.Sleep(100 * time.Millisecond)
		if done := works.all(); len(done) != 1 || !done[0][0].Broadcast || len(port.answers) != 0 {
			t.Errorf("done %+v, %d answers; want the time alone, in silence", done, len(port.answers))
		}
		port.heard <- inRTU(t, "0001 0000 0006 64 06 D47A 0001")
		if got, want := (<-port.answers).frame, inRTU(t, "0001 0000 0003 64 8602"); !bytes.Equal(got, want) {
			t.Errorf("% X, want % X", got, want)
		}
		records := log.all()
		if last := records[len(records)-1]; last.Medium != access.Serial || last.Remote != "COM1" || last.Path != access.ModbusMap {
			t.Errorf("audit %+v", last)
		}
	})
}

// A response delay counts from the end of the request, and the silence is part of it.
func TestLineResponseDelay(t *testing.T) {
	for _, tc := range []struct {
		name        string
		delay, want time.Duration
	}{
		{"none", 0, 4010 * time.Microsecond},
		{"shorter than t3.5", time.Millisecond, 4010 * time.Microsecond},
		{"longer", 100 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
				port := newTestPort()
				settings := at9600()
				settings.ResponseDelay = tc.delay
				defer serveLine(t, gate, port, func() serial.Settings { return settings })()
				port.heard <- inRTU(t, lineRead)
				sent := time.Now()
				if after := (<-port.answers).at.Sub(sent); after < tc.want || after > tc.want+time.Millisecond {
					t.Errorf("answered after %v, want %v", after, tc.want)
				}
			})
		})
	}
}

// The unit of a port counts with the next request; a port that speaks something else has no
// session.
func TestLineFollowsItsUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
		port := newTestPort()
		var settings atomic.Pointer[serial.Settings]
		set := func(s serial.Settings) { settings.Store(&s) }
		set(at9600())
		defer serveLine(t, gate, port, func() serial.Settings { return *settings.Load() })()
		other := at9600()
		other.Unit = 7
		set(other)
		port.heard <- inRTU(t, lineRead)
		time.Sleep(time.Second)
		port.heard <- inRTU(t, "0001 0000 0006 07 03 0BD3 0002")
		if got, want := (<-port.answers).frame, inRTU(t, "0001 0000 0007 07 03 04 4366 4000"); !bytes.Equal(got, want) {
			t.Errorf("% X, want the answer of unit 7 alone, % X", got, want)
		}
		if n := gate.Counters().Connections; n != 1 {
			t.Errorf("%d sessions are open, want 1", n)
		}
		set(serial.Settings{Protocol: "None"})
		time.Sleep(time.Second)
		if n := gate.Counters().Connections; n != 0 {
			t.Errorf("%d sessions are open, want none", n)
		}
	})
}
