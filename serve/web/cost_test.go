//go:build webcost

package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const costVariable = "HEPMETER_WEB_COST"

// TestServeForCost is the meter that TestCostOfWaveformPages measures: a process of its
// own, on samples as the meter has them.
func TestServeForCost(t *testing.T) {
	ready := os.Getenv(costVariable + "_READY")
	if ready == "" {
		return // it is not asked to be that process
	}
	s := serveAt(t, "3.0.0", 51200)
	if err := os.WriteFile(ready+".new", []byte(s.tls), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(ready+".new", ready); err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
}

// TestCostOfWaveformPages: ten pages with live waveforms cost at most a quarter of a core,
// and the meter misses no window. scripts/web-cost.sh runs it.
func TestCostOfWaveformPages(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv(costVariable))
	if err != nil {
		t.Fatalf("%s: for how many seconds? scripts/web-cost.sh runs this: %v", costVariable, err)
	}
	const pages = 10
	ready := filepath.Join(t.TempDir(), "ready")
	command := exec.Command(os.Args[0], "-test.run", "^TestServeForCost$", "-test.timeout", "10m")
	command.Env = append(os.Environ(), costVariable+"_READY="+ready)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	var address string
	for begun := time.Now(); address == ""; time.Sleep(50 * time.Millisecond) {
		if text, err := os.ReadFile(ready); err == nil {
			address = string(text)
		} else if time.Since(begun) > 30*time.Second {
			t.Fatal("the meter did not come up")
		}
	}
	b := (&served{tls: address}).browser(t, true)
	b.logIn("USER1", "0")
	diagnostic := func(name string) string {
		page := b.get("/diagnostics").text
		found := regexp.MustCompile(`data-reading="Diagnostics/` + name + `">([0-9]+)<`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no %s on the page:\n%s", name, page)
		}
		return found[1]
	}
	time.Sleep(5 * time.Second) // the first windows and logs are over
	load := func() float64 {
		before := cpuSeconds(t, command.Process.Pid)
		time.Sleep(time.Duration(seconds) * time.Second)
		return (cpuSeconds(t, command.Process.Pid) - before) / float64(seconds)
	}
	alone := load()

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var pictures, bytes atomic.Int64
	for range pages {
		client := *b.Client
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		socket, _, err := websocket.Dial(ctx, "wss://"+address+"/live/waveforms", &websocket.DialOptions{HTTPClient: &client})
		if err != nil {
			t.Fatal(err)
		}
		socket.SetReadLimit(1 << 20)
		running.Go(func() {
			defer func() { _ = socket.CloseNow() }()
			for {
				_, picture, err := socket.Read(ctx)
				if err != nil {
					return
				}
				pictures.Add(1)
				bytes.Add(int64(len(picture)))
			}
		})
	}
	time.Sleep(time.Second)
	pictures.Store(0)
	bytes.Store(0)
	looked := load()
	rate := float64(pictures.Load()) / float64(seconds) / pages
	size := bytes.Load() / max(1, pictures.Load())
	stop()
	running.Wait()
	missed, measured := diagnostic("Missed Windows"), diagnostic("Windows Measured")
	fmt.Printf("%d pages with live waveforms, %.1f pictures a second each of %d bytes: meter alone %.1f %% of a core, with them %.1f %%, so they cost %.1f %%; windows measured %s, missed %s\n",
		pages, rate, size, 100*alone, 100*looked, 100*(looked-alone), measured, missed)
	if cost := looked - alone; cost > 0.25 {
		t.Errorf("they cost %.1f %% of a core, want at most 25", 100*cost)
	}
	if rate < 20 {
		t.Errorf("%.1f pictures a second, want 20", rate)
	}
	if missed != "0" {
		t.Errorf("%s windows were missed", missed)
	}
}

// cpuSeconds is what a process has used of processors (proc(5), stat).
func cpuSeconds(t testing.TB, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal("no /proc here to measure a process by: ", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return (user + system) / 100
}
