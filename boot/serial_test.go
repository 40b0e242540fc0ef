package boot

import (
	"strings"
	"testing"
)

func TestParseSerial(t *testing.T) {
	for _, tc := range []struct {
		assignment string
		want       SerialLine
		refused    string
	}{
		{"com1=/dev/ttyUSB0", SerialLine{Port: "COM1", Device: "/dev/ttyUSB0"}, ""},
		{"COM4=COM7?baud=9600&parity=E&unit=7&protocol=modbus-rtu", SerialLine{"COM4", "COM7", 9600, "8E1", 7, "Modbus RTU"}, ""},
		{"com1=/dev/ttyS0?parity=8n2", SerialLine{Port: "COM1", Device: "/dev/ttyS0", Framing: "8N2"}, ""},
		{"com1=/dev/serial/by-id/usb-A=B", SerialLine{Port: "COM1", Device: "/dev/serial/by-id/usb-A=B"}, ""},
		{"com1", SerialLine{}, "com1=DEVICE"},
		{"com1=", SerialLine{}, "com1=DEVICE"},
		{"com5=/dev/ttyS0", SerialLine{}, "com1=DEVICE"},
		{"com1=/dev/ttyS0?baud=9601", SerialLine{}, "one of [2400"},
		{"com1=/dev/ttyS0?unit=248", SerialLine{}, "1 to 247"},
		{"com1=/dev/ttyS0?unit=0", SerialLine{}, "1 to 247"},
		{"com1=/dev/ttyS0?parity=7E1", SerialLine{}, "N, E, O"},
		{"com1=/dev/ttyS0?protocol=modbus-master", SerialLine{Port: "COM1", Device: "/dev/ttyS0", Protocol: "Modbus Master"}, ""},
		{"com1=/dev/ttyS0?protocol=ethergate", SerialLine{Port: "COM1", Device: "/dev/ttyS0", Protocol: "EtherGate"}, ""},
		{"com1=/dev/ttyS0?protocol=dnp", SerialLine{}, "use modbus-rtu"},
		{"com1=/dev/ttyS0?speed=9600", SerialLine{}, "baud, parity, unit or protocol"},
	} {
		got, err := ParseSerial(tc.assignment)
		if got != tc.want || (err == nil) != (tc.refused == "") || err != nil && !strings.Contains(err.Error(), tc.refused) {
			t.Errorf("%s: %+v, %v; want %+v, refused with %q", tc.assignment, got, err, tc.want, tc.refused)
		}
	}
}

func TestOpenSerialSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ device, framing, says string }{
		{"/dev/no-such-device", "8N1", "/dev/no-such-device"},
		{"/dev/null", "8N1", "/dev/null"},
		{"/dev/null", "9N1", "9N1"},
	} {
		if port, err := OpenSerial(tc.device, 9600, tc.framing); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s %s: %v, %v; want an error that names it", tc.device, tc.framing, port, err)
		}
	}
}
