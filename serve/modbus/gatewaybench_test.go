package modbus

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// What the gateway adds to a read of a TCP device beside a connection of one's own, on the
// same machine: half of all requests take so much longer.
func BenchmarkGateway(b *testing.B) {
	d := newDevice(b)
	close(d.answers)
	_, _, through := startGateway(b, d, Options{})
	frame, answer := unhex(b, ask21), make([]byte, len(unhex(b, answer21)))
	ask := func(conn net.Conn) time.Duration {
		begun := time.Now()
		if _, err := conn.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			b.Fatal(err)
		}
		if _, pdu := modbus.ParseHeader(answer); pdu[0] != byte(modbus.ReadHoldingRegisters) {
			b.Fatalf("% X", answer)
		}
		return time.Since(begun)
	}
	direct, gated := dial(b, d.address), dial(b, through)
	_ = direct.SetDeadline(time.Time{})
	_ = gated.SetDeadline(time.Time{})
	var alone, added []time.Duration
	for b.Loop() {
		alone, added = append(alone, ask(direct)), append(added, ask(gated))
	}
	slices.Sort(alone)
	slices.Sort(added)
	b.ReportMetric(float64(alone[len(alone)/2].Microseconds()), "direct-µs")
	b.ReportMetric(float64(added[len(added)/2].Microseconds()), "gateway-µs")
	b.ReportMetric(float64((added[len(added)/2] - alone[len(alone)/2]).Microseconds()), "added-µs")
}
