package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/fault"
	"github.com/hepmeter/hepmeter/setup"
)

// at is the site as it is reached at another address.
func (s *site) at(addr string) *site {
	other := *s
	other.addr = addr
	return &other
}

// proxied is the address of a fault proxy in front of a service of the meter.
func (s *site) proxied(t *testing.T, service, scenario string) (string, *fault.Proxy) {
	t.Helper()
	parsed, err := fault.Parse([]byte(scenario), t.Name())
	if err != nil {
		t.Fatalf("%v\n%s", err, scenario)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := fault.New(parsed, fault.Options{Seed: 7, Dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.endpoints[service])
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- proxy.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), proxy
}

// line joins two terminals, as a null modem does.
func line(t *testing.T) (meter, tool string) {
	t.Helper()
	dir := t.TempDir()
	meter, tool = filepath.Join(dir, "meter"), filepath.Join(dir, "tool")
	socat := exec.Command("socat", "pty,raw,echo=0,link="+meter, "pty,raw,echo=0,link="+tool)
	if err := socat.Start(); err != nil {
		t.Skipf("socat is not installed: apt-get install socat (%v)", err)
	}
	t.Cleanup(func() {
		_ = socat.Process.Kill() // it may have ended
		_ = socat.Wait()
	})
	eventually(t, "socat makes terminals", func() bool {
		_, one := os.Stat(meter)
		_, other := os.Stat(tool)
		return one == nil && other == nil
	})
	return meter, tool
}

// TestEveryTransport: over Modbus TCP, RTU over TCP and a serial line the tool does what it does
// over TCP, with the Modbus map closed (F13), and fetches the same snapshot byte for byte.
func TestEveryTransport(t *testing.T) {
	meter, tool := line(t)
	s := startSite(t, "--serial", "com1="+meter+"?protocol=modbus-rtu")
	admin := as{user: "USER1", password: "0"}
	s.run(t, admin, "write", "ADDR", "Security Options/Modbus Map Access=None").done()
	dir := t.TempDir()
	direct := filepath.Join(dir, "direct.hmx")
	s.run(t, admin, "backup", "ADDR", "--snapshot", "same", "--out", direct).done()
	want, err := os.ReadFile(direct)
	if err != nil || len(want) < 10_000 {
		t.Fatalf("a snapshot of %d bytes, %v", len(want), err)
	}
	for i, tc := range []struct {
		name, addr string
		frame      int
	}{
		{"Modbus TCP", "modbus://" + s.endpoints["modbus"] + "/255", 260},
		{"RTU over TCP", "rtu+tcp://" + s.endpoints["modbus-rtu-tcp"] + "/100", 256},
		{"serial line", "rtu:" + tool + "?baud=19200&parity=N&unit=100", 256},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := s.at(tc.addr)
			eventually(t, fmt.Sprintf("the path passes frames of %d bytes", tc.frame), func() bool { // a busy computer is a slow path
				path := result[infoReport](s.run(t, admin, "info", "ADDR")).Path
				return path != nil && path.RequestFrame == tc.frame && path.AnswerFrame == tc.frame && path.BytesPerSecond > 0
			})
			value := fmt.Sprint(400 + i)
			s.run(t, admin, "write", "ADDR", ptPrim+"="+value).done()
			if got := s.run(t, admin, "read", "ADDR", ptPrim).done(); !strings.Contains(string(got.raw), `"value":`+value) {
				t.Errorf("after %s was written: %s", value, got.raw)
			}
			s.run(t, as{}, "read", "ADDR").done()
			s.run(t, as{user: "USER1", password: "7"}, "security", "show", "ADDR").refused(3, "bad-credentials")
			if tc.name == "Modbus TCP" { // what takes its time on a line
				s.run(t, admin, "watch", "ADDR", "Power Meter/Freq", "--count", "2").done()
				s.run(t, admin, "users", "list", "ADDR").done()
				template := filepath.Join(dir, "template")
				s.run(t, admin, "template", "save", "ADDR", template).done()
				s.run(t, admin, "template", "diff", "ADDR", template).done()
				s.run(t, admin, "logs", "events", "ADDR").done()
				s.run(t, admin, "backup", "ADDR", "--out", filepath.Join(dir, "backup")).done()
				s.logThroughput(t)
			}
			out := filepath.Join(dir, "other.hmx")
			s.run(t, admin, "backup", "ADDR", "--snapshot", "same", "--out", out).done()
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want) {
				t.Errorf("another snapshot came, of %d bytes; that over TCP has %d (%v)", len(got), len(want), err)
			}
		})
	}
	t.Run("another unit of a line is silent", func(t *testing.T) {
		cmd := s.command(as{}, "info", "rtu+tcp://"+s.endpoints["modbus-rtu-tcp"]+"/99", "--timeout", "500ms")
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 4 || !strings.Contains(string(out), "cannot-connect") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// logThroughput states how fast files come.
func (s *site) logThroughput(t *testing.T) {
	address, err := setup.ParseAddress(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	password := "0"
	m, err := setup.Connect(t.Context(), address, setup.Options{Credential: setup.Credential{User: "USER1", Password: &password}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	began, bytes := time.Now(), uint64(0)
	for range 10 {
		file, err := m.Snapshot(t.Context(), "same", io.Discard, nil)
		if err != nil {
			t.Fatal(err)
		}
		bytes += file.Bytes
	}
	t.Logf("files come with %.2f MB/s over %s", float64(bytes)/1e6/time.Since(began).Seconds(), s.addr)
}

// TestBackupThroughBadGateway: through a gateway that passes frames of 64 bytes, loses one round
// trip in twenty and dies again and again, the snapshot comes whole, and is that which came over
// TCP.
func TestBackupThroughBadGateway(t *testing.T) {
	s := startSite(t)
	admin := as{user: "USER1", password: "0"}
	dir := t.TempDir()
	fetch := func(s *site, name string) []byte {
		t.Helper()
		out := filepath.Join(dir, name)
		s.run(t, admin, "backup", "ADDR", "--snapshot", "rehearsal", "--out", out).done()
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	want := fetch(s, "direct")
	addr, proxy := s.proxied(t, "modbus", `
framing: tcp
faults:
  - {fault: outage, aliveSeconds: 2, deadSeconds: 0.3}
  - {fault: limit, bytes: 64, on: requests}
  - {fault: limit, bytes: 64, on: replies}
  - {fault: drop, probability: 0.03, on: requests}
  - {fault: drop, probability: 0.02, on: replies}
`)
	began := time.Now()
	got := fetch(s.at("modbus://"+addr+"/255"), "through")
	took := time.Since(began)
	var counted bytes.Buffer
	if err := proxy.Counters().Write(&counted); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes in %v, %.0f bytes/s\n%s", len(got), took.Round(time.Millisecond), float64(len(got))/took.Seconds(), &counted)
	if !bytes.Equal(got, want) {
		t.Errorf("the snapshot that came through has %d bytes, that over TCP %d, and they differ", len(got), len(want))
	}
	for _, f := range proxy.Counters().Faults {
		if f.Fired == 0 {
			t.Errorf("%s on %s never struck: it has shown nothing", f.Rule.Fault, f.Rule.On)
		}
	}
}

// matrix has rows for each kind of fault: what becomes of a session through it.
var matrix = []struct {
	framing fault.Framing
	faults  string // each of them of the kind of the row
	code    string // of the failure; empty: all is done
}{
	{fault.TCP, "fault: drop, on: requests, every: 4", ""},
	{fault.TCP, "fault: drop, on: replies, every: 4", ""},
	{fault.TCP, "fault: drop, on: replies", "cannot-connect"},
	{fault.TCP, "fault: delay, on: requests, milliseconds: 120, every: 5", ""},
	{fault.TCP, "fault: delay, on: replies, milliseconds: 120, every: 5", ""},
	{fault.TCP, "fault: duplicate, on: requests, every: 2", ""},
	{fault.TCP, "fault: duplicate, on: replies, every: 2", ""},
	{fault.TCP, "fault: reorder, on: requests, every: 5", ""},
	{fault.TCP, "fault: reorder, on: replies, every: 5", ""},
	{fault.TCP, "fault: truncate, on: requests, bytes: 3, every: 9", ""},
	{fault.TCP, "fault: truncate, on: replies, bytes: 3, every: 9", ""},
	{fault.TCP, "fault: pad, on: requests, bytes: 5, every: 9", ""},
	{fault.TCP, "fault: pad, on: replies, bytes: 5, every: 9", ""},
	{fault.TCP, "fault: corrupt, on: requests, every: 4", ""},
	{fault.TCP, "fault: corrupt, on: replies, every: 4", ""},
	{fault.TCP, "fault: wrongUnit, on: requests, every: 4", ""},
	{fault.TCP, "fault: wrongUnit, on: replies, every: 4", ""},
	{fault.TCP, "fault: wrongFunction, on: requests, every: 4", ""},
	{fault.TCP, "fault: wrongFunction, on: replies, every: 4", ""},
	{fault.TCP, "fault: wrongTransaction, on: requests, every: 4", ""},
	{fault.TCP, "fault: wrongTransaction, on: replies, every: 4", ""},
	{fault.TCP, "fault: merge, on: requests, milliseconds: 100, every: 5", ""},
	{fault.TCP, "fault: merge, on: replies, milliseconds: 100, every: 5", ""},
	{fault.TCP, "fault: split, on: requests, bytes: 20, milliseconds: 2, every: 2", ""},
	{fault.TCP, "fault: split, on: replies, bytes: 20, milliseconds: 2, every: 2", ""},
	{fault.TCP, "fault: exception, on: requests, code: 11, every: 4", ""},
	{fault.TCP, "fault: exception, on: requests, code: 10, every: 4", ""},
	{fault.TCP, "fault: exception, on: requests, code: 5, every: 4", ""},
	{fault.TCP, "fault: exception, on: replies, code: 6, every: 4", ""},
	{fault.TCP, "fault: exception, on: replies, code: 4, every: 4", ""},
	{fault.TCP, "fault: exception, on: requests, code: 11", "cannot-connect"},
	{fault.TCP, "fault: exception, on: requests, code: 1", "not-a-meter"},
	{fault.TCP, "fault: limit, on: requests, bytes: 64", ""},
	{fault.TCP, "fault: limit, on: replies, bytes: 100", ""},
	{fault.TCP, "fault: limit, on: requests, bytes: 64, then: cut", ""},
	{fault.TCP, "fault: limit, on: replies, bytes: 64, then: cut", ""},
	{fault.TCP, "fault: limit, on: requests, bytes: 64, then: exception, code: 3", ""},
	{fault.TCP, "fault: limit, on: replies, bytes: 64, then: exception", ""},
	{fault.TCP, "fault: halfOpen, on: connections, first: 1", ""},
	{fault.TCP, "fault: halfOpen, on: requests, every: 12", ""},
	{fault.TCP, "fault: halfOpen, on: replies, every: 12", ""},
	{fault.TCP, "fault: halfOpen, on: connections", "cannot-connect"},
	{fault.TCP, "fault: reset, on: connections, first: 2", ""},
	{fault.TCP, "fault: reset, on: requests, every: 7", ""},
	{fault.TCP, "fault: reset, on: replies, every: 7", ""},
	{fault.TCP, "fault: reset, on: replies", "cannot-connect"},
	{fault.TCP, "fault: outage, aliveSeconds: 0.2, deadSeconds: 0.2", ""},
	{fault.TCP, "fault: outage, aliveSeconds: 0.2, deadSeconds: 0.2, then: reset", ""},

	{fault.RTU, "fault: drop, on: requests, every: 4", ""},
	{fault.RTU, "fault: drop, on: replies, every: 4", ""},
	{fault.RTU, "fault: delay, on: replies, milliseconds: 120, every: 5", ""},
	{fault.RTU, "fault: duplicate, on: requests, every: 2", ""},
	{fault.RTU, "fault: duplicate, on: replies, every: 2", ""},
	{fault.RTU, "fault: truncate, on: requests, bytes: 3, every: 9", ""},
	{fault.RTU, "fault: truncate, on: replies, bytes: 3, every: 9", ""},
	{fault.RTU, "fault: pad, on: requests, bytes: 5, every: 9", ""},
	{fault.RTU, "fault: pad, on: replies, bytes: 5, every: 9", ""},
	{fault.RTU, "fault: corrupt, on: requests, every: 4", ""},
	{fault.RTU, "fault: corrupt, on: replies, every: 4", ""},
	{fault.RTU, "fault: wrongCRC, on: requests, every: 4", ""},
	{fault.RTU, "fault: wrongCRC, on: replies, every: 4", ""},
	{fault.RTU, "fault: wrongUnit, on: requests, every: 4", ""},
	{fault.RTU, "fault: wrongFunction, on: replies, every: 4", ""},
	{fault.RTU, "fault: exception, on: requests, code: 11, every: 4", ""},
	{fault.RTU, "fault: limit, on: replies, bytes: 64", ""},
	{fault.RTU, "fault: limit, on: requests, bytes: 64, then: cut", ""},
	{fault.RTU, "fault: reset, on: replies, every: 7", ""},
	{fault.RTU, "fault: halfOpen, on: requests, every: 12", ""},
}

// matrixAtOnce is how many rows run side by side: they mostly wait.
const matrixAtOnce = 8

// TestFaultMatrix: through each kind of fault a client connects, writes a register and reads it
// back, or is told clearly why not; the next client reads the same; and what was written was
// written once, as the event log has it.
func TestFaultMatrix(t *testing.T) {
	rows := map[string]int{}
	for _, k := range fault.Kinds() {
		rows[k.Name] = 0
	}
	s := startSite(t)
	password := "0"
	options := setup.Options{Credential: setup.Credential{User: "USER1", Password: &password}, Timeout: 30 * time.Second}
	connect := func(addr string, o setup.Options) (*setup.Meter, error) {
		address, err := setup.ParseAddress(addr)
		if err != nil {
			return nil, err
		}
		return setup.Connect(t.Context(), address, o)
	}
	direct, err := connect(s.addr, options)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	// Each row has a register of its own, and a value that no other register has.
	integrators, err := direct.Modules(t.Context(), "Integrator")
	if err != nil || 2*len(integrators) < len(matrix) {
		t.Fatalf("%d integrators for %d rows, %v", len(integrators), len(matrix), err)
	}
	register := func(i int) string {
		return integrators[i/2].Label + []string{"/ValPerPulse", "/RollValue"}[i%2]
	}
	value := func(i int) string { return fmt.Sprint(20_001 + i) }
	shows := func(m *setup.Meter, i int) error {
		got, err := m.ReadNamed(t.Context(), []string{register(i), "Power Meter/PT Sec"})
		if err != nil {
			return err
		}
		if len(got.Values) != 2 || got.Values[0].Register != register(i) || fmt.Sprint(got.Values[0].Value.Number) != value(i) {
			return fmt.Errorf("it reads %+v; want %s in %s", got.Values, value(i), register(i))
		}
		return nil
	}
	through := func(i int, addr string, o setup.Options, struck func() bool) error {
		m, err := connect(addr, o)
		if err != nil {
			return err
		}
		defer m.Close()
		if err := m.Write(t.Context(), []setup.Assignment{{Register: register(i), Value: value(i)}}); err != nil {
			return err
		}
		// A line may be alive for longer than all that takes.
		for until := time.Now().Add(20 * time.Second); ; {
			if err := shows(m, i); err != nil || struck() || time.Now().After(until) {
				return err
			}
		}
	}
	results := make([]error, len(matrix))
	var struck, failed uint64
	var mu sync.Mutex
	var running sync.WaitGroup
	room := make(chan struct{}, matrixAtOnce)
	for i, row := range matrix {
		kind, _, _ := strings.Cut(strings.TrimPrefix(row.faults, "fault: "), ",")
		rows[kind]++
		service, form := "modbus", "modbus://%s/100"
		if row.framing == fault.RTU {
			service, form = "modbus-rtu-tcp", "rtu+tcp://%s/100"
		}
		room <- struct{}{}
		running.Go(func() {
			defer func() { <-room }()
			name := fmt.Sprintf("%s %s", row.framing, row.faults)
			o := options
			if row.code != "" {
				o.Timeout = time.Second
			}
			addr, proxy := s.proxied(t, service, fmt.Sprintf("framing: %s\nfaults:\n  - {%s}\n", row.framing, row.faults))
			began := time.Now()
			err := through(i, fmt.Sprintf(form, addr), o, func() bool { return proxy.Counters().Fired() > 0 })
			took := time.Since(began)
			results[i] = err
			switch {
			case row.code == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case row.code != "" && !setup.HasCode(err, row.code):
				t.Errorf("%s: %v; want the code %s", name, err, row.code)
			}
			counters := proxy.Counters()
			if nothing := counters.Check(); nothing != nil {
				t.Errorf("%s: %v", name, nothing)
			}
			t.Logf("%s: %d requests, %d struck, %v", name, counters.Requests, counters.Fired(), took.Round(time.Millisecond))
			if err == nil {
				// The next client goes past the fault.
				next, err := connect(fmt.Sprintf(form, s.endpoints[service]), options)
				if err == nil {
					err = shows(next, i)
					next.Close()
				}
				if err != nil {
					t.Errorf("%s: the next client: %v", name, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			struck += counters.Fired()
			if err != nil {
				failed++
			}
		})
	}
	running.Wait()
	for kind, n := range rows {
		if n == 0 {
			t.Errorf("no row has the fault %s", kind)
		}
	}
	times := map[string]int{}
	if _, err := direct.Events(t.Context(), 0, func(e setup.Event) error {
		times[e.EffectValue]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	once := 0
	for i, row := range matrix {
		switch n := times[value(i)]; {
		case n == 1:
			once++
		case n > 1 || results[i] == nil:
			t.Errorf("%s %s: written %d times, and it was acknowledged: %v", row.framing, row.faults, n, results[i] == nil)
		}
	}
	t.Logf("%d rows of %d kinds of faults, %d faults struck; %d writes acknowledged and done once, none twice; %d failed with the code that they should", len(matrix), len(rows), struck, once, failed)
}
