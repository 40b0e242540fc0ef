package ssh

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/tcp"
)

// Options are the limits of a server. The zero value of each means its default.
type Options struct {
	// Patience closes a connection that has not logged in and said what it wants for that
	// long. Default 30 seconds.
	Patience time.Duration
	// WriteTimeout closes a connection whose client takes nothing for that long. Default 30
	// seconds.
	WriteTimeout time.Duration
	// KeepAlive is how long a connection is silent before TCP asks whether the client is
	// still there. Default 30 seconds.
	KeepAlive time.Duration
	// Waiting bounds the connections that have not yet said what they want, WaitingOfAddress
	// those of one address (of one /64 of IPv6). Default 64 and 8.
	Waiting, WaitingOfAddress int
	// Uploads bounds the bytes of files that are being received, of all connections
	// together. Default 32 MiB.
	Uploads int64
	// Log is told of requests in which the meter failed. Default slog.Default().
	Log *slog.Logger
	// Now tells the time. Default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	or(&o.Patience, 30*time.Second)
	or(&o.WriteTimeout, 30*time.Second)
	or(&o.KeepAlive, 30*time.Second)
	if o.Waiting <= 0 {
		o.Waiting = 64
	}
	if o.WaitingOfAddress <= 0 {
		o.WaitingOfAddress = 8
	}
	if o.Uploads <= 0 {
		o.Uploads = 32 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Counters are what a server has done since its start.
type Counters struct {
	Accepted uint64 // connections that had their handshake begun
	Declined uint64 // connections beyond the limits, or that came while both services are off
	LoggedIn uint64 // connections that showed a right password
	Commands uint64 // of the terminal
	Failed   uint64 // requests in which the meter panicked
}

// Server serves the terminal and file transfer. Serve may be called for several listeners.
type Server struct {
	gate    *access.Gate
	options Options
	waiting waiting
	uploads budget
	storing sync.Mutex // held while a file is handed to the meter

	accepted, declined, loggedIn, commands, failed atomic.Uint64
}

// New returns a server of the meter behind the gate.
func New(gate *access.Gate, options Options) *Server {
	o := options.withDefaults()
	return &Server{gate: gate, options: o, waiting: waiting{all: o.Waiting, ofNetwork: o.WaitingOfAddress}, uploads: budget{limit: o.Uploads}}
}

// Counters returns the present counts.
func (s *Server) Counters() Counters {
	return Counters{Accepted: s.accepted.Load(), Declined: s.declined.Load(), LoggedIn: s.loggedIn.Load(), Commands: s.commands.Load(), Failed: s.failed.Load()}
}

// Serve answers the clients that come to l until ctx is done, then tells them so, closes l
// and every connection, and returns nil when all are closed. It returns an error if l
// fails. While the registers Ethernet/Enable SSH and Ethernet/Enable SFTP are both OFF new
// connections are closed at once, and those that are open go on.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	host, err := gossh.NewSignerFromSigner(s.gate.SSHHostKey())
	if err != nil {
		l.Close()
		return fmt.Errorf("the meter's SSH host key: %w", err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	for {
		socket, err := tcp.Accept(ctx, l)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("SSH server on %s: %w", l.Addr(), err)
		}
		leave, ok := s.waiting.enter(socket.RemoteAddr().String())
		if !ok || !s.enabled(access.SSH) && !s.enabled(access.SFTP) {
			if ok {
				leave()
			}
			s.declined.Add(1)
			socket.Close()
			continue
		}
		tcp.Prepare(socket, s.options.KeepAlive)
		s.accepted.Add(1)
		running.Go(func() {
			defer leave()
			s.converse(ctx, &timed{Conn: socket, limit: s.options.WriteTimeout}, host, leave)
		})
	}
}

// enabled reports whether a path takes new connections.
func (s *Server) enabled(p access.Path) bool { return s.gate.Security().Enabled(p) }

// timed is a socket on which a write takes no longer than a limit.
type timed struct {
	net.Conn
	limit time.Duration
}

func (t *timed) Write(b []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(t.limit)); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}
