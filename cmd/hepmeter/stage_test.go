//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

// referenceKW is the power of examples/scenarios/reference-50hz.yaml.
const referenceKW = 1.725

// goesOn has the firmware process of a meter on the reference scenario start again, and holds
// what is missing of the energy of that constant power against the gaps on record.
func (p *process) goesOn(t *testing.T, starts int, again func()) {
	t.Helper()
	until(t, "energy is counted", func() bool { _, kWh := p.counted(t); return kWh > 2*referenceKW/3600 })
	begun, first := p.counted(t)
	for range starts {
		was := p.firmware(t)
		if err := os.Remove(p.readyFile); err != nil {
			t.Fatal(err)
		}
		again()
		p.newFirmware(t, was)
		p.serves(t)
		if p.ready.PID != p.cmd.Process.Pid {
			t.Errorf("the ready file names process %d, not %d", p.ready.PID, p.cmd.Process.Pid)
		}
	}
	served := time.Now()
	var at time.Time
	var now float64
	until(t, "energy is counted again", func() bool { at, now = p.counted(t); return at.After(served.Add(time.Second)) })
	missingS := at.Sub(begun).Seconds() - (now-first)/referenceKW*3600
	gaps, gapS := p.gapsS(t)
	t.Logf("%d starts in %.1f s: %.4f s of energy are missing, gaps of %.4f s are on record", starts, at.Sub(begun).Seconds(), missingS, gapS)
	if gaps != starts || math.Abs(missingS-gapS) > 0.010 {
		t.Errorf("%d gaps of %.4f s, and %.4f s of energy are missing\n%s", gaps, gapS, missingS, p.stderr)
	}
}

// killFirmware ends the firmware process of a meter as a fault of it would.
func (p *process) killFirmware(t testing.TB) {
	t.Helper()
	if err := syscall.Kill(p.firmware(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// A firmware process that starts again, on demand or because it was killed at any moment,
// goes on with the sample behind the last one that was counted.
func TestSamplesGoOn(t *testing.T) {
	binary := buildHepmeter(t)
	start := func(t *testing.T) *process {
		t.Helper()
		return startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "PM8000",
			"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	}
	t.Run("restarts on demand", func(t *testing.T) {
		for _, program := range []string{"ssh", "sshpass"} {
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed", program)
			}
		}
		p := start(t)
		defer p.kill()
		d := &doorway{p, t, binary, "", t.TempDir()}
		p.goesOn(t, 2, func() {
			if r := d.sshAs("USER1", "0", "", "restart", "--yes"); r.code != 0 {
				t.Fatalf("restart: %+v", r)
			}
		})
		if said := p.stderr.String(); strings.Contains(said, "ended by itself") {
			t.Errorf("the boot stage says:\n%s", said)
		}
	})
	t.Run("firmware process killed", func(t *testing.T) {
		p := start(t)
		defer p.kill()
		p.goesOn(t, 4, func() {
			time.Sleep(time.Duration(rand.Float64() * 1.2 * float64(time.Second))) // the moment is what varies
			p.killFirmware(t)
		})
		if said := p.stderr.String(); strings.Count(said, "ended by itself") != 4 {
			t.Errorf("the boot stage says:\n%s", said)
		}
	})
}

// Ports stay open while no firmware runs: who connects meanwhile is served later.
func TestClientsWaitForTheFirmware(t *testing.T) {
	p := startMeter(t, buildHepmeter(t), filepath.Join(t.TempDir(), "data"))
	defer p.kill()
	was := p.firmware(t)
	p.killFirmware(t)
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
