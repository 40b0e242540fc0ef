package modbus

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/master"
	"github.com/hepmeter/hepmeter/serve/gateway"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// device is a TCP device behind the gateway that answers when the test lets it. Its answer
// to a read of one register is the address.
type device struct {
	address string
	asked   chan uint16 // address of each request
	answers chan struct{}
}

func newDevice(t *testing.T) *device {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := &device{l.Addr().String(), make(chan uint16, 64), make(chan struct{}, 64)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *device) serve(conn net.Conn) {
	defer conn.Close()
	frame := make([]byte, 12)
	for {
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		h, pdu := modbus.ParseHeader(frame)
		d.asked <- uint16(pdu[1])<<8 | uint16(pdu[2])
		<-d.answers
		answer := append(modbus.BeginFrame(nil, h), pdu[0], 2, pdu[1], pdu[2])
		modbus.EndFrame(answer, 0)
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// startGateway serves a meter that is a gateway to a device, which is unit 21. Unit 22 has
// no way to it.
func startGateway(t *testing.T, d *device, o Options, settings ...string) (*Server, *access.Gate, string) {
	t.Helper()
	all := map[string]string{"Modbus Gateway/TCP Units": "21=1, 22=2", "Modbus Master Options/TCP Connection 1": d.address, "Security Options/Security Mode": "None"}
	for i := 0; i < len(settings); i += 2 {
		all[settings[i]] = settings[i+1]
	}
	security, err := access.NewSecurity(generation2, "9000", all, nil)
	if err != nil {
		t.Fatal(err)
	}
	gate, _ := newTestGate(t, newTestMeter(), security, nil)
	network := master.NewNetwork(master.NetworkOptions{TCP: func(string) master.Settings { return master.Settings{ResponseTimeout: 20 * time.Second} }})
	t.Cleanup(network.Close)
	o.Gateway = gateway.New(gate, network, func(string) string { return "" })
	server, address := start(t, gate, o)
	return server, gate, address
}

const (
	ask21    = "0001 0000 0006 15 03 1234 0001"
	answer21 = "0001 0000 0005 15 03 02 1234"
	next21   = "0005 0000 0006 15 03 5678 0001"
	last21   = "0005 0000 0005 15 03 02 5678"
	own      = "0002 0000 0006 FF 03 0BD3 0002"
	ownIs    = "0002 0000 0007 FF 03 04 4366 4000"
)

// Which unit gets what with the gateway on (DESIGN 7).
func TestGatewayUnits(t *testing.T) { eachTransport(t, gatewayUnits) }

func gatewayUnits(t *testing.T, o Options) {
	d := newDevice(t)
	close(d.answers)
	_, _, address := startGateway(t, d, o)
	for _, tc := range []struct{ name, request, answer string }{
		{"a unit with a device", ask21, answer21},
		{"a unit whose connection has no address", "0001 0000 0006 16 03 1234 0001", "0001 0000 0003 16 83 0B"},
		{"a unit without a line", "0001 0000 0006 01 03 1234 0001", "0001 0000 0003 01 83 0B"},
		{"the last unit", "0001 0000 0006 F7 03 1234 0001", "0001 0000 0003 F7 83 0B"},
		{"reserved", "0001 0000 0006 F8 03 1234 0001", "0001 0000 0003 F8 83 0A"},
		{"reserved, unknown function", "0001 0000 0002 FE 2C", "0001 0000 0003 FE AC 0A"},
		{"the meter", own, ownIs},
		{"unit 0 is the meter", "0002 0000 0006 00 03 0BD3 0002", "0002 0000 0007 00 03 04 4366 4000"},
		{"another protocol is not passed on", "0001 0001 0006 15 03 1234 0001" + own, ownIs},
		{"in order", ask21 + own + next21, answer21 + ownIs + last21},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn := dial(t, address)
			send(t, conn, tc.request)
			expect(t, conn, tc.answer)
		})
	}
}

// While a device takes its time, other clients wait for nothing, and what the same client
// asks waits its turn.
func TestADeviceHoldsNobodyUp(t *testing.T) { eachTransport(t, aDeviceHoldsNobodyUp) }

func aDeviceHoldsNobodyUp(t *testing.T, o Options) {
	d := newDevice(t)
	_, _, address := startGateway(t, d, o)
	waiting, other := dial(t, address), dial(t, address)
	send(t, waiting, ask21+own)
	<-d.asked
	for range 10 {
		send(t, other, own)
		expect(t, other, ownIs)
	}
	d.answers <- struct{}{}
	expect(t, waiting, answer21+ownIs)
}

// Who goes has nothing asked any more that has not begun; what has begun is nobody else's.
func TestWhoLeavesIsNotAskedFor(t *testing.T) {
	d := newDevice(t)
	server, _, address := startGateway(t, d, Options{})
	if runtime.GOOS != "linux" {
		t.Skip("without an event loop nobody sees that a client has gone")
	}
	first, gone, last := dial(t, address), dial(t, address), dial(t, address)
	send(t, first, ask21)
	<-d.asked
	before := server.Counters().Requests
	send(t, gone, "0003 0000 0006 15 03 0BAD 0001")
	eventually(t, "the second is taken", func() bool { return server.Counters().Requests > before })
	gone.Close()
	eventually(t, "it is gone", func() bool { return server.Counters().Connections == 2 })
	send(t, last, next21)
	d.answers <- struct{}{}
	expect(t, first, answer21)
	if asked := <-d.asked; asked != 0x5678 {
		t.Errorf("%04X is asked for, want 5678: the client of 0BAD has gone", asked)
	}
	d.answers <- struct{}{}
	expect(t, last, last21)
}

// A client that sends nothing more still gets the answer to what has begun.
func TestHalfClosedClients(t *testing.T) { eachTransport(t, halfClosedClients) }

func halfClosedClients(t *testing.T, o Options) {
	d := newDevice(t)
	server, _, address := startGateway(t, d, o)
	conn := dial(t, address)
	send(t, conn, ask21)
	<-d.asked
	_ = conn.(*net.TCPConn).CloseWrite()
	other := dial(t, address)
	send(t, other, own)
	expect(t, other, ownIs) // the loop has looked
	d.answers <- struct{}{}
	expect(t, conn, answer21)
	gone(t, conn)
	eventually(t, "the connection is closed", func() bool { return server.Counters().Connections == 1 })
}

// The server's end does not wait for devices.
func TestShutdownLeavesDevices(t *testing.T) { eachTransport(t, shutdownLeavesDevices) }

func shutdownLeavesDevices(t *testing.T, o Options) {
	d := newDevice(t)
	_, gate, _ := startGateway(t, d, o)
	network := master.NewNetwork(master.NetworkOptions{TCP: func(string) master.Settings { return master.Settings{ResponseTimeout: 20 * time.Second} }})
	defer network.Close()
	o.Gateway = gateway.New(gate, network, func(string) string { return "" })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(gate, testMap(t), o).Serve(ctx, l) }()
	conn := dial(t, l.Addr().String())
	send(t, conn, ask21)
	<-d.asked
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(15 * time.Second): // before the device's time is up
		t.Error("the server waits for a device")
	}
	gone(t, conn)
	d.answers <- struct{}{}
}

