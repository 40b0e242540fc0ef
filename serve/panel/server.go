// Package panel is the meter's front panel: data screens and setup menus, drawn by the
// meter on sessions of the gate. `hepmeter panel` is the glass and the keys in front of it,
// and knows nothing: docs/panel.md says what the two say to each other.
package panel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/tcp"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

// Options are what a server is made of. The zero value of each means its default.
type Options struct {
	// Log is told of what failed within the meter. Default slog.Default().
	Log *slog.Logger
	// Now tells the time, with a monotonic reading; After makes an alarm. Default time.Now
	// and time.After.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// Patience is how long a display may take for its first message, or to take a picture.
	// Default 10 seconds.
	Patience time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	return o
}

// Server is the front panel of the meter behind a gate.
type Server struct {
	gate    *access.Gate
	options Options
}

// New returns the front panel of the meter behind the gate.
func New(gate *access.Gate, options Options) *Server {
	return &Server{gate: gate, options: options.withDefaults()}
}

// Serve is the panel of the displays that come to l until ctx is done, then closes l and
// every connection, and returns nil when all are closed. It returns an error if l fails.
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
			return fmt.Errorf("front panel on %s: %w", l.Addr(), err)
		}
		running.Go(func() { s.converse(ctx, conn) })
	}
}

// converse serves one display until it goes.
func (s *Server) converse(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer conn.Close()
	defer cancel()
	defer func() {
		if failure := recover(); failure != nil {
			s.options.Log.Error("the front panel failed", "failure", failure, "stack", string(debug.Stack()))
		}
	}()
	end := func() {
		cancel()
		conn.Close()
	}
	out := &output{conn: conn, patience: s.options.Patience}
	requests := wire.NewRequests(conn)
	_ = conn.SetReadDeadline(time.Now().Add(s.options.Patience))
	first, err := requests.Next()
	if err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if first.Version != wire.Version {
		out.end(fmt.Sprintf("the meter's panel speaks version %d of its protocol, and this display %d", wire.Version, first.Version), "use the hepmeter program that runs the meter")
		return
	}
	session, err := s.gate.Open(access.Client{Path: access.FrontPanel, Medium: access.Local, Remote: "panel", Encrypted: true, End: end})
	if err != nil {
		out.refuse(err)
		return
	}
	defer session.Close()
	session.Call("hepmeter panel", fmt.Sprint(wire.Version))
	// The connection that the gate keeps for named users is of no use to a panel, which
	// shows its data to all.
	if _, err := session.Registers(access.Readings); codeOf(err) == access.CodeConnectionsUsed {
		out.refuse(err)
		return
	}
	d := newDisplay(s.gate, session, s.options)
	d.resize(first)
	if first.Screen != "" {
		lines, err := d.once(first.Screen)
		if err != nil {
			out.end(err.Error(), "")
			return
		}
		_ = out.send(wire.Picture{Lines: lines, End: true})
		return
	}
	keys := make(chan wire.Request)
	reading.Go(func() {
		defer cancel()
		for {
			request, err := requests.Next()
			if err != nil {
				return
			}
			select {
			case keys <- request:
			case <-ctx.Done():
				return
			}
		}
	})
	d.busy = func() { _ = out.show(d.draw("PLEASE WAIT")) }
	for {
		if session.Use() != nil { // somebody has ended the connection
			out.end("the meter has ended this panel", "attach again with hepmeter panel")
			return
		}
		d.rest()
		if out.show(d.draw("")) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case request := <-keys:
			d.resize(request)
			if request.Key != "" {
				d.press(ctx, request.Key)
			}
		case <-s.options.After(d.rate()):
		}
	}
}

// output is the way to a display.
type output struct {
	conn     net.Conn
	patience time.Duration
	begun    bool
	shown    []wire.Line
}

// show sends a picture, unless it is what the display shows already.
func (o *output) show(lines []wire.Line) error {
	if o.begun && reflect.DeepEqual(lines, o.shown) {
		return nil
	}
	o.shown = lines
	return o.send(wire.Picture{Lines: lines})
}

func (o *output) send(p wire.Picture) error {
	if !o.begun {
		o.begun, p.Version = true, wire.Version
	}
	_ = o.conn.SetWriteDeadline(time.Now().Add(o.patience))
	return wire.Write(o.conn, p)
}

// end tells why the display has to go.
func (o *output) end(reason, remedy string) {
	_ = o.send(wire.Picture{End: true, Error: reason, Remedy: remedy}) // it is closed in any case
}

// refuse tells what the gate said.
func (o *output) refuse(err error) {
	var refusal *access.Refusal
	if errors.As(err, &refusal) {
		o.end(refusal.Reason, refusal.Remedy)
		return
	}
	o.end(err.Error(), "")
}

// codeOf returns the code of a refusal, empty for another error or none.
func codeOf(err error) access.Code {
	var refusal *access.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}
