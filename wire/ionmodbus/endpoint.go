package ionmodbus

import (
	"sync"
	"time"
)

// Bounds of an endpoint, where the options do not say otherwise.
const (
	defaultSessions = 32
	defaultIdle     = 2 * time.Minute
	// crowdedIdle is after how long an idle session makes room for another one: a client that is
	// there asks every second.
	crowdedIdle = 30 * time.Second
)

// Options are the bounds of an endpoint. The zero value of each means its default.
type Options struct {
	// Sessions is how many there may be at a time, half of them of one host or line. Default 32.
	Sessions int
	// Idle ends a session that carries out no exchange for that long. Default 2 minutes.
	Idle time.Duration
}

// Endpoint is the meter's side: it answers requests, and has the sessions that they begin.
// It is safe for use by many goroutines, and never waits.
type Endpoint struct {
	options Options

	mu       sync.Mutex
	sessions map[uint32]*Conn
	opened   uint64
}

// NewEndpoint returns an endpoint without sessions.
func NewEndpoint(o Options) *Endpoint {
	if o.Sessions <= 0 {
		o.Sessions = defaultSessions
	}
	if o.Idle <= 0 {
		o.Idle = defaultIdle
	}
	return &Endpoint{options: o, sessions: map[uint32]*Conn{}}
}

// Answer appends the answer to a request that came from a host or line at a time. Another
// host does not reach a session, though it guess its number. begun is the session that the
// request has begun, nil mostly: whoever calls serves it. The error is ErrDamaged for what is
// no request of this protocol; nothing is appended then.
func (e *Endpoint) Answer(now time.Time, peer string, pdu, dst []byte) (answer []byte, begun *Conn, err error) {
	m, err := Parse(pdu)
	if err != nil || m.Kind&Answer != 0 {
		return dst, nil, ErrDamaged
	}
	var buffer [MaxPayload]byte
	payload := buffer[:0]
	refusal := Refusal(0)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch m.Kind {
	case Probe:
		if len(m.Payload) < exchangeHead || int(m.Payload[0]) < Overhead || int(m.Payload[0]) > MaxPDU {
			refusal = RefusedBad
			break
		}
		payload = buffer[:int(m.Payload[0])-Overhead]
	case Open:
		begun, refusal = e.open(now, peer, m)
		payload = append(payload, Version)
	case Exchange:
		payload, refusal = e.exchange(now, peer, m, payload)
	case Close:
		// One that is gone is closed, too: the answer to the first may have been lost.
		if c := e.sessions[m.Session]; c != nil && c.session.peer == peer {
			e.remove(m.Session, c)
		}
	default:
		refusal = RefusedBad
	}
	kind := m.Kind | Answer
	if refusal != 0 {
		kind, payload = Refused, append(buffer[:0], byte(refusal))
	}
	return Append(dst, Message{Kind: kind, Session: m.Session, Sequence: m.Sequence, Payload: payload}), begun, nil
}

func (e *Endpoint) open(now time.Time, peer string, m Message) (begun *Conn, _ Refusal) {
	if len(m.Payload) < 1 || m.Payload[0] != Version {
		return nil, RefusedVersion
	}
	if c := e.sessions[m.Session]; c != nil {
		if c.session.peer != peer {
			return nil, RefusedCrowded // it will take another number
		}
		return nil, 0 // the answer to the first was lost, or this request is late
	}
	e.sweep(now)
	if !e.room(now, "") || !e.room(now, peer) {
		return nil, RefusedCrowded
	}
	e.opened++
	c := newConn(e, e.opened, &session{peer: peer, used: now})
	e.sessions[m.Session] = c
	return c, 0
}

// room reports whether there is room for one more session, of a peer or (empty) at all. The one
// that makes room is one that has ended, or is idle the longest.
func (e *Endpoint) room(now time.Time, peer string) bool {
	most := e.options.Sessions
	if peer != "" {
		most = (most + 1) / 2
	}
	n, idlest := 0, uint32(0)
	var since time.Time
	for id, c := range e.sessions {
		if peer != "" && c.session.peer != peer {
			continue
		}
		at := c.session.used
		if c.session.ended {
			at = time.Time{}
		}
		if n == 0 || at.Before(since) {
			idlest, since = id, at
		}
		n++
	}
	if n < most {
		return true
	}
	if now.Sub(since) < crowdedIdle {
		return false
	}
	e.remove(idlest, e.sessions[idlest])
	return true
}

func (e *Endpoint) exchange(now time.Time, peer string, m Message, dst []byte) ([]byte, Refusal) {
	c := e.sessions[m.Session]
	if c == nil || c.session.peer != peer {
		return dst, RefusedUnknown
	}
	s := c.session
	if len(m.Payload) < exchangeHead || int(m.Payload[0]) < SmallestPDU || int(m.Payload[0]) > MaxPDU {
		return dst, RefusedBad
	}
	if s.drained() && m.Sequence == s.last+1 {
		return dst, RefusedEnded
	}
	payload, ok := s.exchange(m.Sequence, int(m.Payload[0]), m.Payload[exchangeHead:], dst, now)
	if !ok {
		return dst, RefusedSequence
	}
	c.wake()
	return payload, 0
}

// Sweep ends the sessions that were idle for too long.
func (e *Endpoint) Sweep(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
}

func (e *Endpoint) sweep(now time.Time) {
	for id, c := range e.sessions {
		if now.Sub(c.session.used) >= e.options.Idle {
			e.remove(id, c)
		}
	}
}

// remove forgets a session; what waits on it is told that the client is gone.
func (e *Endpoint) remove(id uint32, c *Conn) {
	delete(e.sessions, id)
	c.gone = true
	c.wake()
}

// End ends all sessions.
func (e *Endpoint) End() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, c := range e.sessions {
		e.remove(id, c)
	}
}

// Len returns how many sessions there are.
func (e *Endpoint) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sessions)
}
