package ionp

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// labelsOf are registers of the test meter, over and over.
func labelsOf(n int) []string {
	all := []string{"Power Meter/Vln a", "Power Meter/kW tot", "kWh del/Result", "Power Meter/PF lag", "Power Meter/Phase Rev"}
	labels := make([]string, n)
	for i := range labels {
		labels[i] = all[i%len(all)]
	}
	return labels
}

// BenchmarkRead is the bar: authenticated reads on one connection, 16 under way, client
// and meter on the same machine. Each request brings user and password; a new snapshot
// comes every second.
func BenchmarkRead(b *testing.B) {
	for _, row := range []struct {
		name   string
		labels int
		who    ionp.Identity
	}{
		{"1 register, user and password", 1, named("USER1", "0")},
		{"10 registers, user and password", 10, named("USER1", "0")},
		{"10 registers, nobody", 10, nobody},
		{"100 registers, user and password", 100, named("USER1", "0")},
	} {
		b.Run(row.name, func(b *testing.B) {
			s := factory(b)
			c := s.client(b)
			ctx, q := within(b), ionp.ReadRequest{Labels: labelsOf(row.labels)}
			do(b, c, row.who, ionp.Read, q)
			stop := s.ticking()
			defer stop()
			b.ReportAllocs()
			underWay(b, func() error {
				_, err := ionp.Do(ctx, c, row.who, ionp.Read, q)
				return err
			})
		})
	}
}

// BenchmarkReadByToken is the same with a token.
func BenchmarkReadByToken(b *testing.B) {
	s := factory(b)
	c := s.client(b)
	ctx, q := within(b), ionp.ReadRequest{Labels: labelsOf(10)}
	token := withToken(do(b, c, named("USER1", "0"), ionp.Login, ionp.LoginRequest{}).Token)
	underWay(b, func() error {
		_, err := ionp.Do(ctx, c, token, ionp.Read, q)
		return err
	})
}

// ticking has the meter make a snapshot every 100 ms until stop.
func (m *meter) ticking() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for x := 0.0; ; x++ {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
				m.set("Power Meter/Vln a", number(230+x))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// underWay asks b.N times, with 16 requests under way, and reports the requests a second
// and how long one takes.
func underWay(b *testing.B, ask func() error) {
	const outstanding = 16
	took := make([][]time.Duration, outstanding)
	begun := time.Now()
	done := make(chan error, outstanding)
	for i := range took {
		go func() {
			for range b.N/outstanding + 1 {
				asked := time.Now()
				if err := ask(); err != nil {
					done <- err
					return
				}
				took[i] = append(took[i], time.Since(asked))
			}
			done <- nil
		}()
	}
	for range took {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/time.Since(begun).Seconds(), "requests/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkServer is the meter's side alone: bytes in, bytes out.
func BenchmarkServer(b *testing.B) {
	m := newMeter(b, generation3, access.LSS)
	s := New(m.gate, Options{})
	request := body(b, ionp.Read, ionp.ReadRequest{Labels: labelsOf(10)})
	request.Credential = ionp.NamedUser("USER1", "0")
	conn := &repeated{frames: encode(b, 7, request, 256), left: b.N}
	b.ReportAllocs()
	s.converse(context.Background(), conn, access.Client{Path: access.ION, Remote: "192.0.2.1:50000"}, s.options)
	if n := s.Counters(); n.Requests < uint64(b.N) || n.Refused > 0 {
		b.Errorf("%+v", n)
	}
}

// repeated is a connection on which the same request comes again and again.
type repeated struct {
	script
	frames []byte
	left   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, net.ErrClosed
	}
	n := 0
	for r.left > 0 && len(p)-n >= len(r.frames) {
		n += copy(p[n:], r.frames)
		r.left--
	}
	if n == 0 { // the rest of one that did not fit comes in the next buffer
		return 0, bytes.ErrTooLarge
	}
	return n, nil
}
