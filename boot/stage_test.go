//go:build unix

package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
	wire "github.com/hepmeter/hepmeter/wire/boot"
)

// asFirmware is the argument with which this test is the firmware process of another; the
// next one says what it does.
const asFirmware = "as-firmware"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == asFirmware {
		link, err := Inherit()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := firmwares[os.Args[2]](link); err != nil {
			_ = link.Failed(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// firmwares are what a firmware process may do.
var firmwares = map[string]func(*Link) error{
	// serves: a door at which it says what it has read, and which moves when somebody comes.
	"serves": func(l *Link) error {
		r := l.Samples()
		var from int64
		if text, err := os.ReadFile(filepath.Join(l.Hello.Directory, "next")); err == nil {
			fmt.Sscan(string(text), &from)
		}
		first, begun, err := r.From(context.Background(), from)
		if err != nil {
			return err
		}
		b := new(waveform.Block)
		for n := 0; n < 200; {
			got, err := r.Next(context.Background(), b, 7)
			if err != nil {
				return err
			}
			if b.First != first+int64(n) || b.Samples[0][0] != float64(b.First) {
				return fmt.Errorf("block %d with %v, want %d", b.First, b.Samples[0], first+int64(n))
			}
			n += got
		}
		listener, err := l.Listen(context.Background(), "127.0.0.1", Modbus, 0)
		if err != nil {
			return err
		}
		if err := l.Serving(Ready{Model: "M", Serial: "S", Firmware: "F", Fingerprints: map[Service]string{SSH: "x"}}); err != nil {
			return err
		}
		for {
			conn, err := listener.Accept()
			if err != nil {
				return err
			}
			fmt.Fprintf(conn, "%d %d %d %d\n", l.Hello.Starts, os.Getpid(), first, begun.UnixNano())
			order, _ := io.ReadAll(io.LimitReader(conn, 1))
			if err := os.WriteFile(filepath.Join(l.Hello.Directory, "next"), fmt.Append(nil, first+200), 0o600); err != nil {
				return err
			}
			switch string(order) {
			case "r":
				_ = l.Restart("asked for")
				return nil
			case "m":
				free, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				free.Close()
				port := free.Addr().(*net.TCPAddr).Port
				listener.Close()
				if listener, err = l.Listen(context.Background(), "127.0.0.1", Modbus, port); err != nil {
					return err
				}
				if got := l.Address(Modbus); got != free.Addr().String() {
					return fmt.Errorf("moved to %s, not %s", got, free.Addr())
				}
				if err := l.Serving(Ready{Model: "M"}); err != nil {
					return err
				}
			case "x":
				os.Exit(3)
			case "e":
				conn.Close()
				<-l.Over()
				return nil
			}
			conn.Close()
		}
	},
	"fails": func(*Link) error { return errors.New("no input has a channel") },
	"cannot listen": func(l *Link) error {
		if _, err := l.Again(ION); err == nil || !strings.Contains(err.Error(), "no socket") {
			return fmt.Errorf("a socket that nobody has opened: %v", err)
		}
		_, err := l.Listen(context.Background(), "192.0.2.1", Modbus, 0)
		return err
	},
	"cannot be ready": func(l *Link) error { return l.Serving(Ready{Model: "M"}) },
	"reads to the end": func(l *Link) error {
		b, n := new(waveform.Block), 0
		for {
			got, err := l.Samples().Next(context.Background(), b, 1000)
			if n += got; err != nil {
				return fmt.Errorf("%d samples, then %w", n, err)
			}
		}
	},
	"waits for samples": func(l *Link) error {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		b, next := new(waveform.Block), int64(0)
		for {
			n, err := l.Samples().Next(ctx, b, 1000)
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
			next = b.First + int64(n)
		}
		if n, err := l.Samples().Next(context.Background(), b, 1000); err != nil || b.First != next {
			return fmt.Errorf("after waiting in vain: %d samples at %d, %w; want %d", n, b.First, err, next)
		}
		return errors.New("done")
	},
}

// said is what the boot stage has logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func newStage(t *testing.T, firmware string, source waveform.Source) (*Stage, *said) {
	t.Helper()
	dir := t.TempDir()
	lock, err := os.Create(filepath.Join(dir, "LOCK"))
	if err != nil {
		t.Fatal(err)
	}
	samples := NewSamples(source, 1, 7)
	t.Cleanup(func() {
		samples.Close()
		lock.Close()
	})
	log := new(said)
	return &Stage{Program: os.Args[0], Arguments: []string{asFirmware, firmware}, Directory: dir, Lock: lock, Samples: samples, Ready: filepath.Join(dir, "ready"),
		Options: wire.Options{Model: "M"}, Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

// What a firmware process says of its failure is the boot stage's; what the boot stage cannot
// do, it tells the firmware.
func TestStageTellsWhyTheFirmwareCannotRun(t *testing.T) {
	for _, row := range []struct {
		firmware, says string
		source         counting
		unready        bool
	}{
		{firmware: "fails", says: "no input has a channel"},
		{firmware: "cannot listen", says: "--host wants an address of this machine"},
		{firmware: "cannot be ready", says: "writable", unready: true},
		{firmware: "reads to the end", says: "1005 samples, then EOF", source: counting{end: 1005}},
		{firmware: "waits for samples", says: "done", source: counting{end: 1 << 40, live: true, begun: time.Now()}},
	} {
		t.Run(row.firmware, func(t *testing.T) {
			s, _ := newStage(t, row.firmware, &row.source)
			if row.unready {
				s.Ready = filepath.Join(s.Directory, "absent", "ready")
			}
			if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("the boot stage says %v, want %q", err, row.says)
			}
		})
	}
}

// The boot stage starts a firmware process again that asks for it, or has fallen: on the same
// sockets, on the same time axis, with the sample that it asks for. It moves a socket, and
// ends the firmware with itself.
func TestStageKeepsAFirmwareRunning(t *testing.T) {
	s, log := newStage(t, "serves", &counting{end: 1 << 40})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	ready := func() (r Ready) {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			text, err := os.ReadFile(s.Ready)
			if err == nil && json.Unmarshal(text, &r) == nil {
				return r
			}
			select {
			case err := <-ended:
				t.Fatalf("the boot stage ended: %v", err)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("not ready within 30 s\n%s", log.text.String())
			}
		}
	}
	r := ready()
	if r.PID != os.Getpid() || r.Data != s.Directory || r.Model != "M" || r.Firmware != "F" || r.Fingerprints[SSH] != "x" || len(r.Endpoints) != 1 {
		t.Errorf("ready: %+v", r)
	}
	// come tells the door what to do, and returns what it says.
	come := func(address, order string) (starts, pid int, first, begun int64) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := fmt.Fscan(conn, &starts, &pid, &first, &begun); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, order); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, conn)
		return starts, pid, first, begun
	}
	at := r.Endpoints[Modbus]
	_, pid, first, begun := come(at, "r")
	for i, order := range []string{"k", "x", "m"} {
		// The client waits in the queue where the next one is not up yet.
		starts, next, goesOn, same := come(at, order)
		if starts != i+1 || next == pid || goesOn != first+200 {
			t.Errorf("start %d, process %d after %d, samples from %d after %d", starts, next, pid, goesOn, first)
		}
		if time.Duration(same-begun).Abs() > time.Millisecond {
			t.Errorf("the time axis has moved by %v", time.Duration(same-begun))
		}
		if order == "k" {
			if err := syscall.Kill(next, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		pid, first = next, goesOn
	}
	for r = ready(); r.Endpoints[Modbus] == at; r = ready() {
		time.Sleep(5 * time.Millisecond)
	}
	if conn, err := net.Dial("tcp", at); err == nil {
		conn.Close()
		t.Error("the socket is still open from which the service has moved")
	}
	come(r.Endpoints[Modbus], "e")
	end()
	if err := <-ended; err != nil {
		t.Errorf("the boot stage ends with %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the firmware process outlives its boot stage: %v", err)
	}
	if n := strings.Count(log.text.String(), "ended by itself"); n != 2 {
		t.Errorf("%d falls are told of, want 2:\n%s", n, log.text.String())
	}
}
