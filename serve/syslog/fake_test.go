package syslog

import (
	"bytes"
	"context"
	"crypto/rand"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hepmeter/hepmeter/access"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is the least that a sender can stand behind: an event log and registers.
type fake struct {
	access.Works
	gate *access.Gate

	mu       sync.Mutex
	events   []access.Event
	next     uint64
	settings map[string]string
	kept     map[string][]byte
	file     []byte // documents/syslog-ca.pem
	records  []access.Record
}

func newMeter(t *testing.T, settings ...string) *fake {
	t.Helper()
	m := &fake{next: 1, settings: map[string]string{}, kept: map[string][]byte{}}
	for i := 0; i < len(settings); i += 2 { // set before there was a log
		m.settings[settings[i]] = settings[i+1]
	}
	m.start(t)
	return m
}

func (m *fake) security(t *testing.T) *access.Security {
	t.Helper()
	generation := access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50}
	s, err := access.NewSecurity(generation, "9000", maps.Clone(m.settings), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start makes the gate of what is kept.
func (m *fake) start(t *testing.T) {
	t.Helper()
	gate, err := access.NewGate(access.Options{Registers: unread{}, Security: m.security(t), Audit: m, Works: m, Logs: m, Files: files{fake: m}, Now: time.Now, After: time.After, Random: rand.Reader, Kept: m.kept})
	if err != nil {
		t.Fatal(err)
	}
	m.gate = gate
}

// set writes registers, given by label and text.
func (m *fake) set(t *testing.T, pairs ...string) {
	t.Helper()
	var events []access.Event
	for i := 0; i < len(pairs); i += 2 {
		label, was, is := pairs[i], m.settings[pairs[i]], pairs[i+1]
		m.settings[label] = is
		events = append(events, access.Event{Priority: 10, Cause: label, CauseValue: was, Effect: label, EffectValue: is})
	}
	m.gate.SetSecurity(m.security(t))
	m.mu.Lock() // the events are durable a moment later
	defer m.mu.Unlock()
	for _, e := range events {
		m.add(e)
	}
}

// happen adds events.
func (m *fake) happen(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.add(access.Event{Priority: 20, Cause: "Setpoint 1/Source1", CauseValue: strconv.FormatUint(m.next, 10), Effect: "Setpoint 1/Status", EffectValue: "ON"})
	}
}

func (m *fake) add(e access.Event) {
	e.Sequence, e.Time = m.next, time.Now()
	m.next++
	m.events = append(m.events, e)
}

// wrap forgets all but the newest n events.
func (m *fake) wrap(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = slices.Clone(m.events[len(m.events)-n:])
}

// Record implements access.Audit: what the gate notes of syslog becomes an event, as in a
// real meter.
func (m *fake) Record(r access.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
	if r.Kind == access.Forwarding {
		m.add(access.Event{Priority: 30, Cause: "Syslog", CauseValue: r.Target, Effect: "events wait"})
	}
}

// noted counts the events of syslog itself.
func (m *fake) noted() (unreachable, reachable int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		switch {
		case r.Kind != access.Forwarding:
		case r.Err != nil:
			unreachable++
		default:
			reachable++
		}
	}
	return unreachable, reachable
}

// unread are registers without a picture yet.
type unread struct{}

func (unread) Find(string) access.Point  { return access.NoPoint }
func (unread) Snapshot() access.Snapshot { return nil }

func (m *fake) Info() access.Info {
	return access.Info{Model: "ION9000", Serial: "MJ-0815", Firmware: "3.0.0"}
}
func (m *fake) EventHead() (access.EventHead, error)           { return access.EventHead{}, nil }
func (m *fake) Recorders() ([]access.Recorder, error)          { return nil, nil }
func (m *fake) Gaps() ([]access.Gap, error)                    { return nil, nil }
func (m *fake) Clear(context.Context, string, access.By) error { return nil }
func (m *fake) Records(string, uint64, int) (access.Recorder, []access.LogRecord, error) {
	return access.Recorder{}, nil, nil
}

func (m *fake) Events(from uint64, limit int) (access.Events, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := access.Events{First: m.next, Next: m.next}
	for _, e := range m.events {
		out.First = min(out.First, e.Sequence)
		if e.Sequence >= from && len(out.Events) < limit {
			out.Events = append(out.Events, e)
		}
	}
	return out, nil
}

// files is the owner's one file.
type files struct {
	access.Files
	*fake
}

func (m files) Read(path string, offset int64, length int) ([]byte, access.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil || path != access.SyslogAuthorities {
		return nil, access.File{}, access.NewRefusal(access.CodeNotFound, "")
	}
	from := min(offset, int64(len(m.file)))
	length = min(length, 700) // a block of a store is shorter than what may be asked for
	return m.file[from:min(from+int64(length), int64(len(m.file)))], access.File{Path: path, Bytes: int64(len(m.file))}, nil
}

// run runs a sender until stop is called, or the test ends.
func (m *fake) run(t *testing.T, o Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := New(m.gate, o)
	go func() { ended <- s.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			maps.Copy(m.kept, m.gate.Keep(time.Now(), true))
		})
	}
	t.Cleanup(stop)
	return stop
}

// receiver is a server without a network: it takes connections while it is up.
type receiver struct {
	mu       sync.Mutex
	up       bool
	hangsUp  bool // closes each connection at its first message
	conns    []net.Conn
	messages []string
	dials    []time.Time
	to       []string
	serving  sync.WaitGroup
}

func (r *receiver) dial(_ context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dials = append(r.dials, time.Now())
	r.to = append(r.to, network+" "+address)
	if !r.up {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.ErrClosed}
	}
	client, server := net.Pipe()
	r.conns = append(r.conns, server)
	r.serving.Go(func() { r.serve(server, network) })
	return client, nil
}

func (r *receiver) serve(conn net.Conn, network string) {
	defer conn.Close()
	var text []byte
	block := make([]byte, 16<<10)
	for {
		n, err := conn.Read(block)
		if err != nil {
			return
		}
		text = append(text, block[:n]...)
		r.mu.Lock()
		if r.hangsUp {
			r.mu.Unlock()
			return
		}
		if network == "udp" {
			r.messages, text = append(r.messages, string(text)), nil
		}
		for network == "tcp" {
			length, rest, ok := bytes.Cut(text, []byte(" "))
			octets, err := strconv.Atoi(string(length))
			if !ok || err != nil || len(rest) < octets {
				break
			}
			r.messages, text = append(r.messages, string(rest[:octets])), rest[octets:]
		}
		r.mu.Unlock()
	}
}

// set has the server go up or down.
func (r *receiver) set(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = up
	if !up {
		for _, c := range r.conns {
			c.Close()
		}
		r.conns = nil
	}
}

// got are the messages, as their MSGID and the number of the event.
func (r *receiver) got(t *testing.T) (list []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.messages {
		m := parsed(t, []byte(text))
		list = append(list, *m.MsgID+" "+(*m.StructuredData)["event@32473"]["sequence"])
	}
	return list
}

// numbers are what got gives for events with numbers.
func numbers(from, to int) (list []string) {
	for n := from; n <= to; n++ {
		list = append(list, "event "+strconv.Itoa(n))
	}
	return list
}

// without drops the events of syslog itself.
func without(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return strings.HasPrefix(s, "syslog ") })
}
