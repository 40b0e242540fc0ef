package syslog

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/meter"
	"github.com/hepmeter/hepmeter/waveform/synth"
)

// real is a real meter with its sender, which can be stopped and started again.
type real struct {
	*meter.Meter
	dir  string
	stop func()
}

func startReal(t *testing.T, dir string) *real {
	t.Helper()
	scenario, err := synth.Parse([]byte("voltage: {rms: 230}\nloads: [{name: plant, kW: 60}]\n"), "site")
	if err != nil {
		t.Fatal(err)
	}
	source, err := scenario.Source(6400, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m, err := meter.Open(meter.Options{Dir: dir, Model: "PM8000", Serial: "T-1", Firmware: "3.0.0", Source: source, Speed: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	sending, stopSending := context.WithCancel(context.Background())
	running, stopRunning := context.WithCancel(context.Background())
	sent, ran := make(chan error, 1), make(chan error, 1)
	sender := New(m.Gate(), Options{Hostname: "meter-7", Roots: func() (*x509.CertPool, error) { return x509.NewCertPool(), nil }})
	go func() { sent <- sender.Run(sending) }()
	go func() { ran <- m.Run(running) }()
	var once sync.Once
	r := &real{Meter: m, dir: dir}
	r.stop = func() {
		once.Do(func() {
			stopSending()
			err := <-sent
			stopRunning()
			if err := errors.Join(err, <-ran, m.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

// session is one of User1 at the factory, from an address.
func (r *real) session(t *testing.T, password string) (*access.Session, error) {
	t.Helper()
	root, err := r.Gate().Open(access.Client{Path: access.ION, Remote: "192.0.2.9:50211"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.Close)
	return root.Login(t.Context(), access.Credential{User: "USER1", Password: password, Given: true}, time.Minute)
}

func (r *real) user1(t *testing.T) *access.Session {
	t.Helper()
	s, err := r.session(t, "0")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *real) set(t *testing.T, pairs ...string) {
	t.Helper()
	var changes []access.Change
	for i := 0; i < len(pairs); i += 2 {
		changes = append(changes, access.Change{Kind: access.Set, Object: pairs[i], Text: pairs[i+1]})
	}
	if err := r.user1(t).Change(t.Context(), changes, false); err != nil {
		t.Fatal(err)
	}
}

// syslogTo has events sent to a server.
func (r *real) syslogTo(t *testing.T, server, transport string) {
	t.Helper()
	r.set(t, "Ethernet/Syslog Server", server, "Ethernet/Syslog Transport", transport, "Ethernet/Enable Syslog", "ON")
}

// name gives the owner a name: an event that tests can tell from others.
func (r *real) name(t *testing.T, n int) {
	t.Helper()
	r.set(t, "Factory/Owner", "owner "+strconv.Itoa(n))
}

// rsyslogd is a real server that writes what it gets to a file: facility, severity and the
// message as it came.
type rsyslogd struct {
	path, config, out string
	process           *exec.Cmd
}

// freePort is a port on which nobody listens.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newRsyslogd prepares a server of a transport, and returns its address.
func newRsyslogd(t *testing.T, network string) (r *rsyslogd, address string) {
	t.Helper()
	path, err := exec.LookPath("rsyslogd")
	if err != nil {
		path = "/usr/sbin/rsyslogd"
		if _, err := os.Stat(path); err != nil {
			t.Skip("rsyslogd is not here (Debian: rsyslog)")
		}
	}
	dir := t.TempDir()
	port := freePort(t, network)
	r = &rsyslogd{path: path, config: filepath.Join(dir, "rsyslog.conf"), out: filepath.Join(dir, "out")}
	config := fmt.Sprintf(`global(workDirectory=%q)
module(load="im%s")
input(type="im%s" address="127.0.0.1" port="%d")
template(name="seen" type="string" string="%%syslogfacility%% %%syslogseverity%% %%rawmsg%%\n")
action(type="omfile" file=%q template="seen")
`, dir, network, network, port, r.out)
	if err := os.WriteFile(r.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return r, "127.0.0.1:" + strconv.Itoa(port)
}

func (r *rsyslogd) start(t *testing.T) {
	t.Helper()
	r.process = exec.Command(r.path, "-n", "-f", r.config, "-i", "NONE")
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(t) })
}

func (r *rsyslogd) stop(t *testing.T) {
	t.Helper()
	if r.process == nil {
		return
	}
	_ = r.process.Process.Signal(syscall.SIGTERM)
	if err := r.process.Wait(); err != nil {
		t.Logf("rsyslogd: %v", err)
	}
	r.process = nil
}

// lines are what it has written.
func (r *rsyslogd) lines() []string {
	text, _ := os.ReadFile(r.out) // nothing yet
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// find waits for a line with all texts.
func find(t *testing.T, within time.Duration, lines func() []string, texts ...string) string {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		for _, line := range lines() {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return line
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no line has %q; there is\n%s", texts, strings.Join(lines(), "\n"))
		}
	}
}

// sequences are the numbers of the events in the order in which they came, each at its
// first coming.
func sequences(t *testing.T, lines []string) (list []uint64) {
	t.Helper()
	for _, line := range lines {
		parts := strings.SplitN(line, " ", 3)
		if len(parts) < 3 {
			t.Fatalf("%q", line)
		}
		m := parsed(t, []byte(parts[2]))
		text, ok := (*m.StructuredData)[sdID]["sequence"]
		if !ok {
			continue // a test message
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// gapless fails the test unless numbers go up by one.
func gapless(t *testing.T, list []uint64) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		if list[i] != list[i-1]+1 {
			t.Fatalf("%d comes after %d: %v", list[i], list[i-1], list)
		}
	}
}

// A wrong login shows on a real server within 2 s, with severity 4 (128 of the factory's
// Invalid Login EvPriority), by UDP and by TCP.
func TestWrongLoginOnRsyslogd(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			server, address := newRsyslogd(t, network)
			server.start(t)
			m := startReal(t, filepath.Join(t.TempDir(), "data"))
			m.syslogTo(t, address, strings.ToUpper(network))
			find(t, 20*time.Second, server.lines, "Ethernet/Enable Syslog changed") // the server is up
			if _, err := m.session(t, "wrong"); err == nil {
				t.Fatal("a wrong password was taken")
			}
			line := find(t, 2*time.Second, server.lines, "invalid login", "login of USER1")
			parts := strings.SplitN(line, " ", 3)
			text := parsed(t, []byte(parts[2]))
			event := (*text.StructuredData)[sdID]
			if parts[0] != "16" || parts[1] != "4" || *text.MsgID != "login" || *text.Hostname != "meter-7" || event["meter"] != "T-1" || event["priority"] != "128" ||
				event["user"] != "USER1" || !strings.Contains(event["origin"], "192.0.2.9:50211") {
				t.Errorf("%s", line)
			}
			if age := time.Since(*text.Timestamp); age < -time.Second || age > 10*time.Second {
				t.Errorf("it is %s old", age)
			}
			for n := range 20 {
				m.name(t, n)
			}
			find(t, 5*time.Second, server.lines, "owner 19")
			gapless(t, sequences(t, server.lines()))
		})
	}
}

// Nothing is lost, and order is kept, over outages of the server and a restart of the meter.
func TestNothingIsLost(t *testing.T) {
	server, address := newRsyslogd(t, "tcp")
	server.start(t)
	dir := filepath.Join(t.TempDir(), "data")
	m := startReal(t, dir)
	m.syslogTo(t, address, "TCP")
	m.name(t, 1)
	find(t, 20*time.Second, server.lines, "owner 1")
	for n := range 3 {
		m.name(t, 10+n)
		server.stop(t) // perhaps before it has read that
		m.name(t, 20+n)
		server.start(t)
	}
	find(t, 20*time.Second, server.lines, "owner 22")
	server.stop(t)
	m.name(t, 30)
	m.stop()
	m = startReal(t, dir)
	m.name(t, 31)
	server.start(t)
	find(t, 30*time.Second, server.lines, "owner 31")
	list := sequences(t, server.lines())
	gapless(t, list)
	for _, n := range []int{1, 10, 11, 12, 20, 21, 22, 30, 31} {
		find(t, 0, server.lines, fmt.Sprintf("owner %d", n))
	}
	if unreachable := find(t, 20*time.Second, server.lines, "Syslog "+address, "events wait"); unreachable == "" {
		t.Error("no event tells of an outage")
	}
}

// A stop in good order leaves nothing to be sent again.
func TestStopInOrder(t *testing.T) {
	server, address := newRsyslogd(t, "tcp")
	server.start(t)
	dir := filepath.Join(t.TempDir(), "data")
	m := startReal(t, dir)
	m.syslogTo(t, address, "TCP")
	m.name(t, 1)
	find(t, 20*time.Second, server.lines, "owner 1")
	m.stop()
	m = startReal(t, dir)
	m.name(t, 2)
	find(t, 20*time.Second, server.lines, "owner 2")
	count := 0
	for _, line := range server.lines() {
		if strings.Contains(line, `to "owner 1"`) {
			count++
		}
	}
	if count != 1 {
		t.Errorf("an event came %d times", count)
	}
}

// authority makes a certificate of a server at 127.0.0.1, and the PEM of who issued it.
func authority(t *testing.T) (server tls.Certificate, issuer []byte) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rootKey, serverKey := key(), key()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Site CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "logs"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, serverKey.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: serverKey}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
}

// secured is a server of RFC 5425.
type secured struct {
	address string
	mu      sync.Mutex
	seen    []string
}

func startSecured(t *testing.T, certificate tls.Certificate) *secured {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	s := &secured{address: l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				s.read(bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return s
}

func (s *secured) read(in *bufio.Reader) {
	for {
		length, err := in.ReadString(' ')
		if err != nil {
			return
		}
		octets, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil {
			return
		}
		text := make([]byte, octets)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, "16 - "+string(text))
		s.mu.Unlock()
	}
}

func (s *secured) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// A server that nobody known has certified gets nothing, and an event says so; once the
// owner's file has who certified it, it gets all that waited.
func TestTLS(t *testing.T) {
	certificate, issuer := authority(t)
	server := startSecured(t, certificate)
	m := startReal(t, filepath.Join(t.TempDir(), "data"))
	m.syslogTo(t, server.address, "TLS")
	user1 := m.user1(t)
	refused := func() (lines []string) {
		log, err := user1.Events(0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range log.Events {
			if e.Cause == "Syslog" {
				lines = append(lines, fmt.Sprint(e.Priority, " ", e.CauseValue, " ", e.Effect, " ", e.EffectValue))
			}
		}
		return lines
	}
	find(t, 20*time.Second, refused, "30 "+server.address+" by TLS", "certificate is not accepted, and nothing was sent", "unknown authority", access.SyslogAuthorities)
	if _, err := user1.TestSyslog(t.Context()); err == nil || !strings.Contains(err.Error(), "not accepted") {
		t.Errorf("a test gives %v", err)
	}
	if lines := server.lines(); len(lines) > 0 {
		t.Fatalf("it got %q", lines)
	}
	sum := sha256.Sum256(issuer)
	if _, err := user1.WriteFile(t.Context(), access.SyslogAuthorities, 0, issuer, int64(len(issuer)), sum[:]); err != nil {
		t.Fatal(err)
	}
	find(t, 30*time.Second, server.lines, "Ethernet/Enable Syslog changed")
	find(t, 20*time.Second, server.lines, "syslog-ca.pem")
	test, err := user1.TestSyslog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	find(t, 0, server.lines, test.Message, "test message, by USER1, from ion 192.0.2.9:50211")
	gapless(t, sequences(t, server.lines()))

	// A file that holds no certificate is none: nothing is then taken.
	bad := []byte("no certificate")
	sum = sha256.Sum256(bad)
	if _, err := user1.WriteFile(t.Context(), access.SyslogAuthorities, 0, bad, int64(len(bad)), sum[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := user1.TestSyslog(t.Context()); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("a test with a broken file gives %v", err)
	}
}

// A test message goes to the server that is set, enabled or not, and says what is wrong.
func TestTestMessage(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			server, address := newRsyslogd(t, network)
			m := startReal(t, filepath.Join(t.TempDir(), "data"))
			user1 := m.user1(t)
			var refusal *access.Refusal
			if _, err := user1.TestSyslog(t.Context()); !errors.As(err, &refusal) || refusal.Code != access.CodeBadRequest || !strings.Contains(refusal.Reason, "Syslog Server is empty") {
				t.Errorf("without a server: %v", err)
			}
			m.set(t, "Ethernet/Syslog Server", address, "Ethernet/Syslog Transport", strings.ToUpper(network))
			if _, err := user1.TestSyslog(t.Context()); !errors.As(err, &refusal) || refusal.Code != access.CodeFailed || !strings.Contains(refusal.Reason, "refused") {
				t.Errorf("nobody listens: %v", err)
			}
			server.start(t)
			var test access.SyslogTest
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				var err error
				if test, err = user1.TestSyslog(t.Context()); err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
			find(t, 5*time.Second, server.lines, "16 6 ", test.Message)
			if got := len(server.lines()); got != 1 {
				t.Errorf("%d messages: syslog is not enabled", got)
			}
			if root, err := m.Gate().Open(access.Client{Path: access.ION, Remote: "192.0.2.9:1"}); err != nil {
				t.Fatal(err)
			} else if _, err := root.TestSyslog(t.Context()); !errors.As(err, &refusal) || refusal.Code != access.CodeCredentialsNeeded {
				t.Errorf("without a credential: %v", err)
			}
		})
	}
}
