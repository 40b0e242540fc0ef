package ionmodbus

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// path is a way to the meter that harms what goes there, by a seed.
type path struct {
	random *rand.Rand
	// Shares of messages, each way, that are lost, doubled, late, cut, padded and falsified.
	lost, doubled, late, cut, padded, falsified float64
	// excepted is the share of requests that is answered by an exception.
	excepted float64
	// longest is the longest PDU that passes, each way; refuses tells that a longer request is
	// answered by an exception.
	longest [directions]int
	refuses bool
	// kills is how long a longer one makes the path dead.
	kills time.Duration
	// dies is how often the path is dead for a fifth of that time; 0 for never.
	dies time.Duration
}

// late messages arrive behind others.
type flying struct {
	at  time.Time
	pdu []byte
}

// world is a client and a meter with a path between, in a time of their own.
type world struct {
	t        *testing.T
	path     path
	now      time.Time
	start    time.Time
	client   *Client
	meter    *Endpoint
	conn     *Conn
	requests []flying
	answers  []flying
	killed   time.Time // the path is dead until then
	asks     int
}

func newWorld(t *testing.T, p path, seed uint64) *world {
	p.random = rand.New(rand.NewPCG(seed, 1))
	for d := range p.longest {
		if p.longest[d] == 0 {
			p.longest[d] = MaxPDU
		}
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &world{t: t, path: p, now: start, start: start, client: NewClient(0x5EED0000+uint32(seed), time.Hour, 0), meter: NewEndpoint(Options{Idle: time.Hour})}
}

// travel returns what becomes of a message, and when.
func (w *world) travel(pdu []byte, d direction) []flying {
	p := &w.path
	chance := func(share float64) bool { return p.random.Float64() < share }
	dead := p.dies > 0 && w.now.Sub(w.start)%p.dies < p.dies/5 || w.now.Before(w.killed)
	if len(pdu) > p.longest[d] && !dead {
		w.killed = w.now.Add(p.kills)
	}
	if dead || chance(p.lost) || len(pdu) > p.longest[d] {
		return nil
	}
	pdu = bytes.Clone(pdu)
	switch {
	case chance(p.cut):
		pdu = pdu[:p.random.IntN(len(pdu))]
	case chance(p.padded):
		pdu = append(pdu, make([]byte, 1+p.random.IntN(9))...)
	case chance(p.falsified):
		pdu[p.random.IntN(len(pdu))] ^= byte(1 + p.random.IntN(255))
	}
	one := flying{w.now.Add(10 * time.Millisecond), pdu}
	if chance(p.late) {
		one.at = one.at.Add(time.Duration(p.random.IntN(20_000)) * time.Millisecond)
	}
	if chance(p.doubled) {
		return []flying{one, {one.at.Add(time.Duration(p.random.IntN(500)) * time.Millisecond), pdu}}
	}
	return []flying{one}
}

// step has the client ask once, or waits until it may.
func (w *world) step() {
	w.t.Helper()
	pdu, wait, ok := w.client.Ask(w.now, nil)
	if err := w.client.Err(); err != nil {
		w.t.Fatalf("after %v: %v", w.now.Sub(w.start), err)
	}
	if !ok {
		w.now = w.now.Add(max(time.Millisecond, min(w.client.Due().Sub(w.now), time.Second)))
		return
	}
	w.asks++
	if len(pdu) > MaxPDU {
		w.t.Fatalf("a request of %d bytes", len(pdu))
	}
	until := w.now.Add(wait)
	switch {
	case w.path.random.Float64() < w.path.excepted:
		w.now = w.now.Add(10 * time.Millisecond)
		w.client.Excepted(w.now, []byte{3, 4, 5, 6, 10, 11}[w.path.random.IntN(6)])
		return
	case w.path.refuses && len(pdu) > w.path.longest[up]:
		w.now = w.now.Add(10 * time.Millisecond)
		w.client.Excepted(w.now, 3)
		return
	}
	w.requests = append(w.requests, w.travel(pdu, up)...)
	for {
		// What arrives next, on either side.
		next, at, fromMeter := -1, until, false
		for i, f := range w.requests {
			if f.at.Before(at) {
				next, at, fromMeter = i, f.at, false
			}
		}
		for i, f := range w.answers {
			if f.at.Before(at) {
				next, at, fromMeter = i, f.at, true
			}
		}
		if next < 0 {
			w.now = until
			w.client.Silent(w.now)
			return
		}
		w.now = later(w.now, at)
		if fromMeter {
			pdu := w.answers[next].pdu
			w.answers = append(w.answers[:next], w.answers[next+1:]...)
			if w.client.Heard(w.now, pdu) {
				return
			}
			continue
		}
		pdu := w.requests[next].pdu
		w.requests = append(w.requests[:next], w.requests[next+1:]...)
		answer, conn, err := w.meter.Answer(w.now, "host", pdu, nil)
		if conn != nil {
			if w.conn != nil {
				w.t.Fatal("a second session was begun")
			}
			w.conn = conn
		}
		if err == nil {
			w.answers = append(w.answers, w.travel(answer, down)...)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestModel: whatever a path does, both streams arrive, whole and in order, and the lengths found
// are those that pass.
func TestModel(t *testing.T) {
	harsh := path{lost: .05, doubled: .1, late: .05, cut: .05, padded: .05, falsified: .05, excepted: .05}
	for _, tc := range []struct {
		name string
		path path
	}{
		{"a clean path", path{}},
		{"5 % are lost", path{lost: .05}},
		{"everything is doubled, and some of it late", path{doubled: 1, late: .1}},
		{"cut, padded and falsified", path{cut: .1, padded: .1, falsified: .1}},
		{"exceptions", path{excepted: .2}},
		{"a gateway of 64 bytes that loses 5 % and dies", path{lost: .05, longest: [directions]int{57, 57}, dies: 10 * time.Second}},
		{"a gateway that refuses long requests", path{longest: [directions]int{121, MaxPDU}, refuses: true}},
		{"a gateway that drops long answers", path{longest: [directions]int{MaxPDU, 99}, lost: .02}},
		{"a gateway that long requests kill for a while", path{longest: [directions]int{61, MaxPDU}, kills: 700 * time.Millisecond, lost: .02}},
		{"all of it", harsh},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for seed := range uint64(8) {
				w := newWorld(t, tc.path, seed)
				w.carry(20_000, 20_000)
				request, answer := w.client.sizes.now()
				if request > w.path.longest[up] || answer > w.path.longest[down] {
					t.Errorf("seed %d: requests of %d and answers of %d bytes are taken to pass; %v do", seed, request, answer, w.path.longest)
				}
				if tc.path.late == 0 && tc.path.excepted == 0 && tc.path.cut == 0 {
					for d, got := range []int{request, answer} {
						if best := largestRung(w.path.longest[d]); got < best {
							t.Errorf("seed %d: direction %d: PDUs of %d bytes, and %d pass", seed, d, got, best)
						}
					}
				}
			}
		})
	}
}

func largestRung(longest int) int {
	best := 0
	for _, n := range ladder {
		if n <= longest {
			best = n
		}
	}
	return best
}

// carry sends bytes both ways until all have come, and holds them against what was sent.
func (w *world) carry(upward, downward int) {
	w.t.Helper()
	random := rand.New(rand.NewPCG(7, uint64(upward)))
	data := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	sent, fetched := data(upward), data(downward)
	var atMeter, atClient []byte
	toSend, toFetch := sent, fetched
	var block [512]byte
	for len(atMeter) < upward || len(atClient) < downward || w.client.sizes.active || w.client.suspicious {
		toSend = toSend[w.client.Write(toSend):]
		w.step()
		atClient = append(atClient, block[:w.client.Read(block[:])]...)
		if w.conn != nil {
			if len(toFetch) > 0 {
				n := min(len(toFetch), 1+w.path.random.IntN(600), buffered-len(w.conn.session.out))
				w.conn.session.out = append(w.conn.session.out, toFetch[:n]...)
				toFetch = toFetch[n:]
			}
			if in := w.conn.session.in; len(in) > 0 && w.path.random.IntN(4) > 0 {
				n := 1 + w.path.random.IntN(len(in))
				atMeter = append(atMeter, in[:n]...)
				w.conn.session.in = append([]byte(nil), in[n:]...)
			}
		}
		if w.now.Sub(w.start) > 6*time.Hour {
			w.t.Fatalf("after %v and %d requests %d of %d bytes are at the meter and %d of %d at the client; %+v", w.now.Sub(w.start), w.asks, len(atMeter), upward, len(atClient), downward, w.client.sizes)
		}
	}
	if !bytes.Equal(atMeter, sent) {
		w.t.Fatalf("the meter has other bytes: %s", difference(atMeter, sent))
	}
	if !bytes.Equal(atClient, fetched) {
		w.t.Fatalf("the client has other bytes: %s", difference(atClient, fetched))
	}
}

func difference(got, want []byte) string {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			return fmt.Sprintf("%d of %d bytes, the first that differs is at %d", len(got), len(want), i)
		}
	}
	return fmt.Sprintf("%d bytes of %d", len(got), len(want))
}
