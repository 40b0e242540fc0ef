package master

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// The defaults of Settings and Options.
const (
	defaultTimeout   = time.Second
	defaultPerClient = 16
	defaultTotal     = 512
	defaultPatience  = 10 * time.Second
	defaultConnect   = 3 * time.Second
	defaultIdle      = time.Minute
	// leastGuard is the shortest guard time by default: a device that is busy for once, with
	// its memory for instance, is late by that much however short the time-out is.
	leastGuard = 500 * time.Millisecond
)

// Settings are how a bus speaks. They are looked at for each request.
type Settings struct {
	// ResponseTimeout is how long after its request an answer must begin; 0 is 1 s.
	ResponseTimeout time.Duration
	// Turnaround is how long nothing is sent after a broadcast.
	Turnaround time.Duration
	// FrameDelay is how long nothing is sent after a frame, where that is more than the
	// silence t3.5 of the line.
	FrameDelay time.Duration
	// Cache is how old an answer to the same read may be that is given again; 0 is none, and
	// every read is sent.
	Cache time.Duration
	// Retries is how often a read that was not answered is sent again. Writes are sent once.
	Retries int
}

// Options are those of a bus. Their zero values are the defaults.
type Options struct {
	// Settings are asked for with each request, and must not ask the bus.
	Settings func() Settings
	// PerClient and Total bound the questions that wait or are under way: 16 and 512.
	PerClient, Total int
	// Patience is for how long a question may wait to be sent: 10 s. Then it is done with
	// ErrCrowded: who asked has given up, and a write must not come when nobody expects it.
	Patience time.Duration
	// Guard is for how long after a time-out a unit of a line is sent nothing, in which its
	// late answer is waited for and dropped: by default the response time-out, and 500 ms at
	// least.
	Guard time.Duration
	// ConnectTimeout is how long a TCP device is dialled: 3 s.
	ConnectTimeout time.Duration
	// Idle is after how long without a question a connection is closed: 60 s.
	Idle time.Duration
}

func (o Options) withDefaults() Options {
	orElse := func(d *time.Duration, other time.Duration) {
		if *d <= 0 {
			*d = other
		}
	}
	if o.Settings == nil {
		o.Settings = func() Settings { return Settings{} }
	}
	if o.PerClient <= 0 {
		o.PerClient = defaultPerClient
	}
	if o.Total <= 0 {
		o.Total = defaultTotal
	}
	orElse(&o.Patience, defaultPatience)
	orElse(&o.ConnectTimeout, defaultConnect)
	orElse(&o.Idle, defaultIdle)
	return o
}

// The errors of a question. An exception that the device answers is none: it is an answer.
var (
	// ErrNoAnswer says that the unit did not answer, or is known not to (exception 0x0B). A
	// write may have been done.
	ErrNoAnswer = errors.New("the unit does not answer")
	// ErrNoPath says that the line is not there, or is not a master's (exception 0x0A).
	// A write was not sent.
	ErrNoPath = errors.New("there is no line to the unit")
	// ErrCrowded says that too much is waiting, or that this has waited for too long (exception
	// 0x06). A write was not sent.
	ErrCrowded = errors.New("too many requests are waiting; ask again later")
	// ErrLeft says that the client left before its request was sent.
	ErrLeft = errors.New("the client has left")
	// ErrQuestion says that a request can not be sent: its PDU has not 1 to 253 bytes, its
	// function is not 1 to 127, or it is a broadcast that only reads.
	ErrQuestion = errors.New("this request cannot be sent")
)

// errServed reports a bus that is served already.
var errServed = errors.New("the bus is served already: a line or a device has one master")

// Question is a request of a client to a unit.
type Question struct {
	// Client says whose it is: clients are served in turn.
	Client uint64
	// Unit is 1 to 255, or 0: a broadcast, which is sent, answered by nobody, and Done with an
	// empty answer.
	Unit byte
	// PDU is the request from its function code on. Begin copies it.
	PDU []byte
	// Done is called once, never from within Begin, with the PDU of the answer or one of the
	// errors above. It must not block: the next request waits for it. The answer is valid until
	// Done returns, and not to be changed.
	Done func(answer []byte, err error)
}

// Port is an open serial port. A Read returns nothing, and no error, when its time is up.
type Port interface {
	io.ReadWriter
	SetReadTimeout(time.Duration) error
}

// Bus is the queue before one serial line or one TCP device. All methods may be called from
// many goroutines.
type Bus struct {
	options Options
	// wake has a token when something may be sent that could not before.
	wake chan struct{}

	mu      sync.Mutex
	serving bool
	queue   queue
	cache   cache
	units   [256]*unit
	// device backs off when it cannot be reached, whatever the unit.
	device  backoff
	tickets uint64
}

// New returns a bus. It has no path until it is served.
func New(options Options) *Bus {
	return &Bus{
		options: options.withDefaults(),
		wake:    make(chan struct{}, 1),
		queue:   queue{clients: map[uint64]*client{}},
		cache:   cache{answers: map[readKey]cached{}, reads: map[readKey]*request{}},
	}
}

