package setup

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// silentDevice is a Modbus TCP device that answers as it is told; nil is silence.
func silentDevice(t *testing.T, answer func(pdu []byte) []byte) Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 512)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					header, pdu := modbus.ParseHeader(buffer[:n])
					if said := answer(pdu); said != nil {
						frame := append(modbus.BeginFrame(nil, header), said...)
						modbus.EndFrame(frame, 0)
						if _, err := conn.Write(frame); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return Address{Transport: ModbusTCP, Host: "127.0.0.1", Port: number, Unit: 1}
}

// What is told of an address through Modbus at which no meter answers.
func TestNoMeterThroughModbus(t *testing.T) {
	exception := func(code byte) func([]byte) []byte {
		return func(pdu []byte) []byte { return []byte{pdu[0] | 0x80, code} }
	}
	shut := silentDevice(t, exception(1))
	shut.Port = 1 // nobody listens there
	for _, tc := range []struct {
		name    string
		address Address
		timeout time.Duration
		code    string
	}{
		{"nobody listens", shut, time.Minute, CodeCannotConnect},
		{"there is no such device", Address{Transport: SerialLine, Device: filepath.Join(t.TempDir(), "ttyUSB9"), Baud: 9600, Parity: "E", Unit: 1}, time.Minute, CodeCannotConnect},
		{"the unit is silent", silentDevice(t, func([]byte) []byte { return nil }), 200 * time.Millisecond, CodeCannotConnect},
		{"a gateway behind which nothing answers", silentDevice(t, exception(0x0B)), 200 * time.Millisecond, CodeCannotConnect},
		{"a Modbus device of another kind", silentDevice(t, exception(1)), time.Minute, CodeNotAMeter},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := Connect(context.Background(), tc.address, Options{Timeout: tc.timeout})
			if !HasCode(err, tc.code) {
				t.Errorf("%v; want the code %s", err, tc.code)
			}
		})
	}
}
