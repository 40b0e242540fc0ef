package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
)

// nothing stands behind a gate of which only the security matters.
type nothing struct{}

func (nothing) Snapshot() access.Snapshot { return nil }
func (nothing) Find(string) access.Point  { return access.NoPoint }
func (nothing) Record(access.Record)      {}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A register with a port that cannot be had keeps neither the meter nor its other doors from
// starting: only a meter that runs takes such a change back.
func TestServingStartsBesideAPortThatIsTaken(t *testing.T) {
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	http, https := freePort(t), freePort(t)
	for name, taken := range map[string]int{"by another program": elsewhere.Addr().(*net.TCPAddr).Port, "by the meter itself": https} {
		t.Run(name, func(t *testing.T) {
			generation := access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50, Terminal: true}
			of := func(port int) *access.Security {
				s, err := access.NewSecurity(generation, "9000", map[string]string{"Ethernet/HTTP Port": strconv.Itoa(port), "Ethernet/HTTPS Port": strconv.Itoa(https)}, nil)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			gate, err := access.NewGate(access.Options{Registers: nothing{}, Security: of(taken), Audit: nothing{}, Now: time.Now, After: time.After, Random: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			sockets := new(boot.Sockets)
			defer sockets.Close()
			h := &house{flags: runFlags{host: "127.0.0.1"}, sockets: sockets, log: slog.New(slog.DiscardHandler),
				ports: portPlan{Ports: boot.Ports{boot.HTTP: http, boot.HTTPS: https}, registers: true, given: map[boot.Service]bool{}}}
			serve := func(ctx context.Context, l net.Listener) error {
				<-ctx.Done()
				return l.Close()
			}
			s := newServing(t.Context(), h, gate, []door{{boot.HTTP, "Ethernet/HTTP Port", serve}, {boot.HTTPS, "Ethernet/HTTPS Port", serve}}, nil)
			if err := s.start(); err != nil {
				t.Fatalf("the meter does not start: %v", err)
			}
			if at := h.sockets.Address(boot.HTTPS); at != net.JoinHostPort("127.0.0.1", strconv.Itoa(https)) {
				t.Errorf("HTTPS is at %q", at)
			}
			gate.SetSecurity(of(http)) // the gate has taken it back
			back := net.JoinHostPort("127.0.0.1", strconv.Itoa(http))
			for end := time.Now().Add(10 * time.Second); h.sockets.Address(boot.HTTP) != back; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("HTTP is at %q, not where it was before", h.sockets.Address(boot.HTTP))
				}
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			select {
			case err := <-s.failed:
				t.Errorf("a server has failed: %v", err)
			default:
			}
		})
	}
}
