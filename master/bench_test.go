package master

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// answerAll answers reads on a connection, and allocates nothing for one.
func answerAll(conn net.Conn, answer func(out []byte, h modbus.Header, pdu []byte) []byte) {
	defer conn.Close()
	b, out := make([]byte, modbus.MaxFrame), make([]byte, 0, modbus.MaxFrame)
	for {
		if _, err := io.ReadFull(conn, b[:modbus.HeaderLength]); err != nil {
			return
		}
		n, err := modbus.FrameLength(b)
		if err != nil {
			return
		}
		if _, err := io.ReadFull(conn, b[modbus.HeaderLength:n]); err != nil {
			return
		}
		h, pdu := modbus.ParseHeader(b[:n])
		out = answer(modbus.BeginFrame(out[:0], h), h, pdu)
		modbus.EndFrame(out, 0)
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func zeros(out []byte, _ modbus.Header, pdu []byte) []byte {
	bytes := 2 * int(pdu[4])
	out = append(out, pdu[0], byte(bytes))
	return append(out, make([]byte, bytes)...)
}

// listenAndAnswer serves every connection until the test ends, and returns the address.
func listenAndAnswer(tb testing.TB, answer func(out []byte, h modbus.Header, pdu []byte) []byte) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerAll(conn, answer)
		}
	}()
	return l.Addr().String()
}

// loopback returns the bus of a device on loopback.
func loopback(tb testing.TB) (b *Bus, device string) {
	tb.Helper()
	device = listenAndAnswer(tb, zeros)
	n := NewNetwork(NetworkOptions{})
	tb.Cleanup(n.Close)
	return n.TCP(device), device
}

// asker asks again and again without a thing of its own to allocate.
func askerOf(b *Bus) func() error {
	done, pdu := make(chan error), read(100, 10)
	q := Question{1, 7, pdu, func(_ []byte, err error) { done <- err }}
	return func() error {
		b.Begin(q)
		return <-done
	}
}

func TestBusAllocatesNothing(t *testing.T) {
	b, _ := loopback(t)
	ask := askerOf(b)
	if n := testing.AllocsPerRun(1000, func() {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a request, want 0", n)
	}
}

// One client, one request after the other, over loopback.
func BenchmarkBegin(b *testing.B) {
	bus, _ := loopback(b)
	ask := askerOf(bus)
	b.ReportAllocs()
	for b.Loop() {
		if err := ask(); err != nil {
			b.Fatal(err)
		}
	}
}

// What a master between a client and a TCP device adds, beside the client on the device's own
// connection: the two take turns.
func BenchmarkAddedLatency(b *testing.B) {
	bus, device := loopback(b)
	between := listenAndAnswer(b, func(out []byte, h modbus.Header, pdu []byte) []byte {
		answer, err := bus.Ask(context.Background(), 1, h.Unit, pdu)
		if err != nil {
			b.Error(err)
		}
		return append(out, answer...)
	})
	dial := func(address string) *modbus.Client {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		return modbus.NewClient(conn, 7)
	}
	direct, through := dial(device), dial(between)
	var took [2][]time.Duration
	for b.Loop() {
		for i, client := range []*modbus.Client{direct, through} {
			start := time.Now()
			if _, err := client.ReadRegisters(100, 10); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	microseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	for i := range took {
		slices.Sort(took[i])
	}
	at := func(i, percent int) float64 { return microseconds(took[i][(len(took[i])-1)*percent/100]) }
	b.ReportMetric(at(0, 50), "direct-p50-µs")
	b.ReportMetric(at(1, 50), "through-p50-µs")
	b.ReportMetric(at(1, 50)-at(0, 50), "added-p50-µs")
	b.ReportMetric(at(1, 99)-at(0, 99), "added-p99-µs")
}
