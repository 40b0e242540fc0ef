// Package modbus serves the meter's register map over Modbus TCP, and in RTU frames over TCP.
//
// A server is built on the gate: each connection is a session, what it reads comes
// through the session's view, and what it writes is a change that the session asks for.
// Reads are answered from an image of the
// whole map, encoded once per snapshot and shared by all connections, so that one
// answer never mixes two instants. docs/modbus.md tells client developers what to
// expect.
package modbus

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/serve/gateway"
	"github.com/hepmeter/hepmeter/serve/tcp"
)

// Options are the limits of a server. The zero value of each means its default.
type Options struct {
	// IdleTimeout closes a connection on which no request has come for that long.
	// Default 10 minutes: longer than any sane polling interval.
	IdleTimeout time.Duration
	// WriteTimeout closes a connection that does not take its answers for that long.
	// Default 5 seconds.
	WriteTimeout time.Duration
	// KeepAlive is how long a connection is silent before TCP asks whether the client
	// is still there; after five unanswered probes in as long again it is closed.
	// Default 30 seconds.
	KeepAlive time.Duration
	// ChangeTimeout is how long a client waits for its write to become durable; it is then
	// answered exception 6, and the write may still happen. Default 10 seconds.
	ChangeTimeout time.Duration
	// Silence ends what has come of an RTU frame: after it the next byte begins another one.
	// Default 500 milliseconds: a lost packet comes again before, and a client that waits
	// for its answer asks again after. Modbus TCP knows where its frames end.
	Silence time.Duration
	// Gateway takes the requests of Modbus TCP to other units; nil where the meter answers for
	// all. Others ignore it: RTU over TCP and serial lines have no gateway.
	Gateway *gateway.Gateway
	// Tunnel answers the requests of ION over Modbus; nil where the meter has none.
	Tunnel Tunnel
	// goroutines serves every connection on its own goroutine also where there is an
	// event loop, for tests.
	goroutines bool
}

func (o Options) withDefaults() Options {
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 10 * time.Minute
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 5 * time.Second
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 30 * time.Second
	}
	if o.ChangeTimeout <= 0 {
		o.ChangeTimeout = 10 * time.Second
	}
	if o.Silence <= 0 {
		o.Silence = 500 * time.Millisecond
	}
	return o
}

// Counters are what a server has done since its start.
type Counters struct {
	Requests    uint64 // frames answered, exceptions included
	Exceptions  uint64 // answers that were exceptions
	Discarded   uint64 // frames of another protocol or unit, broadcasts of reads, rubbish between RTU frames: not answered
	Connections int64  // open now
	Accepted    uint64 // connections served, closed ones included
	Rejected    uint64 // connections closed at once: too many, or switched off
	TimedOut    uint64 // connections closed for idleness or for not taking answers
	Malformed   uint64 // connections closed for a frame length that cannot be
}

// Server serves the register map in one framing. Serve may be called for several listeners.
type Server struct {
	handler *handler
	options Options
	// enable is the register that takes new connections while it is ON.
	enable string
	// silence ends what has come of a frame; 0 where the framing needs none to do so.
	silence time.Duration

	connections                             atomic.Int64
	accepted, rejected, timedOut, malformed atomic.Uint64
}

// New returns a Modbus TCP server of the register map to all who pass the gate.
func New(gate *access.Gate, layout *registermap.Map, options Options) *Server {
	h := newHandler(gate, layout, mbap{})
	h.gateway, h.tunnel = options.Gateway, options.Tunnel
	return &Server{handler: h, options: options.withDefaults(), enable: "Ethernet/Enable Modbus TCP"}
}

// Counters returns the present counts.
func (s *Server) Counters() Counters {
	return Counters{
		Requests:    s.handler.requests.Load(),
		Exceptions:  s.handler.exceptions.Load(),
		Discarded:   s.handler.discarded.Load(),
		Connections: s.connections.Load(),
		Accepted:    s.accepted.Load(),
		Rejected:    s.rejected.Load(),
		TimedOut:    s.timedOut.Load(),
		Malformed:   s.malformed.Load(),
	}
}

// Serve answers the clients that come to l until ctx is done, then closes l and
// every connection, and returns nil when all are closed. It returns an error if l
// fails. A request that is being answered when ctx ends gets its answer; for that of a
// write Serve waits until it is durable, or its time is up; for the answers of devices behind
// the gateway it does not wait.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	writers := &writers{ctx: ctx, running: &running, timeout: s.options.ChangeTimeout}
	var events *loop // nil where the system has none: a goroutine per connection then
	if !s.options.goroutines {
		events, _ = s.newLoop(ctx, &running, writers)
	}
	for {
		conn, err := tcp.Accept(ctx, l)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("modbus server on %s: %w", l.Addr(), err)
		}
		if !s.handler.gate.Enabled(s.enable) {
			s.rejected.Add(1)
			conn.Close()
			continue
		}
		tcp.Prepare(conn, s.options.KeepAlive)
		if events != nil && events.take(conn) {
			continue
		}
		running.Go(func() { s.converse(ctx, conn, writers) })
	}
}

// open starts the session of a connection and counts it; closed is its end.
func (s *Server) open(conn net.Conn, end func()) (*client, error) {
	c, err := s.handler.open(access.Ethernet, conn.RemoteAddr().String(), end)
	if err != nil {
		s.rejected.Add(1)
		return nil, err
	}
	s.connections.Add(1)
	s.accepted.Add(1)
	return c, nil
}

// closed ends the session of a connection.
func (s *Server) closed(c *client) {
	c.session.Close()
	s.connections.Add(-1)
}
