package modbus

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// tshark as a judge: every answer of the check-order table, decoded by somebody
// else's dissector, carries the function and exception that the table says, and none
// is malformed.
func TestTsharkUnderstandsEveryAnswer(t *testing.T) {
	t.Run("Modbus TCP", func(t *testing.T) { tsharkUnderstands(t, mbap{}, 502, "mbtcp.trans_id") })
	t.Run("RTU over TCP", func(t *testing.T) {
		tsharkUnderstands(t, rtu{func() int { return 1 }}, 7701, "mbrtu.unit_id", "-d", "tcp.port==7701,mbrtu", "-o", "mbrtu.crc_verification:TRUE")
	})
}

// tsharkUnderstands has tshark judge the answers in a framing. Its field first is the
// transaction in Modbus TCP, and the unit in RTU frames.
func tsharkUnderstands(t *testing.T, f framing, port uint16, first string, options ...string) {
	tshark := program(t, "tshark", "tshark")
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	h := newHandler(gate, testMap(t), f)
	capture := newCapture(port)
	var want []string
	for i, tc := range checkOrder {
		request := unhex(t, tc.request)
		if tc.response == "" || request[7] >= 0x80 {
			continue // a "request" that reads as a response is no fair question
		}
		function := request[7]
		binary.BigEndian.PutUint16(request, uint16(i))
		if _, line := f.(rtu); line {
			i = int(request[6])
			request = inRTU(t, tc.request)
			if _, n := modbus.FindRTURequest(request); n != len(request) || i != 1 {
				continue // no frame, or nobody's
			}
		}
		_, answer, err := h.exchange(enter(t, h), request, make([]byte, 0, answerBuffer))
		if err != nil {
			t.Fatal(err)
		}
		capture.packet(0, request)
		capture.packet(1, answer)
		exception := ""
		if _, pdu := f.parse(answer); pdu[0] >= 0x80 {
			exception = fmt.Sprint(pdu[1])
		}
		want = append(want, fmt.Sprintf("%d|%d|%s|", i, function, exception))
	}
	path := filepath.Join(t.TempDir(), "modbus.pcap")
	if err := os.WriteFile(path, capture.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, append(options, "-n", "-r", path, "-Y", fmt.Sprintf("tcp.srcport == %d", port), "-T", "fields", "-E", "separator=|",
		"-e", first, "-e", "modbus.func_code", "-e", "modbus.exception_code", "-e", "_ws.malformed")...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("answer %d: tshark reads %q, want %q", i, append(got, "nothing")[min(i, len(got))], append(want, "nothing")[min(i, len(want))])
		}
	}
}
