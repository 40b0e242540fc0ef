package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a program that runs at a terminal, and what it has shown there.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	host *os.File
	mu   sync.Mutex
	text strings.Builder
	done chan struct{}
}

// at runs a command at a terminal of 100 columns.
func at(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	host, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { host.Close() })
	fd := int(host.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = line, line, line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line.Close()
	term := &terminal{t: t, cmd: cmd, host: host, done: make(chan struct{})}
	go func() {
		defer close(term.done)
		buffer := make([]byte, 4096)
		for {
			n, err := host.Read(buffer)
			term.mu.Lock()
			term.text.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil { // the program has ended
				return
			}
		}
	}()
	return term
}

func (c *terminal) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// answer types a line when the program has shown a text.
func (c *terminal) answer(after, line string) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%q is shown", after), func() bool { return strings.Contains(c.shown(), after) })
	if _, err := c.host.WriteString(line); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for the program's end.
func (c *terminal) end() (exit int, shown string) {
	_ = c.cmd.Wait()
	<-c.done
	return c.cmd.ProcessState.ExitCode(), c.shown()
}

// plain is the tool for people: no --json, no password in the environment.
func (s *site) plain(line ...string) *exec.Cmd {
	for i, word := range line {
		if word == "ADDR" {
			line[i] = s.addr
		}
	}
	cmd := exec.Command(s.tool, line...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "TERM=xterm", "HEPSETUP_PASSWORD=", "HEPSETUP_NEW_PASSWORD=")
	return cmd
}

func TestAtATerminal(t *testing.T) {
	s := startSite(t)
	s.administrator(t)

	t.Run("who is refused as nobody is asked once, and no password is shown", func(t *testing.T) {
		c := at(t, s.plain("users", "list", "ADDR"))
		c.answer("User (Enter for none): ", "USER2\n")
		c.answer("Password: ", "271828\n")
		exit, shown := c.end()
		if exit != 0 || !strings.Contains(shown, "USER1") || strings.Contains(shown, "271828") {
			t.Errorf("exit %d: %s", exit, shown)
		}
		c = at(t, s.plain("users", "list", "ADDR"))
		c.answer("User (Enter for none): ", "USER2\n")
		c.answer("Password: ", "99\n")
		if exit, shown := c.end(); exit != 3 || strings.Count(shown, "Password: ") != 1 || !strings.Contains(shown, "bad-credentials") {
			t.Errorf("exit %d: %s", exit, shown)
		}
	})
	t.Run("--anonymous is never asked", func(t *testing.T) {
		if exit, shown := at(t, s.plain("--anonymous", "users", "list", "ADDR")).end(); exit != 3 || strings.Contains(shown, "Password") {
			t.Errorf("exit %d: %s", exit, shown)
		}
	})
	t.Run("a new password is asked for twice, checked, and what it cuts off is confirmed", func(t *testing.T) {
		c := at(t, s.plain("--user", "USER1", "users", "passwd", "ADDR"))
		c.answer("Password of USER1: ", "0\n")
		c.answer("New password of USER1: ", "toolong\n")
		c.answer("7 characters", "a4711\n")
		c.answer("The same again: ", "a4711\n")
		c.answer("[y/N] ", "n\n")
		if exit, shown := c.end(); exit != 5 || !strings.Contains(shown, "not-confirmed") || strings.Contains(shown, "4711") || strings.Contains(shown, "toolong") {
			t.Errorf("exit %d: %s", exit, shown)
		}
		s.run(t, factoryUser1, "users", "list", "ADDR").done()
	})
	t.Run("watch refreshes in place, and ends with Ctrl-C", func(t *testing.T) {
		c := at(t, s.plain("watch", "ADDR", "Power Meter/Vln a"))
		c.answer("\x1b[3A", "\x03") // the cursor goes up the three lines
		exit, shown := c.end()
		if exit != 0 || !strings.HasSuffix(shown, "\x1b[?25h") {
			t.Errorf("exit %d: %q", exit, shown)
		}
	})
	t.Run("tables fit", func(t *testing.T) {
		_, shown := at(t, s.plain("--anonymous", "logs", "data", "ADDR")).end()
		for line := range strings.Lines(shown) {
			if line = strings.TrimRight(line, "\r\n"); visible(line) > 100 {
				t.Errorf("%d columns: %s", visible(line), line)
			}
		}
	})
}
