package modbus

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// testPort is a device whose other end is the test. Its time is the bubble's.
type testPort struct {
	heard    chan []byte // what comes from the line; closed when the device is gone
	rest     []byte
	timeout  time.Duration
	answers  chan answered
	settings LineSettings
}

type answered struct {
	frame []byte
	at    time.Time
}

var errGone = errors.New("the device is gone")

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
		case heard, ok := <-p.heard:
			if !ok {
				return 0, errGone
			}
			p.rest = heard
		case <-time.After(p.timeout):
			return 0, nil
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// testLine is a line whose settings and devices a test gives.
type testLine struct {
	mu       sync.Mutex
	settings LineSettings
	open     func(LineSettings) (SerialPort, error)
	log      strings.Builder
}

func (l *testLine) set(s LineSettings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settings = s
}

func (l *testLine) get() LineSettings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings
}

func (l *testLine) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

func (l *testLine) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

// serveLine serves a line until the returned function is called.
func serveLine(t *testing.T, gate *access.Gate, l *testLine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- ServeLine(ctx, gate, testMap(t), Line{Name: "COM1", Settings: l.get, Open: l.open}, Options{}, slog.New(slog.NewTextHandler(l, nil)))
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeLine: %v", err)
		}
	}
}

var at9600 = LineSettings{Protocol: LineProtocol, Baud: 9600, Framing: "8N1", Unit: 100}

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
				defer serveLine(t, gate, &testLine{settings: at9600, open: func(LineSettings) (SerialPort, error) { return port, nil }})()
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
		defer serveLine(t, gate, &testLine{settings: at9600, open: func(LineSettings) (SerialPort, error) { return port, nil }})()
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

// A port follows its settings: it is opened anew where they change, and closed where it
// speaks something else. The unit counts at once.
func TestLineFollowsItsSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
		ports := make(chan *testPort, 8)
		line := &testLine{settings: LineSettings{Protocol: "Modbus Master"}, open: func(s LineSettings) (SerialPort, error) {
			p := newTestPort()
			p.settings = s
			ports <- p
			return p, nil
		}}
		defer serveLine(t, gate, line)()
		time.Sleep(time.Minute)
		if len(ports) != 0 || gate.Counters().Connections != 0 {
			t.Fatal("a port that speaks something else was opened")
		}
		if said := line.said(); strings.Count(said, "silent") != 1 || !strings.Contains(said, "Modbus Master") {
			t.Errorf("told: %s; want once that the port is silent, and why", said)
		}
		line.set(at9600)
		port := <-ports
		if port.settings != at9600 {
			t.Errorf("opened as %+v", port.settings)
		}
		other := at9600
		other.Unit = 7
		line.set(other)
		port.heard <- inRTU(t, lineRead)
		time.Sleep(time.Second)
		port.heard <- inRTU(t, "0001 0000 0006 07 03 0BD3 0002")
		if got, want := (<-port.answers).frame, inRTU(t, "0001 0000 0007 07 03 04 4366 4000"); !bytes.Equal(got, want) {
			t.Errorf("% X, want the answer of unit 7 alone, % X", got, want)
		}
		other.Baud, other.Framing = 115200, "8E1"
		line.set(other)
		if got := (<-ports).settings; got != other {
			t.Errorf("opened anew as %+v, want %+v", got, other)
		}
		line.set(LineSettings{Protocol: "None"})
		time.Sleep(time.Second)
		if n := gate.Counters().Connections; n != 0 || len(ports) != 0 {
			t.Errorf("%d sessions and %d ports are open, want none", n, len(ports))
		}
	})
}

// A device that is not there is tried again, ever more seldom; that is told once, and its
// return once.
func TestLineWaitsForItsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
		port, tries := newTestPort(), 0
		line := &testLine{settings: at9600}
		line.open = func(LineSettings) (SerialPort, error) {
			if tries++; tries <= 6 {
				return nil, errGone
			}
			return port, nil
		}
		began := time.Now()
		defer serveLine(t, gate, line)()
		port.heard <- inRTU(t, lineRead)
		<-port.answers
		// 1 + 2 + 4 + 8 + 16 + 30 s.
		if after := time.Since(began); after < 61*time.Second || after > 62*time.Second {
			t.Errorf("served after %v, want 61 s", after)
		}
		if said := line.said(); strings.Count(said, "does not work") != 1 || strings.Count(said, "works again") != 1 {
			t.Errorf("told: %s", said)
		}
		gone := port
		port = newTestPort()
		close(gone.heard)
		port.heard <- inRTU(t, lineRead)
		<-port.answers
		if said := line.said(); strings.Count(said, "does not work") != 2 || strings.Count(said, "works again") != 2 || !strings.Contains(said, errGone.Error()) {
			t.Errorf("told: %s", said)
		}
	})
}
