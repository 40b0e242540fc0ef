package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hepmeter/hepmeter/fault"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// shim is a line between the meter and a master, which takes its time and harms bytes.
type shim struct {
	*fault.Line
	meter, master string
	baud          int
}

// newShim joins two pseudo terminals by a line.
func newShim(t *testing.T, baud int, faults ...fault.LineFault) *shim {
	t.Helper()
	a, err := fault.NewTerminal()
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	b, err := fault.NewTerminal()
	if err != nil {
		t.Fatal(err)
	}
	s := &shim{fault.NewLine(a, b, fault.LineOptions{Baud: baud, Faults: faults, Seed: 1}), a.Path, b.Path, baud}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the line at %d baud: %v", baud, err)
		}
	})
	return s
}

// check fails a test that has not met every fault of the line.
func (s *shim) check(t *testing.T) {
	t.Helper()
	c := s.Counters()
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	t.Logf("line at %d baud: %+v", s.baud, c)
}

// ask is a master of one question in Go: it returns how long the answer took to be there.
func (s *shim) ask(t *testing.T, unit byte, address, quantity int) (words []uint16, took time.Duration, err error) {
	t.Helper()
	port, err := os.OpenFile(s.master, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	began := time.Now()
	request := modbus.AppendReadRequest(modbus.BeginRTU(nil, unit), modbus.ReadHoldingRegisters, address, quantity)
	if _, err := port.Write(modbus.EndRTU(request, 0)); err != nil {
		t.Fatal(err)
	}
	_ = port.SetReadDeadline(began.Add(5 * time.Second))
	answer := make([]byte, 0, 256)
	for len(answer) < 5+2*quantity {
		n, err := port.Read(answer[len(answer):cap(answer)])
		if err != nil {
			return nil, 0, fmt.Errorf("after % X: %w", answer, err)
		}
		answer = answer[:len(answer)+n]
	}
	took = time.Since(began)
	from, pdu, ok := modbus.ParseRTU(answer)
	if !ok || from != unit {
		return nil, took, fmt.Errorf("answered % X", answer)
	}
	words, err = modbus.ParseReadResponse(pdu, modbus.ReadHoldingRegisters, quantity)
	return words, took, err
}

// TestLinesAtTheirPace: requests and answers take the time of the line at each rate, and are
// right.
func TestLinesAtTheirPace(t *testing.T) {
	slow, fast, usual := newShim(t, 9600), newShim(t, 115200), newShim(t, 19200)
	program := buildHepmeter(t)
	source := "synth:" + filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml")
	two := startMeter(t, program, filepath.Join(t.TempDir(), "two"), "--source", source,
		"--serial", "com1="+slow.meter+"?protocol=modbus-rtu&baud=9600&unit=100", "--serial", "com4="+fast.meter+"?protocol=modbus-rtu&baud=115200&unit=100")
	one := startMeter(t, program, filepath.Join(t.TempDir(), "one"), "--model", "PM8000", "--source", source, "--serial", "com1="+usual.meter+"?protocol=modbus-rtu&baud=19200&unit=100")
	two.waitForVolts(t)
	one.waitForVolts(t)
	for _, line := range []*shim{slow, usual, fast} {
		t.Run(strconv.Itoa(line.baud), func(t *testing.T) {
			words, took, err := line.ask(t, 100, 3027, 125)
			if err != nil {
				t.Fatal(err)
			}
			bits := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, words[0]), words[1])
			if volts := math.Float32frombits(binary.BigEndian.Uint32(bits)); math.Abs(float64(volts)-230) > 1e-3 {
				t.Errorf("%v V, want 230", volts)
			}
			const characters = 8 + 5 + 250
			least := time.Duration(characters*11)*time.Second/time.Duration(line.baud) + modbus.FrameSilence(line.baud)
			if took < least {
				t.Errorf("answered within %v, but the line alone takes %v", took, least)
			}
			t.Logf("%d registers at %d baud: %v, the line alone %v", len(words), line.baud, took.Round(100*time.Microsecond), least.Round(100*time.Microsecond))
			t.Run("mbpoll", func(t *testing.T) {
				if _, err := exec.LookPath("mbpoll"); err != nil {
					t.Skip("mbpoll is not installed: apt-get install mbpoll")
				}
				out, err := exec.Command("mbpoll", "-1", "-m", "rtu", "-a", "100", "-b", strconv.Itoa(line.baud), "-P", "none", "-o", "5", "-B", "-t", "4:float", "-r", "3028", "-c", "3", line.master).CombinedOutput()
				if err != nil || strings.Count(string(out), "230") < 3 {
					t.Errorf("%v\n%s", err, out)
				}
			})
		})
	}
}

