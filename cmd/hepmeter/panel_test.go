package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/meter"
	panelserver "github.com/hepmeter/hepmeter/serve/panel"
	"github.com/hepmeter/hepmeter/waveform/open"
	"github.com/hepmeter/hepmeter/wire/panel"
)

// panelled is a running meter with a front panel on the socket of its data directory.
type panelled struct {
	*meter.Meter
	data string
	stop func() // the panel, not the meter
}

func panelMeter(t *testing.T, firmware string) *panelled {
	t.Helper()
	dir, err := os.MkdirTemp("", "hep") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	source, play, err := open.Spec("synth", open.Defaults{RateHz: 6400, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := meter.Open(meter.Options{Dir: filepath.Join(dir, "m"), Model: "PM8000", Serial: "T-1", Firmware: firmware, Source: source, Speed: play.Speed, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p := &panelled{Meter: m, data: filepath.Join(dir, "m")}
	l, err := panelserver.Listen(filepath.Join(p.data, panelserver.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	measuring, stopMeasuring := context.WithCancel(t.Context())
	showing, stopShowing := context.WithCancel(measuring)
	ran, shown := make(chan error, 1), make(chan error, 1)
	go func() { ran <- m.Run(measuring) }()
	go func() { shown <- panelserver.New(m.Gate(), panelserver.Options{}).Serve(showing, l) }()
	p.stop = stopShowing
	t.Cleanup(func() {
		stopMeasuring()
		if err := errors.Join(<-shown, <-ran, m.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// admin is a session of USER1 by the object protocol, in Standard of the meter password.
func (p *panelled) admin(t *testing.T, user, password string) *access.Session {
	t.Helper()
	root, err := p.Gate().Open(access.Client{Path: access.ION, Remote: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := root.With(t.Context(), access.Credential{User: user, Given: true, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ptPrim is the register PT Prim.
func (p *panelled) ptPrim(t *testing.T) float64 {
	t.Helper()
	view, err := p.admin(t, "USER1", "0").Registers(access.Readings)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := view.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Value(view.Find("Power Meter/PT Prim")).Number
}

// terminal is a shell in a tmux of its own.
type terminal struct {
	*testing.T
	socket string
}

func newTerminal(t *testing.T, columns, rows int, env ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: apt-get install tmux")
	}
	dir, err := os.MkdirTemp("", "hep")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	term := &terminal{t, filepath.Join(dir, "tmux")}
	shell := append([]string{"env", "PS1=ready "}, env...)
	term.tmux(append([]string{"-f", os.DevNull, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows)}, append(shell, "sh")...)...)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	term.see("ready")
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	if err != nil {
		term.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (term *terminal) screen() string { term.Helper(); return term.tmux("capture-pane", "-p") }

// see waits until the terminal shows all texts.
func (term *terminal) see(texts ...string) {
	term.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		shown, missing := term.screen(), ""
		for _, text := range texts {
			if !strings.Contains(shown, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			term.Fatalf("%q is not to be seen in\n%s", missing, shown)
		}
	}
}

// keys presses keys, named as tmux names them.
func (term *terminal) keys(keys ...string) {
	term.Helper()
	term.tmux(append([]string{"send-keys"}, keys...)...)
}

// run types a command.
func (term *terminal) run(command string) {
	term.Helper()
	term.tmux("send-keys", "-l", command)
	term.keys("Enter")
}

// restored fails unless the terminal is as a shell wants it.
func (term *terminal) restored() {
	term.Helper()
	term.see("ready")
	term.run("clear; stty -a; echo checked")
	term.see("checked\n")
	if state := term.screen(); strings.Contains(state, "-icanon") || strings.Contains(state, "-echo ") {
		term.Errorf("the terminal is left raw:\n%s", state)
	}
	if cursor := strings.TrimSpace(term.tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}")); cursor != "1 0" {
		term.Errorf("cursor seen and alternate screen: %s, want 1 0", cursor)
	}
}

// A live voltage, all screens, a register changed under LSS with User1's password, and the
// least size, with the keys of a real terminal.
func TestPanelInATerminal(t *testing.T) {
	binary, m := buildHepmeter(t), panelMeter(t, "3.0.0")
	term := newTerminal(t, 80, 24)
	term.run(binary + " panel --data " + m.data)
	term.see("VOLTS", "Vln a                    23", " V\n", "enter: setup")
	for _, title := range []string{"AMPS", "POWER", "ENERGY", "DEMAND", "PHASORS", "HARMONICS", "EVENT LOG", "NAMEPLATE", "NETWORK", "VOLTS"} {
		term.keys("Right")
		term.see(title)
	}
	term.keys("Enter")
	term.see("> Basic Setup", "Display\n")
	if shown := term.screen(); strings.Contains(shown, "Password") { // F18
		t.Errorf("F18: a 3.x panel offers a password change:\n%s", shown)
	}
	term.keys("Enter")
	term.see("> Volts Mode")
	term.keys("Down", "Enter")
	term.see("Password of USER1")
	term.keys("0", "Enter")
	term.see("PT RATIO", "000347.000")
	term.keys("Up", "Enter")
	term.see("000348.000")
	term.keys("Enter")
	term.see("348 : 347", "STORED")
	if got := m.ptPrim(t); got != 348 {
		t.Errorf("PT Prim %g", got)
	}
	term.keys("Escape")
	term.see("> Basic Setup")
	term.keys("Escape")
	term.see("VOLTS")
	term.tmux("resize-window", "-x", strconv.Itoa(panel.LeastColumns), "-y", strconv.Itoa(panel.LeastRows))
	term.see("\nleft right: screens   enter: setup\n")
	term.keys("C-c")
	term.restored()
}

// A user without the right is told INVALID SECURITY LEVEL, and nothing changes.
func TestPanelRefusesInATerminal(t *testing.T) {
	binary, m := buildHepmeter(t), panelMeter(t, "3.0.0")
	admin := m.admin(t, "USER1", "0")
	if _, err := admin.AddUser(t.Context(), 2, access.MayRead, "2"); err != nil {
		t.Fatal(err)
	}
	if err := admin.SetOptions(t.Context(), map[string]string{access.RegisterMode: "Advanced"}); err != nil {
		t.Fatal(err)
	}
	term := newTerminal(t, 40, 16, "NO_COLOR=1")
	term.run(binary + " panel --data " + m.data)
	term.see("VOLTS")
	term.keys("Enter")
	term.see("> Basic Setup")
	term.keys("Enter")
	term.see("> Volts Mode")
	term.keys("Down", "Enter")
	term.see("User", "Password")
	term.keys("BSpace", "2", "Enter", "2", "Enter")
	term.see("PT RATIO")
	term.keys("Up", "Enter", "Enter")
	term.see("INVALID SECURITY LEVEL")
	if looks := term.tmux("capture-pane", "-p", "-e"); strings.Contains(looks, "\x1b[31m") || strings.Contains(looks, ";31m") {
		t.Errorf("NO_COLOR: there are colours in\n%q", looks)
	}
	term.keys("Enter")
	term.see("347 : 347")
	if got := m.ptPrim(t); got != 347 {
		t.Errorf("PT Prim %g", got)
	}
}

// F18 from the other side: 2.1.0 has Password Setup, and it works.
func TestPanelPasswordSetupF18(t *testing.T) {
	binary, m := buildHepmeter(t), panelMeter(t, "2.1.0")
	term := newTerminal(t, 80, 24)
	term.run(binary + " panel --data " + m.data)
	term.see("VOLTS")
	term.keys("Enter")
	term.see("Password Setup")
	term.keys("Down", "Down", "Down", "Down", "Down", "Enter")
	term.see("Meter password")
	term.keys("0", "Enter")
	term.see("New password")
	term.keys("4", "7", "1", "1", "Enter", "4", "7", "1", "1", "Enter")
	term.see("PASSWORD CHANGED")
	m.admin(t, "", "4711")
}

func TestPanelRestoresTheTerminal(t *testing.T) {
	binary := buildHepmeter(t)
	for _, row := range []struct {
		name string
		end  func(t *testing.T, m *panelled, pid int)
		want string
	}{
		{"SIGTERM", func(t *testing.T, _ *panelled, pid int) {
			process, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}, "exit 0"},
		{"the meter stops", func(_ *testing.T, m *panelled, _ int) { m.stop() }, "the meter has stopped"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := panelMeter(t, "3.0.0")
			term := newTerminal(t, 80, 24)
			pidFile := filepath.Join(filepath.Dir(m.data), "pid")
			term.run("sh -c 'echo $$ >" + pidFile + "; exec " + binary + " panel --data " + m.data + "'; echo exit $?")
			term.see("VOLTS", "Vln a")
			text, err := os.ReadFile(pidFile)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			row.end(t, m, pid)
			term.see(row.want)
			term.restored()
		})
	}
}

func TestPanelAsText(t *testing.T) {
	binary, m := buildHepmeter(t), panelMeter(t, "3.0.0")
	for _, row := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"where the output is no terminal", nil, "VOLTS", 0},
		{"one screen", []string{"--once", "nameplate"}, " Serial     T-1", 0},
		{"a screen that there is not", []string{"--once", "soup"}, "there are volts, amps", 1},
		{"no meter", []string{"--data", filepath.Dir(m.data)}, "start it with `hepmeter run --data", 1},
		{"a path that is too long", []string{"--data", "/" + strings.Repeat("long", 30)}, "shorter path", 1},
		{"an argument", []string{"volts"}, "wants no argument", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := exec.Command(binary, append([]string{"panel", "--data", m.data}, row.args...)...).CombinedOutput()
			code := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(out), row.want) || code != row.code {
				t.Errorf("exit code %d and\n%s\nwant %d and %q", code, out, row.code, row.want)
			}
		})
	}
}
