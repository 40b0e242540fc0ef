package master

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// earBuffer bounds what is heard and not yet taken.
	earBuffer = 4096
	// earPatience is how long a Read of a serial port takes at most: so soon it is left.
	earPatience = 100 * time.Millisecond
)

// errFlood reports a side that talks without being asked.
var errFlood = errors.New("more comes than can be an answer")

// ear listens to a port or a connection all the time, so that what comes has its own time and
// not that of whoever looks.
type ear struct {
	// heard has a token when there is something to take.
	heard chan struct{}
	ended chan struct{}

	mu     sync.Mutex
	b      []byte
	at     time.Time // when the last byte came
	err    error     // behind what is in b
	closed bool
}

// listen listens until the reader fails, or closes is called and a Read returns.
func listen(r io.Reader) *ear {
	e := &ear{heard: make(chan struct{}, 1), ended: make(chan struct{}), b: make([]byte, 0, earBuffer)}
	go e.listen(r)
	return e
}

func (e *ear) listen(r io.Reader) {
	defer close(e.ended)
	piece := make([]byte, 512)
	for {
		n, err := r.Read(piece)
		if !e.add(piece[:n], err) {
			return
		}
	}
}

// add reports whether it is to go on.
func (e *ear) add(piece []byte, err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	if len(piece) > cap(e.b)-len(e.b) {
		piece, err = nil, errFlood
	}
	if len(piece) > 0 {
		e.b, e.at = append(e.b, piece...), time.Now()
	}
	e.err = err
	if len(piece) > 0 || err != nil {
		select {
		case e.heard <- struct{}{}:
		default:
		}
	}
	return err == nil
}

// take appends to dst what has come, and says when its last byte came. The error is the
// reader's, and comes with what came before it.
func (e *ear) take(dst []byte) (all []byte, at time.Time, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	dst, at = append(dst, e.b...), e.at
	e.b = e.b[:0]
	return dst, at, e.err
}

// close ends listening, and waits for it. The reader is closed before, or returns by itself.
func (e *ear) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	<-e.ended
}
