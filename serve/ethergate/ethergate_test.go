package ethergate

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/serial"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var errGone = errors.New("the device is gone")

// device is a serial port whose other end is the test.
type device struct {
	heard chan []byte // from the line; nil is the end of the device
	rest  []byte
	limit time.Duration
	fails bool   // to take anything
	echo  func() // called with each write, where it is set

	mu      sync.Mutex
	written bytes.Buffer
	longest int
}

func (d *device) SetReadTimeout(limit time.Duration) error { d.limit = limit; return nil }
func (d *device) Close() error                             { return nil }

func (d *device) Read(b []byte) (int, error) {
	if len(d.rest) == 0 {
		timer := time.NewTimer(d.limit)
		defer timer.Stop()
		select {
		case d.rest = <-d.heard:
			if d.rest == nil {
				return 0, errGone
			}
		case <-timer.C:
			return 0, nil
		}
	}
	n := copy(b, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *device) Write(b []byte) (int, error) {
	if d.fails {
		return 0, errGone
	}
	if d.echo != nil {
		d.echo()
		return len(b), nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.longest = max(d.longest, len(b))
	return d.written.Write(b)
}

func (d *device) got() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.written.Bytes())
}

type auditLog struct {
	mu      sync.Mutex
	records []access.Record
}

func (a *auditLog) Record(r access.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, r)
}

func (a *auditLog) said(what string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.records {
		if r.Path == access.EtherGate && strings.Contains(r.Target+" "+r.Is+" "+string(r.Code), what) {
			return true
		}
	}
	return false
}

// blank are registers of a meter that has none.
type blank struct{}

func (blank) Find(string) access.Point  { return access.NoPoint }
func (blank) Snapshot() access.Snapshot { return nil }

// rig is a pipe with both ends.
type rig struct {
	t       testing.TB
	gate    *access.Gate
	audit   auditLog
	device  *device
	address string
	// lineEnded has what ServeLine returned; stopLine ends it.
	lineEnded chan error
	stopLine  func()
}

func security(t testing.TB, etherGate string) *access.Security {
	t.Helper()
	s, err := access.NewSecurity(access.Generation{Name: "2.x", Modes: []access.Mode{access.None}, MaxAccounts: 16}, "9000", map[string]string{access.RegisterEtherGate: etherGate}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRig(t testing.TB, options Options) *rig {
	t.Helper()
	r := &rig{t: t, device: &device{heard: make(chan []byte)}, lineEnded: make(chan error, 1)}
	var err error
	if r.gate, err = access.NewGate(access.Options{Registers: blank{}, Security: security(t, "ON"), Audit: &r.audit, Now: time.Now, After: time.After, Random: rand.Reader, Limits: access.FactoryLimits()}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	pipe := New(r.gate, "COM1", options)
	ctx, stop := context.WithCancel(t.Context())
	line, stopLine := context.WithCancel(ctx)
	r.stopLine = stopLine
	ended := make(chan error, 1)
	go func() { ended <- pipe.Serve(ctx, l) }()
	go func() { r.lineEnded <- pipe.ServeLine(line, r.device, serial.Settings{}) }()
	r.until("the line is there", func() bool { pipe.mu.Lock(); defer pipe.mu.Unlock(); return pipe.line != nil })
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := r.gate.Counters().Connections; n != 0 {
			t.Errorf("%d sessions are left open", n)
		}
	})
	return r
}

func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// dial connects a client, which fails the test where it waits too long.
func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// join connects a client and sees that its bytes arrive.
func (r *rig) join() *net.TCPConn {
	r.t.Helper()
	conn := r.dial()
	before := len(r.device.got())
	if _, err := conn.Write([]byte{'!'}); err != nil {
		r.t.Fatal(err)
	}
	r.until("the client is joined", func() bool { return len(r.device.got()) == before+1 })
	return conn
}

// turned expects that a client is told why it is not joined, and that its connection ends.
func (r *rig) turned(why string) {
	r.t.Helper()
	conn := r.dial()
	said, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(said), "EtherGate: ") || !strings.HasSuffix(string(said), "\r\n") || !strings.Contains(string(said), why) {
		r.t.Errorf("told %q, %v; want %q", said, err, why)
	}
}

// ended expects that a connection is closed by the meter.
func (r *rig) ended(conn net.Conn) {
	r.t.Helper()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		r.t.Errorf("the connection is still open after %v", patience)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Every byte passes as it is, both ways: zeros, 0xFF and what other lines take for flow
// control.
func TestBytesPassUnchanged(t *testing.T) {
	r := newRig(t, Options{})
	conn := r.dial()
	var all []byte
	for i := range 64 {
		for b := range 256 {
			all = append(all, byte(b^i))
		}
	}
	if _, err := conn.Write(all); err != nil {
		t.Fatal(err)
	}
	r.until("all has gone to the line", func() bool { return len(r.device.got()) >= len(all) })
	if !bytes.Equal(r.device.got(), all) || r.device.longest > toLineBytes {
		t.Errorf("the line got other bytes, or %d at once", r.device.longest)
	}
	go func() {
		for rest := all; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
			r.device.heard <- rest[:min(len(rest), 1000)]
		}
	}()
	got := make([]byte, len(all))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, all) {
		t.Errorf("the client got other bytes, %v", err)
	}
}

