//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// until waits for a condition.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// running reports whether a process is there and does not wait to be buried.
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// newFirmware waits until a meter has another firmware process than one, and returns it.
func (p *process) newFirmware(t testing.TB, than int) int {
	t.Helper()
	pid := than
	until(t, "another firmware process runs", func() bool {
		if running(than) {
			return false
		}
		pid = p.firmware(t)
		return pid != 0 && pid != than
	})
	return pid
}

// counted is the energy of a snapshot, and when that was made.
func (p *process) counted(t testing.TB) (at time.Time, kWh float64) {
	t.Helper()
	r, err := ionp.Do(t.Context(), p.ionClient(t), ionp.Identity{}, ionp.Read, ionp.ReadRequest{Labels: []string{"kWh del/Result"}})
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(0, r.Time), r.Readings[0].Value.Number
}

// gapsS is the sum of the gaps on record, in seconds.
func (p *process) gapsS(t testing.TB) (n int, sumS float64) {
	t.Helper()
	r, err := ionp.Do(t.Context(), p.ionClient(t), as("USER1", "0"), ionp.Gaps, ionp.GapsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Gaps {
		sumS += time.Unix(0, g.To).Sub(time.Unix(0, g.From)).Seconds()
	}
	return len(r.Gaps), sumS
}

// A firmware process that starts again, on demand or because it was killed, goes on with the
// sample behind the last one that was counted: what is missing of the energy of a constant
// power is the gap on record.
func TestSamplesGoOn(t *testing.T) {
	const powerKW = 1.725
	binary := buildHepmeter(t)
	for _, row := range []struct {
		name  string
		again func(*testing.T, *process)
	}{
		{"restart on demand", func(t *testing.T, p *process) {
			for _, program := range []string{"ssh", "sshpass"} {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s is not installed", program)
				}
			}
			d := &doorway{p, t, binary, "", t.TempDir()}
			if r := d.sshAs("USER1", "0", "", "restart", "--yes"); r.code != 0 {
				t.Fatalf("restart: %+v", r)
			}
		}},
		{"firmware process killed", func(t *testing.T, p *process) {
			if err := syscall.Kill(p.firmware(t), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "PM8000",
				"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
			defer p.kill()
			until(t, "energy is counted", func() bool { _, kWh := p.counted(t); return kWh > 2*powerKW/3600 })
			begun, first := p.counted(t)
			was := p.firmware(t)
			if err := os.Remove(p.readyFile); err != nil {
				t.Fatal(err)
			}
			row.again(t, p)
			p.newFirmware(t, was)
			p.serves(t)
			if p.ready.PID != p.cmd.Process.Pid {
				t.Errorf("the ready file names process %d, not %d", p.ready.PID, p.cmd.Process.Pid)
			}
			served := time.Now()
			var at time.Time
			var now float64
			until(t, "energy is counted again", func() bool { at, now = p.counted(t); return at.After(served.Add(time.Second)) })
			missingS := at.Sub(begun).Seconds() - (now-first)/powerKW*3600
			gaps, gapS := p.gapsS(t)
			t.Logf("over %.1f s %.4f s of energy are missing, and a gap of %.4f s is on record", at.Sub(begun).Seconds(), missingS, gapS)
			if gaps != 1 || math.Abs(missingS-gapS) > 0.010 {
				t.Errorf("%d gaps of %.4f s, and %.4f s of energy are missing", gaps, gapS, missingS)
			}
			if said := p.stderr.String(); strings.Contains(said, "ended by itself") != (row.name == "firmware process killed") {
				t.Errorf("the boot stage says:\n%s", said)
			}
		})
	}
}

// Ports stay open while no firmware runs: who connects meanwhile is served later.
func TestClientsWaitForTheFirmware(t *testing.T) {
	p := startMeter(t, buildHepmeter(t), filepath.Join(t.TempDir(), "data"))
	defer p.kill()
	was := p.firmware(t)
	if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the firmware process is gone", func() bool { return !running(was) })
	for service, address := range p.ready.Endpoints {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("%s while no firmware runs: %v", service, err)
		}
		conn.Close()
	}
	if v := readFloat(t, p.dial(t), 3110); !math.IsNaN(v) && math.Abs(v-50) > 1 {
		t.Errorf("frequency %v Hz", v)
	}
}

// A firmware process ends with its boot stage, however that ends, and the next meter has the
// directory at once. It heeds no signal of its own.
func TestFirmwareEndsWithItsBootStage(t *testing.T) {
	binary, data := buildHepmeter(t), filepath.Join(t.TempDir(), "data")
	for _, with := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		p := startMeter(t, binary, data)
		firmware := p.firmware(t)
		for _, ignored := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			if err := syscall.Kill(firmware, ignored); err != nil {
				t.Fatal(err)
			}
		}
		readEnergies(t, p.dial(t))
		if now := p.firmware(t); now != firmware {
			t.Errorf("firmware process %d has become %d", firmware, now)
		}
		if err := p.cmd.Process.Signal(with); err != nil {
			t.Fatal(err)
		}
		// Another meter does not wait until this one is buried.
		next := startMeter(t, binary, data)
		err := <-p.exited
		var exit *exec.ExitError
		if with != syscall.SIGKILL && err != nil || with == syscall.SIGKILL && !errors.As(err, &exit) {
			t.Errorf("%v: the meter ended with %v\n%s", with, err, p.stderr)
		}
		if running(firmware) {
			t.Errorf("%v: the firmware process runs on", with)
		}
		if at := next.ready.Endpoints[boot.Modbus]; at == "" {
			t.Error("the next meter does not serve")
		}
		next.kill()
	}
}
