package serial

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errGone = errors.New("the device is gone")

// testPort is a device that says nothing until it is unplugged.
type testPort struct {
	settings Settings
	gone     chan struct{}
	timeout  time.Duration
	deaf     bool // it takes nothing
	closed   bool
}

func (p *testPort) SetReadTimeout(d time.Duration) error { p.timeout = d; return nil }
func (p *testPort) Close() error                         { p.closed = true; return nil }

func (p *testPort) Write(b []byte) (int, error) {
	if p.deaf {
		<-p.gone
		return 0, errGone
	}
	return len(b), nil
}

func (p *testPort) Read([]byte) (int, error) {
	select {
	case <-p.gone:
		return 0, errGone
	case <-time.After(p.timeout):
		return 0, nil
	}
}

// testLine is a line whose settings a test gives, and which counts how it is opened.
type testLine struct {
	mu       sync.Mutex
	settings Settings
	absent   int // how many more times there is no device
	ports    []*testPort
	served   []Settings // by the servers of alpha and beta, one entry a run
	log      strings.Builder
}

func (l *testLine) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

func (l *testLine) said(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.log.String(), what)
}

func (l *testLine) set(s Settings) {
	l.mu.Lock()
	l.settings = s
	l.mu.Unlock()
	rest(time.Second)
}

// rest lets time pass, and all settle.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (l *testLine) get() Settings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings
}

func (l *testLine) open(s Settings) (Port, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.absent > 0 {
		l.absent--
		return nil, errGone
	}
	p := &testPort{settings: s, gone: make(chan struct{})}
	l.ports = append(l.ports, p)
	return p, nil
}

// listen is a server that only listens.
func (l *testLine) listen(ctx context.Context, port Port, opened Settings) error {
	l.mu.Lock()
	l.served = append(l.served, opened)
	l.mu.Unlock()
	for ctx.Err() == nil {
		if err := port.SetReadTimeout(Glance); err != nil {
			return err
		}
		if _, err := port.Read(nil); err != nil {
			return err
		}
	}
	return nil
}

// serve serves a line with two protocols, in a bubble, and gives it to the test.
func serve(t *testing.T, first Settings, absent int, test func(t *testing.T, l *testLine)) {
	synctest.Test(t, func(t *testing.T) {
		l := &testLine{settings: first, absent: absent}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		line := Line{Name: "COM1", Settings: l.get, Open: l.open}
		go func() {
			done <- Serve(ctx, line, map[string]Server{"alpha": l.listen, "beta": l.listen}, slog.New(slog.NewTextHandler(l, nil)))
		}()
		test(t, l)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for i, p := range l.ports {
			if !p.closed {
				t.Errorf("device %d is left open", i)
			}
		}
	})
}

var alpha = Settings{Protocol: "alpha", Baud: 9600, Framing: "8N1", Unit: 100}

// A port is opened anew where its settings change, but for what no device knows.
func TestFollowsSettings(t *testing.T) {
	with := func(change func(*Settings)) Settings { s := alpha; change(&s); return s }
	for _, tc := range []struct {
		name  string
		next  Settings
		anew  bool
		ports int // open after the change
	}{
		{"the same", alpha, false, 1},
		{"unit", with(func(s *Settings) { s.Unit = 7 }), false, 1},
		{"baud rate", with(func(s *Settings) { s.Baud = 19200 }), true, 1},
		{"response delay", with(func(s *Settings) { s.ResponseDelay = time.Second }), false, 1},
		{"handshake", with(func(s *Settings) { s.Handshake.On = true }), true, 1},
		{"framing", with(func(s *Settings) { s.Framing = "8E1" }), true, 1},
		{"another protocol that is served", with(func(s *Settings) { s.Protocol = "beta" }), true, 1},
		{"a protocol that nobody serves", with(func(s *Settings) { s.Protocol = "DLMS" }), false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serve(t, alpha, 0, func(t *testing.T, l *testLine) {
				rest(time.Minute)
				if len(l.ports) != 1 || l.ports[0].settings != alpha || l.served[0] != alpha {
					t.Fatalf("opened as %+v, served as %+v; want once, as %+v", l.ports, l.served, alpha)
				}
				l.set(tc.next)
				if anew := len(l.ports) == 2 && l.ports[1].settings == tc.next && l.served[1] == tc.next; anew != tc.anew {
					t.Errorf("opened anew: %v, want %v; served %+v", anew, tc.anew, l.served)
				}
				open := 0
				for _, p := range l.ports {
					if !p.closed {
						open++
					}
				}
				if open != tc.ports {
					t.Errorf("%d devices are open, want %d", open, tc.ports)
				}
			})
		})
	}
}

// A port of a protocol that nobody serves is not opened, and that is told once for each.
func TestSilentPort(t *testing.T) {
	serve(t, Settings{Protocol: "DLMS"}, 0, func(t *testing.T, l *testLine) {
		rest(time.Minute)
		if len(l.ports) != 0 || l.said("silent") != 1 || l.said("protocol=DLMS serves=\"alpha, beta\"") != 1 {
			t.Errorf("opened %d times; told: %s; want once that it is silent, and why", len(l.ports), &l.log)
		}
		l.set(Settings{Protocol: "None"})
		rest(time.Minute)
		l.set(alpha)
		l.set(Settings{Protocol: "None"})
		if l.said("silent") != 3 || len(l.ports) != 1 {
			t.Errorf("told: %s; want each time that it falls silent", &l.log)
		}
	})
}

// A device that is not there is tried again, ever more seldom; that is told once, and its
// return once.
func TestWaitsForItsDevice(t *testing.T) {
	serve(t, alpha, 6, func(t *testing.T, l *testLine) {
		rest(61*time.Second - 1) // 1 + 2 + 4 + 8 + 16 + 30 s
		if len(l.ports) != 0 || l.said("does not work") != 1 {
			t.Errorf("opened %d times; told: %s", len(l.ports), &l.log)
		}
		rest(time.Second)
		if len(l.ports) != 1 || l.said("works again") != 1 {
			t.Errorf("opened %d times after 62 s; told: %s", len(l.ports), &l.log)
		}
		close(l.ports[0].gone)
		rest(1500 * time.Millisecond)
		if len(l.ports) != 2 || l.said("does not work") != 2 || l.said("works again") != 2 || l.said(errGone.Error()) != 2 {
			t.Errorf("opened %d times; told: %s", len(l.ports), &l.log)
		}
	})
}

// A device that takes nothing is left.
func TestWriteGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device := &testPort{gone: make(chan struct{}), deaf: true}
		began := time.Now()
		_, err := (&watchedPort{Port: device}).Write([]byte{1})
		if after := time.Since(began); err == nil || after != writePatience {
			t.Errorf("%v after %v, want an error after %v", err, after, writePatience)
		}
		close(device.gone)
	})
}
