package meter

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// peers is a Network whose devices hold 7 in every register, and answer when they are let.
type peers struct {
	mu     sync.Mutex
	places []string
	// hold keeps answers back until the question is given up; dead has none.
	hold, dead bool
}

func (p *peers) Ask(ctx context.Context, _ uint64, place string, unit byte, pdu []byte) ([]byte, error) {
	p.mu.Lock()
	p.places = append(p.places, place)
	hold, dead := p.hold, p.dead
	p.mu.Unlock()
	switch {
	case hold:
		<-ctx.Done()
		return nil, ctx.Err()
	case dead:
		return nil, errors.New("no answer")
	}
	answer := []byte{pdu[0], 2 * pdu[4]}
	for range pdu[4] {
		answer = append(answer, 0, 7)
	}
	return answer, nil
}

func (p *peers) be(hold, dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold, p.dead = hold, dead
}

func (p *peers) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.places)
}

// importing runs body beside a meter that polls a device at a place every 2 s, whose values
// last 10 s.
func importing(t *testing.T, network Network, connection string, body func(t *testing.T, m *Meter)) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steadyAt(t, site, 1600)
		m := openMeter(t, t.TempDir(), source)
		m.options.Network = network
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		if err := m.Program(t.Context(), []ion.Change{
			ion.Set{Register: "Modbus Master Options/TCP Connection 3", Value: "192.0.2.7:502"},
			ion.Create{Type: "Modbus Master Map", Label: "Map"}, ion.Set{Register: "Map/Register 1", Value: "x: 1 UINT16"},
			ion.Create{Type: "Modbus Master Device", Label: "D"}, ion.Link{Input: "D/Custom Map", Register: "Map/Registers"},
			ion.Set{Register: "D/Connection", Value: connection}, ion.Set{Register: "D/Poll Interval", Value: "2"}, ion.Set{Register: "D/Stale Time", Value: "10"},
			ion.Create{Type: "Modbus Import", Label: "M"}, ion.Link{Input: "M/Device", Register: "D/Online"}, ion.Set{Register: "M/Register 1", Value: "x"},
		}, tester); err != nil {
			t.Fatal(err)
		}
		body(t, m)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPolling(t *testing.T) {
	t.Run("an answer becomes a value, a silent device takes it away", func(t *testing.T) {
		w := new(peers)
		importing(t, w, "TCP Connection 3", func(t *testing.T, m *Meter) {
			time.Sleep(5 * time.Second)
			if v := value(t, m, "M/Value 1"); !v.Available || v.Number != 7 {
				t.Errorf("%+v", v)
			}
			if asked := w.asked(); len(asked) == 0 || asked[0] != "192.0.2.7:502" {
				t.Errorf("asked %v", asked)
			}
			w.be(false, true)
			time.Sleep(12 * time.Second)
			if v := value(t, m, "M/Value 1"); v.Available {
				t.Errorf("%+v after 12 s of silence", v)
			}
			if v := value(t, m, "M/Status"); v.Text != "192.0.2.7:502 unit 1: no answer" {
				t.Errorf("status %q", v.Text)
			}
			w.be(false, false)
			time.Sleep(4 * time.Second)
			if v := value(t, m, "M/Value 1"); !v.Available {
				t.Error("not back")
			}
		})
	})
	t.Run("the engine and commands do not wait for a device", func(t *testing.T) {
		w := &peers{hold: true}
		importing(t, w, "TCP Connection 3", func(t *testing.T, m *Meter) {
			time.Sleep(5 * time.Second)
			before := m.registers.published.Load().Time()
			if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Factory/Owner", Value: "works"}}, tester); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Second)
			if after := m.registers.published.Load().Time(); after.Sub(before) < time.Second {
				t.Errorf("the registers stand at %v", after)
			}
			if n := len(w.asked()); n != 1 {
				t.Errorf("%d questions are under way", n)
			}
			time.Sleep(askPatience)
			if n := len(w.asked()); n < 2 {
				t.Error("a question that was given up is not followed by another")
			}
		})
	})
	t.Run("a connection that is not set", func(t *testing.T) {
		p := new(peers)
		importing(t, p, "TCP Connection 4", func(t *testing.T, m *Meter) {
			for _, connection := range []string{"TCP Connection 4", "Serial Connection 4"} {
				if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "D/Connection", Value: connection}}, tester); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				if v := value(t, m, "M/Status"); v.Text != "nothing is set at Modbus Master Options/"+connection {
					t.Errorf("status %q", v.Text)
				}
				if v := value(t, m, "D/Failed Polls"); v.Number < 1 {
					t.Errorf("%+v failed", v)
				}
			}
			if asked := p.asked(); len(asked) != 0 {
				t.Errorf("asked %v", asked)
			}
		})
	})
	t.Run("no network", func(t *testing.T) {
		importing(t, nil, "TCP Connection 3", func(t *testing.T, m *Meter) {
			time.Sleep(3 * time.Second)
			if v := value(t, m, "M/Status"); v.Text != "this meter has no way to other devices" {
				t.Errorf("status %q", v.Text)
			}
		})
	})
	t.Run("a serial connection is a port", func(t *testing.T) {
		w := new(peers)
		importing(t, w, "Serial Connection 1", func(t *testing.T, m *Meter) {
			time.Sleep(3 * time.Second)
			if asked := w.asked(); len(asked) == 0 || asked[0] != "COM1" {
				t.Errorf("asked %v", asked)
			}
		})
	})
}