// TestLineFaults: what a line does to a request is met with silence or bridged, the next
// request is answered right, and what it does to an answer the master sees. On a line only
// the own unit answers.
func TestLineFaults(t *testing.T) {
	const request, answer = 0, 1 // the ends that hear them
	// The numbers of bursts are those of the rows below.
	first := newShim(t, 19200,
		fault.LineFault{Disturbance: fault.Parity, To: request, From: 2, At: 3},
		fault.LineFault{Disturbance: fault.Gap, To: request, From: 4, At: 4, Silence: 20 * time.Millisecond},
		fault.LineFault{Disturbance: fault.Gap, To: request, From: 5, At: 4, Silence: 500 * time.Millisecond},
		fault.LineFault{Disturbance: fault.Lost, To: request, From: 7, At: 2},
		fault.LineFault{Disturbance: fault.Noise, To: request, From: 9, At: 0},
		fault.LineFault{Disturbance: fault.Parity, To: request, From: 10, At: 0}, // of the unit: then it is for all
		fault.LineFault{Disturbance: fault.Parity, To: answer, From: 7, At: 4})
	second := newShim(t, 9600,
		fault.LineFault{Disturbance: fault.Parity, To: request, From: 2, Every: 4, At: -1},
		fault.LineFault{Disturbance: fault.Lost, To: request, From: 4, Every: 4, At: -1})
	p := startMeter(t, buildHepmeter(t), filepath.Join(t.TempDir(), "data"), "--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"),
		"--serial", "com1="+first.meter+"?protocol=modbus-rtu&baud=19200&unit=100", "--serial", "com4="+second.meter+"?protocol=modbus-rtu&baud=9600&unit=100")
	p.waitForVolts(t)
	t.Run("masters", func(t *testing.T) {
		t.Run("mbpoll", func(t *testing.T) {
			t.Parallel()
			pollDisturbed(t, first)
		})
		t.Run("pymodbus", func(t *testing.T) {
			t.Parallel()
			const python = "/usr/bin/python3"
			if out, err := exec.Command(python, "-c", "import pymodbus.client, serial").CombinedOutput(); err != nil {
				t.Skipf("pymodbus is not installed: apt-get install python3-pymodbus python3-serial-asyncio (%v %s)", err, out)
			}
			out, err := exec.Command(python, "-c", pymodbusShim, second.master).CombinedOutput()
			if want := strings.Repeat("230.0\nerror\n", 4); err != nil || string(out) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, out, want)
			}
			second.check(t)
		})
	})
}

// pollDisturbed is the real mbpoll on a line whose bursts are harmed as the rows say.
func pollDisturbed(t *testing.T, line *shim) {
	const request, answer = 0, 1
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		t.Skip("mbpoll is not installed: apt-get install mbpoll")
	}
	shown := regexp.MustCompile(`\[3028\]:\s+(230|229\.999|230\.000)`)
	for i, row := range []struct {
		name    string
		unit    string
		answers uint64 // that come back for it
		right   bool   // and the master takes it
	}{
		{"undisturbed", "100", 1, true},
		{"parity in a request", "100", 0, false},
		{"the next", "100", 1, true},
		{"a gap of 20 ms, as systems make them", "100", 1, true},
		{"a gap of 500 ms", "100", 0, false},
		{"the next", "100", 1, true},
		{"a byte lost of a request", "100", 0, false},
		{"another unit", "101", 0, false},
		{"noise before a request", "100", 1, true},
		{"parity in the unit", "100", 0, false},
		{"the next", "100", 1, true},
		{"parity in an answer", "100", 1, false},
		{"the next", "100", 1, true},
	} {
		before := line.Counters()
		out, _ := exec.Command(mbpoll, "-1", "-m", "rtu", "-a", row.unit, "-b", "19200", "-P", "none", "-o", "1", "-B", "-t", "4:float", "-r", "3028", "-c", "1", line.master).CombinedOutput()
		after := line.Counters()
		if asked, answered := after.Bursts[request]-before.Bursts[request], after.Bursts[answer]-before.Bursts[answer]; asked != 1 || answered != row.answers {
			t.Errorf("%d, %s: %d requests and %d answers on the line, want 1 and %d", i+1, row.name, asked, answered, row.answers)
		}
		if right := shown.Match(out); right != row.right {
			t.Errorf("%d, %s: the master takes the answer: %v, want %v\n%s", i+1, row.name, right, row.right, out)
		}
	}
	line.check(t)
}

// pymodbusShim asks eight times. Each second request is harmed: an error, and the truth in
// between.
const pymodbusShim = `
import struct, sys
from pymodbus.client import ModbusSerialClient
c = ModbusSerialClient(sys.argv[1], baudrate=9600, timeout=1, retries=0)
assert c.connect()
for i in range(1, 9):
    try:
        r = c.read_holding_registers(3027, 2, slave=100)
        print("error" if r.isError() else round(struct.unpack(">f", struct.pack(">2H", *r.registers))[0], 2))
    except Exception:
        print("error")
`
