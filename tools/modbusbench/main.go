// Modbusbench serves the whole register map on a free port of 127.0.0.1 and prints
// the port: the Modbus server with its gate, sessions, views and images, on
// registers that change every second. scripts/modbus-vs-libmodbus.sh measures it
// beside a libmodbus server.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/modbus"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "modbusbench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	layout, err := registermap.Load()
	if err != nil {
		return err
	}
	meter := newMeter(layout)
	security, err := access.NewSecurity(access.Generation{Name: "3.x", Modes: []access.Mode{access.LSS}, MaxAccounts: 1}, "9000", map[string]string{"Security User 1/Read Access": "ON"}, nil)
	if err != nil {
		return err
	}
	gate, err := access.NewGate(access.Options{Registers: meter, Security: security, Audit: noAudit{}, Now: time.Now, After: time.After, Random: rand.Reader, Limits: access.OpenLimits()})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	go meter.tick(ctx)
	return modbus.New(gate, layout, modbus.Options{}).Serve(ctx, l)
}

type noAudit struct{}

func (noAudit) Record(access.Record) {}

// meter has every register that the map names, all numbers.
type meter struct {
	points map[string]access.Point
	newest atomic.Pointer[snapshot]
}

type snapshot struct {
	seq    uint64
	at     time.Time
	values []access.Value
}

func newMeter(layout *registermap.Map) *meter {
	m := &meter{points: map[string]access.Point{}}
	for _, r := range layout.Rows {
		for _, s := range r.Sources {
			label := strings.ToLower(s.Label)
			if _, known := m.points[label]; !known {
				m.points[label] = access.Point(len(m.points))
			}
		}
	}
	m.publish(1)
	return m
}

func (m *meter) publish(seq uint64) {
	next := &snapshot{seq: seq, at: time.Now(), values: make([]access.Value, len(m.points))}
	for i := range next.values {
		next.values[i] = access.Value{Kind: access.KindNumber, Available: true, Number: float64(seq) + float64(i)/1000}
	}
	m.newest.Store(next)
}

func (m *meter) tick(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for seq := uint64(2); ; seq++ {
		select {
		case <-every.C:
			m.publish(seq)
		case <-ctx.Done():
			return
		}
	}
}

func (m *meter) Find(label string) access.Point {
	if p, known := m.points[strings.ToLower(label)]; known {
		return p
	}
	return access.NoPoint
}

func (m *meter) Snapshot() access.Snapshot { return m.newest.Load() }

func (s *snapshot) Seq() uint64     { return s.seq }
func (s *snapshot) Layout() uint64  { return 1 }
func (s *snapshot) Time() time.Time { return s.at }

func (s *snapshot) Value(p access.Point) access.Value {
	if p < 0 || int(p) >= len(s.values) {
		return access.Value{}
	}
	return s.values[p]
}
