package main

import (
	"encoding/json"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
)

const pymodbusRTU = `
import json, struct, sys, time
from pymodbus.client import ModbusTcpClient
from pymodbus.framer.rtu_framer import ModbusRtuFramer
def client(**more):
    c = ModbusTcpClient(sys.argv[1], port=int(sys.argv[2]), framer=ModbusRtuFramer, retries=0, **more)
    assert c.connect()
    return c
c = client(timeout=5)
def words(number, count, unit=100):
    r = c.read_holding_registers(number - 1, count, slave=unit)
    assert not r.isError(), r
    return struct.pack(">%dH" % count, *r.registers)
floats = {n: struct.unpack(">f", words(int(n), 2))[0] for n in sys.argv[3].split(",")}
longest = len(words(3000, 125))
refused = c.write_register(54394, 1, slave=100).exception_code
too_many = c.write_registers(58001, [0] * 124, slave=100).exception_code
# A broken frame and another unit's, written by hand: the next request is answered all the same.
c.socket.sendall(bytes.fromhex("6403 0bd3 0002 0000"))
after_broken = struct.unpack(">f", words(3028, 2))[0]
foreign = client(timeout=1).read_holding_registers(3027, 2, slave=1).isError()
b = client(timeout=1, broadcast_enable=True)
sent = 1893456000 # 2030-01-01 00:00 UTC
b.write_registers(58009, [sent >> 16, sent & 0xFFFF], slave=0)
for _ in range(100):
    clock = struct.unpack(">I", words(58010, 2))[0]
    if clock >= sent: break
    time.sleep(0.1)
print(json.dumps({"floats": floats, "longest": longest, "refused": refused, "too many": too_many,
    "after broken": after_broken, "foreign": foreign, "clock": clock - sent}))
`

// TestPymodbusReadsRTUOverTCP: the real pymodbus, with its RTU framer, reads the truth at the
// port of RTU over TCP from the unit that COM1 has; another unit is met with silence, and a
// broadcast sets the clock.
func TestPymodbusReadsRTUOverTCP(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import pymodbus.client").CombinedOutput(); err != nil {
		t.Skipf("pymodbus is not installed: apt-get install python3-pymodbus python3-serial-asyncio (%v %s)", err, out)
	}
	p, _, _, _ := referenceMeter(t)
	host, port, err := net.SplitHostPort(p.ready.Endpoints[boot.ModbusRTUTCP])
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(script, []byte(pymodbusRTU), 0o600); err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for n := range truth {
		numbers = append(numbers, strconv.Itoa(n))
	}
	cmd := exec.Command(python, script, host, port, strings.Join(numbers, ","))
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	var got struct {
		Floats      map[int]float64 `json:"floats"`
		Longest     int             `json:"longest"`
		Refused     int             `json:"refused"`
		TooMany     int             `json:"too many"`
		AfterBroken float64         `json:"after broken"`
		Foreign     bool            `json:"foreign"`
		Clock       int             `json:"clock"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for n, want := range truth {
		if !float32Close(got.Floats[n], want) {
			t.Errorf("register %d reads %.9g, the scenario says %.9g", n, got.Floats[n], want)
		}
	}
	if got.Longest != 250 || got.Refused != 2 || got.TooMany != 3 {
		t.Errorf("125 registers are %d bytes, a refused write answers exception %d, one of 124 registers %d; want 250, 2 and 3", got.Longest, got.Refused, got.TooMany)
	}
	if math.Abs(got.AfterBroken-230) > 1e-4 || !got.Foreign {
		t.Errorf("after a broken frame 3028 reads %v; another unit was met with silence: %v", got.AfterBroken, got.Foreign)
	}
	if limit := int((30 * time.Second).Seconds()); got.Clock < 0 || got.Clock > limit {
		t.Errorf("after the broadcast the clock is %d s from the time that was sent", got.Clock)
	}
}
