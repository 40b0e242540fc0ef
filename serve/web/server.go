// Package web serves the meter to browsers and programs by HTTP: pages, a read-only API
// and metrics.
//
// A server is built on the gate. Who logs in at the login page has a session of the gate
// on a connection of its own, which a cookie names; who shows nothing, or a user name and
// password with each request, has those of his TCP connection. docs/http-api.md is the
// description of the API.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// Options are what a server is told. The zero value of each means its default.
type Options struct {
	// Names are the host names and addresses that the meter's own certificate covers.
	Names []string
	// HTTPSPort is the port on which ServeTLS listens, empty for none: where browsers are
	// redirected to. Default none.
	HTTPSPort func() string
	// Now tells the time. Default time.Now.
	Now func() time.Time
	// Random makes session identifiers and keys. Default crypto/rand.
	Random io.Reader
	// Log is told of requests that failed within the meter. Default slog.Default().
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.HTTPSPort == nil {
		o.HTTPSPort = func() string { return "" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Limits of what a client sends, and of how long it may take. What goes on for longer, as
// live values do, says so itself (request.keepOpen).
const (
	headerBytes   = 16 << 10
	formBytes     = 64 << 10
	headerTimeout = 10 * time.Second // of the TLS handshake, too
	readTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 5 * time.Second
	keepAlive     = 30 * time.Second
	streamsAtOnce = 32 // of one HTTP/2 connection
)

// Server serves the pages, the API and the metrics of one meter.
type Server struct {
	gate       *access.Gate
	options    Options
	key        [32]byte // of the tokens of forms
	logins     logins
	assets     *assets
	catalogues catalogues
	turns      chan struct{}    // of answers to programs
	pages      map[string]*page // by pattern
	nav        []*page          // in the order of the navigation
	origin     http.CrossOriginProtection
	routes     *http.ServeMux
	scope      scope // draws waveforms

	requests, failed, declined atomic.Uint64
	connections                atomic.Int64
}

// Counters are what a server has done since its start.
type Counters struct {
	Requests    uint64 // answered
	Failed      uint64 // for which the meter was at fault
	Declined    uint64 // connections closed at once: too many, or the service is off
	Connections int64  // open now
	Logins      int    // sessions of browsers
}

// New returns a server of the meter behind the gate.
func New(gate *access.Gate, options Options) *Server {
	s := &Server{gate: gate, options: options.withDefaults(), assets: loadAssets(), turns: make(chan struct{}, answersAtOnce)}
	s.logins.init()
	if _, err := io.ReadFull(s.options.Random, s.key[:]); err != nil {
		panic(fmt.Sprintf("no random numbers: %v", err)) // crypto/rand never fails
	}
	s.routes = http.NewServeMux()
	s.routes.Handle("GET "+s.assets.prefix, s.assets)
	s.loadPages(pages())
	s.routes.HandleFunc("GET /login", s.showLogin)
	s.routes.HandleFunc("POST /login", s.logIn)
	s.routes.HandleFunc("POST /logout", s.logOut)
	for _, e := range endpoints() {
		s.routes.HandleFunc("GET "+e.path, s.serveEndpoint(e))
	}
	s.routeAPI()
	s.routes.HandleFunc("/", s.notFound)
	return s
}

// Counters returns the present counts.
func (s *Server) Counters() Counters {
	return Counters{Requests: s.requests.Load(), Failed: s.failed.Load(), Declined: s.declined.Load(), Connections: s.connections.Load(), Logins: s.logins.count()}
}

// ServePlain answers the clients that come to l in clear, until ctx is done: with the
// pages, a redirect to HTTPS, or not at all, as the register Ethernet/Web Access says at
// the time. It then closes l and every connection and returns nil when all are closed. It
// returns an error if l fails.
func (s *Server) ServePlain(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, l, http.HandlerFunc(s.plain), false)
}

// ServeTLS is ServePlain for HTTPS. While Ethernet/Web Access is Disabled or HTTP new
// connections are closed at once, and those that are open go on.
func (s *Server) ServeTLS(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, l, http.HandlerFunc(s.answer), true)
}

// serve runs one listener.
func (s *Server) serve(ctx context.Context, l net.Listener, handler http.Handler, encrypted bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			handler.ServeHTTP(w, r)
		}),
		// A request under way is answered when ctx ends; streams watch for the end.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopKey{}, ctx)
		},
		ConnContext:       s.connContext,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerBytes,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: streamsAtOnce},
		TLSConfig:      s.tlsConfig(),
		// Clients that break off a handshake are no news to the owner.
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	door := s.newDoor(l, encrypted)
	served := make(chan error, 1)
	go func() {
		if encrypted {
			served <- server.ServeTLS(door, "", "")
		} else {
			served <- server.Serve(door)
		}
	}()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("web server on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	cancel()
	stopping, enough := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer enough()
	if server.Shutdown(stopping) != nil {
		_ = server.Close() // who does not take his answer in time has none
	}
	if err == nil {
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = fmt.Errorf("web server on %s: %w", l.Addr(), ended)
		}
	}
	running.Wait()
	s.logins.endAll(encrypted)
	return err
}

// stopKey finds the context that ends with the server in that of a request.
type stopKey struct{}

// answer serves a request whose connection may be answered.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.setHeaders(w.Header(), r)
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		at := &stay{visit: v}
		defer at.end()
		r = r.WithContext(context.WithValue(r.Context(), stayKey{}, at))
	}
	defer func() {
		switch fault := recover(); fault {
		case nil:
		case http.ErrAbortHandler:
			panic(fault)
		default:
			s.failed.Add(1)
			s.options.Log.Error("a web request failed", "path", r.URL.Path, "fault", fault)
			panic(http.ErrAbortHandler)
		}
	}()
	s.routes.ServeHTTP(w, r)
}
