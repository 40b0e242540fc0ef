package fault

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStrikes: which frames a rule strikes.
func TestStrikes(t *testing.T) {
	frame := TCP.read(unhex("000100000006010300000001"))
	for _, tc := range []struct {
		name, rule string
		want       []int // of ten frames
	}{
		{"all", "fault: drop, on: requests", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"every", "fault: drop, on: requests, every: 4", []int{4, 8}},
		{"first", "fault: drop, on: requests, first: 2", []int{1, 2}},
		{"from", "fault: drop, on: requests, from: 9", []int{9, 10}},
		{"to", "fault: drop, on: requests, to: 2", []int{1, 2}},
		{"between", "fault: drop, on: requests, from: 3, to: 5", []int{3, 4, 5}},
		{"probability 1", "fault: drop, on: requests, probability: 1", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"this unit", "fault: drop, on: requests, unit: 1, first: 1", []int{1}},
		{"another unit", "fault: drop, on: requests, unit: 2", nil},
		{"this function", "fault: drop, on: requests, function: 3, first: 1", []int{1}},
		{"another function", "fault: drop, on: requests, function: 4", nil},
		{"the other direction", "fault: drop, on: replies", nil},
		{"shorter than the limit", "fault: limit, on: requests", nil},
		{"before the offset", "fault: corrupt, on: requests, at: 12", nil},
		{"the first fault strikes, the second sees the others", "fault: drop, on: requests, first: 3}\n  - {fault: delay, on: requests, first: 2", []int{1, 2, 3, 4, 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDecider(parsed(t, "faults:\n  - {"+tc.rule+"}"), 1)
			var got []int
			for i := 1; i <= 10; i++ {
				if _, struck := d.frame(frame, Requests, 0, false); struck {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("struck %v, want %v", got, tc.want)
			}
		})
	}
}

// TestProbability: a probability is met over many frames.
func TestProbability(t *testing.T) {
	d := newDecider(parsed(t, "faults:\n  - {fault: drop, probability: 0.05}"), 1)
	frame := TCP.read(unhex("000100000006010300000001"))
	for range 100_000 {
		d.frame(frame, Replies, 0, false)
	}
	if fired := d.rules[0].fired; fired < 4800 || fired > 5200 {
		t.Errorf("%d of 100000 struck, want about 5000", fired)
	}
}

// TestOutage: the line is alive and dead by turns, from the start of the proxy.
func TestOutage(t *testing.T) {
	device := startDevice(t, TCP)
	var seconds atomic.Int64
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return start.Add(time.Duration(seconds.Load()) * time.Second) }
	for _, then := range []struct{ name, dead string }{{"drop", "timeout"}, {"reset", "reset"}} {
		seconds.Store(0)
		_, address := startProxy(t, device, "faults:\n  - {fault: outage, aliveSeconds: 55, deadSeconds: 5, then: "+then.name+"}", Options{Now: now})
		c := &client{address: address, unit: 1, timeout: 500 * time.Millisecond}
		for _, at := range []struct {
			second int64
			want   string
		}{{0, "ok"}, {54, "ok"}, {55, then.dead}, {59, then.dead}, {60, "ok"}, {115, then.dead}, {120, "ok"}} {
			seconds.Store(at.second)
			if err := c.read(10, 2); class(err) != at.want {
				t.Errorf("then %s, second %d: %s (%v), want %s", then.name, at.second, class(err), err, at.want)
			}
		}
		c.close()
	}
}

// TestConnections: faults of a connection from its beginning.
func TestConnections(t *testing.T) {
	for _, tc := range []struct{ rule, want string }{
		{"fault: halfOpen, on: connections, from: 2, to: 2", "timeout"},
		{"fault: reset, on: connections, from: 2, to: 2", "reset"},
	} {
		device := startDevice(t, TCP)
		p, address := startProxy(t, device, "faults:\n  - {"+tc.rule+"}", Options{})
		for i, want := range []string{"ok", tc.want, "ok"} {
			c := &client{address: address, unit: 1, timeout: 500 * time.Millisecond}
			if err := c.read(10, 2); class(err) != want {
				t.Errorf("%s: connection %d: %s (%v), want %s", tc.rule, i+1, class(err), err, want)
			}
			c.close()
		}
		if c := p.Counters(); c.Connections != 3 || c.Fired() != 1 || device.seen() != 2 {
			t.Errorf("%s: %+v, the device got %d", tc.rule, c, device.seen())
		}
	}
}

