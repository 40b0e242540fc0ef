package master

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// 32 clients poll 16 units, of which 2 are dead, on a line of 19,200 baud for 120 s. The live
// ones keep 85 % of what the line can carry at best; no client has 10 % more than another,
// though some have four requests waiting and others one; each gets its own answer.
func TestThroughput(t *testing.T) {
	const (
		clients, units, dead = 32, 16, 2
		registers            = 10
		lasts                = 2 * time.Minute
	)
	for _, timeout := range []time.Duration{time.Second, 500 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(fmt.Sprint("time-out ", timeout), func(t *testing.T) {
			silence := modbus.FrameSilence(19200)
			port := func() *testPort {
				return newTestPort(func(n int, unit byte, pdu []byte) []reply {
					if unit <= dead {
						return nil
					}
					// A unit, too, knows the end of a frame by its silence.
					return one(silence+think, rtu(unit, echo(pdu)))
				})
			}
			s := Settings{ResponseTimeout: timeout, Turnaround: 100 * time.Millisecond, Retries: 2}
			onLine(t, port, fixed(s), func(t *testing.T, b *Bus, p *testPort) {
				var answers [clients]atomic.Int64
				var polling sync.WaitGroup
				begin := time.Now()
				poll := func(client, stream int) {
					for i := client + stream; time.Since(begin) < lasts; i++ {
						pdu, unit := read(1000*client+100*stream+i%90, registers), byte(1+i%units)
						answer, err := b.Ask(t.Context(), uint64(client), unit, pdu)
						switch {
						case err == nil && bytes.Equal(answer, value(pdu)):
							answers[client].Add(1)
						case err == nil || unit > dead || !errors.Is(err, ErrNoAnswer):
							t.Errorf("client %d: unit %d answers % X, %v", client, unit, answer, err)
							return
						default:
							time.Sleep(time.Millisecond) // a client's own time
						}
					}
				}
				for client := range clients {
					for stream := range 1 + 3*(client%2) {
						polling.Go(func() { poll(client, stream) })
					}
				}
				polling.Wait()
				total, least, most := int64(0), answers[0].Load(), answers[0].Load()
				for i := range answers {
					n := answers[i].Load()
					total, least, most = total+n, min(least, n), max(most, n)
				}
				characters := time.Duration(8 + 5 + 2*registers)
				each := characters*11*time.Second/19200 + think + 2*silence
				best := float64(lasts) / float64(each)
				share, spread := float64(total)/best, float64(most-least)*clients/float64(total)
				t.Logf("%d answers of %.0f that the line could carry at %v each: %.1f %%; a client has %d to %d, %.1f %% apart", total, best, each, 100*share, least, most, 100*spread)
				if share < 0.85 {
					t.Errorf("%.1f %% of the line, want 85 %%", 100*share)
				}
				if spread > 0.1 {
					t.Errorf("clients are %.1f %% apart, want 10 %%", 100*spread)
				}
			})
		})
	}
}