// What the gate refuses is answered at once, and recorded.
func TestGatewayRefuses(t *testing.T) { eachTransport(t, gatewayRefuses) }

func gatewayRefuses(t *testing.T, o Options) {
	d := newDevice(t)
	close(d.answers)
	_, gate, address := startGateway(t, d, o, "Modbus Gateway/Allowed Addresses", "127.0.0.1=ro")
	conn := dial(t, address)
	send(t, conn, "0001 0000 0006 15 06 1234 0001"+ask21)
	expect(t, conn, "0001 0000 0003 15 86 02"+answer21)
	if n := gate.Counters().Refusals; n != 1 {
		t.Errorf("%d refusals, want 1", n)
	}
}

// RTU over TCP is no gateway: other units are met with silence.
func TestRTUOverTCPIsNoGateway(t *testing.T) {
	d := newDevice(t)
	_, gate, _ := startGateway(t, d, Options{})
	server, address := serve(t, NewRTU(gate, testMap(t), Options{Silence: time.Minute}))
	conn := dial(t, address)
	frame := modbus.EndRTU(modbus.AppendReadRequest(modbus.BeginRTU(nil, 21), modbus.ReadHoldingRegisters, 0x1234, 1), 0)
	if _, err := conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the frame is discarded", func() bool { return server.Counters().Discarded > 0 })
	if len(d.asked) > 0 {
		t.Error("the device was asked")
	}
}

// With the gateway off every unit is the meter, and a change takes hold at once.
func TestGatewayOff(t *testing.T) { eachTransport(t, gatewayOff) }

func gatewayOff(t *testing.T, o Options) {
	d := newDevice(t)
	close(d.answers)
	_, gate, address := startGateway(t, d, o, "Modbus Gateway/TCP Units", "")
	conn := dial(t, address)
	asMeter := "0002 0000 0006 15 03 0BD3 0002"
	send(t, conn, asMeter)
	expect(t, conn, "0002 0000 0007 15 03 04 4366 4000")
	security, err := access.NewSecurity(generation2, "9000", map[string]string{"Modbus Gateway/TCP Units": "21=1", "Modbus Master Options/TCP Connection 1": d.address}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gate.SetSecurity(security)
	send(t, conn, ask21)
	expect(t, conn, answer21)
}
