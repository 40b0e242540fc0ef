package modbus

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionmodbus"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// testTunnel answers as the meter does, and remembers who has asked.
type testTunnel struct {
	*ionmodbus.Endpoint
	mu    sync.Mutex
	asked []access.Client
}

func newTestTunnel() *testTunnel {
	return &testTunnel{Endpoint: ionmodbus.NewEndpoint(ionmodbus.Options{})}
}

func (t *testTunnel) Answer(now time.Time, from access.Client, pdu, dst []byte) ([]byte, bool) {
	from.End = nil
	t.mu.Lock()
	t.asked = append(t.asked, from)
	t.mu.Unlock()
	answer, _, err := t.Endpoint.Answer(now, from.Remote, pdu, dst)
	return answer, err == nil
}

func tcpFrame(unit byte, pdu []byte) []byte {
	frame := append(modbus.BeginFrame(nil, modbus.Header{Transaction: 0xBEEF, Unit: unit}), pdu...)
	modbus.EndFrame(frame, 0)
	return frame
}

func rtuFrame(unit byte, pdu []byte) []byte {
	return modbus.EndRTU(append(modbus.BeginRTU(nil, unit), pdu...), 0)
}

// A request of ION over Modbus is answered in each framing by whom it is for, and at once; also
// where the map is closed (F13).
func TestTunnelInEachFraming(t *testing.T) {
	probe := ionmodbus.Append(nil, ionmodbus.Message{Kind: ionmodbus.Probe, Session: 1, Sequence: 2, Payload: []byte{ionmodbus.SmallestPDU, 0}})
	answer := ionmodbus.Append(nil, ionmodbus.Message{Kind: ionmodbus.Probe | ionmodbus.Answer, Session: 1, Sequence: 2, Payload: make([]byte, ionmodbus.SmallestPDU-ionmodbus.Overhead)})
	damaged := bytes.Clone(probe)
	damaged[5] ^= 1
	exception := []byte{ionmodbus.Function | 0x80, byte(modbus.IllegalDataValue)}
	tcp, line := mbap{}, rtu{func() int { return 7 }}
	for _, tc := range []struct {
		name            string
		framing         framing
		request, answer []byte
	}{
		{"Modbus TCP, unit 255", tcp, tcpFrame(255, probe), tcpFrame(255, answer)},
		{"Modbus TCP, any unit while there is no gateway", tcp, tcpFrame(21, probe), tcpFrame(21, answer)},
		{"Modbus TCP, damaged", tcp, tcpFrame(255, damaged), tcpFrame(255, exception)},
		{"Modbus TCP, the function alone", tcp, tcpFrame(255, []byte{ionmodbus.Function}), tcpFrame(255, exception)},
		{"RTU, the own unit", line, rtuFrame(7, probe), rtuFrame(7, answer)},
		{"RTU, another unit", line, rtuFrame(8, probe), nil},
		{"RTU, a broadcast", line, rtuFrame(0, probe), nil},
		{"RTU, damaged and sent on by a gateway", line, rtuFrame(7, damaged), rtuFrame(7, exception)},
		{"a line, the own unit", lineFraming{line}, rtuFrame(7, probe), rtuFrame(7, answer)},
		{"a line, a broadcast", lineFraming{line}, rtuFrame(0, probe), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gate, _ := newTestGate(t, newTestMeter(), securitySet(t, generation3, allBoxes, map[string]string{access.RegisterMapAccess: "None"}), nil)
			h := newHandler(gate, testMap(t), tc.framing)
			h.tunnel = newTestTunnel()
			used, got, err := h.exchange(enter(t, h), tc.request, make([]byte, 0, answerBuffer))
			if err != nil || used != len(tc.request) || !bytes.Equal(got, tc.answer) {
				t.Errorf("% X, %d bytes used, %v; want % X", got, used, err, tc.answer)
			}
		})
	}
	t.Run("a meter without a tunnel", func(t *testing.T) {
		gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
		h := newHandler(gate, testMap(t), tcp)
		_, got, _ := h.exchange(enter(t, h), tcpFrame(1, probe), make([]byte, 0, answerBuffer))
		if want := tcpFrame(1, []byte{ionmodbus.Function | 0x80, byte(modbus.IllegalFunction)}); !bytes.Equal(got, want) {
			t.Errorf("% X, want % X", got, want)
		}
	})
}

// RTU frames in TCP have no silences: the byte count tells where such a request ends, also where
// another one is behind it.
func TestTunnelFramesFollowEachOther(t *testing.T) {
	probe := rtuFrame(7, ionmodbus.Append(nil, ionmodbus.Message{Kind: ionmodbus.Probe, Session: 1, Payload: []byte{ionmodbus.SmallestPDU}}))
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	h := newHandler(gate, testMap(t), rtu{func() int { return 7 }})
	tunnel := newTestTunnel()
	h.tunnel = tunnel
	if _, _, err := h.exchange(enter(t, h), bytes.Repeat(probe, 3), make([]byte, 0, answerBuffer)); err != nil || len(tunnel.asked) != 3 {
		t.Errorf("%d of 3 requests were found, %v", len(tunnel.asked), err)
	}
}

