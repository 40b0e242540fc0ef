package master

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// rtu returns the frame of a unit and a PDU.
func rtu(unit byte, pdu []byte) []byte {
	return modbus.EndRTU(append(modbus.BeginRTU(nil, unit), pdu...), 0)
}

// read is a read of registers, and value its answer: each register has the number of its
// address, so that the answers to two reads are never the same.
func read(address, quantity int) []byte {
	return modbus.AppendReadRequest(nil, modbus.ReadHoldingRegisters, address, quantity)
}

func value(pdu []byte) []byte {
	address, quantity := int(pdu[1])<<8|int(pdu[2]), int(pdu[3])<<8|int(pdu[4])
	answer := []byte{pdu[0], byte(2 * quantity)}
	for i := range quantity {
		answer = append(answer, byte((address+i)>>8), byte(address+i))
	}
	return answer
}

func write(address int, v uint16) []byte { return modbus.AppendWriteSingleRequest(nil, address, v) }

// echo answers any request as a device does that is well.
func echo(pdu []byte) []byte {
	switch modbus.Function(pdu[0]) {
	case modbus.ReadHoldingRegisters, modbus.ReadInputRegisters:
		return value(pdu)
	case modbus.WriteSingleRegister:
		return pdu
	}
	return append(bytes.Clone(pdu), 0xAA)
}

// reply is what units say, some time after the request, or after the reply before.
type reply struct {
	after time.Duration
	bytes []byte
}

// testPort is a port whose line has units, as answer says: it is given each request and its
// number, from 0. Its time is the bubble's.
type testPort struct {
	baud   int
	answer func(n int, unit byte, pdu []byte) []reply
	fails  chan struct{} // closed when the device is gone
	// collides says that who sends at the same time spoils it for each other. Where it is
	// false, mistaken answers are more likely than they are on any line.
	collides bool
	units    sync.Mutex // held while answer runs

	mu      sync.Mutex
	in      []byte
	some    chan struct{}
	timeout time.Duration
	sent    []sent
	busy    time.Time // until when the line carried a frame of the units
	clash   bool      // a request was sent less than t3.5 after it
	// onAir are those who send at present; collisions counts when there was more than one.
	onAir, collisions int
}

// sent is a request that the port was given.
type sent struct {
	frame []byte
	at    time.Time
}

var errGone = errors.New("the device is gone")

const think = 5 * time.Millisecond

// newTestPort returns a line of 19,200 baud on which all units answer.
func newTestPort(answer func(n int, unit byte, pdu []byte) []reply) *testPort {
	return &testPort{baud: 19200, answer: answer, fails: make(chan struct{}), some: make(chan struct{}, 1)}
}

// all is the answer of units that are well.
func all(_ int, unit byte, pdu []byte) []reply { return one(think, rtu(unit, echo(pdu))) }

func one(after time.Duration, b []byte) []reply { return []reply{{after, b}} }

func (p *testPort) character() time.Duration { return 11 * time.Second / time.Duration(p.baud) }

func (p *testPort) SetReadTimeout(d time.Duration) error { p.timeout = d; return nil }

func (p *testPort) Write(b []byte) (int, error) {
	select {
	case <-p.fails:
		return 0, errGone
	default:
	}
	p.mu.Lock()
	n := len(p.sent)
	if len(p.sent) > 0 && time.Now().Before(p.busy.Add(modbus.FrameSilence(p.baud))) {
		p.clash = true
	}
	p.sent = append(p.sent, sent{bytes.Clone(b), time.Now()})
	p.mu.Unlock()
	unit, pdu, ok := modbus.ParseRTU(bytes.Clone(b))
	if !ok {
		panic("the master sends a damaged frame")
	}
	go func() {
		if !p.send(len(b)) {
			return // no unit can read it
		}
		p.units.Lock()
		replies := p.answer(n, unit, pdu)
		p.units.Unlock()
		for _, r := range replies {
			time.Sleep(r.after)
			for piece := range bytesOf(r.bytes) {
				if !p.send(len(piece)) {
					piece = bytes.Repeat([]byte{0x55}, len(piece))
				}
				p.hear(piece)
			}
		}
	}()
	return len(b), nil
}

// send takes the time of so many characters, and reports whether nobody else was sending.
func (p *testPort) send(characters int) bool {
	p.mu.Lock()
	if p.onAir++; p.onAir > 1 {
		p.collisions++
	}
	alone, before := p.onAir == 1, p.collisions
	p.mu.Unlock()
	time.Sleep(time.Duration(characters) * p.character())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onAir--
	return !p.collides || alone && p.collisions == before
}

// bytesOf cuts b into the pieces that an adapter hands over.
func bytesOf(b []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := min(16, len(b))
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

func (p *testPort) hear(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in = append(p.in, b...)
	p.busy = time.Now()
	select {
	case p.some <- struct{}{}:
	default:
	}
}

func (p *testPort) Read(b []byte) (int, error) {
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	for {
		p.mu.Lock()
		n := copy(b, p.in)
		p.in = p.in[:copy(p.in, p.in[n:])]
		p.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-p.some:
		case <-timer.C:
			return 0, nil
		case <-p.fails:
			return 0, errGone
		}
	}
}

// requests returns what was sent so far.
func (p *testPort) requests() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sent(nil), p.sent...)
}

// result is what became of a question.
type result struct {
	name   string
	answer []byte
	err    error
	at     time.Time
}

// book is where the results of questions come.
type book struct {
	mu      sync.Mutex
	results []result
	some    chan struct{}
}

func newBook() *book { return &book{some: make(chan struct{}, 1000)} }

// ask begins a question, whose result is noted under a name.
func (k *book) ask(b *Bus, name string, client uint64, unit byte, pdu []byte) {
	b.Begin(Question{client, unit, pdu, func(answer []byte, err error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.results = append(k.results, result{name, bytes.Clone(answer), err, time.Now()})
		k.some <- struct{}{}
	}})
}

// wait waits until n more results have come, and returns all, in the order of coming.
func (k *book) wait(n int) []result {
	for range n {
		<-k.some
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]result(nil), k.results...)
}

// names are those of results, in the order of coming.
func names(results []result) string {
	var s []string
	for _, r := range results {
		s = append(s, r.name)
	}
	return strings.Join(s, " ")
}

// of returns the result of that name.
func of(t *testing.T, results []result, name string) result {
	t.Helper()
	for _, r := range results {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("%s has no result", name)
	return result{}
}

// counts returns those of a unit.
func counts(b *Bus, unit byte) UnitStatistics {
	for _, u := range b.Statistics() {
		if u.Unit == unit {
			return u
		}
	}
	return UnitStatistics{}
}
