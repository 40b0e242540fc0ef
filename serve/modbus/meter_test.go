package modbus

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testMeter is a meter whose registers a test sets.
type testMeter struct {
	mu     sync.Mutex
	labels []string // lower case; the index is the point
	newest atomic.Pointer[testSnapshot]
}

type testSnapshot struct {
	seq, layout uint64
	values      []access.Value
}

func (s *testSnapshot) Seq() uint64     { return s.seq }
func (s *testSnapshot) Layout() uint64  { return s.layout }
func (s *testSnapshot) Time() time.Time { return time.Unix(0, 0) }
func (s *testSnapshot) Value(p access.Point) access.Value {
	if p < 0 || int(p) >= len(s.values) {
		return access.Value{}
	}
	return s.values[p]
}

func (m *testMeter) Snapshot() access.Snapshot {
	if s := m.newest.Load(); s != nil {
		return s
	}
	return nil
}

// Find takes the output of a Data Mapping for the register that the factory links to it.
func (m *testMeter) Find(label string) access.Point {
	m.mu.Lock()
	defer m.mu.Unlock()
	if source, ok := factoryLinks()[label]; ok {
		label = source
	}
	for i, l := range m.labels {
		if l == strings.ToLower(label) {
			return access.Point(i)
		}
	}
	return access.NoPoint
}

// factoryLinks tells which register the factory links to each output of the Data Mapping
// modules.
var factoryLinks = sync.OnceValue(func() map[string]string {
	layout, err := registermap.Load()
	if err != nil {
		panic(err)
	}
	links := map[string]string{}
	for _, mapping := range layout.Mappings() {
		for _, slot := range mapping.Slots {
			links[mapping.Label+"/"+slot.Name] = slot.Source
		}
	}
	return links
})

// set publishes a snapshot in which the registers in values have changed. New
// labels make a new layout.
func (m *testMeter) set(values map[string]access.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := testSnapshot{seq: 1, layout: 1}
	if old := m.newest.Load(); old != nil {
		next = testSnapshot{seq: old.seq + 1, layout: old.layout, values: append([]access.Value(nil), old.values...)}
	}
	for label, v := range values {
		at := -1
		for i, l := range m.labels {
			if l == strings.ToLower(label) {
				at = i
			}
		}
		if at < 0 {
			at = len(m.labels)
			m.labels = append(m.labels, strings.ToLower(label))
			next.values = append(next.values, access.Value{})
			next.layout++
		}
		next.values[at] = v
	}
	m.newest.Store(&next)
}

func number(x float64) access.Value {
	return access.Value{Kind: access.KindNumber, Available: true, Number: x}
}

// count is an energy register of kWh with an exact count of Wh.
func count(wh int64) access.Value {
	return access.Value{Kind: access.KindCount, Available: true, Number: float64(wh) / 1000, Count: wh}
}

func text(s string) access.Value {
	return access.Value{Kind: access.KindText, Available: true, Text: s}
}

func enum(i int, s string) access.Value {
	return access.Value{Kind: access.KindEnum, Available: true, Number: float64(i), Text: s}
}

// newTestMeter is a meter with readings that the published vectors need.
func newTestMeter() *testMeter {
	m := new(testMeter)
	m.set(map[string]access.Value{
		"Factory/Device Name":       text("Feeder 7"),
		"Factory/Device Type":       text("ION9000"),
		"Factory/Manufacturer":      text("hepmeter"),
		"Factory/SerialNum":         text("HM-0000000001"),
		"Factory/Revision":          text("3.0.0"),
		"Factory/Nominal Frequency": enum(0, "50 Hz"),
		"Power Meter/Volts Mode":    enum(2, "DELTA"), // the meter's own order is not the map's
		"Power Meter/Vln a":         number(230.25),
		"Power Meter/Vln b":         {Kind: access.KindNumber}, // not available
		"Power Meter/kW tot":        number(-12.5),
		"Power Meter/PT Prim":       number(20000),
		"Power Meter/Freq":          number(50.01),
		"kWh del/Result":            count(123456789012),
		"kWh rec/Result":            count(1),
	})
	return m
}

func testMap(t testing.TB) *registermap.Map {
	t.Helper()
	layout, err := registermap.Load()
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// start serves gate over Modbus TCP on a free port until the test ends, and returns the
// address.
func start(t testing.TB, gate *access.Gate, o Options) (*Server, string) {
	t.Helper()
	return serve(t, New(gate, testMap(t), o))
}

func serve(t testing.TB, s *Server) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server does not stop")
		}
	})
	return s, l.Addr().String()
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func float(words []uint16) uint32 { return uint32(words[0])<<16 | uint32(words[1]) }

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func isException(err error, e modbus.Exception) bool {
	var got modbus.Exception
	return errors.As(err, &got) && got == e
}
