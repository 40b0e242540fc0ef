//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A disk that is full does not stop metering: readings and energy go on, the user is
// told, and once there is room everything that was counted meanwhile is kept.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small disk cannot be mounted here (root is needed): %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	binary, data := buildHepmeter(t), filepath.Join(disk, "data")
	p := startMeter(t, binary, data)
	c := p.dial(t)
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(15 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not within 15 s: %s\n%s", what, p.stderr)
			}
		}
	}
	counted := func() int64 { e := readEnergies(t, c); return e[8] + e[9] } // VAh, both directions
	first := counted()
	until("energy is counted", func() bool { return counted() > first })

	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(filler, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	until("the user is told", func() bool { return strings.Contains(p.stderr.String(), "the state could not be kept") })
	full := counted()
	until("energy is counted on a full disk", func() bool { return counted() > full+2 })

	if err := errors.Join(filler.Close(), os.Remove(filler.Name())); err != nil {
		t.Fatal(err)
	}
	until("the state is kept again", func() bool { return strings.Contains(p.stderr.String(), "the state is kept again") })
	before := counted()
	secondVAh := readFloat(t, c, 3076) / 3600
	p.kill()
	p = startMeter(t, binary, data)
	c = p.dial(t)
	if after := counted(); float64(before-after) > secondVAh+1 {
		t.Errorf("after the full disk and a kill %d VAh, before %d: more than the %.1f of one second is lost", after, before, secondVAh)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
