package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// walk is the commands of docs/modbus-master.md, a block at a time.
func walk(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/modbus-master.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(text), "```") {
		if block, shell := strings.CutPrefix(part, "sh\n"); shell && i%2 == 1 {
			blocks = append(blocks, strings.ReplaceAll(block, "export HEPSETUP_PASSWORD=0\n", ""))
		}
	}
	if len(blocks) != 6 {
		t.Fatalf("%d blocks of commands", len(blocks))
	}
	return blocks
}

// shell runs a block as it is written; only the addresses are of this test.
func (s *site) shell(t *testing.T, block, device string) {
	t.Helper()
	block = strings.NewReplacer(" localhost ", " "+s.addr+" ", "192.0.2.40:502", device).Replace(block)
	cmd := exec.Command("sh", "-e", "-c", block)
	cmd.Env = append(os.Environ(), "HEPSETUP_PASSWORD=0", "PATH="+filepath.Dir(s.tool)+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, block, out)
	}
}

// registers reads holding registers by number; nil where the meter does not answer.
func (s *site) registers(first int, typ registermap.Type) []byte {
	conn, err := net.DialTimeout("tcp", s.endpoints["modbus"], time.Second)
	if err != nil {
		return nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	words, err := modbus.NewClient(conn, 255).ReadRegisters(first-1, typ.Registers())
	var b []byte
	for _, w := range words {
		b = append(b, byte(w>>8), byte(w))
	}
	if err != nil {
		return nil
	}
	return b
}

// number reads a number; ok is false for NOT AVAILABLE, and where nothing answers.
func (s *site) number(first int, typ registermap.Type) (x float64, ok bool) {
	if b := s.registers(first, typ); b != nil {
		return typ.Number(b)
	}
	return 0, false
}

// The user's path of docs/modbus-master.md, with a second meter in the place of the iEM3155,
// whose registers have the same numbers: the energy of the one is a register of the other,
// is NOT AVAILABLE when the device dies, and back when it is.
func TestAMeterReadsAnother(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
	socat := exec.Command("socat", "pty,raw,echo=0,link="+ours, "pty,raw,echo=0,link="+theirs)
	if err := socat.Start(); err != nil {
		t.Skipf("socat is not installed: apt-get install socat (%v)", err)
	}
	t.Cleanup(func() {
		_ = socat.Process.Kill()
		_ = socat.Wait()
	})
	eventually(t, "socat makes terminals", func() bool {
		_, one := os.Stat(ours)
		_, other := os.Stat(theirs)
		return one == nil && other == nil
	})
	feeder := []string{"--serial", "com1=" + theirs + "?protocol=modbus-rtu&unit=7", "--source", "synth:../../examples/scenarios/reference-50hz.yaml"}
	device := startSite(t, feeder...)
	s := startSite(t, "--serial", "com1="+ours)
	blocks := walk(t)
	const wh, kwh, online, stale = 41001, "Feeder 7 values/Value 1", "Feeder 7/Online", 4.0
	for _, block := range blocks[:4] {
		s.shell(t, block, device.endpoints["modbus"])
	}
	follows := func(what string) {
		t.Helper()
		within(t, 2*time.Minute, what, func() bool { // a unit that was silent is left alone for up to 30 s
			before, known := device.number(3204, registermap.INT64)
			time.Sleep(10 * time.Millisecond)
			x, ok := s.number(wh, registermap.UINT32)
			// A poll and a turn later than the device, at most; it delivers some 10 Wh a second.
			return ok && known && x > 0 && x <= before+100 && x >= before-200
		})
	}
	follows("the energy of the device on the line is a register of the meter")
	if volts, ok := s.read(t, as{}, "Feeder 7 values/Value 2")["Feeder 7 values/Value 2"].(float64); !ok || volts < 229 || volts > 231 {
		t.Errorf("%v V", volts)
	}
	_ = device.meter.Process.Kill()
	<-device.exited
	eventually(t, "the value is NOT AVAILABLE", func() bool {
		values := s.read(t, as{}, kwh, "Feeder 7 values/Age")
		if age, aged := values["Feeder 7 values/Age"].(float64); values[kwh] != nil && (!aged || age > stale) {
			t.Errorf("%v is shown %v s after it was asked for", values[kwh], values["Feeder 7 values/Age"])
		}
		return values[kwh] == nil
	})
	eventually(t, "the registers are NOT AVAILABLE", func() bool { return string(s.registers(wh, registermap.UINT32)) == "\xFF\xFF\xFF\xFF" })
	eventually(t, "the device is offline", func() bool { return s.read(t, as{}, online)[online] == false })
	device.start(t, feeder...)
	follows("it is back when the device is")
	s.shell(t, blocks[4], device.endpoints["modbus"]) // over TCP
	eventually(t, "the meter has asked anew", func() bool {
		values := s.read(t, as{}, kwh, online)
		return values[kwh] != nil && values[online] == true
	})
	follows("the same by TCP")
	s.shell(t, blocks[5], device.endpoints["modbus"])
}
