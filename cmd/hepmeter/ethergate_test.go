package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// enableEtherGate switches EtherGate on, which is security.
func (p *process) enableEtherGate(t *testing.T) {
	t.Helper()
	on := "ON"
	if code := outcome(p.ionClient(t), as("USER1", "0"), ionp.Write, ionp.WriteRequest{Changes: []ionp.Change{{Label: "Ethernet/Enable EtherGate", Text: &on}}}); code != "" {
		t.Fatalf("Enable EtherGate: %s", code)
	}
}

// TestEtherGate: the real mbpoll, with a serial port of its own that is joined to the
// EtherGate of one meter, reads a second meter on that one's COM1.
func TestEtherGate(t *testing.T) {
	line := newNullModem(t)
	binary := buildHepmeter(t)
	device := startMeter(t, binary, filepath.Join(t.TempDir(), "device"), "--model", "PM8000", "--serial", "com1="+line.meter+"?protocol=modbus-rtu&unit=7",
		"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	gate := startMeter(t, binary, filepath.Join(t.TempDir(), "gate"), "--model", "PM8000", "--serial", "com1="+line.master+"?protocol=ethergate")
	device.waitForVolts(t)
	address := gate.ready.Endpoints[boot.EtherGate1]
	if address == "" || device.ready.Endpoints[boot.EtherGate2] != "" {
		t.Fatalf("endpoints %v, want an EtherGate of COM1, and none of a port that has no device", gate.ready.Endpoints)
	}
	told := func() string {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		said, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		return string(said)
	}
	if said := told(); !strings.Contains(said, "switched off") {
		t.Errorf("at the factory a client is told %q, want that EtherGate is off", said)
	}
	gate.enableEtherGate(t)
	terminal := filepath.Join(t.TempDir(), "terminal")
	socat := exec.Command("socat", "pty,raw,echo=0,link="+terminal, "tcp:"+address)
	if err := socat.Start(); err != nil {
		t.Skipf("socat is not installed: apt-get install socat (%v)", err)
	}
	t.Cleanup(func() { _ = socat.Process.Kill(); _ = socat.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(terminal); err == nil && strings.Contains(told(), "in use by 127.0.0.1:") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("socat is not joined to the line")
		}
	}
	if _, err := exec.LookPath("mbpoll"); err != nil {
		t.Skip("mbpoll is not installed: apt-get install mbpoll")
	}
	for range 3 {
		out, err := exec.Command("mbpoll", "-1", "-m", "rtu", "-a", "7", "-b", "19200", "-P", "none", "-o", "5", "-B", "-t", "4:float", "-r", "3028", "-c", "3", terminal).CombinedOutput()
		if err != nil || strings.Count(string(out), "230") < 3 {
			t.Errorf("mbpoll through EtherGate: %v\n%s", err, out)
		}
	}
	list, err := ionp.Do(context.Background(), gate.ionClient(t), as("USER1", "0"), ionp.Sessions, ionp.SessionsRequest{})
	shown := false
	for _, s := range list.Sessions {
		shown = shown || s.Path == "ethergate" && s.Client == "COM1"
	}
	if err != nil || !shown {
		t.Errorf("%v: the holder is not in the list of sessions %+v", err, list.Sessions)
	}
}
