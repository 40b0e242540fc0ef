package main

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/boot"
	"github.com/hepmeter/hepmeter/wire/ionp"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// modelOf reads the model of a meter, which is at registers 50 to 69.
func modelOf(c *modbus.Client) (string, error) {
	words, err := c.ReadRegisters(49, 20)
	if err != nil {
		return "", err
	}
	var text []byte
	for _, w := range words {
		text = append(text, byte(w>>8), byte(w))
	}
	return strings.Trim(string(text), "\x00 "), nil
}

// unit is a client of a unit behind a meter.
func (p *process) unit(t testing.TB, unit byte) *modbus.Client {
	t.Helper()
	conn, err := net.Dial("tcp", p.ready.Endpoints[boot.Modbus])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return modbus.NewClient(conn, unit)
}

// setUp writes setup registers of a meter as USER1, and confirms what waits for that.
func (p *process) setUp(t testing.TB, pairs ...string) {
	t.Helper()
	c, user1 := p.ionClient(t), as("USER1", "0")
	var request ionp.WriteRequest
	for i := 0; i < len(pairs); i += 2 {
		request.Changes = append(request.Changes, ionp.Change{Label: pairs[i], Text: &pairs[i+1]})
	}
	if got := outcome(c, user1, ionp.Write, request); got != "" {
		t.Fatalf("write %q: %s", pairs, got)
	}
	if got := outcome(c, user1, ionp.ProvisionalConfirm, ionp.ProvisionalConfirmRequest{}); got != "" && got != "nothing-pending" {
		t.Fatalf("confirm %q: %s", pairs, got)
	}
}

// TestGatewayToALine: a meter passes requests on to another one, which is on a serial line,
// and is itself at unit 255.
func TestGatewayToALine(t *testing.T) {
	line, binary := newNullModem(t), buildHepmeter(t)
	behind := startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "PM8000", "--serial", "com1="+line.meter+"?protocol=modbus-rtu&unit=7&parity=8N1",
		"--source", "synth:"+filepath.Join("..", "..", "examples", "scenarios", "reference-50hz.yaml"))
	p := startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "ION7400", "--serial", "com1="+line.master+"?protocol=modbus-master&parity=8N1")
	p.setUp(t, "COM1/Rx Timeout", "0.3", "COM1/Retries", "0")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		// Either meter may be late to open its device.
		model, err := modelOf(p.unit(t, 7))
		if err == nil && strings.Contains(model, "PM8000") && readFloat(t, behind.dial(t), 3028) > 229 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("unit 7: %q, %v\n%s", model, err, p.stderr)
		}
	}

	for _, tc := range []struct {
		name string
		unit byte
		want string // model or exception
	}{
		{"unit 255 is the meter", 255, "ION7400"},
		{"unit 0 is the meter", 0, "ION7400"},
		{"unit 7 is on the line", 7, "PM8000"},
		{"a unit that is not there", 1, modbus.GatewayTargetNoResponse.Error()},
		{"the meter's own unit on its line is not the meter", 100, modbus.GatewayTargetNoResponse.Error()},
		{"the last unit", 247, modbus.GatewayTargetNoResponse.Error()},
		{"the first reserved unit", 248, modbus.GatewayPathUnavailable.Error()},
		{"the last reserved unit", 254, modbus.GatewayPathUnavailable.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := modelOf(p.unit(t, tc.unit))
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %s", got, tc.want)
			}
		})
	}

	t.Run("exceptions of the device are passed on", func(t *testing.T) {
		// The factory's map is Read Only.
		if err := writeExternal(p.unit(t, 7)); !errors.Is(err, modbus.IllegalDataAddress) {
			t.Errorf("%v, want the device's exception 2", err)
		}
		if answer, err := p.unit(t, 7).Do([]byte{1, 0, 0, 0, 1}); err != nil || len(answer) != 2 || answer[1] != byte(modbus.IllegalFunction) {
			t.Errorf("% X, %v; want the device's exception 1", answer, err)
		}
	})

	t.Run("mbpoll", func(t *testing.T) {
		mbpoll, err := exec.LookPath("mbpoll")
		if err != nil {
			t.Skip("mbpoll is not installed: apt-get install mbpoll")
		}
		host, port, err := net.SplitHostPort(p.ready.Endpoints[boot.Modbus])
		if err != nil {
			t.Fatal(err)
		}
		poll := func(unit int) string {
			out, _ := exec.Command(mbpoll, "-1", "-m", "tcp", "-o", "5", "-p", port, "-a", strconv.Itoa(unit), "-B", "-t", "4:float", "-r", "3028", "-c", "1", host).CombinedOutput()
			return string(out) // it fails where the unit does
		}
		if out := poll(7); !regexp.MustCompile(`\[3028\]:\s+230\b`).MatchString(out) {
			t.Errorf("unit 7 shows no 230 V:\n%s", out)
		}
		if out := poll(2); !strings.Contains(out, "Target device failed to respond") {
			t.Errorf("a unit that is not there:\n%s", out)
		}
	})

	t.Run("statistics", func(t *testing.T) {
		c := p.ionClient(t)
		create := ionp.ProgramRequest{Steps: []ionp.Step{{Kind: ionp.StepCreate, A: "Modbus Gateway Unit", B: "Feeder"}, {Kind: ionp.StepSet, A: "Feeder/Unit", B: "7"},
			{Kind: ionp.StepCreate, A: "Modbus Gateway Unit", B: "Nobody"}, {Kind: ionp.StepSet, A: "Nobody/Unit", B: "99"}}}
		if got := outcome(c, as("USER1", "0"), ionp.Program, create); got != "" {
			t.Fatal(got)
		}
		labels := []string{"Feeder/Answers", "Modbus Gateway/Units", "Modbus Gateway/Timeouts", "Feeder/Latency", "Feeder/Answering", "Nobody/Requests", "Nobody/Answering"}
		var read ionp.ReadReply
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			var err error
			if read, err = ionp.Do(t.Context(), c, ionp.Identity{}, ionp.Read, ionp.ReadRequest{Labels: labels}); err != nil {
				t.Fatal(err)
			}
			if read.Readings[0].Value.Number > 2 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v", read)
			}
		}
		for i, low := range []float64{3, 4, 3, 1e-5} {
			if v := read.Readings[i].Value; !v.Available || v.Number < low {
				t.Errorf("%s is %+v, want at least %g", labels[i], v, low)
			}
		}
		if v := read.Readings[4].Value; !v.Available || v.Count != 1 {
			t.Errorf("%s is %+v, want ON", labels[4], v)
		}
		for i := 5; i < 7; i++ {
			if v := read.Readings[i].Value; v.Available {
				t.Errorf("%s is %+v of a unit that nobody asked", labels[i], v)
			}
		}
	})

	for _, tc := range []struct {
		name        string
		settings    []string
		read, write bool // passed on
	}{
		{"Read Only", []string{"Modbus Gateway/Access", "Read Only"}, true, false},
		{"None", []string{"Modbus Gateway/Access", "None"}, false, false},
		{"another address", []string{"Modbus Gateway/Access", "Read/Write", "Modbus Gateway/Allowed Addresses", "192.0.2.0/24"}, false, false},
		{"an address that only reads", []string{"Modbus Gateway/Allowed Addresses", "127.0.0.0/8=ro"}, true, false},
		{"an address that does everything, and a closed map", []string{"Modbus Gateway/Allowed Addresses", "127.0.0.1, 0.0.0.0/0=none", "Security Options/Modbus Map Access", "None"}, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.setUp(t, tc.settings...)
			c := p.unit(t, 7)
			if _, err := modelOf(c); (err == nil) != tc.read {
				t.Errorf("read: %v, want it passed on: %v", err, tc.read)
			}
			// The device does not know the function, and answers exception 1.
			answer, err := c.Do([]byte{byte(modbus.WriteSingleCoil), 0, 0, 0xFF, 0})
			if err != nil || len(answer) != 2 || (answer[1] == byte(modbus.IllegalFunction)) != tc.write || (answer[1] == byte(modbus.IllegalDataAddress)) == tc.write {
				t.Errorf("write: % X, %v, want it passed on: %v", answer, err, tc.write)
			}
		})
	}
}

