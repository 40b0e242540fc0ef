package ethergate

import (
	"io"
	"testing"
)

// BenchmarkRoundTrip is a request of 8 bytes to the line and an answer of 9 back, through a
// device that takes no time: what EtherGate adds to a line.
func BenchmarkRoundTrip(b *testing.B) {
	r := newRig(b, Options{})
	conn := r.join()
	request, answer, got := make([]byte, 8), make([]byte, 9), make([]byte, 9)
	r.device.written.Reset()
	r.device.echo = func() { r.device.heard <- answer }
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); err != nil {
			b.Fatal(err)
		}
	}
}