// The tunnel is told where a request comes from.
func TestTunnelKnowsTheClient(t *testing.T) {
	eachTransport(t, func(t *testing.T, o Options) {
		gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
		tunnel := newTestTunnel()
		o.Tunnel = tunnel
		_, address := start(t, gate, o)
		conn := dial(t, address)
		pdu := ionmodbus.Append(nil, ionmodbus.Message{Kind: ionmodbus.Open, Session: 1, Payload: []byte{ionmodbus.Version}})
		got, err := modbus.NewClient(conn, 255).Do(pdu)
		if m, broken := ionmodbus.Parse(got); err != nil || broken != nil || m.Kind != ionmodbus.Open|ionmodbus.Answer {
			t.Fatalf("% X, %v, %v", got, err, broken)
		}
		tunnel.mu.Lock()
		defer tunnel.mu.Unlock()
		if want := conn.LocalAddr().String(); tunnel.asked[0].Remote != want || tunnel.asked[0].Medium != access.Ethernet {
			t.Errorf("%+v, want it from %s", tunnel.asked[0], want)
		}
		if _, _, err := net.SplitHostPort(tunnel.asked[0].Remote); err != nil {
			t.Error(err)
		}
	})
}

// tshark as a judge: messages of every kind and length are frames of a user's function, in both
// framings, and none is malformed.
func TestTsharkShowsTheTunnel(t *testing.T) {
	tshark := program(t, "tshark", "tshark")
	messages := []ionmodbus.Message{
		{Kind: ionmodbus.Open, Session: 0xCAFEF00D, Payload: []byte{ionmodbus.Version}},
		{Kind: ionmodbus.Probe, Session: 0xCAFEF00D, Sequence: 1, Payload: append([]byte{ionmodbus.MaxPDU}, make([]byte, ionmodbus.MaxPayload-1)...)},
		{Kind: ionmodbus.Exchange, Session: 0xCAFEF00D, Sequence: 1, Payload: append([]byte{ionmodbus.SmallestPDU}, "some bytes"...)},
		{Kind: ionmodbus.Exchange, Session: 0xCAFEF00D, Sequence: 1, Payload: []byte{ionmodbus.MaxPDU}},
		{Kind: ionmodbus.Exchange, Session: 1, Sequence: 1, Payload: []byte{ionmodbus.MaxPDU}},
		{Kind: ionmodbus.Close, Session: 0xCAFEF00D},
	}
	for _, tc := range []struct {
		name    string
		port    uint16
		frame   func(byte, []byte) []byte
		options []string
	}{
		{"Modbus TCP", 502, tcpFrame, nil},
		{"RTU over TCP", 7701, rtuFrame, []string{"-d", "tcp.port==7701,mbrtu", "-o", "mbrtu.crc_verification:TRUE"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			meter := newTestTunnel()
			capture := newCapture(tc.port)
			frames := 0
			for _, m := range messages {
				request := ionmodbus.Append(nil, m)
				answer, ok := meter.Answer(time.Now(), access.Client{Remote: "host"}, request, nil)
				if !ok {
					t.Fatalf("%+v is damaged", m)
				}
				capture.packet(0, tc.frame(7, request))
				capture.packet(1, tc.frame(7, answer))
				frames += 2
			}
			path := filepath.Join(t.TempDir(), "tunnel.pcap")
			if err := os.WriteFile(path, capture.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(tshark, append(tc.options, "-n", "-r", path, "-T", "fields", "-E", "separator=|", "-e", "modbus.func_code", "-e", "_ws.malformed")...).Output()
			if err != nil {
				t.Fatalf("tshark: %v", err)
			}
			if want := strings.Repeat("70|\n", frames); string(out) != want {
				t.Errorf("tshark reads\n%swant function 70 in each of %d frames, none malformed", out, frames)
			}
		})
	}
}

// capture is a file of packets of one TCP connection.
type capture struct {
	port  uint16
	bytes []byte
	count uint32
	sent  [2]uint32 // TCP sequence numbers of client and server
}

func newCapture(port uint16) *capture {
	c := &capture{port: port, bytes: binary.LittleEndian.AppendUint32(nil, 0xA1B2C3D4)}
	c.bytes = append(c.bytes, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 101, 0, 0, 0) // raw IP
	return c
}

func (c *capture) packet(fromServer int, payload []byte) {
	ports := [2]uint16{40000, c.port}
	p := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, byte(1 + fromServer), 10, 0, 0, byte(2 - fromServer)}
	binary.BigEndian.PutUint16(p[2:], uint16(40+len(payload)))
	p = binary.BigEndian.AppendUint16(p, ports[fromServer])
	p = binary.BigEndian.AppendUint16(p, ports[1-fromServer])
	p = binary.BigEndian.AppendUint32(p, c.sent[fromServer])
	p = binary.BigEndian.AppendUint32(p, c.sent[1-fromServer])
	p = append(p, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0) // PSH, ACK
	p = append(p, payload...)
	c.sent[fromServer] += uint32(len(payload))
	c.bytes = binary.LittleEndian.AppendUint32(c.bytes, c.count)
	c.bytes = binary.LittleEndian.AppendUint32(c.bytes, 0)
	c.bytes = binary.LittleEndian.AppendUint32(c.bytes, uint32(len(p)))
	c.bytes = binary.LittleEndian.AppendUint32(c.bytes, uint32(len(p)))
	c.bytes = append(c.bytes, p...)
	c.count++
}
