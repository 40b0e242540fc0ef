package fault

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Options are what a proxy needs of the world.
type Options struct {
	// Seed decides what is left to chance.
	Seed uint64
	// Dial connects to the device.
	Dial func(ctx context.Context) (net.Conn, error)
	// Trace, if it is set, is told of every frame, one at a time.
	Trace func(Event)
	Log   *slog.Logger
	// Now tells the time (time.Now).
	Now func() time.Time
	// MaxConnections are the clients at one time (64); more are reset.
	MaxConnections int
}

// Proxy passes connections on to a device and harms them.
type Proxy struct {
	scenario *Scenario
	options  Options
	start    time.Time

	mu       sync.Mutex // of all below, and of the calls of Trace
	decider  *decider
	counters Counters
	open     int
}

// New returns a proxy that does what the scenario says, from now on.
func New(s *Scenario, o Options) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 64
	}
	return &Proxy{scenario: s, options: o, start: o.Now(), decider: newDecider(s, o.Seed)}
}

// Counters returns what has passed so far.
func (p *Proxy) Counters() Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counters
	c.Faults = make([]Count, len(p.decider.rules))
	for i, r := range p.decider.rules {
		c.Faults[i] = Count{Rule: p.scenario.Rules[i], Seen: r.seen, Fired: r.fired}
	}
	return c
}

// pause is how long to wait when no connection can be accepted just now.
const pause = 50 * time.Millisecond

// Serve accepts clients on l until ctx is done, then closes everything and returns nil.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors, or a client that has left the queue
			p.options.Log.Warn("a connection was not accepted", "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		if !p.enter() {
			reset(conn)
			continue
		}
		clients.Go(func() {
			defer p.leave()
			p.serve(ctx, conn)
		})
	}
}

// enter counts a client in, if there is room for one more.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == p.options.MaxConnections {
		p.counters.Refused++
		return false
	}
	p.open++
	return true
}

func (p *Proxy) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

// judgeConnection decides about a new connection and gives it its number.
func (p *Proxy) judgeConnection() (number uint64, h harm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counters.Connections++
	now := p.options.Now()
	v, struck := p.decider.connection(now.Sub(p.start))
	if struck {
		h = harmFrame(p.scenario.Framing, v, Frame{}, Connections)
		p.trace(Event{Time: now, Connection: p.counters.Connections, From: Connections, Struck: true, Rule: v.rule})
	}
	return p.counters.Connections, h
}

// judge decides about a frame. struck is false where it passes as it is.
func (p *Proxy) judge(number uint64, f Frame, from Place, holding bool) (h harm, struck bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := Event{Time: p.options.Now(), Connection: number, From: from, Frame: f}
	switch {
	case !f.Whole:
		p.counters.Unframed += uint64(len(f.Bytes))
		p.trace(e)
		return harm{}, false
	case from == Requests:
		p.counters.Requests++
	default:
		p.counters.Replies++
	}
	v, struck := p.decider.frame(f, from, e.Time.Sub(p.start), holding)
	if struck {
		h = harmFrame(p.scenario.Framing, v, f, from)
		e.Struck, e.Rule, e.Sent, e.Answer = true, v.rule, h.pieces, h.answer
	}
	p.trace(e)
	return h, struck
}

func (p *Proxy) trace(e Event) {
	if p.options.Trace != nil {
		p.options.Trace(e)
	}
}

// unreachable counts a connection for which there is no device.
func (p *Proxy) unreachable(err error) {
	p.mu.Lock()
	p.counters.Unreachable++
	p.mu.Unlock()
	p.options.Log.Warn("the device cannot be reached", "error", err)
}