// Begin takes a question and never blocks.
func (b *Bus) Begin(q Question) { b.begin(q) }

// Ask asks and waits for the answer, which belongs to the caller. When ctx is done its error
// is returned; a request that has not been sent by then is not sent.
func (b *Bus) Ask(ctx context.Context, client uint64, unit byte, pdu []byte) ([]byte, error) {
	type result struct {
		answer []byte
		err    error
	}
	done := make(chan result, 1)
	ticket := b.begin(Question{client, unit, pdu, func(answer []byte, err error) {
		done <- result{bytes.Clone(answer), err}
	}})
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
		b.withdraw(func(a asker) bool { return a.ticket == ticket })
		return nil, ctx.Err()
	}
}

// Leave drops what a client has waiting, which is done with ErrLeft, and forgets the client.
// What is under way is answered yet.
func (b *Bus) Leave(client uint64) {
	b.withdraw(func(a asker) bool { return a.client.number == client })
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.queue.clients, client)
}

// begin takes a question and returns its ticket.
func (b *Bus) begin(q Question) (ticket uint64) {
	answer, ticket, err := b.take(q, b.options.Settings(), time.Now())
	switch {
	case answer != nil || err != nil:
		go q.Done(answer, err)
	default:
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	return ticket
}

// take puts a question into the queue, unless it can be answered at once.
func (b *Bus) take(q Question, settings Settings, now time.Time) (answer []byte, ticket uint64, err error) {
	if len(q.PDU) < 1 || len(q.PDU) > modbus.MaxPDU || q.PDU[0] < 1 || q.PDU[0] > 127 {
		return nil, 0, ErrQuestion
	}
	reads := modbus.OnlyReads(q.PDU)
	if q.Unit == 0 && reads {
		return nil, 0, ErrQuestion
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.serving {
		return nil, 0, ErrNoPath
	}
	u := b.unit(q.Unit)
	u.counts.Requests++
	if u.backoff.active(now) || b.device.active(now) {
		u.counts.Refused++
		return nil, 0, ErrNoAnswer
	}
	key, shared := keyOf(q.Unit, q.PDU)
	shared = shared && settings.Cache > 0 && !b.written(q.Unit)
	if shared {
		if answer, ok := b.cache.answer(key, now, settings.Cache); ok {
			u.counts.Cached++
			return answer, 0, nil
		}
	}
	c := b.queue.client(q.Client)
	if c.asked >= b.options.PerClient || b.queue.total >= b.options.Total {
		u.counts.Refused++
		return nil, 0, ErrCrowded
	}
	b.tickets++
	a := asker{c, b.tickets, q.Done}
	if r := b.cache.reads[key]; shared && r != nil {
		u.counts.Cached++
		b.queue.join(r, a)
		return nil, a.ticket, nil
	}
	r := b.queue.blank()
	r.unit, r.function, r.reads, r.client, r.since = q.Unit, q.PDU[0], reads, c, now
	r.length = copy(r.bytes[:], q.PDU)
	b.queue.join(r, a)
	b.queue.add(r)
	switch {
	case !reads:
		u.writes++
		b.cache.forget(q.Unit)
	case shared:
		r.joined = true
		b.cache.reads[key] = r
	}
	return nil, a.ticket, nil
}

// unit returns what is known of a unit.
func (b *Bus) unit(number byte) *unit {
	if b.units[number] == nil {
		b.units[number] = &unit{counts: UnitStatistics{Unit: number}}
	}
	return b.units[number]
}

// written reports whether a write to the unit, or to all, waits or is under way: what is read
// now may be old when it is done.
func (b *Bus) written(number byte) bool {
	u, all := b.units[number], b.units[0]
	return u != nil && u.writes > 0 || all != nil && all.writes > 0
}

// withdraw takes those who fit from what waits, and what nobody waits for any more from the
// queue. What is under way stays.
func (b *Bus) withdraw(fits func(asker) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var gone []asker
	unasked := b.queue.remove(func(r *request) bool {
		r.askers = slices.DeleteFunc(r.askers, func(a asker) bool {
			if !fits(a) {
				return false
			}
			gone = append(gone, a)
			return true
		})
		return len(r.askers) == 0
	})
	for _, a := range gone {
		b.queue.leave(a)
	}
	for _, r := range unasked {
		b.close(r)
		b.queue.recycle(r)
	}
	if len(gone) > 0 {
		go func() {
			for _, a := range gone {
				a.done(nil, ErrLeft)
			}
		}()
	}
}

// close ends the accounts of a request that left the queue.
func (b *Bus) close(r *request) {
	b.cache.end(r)
	if !r.reads {
		b.units[r.unit].writes--
	}
	b.queue.release(r)
}

// idle reports whether nobody waits for anything.
func (b *Bus) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue.total == 0
}
