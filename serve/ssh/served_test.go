package ssh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/meter"
	"github.com/hepmeter/hepmeter/waveform/open"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is a running meter behind its SSH port.
type served struct {
	*meter.Meter
	t       *testing.T
	server  *Server
	address string
	stop    func()
	root    *access.Session // of admin
}

// serve runs a fresh ION9000 of 3.0.0 and serves it until the test ends.
func serve(t *testing.T) *served {
	return serveOf(t, filepath.Join(t.TempDir(), "data"), "3.0.0", access.OpenLimits(), Options{})
}

// serveOf serves a meter that lives in a directory.
func serveOf(t *testing.T, dir, firmware string, limits access.Limits, o Options) *served {
	t.Helper()
	source, _, err := open.Spec("synth", open.Defaults{RateHz: 12800, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := meter.Open(meter.Options{Dir: dir, Model: "ION9000", Serial: "T-1", Firmware: firmware, Source: source, SourceName: "synth", Speed: 1, Limits: limits, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Log = slog.New(slog.DiscardHandler)
	s := &served{Meter: m, t: t, server: New(m.Gate(), o), address: l.Addr().String()}
	serving, stopServing := context.WithCancel(context.Background())
	running, stopRunning := context.WithCancel(context.Background())
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.server.Serve(serving, l) }()
	go func() { ran <- m.Run(running) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		stopServing()
		err := <-served
		stopRunning()
		if err := errors.Join(err, <-ran, m.Close()); err != nil {
			t.Error(err)
		}
		if left := s.server.uploads.used.Load(); left != 0 {
			t.Errorf("%d bytes of uploads are held after all", left)
		}
	}
	t.Cleanup(s.stop)
	if firmware == "3.0.0" {
		until(t, "the first reading", s.measures)
	}
	return s
}

// measures reports whether there are readings.
func (s *served) measures() bool {
	view, err := s.admin().Registers(access.Readings)
	if err != nil {
		s.t.Fatal(err)
	}
	picture, err := view.Snapshot()
	return err == nil && picture != nil && picture.Value(view.Find("Power Meter/Vln a")).Available
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// admin is User1 with the factory's password on another path.
func (s *served) admin() *access.Session {
	s.t.Helper()
	if s.root == nil {
		root, err := s.Gate().Open(access.Client{Path: access.ION, Remote: "192.0.2.1:1"})
		if err != nil {
			s.t.Fatal(err)
		}
		s.root = root
	}
	session, err := s.root.With(s.t.Context(), access.Credential{User: "USER1", Given: true, Password: "0"})
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

// user adds an account.
func (s *served) user(password string, boxes access.Permissions) string {
	s.t.Helper()
	n, err := s.admin().AddUser(s.t.Context(), 0, boxes, password)
	if err != nil {
		s.t.Fatal(err)
	}
	return access.UserName(n)
}

// set sets registers, as who may.
func (s *served) set(label, text string) {
	s.t.Helper()
	if err := s.admin().Change(s.t.Context(), []access.Change{{Kind: access.Set, Object: label, Text: text}}, false); err != nil {
		s.t.Fatal(err)
	}
}

// all permissions.
const all = access.MayRead | access.MayReset | access.MayTime | access.MayConfig | access.MayTest | access.MaySecurity | access.MayComm

// need skips a test whose programs are missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// result is what a program did.
type result struct {
	out, err string
	code     int
}

// options of the OpenSSH programs: nothing of the machine's own configuration.
func (s *served) options() []string {
	return []string{"-F", "/dev/null", "-o", "UserKnownHostsFile=" + filepath.Join(s.t.TempDir(), "known"), "-o", "StrictHostKeyChecking=accept-new",
		"-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=INFO", "-o", "ConnectTimeout=10"}
}

func (s *served) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

// ssh runs a command with OpenSSH's ssh.
func (s *served) ssh(user, password, input string, command ...string) result {
	s.t.Helper()
	need(s.t, "sshpass", "ssh")
	args := append([]string{"-e", "ssh"}, s.options()...)
	args = append(args, "-p", s.port(), user+"@127.0.0.1")
	return s.program(password, input, append(args, command...))
}

// sftp runs a batch with OpenSSH's sftp; lines that begin with - may fail.
func (s *served) sftp(user, password string, lines ...string) result {
	s.t.Helper()
	need(s.t, "sshpass", "sftp")
	batch := filepath.Join(s.t.TempDir(), "batch")
	if err := os.WriteFile(batch, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	args := append([]string{"-e", "sftp"}, s.options()...)
	return s.program(password, "", append(args, "-o", "BatchMode=no", "-P", s.port(), "-b", batch, user+"@127.0.0.1"))
}

func (s *served) program(password, input string, args []string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sshpass", args...)
	cmd.Env = append(os.Environ(), "SSHPASS="+password)
	cmd.Stdin = strings.NewReader(input)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		s.t.Fatal(err)
	}
	return result{out.String(), errors.String(), cmd.ProcessState.ExitCode()}
}

// dial logs in with a client of the library.
func (s *served) dial(user, password string) (*gossh.Client, error) {
	return gossh.Dial("tcp", s.address, &gossh.ClientConfig{User: user, Auth: []gossh.AuthMethod{gossh.Password(password)}, Timeout: 20 * time.Second,
		ClientVersion: "SSH-2.0-Test_1.0", HostKeyCallback: gossh.InsecureIgnoreHostKey()}) //nolint // the key has a test of its own
}

func (s *served) connect(user, password string) *gossh.Client {
	s.t.Helper()
	c, err := s.dial(user, password)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// files logs in for file transfer.
func (s *served) files(user, password string) (*sftp.Client, *gossh.Client) {
	s.t.Helper()
	conn := s.connect(user, password)
	c, err := sftp.NewClient(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c, conn
}

// desk is an interactive terminal.
type desk struct {
	t       *testing.T
	session *gossh.Session
	keys    io.Writer
	seen    *recorder
}

// recorder keeps what comes, for who waits for it.
type recorder struct {
	came chan struct{}
	text chan string
}

func newRecorder() *recorder {
	r := &recorder{came: make(chan struct{}, 1), text: make(chan string, 1)}
	r.text <- ""
	return r
}

func (r *recorder) Write(b []byte) (int, error) {
	r.text <- <-r.text + string(b)
	select {
	case r.came <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (r *recorder) String() string {
	text := <-r.text
	r.text <- text
	return text
}

// sit begins a shell at a terminal of 100 columns.
func (s *served) sit(c *gossh.Client) *desk { return s.sitFor(c, "") }

// sitFor begins a command there, as ssh -t does; a shell where it is empty.
func (s *served) sitFor(c *gossh.Client, command string) *desk {
	s.t.Helper()
	session, err := c.NewSession()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { session.Close() })
	d := &desk{t: s.t, session: session, seen: newRecorder()}
	session.Stdout, session.Stderr = d.seen, d.seen
	if d.keys, err = session.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	begin := session.Shell
	if command != "" {
		begin = func() error { return session.Start(command) }
	}
	if err := errors.Join(session.RequestPty("xterm", 40, 100, nil), begin()); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// types sends keys, and waits for words among what comes after.
func (d *desk) types(keys string, want ...string) string {
	d.t.Helper()
	before := len(d.seen.String())
	if _, err := io.WriteString(d.keys, keys); err != nil {
		d.t.Fatal(err)
	}
	return d.waits(before, want...)
}

func (d *desk) waits(from int, want ...string) string {
	d.t.Helper()
	patience := time.After(20 * time.Second)
	for {
		text, missing := d.seen.String()[from:], ""
		for _, w := range want {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return text
		}
		select {
		case <-d.seen.came:
		case <-patience:
			d.t.Fatalf("%q did not come; this did:\n%s", missing, text)
		}
	}
}
