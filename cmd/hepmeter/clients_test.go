package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/store"
)

// truth is what a meter shows of examples/scenarios/reference-50hz.yaml, worked out on
// paper: 230 V, 5 A lagging by 60 degrees in each phase, no distortion.
var truth = map[int]float64{
	3000: 5, 3002: 5, 3004: 5, 3010: 5, // A
	3020: 230 * math.Sqrt(3), 3022: 230 * math.Sqrt(3), 3024: 230 * math.Sqrt(3), 3026: 230 * math.Sqrt(3),
	3028: 230, 3030: 230, 3032: 230, 3036: 230, // V
	3054: 575, 3056: 575, 3058: 575, 3060: 1725, // W
	3062: 575 * math.Sqrt(3), 3064: 575 * math.Sqrt(3), 3066: 575 * math.Sqrt(3), 3068: 1725 * math.Sqrt(3), // var
	3070: 1150, 3072: 1150, 3074: 1150, 3076: 3450, // VA
	3078: 0.5, 3084: 0.5, 3086: 0.5, 3092: 0.5, 3144: 0.5, 3146: 0.5, 3148: 0.5, 3150: 0.5, // PF
	3110: 50, 27246: 230, 27616: 50, 27722: 230, 28092: 50, // Hz, V
	27278: 1.725, 27754: 1.725, // kW
	3768: 1.725, 3784: 1.725 * math.Sqrt(3), 3800: 3.45, // predicted demand
	22876: 100, 24428: 100, // H1, %
}

// none is what stands at zero: unbalance, distortion, received energy.
var none = []int{3012, 3018, 3044, 3052, 2702, 2710, 21300, 21330, 22888, 24440}

// float32Close reports whether a client's reading is the truth as far as float32 and the
// window's arithmetic carry.
func float32Close(got, want float64) bool { return math.Abs(got-want) <= 3e-7*math.Abs(want) }

// referenceMeter is the real program on the reference scenario, once it shows readings.
func referenceMeter(t *testing.T) (p *process, host, port, data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	p = startMeter(t, buildHepmeter(t), data, "--model", "PM8000",
		"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	c := p.dial(t)
	// Two seconds of energy also show the demand.
	for deadline := time.Now().Add(20 * time.Second); !(readFloat(t, c, 2716) > 3.45/3600*1.5); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the meter counts nothing")
		}
	}
	host, port, err := net.SplitHostPort(p.ready.Endpoints[boot.Modbus])
	if err != nil {
		t.Fatal(err)
	}
	return p, host, port, data
}

// TestMbpollReadsTheTruth: the real mbpoll, with the numbers that vendors print.
func TestMbpollReadsTheTruth(t *testing.T) {
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		t.Skip("mbpoll is not installed: apt-get install mbpoll")
	}
	_, host, port, _ := referenceMeter(t)
	shown := regexp.MustCompile(`\[\d+\]:\s+(\S+)`)
	for number, want := range truth {
		out, err := exec.Command(mbpoll, "-1", "-m", "tcp", "-p", port, "-B", "-t", "4:float", "-r", strconv.Itoa(number), "-c", "1", host).CombinedOutput()
		if err != nil {
			t.Fatalf("mbpoll: %v\n%s", err, out)
		}
		m := shown.FindSubmatch(out)
		if m == nil {
			t.Fatalf("register %d: mbpoll shows nothing:\n%s", number, out)
		}
		// mbpoll prints six digits.
		if got, err := strconv.ParseFloat(string(m[1]), 64); err != nil || math.Abs(got-want) > 1e-5*want {
			t.Errorf("register %d: mbpoll shows %s, the scenario says %v", number, m[1], want)
		}
	}
}

const pymodbusReads = `
import json, struct, sys
from pymodbus.client import ModbusTcpClient
c = ModbusTcpClient(sys.argv[1], port=int(sys.argv[2]), timeout=5)
assert c.connect()
def words(number, count):
    r = c.read_holding_registers(number - 1, count, slave=255)
    assert not r.isError(), r
    return struct.pack(">%dH" % count, *r.registers)
def text(number, count): return words(number, count).rstrip(b"\0").decode()
energy = words(3204, 48)
print(json.dumps({
    "floats": {n: struct.unpack(">f", words(int(n), 2))[0] for n in sys.argv[3].split(",")},
    "energy": struct.unpack(">12q", energy),
    "kWh": struct.unpack(">f", words(2700, 2))[0],
    "texts": [text(30, 20), text(50, 20), text(70, 20), text(117, 12), text(1717, 6)],
    "year": struct.unpack(">H", words(1837, 1))[0],
    "unix": struct.unpack(">I", words(58010, 2))[0],
    "unlinked": words(40000, 2).hex() + words(2420, 2).hex(),
    "points": words(2400, 4).hex(),
    "unassigned": words(65412, 125).hex(),
    "refused": c.write_register(54394, 1, slave=1).exception_code,
    "too many": c.write_registers(58001, [0] * 124, slave=1).exception_code,
}))
`

