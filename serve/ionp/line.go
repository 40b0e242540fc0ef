package ionp

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// errSlow reports a client that did not send or take what it should have in time.
var errSlow = errors.New("the client is too slow")

// writeBlock is how much must go out within one write timeout.
const writeBlock = 64 << 10

// line is a connection with its time limits. Reading and writing may be done by two
// goroutines.
type line struct {
	conn    net.Conn
	ctx     context.Context
	options Options
	stop    func() bool

	// before is called before it is waited for more: replies go out then. It tells how many
	// bytes of messages that are not whole are there.
	before func() (held int, err error)
	// heard is set once the client has asked something with a meaning.
	heard bool
	// first is until when that must be, begun when the message under way began.
	first, begun time.Time
	timed        bool // a read deadline is set
}

func newLine(ctx context.Context, conn net.Conn, o Options) *line {
	l := &line{conn: conn, ctx: ctx, options: o, before: func() (int, error) { return 0, nil }, first: time.Now().Add(o.FirstMessage)}
	// Waking the reader lets it flush what it has answered before it leaves.
	l.stop = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	return l
}

// close ends the watch for the end of the server.
func (l *line) close() { l.stop() }

// whole tells that a message has come.
func (l *line) whole() { l.begun = time.Time{} }

// Read reads what there is. The error wraps errSlow when a limit has passed.
func (l *line) Read(p []byte) (int, error) {
	held, err := l.before()
	if err != nil {
		return 0, err
	}
	switch {
	case !l.heard:
		if !l.timed {
			_ = l.conn.SetReadDeadline(l.first)
			l.timed = true
		}
	case held > 0:
		if l.begun.IsZero() {
			l.begun = time.Now()
			_ = l.conn.SetReadDeadline(l.begun.Add(l.options.WholeMessage))
			l.timed = true
		}
	case l.timed:
		_ = l.conn.SetReadDeadline(time.Time{})
		l.timed = false
	}
	if err := l.ctx.Err(); err != nil { // a limit set just now hides that it is over
		return 0, err
	}
	n, err := l.conn.Read(p)
	if n > 0 {
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if stopped := l.ctx.Err(); stopped != nil {
			return 0, stopped
		}
		err = errSlow
	}
	return 0, err
}

// Write writes all of p, each part of it within the write timeout.
func (l *line) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.options.WriteTimeout))
		n, err := l.conn.Write(p[written:min(len(p), written+writeBlock)])
		written += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errSlow
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
