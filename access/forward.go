package access

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// This file is how the event log leaves the meter by itself: a sender is handed a
// Forwarder, which tells where to, what is next, and remembers what has arrived.

// The registers that say where events go.
const (
	registerSyslogEnabled    = ethernet + "/Enable Syslog"
	registerSyslogServer     = ethernet + "/Syslog Server"
	registerSyslogPort       = ethernet + "/Syslog Port"
	registerSyslogTransport  = ethernet + "/Syslog Transport"
	registerSyslogController = "Event Log Controller/Enable Syslog"
)

// Ports of syslog servers: RFC 5426 3.3, RFC 5425 4.1.
const (
	syslogPort    = 514
	syslogTLSPort = 6514
)

// ForwardTarget is where events are to be sent.
type ForwardTarget struct {
	// Enabled tells that they are to be sent; Server is an address or a host name, empty
	// for none.
	Enabled bool
	Server  string
	Port    int
	// Transport is UDP, TCP or TLS.
	Transport string
}

// Active reports whether events go anywhere.
func (t ForwardTarget) Active() bool { return t.Enabled && t.Server != "" }

// Address is host:port.
func (t ForwardTarget) Address() string {
	return net.JoinHostPort(t.Server, strconv.Itoa(t.Port))
}

// String is the target in words, such as "192.0.2.7:514 by UDP".
func (t ForwardTarget) String() string {
	if t.Server == "" {
		return "no server"
	}
	return t.Address() + " by " + t.Transport
}

// forwardTarget reads the registers. The port is that of the server, else that of its
// register; TLS is never spoken on the port of plain syslog unless the server says so.
func (s *Security) forwardTarget() ForwardTarget {
	t := ForwardTarget{Enabled: isOn(s.settings[registerSyslogEnabled]), Server: s.settings[registerSyslogServer], Port: syslogPort, Transport: "UDP"}
	if text := s.settings[registerSyslogTransport]; text != "" {
		t.Transport = strings.ToUpper(text)
	}
	if n, err := strconv.ParseFloat(s.settings[registerSyslogPort], 64); err == nil {
		t.Port = int(n)
	}
	if t.Transport == "TLS" && t.Port == syslogPort {
		t.Port = syslogTLSPort
	}
	if _, err := netip.ParseAddr(t.Server); err == nil {
		return t
	}
	if host, port, err := net.SplitHostPort(t.Server); err == nil {
		t.Server = host
		if n, err := strconv.Atoi(port); err == nil {
			t.Port = n
		}
	}
	return t
}

// keptForward is the blob of the last event that has arrived, as a decimal number.
const keptForward = "forward/sent"

// forwardEvery is how often that is written: events of the time since are sent again after
// a power cut.
const forwardEvery = 5 * time.Second

// forwarding is what the gate knows of the events that were sent.
type forwarding struct {
	mu sync.Mutex
	// sent is the last event that has arrived; begun tells that there is such a thing.
	sent    uint64
	begun   bool
	fresh   bool
	written time.Time
	tester  SyslogTester
}

func (f *forwarding) restore(blob []byte) error {
	if len(blob) == 0 {
		return nil
	}
	n, err := strconv.ParseUint(string(blob), 10, 64)
	if err != nil {
		return fmt.Errorf("the kept number of the last event sent is %.40q", blob)
	}
	f.sent, f.begun = n, true
	return nil
}

// latest is the last event that has arrived. The log is never read while mu is held: the
// meter's own goroutine asks what is to be kept.
func (f *forwarding) latest() (sent uint64, begun bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent, f.begun
}

func (f *forwarding) keep(now time.Time, all bool) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.fresh || !all && now.Sub(f.written) < forwardEvery && !f.written.IsZero() {
		return nil
	}
	f.fresh, f.written = false, now
	return strconv.AppendUint(nil, f.sent, 10)
}