// TestPymodbusReadsTheTruth: the real pymodbus decodes floats, INT64, texts, clock and
// the patterns of what is not there; a refused write is in the log of the meter.
func TestPymodbusReadsTheTruth(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import pymodbus.client").CombinedOutput(); err != nil {
		t.Skipf("pymodbus is not installed: apt-get install python3-pymodbus python3-serial-asyncio (%v %s)", err, out)
	}
	p, host, port, data := referenceMeter(t)
	script := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(script, []byte(pymodbusReads), 0o600); err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for n := range truth {
		numbers = append(numbers, strconv.Itoa(n))
	}
	for _, n := range none {
		numbers = append(numbers, strconv.Itoa(n))
	}
	out, err := exec.Command(python, script, host, port, strings.Join(numbers, ",")).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		Floats     map[int]float64 `json:"floats"`
		Energy     [12]int64       `json:"energy"`
		KWh        float64         `json:"kWh"`
		Texts      []string        `json:"texts"`
		Year       int             `json:"year"`
		Unix       int64           `json:"unix"`
		Unlinked   string          `json:"unlinked"`
		Points     string          `json:"points"`
		Unassigned string          `json:"unassigned"`
		Refused    int             `json:"refused"`
		TooMany    int             `json:"too many"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for n, want := range truth {
		if !float32Close(got.Floats[n], want) {
			t.Errorf("register %d reads %.9g, the scenario says %.9g", n, got.Floats[n], want)
		}
	}
	for _, n := range none {
		if x := got.Floats[n]; math.Abs(x) > 1e-6 {
			t.Errorf("register %d reads %g, the scenario says 0", n, x)
		}
	}
	for q := range 3 {
		if del, rec, sum, net := got.Energy[4*q], got.Energy[4*q+1], got.Energy[4*q+2], got.Energy[4*q+3]; rec != 0 || sum != del+rec || net != del-rec {
			t.Errorf("energies %v", got.Energy)
		}
	}
	// kWh is a whole number of windows of 0.2 s at 1725 W.
	if windows := got.KWh * 1000 * 3600 / 1725 / 0.2; math.Abs(windows-math.Round(windows)) > 1e-4 {
		t.Errorf("%v kWh are %v windows of 1725 W", got.KWh, windows)
	}
	if want := []string{"PM8000", "PM8000", "hepmeter", p.ready.Serial, p.ready.Firmware}; fmt.Sprint(got.Texts) != fmt.Sprint(want) {
		t.Errorf("identity %q, want %q", got.Texts, want)
	}
	if now := time.Now().UTC(); math.Abs(float64(got.Unix-now.Unix())) > 3 || got.Year != now.Year() && now.YearDay() > 1 {
		t.Errorf("the clock shows %d, year %d", got.Unix, got.Year)
	}
	if got.Unlinked != "ffc0000080008000" || got.Unassigned != strings.Repeat("f", 500) {
		t.Errorf("not available reads %s, unassigned %.20s...", got.Unlinked, got.Unassigned)
	}
	if got.Points != "00ff0000000f0000" {
		t.Errorf("the digital points read %s, want 8 inputs and 4 outputs, all OFF", got.Points)
	}
	if got.Refused != 2 || got.TooMany != 3 {
		t.Errorf("a refused write answers exception %d, one of 124 registers %d; want 2 and 3", got.Refused, got.TooMany)
	}
	p.kill()
	s, err := store.Open(data, store.Options{Identity: store.Identity{Model: "PM8000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, err := s.Events(1, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := fmt.Sprintf("%+v", events)
	for _, want := range []string{"register 54395", "modbus map 127.0.0.1", "map-read-only", "power lost or process killed"} {
		if !strings.Contains(told, want) {
			t.Errorf("the log does not tell of %q: %s", want, told)
		}
	}
	if gap, ok := s.Gap(); !ok || gap.Clean || !gap.From.Before(gap.To) {
		t.Errorf("after the kill, the gap is %+v", gap)
	}
}

// TestFirmwareIsFixedOnce: --firmware counts for a fresh directory, and is remembered.
func TestFirmwareIsFixedOnce(t *testing.T) {
	binary := buildHepmeter(t)
	data := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{{"--firmware", "2.1.0"}, nil, {"--firmware", "2.1.0"}} {
		p := startMeter(t, binary, data, append(args, "--model", "ION7400")...)
		words, err := p.dial(t).ReadRegisters(1716, 3)
		if err != nil {
			t.Fatal(err)
		}
		if p.ready.Firmware != "2.1.0" || fmt.Sprintf("%04X", words) != "[322E 312E 3000]" {
			t.Errorf("run %v shows firmware %s, register 1717 %04X", args, p.ready.Firmware, words)
		}
		p.kill()
	}
	out, err := exec.Command(binary, "run", "--data", data, "--model", "ION7400", "--firmware", "3.0.0", "--port", "modbus=0", "--port", "modbus-rtu-tcp=0", "--port", "ion=0", "--port", "http=0", "--port", "https=0", "--port", "ssh=0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "2.1.0") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("another firmware on the same directory: %v, %s", err, out)
	}
}

// TestStopsAtOnce: an interrupt ends a meter within a second, whatever its clients do,
// with exit code 0 and a clean stop.
func TestStopsAtOnce(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("Windows has no signal that another process could send")
	}
	data := filepath.Join(t.TempDir(), "data")
	p := startMeter(t, buildHepmeter(t), data)
	for i := range 50 {
		conn, err := net.Dial("tcp", p.ready.Endpoints[boot.Modbus])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// Half a request, or nothing at all.
		if _, err := conn.Write([]byte{0, 1, 0, 0, 0, 6, 1, 3}[:i%8]); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			t.Errorf("the meter ended with %v\n%s", err, p.stderr)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the meter ended after %v", took)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the meter does not end")
	}
	s, err := store.Open(data, store.Options{Identity: store.Identity{Model: "ION9000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if gap, ok := s.Gap(); !ok || !gap.Clean {
		t.Errorf("after the stop, the gap is %+v", gap)
	}
}

// TestRefusals: what `run` cannot do it says in one line that helps, with the exit code
// of a usage error (2) or a failure (1).
func TestRefusals(t *testing.T) {
	binary := buildHepmeter(t)
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.Mkdir(garbage, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(garbage, "meter.db"), []byte(strings.Repeat("garbage ", 1024)), 0o600); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(dir, "held")
	startMeter(t, binary, held)
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"--model X", 2, "ION9000, ION9000T, PM8000, ION7400"},
		{"--ports prod", 2, "dev or standard"},
		{"--port modbus", 2, "NAME=N"},
		{"--port telnet=1", 2, "one of ethergate1"},
		{"--limits none", 2, "open or factory"},
		{"--serial /dev/ttyS0", 2, "com1=DEVICE"},
		{"--serial com1=/dev/ttyS0?protocol=dnp", 2, "modbus-rtu, modbus-master or ethergate"},
		{"--serial com1=/dev/ttyS0 --serial COM1=/dev/ttyS1", 2, "given twice"},
		{"--serial com2=/dev/ttyS0", 1, "no port COM2"},
		{"--firmware 1.4.1", 2, "2.0.0, 2.1.0"},
		{"--model PM8000 --firmware 2.2.0", 2, "1.4.1, 2.0.0"},
		{"--serial-number 1234567890123456789012345", 2, "up to 24"},
		{"--bogus", 2, "--help"},
		{"extra", 2, "--help"},
		{"--source nowhere", 1, "comtrade:FILE.cfg"},
		{"--source comtrade:nowhere.cfg", 1, "nowhere.cfg"},
		{"--source synth?loop=1", 1, "no end"},
		{"--host 192.0.2.1", 1, "--host"},
		{"--ready nowhere/ready.json", 1, "writable"},
		{"--data " + garbage, 1, "hepmeter check"},
		{"--data " + held, 1, "another process"},
	} {
		args := []string{"run", "--port", "modbus=0", "--port", "modbus-rtu-tcp=0", "--port", "ion=0", "--port", "http=0", "--port", "https=0", "--port", "ssh=0"}
		if !strings.Contains(tc.args, "--data") {
			args = append(args, "--data", filepath.Join(dir, "fresh"))
		}
		cmd := exec.Command(binary, append(args, strings.Fields(tc.args)...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != tc.code || !strings.Contains(stderr.String(), tc.says) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("run %s: exit code %d, want %d and %q:\n%s", tc.args, code, tc.code, tc.says, stderr.String())
		}
	}
}
