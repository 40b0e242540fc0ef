package modbus

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// Buffers of one connection. Requests are short (12 bytes for a read), answers are
// up to 260: the sizes let a burst of pipelined reads be answered in one write, and
// bound what a connection can occupy. A client that sends without reading fills the
// answer buffer, then its own send window, and stops only itself.
const (
	requestBuffer = 1024
	answerBuffer  = 4096
)

// converse serves one connection until it ends.
func (s *Server) converse(ctx context.Context, conn net.Conn, writers *writers) {
	defer conn.Close()
	c, err := s.open(conn, func() { conn.Close() })
	if err != nil {
		return
	}
	defer s.closed(c)
	// Waking the reader lets it answer what has arrived before it leaves.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	in := make([]byte, 0, requestBuffer)
	out := make([]byte, 0, answerBuffer)
	var readLimit, writeLimit limit
	asked := true // the first request has the idle limit from the start
	send := func(answers []byte) bool {
		if len(answers) == 0 {
			return true
		}
		if writeLimit.extend(s.options.WriteTimeout) {
			_ = conn.SetWriteDeadline(writeLimit.at)
		}
		_, err := conn.Write(answers)
		if err != nil {
			s.count(err)
		}
		return err == nil
	}
	for {
		for {
			used, answers, due, err := s.handler.serve(c, in, out)
			in = in[:copy(in, in[used:])]
			if !send(answers) {
				return
			}
			if due != nil {
				if !await(ctx, c, due, writers) || !send(due.finish(s.handler, c, out)) {
					return
				}
			}
			if err != nil {
				s.malformed.Add(1)
				return
			}
			if used == 0 {
				break
			}
			asked = true
		}
		if asked && readLimit.extend(s.options.IdleTimeout) {
			_ = conn.SetReadDeadline(readLimit.at)
			if ctx.Err() != nil {
				return
			}
		}
		asked = false
		waiting, kept := time.Now(), len(in)
		n, err := conn.Read(in[kept:cap(in)])
		in = in[:kept+n]
		if kept > 0 && s.silence > 0 && time.Since(waiting) >= s.silence {
			in = in[:copy(in, in[kept:])]
			s.handler.discarded.Add(1)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.count(err)
			}
			return
		}
	}
}

// await has an errand done, and reports whether it is to be finished.
func await(ctx context.Context, c *client, e errand, w *writers) bool {
	done := make(chan struct{})
	e.begin(c, w, func() { close(done) })
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	if e.abandon() {
		return false
	}
	<-done
	return true
}

func (s *Server) count(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.timedOut.Add(1)
	}
}

// limit is a deadline that is moved only now and then: setting one costs more than
// reading the clock.
type limit struct{ at time.Time }

// extend reports whether the deadline must be set anew, so that it lies at least
// timeout ahead; it may lie up to a quarter more.
func (l *limit) extend(timeout time.Duration) bool {
	now := time.Now()
	if l.at.Sub(now) >= timeout {
		return false
	}
	l.at = now.Add(timeout + timeout/4)
	return true
}

// The request buffer holds several frames, or a frame could never become whole.
const _ = uint(requestBuffer - 2*modbus.MaxRequest)
