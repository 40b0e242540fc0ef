package access

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// eventLog is a log of events from first to newest, with the texts of events where there
// are some.
type eventLog struct {
	absent
	first, newest uint64
	events        []Event
}

func (l *eventLog) Events(from uint64, limit int) (Events, error) {
	out := Events{First: l.first, Next: l.newest + 1}
	for n := max(from, l.first); n <= l.newest && len(out.Events) < limit; n++ {
		e := Event{}
		if n <= uint64(len(l.events)) {
			e = l.events[n-1]
		}
		e.Sequence = n
		out.Events = append(out.Events, e)
	}
	return out, nil
}

// The registers say where events go; TLS is not spoken on the port of plain syslog unless
// the server says so.
func TestForwardTarget(t *testing.T) {
	for _, row := range []struct {
		name, server, port, transport, want string
	}{
		{"factory", "", "514", "UDP", "no server"},
		{"RFC 5426 3.3", "192.0.2.7", "514", "UDP", "192.0.2.7:514 by UDP"},
		{"RFC 5425 4.1", "192.0.2.7", "514", "TLS", "192.0.2.7:6514 by TLS"},
		{"RFC 6587 has no port", "logs", "514", "TCP", "logs:514 by TCP"},
		{"the port of the register", "192.0.2.7", "1514", "TLS", "192.0.2.7:1514 by TLS"},
		{"the port of the server", "192.0.2.7:514", "1514", "TLS", "192.0.2.7:514 by TLS"},
		{"IPv6", "2001:db8::7", "514", "UDP", "[2001:db8::7]:514 by UDP"},
		{"IPv6 with a port", "[2001:db8::7]:99", "514", "UDP", "[2001:db8::7]:99 by UDP"},
		{"no registers yet", "192.0.2.7", "", "", "192.0.2.7:514 by UDP"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMeter(t, third).set(registerSyslogServer, row.server, registerSyslogPort, row.port, registerSyslogTransport, row.transport)
			to := m.gate.Forward().Target()
			if to.String() != row.want || to.Enabled {
				t.Errorf("%s, enabled %v; want %s", to, to.Enabled, row.want)
			}
			if to := m.set(registerSyslogEnabled, "ON").gate.Forward().Target(); to.Active() != (row.server != "") {
				t.Errorf("active %v", to.Active())
			}
		})
	}
}

// What has arrived is durable within seconds and at a stop; a power cut between gives
// events again, and never loses one.
func TestForwardIsKept(t *testing.T) {
	m := newMeter(t, third)
	log := &eventLog{first: 1, newest: 9}
	begin := func(want uint64) *Forwarder {
		t.Helper()
		m.gate.options.Logs = log
		f := m.gate.Forward()
		if n, err := f.Begin(); err != nil || n != want {
			t.Fatalf("it begins after %d, %v; want %d", n, err, want)
		}
		return f
	}
	f := begin(8) // the newest event goes, too
	f.Sent(9)
	m.keep(false)
	log.newest = 12
	f.Sent(11)
	m.keep(false) // too early to be written
	m.start()     // a power cut
	begin(9)
	f = m.gate.Forward()
	f.Sent(11)
	m.clockOff = forwardEvery
	m.keep(false)
	m.start()
	f = begin(11)
	f.Sent(12)
	m.powerCycle()
	begin(12)

	log.newest = 4 // another log
	m.start()
	begin(4)
	m.kept[keptForward] = []byte("twelve")
	if _, err := NewGate(Options{Registers: m, Security: m.gate.Security(), Audit: m, Works: m, Now: m.now, After: time.After, Random: m.gate.options.Random, Kept: m.kept}); err == nil {
		t.Error("a number that is none was taken")
	}
}

// The first time sending begins with the event that switched it on, as the log tells it.
func TestForwardBegins(t *testing.T) {
	enable, server, other := registerSyslogEnabled, registerSyslogServer, "Factory/Owner"
	type change struct{ register, from, to string }
	for _, row := range []struct {
		name    string
		changes []change // events from number 1
		want    uint64   // what has been sent by then
	}{
		{"switched on", []change{{other, "", "a"}, {server, "", "192.0.2.7"}, {enable, "OFF", "ON"}, {other, "a", "b"}, {other, "b", "c"}}, 2},
		{"the server comes last", []change{{enable, "OFF", "ON"}, {other, "", "a"}, {server, "", "192.0.2.7"}, {other, "a", "b"}}, 2},
		{"another server since", []change{{server, "", "192.0.2.8"}, {enable, "OFF", "ON"}, {other, "", "a"}, {server, "192.0.2.8", "192.0.2.7"}}, 1},
		{"off and on again", []change{{server, "", "192.0.2.7"}, {enable, "OFF", "ON"}, {enable, "ON", "OFF"}, {other, "", "a"}, {enable, "OFF", "ON"}, {other, "a", "b"}}, 4},
		{"by the Event Log Controller", []change{{server, "", "192.0.2.7"}, {registerSyslogController, "no", "yes"}, {enable, "OFF", "ON"}, {other, "", "a"}}, 1},
		{"the log does not tell", []change{{other, "", "a"}, {other, "a", "b"}, {other, "b", "c"}}, 2},
		{"an empty log", nil, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMeter(t, third).set(enable, "ON", server, "192.0.2.7")
			log := &eventLog{first: 1, newest: uint64(len(row.changes))}
			for _, c := range row.changes {
				log.events = append(log.events, Event{Cause: c.register, CauseValue: c.from, Effect: c.register, EffectValue: c.to})
			}
			m.gate.options.Logs = log
			if row.name == "by the Event Log Controller" {
				m.gate.options.Registers = controller{}
			}
			if n, err := m.gate.Forward().Begin(); n != row.want || err != nil {
				t.Errorf("it begins after %d, %v; want %d", n, err, row.want)
			}
		})
	}
}

