package serial

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// signalPort writes down what is done to it, and when.
type signalPort struct {
	*testPort
	noRTS bool
	began time.Time
	done  []string
}

func (p *signalPort) note(what string) {
	p.done = append(p.done, time.Since(p.began).String()+" "+what)
}

func (p *signalPort) SetRTS(high bool) error {
	if p.noRTS {
		return errors.New("inappropriate ioctl for device")
	}
	p.note(map[bool]string{true: "high", false: "low"}[high])
	return nil
}

func (p *signalPort) Drain() error {
	time.Sleep(10 * time.Millisecond) // the characters
	p.note("drained")
	return nil
}

func (p *signalPort) Write(b []byte) (int, error) {
	p.note("written")
	return len(b), nil
}

// RTS is there for RTS Delay before the first character and until the last has left; a port
// without it, and one that is not to use it, just sends.
func TestHandshake(t *testing.T) {
	for _, tc := range []struct {
		name      string
		handshake Handshake
		noRTS     bool
		want      string
	}{
		{"off", Handshake{Delay: 20 * time.Millisecond}, false, "0s written"},
		{"on", Handshake{On: true}, false, "0s low, 0s high, 0s written, 10ms drained, 10ms low"},
		{"RTS Delay", Handshake{On: true, Delay: 20 * time.Millisecond}, false, "0s low, 0s high, 20ms written, 30ms drained, 30ms low"},
		{"active low", Handshake{On: true, ActiveLow: true}, false, "0s high, 0s low, 0s written, 10ms drained, 10ms high"},
		{"a device without RTS", Handshake{On: true, Delay: time.Second}, true, "0s written"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				device := &signalPort{testPort: &testPort{}, noRTS: tc.noRTS, began: time.Now()}
				if n, err := tc.handshake.around(device).Write([]byte{1, 2}); n != 2 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				if !slices.Equal(device.done, strings.Split(tc.want, ", ")) {
					t.Errorf("%v, want %s", device.done, tc.want)
				}
			})
		})
	}
}