// TestTooManyConnections: a client beyond the limit is reset, and finds room when another leaves.
func TestTooManyConnections(t *testing.T) {
	device := startDevice(t, TCP)
	p, address := startProxy(t, device, "faults:\n  - {fault: drop, unit: 99}", Options{MaxConnections: 1})
	first := &client{address: address, unit: 1, timeout: 5 * time.Second}
	second := &client{address: address, unit: 1, timeout: 5 * time.Second}
	defer second.close()
	if err := first.read(1, 1); err != nil {
		t.Fatal(err)
	}
	if err := second.read(1, 1); class(err) != "reset" {
		t.Errorf("second client: %v, want a reset", err)
	}
	first.close()
	for deadline := time.Now().Add(5 * time.Second); second.read(1, 1) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("no room after the first client has left")
		}
	}
	if p.Counters().Refused == 0 {
		t.Error("the refused client is not counted")
	}
}

// TestUnreachable: without a device the client is reset.
func TestUnreachable(t *testing.T) {
	device := startDevice(t, TCP)
	device.listener.Close()
	p, address := startProxy(t, device, "faults:\n  - {fault: drop}", Options{})
	c := &client{address: address, unit: 1, timeout: 5 * time.Second}
	if err := c.read(1, 1); class(err) != "reset" {
		t.Errorf("%v, want a reset", err)
	}
	if got := p.Counters().Unreachable; got != 1 {
		t.Errorf("unreachable %d, want 1", got)
	}
}

// TestPipelined: faults that need two frames under way, with three requests sent at once.
func TestPipelined(t *testing.T) {
	for _, tc := range []struct {
		name, rule string
		want       []byte // transactions in the order of the answers
	}{
		{"reorder replies", "fault: reorder, on: replies, first: 1", []byte{2, 1, 3}},
		{"reorder requests", "fault: reorder, on: requests, first: 1", []byte{2, 1, 3}},
		{"reorder all, one at a time is late", "fault: reorder, on: replies", []byte{2, 1}},
		{"merge", "fault: merge, on: replies, first: 1, milliseconds: 60000", []byte{1, 2, 3}},
		{"drop the second", "fault: drop, on: replies, from: 2, to: 2", []byte{1, 3}},
		{"exception of the proxy", "fault: exception, on: requests, from: 2, to: 2", []byte{1, 2, 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, address := startProxy(t, startDevice(t, TCP), "faults:\n  - {"+tc.rule+"}", Options{})
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(unhex("000100000006010300000001" + "000200000006010300000001" + "000300000006010300000001")); err != nil {
				t.Fatal(err)
			}
			r := &reader{conn: conn, framing: TCP, from: Replies}
			var got []byte
			for range tc.want {
				f, err := r.next(time.Now().Add(5 * time.Second))
				if err != nil {
					t.Fatalf("after answers %v: %v", got, err)
				}
				got = append(got, byte(f.Transaction))
			}
			if tc.name == "exception of the proxy" {
				slices.Sort(got) // it overtakes what the device still works on
			}
			if !bytes.Equal(got, tc.want) {
				t.Errorf("answers to %v, want %v", got, tc.want)
			}
		})
	}
}

// TestMergedInOnePiece: two frames come in one write.
func TestMergedInOnePiece(t *testing.T) {
	client, device := net.Pipe()
	defer client.Close()
	defer device.Close()
	d := &direction{connection: &connection{}, out: client, lock: new(sync.Mutex), held: []byte{1, 2}, why: holdMerge}
	go d.send(context.Background(), [][]byte{{3, 4}}, 0)
	b := make([]byte, 16)
	if n, err := device.Read(b); err != nil || !bytes.Equal(b[:n], []byte{1, 2, 3, 4}) {
		t.Errorf("% x, %v", b[:n], err)
	}
}

// TestSameTrafficSameFaults: a seed decides everything; another seed decides otherwise.
func TestSameTrafficSameFaults(t *testing.T) {
	const scenario = `faults:
  - {fault: exception, probability: 0.2}
  - {fault: wrongUnit, probability: 0.2}
  - {fault: corrupt, probability: 0.2, at: 7}
  - {fault: split, probability: 0.3, milliseconds: 1}`
	run := func(seed uint64) (trace []string) {
		device := startDevice(t, TCP)
		p, address := startProxy(t, device, scenario, Options{Seed: seed, Trace: func(e Event) {
			line := string(e.From) + " " + hex.EncodeToString(e.Frame.Bytes) + " " + e.Rule.Fault
			for _, piece := range e.Sent {
				line += " " + hex.EncodeToString(piece)
			}
			trace = append(trace, line)
		}})
		c := &client{address: address, unit: 3, timeout: 5 * time.Second}
		for i := range 100 {
			if err := c.read(i, 2); errors.Is(err, errWrong) {
				t.Error(err)
			}
		}
		c.close()
		p.Counters() // the lock of the trace
		return trace
	}
	first := run(1)
	if again := run(1); !reflect.DeepEqual(first, again) {
		t.Errorf("the same seed: \n%s\n\n%s", strings.Join(first, "\n"), strings.Join(again, "\n"))
	}
	if other := run(2); reflect.DeepEqual(first, other) {
		t.Error("another seed struck the same frames")
	}
}

