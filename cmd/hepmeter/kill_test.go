package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// buildHepmeter compiles the program under test, once per test that needs it, the
// way it is shipped: without cgo and without the race detector.
func buildHepmeter(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "hepmeter")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// process is a running meter.
type process struct {
	cmd       *exec.Cmd
	readyFile string
	ready     boot.Ready
	stderr    *output
	exited    chan error
}

// output is what a process has written so far; it may be read while it grows.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startMeter runs `hepmeter run` with args on a data directory and waits until it
// says that it serves.
func startMeter(t testing.TB, binary, data string, args ...string) *process {
	t.Helper()
	p := &process{readyFile: filepath.Join(t.TempDir(), "ready.json"), stderr: new(output), exited: make(chan error, 1)}
	p.cmd = exec.Command(binary, append([]string{"run", "--data", data, "--port", "modbus=0", "--port", "modbus-rtu-tcp=0", "--port", "ion=0", "--port", "http=0", "--port", "https=0", "--port", "ssh=0", "--port", "ethergate1=0", "--port", "ethergate2=0", "--ready", p.readyFile}, args...)...)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	go func() { p.exited <- p.cmd.Wait() }()
	p.serves(t)
	return p
}

// serves waits until the meter says that it serves.
func (p *process) serves(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(p.readyFile); err == nil {
			if err := json.Unmarshal(text, &p.ready); err != nil {
				t.Fatalf("ready file: %v: %s", err, text)
			}
			return
		}
		select {
		case err := <-p.exited:
			t.Fatalf("hepmeter ended before it served: %v\n%s", err, p.stderr)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("hepmeter did not serve within 30 s")
		}
	}
}

// kill ends the process with SIGKILL and waits until it is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

func (p *process) dial(t testing.TB) *modbus.Client {
	t.Helper()
	conn, err := net.Dial("tcp", p.ready.Endpoints[boot.Modbus])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return modbus.NewClient(conn, 1)
}

// energies are the twelve INT64 rows from register 3204: delivered, received, their
// sum and their difference, for Wh, varh and VAh.
type energies [12]int64

func readEnergies(t testing.TB, c *modbus.Client) energies {
	t.Helper()
	words, err := c.ReadRegisters(3203, 48)
	if err != nil {
		t.Fatal(err)
	}
	var e energies
	for i := range e {
		for _, w := range words[4*i : 4*i+4] {
			e[i] = e[i]<<16 | int64(w)
		}
	}
	return e
}

func readFloat(t testing.TB, c *modbus.Client, number int) float64 {
	t.Helper()
	words, err := c.ReadRegisters(number-1, 2)
	if err != nil {
		t.Fatal(err)
	}
	return float64(math.Float32frombits(uint32(words[0])<<16 | uint32(words[1])))
}

// TestKill kills the real process at random moments and proves that reopening always
// works, that no energy register falls by more than one second's worth, and that sums
// and differences hold at every read. HEPMETER_KILLS says how many kills (default 50).
func TestKill(t *testing.T) {
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("HEPMETER_KILLS")); err == nil {
		kills = n
	}
	const meters = 5
	binary := buildHepmeter(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var done atomic.Int64
	t.Run("meters", func(t *testing.T) {
		for m := range meters {
			t.Run(fmt.Sprint(m), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, uint64(m)))
				data := t.TempDir()
				var seen energies
				var secondVAh float64
				for kill := range (kills + meters - 1) / meters {
					p := startMeter(t, binary, data)
					c := p.dial(t)
					first := readEnergies(t, c)
					for i, name := range []string{"Wh delivered", "Wh received", "Wh sum", "Wh net", "varh delivered", "varh received", "varh sum", "varh net", "VAh delivered", "VAh received", "VAh sum", "VAh net"} {
						fall := float64(seen[i] - first[i])
						if kill > 0 && i%4 != 3 && fall > secondVAh+1 {
							t.Errorf("kill %d: %s fell from %d to %d, more than the %.1f of one second", kill, name, seen[i], first[i], secondVAh)
						}
					}
					end := time.Now().Add(time.Duration(random.Float64() * 2.5 * float64(time.Second)))
					for seen = first; time.Now().Before(end); {
						now := readEnergies(t, c)
						for q := range 3 {
							del, rec, sum, net := now[4*q], now[4*q+1], now[4*q+2], now[4*q+3]
							if sum != del+rec || net != del-rec {
								t.Fatalf("kill %d: delivered %d, received %d, but sum %d and net %d", kill, del, rec, sum, net)
							}
							if del < seen[4*q] || rec < seen[4*q+1] {
								t.Fatalf("kill %d: energy fell while running: %v to %v", kill, seen, now)
							}
						}
						seen = now
						if s := readFloat(t, c, 3076); !math.IsNaN(s) {
							secondVAh = s / 3600
						}
					}
					p.kill()
					done.Add(1)
				}
				if seen[8]+seen[9] == 0 {
					t.Error("the meter counted nothing: the test proved nothing")
				}
			})
		}
	})
	t.Logf("%d kills", done.Load())
}