// SyslogTester sends a message on demand.
type SyslogTester interface {
	// TestSyslog sends one message to the target, on a connection of its own, and returns
	// what it sent once the network has taken it.
	TestSyslog(ctx context.Context, to ForwardTarget, by By) (message string, err error)
}

// Forwarder is a sender's way to the event log. It is for one sender.
type Forwarder struct{ gate *Gate }

// Forward returns the way to the event log for the sender of events.
func (g *Gate) Forward() *Forwarder { return &Forwarder{g} }

// Target is where events are to be sent now.
func (f *Forwarder) Target() ForwardTarget {
	t := f.gate.Security().forwardTarget()
	t.Enabled = t.Enabled || isYes(f.gate.value(registerSyslogController).Text)
	return t
}

func isYes(text string) bool { return strings.EqualFold(text, "yes") }

// Info is the meter's name plate.
func (f *Forwarder) Info() Info { return f.gate.options.Works.Info() }

// Backlog is the next events to be sent.
type Backlog struct {
	Events []Event
	// Lost is how many events before them are in the log no more.
	Lost uint64
	// Last is the number of the last of the events, or of what is lost.
	Last uint64
}

// Begin returns the last event that has arrived at a server: what comes after it waits.
// Where none ever was, sending begins with the event that switched it on.
func (f *Forwarder) Begin() (uint64, error) {
	s := &f.gate.forwarding
	log, err := f.gate.options.Logs.Events(math.MaxInt64, 1)
	if err != nil {
		return 0, err
	}
	newest := max(log.Next, 1) - 1
	sent, begun := s.latest()
	switch {
	case !begun:
		if sent, err = f.since(newest); err != nil {
			return 0, err
		}
	case sent > newest: // another log than that of the kept number
		sent = newest
	default:
		return sent, nil
	}
	f.Sent(sent)
	return sent, nil
}

// since returns the event before the one from which on events were to be sent. The log
// itself tells: it is durable together with the change, so that no power cut can come
// between. Where it tells nothing of it, sending begins with the newest event.
func (f *Forwarder) since(newest uint64) (uint64, error) {
	var changes []Event
	for next := uint64(0); ; {
		log, err := f.gate.options.Logs.Events(next, 1000)
		if err != nil {
			return 0, err
		}
		for _, e := range log.Events {
			if e.Cause == e.Effect && (e.Effect == registerSyslogEnabled || e.Effect == registerSyslogController || e.Effect == registerSyslogServer) {
				changes = append(changes, e)
			}
			next = e.Sequence + 1
		}
		if len(log.Events) == 0 {
			break
		}
	}
	// Back through the changes, to the one before which nothing was to be sent.
	settings := f.gate.Security().settings
	was := map[string]string{registerSyslogEnabled: settings[registerSyslogEnabled], registerSyslogServer: settings[registerSyslogServer],
		registerSyslogController: f.gate.value(registerSyslogController).Text}
	for _, e := range slices.Backward(changes) {
		was[e.Effect] = e.CauseValue
		if was[registerSyslogServer] == "" || !isOn(was[registerSyslogEnabled]) && !isYes(was[registerSyslogController]) {
			return e.Sequence - 1, nil
		}
	}
	return max(newest, 1) - 1, nil
}

// Next returns up to limit events after one.
func (f *Forwarder) Next(after uint64, limit int) (Backlog, error) {
	log, err := f.gate.options.Logs.Events(after+1, limit)
	if err != nil {
		return Backlog{}, err
	}
	b := Backlog{Events: log.Events, Last: after}
	first := max(log.Next, 1)
	if n := len(log.Events); n > 0 {
		first, b.Last = log.Events[0].Sequence, log.Events[n-1].Sequence
	}
	if first > after+1 {
		b.Lost = first - after - 1
		b.Last = max(b.Last, first-1)
	}
	return b, nil
}

