package ionp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// shortWay carries requests straight to a tunnel.
type shortWay struct {
	tunnel *Tunnel
	from   access.Client
	mu     sync.Mutex
	answer []byte
	closed bool
}

func (w *shortWay) Send(pdu []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	answer, ok := w.tunnel.Answer(time.Now(), w.from, pdu, nil)
	if !ok {
		return errors.New("damaged")
	}
	w.answer = answer
	return nil
}

func (w *shortWay) Receive(time.Time) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answer == nil {
		return nil, os.ErrDeadlineExceeded
	}
	answer := w.answer
	w.answer = nil
	return answer, nil
}

func (w *shortWay) Done() {}

func (w *shortWay) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}

// tunnelled is a meter's tunnel that serves until the test ends, or stop is called.
func tunnelled(t *testing.T, m *meter) (tunnel *Tunnel, stop func()) {
	t.Helper()
	tunnel = NewTunnel(New(m.gate, Options{}), ionmodbus.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tunnel.Run(ctx) }()
	for serves := false; !serves; time.Sleep(time.Millisecond) {
		tunnel.mu.Lock()
		serves = tunnel.running != nil
		tunnel.mu.Unlock()
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return tunnel, stop
}

func (tunnel *Tunnel) dial(t *testing.T, medium access.Medium, remote string, session uint32) *ionp.Client {
	t.Helper()
	stream, err := ionmodbus.Dial(t.Context(), &shortWay{tunnel: tunnel, from: access.Client{Path: access.ModbusMap, Medium: medium, Remote: remote}}, ionmodbus.StreamOptions{Session: session, Patience: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c := ionp.NewClient(stream, ionp.ClientOptions{})
	t.Cleanup(func() { c.Close() })
	return c
}

// A session through Modbus is one of the path ION over Modbus: it comes from where the Modbus
// request came, and works with the map closed (F13).
func TestTunnelSession(t *testing.T) {
	m := newMeter(t, generation3, access.LSS)
	m.modules[8].setups["Modbus Map Access"] = "None"
	m.gate.SetSecurity(m.security(t))
	tunnel, stop := tunnelled(t, m)
	c := tunnel.dial(t, access.Ethernet, "192.0.2.7:50321", 1)
	if _, err := c.Hello(t.Context(), ionp.HelloRequest{ClientName: "tool", LargestFrame: 4096}); err != nil {
		t.Fatal(err)
	}
	got, err := ionp.Do(t.Context(), c, ionp.Identity{}, ionp.Read, ionp.ReadRequest{Labels: []string{"Power Meter/Vln a"}})
	if err != nil || got.Readings[0].Value.Number != 230.5 {
		t.Errorf("F13: %+v, %v", got, err)
	}
	line := tunnel.dial(t, access.Serial, "COM1", 2)
	admin := ionp.Identity{Credential: ionp.NamedUser("USER1", "0")}
	list, err := ionp.Do(t.Context(), line, admin, ionp.Sessions, ionp.SessionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, s := range list.Sessions {
		seen = append(seen, s.Path+" "+s.Address)
	}
	if want := "ion over modbus 192.0.2.7:50321/1, ion over modbus COM1:2"; strings.Join(seen, ", ") != want {
		t.Errorf("the meter sees %s; want %s", strings.Join(seen, ", "), want)
	}
	// The meter may end it.
	if _, err := ionp.Do(t.Context(), line, admin, ionp.SessionEnd, ionp.SessionEndRequest{ID: list.Sessions[0].ID}); err != nil {
		t.Fatal(err)
	}
	_, err = ionp.Do(t.Context(), c, ionp.Identity{}, ionp.Info, ionp.InfoRequest{})
	if !errors.Is(err, io.EOF) {
		t.Errorf("after the meter ended it: %v", err)
	}
	stop()
	if _, err = ionp.Do(t.Context(), line, admin, ionp.Info, ionp.InfoRequest{}); err == nil {
		t.Error("a session outlives the server")
	}
	if n := m.gate.Counters().Connections; n != 0 {
		t.Errorf("%d connections are left at the gate", n)
	}
}

// Wrong passwords count on this path by itself, and apart on lines and on Ethernet.
func TestTunnelLockout(t *testing.T) {
	m := newMeter(t, generation3, access.Advanced)
	m.modules[8].setups["ION Lockout Attempts"] = "2"
	m.gate.SetSecurity(m.security(t))
	tunnel, _ := tunnelled(t, m)
	_, tcp, _ := piped(t, m, Options{})
	direct := ionp.NewClient(tcp, ionp.ClientOptions{})
	defer direct.Close()
	ethernet, line := tunnel.dial(t, access.Ethernet, "192.0.2.7:50321", 1), tunnel.dial(t, access.Serial, "COM1", 2)
	may := func(c *ionp.Client, password string) error {
		_, err := ionp.Do(t.Context(), c, ionp.Identity{Credential: ionp.NamedUser("USER1", password)}, ionp.Info, ionp.InfoRequest{})
		return err
	}
	for i := range 2 {
		if err := may(ethernet, fmt.Sprint(7+i)); err == nil {
			t.Fatal("a wrong password is taken")
		}
	}
	if err := may(ethernet, "0"); err == nil {
		t.Error("after two wrong passwords the account is not locked on this path")
	}
	for name, c := range map[string]*ionp.Client{"ION": direct, "ION over Modbus on a line": line} {
		if err := may(c, "0"); err != nil {
			t.Errorf("%s: the account is locked there, too: %v", name, err)
		}
	}
}

// Files of any size go both ways.
func TestTunnelCarriesFiles(t *testing.T) {
	m := newMeter(t, generation3, access.LSS)
	tunnel, _ := tunnelled(t, m)
	c := tunnel.dial(t, access.Ethernet, "192.0.2.7:50321", 1)
	if _, err := c.Hello(t.Context(), ionp.HelloRequest{}); err != nil {
		t.Fatal(err)
	}
	admin := ionp.Identity{Credential: ionp.NamedUser("USER1", "0")}
	content := bytes.Repeat([]byte("all that there is. "), 6000)
	sum := sha256.Sum256(content)
	for offset := 0; offset < len(content); {
		block := content[offset:min(offset+ionp.MaxBlock, len(content))]
		if _, err := ionp.Do(t.Context(), c, admin, ionp.FileWrite, ionp.FileWriteRequest{Path: "upload/a", Offset: uint64(offset), Bytes: block, Size: uint64(len(content)), SHA256: sum[:]}); err != nil {
			t.Fatal(err)
		}
		offset += len(block)
	}
	var got []byte
	for len(got) < len(content) {
		r, err := ionp.Do(t.Context(), c, admin, ionp.FileRead, ionp.FileReadRequest{Path: "upload/a", Offset: uint64(len(got)), Length: ionp.MaxBlock})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Bytes...)
	}
	if !bytes.Equal(got, content) {
		t.Error("what comes back is not what was written")
	}
}
