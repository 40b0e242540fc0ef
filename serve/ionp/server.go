// Package ionp serves the object protocol: the whole meter to setup tools, over TCP.
//
// A server is built on the gate: each connection is a session, and each request is
// judged by the credential or the token that it brings. What a client that has shown
// nothing can make the server do is small and bounded. docs/object-protocol.md is the
// protocol's description.
package ionp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/tcp"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Options are the limits of a server. The zero value of each means its default.
type Options struct {
	// FirstMessage closes a connection that has sent no request with a meaning for that
	// long. Default 10 seconds.
	FirstMessage time.Duration
	// WholeMessage closes a connection on which a message has begun and no message has
	// become whole for that long. Default 60 seconds.
	WholeMessage time.Duration
	// WriteTimeout closes a connection that does not take its replies for that long.
	// Default 10 seconds.
	WriteTimeout time.Duration
	// KeepAlive is how long a connection is silent before TCP asks whether the client is
	// still there; after five unanswered probes in as long again it is closed. Default 30
	// seconds. A client that is there may be silent for ever.
	KeepAlive time.Duration
	// Incomplete bounds the bytes of messages under way on all connections together that
	// have shown no right credential. Default 16 MiB.
	Incomplete int64
	// Random makes tokens. Default crypto/rand.
	Random io.Reader
	// Log is told of requests that failed within the meter. Default slog.Default().
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	or(&o.FirstMessage, 10*time.Second)
	or(&o.WholeMessage, time.Minute)
	or(&o.WriteTimeout, 10*time.Second)
	or(&o.KeepAlive, 30*time.Second)
	if o.Incomplete <= 0 {
		o.Incomplete = 16 << 20
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// declinedAtOnce is how many connections that the gate refuses are told so at a time;
// further ones are closed.
const declinedAtOnce = 32

// Counters are what a server has done since its start.
type Counters struct {
	Requests    uint64 // answered, refusals included
	Refused     uint64 // answered with a code
	Failed      uint64 // in which the meter panicked
	Notices     uint64 // sent to subscriptions
	Connections int64  // open now
	Accepted    uint64 // connections served, closed ones included
	Declined    uint64 // connections that the gate refused, or that came while ION is off
	TimedOut    uint64 // connections closed for slowness
	Malformed   uint64 // connections closed for bytes that are no frame
}

// Server serves the object protocol. Serve may be called for several listeners.
type Server struct {
	gate     *access.Gate
	options  Options
	handlers map[ionp.Operation]handler

	declining                                              atomic.Int64
	incomplete                                             atomic.Int64
	connections                                            atomic.Int64
	requests, refused, failed, notices, accepted, declined atomic.Uint64
	timedOut, malformed                                    atomic.Uint64
}

// New returns a server of the meter behind the gate.
func New(gate *access.Gate, options Options) *Server {
	return &Server{gate: gate, options: options.withDefaults(), handlers: handlers()}
}

// Counters returns the present counts.
func (s *Server) Counters() Counters {
	return Counters{
		Requests: s.requests.Load(), Refused: s.refused.Load(), Failed: s.failed.Load(), Notices: s.notices.Load(),
		Connections: s.connections.Load(), Accepted: s.accepted.Load(), Declined: s.declined.Load(),
		TimedOut: s.timedOut.Load(), Malformed: s.malformed.Load(),
	}
}

// Serve answers the clients that come to l until ctx is done, then closes l and every
// connection, and returns nil when all are closed. It returns an error if l fails. A
// request that is being carried out when ctx ends gets its answer. While the register
// Ethernet/Enable ION is OFF new connections are closed at once, and those that are open
// go on.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	for {
		conn, err := tcp.Accept(ctx, l)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("object protocol server on %s: %w", l.Addr(), err)
		}
		if !s.gate.Security().Enabled(access.ION) {
			s.declined.Add(1)
			conn.Close()
			continue
		}
		tcp.Prepare(conn, s.options.KeepAlive)
		from := access.Client{Path: access.ION, Medium: access.Ethernet, Remote: conn.RemoteAddr().String()}
		running.Go(func() { s.converse(ctx, conn, from, s.options) })
	}
}

// converse serves one connection until it ends, with the limits that its path has.
func (s *Server) converse(ctx context.Context, conn net.Conn, from access.Client, options Options) {
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The gate may end the connection while a request is carried out.
	end := func() {
		cancel()
		conn.Close()
	}
	from.End = end
	session, err := s.gate.Open(from)
	if err != nil {
		s.declined.Add(1)
		s.decline(ctx, conn, options, err)
		return
	}
	defer session.Close()
	s.accepted.Add(1)
	s.connections.Add(1)
	defer s.connections.Add(-1)
	s.count(s.newConnection(ctx, conn, session, options).serve())
}

// decline tells a client that the gate has no room for why, in answer to its first
// request, whatever that is.
func (s *Server) decline(ctx context.Context, conn net.Conn, options Options, refusal error) {
	if s.declining.Add(1) > declinedAtOnce {
		s.declining.Add(-1)
		return
	}
	defer s.declining.Add(-1)
	line := newLine(ctx, conn, options)
	defer line.close()
	reader := ionp.NewReader(line)
	message, err := reader.Next()
	if err != nil {
		return
	}
	writer := ionp.NewWriter(line)
	if writer.Reply(message.ID, refusalOf(refusal).Reply()) == nil {
		_ = writer.Flush() // it is closed in any case
	}
}

// count notes why a connection ended.
func (s *Server) count(err error) {
	var frame *ionp.FrameError
	switch {
	case errors.As(err, &frame):
		s.malformed.Add(1)
	case errors.Is(err, errSlow):
		s.timedOut.Add(1)
	}
}
