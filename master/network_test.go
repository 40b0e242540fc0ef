package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		devices := map[string]*testDevice{}
		n := NewNetwork(NetworkOptions{
			Line: func(name string) Settings { return settings },
			TCP:  func(address string) Settings { return settings },
			Dial: func(ctx context.Context, address string) (net.Conn, error) {
				d := &testDevice{answer: well}
				devices[address] = d
				return d.dial(ctx)
			},
		})
		com1, com4, device := n.Line("COM1"), n.Line("COM4"), n.TCP("a:502")
		if com1 != n.Line("COM1") || com1 == com4 || device != n.TCP("a:502") {
			t.Error("a name is not a bus")
		}
		if _, err := n.Line("COM1").Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoPath) {
			t.Errorf("a line that nobody serves: %v, want ErrNoPath", err)
		}
		for i := range 2 * maxDevices {
			if _, err := n.TCP(fmt.Sprintf("a%d:502", i)).Ask(t.Context(), 1, 7, read(1, 1)); err != nil {
				t.Errorf("device %d: %v", i, err)
			}
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		open := 0
		for _, d := range devices {
			d.mu.Lock()
			open += d.open
			d.mu.Unlock()
		}
		if open != maxDevices {
			t.Errorf("%d connections are open, want %d", open, maxDevices)
		}
		if s := n.Statistics(); len(s) != 2+maxDevices || s[0].Name != "COM1" || s[1].Name != "COM4" {
			t.Errorf("%d buses have statistics", len(s))
		}
		last := n.TCP("last:502")
		n.Close()
		for name, b := range map[string]*Bus{"one from before": last, "a new one": n.TCP("new:502")} {
			if _, err := b.Ask(t.Context(), 1, 7, read(1, 1)); !errors.Is(err, ErrNoPath) {
				t.Errorf("%s after Close: %v, want ErrNoPath", name, err)
			}
		}
	})
}