// TestGatewayToADevice: two clients share a TCP device that takes one connection; the meter
// is a gateway for the units of the list alone, and the device may know them by other
// numbers.
func TestGatewayToADevice(t *testing.T) {
	socat, err := exec.LookPath("socat")
	if err != nil {
		t.Skip("socat is not installed: apt-get install socat")
	}
	binary := buildHepmeter(t)
	behind := startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "PM8000")
	// Without fork socat takes one connection, and then no other.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	single := exec.Command(socat, "TCP-LISTEN:"+port+",bind=127.0.0.1,reuseaddr", "TCP:"+behind.ready.Endpoints[boot.Modbus])
	if err := single.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = single.Process.Kill(); _ = single.Wait() })

	p := startMeter(t, binary, filepath.Join(t.TempDir(), "data"), "--model", "ION7400")
	if model, err := modelOf(p.unit(t, 21)); err != nil || !strings.Contains(model, "ION7400") {
		t.Errorf("without a gateway unit 21 is %q, %v; want the meter", model, err)
	}
	p.setUp(t, "Modbus Master Options/TCP Connection 1", "127.0.0.1:"+port, "Modbus Gateway/TCP Units", "21=1, 22=1/255, 23=2")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		model, err := modelOf(p.unit(t, 21)) // socat may be late to listen
		if err == nil && strings.Contains(model, "PM8000") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("unit 21: %q, %v", model, err)
		}
	}
	var running sync.WaitGroup
	for i := range 2 {
		c := p.unit(t, byte(21+i))
		running.Go(func() {
			for range 500 {
				if model, err := modelOf(c); err != nil || !strings.Contains(model, "PM8000") {
					t.Errorf("unit %d: %q, %v", 21+i, model, err)
					return
				}
			}
		})
	}
	running.Wait()
	for unit, want := range map[byte]string{255: "ION7400", 23: modbus.GatewayTargetNoResponse.Error(), 1: modbus.GatewayTargetNoResponse.Error(), 250: modbus.GatewayPathUnavailable.Error()} {
		got, err := modelOf(p.unit(t, unit))
		if err != nil {
			got = fmt.Sprint(err)
		}
		if !strings.Contains(got, want) {
			t.Errorf("unit %d: %q, want %s", unit, got, want)
		}
	}
}
