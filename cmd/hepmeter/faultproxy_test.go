package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
)

// faultProxy is the real program before a device.
type faultProxy struct {
	cmd    *exec.Cmd
	port   string
	stderr *output
	exited chan error
}

func startFaultProxy(t *testing.T, binary, to, scenario string, args ...string) *faultProxy {
	t.Helper()
	return startFaultProxyAt(t, binary, "127.0.0.1:0", regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+) `), to, scenario, args...)
}

// startFaultProxyAt starts one that listens there, and says so in the words of listening.
func startFaultProxyAt(t *testing.T, binary, listen string, listening *regexp.Regexp, to, scenario string, args ...string) *faultProxy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scenario.yaml")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &faultProxy{stderr: new(output), exited: make(chan error, 1)}
	p.cmd = exec.Command(binary, append([]string{"fault-proxy", "--listen", listen, "--to", to, "--scenario", file}, args...)...)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	go func() { p.exited <- p.cmd.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if m := listening.FindStringSubmatch(p.stderr.String()); m != nil {
			p.port = m[1]
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("the proxy does not listen:\n%s", p.stderr)
		}
	}
}

// interrupt is Ctrl-C; it returns the exit code.
func (p *faultProxy) interrupt(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0
	case <-time.After(10 * time.Second):
		t.Fatal("the proxy does not end")
		return 0
	}
}

// TestFaultProxyWithMbpoll: the real mbpoll reads a real meter through faults, sees each as
// what it is, and the truth when it is over.
func TestFaultProxyWithMbpoll(t *testing.T) {
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		t.Skip("mbpoll is not installed: apt-get install mbpoll")
	}
	meter, _, _, _ := referenceMeter(t)
	binary := meter.cmd.Path
	for _, tc := range []struct{ name, fault, sees string }{
		{"exception", "{fault: exception, code: 6, first: 1}", `(?i)device or server is busy`},
		{"a lost reply", "{fault: drop, first: 1}", `(?i)timed out`},
		{"another transaction", "{fault: wrongTransaction, first: 1}", `(?i)invalid data|invalid response|timed out`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "trace.jsonl")
			p := startFaultProxy(t, binary, meter.ready.Endpoints[boot.Modbus], "faults:\n  - "+tc.fault, "--trace", trace)
			poll := func() ([]byte, error) {
				return exec.Command(mbpoll, "-1", "-o", "1", "-m", "tcp", "-p", p.port, "-B", "-t", "4:float", "-r", "3028", "-c", "1", "127.0.0.1").CombinedOutput()
			}
			if out, err := poll(); err == nil || !regexp.MustCompile(tc.sees).Match(out) {
				t.Errorf("struck: %v\n%s\nwant %s", err, out, tc.sees)
			}
			if out, err := poll(); err != nil || !regexp.MustCompile(`\[3028\]:\s+(230|229\.999|230\.000)`).Match(out) {
				t.Errorf("after the fault: %v\n%s", err, out)
			}
			if code := p.interrupt(t); code != 0 || !strings.Contains(p.stderr.String(), "fired 1 of") {
				t.Errorf("exit code %d\n%s", code, p.stderr)
			}
			text, err := os.ReadFile(trace)
			if err != nil {
				t.Fatal(err)
			}
			struck := 0
			for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
				var event struct{ Fault string }
				if err := json.Unmarshal([]byte(line), &event); err != nil {
					t.Errorf("%v: %s", err, line)
				}
				if event.Fault != "" {
					struck++
				}
			}
			if struck != 1 {
				t.Errorf("the trace has %d faults, want 1\n%s", struck, text)
			}
		})
	}
	t.Run("no fault fired", func(t *testing.T) {
		p := startFaultProxy(t, binary, meter.ready.Endpoints[boot.Modbus], "faults:\n  - {fault: drop, unit: 77}")
		conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if code := p.interrupt(t); code != 1 || !strings.Contains(p.stderr.String(), "hepmeter: no fault fired in ") {
			t.Errorf("exit code %d, want 1\n%s", code, p.stderr)
		}
	})
}

// TestFaultProxyOnLines: the real mbpoll reads a real meter, each on a serial line of its
// own, with the proxy between.
func TestFaultProxyOnLines(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pseudo terminals are made on Linux alone")
	}
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		t.Skip("mbpoll is not installed: apt-get install mbpoll")
	}
	line := newNullModem(t)
	binary := buildHepmeter(t)
	meter := startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "PM8000", "--serial", "com1="+line.meter+"?protocol=modbus-rtu&unit=100",
		"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	meter.waitForVolts(t)
	master := filepath.Join(t.TempDir(), "line")
	p := startFaultProxyAt(t, binary, "pty:"+master+"?baud=19200", regexp.MustCompile(`listening on (\S+) for `), line.master+"?baud=19200", `framing: rtu
faults:
  - {fault: wrongCRC, from: 2, to: 2}
  - {fault: exception, code: 6, from: 3, to: 3}
  - {fault: drop, on: requests, from: 3, to: 3}`)
	for i, sees := range []string{`230`, `(?i)crc`, `(?i)busy`, `(?i)timed out`, `230`} {
		out, err := exec.Command(mbpoll, "-1", "-m", "rtu", "-a", "100", "-b", "19200", "-P", "none", "-o", "2", "-B", "-t", "4:float", "-r", "3028", "-c", "1", master).CombinedOutput()
		if !regexp.MustCompile(sees).Match(out) {
			t.Errorf("request %d: %v\n%s\nwant %s", i+1, err, out, sees)
		}
	}
	if code := p.interrupt(t); code != 0 || strings.Count(p.stderr.String(), "fired 1 of") != 3 {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
	if _, err := os.Lstat(master); err == nil {
		t.Errorf("%s is left behind", master)
	}
}

// TestFaultProxyRefusals: what cannot be done is said before anything listens.
func TestFaultProxyRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte("faults:\n  - {fault: lose}"), 0o600); err != nil {
		t.Fatal(err)
	}
	written := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tcp, resets := written("tcp.yaml", "faults:\n  - {fault: drop}"), written("resets.yaml", "framing: rtu\nfaults:\n  - {fault: reset}")
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no listen", []string{"--to", "h:1", "--scenario", file}, "--listen is missing"},
		{"no scenario", []string{"--listen", ":0", "--to", "h:1"}, "--scenario is missing"},
		{"a serial device and Modbus TCP", []string{"--listen", ":0", "--to", "/dev/ttyUSB0", "--scenario", tcp}, "framing: rtu"},
		{"a COM port and Modbus TCP", []string{"--listen", ":0", "--to", "COM3", "--scenario", tcp}, "framing: rtu"},
		{"a serial device at no rate", []string{"--listen", ":0", "--to", "/dev/ttyUSB0?baud=7", "--scenario", tcp}, "one of [2400"},
		{"a reset on a line", []string{"--listen", "pty:" + file + ".pty", "--to", "h:1", "--scenario", resets}, "line 3: reset makes no sense on a serial line"},
		{"a terminal for the device", []string{"--listen", ":0", "--to", "pty:/tmp/x", "--scenario", file}, "give the path of the device"},
		{"a terminal without a path", []string{"--listen", "pty:", "--to", "h:1", "--scenario", file}, "write DEVICE"},
		{"no port", []string{"--listen", ":0", "--to", "meter", "--scenario", file}, "want HOST:PORT"},
		{"wrong scenario", []string{"--listen", ":0", "--to", "h:1", "--scenario", file}, `s.yaml:2: fault: "lose" is not one of`},
		{"no file", []string{"--listen", ":0", "--to", "h:1", "--scenario", file + "x"}, "--scenario: open "},
		{"an argument", []string{"x"}, "fault-proxy wants"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := newRootCommand()
			cmd.SetArgs(append([]string{"fault-proxy"}, tc.args...))
			if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}
