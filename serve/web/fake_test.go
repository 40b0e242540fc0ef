package web

import (
	"context"
	"crypto/rand"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// gated is a gate with a clock of its own and nothing behind it but one register that is
// NOT AVAILABLE, and a web server before it.
type gated struct {
	*served
	gate     *access.Gate
	passed   atomic.Int64 // ns beside the true time
	mu       sync.Mutex
	settings map[string]string
	verifier access.Verifier
	records  []access.Record
	kind     access.Generation
}

var (
	second = access.Generation{Name: "2.x", Modes: []access.Mode{access.Standard, access.None, access.Advanced}, MaxAccounts: 16}
	third  = access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50, Terminal: true}
)

// zero is the verifier of the password 0, made once: it takes some tens of milliseconds.
var zero = sync.OnceValue(func() access.Verifier {
	v, err := access.FactoryPassword(rand.Reader)
	if err != nil {
		panic(err)
	}
	return v
})

func (g *gated) Record(r access.Record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.records = append(g.records, r)
}
func (g *gated) Find(label string) access.Point {
	if strings.EqualFold(label, "Power Meter/Vln a") {
		return 0
	}
	return access.NoPoint
}
func (g *gated) Snapshot() access.Snapshot { return missing{} }

// missing is a picture in which nothing is available.
type missing struct{}

func (missing) Seq() uint64     { return 1 }
func (missing) Layout() uint64  { return 1 }
func (missing) Time() time.Time { return time.Unix(1_700_000_000, 0) }
func (missing) Value(p access.Point) access.Value {
	if p < 0 {
		return access.Value{}
	}
	return access.Value{Kind: access.KindNumber}
}

// nothing is the works of a meter with one module and one register.
type nothing struct{ access.Works }

func (nothing) Info() access.Info { return access.Info{Model: "ION9000", Serial: "T-1"} }
func (nothing) ModuleList(string) ([]access.ModuleEntry, error) {
	return []access.ModuleEntry{{Label: "Power Meter", Type: "Power Meter", Number: 1}}, nil
}
func (nothing) Describe(string) (access.ModuleDescription, error) {
	return access.ModuleDescription{Outputs: []access.OutputDescription{{Name: "Vln a", Unit: "V"}}}, nil
}

func (g *gated) now() time.Time { return time.Now().Add(time.Duration(g.passed.Load())) }

// pass has time pass, and the gate see it.
func (g *gated) pass(d time.Duration) {
	g.passed.Add(int64(d))
	g.gate.Tick(g.now())
}

// set puts registers of security in force.
func (g *gated) set(t testing.TB, pairs ...string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh := map[string]string{}
	for label, text := range g.settings {
		fresh[label] = text
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		fresh[pairs[i]] = pairs[i+1]
	}
	g.settings = fresh
	security, err := access.NewSecurity(g.kind, "9000", fresh, map[int]access.Verifier{0: g.verifier, 1: g.verifier, 2: g.verifier})
	if err != nil {
		t.Fatal(err)
	}
	if g.gate != nil {
		g.gate.SetSecurity(security)
	}
}

// behindGate serves a gate of a generation in a mode until the test ends: USER1 may all,
// USER2 may read, and every password is 0.
func behindGate(t testing.TB, kind access.Generation, mode access.Mode, limits access.Limits) *gated {
	t.Helper()
	g := newGated(t, kind, mode, limits)
	g.served = serveGate(t, g.gate, g.now)
	return g
}

// newGated is behindGate without a server.
func newGated(t testing.TB, kind access.Generation, mode access.Mode, limits access.Limits) *gated {
	t.Helper()
	g := &gated{kind: kind, verifier: zero()}
	web := "HTTP with redirect to HTTPS"
	if kind.Name == "2.x" {
		web = "HTTP"
	}
	g.set(t, access.RegisterMode, mode.String(), access.RegisterWebAccess, web, "Security User 2/Read Access", "ON")
	for _, box := range []string{"Read Access", "Peak Demand Reset Access", "Time Sync Access", "Full Meter Config Access", "Test Mode Access", "Security Config Access", "Comm Config Access"} {
		g.set(t, "Security User 1/"+box, "ON")
	}
	security, err := access.NewSecurity(kind, "9000", g.settings, map[int]access.Verifier{0: g.verifier, 1: g.verifier, 2: g.verifier})
	if err != nil {
		t.Fatal(err)
	}
	if g.gate, err = access.NewGate(access.Options{Registers: g, Security: security, Audit: g, Works: nothing{}, Now: g.now, After: time.After, Random: rand.Reader, Limits: limits}); err != nil {
		t.Fatal(err)
	}
	return g
}

// serveGate serves the pages of a gate until the test ends.
func serveGate(t testing.TB, gate *access.Gate, now func() time.Time) *served {
	t.Helper()
	s := &served{}
	port := ""
	s.server = New(gate, Options{Names: []string{"localhost", "127.0.0.1", "::1"}, HTTPSPort: func() string { return port }, Now: now})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	listen := func(serve func(context.Context, net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- serve(ctx, l) }()
		return l.Addr().String()
	}
	s.tls = listen(s.server.ServeTLS)
	_, port, _ = net.SplitHostPort(s.tls)
	s.plain = listen(s.server.ServePlain)
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return s
}
