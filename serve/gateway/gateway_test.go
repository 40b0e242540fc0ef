package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Which requests only read, by the list of a PM5500 (communications.md 3.1).
func TestReads(t *testing.T) {
	for _, tc := range []struct {
		name string
		pdu  []byte
		want bool
	}{
		{"Read Coils", []byte{1}, true},
		{"Read Discrete Inputs", []byte{2}, true},
		{"Read Holding Registers", []byte{3}, true},
		{"Read Input Registers", []byte{4}, true},
		{"Write Single Coil", []byte{5}, false},
		{"Write Single Register", []byte{6}, false},
		{"Read Exception Status", []byte{7}, true},
		{"Return Query Data", []byte{8, 0, 0, 1, 2}, true},
		{"Restart Communications", []byte{8, 0, 1, 0, 0}, false},
		{"Force Listen Only Mode", []byte{8, 0, 4, 0, 0}, false},
		{"Clear Counters", []byte{8, 0, 10, 0, 0}, false},
		{"Return Bus Message Count", []byte{8, 0, 11, 0, 0}, true},
		{"Diagnostics without a sub-function", []byte{8}, false},
		{"Get Comm Event Counter", []byte{11}, true},
		{"Get Comm Event Log", []byte{12}, true},
		{"Write Multiple Coils", []byte{15}, false},
		{"Write Multiple Registers", []byte{16}, false},
		{"Report Server ID", []byte{17}, true},
		{"Read File Record", []byte{20}, true},
		{"Write File Record", []byte{21}, false},
		{"Mask Write Register", []byte{22}, false},
		{"Read/Write Multiple Registers", []byte{23}, false},
		{"Read FIFO Queue", []byte{24}, true},
		{"Read Device Identification", []byte{43, 14, 1, 0}, true},
		{"CANopen General Reference", []byte{43, 13}, false},
		{"a user-defined function", []byte{70}, false},
		{"function 100 of the list", []byte{100}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := reads(tc.pdu); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// What stands for each error on the wire.
func TestExceptions(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want modbus.Exception
	}{
		{"none", nil, modbus.None},
		{"the gate refuses", access.NewRefusal(access.CodeGatewayReadOnly, ""), modbus.IllegalDataAddress},
		{"no answer", master.ErrNoAnswer, modbus.GatewayTargetNoResponse},
		{"no line", master.ErrNoPath, modbus.GatewayTargetNoResponse},
		{"too many wait", master.ErrCrowded, modbus.ServerDeviceBusy},
		{"a request that cannot be sent", master.ErrQuestion, modbus.IllegalDataValue},
		{"the session is closed", access.ErrClosed, modbus.GatewayTargetNoResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := exceptionOf(tc.err); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// log is what the gate records, and registers that nobody reads.
type log struct {
	mu      sync.Mutex
	records []access.Record
}

func (l *log) Record(r access.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
}

func (l *log) all() []access.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

func (*log) Find(string) access.Point  { return access.NoPoint }
func (*log) Snapshot() access.Snapshot { return nil }

// line is a serial line on which nobody answers.
type line struct {
	timeout time.Duration
	sent    chan []byte
}

func (l *line) SetReadTimeout(d time.Duration) error { l.timeout = d; return nil }
func (l *line) Write(b []byte) (int, error)          { l.sent <- bytes.Clone(b); return len(b), nil }
func (l *line) Read([]byte) (int, error) {
	time.Sleep(min(l.timeout, time.Millisecond)) // as a port does whose time is up
	return 0, nil
}

// rig is a gateway to a line, with the registers given.
func rig(t *testing.T, settings ...string) (*Gateway, *Client, *line, *log) {
	t.Helper()
	all := map[string]string{"Security Options/Security Mode": "LSS", "Modbus Master Options/Modbus Gateway Connection": "Serial Connection 1",
		"Modbus Master Options/Serial Connection 1": "COM1", "COM1/Protocol": "Modbus Master"}
	for i := 0; i < len(settings); i += 2 {
		all[settings[i]] = settings[i+1]
	}
	security, err := access.NewSecurity(access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50}, "9000", all, nil)
	if err != nil {
		t.Fatal(err)
	}
	records := new(log)
	gate, err := access.NewGate(access.Options{Registers: records, Security: security, Audit: records, Now: time.Now, After: time.After, Random: rand.Reader, Limits: access.OpenLimits()})
	if err != nil {
		t.Fatal(err)
	}
	network := master.NewNetwork(master.NetworkOptions{Line: func(string) master.Settings { return master.Settings{ResponseTimeout: 10 * time.Millisecond} }})
	port := &line{sent: make(chan []byte, 16)}
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = network.Line("COM1").ServeLine(ctx, port, 19200) }) // it ends with ctx
	t.Cleanup(func() { end(); running.Wait(); network.Close() })
	// The line is there once a broadcast goes out.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := network.Line("COM1").Ask(ctx, 1, 0, []byte{6, 0, 0, 0, 0}); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	<-port.sent
	g := New(gate, network, func(port string) string { return gate.Security().Setting(port + "/Protocol") })
	session, err := gate.Open(access.Client{Path: access.ModbusMap, Remote: "192.0.2.7:1024"})
	if err != nil {
		t.Fatal(err)
	}
	return g, g.Client(session), port, records
}

func TestDestinations(t *testing.T) {
	for _, tc := range []struct {
		name     string
		settings []string
		want     map[byte]Destination
	}{
		{"a line", nil, map[byte]Destination{0: Meter, 1: Downstream, 247: Downstream, 248: Nowhere, 254: Nowhere, 255: Meter}},
		{"broadcasts are passed on", []string{"Modbus Gateway/Broadcast", "ON"}, map[byte]Destination{0: Everyone, 255: Meter}},
		{"the port speaks something else", []string{"COM1/Protocol", "Modbus RTU", "Modbus Gateway/Broadcast", "ON"}, map[byte]Destination{0: Meter, 1: Meter, 250: Meter, 255: Meter}},
		{"TCP units without a line", []string{"COM1/Protocol", "Modbus RTU", "Modbus Gateway/TCP Units", "5=1"}, map[byte]Destination{0: Meter, 1: Downstream, 5: Downstream, 250: Nowhere}},
		{"closed to all is still a gateway", []string{"Modbus Gateway/Access", "None"}, map[byte]Destination{1: Downstream}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, _, _, _ := rig(t, tc.settings...)
			for unit, want := range tc.want {
				if got := g.Of(unit); got != want {
					t.Errorf("unit %d: %s, want %s", unit, got, want)
				}
			}
		})
	}
}

func TestBroadcast(t *testing.T) {
	write := []byte{6, 0, 1, 0, 2}
	for _, tc := range []struct {
		name     string
		settings []string
		pdu      []byte
		sent     bool
		record   access.RecordKind
		records  int
	}{
		{"a write", nil, write, true, access.OperationDone, 1},
		{"a read is not passed on", nil, []byte{3, 0, 1, 0, 2}, false, 0, 0},
		{"the gate refuses", []string{"Modbus Gateway/Access", "Read Only"}, write, false, access.OperationRefused, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, client, port, records := rig(t, append(tc.settings, "Modbus Gateway/Broadcast", "ON")...)
			client.Broadcast(tc.pdu)
			if tc.sent {
				select {
				case frame := <-port.sent:
					if frame[0] != 0 || !bytes.Equal(frame[1:6], tc.pdu) {
						t.Errorf("sent % X", frame)
					}
				case <-time.After(30 * time.Second):
					t.Fatal("nothing is sent")
				}
			}
			for deadline := time.Now().Add(30 * time.Second); len(records.all()) < tc.records; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("nothing is recorded")
				}
			}
			all := records.all()
			if len(all) != tc.records || len(all) > 0 && (all[0].Kind != tc.record || all[0].Operation != access.WriteDownstream) {
				t.Errorf("%+v", all)
			}
			if !tc.sent && len(port.sent) > 0 {
				t.Error("it was sent")
			}
		})
	}
}

// What comes of a write is recorded: done, the device's exception, or that nobody answered.
func TestWritesAreRecorded(t *testing.T) {
	_, client, _, records := rig(t)
	answered := make(chan modbus.Exception, 1)
	client.Begin(5, []byte{6, 0, 1, 0, 2}, func(_ []byte, e modbus.Exception) { answered <- e })
	if e := <-answered; e != modbus.GatewayTargetNoResponse {
		t.Errorf("%v", e)
	}
	if all := records.all(); len(all) != 1 || all[0].Target != "unit 5, function 6" || !errors.Is(all[0].Err, master.ErrNoAnswer) {
		t.Errorf("%+v", all)
	}
	for _, tc := range []struct {
		answer []byte
		err    error
		want   error
	}{{[]byte{6, 0, 1, 0, 2}, nil, nil}, {[]byte{0x86, 4}, nil, modbus.ServerDeviceFailure}, {nil, master.ErrCrowded, master.ErrCrowded}} {
		var got error
		tell(func(err error) { got = err }, tc.answer, tc.err)
		if !errors.Is(got, tc.want) {
			t.Errorf("% X, %v is recorded as %v", tc.answer, tc.err, got)
		}
	}
}
