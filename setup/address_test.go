package setup

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	tests := []struct {
		text string
		want Address
	}{
		{"meter", Address{Transport: TCP, Host: "meter", Port: 7700}},
		{"meter:7", Address{Transport: TCP, Host: "meter", Port: 7}},
		{"127.0.0.1:7700", Address{Transport: TCP, Host: "127.0.0.1", Port: 7700}},
		{"::1", Address{Transport: TCP, Host: "::1", Port: 7700}},
		{"[::1]", Address{Transport: TCP, Host: "::1", Port: 7700}},
		{"[fe80::1]:99", Address{Transport: TCP, Host: "fe80::1", Port: 99}},
		{"modbus://meter/1", Address{Transport: ModbusTCP, Host: "meter", Port: 502, Unit: 1}},
		{"modbus://meter:5020/255", Address{Transport: ModbusTCP, Host: "meter", Port: 5020, Unit: 255}},
		{"modbus://[::1]:5020/247", Address{Transport: ModbusTCP, Host: "::1", Port: 5020, Unit: 247}},
		{"rtu+tcp://gateway:7701/100", Address{Transport: ModbusRTU, Host: "gateway", Port: 7701, Unit: 100}},
		{"rtu:/dev/ttyUSB0", Address{Transport: SerialLine, Device: "/dev/ttyUSB0", Baud: 19200, Parity: "E", Unit: 1}},
		{"rtu:COM3?baud=9600&parity=n&unit=100", Address{Transport: SerialLine, Device: "COM3", Baud: 9600, Parity: "N", Unit: 100}},
	}
	for _, tt := range tests {
		got, err := ParseAddress(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", tt.text, got, err)
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s and read as %+v, %v", tt.text, got, again, err)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, text := range []string{"", ":", ":7700", "meter:", "meter:0", "meter:65536", "meter:x", "me ter", "http://meter", "modbus://meter", "modbus://meter/0",
		"modbus://meter/248", "modbus://meter/256", "modbus://meter/1/2", "modbus:///1", "modbus://user:secret@meter/1", "modbus://meter/1?x=1", "rtu+tcp://gateway/1",
		"rtu", "rtu:", "rtu://x/1", "rtu:?baud=9600", "rtu:COM1?baud=1", "rtu:COM1?parity=X", "rtu:COM1?unit=300", "rtu:COM1?stop=1", "rtu:COM1?baud=9600&baud=19200", "1:2:3", "user@meter", strings.Repeat("x", 2000)} {
		_, err := ParseAddress(text)
		if !HasCode(err, CodeUsage) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") && !strings.Contains(text, "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"meter", "[::1]:7700", "modbus://meter:5020/255", "rtu+tcp://gateway:7701/100", "rtu:/dev/ttyUSB0?baud=9600&parity=N&unit=2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			if !HasCode(err, CodeUsage) {
				t.Errorf("%q: %v has no code", text, err)
			}
			return
		}
		if again, err := ParseAddress(a.String()); a.Transport != SerialLine && (err != nil || again != a) {
			t.Errorf("%q is read as %+v, written as %s and read as %+v, %v", text, a, a, again, err)
		}
	})
}
