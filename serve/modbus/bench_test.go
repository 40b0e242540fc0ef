package modbus

import (
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// What one read costs apart from the system calls: frame, checks, gate, view,
// image.
func BenchmarkAnswer(b *testing.B) {
	for _, bc := range []struct{ name, request string }{
		{"10 registers", "0001 0000 0006 01 03 0BB7 000A"},
		{"125 registers", "0001 0000 0006 01 03 0BB7 007D"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			gate, _ := newTestGate(b, newTestMeter(), openRead(b), nil)
			h := newHandler(gate, testMap(b), mbap{})
			c := enter(b, h)
			request := unhex(b, bc.request)
			out := make([]byte, 0, answerBuffer)
			b.ReportAllocs()
			for b.Loop() {
				_, out, _, _ = h.serve(c, request, out[:0])
			}
		})
	}
}

// What the first read after a new snapshot costs more: the map is encoded anew.
func BenchmarkBuildImage(b *testing.B) {
	meter := newTestMeter()
	gate, _ := newTestGate(b, meter, openRead(b), nil)
	m := newImager(testMap(b))
	session, err := gate.Open(access.Client{Path: access.ModbusMap})
	if err != nil {
		b.Fatal(err)
	}
	view, err := session.Registers(access.Readings)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := m.current(view); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.build(meter.Snapshot())
	}
}
