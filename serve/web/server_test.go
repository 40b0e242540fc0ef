package web

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/meter"
	"github.com/hepmeter/hepmeter/waveform/open"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a running meter with its web server.
type served struct {
	*meter.Meter
	server     *Server
	plain, tls string // addresses
}

// serve runs a fresh meter of a firmware version, and serves its pages until the test ends.
func serve(t testing.TB, firmware string) *served {
	t.Helper()
	return serveAt(t, firmware, 12800)
}

// serveAt is serve with a rate of the samples.
func serveAt(t testing.TB, firmware string, rateHz float64) *served {
	t.Helper()
	source, play, err := open.Spec("synth", open.Defaults{RateHz: rateHz, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := meter.Open(meter.Options{Dir: filepath.Join(t.TempDir(), "data"), Model: "ION9000", Serial: "T-1", Firmware: firmware, Source: source, Speed: play.Speed,
		Limits: access.OpenLimits(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	measuring, stop := context.WithCancel(context.Background())
	running := make(chan error, 1)
	go func() { running <- m.Run(measuring) }()
	t.Cleanup(func() { // after the servers
		stop()
		if err := errors.Join(<-running, m.Close()); err != nil {
			t.Error(err)
		}
	})
	s := serveGate(t, m.Gate(), time.Now)
	s.Meter = m
	return s
}

// administer makes changes as USER1 or with the meter password, by the object protocol's
// way in: pages cannot set security.
func (s *served) administer(t testing.TB, c access.Credential, do func(*access.Session) error) {
	t.Helper()
	root, err := s.Gate().Open(access.Client{Path: access.ION, Medium: access.Ethernet, Remote: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	session, err := root.Login(t.Context(), c, 0)
	if err == nil {
		err = do(session)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// user1 is the account of a fresh meter.
var user1 = access.Credential{User: "USER1", Given: true, Password: "0"}

// set sets registers of security.
func (s *served) set(t testing.TB, c access.Credential, options map[string]string) {
	t.Helper()
	s.administer(t, c, func(session *access.Session) error { return session.SetOptions(t.Context(), options) })
}
