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
	capture := binary.LittleEndian.AppendUint32(nil, 0xA1B2C3D4)
	capture = append(capture, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 101, 0, 0, 0) // raw IP
	var want []string
	var sent [2]uint32 // TCP sequence numbers of client and server
	packet := func(fromServer int, payload []byte) {
		ports := [2]uint16{40000, port}
		p := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, byte(1 + fromServer), 10, 0, 0, byte(2 - fromServer)}
		binary.BigEndian.PutUint16(p[2:], uint16(40+len(payload)))
		p = binary.BigEndian.AppendUint16(p, ports[fromServer])
		p = binary.BigEndian.AppendUint16(p, ports[1-fromServer])
		p = binary.BigEndian.AppendUint32(p, sent[fromServer])
		p = binary.BigEndian.AppendUint32(p, sent[1-fromServer])
		p = append(p, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0) // PSH, ACK
		p = append(p, payload...)
		sent[fromServer] += uint32(len(payload))
		capture = binary.LittleEndian.AppendUint32(capture, uint32(len(want)))
		capture = binary.LittleEndian.AppendUint32(capture, 0)
		capture = binary.LittleEndian.AppendUint32(capture, uint32(len(p)))
		capture = binary.LittleEndian.AppendUint32(capture, uint32(len(p)))
		capture = append(capture, p...)
	}
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
		packet(0, request)
		packet(1, answer)
		exception := ""
		if _, pdu := f.parse(answer); pdu[0] >= 0x80 {
			exception = fmt.Sprint(pdu[1])
		}
		want = append(want, fmt.Sprintf("%d|%d|%s|", i, function, exception))
	}
	path := filepath.Join(t.TempDir(), "modbus.pcap")
	if err := os.WriteFile(path, capture, 0o600); err != nil {
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
