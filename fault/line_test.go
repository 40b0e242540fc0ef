package fault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// end is one end of a line, with what arrives there and when.
type end struct {
	says chan []byte
	gone chan struct{}
	got  []byte
	at   []time.Duration // since the beginning
	from time.Time
}

func newEnd() *end {
	return &end{says: make(chan []byte), gone: make(chan struct{}), from: time.Now()}
}

func (e *end) Read(b []byte) (int, error) {
	select {
	case said := <-e.says:
		return copy(b, said), nil
	case <-e.gone:
		return 0, io.EOF
	}
}

func (e *end) Write(b []byte) (int, error) {
	e.got = append(e.got, b...)
	for range b {
		e.at = append(e.at, time.Since(e.from))
	}
	return len(b), nil
}

func (e *end) Close() error {
	select {
	case <-e.gone:
	default:
		close(e.gone)
	}
	return nil
}

// Modbus over serial line V1.02, 2.5.1: a character of 11 bits takes 11/baud, and what the
// line does to each burst is as it is told.
func TestLine(t *testing.T) {
	frame := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	const ms = time.Millisecond
	char := 11 * time.Second / 9600
	for _, tc := range []struct {
		name   string
		faults []LineFault
		first  string // of three bursts
		second string
		last   time.Duration // when the last byte of the second arrives after its beginning
	}{
		{"no fault", nil, "0102030405060708", "0102030405060708", 8 * char},
		{"a gap", []LineFault{{Disturbance: Gap, To: 1, From: 2, At: 4, Silence: 20 * ms}}, "0102030405060708", "0102030405060708", 8*char + 20*ms},
		{"parity", []LineFault{{Disturbance: Parity, To: 1, From: 2, At: 3}}, "0102030405060708", "0102030005060708", 8 * char},
		{"a lost byte", []LineFault{{Disturbance: Lost, To: 1, From: 2, At: 7}}, "0102030405060708", "01020304050607", 7 * char},
		{"noise", []LineFault{{Disturbance: Noise, To: 1, From: 2, At: 0}}, "0102030405060708", "??0102030405060708", 9 * char},
		{"each burst", []LineFault{{Disturbance: Parity, To: 1, From: 1, Every: 1, At: 0}}, "0002030405060708", "0002030405060708", 8 * char},
		{"both at once", []LineFault{{Disturbance: Lost, To: 1, From: 1, At: 0}, {Disturbance: Parity, To: 1, From: 2, At: 1}}, "02030405060708", "0100030405060708", 8 * char},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newEnd(), newEnd()
				l := NewLine(a, b, LineOptions{Baud: 9600, Faults: tc.faults, Seed: 1})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- l.Serve(ctx) }()
				a.says <- frame
				time.Sleep(100 * ms)
				synctest.Wait()
				first := len(b.got)
				began := time.Since(b.from)
				a.says <- frame[:5] // the two pieces are one burst: the line is not silent between
				a.says <- frame[5:]
				time.Sleep(100 * ms)
				synctest.Wait()
				for i, want := range []string{tc.first, tc.second} {
					got := [][]byte{b.got[:first], b.got[first:]}[i]
					text := fmt.Sprintf("%x", got)
					if len(want) > 2 && want[:2] == "??" && len(text) > 2 {
						want, text = want[2:], text[2:]
					}
					if text != want {
						t.Errorf("burst %d arrives as %x, want %s", i+1, got, want)
					}
				}
				if last := b.at[len(b.at)-1] - began; last < tc.last-10*time.Microsecond || last > tc.last+10*time.Microsecond {
					t.Errorf("the last byte arrives after %v, want %v", last, tc.last)
				}
				b.says <- frame
				time.Sleep(100 * ms)
				synctest.Wait()
				if !bytes.Equal(a.got, frame) {
					t.Errorf("the other way arrives %x", a.got)
				}
				c := l.Counters()
				if err := c.Check(); err != nil || c.Bursts != [2]uint64{1, 2} {
					t.Errorf("%v, %+v", err, c)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A fault that has not struck is told: the test that asked for it has shown nothing.
func TestLineCheck(t *testing.T) {
	c := NewLine(nil, nil, LineOptions{Baud: 9600, Faults: []LineFault{{Disturbance: Lost}}}).Counters()
	if err := c.Check(); err == nil {
		t.Error("a line that has done nothing is taken for one that has")
	}
}
