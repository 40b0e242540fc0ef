package ssh

import (
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

func TestCommandsOverExec(t *testing.T) {
	t.Parallel()
	s := serve(t)
	reader := s.user("123", access.MayRead)
	for _, tc := range []struct {
		name, user, password, command string
		code                          int
		out, err                      string // parts
	}{
		{"status", "USER1", "0", "status", 0, "ION9000", ""},
		{"readings have units", "USER1", "0", "read Vln a, kWh del/Result", 0, " V\n", ""},
		{"NOT AVAILABLE is no 0", "USER1", "0", "read Power Meter/PF lead", 0, "not available", ""},
		{"connections with who holds them (FA212303)", "USER1", "0", "1 1", 0, "USER1 (you)", ""},
		{"fingerprints", "USER1", "0", "network", 0, s.Gate().Fingerprints()["ssh"], ""},
		{"accounts", "USER1", "0", "accounts", 0, "USER1", ""},
		{"events", "USER1", "0", "events", 0, "Power Up", ""},
		{"events as CSV", "USER1", "0", "events --csv", 0, "sequence,time,priority", ""},
		{"logs", "USER1", "0", "logs", 0, "Revenue Log", ""},
		{"log as CSV", "USER1", "0", "log Revenue Log --csv", 0, "sequence,time,", ""},
		{"whoami", reader, "123", "whoami", 0, reader, ""},
		{"quotes", "USER1", "0", `read "Power Meter/Vln a"`, 0, "Power Meter/Vln a", ""},
		{"refused with reason and remedy", reader, "123", "accounts", 1, "", "lacks Security Config Access; ask someone"},
		{"restart without the right", reader, "123", "restart --yes", 1, "", "no-permission"},
		{"no such register", "USER1", "0", "read No/Such", 1, "", "not-found"},
		{"no such log", "USER1", "0", "log nothing", 1, "", "not-found"},
		{"no such command", "USER1", "0", "reboot", 2, "", "there is no command"},
		{"no such option", "USER1", "0", "events --all", 2, "", "no option"},
		{"restart without --yes", "USER1", "0", "restart", 2, "", "restart --yes"},
		{"a quote left open", "USER1", "0", `read "a`, 2, "", "closing"},
		{"factory access closed", "USER1", "0", "factory", 0, "closed", ""},
		{"nothing to confirm", "USER1", "0", "confirm", 1, "", "nothing-pending"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.ssh(tc.user, tc.password, "", tc.command)
			if r.code != tc.code || !strings.Contains(r.out, tc.out) || !strings.Contains(r.err, tc.err) {
				t.Errorf("status %d, want %d\n--- out, want %q\n%s--- err, want %q\n%s", r.code, tc.code, tc.out, r.out, tc.err, r.err)
			}
			if tc.code != 0 && r.out != "" {
				t.Errorf("what failed wrote %q to where answers go", r.out)
			}
		})
	}
}

func TestF15WhoLogsIn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.user("777777", all)
	if r := s.ssh("9000", "0", "", "whoami"); r.code != 0 || !strings.Contains(r.out, "9000 (as USER1)") || !strings.Contains(r.err, "or as 9000") {
		t.Errorf("LSS: the model number: %+v", r)
	}
	for _, wrong := range []string{"8000", "root", "USER3", ""} {
		if c, err := s.dial(wrong, "0"); err == nil {
			c.Close()
			t.Errorf("LSS: %q logged in", wrong)
		}
	}
	d := s.sit(s.connect("9000", "0"))
	d.waits(0, prompt)
	s.set("Security Options/Security Mode", "Advanced")
	d.waits(0, "legacy security support was switched off")
	if r := s.ssh("9000", "0", "", "whoami"); r.code == 0 || strings.Contains(r.err, "as 9000") || !strings.Contains(r.err, "only while legacy security support is on") {
		t.Errorf("Advanced: the model number: %+v", r)
	}
	if r := s.ssh("USER1", "0", "", "whoami"); r.code != 0 {
		t.Errorf("Advanced: USER1: %+v", r)
	}
	if r := s.sftp("9000", "0", "ls"); r.code == 0 {
		t.Errorf("Advanced: file transfer as the model number: %+v", r)
	}
}

