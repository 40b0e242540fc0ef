package ssh

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
)

func TestTheHostKeyStays(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var first string
	for range 2 {
		s := serveOf(t, dir, "3.0.0", access.OpenLimits(), Options{})
		seen := ""
		c, err := gossh.Dial("tcp", s.address, &gossh.ClientConfig{User: "USER1", Auth: []gossh.AuthMethod{gossh.Password("0")}, HostKeyCallback: func(_ string, _ net.Addr, key gossh.PublicKey) error {
			seen = gossh.FingerprintSHA256(key)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if want := s.Gate().Fingerprints()["ssh"]; seen != want {
			t.Errorf("the key's fingerprint is %s, and the meter says %s", seen, want)
		}
		if first == "" {
			first = seen
		}
		if seen != first {
			t.Errorf("after a restart the key is %s, not %s", seen, first)
		}
		s.stop()
	}
}

// TestLockout: five wrong passwords lock the account on the path on which the port checks
// them, and with it what else the port serves.
func TestLockout(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := s.user("123", access.MayRead)
	wrong := func(password string) {
		t.Helper()
		if c, err := s.dial(user, password); err == nil {
			c.Close()
			t.Fatalf("%s logged in with %s", user, password)
		}
	}
	for _, password := range []string{"1", "2", "3", "4", "5"} {
		wrong(password)
	}
	wrong("123")
	if r := s.sftp(user, "123", "ls"); r.code == 0 {
		t.Errorf("file transfer goes round the lockout: %+v", r)
	}
	if c, err := s.dial("USER1", "0"); err != nil {
		t.Errorf("another account is locked, too: %v", err)
	} else {
		c.Close()
	}
	status, err := s.admin().Status()
	if err != nil || len(status.Lockouts) != 1 || status.Lockouts[0].Path != access.SSH || !status.Lockouts[0].Locked {
		t.Errorf("lockouts: %+v, %v", status.Lockouts, err)
	}
	n, _ := access.ParseUser(user)
	if _, err := s.admin().Unlock(n, nil); err != nil {
		t.Fatal(err)
	}
	s.connect(user, "123")
}

// TestALockoutOfTransferHolds: an account that is locked for file transfer logs in to the
// terminal, and its connection does not become file transfer.
func TestALockoutOfTransferHolds(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := s.user("123", access.MayRead|access.MayConfig)
	s.set("Ethernet/Enable SSH", "OFF")
	for _, password := range []string{"1", "2", "3", "4", "5"} {
		if c, err := s.dial(user, password); err == nil {
			c.Close()
			t.Fatal("a wrong password logged in")
		}
	}
	s.set("Ethernet/Enable SSH", "ON")
	if r := s.sftp(user, "123", "ls"); r.code == 0 {
		t.Errorf("%+v", r)
	}
	if r := s.ssh(user, "123", "", "whoami"); r.code != 0 {
		t.Errorf("the terminal: %+v", r)
	}
}

func TestDisabledServices(t *testing.T) {
	t.Parallel()
	s := serve(t)
	before := s.sit(s.connect("USER1", "0"))
	before.waits(0, prompt)
	s.set("Ethernet/Enable SSH", "OFF")
	if r := s.ssh("USER1", "0", "", "status"); r.code != exitFailed || !strings.Contains(r.err, "Ethernet/Enable SSH is OFF") {
		t.Errorf("terminal off: %+v", r)
	}
	if r := s.sftp("USER1", "0", "ls"); r.code != 0 {
		t.Errorf("terminal off, file transfer: %+v", r)
	}
	before.types("whoami\r", "you may") // switching off stops new connections only
	s.set("Ethernet/Enable SSH", "ON")
	s.set("Ethernet/Enable SFTP", "OFF")
	if r := s.sftp("USER1", "0", "ls"); r.code == 0 || !strings.Contains(r.err, "Ethernet/Enable SFTP is OFF") {
		t.Errorf("file transfer off: %+v", r)
	}
	if r := s.ssh("USER1", "0", "", "whoami"); r.code != 0 {
		t.Errorf("file transfer off, terminal: %+v", r)
	}
	s.set("Ethernet/Enable SSH", "OFF")
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); len(text) > 0 {
		t.Errorf("both off: the server said %q, %v", text, err)
	}
}

// TestOneConnectionIsOnePath: what was shown at the login serves once.
func TestOneConnectionIsOnePath(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.connect("USER1", "0")
	files, err := sftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.CombinedOutput("status")
	var exit *gossh.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != exitFailed || !strings.Contains(string(out), "connect anew") {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := files.ReadDir("/"); err != nil {
		t.Errorf("file transfer does not go on: %v", err)
	}
	list, err := s.admin().Connections()
	for _, i := range list {
		if i.Path == access.SSH {
			t.Errorf("file transfer holds a connection of the terminal, too: %+v", i)
		}
		if i.Path == access.SFTP && (i.User != "USER1" || i.Client != "Test" || i.ClientVersion != "1.0" || !i.Encrypted) {
			t.Errorf("the connection is listed as %+v", i)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestNothingElseIsServed: no forwarding, no agent, no X11, no environment, no other
// subsystem.
func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.connect("USER1", "0")
	for _, kind := range []string{"direct-tcpip", "x11", "direct-streamlocal@openssh.com", "forwarded-tcpip", "tun@openssh.com"} {
		if ch, _, err := c.OpenChannel(kind, make([]byte, 40)); err == nil {
			ch.Close()
			t.Errorf("a channel %s was opened", kind)
		}
	}
	for _, request := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "cancel-tcpip-forward"} {
		if ok, _, err := c.SendRequest(request, true, make([]byte, 40)); ok || err != nil {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	for _, request := range []string{"env", "x11-req", "auth-agent-req@openssh.com", "subsystem", "xon-xoff", "nonsense", "exec", "pty-req", "window-change"} {
		payload := gossh.Marshal(struct{ Name, Value string }{"netconf", "1"})
		if request == "exec" || request == "pty-req" {
			payload = []byte{1}
		}
		if ok, err := ch.SendRequest(request, true, payload); ok || err != nil {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	for range maxChannels - 1 {
		if _, _, err := c.OpenChannel("session", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.OpenChannel("session", nil); err == nil {
		t.Errorf("%d channels", maxChannels+1)
	}
}

// TestWhoWaitsIsBounded: who has not logged in holds a place for a bounded time, and an
// address few.
func TestWhoWaitsIsBounded(t *testing.T) {
	s := serveOf(t, filepath.Join(t.TempDir(), "data"), "3.0.0", access.OpenLimits(), Options{Patience: 2 * time.Second, WaitingOfAddress: 3})
	silent := make([]net.Conn, 3)
	for i := range silent {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent[i] = conn
	}
	until(t, "the third", func() bool { return s.server.Counters().Accepted == 3 })
	beyond, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer beyond.Close()
	if text, _ := io.ReadAll(beyond); len(text) > 0 {
		t.Errorf("the fourth was answered %q", text)
	}
	for _, conn := range silent {
		if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%v", err)
		}
	}
	c := s.connect("USER1", "0") // there is room again
	// Who has logged in and wants nothing is closed, too.
	if err := c.Wait(); err == nil {
		t.Error("it ended as if all was well")
	}
	until(t, "all places", func() bool {
		s.server.waiting.mu.Lock()
		defer s.server.waiting.mu.Unlock()
		return s.server.waiting.total == 0 && len(s.server.waiting.of) == 0
	})
}

func TestAddressesAreCountedByNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:22": "192.0.2.1", "[::ffff:192.0.2.1]:22": "192.0.2.1", "[2001:db8::1:2]:22": "2001:db8::/64", "[fe80::1%eth0]:1": "fe80::/64", "pipe": "pipe",
	} {
		if got := network(remote); got != want {
			t.Errorf("%s counts as %s, want %s", remote, got, want)
		}
	}
}

// TestFactoryLimits: two terminals, and two transfers; one more of each for a named user.
func TestFactoryLimits(t *testing.T) {
	t.Parallel()
	s := serveOf(t, filepath.Join(t.TempDir(), "data"), "3.0.0", access.FactoryLimits(), Options{})
	for range 3 {
		s.sit(s.connect("USER1", "0")).waits(0, prompt)
		s.files("USER1", "0")
	}
	for _, r := range []result{s.ssh("USER1", "0", "", "status"), s.sftp("USER1", "0", "ls")} {
		if r.code == 0 || !strings.Contains(r.err, "connections-used") {
			t.Errorf("a fourth: %+v", r)
		}
	}
}

// TestAudit: ssh-audit finds nothing weak. What it does not know yet is not ours.
func TestAudit(t *testing.T) {
	need(t, "ssh-audit")
	s := serve(t)
	out, _ := exec.Command("ssh-audit", "-n", "-p", s.port(), "127.0.0.1").CombinedOutput()
	text := string(out)
	if !strings.Contains(text, "ssh-ed25519") || !strings.Contains(text, "mlkem768x25519-sha256") {
		t.Fatalf("it saw nothing:\n%s", text)
	}
	for _, line := range strings.Split(text, "\n") {
		if regexp.MustCompile(`\[(fail|warn)\]`).MatchString(line) && !strings.Contains(line, "unknown algorithm") {
			t.Errorf("%s", line)
		}
	}
	for _, old := range []string{"nistp", "sha1", "-ctr", "-cbc", "ssh-rsa", "umac", "Go"} {
		if strings.Contains(text, old) {
			t.Errorf("it saw %s:\n%s", old, text)
		}
	}
}
