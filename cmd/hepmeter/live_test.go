//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTwinFeedsMeter: one process publishes the reference scenario as sampled values
// from within a network namespace, a real meter at the other end of a virtual cable shows
// the scenario's truth, counts its energy, and takes its readings away when the
// publisher is gone.
func TestTwinFeedsMeter(t *testing.T) {
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("ip is not installed: apt-get install iproute2")
	}
	name := fmt.Sprintf("hm%d", os.Getpid()%100000)
	near, far := name+"a", name+"b"
	if out, err := exec.Command(ip, "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made: %v %s (the test needs root)", err, out)
	}
	t.Cleanup(func() { exec.Command(ip, "netns", "del", name).Run() })
	for _, args := range []string{
		"link add " + near + " type veth peer name " + far + " netns " + name,
		"link set " + near + " up",
		"-n " + name + " link set " + far + " up",
	} {
		if out, err := exec.Command(ip, strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("no virtual cable can be made: ip %s: %v %s", args, err, out)
		}
	}
	hepmeter := buildHepmeter(t)
	scenario, err := filepath.Abs(filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	publisher := exec.Command(ip, "netns", "exec", name, hepmeter, "record", "--source", "synth:"+scenario, "--rate", "14400", "--format", "61869-9", "sv:"+far+",twin")
	publisher.Stderr = &said
	if err := publisher.Start(); err != nil {
		t.Fatal(err)
	}
	published := make(chan error, 1)
	go func() { published <- publisher.Wait() }()
	defer publisher.Process.Kill()

	p := startMeter(t, hepmeter, filepath.Join(t.TempDir(), "data"), "--model", "PM8000", "--source", "sv:"+near+",twin")
	c := p.dial(t)
	await := func(what string, within time.Duration, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(within); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within %v\n%s%s", what, within, said.String(), p.stderr.String())
			}
		}
	}
	await("energy", 30*time.Second, func() bool { return readFloat(t, c, 2716) > 3.45/3600*2 })
	for number, want := range truth {
		// Values are whole mA and 10 mV.
		if got := readFloat(t, c, number); number < 3700 && !(math.Abs(got-want) <= 1e-4*want) {
			t.Errorf("register %d is %v, the scenario says %v", number, got, want)
		}
	}
	// Samples that came while no firmware ran are not lost either.
	p.goesOn(t, 1, func() { p.killFirmware(t) })
	c = p.dial(t)
	if err := publisher.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-published; err != nil || !strings.Contains(said.String(), "frames sent") {
		t.Errorf("the publisher ended with %v: %s", err, said.String())
	}
	await("silence", 15*time.Second, func() bool { return math.IsNaN(readFloat(t, c, 3028)) })
	before := readFloat(t, c, 2716)
	time.Sleep(1200 * time.Millisecond) // a second in which energy must not be made up
	if after := readFloat(t, c, 2716); after != before {
		t.Errorf("without samples the energy went from %v to %v kWh", before, after)
	}
	if got := readFloat(t, c, 3028); !math.IsNaN(got) {
		t.Errorf("V1 is %v without samples", got)
	}
}