// TestTrace: what a line of the trace says.
func TestTrace(t *testing.T) {
	var out bytes.Buffer
	trace := Trace(&out, TCP, func(err error) { t.Error(err) })
	when := time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)
	request := TCP.read(unhex("00070000000601030bd30002"))
	trace(Event{Time: when, Connection: 1, From: Requests, Frame: request})
	trace(Event{Time: when, Connection: 1, From: Requests, Frame: request, Struck: true, Rule: Rule{Fault: "exception", Line: 2}, Answer: unhex("00070000000301830b")})
	trace(Event{Time: when, Connection: 1, From: Replies, Frame: TCP.read(unhex("00070000000301830b")), Struck: true, Rule: Rule{Fault: "truncate", Line: 3}, Sent: [][]byte{unhex("0007")}})
	trace(Event{Time: when, Connection: 2, From: Connections, Struck: true, Rule: Rule{Fault: "reset", Line: 4}})
	trace(Event{Time: when, Connection: 3, From: Requests, Frame: Frame{Bytes: []byte("GET ")}})
	Trace(&out, RTU, nil)(Event{Time: when, Connection: 1, From: Requests, Frame: RTU.read(unhex("010300000001840a"))})
	const want = `{"time":"2026-03-01T12:00:00.250000Z","connection":1,"direction":"request","frame":"00070000000601030bd30002","length":12,"decoded":{"unit":1,"transaction":7,"function":3}}
{"time":"2026-03-01T12:00:00.250000Z","connection":1,"direction":"request","frame":"00070000000601030bd30002","length":12,"decoded":{"unit":1,"transaction":7,"function":3},"fault":"exception","line":2,"answer":"00070000000301830b"}
{"time":"2026-03-01T12:00:00.250000Z","connection":1,"direction":"reply","frame":"00070000000301830b","length":9,"decoded":{"unit":1,"transaction":7,"function":3,"exception":11},"fault":"truncate","line":3,"sent":["0007"]}
{"time":"2026-03-01T12:00:00.250000Z","connection":2,"direction":"connection","fault":"reset","line":4}
{"time":"2026-03-01T12:00:00.250000Z","connection":3,"direction":"request","frame":"47455420","length":4}
{"time":"2026-03-01T12:00:00.250000Z","connection":1,"direction":"request","frame":"010300000001840a","length":8,"decoded":{"unit":1,"function":3}}
`
	if out.String() != want {
		t.Errorf("trace\n%s\nwant\n%s", out.String(), want)
	}
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %s", l)
		}
	}
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestTraceFails: a trace that cannot be written says so once.
func TestTraceFails(t *testing.T) {
	times := 0
	trace := Trace(full{}, TCP, func(error) { times++ })
	trace(Event{})
	trace(Event{})
	if times != 1 {
		t.Errorf("said %d times, want once", times)
	}
}

// TestNoFaultFired: a test in which no fault fired has failed.
func TestNoFaultFired(t *testing.T) {
	device := startDevice(t, TCP)
	p, address := startProxy(t, device, "faults:\n  - {fault: drop, unit: 7}\n  - {fault: exception, unit: 1, from: 2}", Options{})
	c := &client{address: address, unit: 1, timeout: 5 * time.Second}
	defer c.close()
	if err := c.read(1, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.Counters().Check(); err == nil || !strings.Contains(err.Error(), "no fault fired in 1 connections, 1 requests and 1 replies") {
		t.Errorf("Check: %v", err)
	}
	if err := c.read(1, 1); class(err) != "exception 11" {
		t.Fatal(err)
	}
	if err := p.Counters().Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
	var text strings.Builder
	if err := p.Counters().Write(&text); err != nil {
		t.Fatal(err)
	}
	const want = `connections                    1
requests                       2
replies                        1
line 2: drop on replies        fired 0 of 0
line 3: exception on requests  fired 1 of 2
`
	if text.String() != want {
		t.Errorf("%s\nwant\n%s", text.String(), want)
	}
}

// TestWhatIsNoFramePasses: bytes that cannot be cut into frames are passed on and counted.
func TestWhatIsNoFramePasses(t *testing.T) {
	for _, framing := range []Framing{TCP, RTU} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, address := startProxy(t, &device{listener: l}, "framing: "+string(framing)+"\nfaults:\n  - {fault: drop, on: requests}", Options{})
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		behind, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		text := []byte("GET / HTTP/1.1\r\n\r\n")
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text))
		_ = behind.SetDeadline(time.Now().Add(5 * time.Second))
		for n := 0; n < len(got); {
			m, err := behind.Read(got[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
		if !bytes.Equal(got, text) || p.Counters().Unframed != uint64(len(text)) {
			t.Errorf("%s: passed %q, %+v", framing, got, p.Counters())
		}
		conn.Close()
		behind.Close()
		l.Close()
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func parsed(t *testing.T, text string) *Scenario {
	t.Helper()
	s, err := Parse([]byte(text), "scenario")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