// controller is registers with the Event Log Controller's Enable Syslog at yes.
type controller struct{}

func (controller) Find(string) Point      { return 0 }
func (controller) Snapshot() Snapshot     { return controller{} }
func (controller) Seq() uint64            { return 1 }
func (controller) Layout() uint64         { return 1 }
func (controller) Time() (zero time.Time) { return zero }
func (controller) Value(Point) Value {
	return Value{Kind: KindEnum, Available: true, Number: 1, Text: "yes"}
}

func TestForwardBacklog(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, newest uint64
		after         uint64
		limit         int
		events        int
		lost, last    uint64
	}{
		{"nothing new", 1, 9, 9, 5, 0, 0, 9},
		{"some", 1, 9, 7, 5, 2, 0, 9},
		{"as many as asked for", 1, 9, 2, 5, 5, 0, 7},
		{"the log has wrapped", 5, 9, 2, 3, 3, 2, 7},
		{"the log was erased", 10, 9, 2, 5, 0, 7, 9},
		{"erased after all was sent", 10, 9, 9, 5, 0, 0, 9},
		{"an empty log", 1, 0, 0, 5, 0, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMeter(t, third)
			m.gate.options.Logs = &eventLog{first: row.first, newest: row.newest}
			b, err := m.gate.Forward().Next(row.after, row.limit)
			if err != nil || len(b.Events) != row.events || b.Lost != row.lost || b.Last != row.last {
				t.Errorf("%d events, %d lost, last %d, %v", len(b.Events), b.Lost, b.Last, err)
			}
		})
	}
}

// authorities is a file of so many bytes.
type authorities struct {
	absent
	bytes int64
}

func (a authorities) Read(path string, offset int64, length int) ([]byte, File, error) {
	return []byte(strings.Repeat("x", int(min(a.bytes-offset, 1000)))), File{Bytes: a.bytes}, nil
}

func TestForwardAuthorities(t *testing.T) {
	m := newMeter(t, third)
	f := m.gate.Forward()
	if text, err := f.Authorities(); text != nil || err != nil {
		t.Errorf("no file: %q, %v", text, err)
	}
	m.gate.options.Files = authorities{bytes: 2500}
	if text, err := f.Authorities(); len(text) != 2500 || err != nil {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	m.gate.options.Files = authorities{bytes: maxAuthorities + 1}
	if _, err := f.Authorities(); err == nil {
		t.Error("a file that is too long was read")
	}
}

type syslogTester func(ForwardTarget, By) (string, error)

func (f syslogTester) TestSyslog(_ context.Context, to ForwardTarget, by By) (string, error) {
	return f(to, by)
}

// A test message needs what a change of communications needs, and leaves a record.
func TestSyslogTest(t *testing.T) {
	m := newMeter(t, third)
	m.account(2, "pass7", MayRead)
	m.account(3, "comms", MayRead|MayComm)
	m.start()
	of := func(user, password string) error {
		_, err := m.as(ION, named(user, password)).TestSyslog(t.Context())
		return err
	}
	want(t, "without Comm Config Access", of("USER2", "pass7"), CodeNoPermission)
	want(t, "without a server", of("USER3", "comms"), CodeBadRequest)
	m.set(registerSyslogServer, "192.0.2.7")
	want(t, "without a sender", of("USER3", "comms"), CodeNotFound)
	var answer error
	m.gate.Forward().Attend(syslogTester(func(to ForwardTarget, by By) (string, error) {
		if to.Address() != "192.0.2.7:514" || by.User != "USER3" || by.Origin != "ion 192.0.2.1:1000" {
			t.Errorf("%+v, %+v", to, by)
		}
		return "sent", answer
	}))
	m.told(OperationDone)
	want(t, "with everything", of("USER3", "comms"), "")
	answer = errors.New("no route")
	want(t, "no network", of("USER3", "comms"), CodeFailed)
	answer = NewRefusal(CodeBusy, "")
	want(t, "another test", of("USER3", "comms"), CodeBusy)
	if n := m.told(OperationDone); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}
