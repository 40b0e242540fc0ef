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
	tshark := program(t, "tshark", "tshark")
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	h := newHandler(gate, testMap(t), mbap{})
	capture := binary.LittleEndian.AppendUint32(nil, 0xA1B2C3D4)
	capture = append(capture, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 101, 0, 0, 0) // raw IP
	var want []string
	var sent [2]uint32 // TCP sequence numbers of client and server
	packet := func(fromServer int, payload []byte) {
		ports := [2]uint16{40000, 502}
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
		binary.BigEndian.PutUint16(request, uint16(i))
		_, answer, err := h.exchange(enter(t, h), request, make([]byte, 0, answerBuffer))
		if err != nil {
			t.Fatal(err)
		}
		packet(0, request)
		packet(1, answer)
		exception := ""
		if _, pdu := modbus.ParseHeader(answer); pdu[0] >= 0x80 {
			exception = fmt.Sprint(pdu[1])
		}
		want = append(want, fmt.Sprintf("%d|%d|%s|", i, request[7], exception))
	}
	path := filepath.Join(t.TempDir(), "modbus.pcap")
	if err := os.WriteFile(path, capture, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-n", "-r", path, "-Y", "tcp.srcport == 502", "-T", "fields", "-E", "separator=|",
		"-e", "mbtcp.trans_id", "-e", "modbus.func_code", "-e", "modbus.exception_code", "-e", "_ws.malformed").Output()
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
