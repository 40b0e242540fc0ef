package fault

import (
	"errors"
	"net"
	"os"
	"time"
)

// silence ends an RTU frame whose end cannot be told otherwise. It is far more than the
// 3.5 characters of a line, for TCP delivers when it likes.
const silence = 50 * time.Millisecond

// reader cuts what one side sends into frames. It holds two of the longest at most.
type reader struct {
	conn    net.Conn
	framing Framing
	from    Place
	buffer  [2 * longestFrame]byte
	used    int // of the piece given out last
	n       int
	err     error // of the connection; what came before it is given out first
}

// next returns the next piece, valid until the call after it. With a deadline it may return
// os.ErrDeadlineExceeded, and can be called again.
func (r *reader) next(deadline time.Time) (Frame, error) {
	r.n = copy(r.buffer[:], r.buffer[r.used:r.n])
	r.used = 0
	still := false
	for {
		if n, whole := r.framing.cut(r.buffer[:r.n], r.from, still || r.err != nil); n > 0 {
			r.used = n
			if whole {
				return r.framing.read(r.buffer[:n]), nil
			}
			return Frame{Bytes: r.buffer[:n]}, nil
		}
		if r.err != nil {
			return Frame{}, r.err
		}
		until, quiet := deadline, false
		if r.framing == RTU && r.n > 0 {
			if end := time.Now().Add(silence); until.IsZero() || end.Before(until) {
				until, quiet = end, true
			}
		}
		if err := r.conn.SetReadDeadline(until); err != nil {
			return Frame{}, err
		}
		n, err := r.conn.Read(r.buffer[r.n:])
		r.n += n
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			r.err = err
		case n > 0:
		case quiet:
			still = true
		default:
			return Frame{}, err
		}
	}
}