func TestF17OwnPassword(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := s.user("123", access.MayRead)
	t.Run("over exec, from the input", func(t *testing.T) {
		if r := s.ssh(user, "123", "456\n", "password"); r.code != 0 {
			t.Fatalf("%+v", r)
		}
		if r := s.ssh(user, "456", "", "whoami"); r.code != 0 {
			t.Errorf("the new password does not log in: %+v", r)
		}
	})
	t.Run("over exec, without any", func(t *testing.T) {
		if r := s.ssh(user, "456", "", "password"); r.code != exitUsage || !strings.Contains(r.err, "ssh -t") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("the rule", func(t *testing.T) {
		if r := s.ssh(user, "456", "far too long\n", "password"); r.code != exitFailed || !strings.Contains(r.err, "password-rule") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("as ssh -t asks for it", func(t *testing.T) {
		d := s.sitFor(s.connect(user, "456"), "password")
		d.waits(0, "New password")
		d.types("457\r", "again")
		d.types("457\r", "the password is changed")
		if err := d.session.Wait(); err != nil {
			t.Error(err)
		}
		if r := s.ssh(user, "457", "456\n", "password"); r.code != 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("lines of a script", func(t *testing.T) {
		session, err := s.connect(user, "456").NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		out := newRecorder()
		session.Stdin, session.Stdout = strings.NewReader("whoami\npassword\n456\nread Vln a\n"), out
		if err := session.Shell(); err != nil {
			t.Fatal(err)
		}
		if err := session.Wait(); err != nil || !strings.Contains(out.String(), "the password is changed") || !strings.Contains(out.String(), " V\n") {
			t.Errorf("%v:\n%s", err, out)
		}
	})
	t.Run("typed twice without echo", func(t *testing.T) {
		other := s.sit(s.connect(user, "456"))
		other.waits(0, prompt)
		d := s.sit(s.connect(user, "456"))
		d.waits(0, prompt)
		d.types("password\r", "New password")
		d.types("789\r", "again")
		d.types("788\r", "not the same")
		d.types("password\r", "New password")
		d.types("12\x03", "given up")
		d.types("password\r", "New password")
		d.types("789\r", "again")
		d.types("789\r", "the password is changed")
		if text := d.seen.String(); strings.Contains(text, "789") || strings.Contains(text, "788") {
			t.Errorf("a password was echoed:\n%s", text)
		}
		d.types("whoami\r", "you may") // who changed it goes on
		other.waits(0, "the password was changed")
	})
}

func TestTheTerminalIsUsable(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := s.sit(s.connect("USER1", "0"))
	d.waits(0, "1  Communications", prompt)
	d.types("1\r", "addresses and open connections", "hepmeter 1> ")
	if text := d.types("1\r", "held by", "hepmeter 1> "); !strings.Contains(text, "USER1 (you)") || !strings.Contains(text, "Test 1.0") {
		t.Errorf("1 twice shows\n%s", text)
	}
	d.types("\r", prompt)
	d.types("who\t\r", "you may")
	d.types("eve\t--follow\r", "Power Up")
	d.types("\x03", "stopped")
	d.types("nonsense\x03whoami\r", "since")
	d.types("\x1b[A\r", "since") // history
	d.types("restart\r", "Type yes")
	d.types("no\r", "not restarted")
	for _, columns := range []int{20, 40, 100} {
		if err := d.session.WindowChange(40, columns); err != nil {
			t.Fatal(err)
		}
		until(t, "the new width", func() bool {
			text := d.types("help\r", "leave", prompt)
			longest := 0
			for _, line := range strings.Split(text, "\r\n")[1:] {
				if !strings.HasPrefix(line, prompt) {
					longest = max(longest, len(line))
				}
			}
			return longest <= columns && longest > columns/2
		})
	}
	d.types("exit\r")
	if err := d.session.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
}

// TestTmux: the same by the real client in a real terminal.
func TestTmux(t *testing.T) {
	need(t, "tmux", "sshpass", "ssh")
	s := serve(t)
	socket := "hepmeter-" + s.port()
	tmux := func(args ...string) string {
		out, err := exec.Command("tmux", append([]string{"-L", socket, "-f", "/dev/null"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	command := "SSHPASS=0 sshpass -e ssh " + strings.Join(s.options(), " ") + " -p " + s.port() + " USER1@127.0.0.1; echo it left; cat"
	tmux("new-session", "-d", "-x", "120", "-y", "50", command)
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", socket, "kill-server").Run() })
	shows := func(what string) {
		t.Helper()
		until(t, what, func() bool { return strings.Contains(tmux("capture-pane", "-p"), what) })
	}
	shows("1  Communications")
	tmux("send-keys", "1", "Enter")
	shows("Send a number, or an empty line")
	tmux("send-keys", "1", "Enter")
	shows("USER1 (you)")
	tmux("send-keys", "C-d")
	shows("it left")
}

func TestAccountsInTheTerminal(t *testing.T) {
	t.Parallel()
	s := serve(t)
	run := func(code int, input, want string, command ...string) {
		t.Helper()
		if r := s.ssh("USER1", "0", input, command...); r.code != code || !strings.Contains(r.out+r.err, want) {
			t.Errorf("%v: %+v, want %d with %q", command, r, code, want)
		}
	}
	run(0, "abc12\n", "USER2 is added with read", "accounts add read")
	run(0, "", "USER3 is added", "accounts add USER3 read config --no-password")
	run(0, "", "USER2 is changed", "accounts set USER2 +config -read")
	run(0, "", "without read most has no effect", "accounts")
	run(0, "xyz\n", "password of USER2 is changed", "accounts passwd USER2")
	run(0, "", "USER3 is removed", "accounts remove USER3")
	run(0, "", "cleared", "accounts unlock USER2")
	run(1, "", "own-account", "accounts remove USER1")
	run(1, "", "no-such-account", "accounts remove USER9")
	run(2, "", "no permission", "accounts add everything")
	run(2, "", "no account", "accounts remove root")
	run(2, "", "there is no accounts", "accounts drop USER2")
	if r := s.ssh("USER2", "xyz", "", "whoami"); r.code != 0 {
		t.Errorf("USER2 cannot log in without Read Access, who may still change his password: %+v", r)
	}
}

func TestFactoryAccess(t *testing.T) {
	t.Parallel()
	s := serve(t)
	code, _, err := s.admin().OpenFactory(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.dial("FACTORY", "wrong"); err == nil {
		c.Close()
		t.Error("a wrong code logged in")
	}
	c := s.connect("factory", code)
	d := s.sit(c)
	d.waits(0, "You are FACTORY")
	d.types("accounts\r", "factory access does not reach security")
	if again, err := s.dial("FACTORY", code); err == nil {
		again.Close()
		t.Error("the code logged in twice")
	}
	if err := s.admin().CloseFactory(); err != nil {
		t.Fatal(err)
	}
	d.waits(0, "factory access was closed")
	if err := c.Wait(); err == nil {
		t.Error("the connection goes on")
	}
}

func TestConnectionsEndWithTheReason(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, want string
		end        func(*served, string)
	}{
		{"account removed", "was removed", func(s *served, user string) {
			n, _ := access.ParseUser(user)
			if err := s.admin().RemoveUser(s.t.Context(), n); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"password changed by another", "the password was changed", func(s *served, user string) {
			n, _ := access.ParseUser(user)
			if err := s.admin().SetPassword(s.t.Context(), n, "999"); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"ended by an administrator", "an administrator ended", func(s *served, _ string) {
			admin := s.admin()
			list, err := admin.Connections()
			if err != nil {
				s.t.Fatal(err)
			}
			for _, c := range list {
				if c.Path == access.SSH {
					if err := admin.EndConnection(s.t.Context(), c.ID); err != nil {
						s.t.Fatal(err)
					}
				}
			}
		}},
		{"the meter stops", "the meter stops", func(s *served, _ string) { go s.stop() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			user := s.user("123", access.MayRead)
			d := s.sit(s.connect(user, "123"))
			d.waits(0, prompt)
			tc.end(s, user)
			d.waits(0, tc.want)
			if err := d.session.Wait(); err == nil {
				t.Error("the channel ended as if all was well")
			}
			if tc.name == "the meter stops" {
				until(t, "the end", func() bool {
					c, err := s.dial("x", "x")
					if err == nil {
						c.Close()
					}
					return err != nil
				})
			}
		})
	}
}

// TestTransfersEndWithTheReason: file transfer has no screen, and is told beside its answers.
func TestTransfersEndWithTheReason(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := s.user("123", access.MayRead)
	session, err := s.connect(user, "123").NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	d := &desk{t: t, session: session, seen: newRecorder()}
	told, err := session.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestSubsystem("sftp"); err != nil {
		t.Fatal(err)
	}
	go io.Copy(d.seen, told)
	until(t, "the session", func() bool {
		list, err := s.admin().Connections()
		return err == nil && slices.ContainsFunc(list, func(c access.ConnectionInfo) bool { return c.Path == access.SFTP && c.User == user })
	})
	n, _ := access.ParseUser(user)
	if err := s.admin().RemoveUser(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	d.waits(0, "the account "+user+" was removed\n")
}

// TestIdleIsTold: the sentence for who was idle is not that for who was sent away.
func TestIdleIsTold(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := serveOf(t, filepath.Join(t.TempDir(), "data"), "3.0.0", access.OpenLimits(), Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	d := s.sit(s.connect("USER1", "0"))
	d.waits(0, prompt)
	ahead.Store(int64(idle))
	list, err := s.admin().Connections()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Path == access.SSH {
			if err := s.admin().EndConnection(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.waits(0, "nobody used the connection for 15 minutes")
}

// TestStoredTextCannotSteerATerminal: what clients may have written is shown without its
// control characters.
func TestStoredTextCannotSteerATerminal(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\x1b[2J", "\x9b2J", "a\rb", "\u202eabc", "\xff", "\x00"} {
		for _, r := range plain(text) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' {
				t.Errorf("%q is shown as %q", text, plain(text))
			}
		}
	}
	s := serve(t)
	if c, err := s.dial("root\x1b[31m\u202e", "\x1b[2J"); err == nil {
		c.Close()
		t.Fatal("root logged in")
	}
	for _, command := range []string{"events", "events --csv", "connections", "\x1b[2J", "read \x1b[2J", "read \u202e"} {
		r := s.ssh("USER1", "0", "", command)
		if strings.ContainsAny(r.out+r.err, "\x1b\u202e") {
			t.Errorf("%q: %+v", command, r)
		}
		if strings.HasPrefix(command, "events") && !strings.Contains(r.out, "root") {
			t.Errorf("the wrong login is no event: %s", r.out)
		}
	}
}

func TestValuesInWords(t *testing.T) {
	value := func(x float64) access.Value {
		return access.Value{Kind: access.KindNumber, Available: true, Number: x}
	}
	for _, tc := range []struct {
		v    access.Value
		unit string
		want string
	}{
		{access.Value{Kind: access.KindNumber}, "V", notAvailable},
		{value(230.4567), "V", "230.457 V"},
		{value(0), "A", "0.00000 A"},
		{value(-1234567.8), "W", "-1234568 W"},
		{value(0.0000123), "", "1.23e-05"},
		{access.Value{Kind: access.KindCount, Available: true, Number: 12.3456, Count: 12345}, "kWh", "12.346 kWh"},
		{access.Value{Kind: access.KindBoolean, Available: true}, "", "OFF"},
		{access.Value{Kind: access.KindTime, Available: true, Number: 0}, "", "1970-01-01 00:00:00 UTC"},
		{access.Value{}, "", "no value"},
	} {
		if got := show(tc.v, tc.unit); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.v, got, tc.want)
		}
	}
	if got := span(49*time.Hour + 10*time.Minute); got != "2 d 1h10m0s" {
		t.Errorf("49 h 10 min is %q", got)
	}
}

func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{"status", `read "Power Meter/Vln a", 'x'`, "log Hist Mean --last 3", "\x1b[A", `"`, "1 1", strings.Repeat("a ", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		list, err := words(line)
		if err != nil {
			return
		}
		if len(list) > maxWords+1 {
			t.Fatalf("%d words", len(list))
		}
		for _, w := range list {
			if len(w) > len(line) || strings.ContainsFunc(w, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }) {
				t.Fatalf("the word %q of %q", w, line)
			}
		}
		if rest, set, err := options(list, []string{"csv"}, []string{"last"}); err == nil {
			if len(rest)+len(set) > len(list) || set["last"] < 0 {
				t.Fatalf("%q has the options %v", line, set)
			}
		}
		table(30, []string{"a", "b"}, [][]string{{line, "x"}})
	})
}
