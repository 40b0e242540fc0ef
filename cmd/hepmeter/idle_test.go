package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestIdle starts the default meter (9 channels at 1,024 samples per cycle) and holds
// it against the bars: first reading served within 1.5 s of the start, at most 80 MB
// resident and 8 % of one core, boot stage and firmware process together. The figures are
// in the log (-v).
func TestIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skipf("/proc is missing on %s: it is needed to weigh a process", runtime.GOOS)
	}
	binary := buildHepmeter(t)

	first := math.Inf(1)
	var p *process
	for range 3 { // the best of three: the machine may be busy with other tests
		begin := time.Now()
		p = startMeter(t, binary, t.TempDir())
		c := p.dial(t)
		for math.IsNaN(readFloat(t, c, 3028)) {
			if time.Since(begin) > 10*time.Second {
				t.Fatal("no voltage is served 10 s after the start")
			}
			time.Sleep(time.Millisecond)
		}
		first = min(first, time.Since(begin).Seconds())
		if first < 1.5 {
			break
		}
		p.kill()
	}

	const watched = 5 * time.Second
	stage, firmware := p.cmd.Process.Pid, p.firmware(t)
	used := func() float64 { return cpuSeconds(t, stage) + cpuSeconds(t, firmware) }
	before := used()
	time.Sleep(watched) // the span over which the meter's use of the processor is weighed
	share := (used() - before) / watched.Seconds() * 100
	resident := residentMB(t, stage) + residentMB(t, firmware)

	t.Logf("first reading after %.2f s, %.1f MB resident (boot stage %.1f MB), %.1f %% of one core", first, resident, residentMB(t, stage), share)
	if first > 1.5 {
		t.Errorf("first reading after %.2f s, the bar is 1.5 s", first)
	}
	if resident > 80 {
		t.Errorf("%.1f MB resident, the bar is 80 MB", resident)
	}
	if share > 8 {
		t.Errorf("%.1f %% of one core, the bar is 8 %%", share)
	}
}

// firmware is the number of the firmware process of a meter; 0 while it has none.
func (p *process) firmware(t testing.TB) int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil { // it has ended
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
	}
	return 0
}

// cpuSeconds is the user and system time of a process so far.
func cpuSeconds(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks float64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return ticks / 100 // USER_HZ is 100 on every Linux that Go runs on
}

func residentMB(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if kB, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kB)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return n * 1024 / 1e6
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
