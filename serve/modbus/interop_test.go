package modbus

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// program returns the path of a real client, or skips the test by name.
func program(t *testing.T, name string, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: apt-get install %s", name, install)
	}
	return path
}

// The real mbpoll: vendor numbers can be typed as printed.
func TestMbpoll(t *testing.T) {
	mbpoll := program(t, "mbpoll", "mbpoll")
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, Options{})
	host, port, _ := net.SplitHostPort(address)
	for _, tc := range []struct {
		name string
		args []string
		want string // a regular expression that the output must match
		fail bool
	}{
		{"float", []string{"-r", "3028", "-c", "1", "-t", "4:float", "-B"}, `\[3028\]:\s+230\.25`, false},
		{"float by function 4", []string{"-r", "3028", "-c", "1", "-t", "3:float", "-B"}, `\[3028\]:\s+230\.25`, false},
		{"not available is NaN", []string{"-r", "3030", "-c", "1", "-t", "4:float", "-B"}, `\[3030\]:\s+-?nan`, false},
		{"INT64 as four hex words", []string{"-r", "3204", "-c", "4", "-t", "4:hex"}, `(?s)0x0000.*0x001C.*0xBE99.*0x1A14`, false},
		{"across gaps", []string{"-r", "3000", "-c", "112", "-t", "4:hex"}, `(?s)\[3111\]`, false},
		{"nominal frequency", []string{"-r", "54395", "-c", "1", "-t", "4"}, `\[54395\]:\s+0`, false},
		{"unit 255", []string{"-a", "255", "-r", "3028", "-c", "1", "-t", "4:float", "-B"}, `230\.25`, false},
		{"a coil", []string{"-r", "1", "-c", "1", "-t", "0"}, `Illegal function`, true},
		{"a refused write", []string{"-r", "54395", "-t", "4"}, `Illegal data address`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := []string{"-m", "tcp", "-p", port, "-1", "-o", "5"}
			if tc.args[0] != "-a" {
				args = append(args, "-a", "1")
			}
			args = append(append(args, tc.args...), host)
			if tc.name == "a refused write" {
				args = append(args, "1")
			}
			out, err := exec.Command(mbpoll, args...).CombinedOutput()
			if (err != nil) != tc.fail || !regexp.MustCompile(tc.want).Match(out) {
				t.Errorf("mbpoll %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
}

// The real mbpoll writes where the map is open, and sees each exception.
func TestMbpollWrites(t *testing.T) {
	mbpoll := program(t, "mbpoll", "mbpoll")
	works := new(testWorks)
	gate, _ := newTestGate(t, newTestMeter(), openAll(t), works)
	_, address := start(t, gate, Options{})
	host, port, _ := net.SplitHostPort(address)
	for _, tc := range []struct {
		name string
		args []string // host stands where it must
		want string   // a regular expression that the output must match
		done []access.Change
	}{
		{"nominal frequency", []string{"-r", "54395", "-t", "4", host, "1"}, `Written 1 references`, []access.Change{{Kind: access.Set, Object: "Factory/Nominal Frequency", Text: "60 Hz", Value: enum(1, "60 Hz")}}},
		{"External Numeric", []string{"-r", "58021", "-t", "4:float", "-B", host, "230.25"}, `Written 1 references`, []access.Change{{Kind: access.Write, Object: "External Numeric 1/Numeric", Value: number(230.25)}}},
		{"two External Booleans", []string{"-r", "58041", "-t", "4", host, "1", "0"}, `Written 2 references`, []access.Change{
			{Kind: access.Write, Object: "External Boolean 1/Switch", Value: boolean(true)}, {Kind: access.Write, Object: "External Boolean 2/Switch", Value: boolean(false)}}},
		{"peak demand reset", []string{"-r", "58012", "-t", "4", host, "1"}, `Written 1 references`, []access.Change{{Kind: access.Pulse, Object: "Peak Dmd Reset/Trigger"}}},
		{"a pulse by 2", []string{"-r", "58051", "-t", "4", host, "2"}, `Illegal data value`, nil},
		{"a reading", []string{"-r", "3028", "-t", "4:float", "-B", host, "1"}, `Illegal data address`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(works.all())
			args := append([]string{"-m", "tcp", "-p", port, "-1", "-o", "5", "-a", "1"}, tc.args...)
			out, err := exec.Command(mbpoll, args...).CombinedOutput()
			if (err != nil) != (tc.done == nil) || !regexp.MustCompile(tc.want).Match(out) {
				t.Errorf("mbpoll %s: %v\n%s", strings.Join(args, " "), err, out)
			}
			var done []access.Change
			for _, transaction := range works.all()[before:] {
				done = append(done, transaction...)
			}
			for i := range done {
				done[i].Target = ""
			}
			if !reflect.DeepEqual(done, tc.done) {
				t.Errorf("done %#v, want %#v", done, tc.done)
			}
		})
	}
}

// The real pymodbus: reads, decodes, identifies, and sees the refusals.
const pymodbusScript = `
import struct, sys
from pymodbus.client import ModbusTcpClient
from pymodbus.mei_message import ReadDeviceInformationRequest
c = ModbusTcpClient(sys.argv[1], port=int(sys.argv[2]), timeout=5)
assert c.connect()
def words(number, count, read=c.read_holding_registers):
    r = read(number - 1, count, slave=1)
    assert not r.isError(), r
    return struct.pack(">%dH" % count, *r.registers)
print("float", struct.unpack(">f", words(3028, 2))[0])
print("input", struct.unpack(">f", words(3028, 2, c.read_input_registers))[0])
print("nan", struct.unpack(">f", words(3030, 2))[0])
print("int64", struct.unpack(">q", words(3204, 4))[0])
print("text", words(117, 12).rstrip(b"\0").decode())
print("block", len(words(3000, 112)))
print("quantity 126", c.read_holding_registers(2999, 126, slave=1).exception_code)
print("coil", c.read_coils(0, 1, slave=1).exception_code)
print("write6", c.write_register(54394, 1, slave=1).exception_code)
print("write16", c.write_registers(58001, [0, 10000], slave=1).exception_code)
print("write23", c.readwrite_registers(read_address=3027, read_count=2, write_address=58001, write_registers=[0, 1], slave=1).exception_code)
info = c.execute(ReadDeviceInformationRequest(3, 0, slave=1))
print("id", info.information[0].decode(), info.information[1].decode(), info.information[2].decode(), info.information[0x80].decode())
`

func TestPymodbus(t *testing.T) {
	python := program(t, "/usr/bin/python3", "python3")
	if out, err := exec.Command(python, "-c", "import pymodbus.client").CombinedOutput(); err != nil {
		t.Skipf("pymodbus is not installed: apt-get install python3-pymodbus python3-serial-asyncio (%s)", lastLine(out))
	}
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	_, address := start(t, gate, Options{})
	host, port, _ := net.SplitHostPort(address)
	script := filepath.Join(t.TempDir(), "client.py")
	if err := os.WriteFile(script, []byte(pymodbusScript), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, script, host, port).CombinedOutput()
	want := `float 230.25
input 230.25
nan nan
int64 123456789012
text HM-0000000001
block 224
quantity 126 3
coil 1
write6 2
write16 2
write23 2
id hepmeter ION9000 3.0.0 HM-0000000001
`
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