// A port is one client's; the next is told who holds it.
func TestOneClient(t *testing.T) {
	r := newRig(t, Options{LastWord: time.Millisecond})
	first := r.join()
	r.turned("COM1 is in use by " + first.LocalAddr().String() + " since ")
	session, err := r.gate.Open(access.Client{Path: access.ION, Remote: "192.0.2.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	list, err := session.Connections()
	if err != nil || len(list) != 2 || list[0].Path != access.EtherGate || list[0].Client != "COM1" || list[0].Remote != first.LocalAddr().String() {
		t.Errorf("the list of connections shows %+v, %v", list, err)
	}
	if _, err := first.Write([]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	r.until("the first goes on", func() bool { return bytes.HasSuffix(r.device.got(), []byte{1, 2, 3}) })
	r.device.heard <- []byte{4}
	if _, err := io.ReadFull(first, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	first.Close()
	// The next comes right after: it waits until the line is free, and is not turned away.
	r.join()
	r.until("its bytes are on record", func() bool { return r.audit.said("4 bytes to the line and 1 from it") })
}

// Nobody is joined while EtherGate is off, and who is when it is switched off is sent away.
func TestSwitchedOff(t *testing.T) {
	r := newRig(t, Options{})
	conn := r.join()
	r.gate.SetSecurity(security(t, "OFF"))
	r.ended(conn)
	r.until("the end is on record", func() bool { return r.audit.said("COM1 left") })
	r.turned("switched off")
	if !r.audit.said("ethergate-closed") {
		t.Error("the refusal is not on record")
	}
}

// Nobody is joined while the port speaks something else, and who is is sent away.
func TestPortSpeaksSomethingElse(t *testing.T) {
	r := newRig(t, Options{})
	conn := r.join()
	r.stopLine()
	if err := <-r.lineEnded; err != nil {
		t.Errorf("ServeLine: %v", err)
	}
	r.ended(conn)
	r.turned("COM1 passes nothing through")
}

// A device that is gone, or takes nothing, ends the connection and is told to who opened it.
func TestDeviceFails(t *testing.T) {
	t.Run("to read", func(t *testing.T) {
		r := newRig(t, Options{})
		conn := r.join()
		r.device.heard <- nil
		if err := <-r.lineEnded; !errors.Is(err, errGone) {
			t.Errorf("ServeLine: %v", err)
		}
		r.ended(conn)
	})
	t.Run("to write", func(t *testing.T) {
		r := newRig(t, Options{})
		r.device.fails = true
		conn := r.dial()
		if _, err := conn.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if err := <-r.lineEnded; !errors.Is(err, errGone) {
			t.Errorf("ServeLine: %v", err)
		}
		r.ended(conn)
	})
}

// A client that has closed its side still gets the answer, and is taken for gone when the
// line has been silent.
func TestHalfClosed(t *testing.T) {
	r := newRig(t, Options{LastWord: 2 * time.Second})
	conn := r.join()
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r.device.heard <- []byte("answer")
	if said, err := io.ReadAll(conn); err != nil || string(said) != "answer" {
		t.Errorf("got %q, %v", said, err)
	}
}

// A client that says and hears nothing is sent away; what comes from the line keeps it.
func TestIdle(t *testing.T) {
	r := newRig(t, Options{IdleTimeout: time.Second})
	r.ended(r.join())
}

// A client that takes nothing is sent away: its bytes are not kept without bound.
func TestSlowClient(t *testing.T) {
	r := newRig(t, Options{WriteTimeout: 100 * time.Millisecond, LastWord: time.Millisecond})
	conn := r.join()
	_ = conn.SetReadBuffer(4096)
	flood := bytes.Repeat([]byte{0x55}, 1<<16)
	r.until("the client is sent away", func() bool {
		r.device.heard <- flood
		return r.audit.said("COM1 left")
	})
	r.join()
}

// What comes for nobody is dropped: the next client does not get it.
func TestNobodyIsJoined(t *testing.T) {
	r := newRig(t, Options{})
	r.device.heard <- []byte("stale")
	r.device.heard <- []byte{} // taken when that is done with
	conn := r.join()
	r.device.heard <- []byte("fresh")
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "fresh" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Somebody who administers the meter can end the connection.
func TestEnded(t *testing.T) {
	r := newRig(t, Options{})
	conn := r.join()
	session, err := r.gate.Open(access.Client{Path: access.ION, Remote: "192.0.2.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	list, err := session.Connections()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.EndConnection(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	r.ended(conn)
	r.until("the port is free", func() bool { return r.audit.said("COM1 left") })
	r.join()
}
