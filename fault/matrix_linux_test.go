package fault

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal opens the other end of a terminal, as a master or a device does.
func openTerminal(path string) (net.Conn, error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return NewConn(&filePort{File: file}, path, 115200), nil
}

// onLines is a proxy with a serial master before it and a serial device behind it.
type onLines struct {
	proxy  *Proxy
	device *device
	master string
}

func startOnLines(t *testing.T, scenario string, o Options) *onLines {
	t.Helper()
	s, err := Parse([]byte(scenario), "scenario")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.OnLine(true); err != nil {
		t.Fatal(err)
	}
	before, err := NewTerminal()
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	behind, err := NewTerminal()
	if err != nil {
		t.Fatal(err)
	}
	l := &onLines{device: &device{framing: RTU}, master: before.Path}
	l.device.clients.Go(func() { l.device.serve(NewConn(&filePort{File: behind.File}, behind.Path, 115200)) })
	o.Dial = func(context.Context) (net.Conn, error) { return openTerminal(behind.Path) }
	l.proxy = New(s, o)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- l.proxy.ServeTerminal(ctx, before, 115200) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("ServeTerminal: %v", err)
		}
		before.Close()
		behind.Close()
		l.device.clients.Wait()
	})
	return l
}

// TestFaultMatrixOnLines: every fault that a line can have, between a serial master and a
// serial device, at the second of four requests.
func TestFaultMatrixOnLines(t *testing.T) {
	const position, requests = 2, 4
	var mu sync.Mutex
	var all sync.WaitGroup
	failures, asked, wrong, faults := 0, 0, 0, 0
	fail := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		failures++
		t.Errorf(format, args...)
	}
	for _, row := range matrix {
		if row.framing != RTU || strings.Contains(row.rule, "fault: reset") || strings.Contains(row.rule, "fault: halfOpen") {
			continue
		}
		faults++
		which := fmt.Sprintf("from: %d, to: %d", position, position)
		if row.long {
			which = "unit: 9"
		}
		l := startOnLines(t, fmt.Sprintf("framing: rtu\nfaults:\n  - {%s, %s}", row.rule, which), Options{Seed: 1})
		all.Go(func() {
			c := &client{unit: 9, framing: RTU, timeout: time.Second, quiet: 300 * time.Millisecond, dial: func() (net.Conn, error) { return openTerminal(l.master) }}
			defer c.close()
			// A system that is busy makes the pauses longer than what a device takes for one frame.
			torn := row.rule == "fault: split, on: requests"
			if strings.Contains(row.rule, "milliseconds: 1500") {
				c.quiet = time.Second // a late answer looks like that to the next question: a master on a line waits for it
			}
			for i := 1; i <= requests; i++ {
				want, quantity := "ok", 2
				if i == position {
					want = row.struck
					if torn {
						want += "|timeout"
					}
					if row.long {
						quantity = 40
					}
				}
				err := c.read(100*i, quantity)
				mu.Lock()
				asked++
				if class(err) == class(errWrong) {
					wrong++
				}
				mu.Unlock()
				if !slices.Contains(strings.Split(want, "|"), class(err)) {
					fail("{%s}: request %d: %s (%v), want %s", row.rule, i, class(err), err, want)
				}
			}
			if fired := l.proxy.Counters().Fired(); fired != 1 {
				fail("{%s}: fired %d times", row.rule, fired)
			}
			want := requests - 1 + row.through
			if row.rule == "fault: reorder, on: requests" {
				want++ // no connection is lost, and with it what waits
			}
			if got := l.device.seen(); got != want && !(torn && got == want-1) {
				fail("{%s}: the device got %d requests, want %d", row.rule, got, want)
			}
		})
	}
	all.Wait()
	t.Logf("fault matrix on lines: %d faults, %d requests, %d answers taken for another's, %d failures", faults, asked, wrong, failures)
}

// A line that dies is silent for a while, and right before and after it.
func TestOutageOnALine(t *testing.T) {
	start := time.Now()
	var passed atomic.Int64 // since the start, in ns
	l := startOnLines(t, "framing: rtu\nfaults:\n  - {fault: outage, aliveSeconds: 60, deadSeconds: 5}", Options{Now: func() time.Time { return start.Add(time.Duration(passed.Load())) }})
	c := &client{unit: 9, framing: RTU, dial: func() (net.Conn, error) { return openTerminal(l.master) }}
	defer c.close()
	for _, tc := range []struct {
		at    time.Duration
		limit time.Duration
		want  string
	}{
		{59 * time.Second, 30 * time.Second, "ok"},
		{60 * time.Second, 300 * time.Millisecond, "timeout"},
		{64 * time.Second, 300 * time.Millisecond, "timeout"},
		{65 * time.Second, 30 * time.Second, "ok"},
		{126 * time.Second, 300 * time.Millisecond, "timeout"},
	} {
		passed.Store(int64(tc.at))
		c.timeout = tc.limit
		if err := c.read(100, 2); class(err) != tc.want {
			t.Errorf("after %v: %v, want %s", tc.at, err, tc.want)
		}
	}
	if fired := l.proxy.Counters().Fired(); fired != 3 {
		t.Errorf("fired %d times, want 3", fired)
	}
}

// Faults that make no sense on a line are named.
func TestOnLine(t *testing.T) {
	for _, tc := range []struct {
		text    string
		listens bool
		want    string
	}{
		{"framing: rtu\nfaults:\n  - {fault: drop}", true, ""},
		{"faults:\n  - {fault: drop}", false, "framing: rtu"},
		{"framing: rtu\nfaults:\n  - {fault: drop, every: 3}\n  - {fault: reset, on: replies}", true, "line 4: reset makes no sense"},
		{"framing: rtu\nfaults:\n  - {fault: reset, on: replies}", false, ""},
		{"framing: rtu\nfaults:\n  - {fault: halfOpen, on: requests}", true, "halfOpen"},
		{"framing: rtu\nfaults:\n  - {fault: halfOpen}", true, "no connections"},
		{"framing: rtu\nfaults:\n  - {fault: outage, then: reset}", true, "then: drop"},
		{"framing: rtu\nfaults:\n  - {fault: outage}", true, ""},
	} {
		s, err := Parse([]byte(tc.text), "s")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.OnLine(tc.listens); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
}