// Sent tells that all events up to one have arrived, as far as can be known. It is durable
// within seconds, and at a stop.
func (f *Forwarder) Sent(sequence uint64) {
	s := &f.gate.forwarding
	s.mu.Lock()
	defer s.mu.Unlock()
	if sequence != s.sent || !s.begun {
		s.sent, s.begun, s.fresh = sequence, true, true
	}
}

// SyslogAuthorities is the owner's file of certificates that a syslog server may be
// certified by, as PEM.
const SyslogAuthorities = "documents/syslog-ca.pem"

// maxAuthorities bounds that file, in bytes.
const maxAuthorities = 256 << 10

// Authorities returns the owner's file of certificates; nil where there is none.
func (f *Forwarder) Authorities() ([]byte, error) {
	var text []byte
	for {
		block, file, err := f.gate.options.Files.Read(SyslogAuthorities, int64(len(text)), maxAuthorities)
		if refusal, ok := asRefusal(err); ok && refusal.Code == CodeNotFound {
			return nil, nil
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", SyslogAuthorities, err)
		case file.Bytes > maxAuthorities:
			return nil, fmt.Errorf("%s has %d bytes: %d are the most", SyslogAuthorities, file.Bytes, maxAuthorities)
		}
		text = append(text, block...)
		if len(block) == 0 || int64(len(text)) >= file.Bytes {
			return text, nil
		}
	}
}

// Unreachable and Reachable leave an event that a server does not take events, and that it
// does again. The sender calls them once for each outage.
func (f *Forwarder) Unreachable(t ForwardTarget, err error) {
	f.record(Record{Target: t.String(), Err: err})
}

// Reachable tells how long the server was away.
func (f *Forwarder) Reachable(t ForwardTarget, away time.Duration) {
	f.record(Record{Target: t.String(), Is: "events go to it again, after " + away.Round(time.Second).String()})
}

func (f *Forwarder) record(r Record) {
	r.Kind, r.Time = Forwarding, f.gate.options.Now()
	f.gate.options.Audit.Record(r)
}

// Attend has the tester send test messages from now on; nil for nobody.
func (f *Forwarder) Attend(t SyslogTester) {
	s := &f.gate.forwarding
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tester = t
}

// SyslogTest is a test message that the network has taken.
type SyslogTest struct {
	Target  ForwardTarget
	Message string
}

// TestSyslog sends a test message to the syslog server that is set, whether events are to
// be sent or not. It needs what a change of communications needs. UDP tells nothing of
// whether it arrives; with TCP and TLS the server has taken it.
func (s *Session) TestSyslog(ctx context.Context) (SyslogTest, error) {
	const target = "syslog test message"
	if err := s.permit(WriteCommunications, target); err != nil {
		return SyslogTest{}, err
	}
	g := s.gate()
	to := g.Forward().Target()
	if to.Server == "" {
		refusal := refuse(CodeBadRequest, registerSyslogServer+" is empty").of(WriteCommunications)
		refusal.Remedy = "set it to the address or host name of the server, then " + registerSyslogTransport
		return SyslogTest{}, refusal
	}
	g.forwarding.mu.Lock()
	tester := g.forwarding.tester
	g.forwarding.mu.Unlock()
	if tester == nil {
		return SyslogTest{}, refuse(CodeNotFound, "this meter has no syslog").of(WriteCommunications)
	}
	message, err := tester.TestSyslog(ctx, to, s.by())
	if err != nil {
		refusal := new(Refusal)
		if !errors.As(err, &refusal) {
			refusal = refuse(CodeFailed, "to "+to.String()+": "+err.Error())
			refusal.Remedy = "see that the server listens there, and that " + registerSyslogTransport + " is the one it takes"
		}
		err = refusal.of(WriteCommunications)
	}
	s.note(Record{Kind: OperationDone, Operation: WriteCommunications, Target: target, Is: "sent to " + to.String(), Err: err})
	return SyslogTest{to, message}, err
}
