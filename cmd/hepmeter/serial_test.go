package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/serve/serial"
)

// What the user says of a port goes before its registers, which decide the rest.
func TestLineSettings(t *testing.T) {
	registers := func(protocol string) map[string]string {
		return map[string]string{"COM1/Protocol": protocol, "COM1/Baud Rate": "19200", "COM1/Parity": "8N1", "COM1/Unit ID": "100"}
	}
	for _, tc := range []struct {
		name, given string
		registers   map[string]string
		want        serial.Settings
	}{
		{"registers alone", "com1=D", registers("Modbus RTU"), serial.Settings{Protocol: "Modbus RTU", Baud: 19200, Framing: "8N1", Unit: 100}},
		{"the factory's protocol", "com1=D", registers("ION"), serial.Settings{Protocol: "ION", Baud: 19200, Framing: "8N1", Unit: 100}},
		{"another protocol", "com1=D", registers("Modbus Master"), serial.Settings{Protocol: "Modbus Master", Baud: 19200, Framing: "8N1", Unit: 100}},
		{"the port is shut", "com1=D?unit=7", registers("None"), serial.Settings{Protocol: "None", Baud: 19200, Framing: "8N1", Unit: 7}},
		{"all given", "com1=D?protocol=modbus-rtu&baud=9600&parity=E&unit=7", registers("ION"), serial.Settings{Protocol: "Modbus RTU", Baud: 9600, Framing: "8E1", Unit: 7}},
		{"times and handshake", "com1=D", map[string]string{"COM1/Protocol": "ION", "COM1/Response Delay": "0.05", "COM1/Hardware Handshake": "ON", "COM1/RTS Delay": "0.25", "COM1/RTS/CTS Level": "active low"},
			serial.Settings{Protocol: "ION", ResponseDelay: 50 * time.Millisecond, Handshake: serial.Handshake{On: true, Delay: 250 * time.Millisecond, ActiveLow: true}}},
		{"no such port", "com1=D", nil, serial.Settings{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			given, err := boot.ParseSerial(tc.given)
			if err != nil {
				t.Fatal(err)
			}
			security, err := access.NewSecurity(access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS, access.Advanced}, MaxAccounts: 50}, "9000", tc.registers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := lineSettings(given, security); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// nullModem is a pair of terminals that are joined by a line.
type nullModem struct {
	meter, master string
	socat         *exec.Cmd
}

func newNullModem(t *testing.T) *nullModem {
	t.Helper()
	dir := t.TempDir()
	m := &nullModem{meter: filepath.Join(dir, "meter"), master: filepath.Join(dir, "master")}
	m.join(t)
	t.Cleanup(m.cut)
	return m
}

func (m *nullModem) join(t *testing.T) {
	t.Helper()
	m.socat = exec.Command("socat", "pty,raw,echo=0,link="+m.meter, "pty,raw,echo=0,link="+m.master)
	if err := m.socat.Start(); err != nil {
		t.Skipf("socat is not installed: apt-get install socat (%v)", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, one := os.Stat(m.meter)
		_, other := os.Stat(m.master)
		if one == nil && other == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("socat makes no terminals")
		}
	}
}

func (m *nullModem) cut() {
	_ = m.socat.Process.Kill() // it may have ended
	_ = m.socat.Wait()
	os.Remove(m.meter)
	os.Remove(m.master)
}

const pymodbusSerial = `
import struct, sys
from pymodbus.client import ModbusSerialClient
c = ModbusSerialClient(sys.argv[1], baudrate=19200, timeout=3, retries=0)
assert c.connect()
r = c.read_holding_registers(3027, 2, slave=100)
assert not r.isError(), r
print(struct.unpack(">f", struct.pack(">2H", *r.registers))[0])
assert c.write_register(54394, 1, slave=100).exception_code == 2
assert len(c.read_holding_registers(2999, 125, slave=100).registers) == 125
c.close()
c = ModbusSerialClient(sys.argv[1], baudrate=19200, timeout=0.5, retries=0)
assert c.connect()
assert c.read_holding_registers(3027, 2, slave=1).isError()
`

// TestMastersOnALine: the real mbpoll and pymodbus read the truth over a serial port, before
// and after its device was gone.
func TestMastersOnALine(t *testing.T) {
	line := newNullModem(t)
	p := startMeter(t, buildHepmeter(t), filepath.Join(t.TempDir(), "data"), "--model", "PM8000", "--serial", "com1="+line.meter+"?protocol=modbus-rtu",
		"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	for deadline, c := time.Now().Add(20*time.Second), p.dial(t); !(readFloat(t, c, 3028) > 229); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the meter shows no voltage")
		}
	}
	shown := regexp.MustCompile(`\[3028\]:\s+(\S+)`)
	mbpoll := func() (volts float64, out string) {
		got, err := exec.Command("mbpoll", "-1", "-m", "rtu", "-a", "100", "-b", "19200", "-P", "none", "-o", "2", "-B", "-t", "4:float", "-r", "3028", "-c", "1", line.master).CombinedOutput()
		if m := shown.FindSubmatch(got); err == nil && m != nil {
			volts, _ = strconv.ParseFloat(string(m[1]), 64)
		}
		return volts, string(got)
	}
	t.Run("mbpoll", func(t *testing.T) {
		if _, err := exec.LookPath("mbpoll"); err != nil {
			t.Skip("mbpoll is not installed: apt-get install mbpoll")
		}
		if volts, out := mbpoll(); math.Abs(volts-230) > 1e-3 {
			t.Fatalf("mbpoll shows no 230 V:\n%s", out)
		}
		line.cut()
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(p.stderr.String(), "does not work"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the meter does not tell that its device is gone:\n%s", p.stderr)
			}
		}
		line.join(t)
		for deadline := time.Now().Add(20 * time.Second); ; {
			volts, out := mbpoll() // it waits a second for an answer
			if math.Abs(volts-230) < 1e-3 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after the device came back:\n%s\n%s", out, p.stderr)
			}
		}
		if said := p.stderr.String(); strings.Count(said, "does not work") != 1 || strings.Count(said, "works again") != 1 {
			t.Errorf("the meter said:\n%s", said)
		}
	})
	t.Run("pymodbus", func(t *testing.T) {
		const python = "/usr/bin/python3"
		if out, err := exec.Command(python, "-c", "import pymodbus.client, serial").CombinedOutput(); err != nil {
			t.Skipf("pymodbus is not installed: apt-get install python3-pymodbus python3-serial-asyncio (%v %s)", err, out)
		}
		script := filepath.Join(t.TempDir(), "master.py")
		if err := os.WriteFile(script, []byte(pymodbusSerial), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(python, script, line.master).CombinedOutput()
		volts, _ := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil || math.Abs(volts-230) > 1e-3 {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
