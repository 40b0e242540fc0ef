package fault

import (
	"net"
	"os/exec"
	"testing"
)

const pymodbusReads = `
import sys
from pymodbus.client import ModbusTcpClient
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer
framer = {"tcp": ModbusSocketFramer, "rtu": ModbusRtuFramer}[sys.argv[2]]
for address in range(100, 108):
    c = ModbusTcpClient("127.0.0.1", port=int(sys.argv[1]), framer=framer, timeout=1, retries=0)
    assert c.connect()
    try:
        r = c.read_holding_registers(address, 2, slave=1)
    except Exception:
        r = None
    if r is None or not hasattr(r, "registers"):
        print("exception", r.exception_code) if hasattr(r, "exception_code") else print("error")
    else:
        print(r.registers == [0x1000 ^ address, 0x1000 ^ (address + 1)])
    c.close()
`

// TestPymodbus: a real foreign master sees the faults as errors and exceptions, and the
// right data otherwise, in both framings.
func TestPymodbus(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import pymodbus.client").Run(); err != nil {
		t.Skip("pymodbus is not installed: apt-get install python3-pymodbus python3-serial-asyncio")
	}
	for _, framing := range []Framing{TCP, RTU} {
		p, address := startProxy(t, startDevice(t, framing), "framing: "+string(framing)+`
faults:
  - {fault: drop, from: 2, to: 2}
  - {fault: exception, on: requests, code: 6, from: 4, to: 4}
  - {fault: truncate, from: 5, to: 5}
  - {fault: split, milliseconds: 1}`, Options{})
		_, port, _ := net.SplitHostPort(address)
		out, err := exec.Command(python, "-c", pymodbusReads, port, string(framing)).CombinedOutput()
		const want = "True\nerror\nTrue\nexception 6\nTrue\nTrue\nerror\nTrue\n"
		if err != nil || string(out) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s%+v", framing, err, out, want, p.Counters())
		}
	}
}
