package ethergate

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// toLineBytes go to the device at once: few enough that the slowest line has sent them before
// the device counts as one that takes nothing.
const toLineBytes = 256

// guest is the client that is joined to a line.
type guest struct {
	conn    net.Conn
	line    *line
	session *access.Session
	// passed records the bytes at the end.
	passed func(toLine, fromLine uint64)
	leaves sync.Once
	last   chan struct{} // closed when it sends nothing more; it may still listen
	left   chan struct{} // closed when it is to go
	gone   chan struct{} // closed when it is

	// Guarded by the pipe's mu.
	sent, received uint64
	used           time.Time // when the latest byte went, either way
}

// leave ends the connection. It does not wait.
func (g *guest) leave() {
	g.leaves.Do(func() {
		close(g.left)
		g.conn.Close()
	})
}

func (g *guest) saidLast() bool {
	select {
	case <-g.last:
		return true
	default:
		return false
	}
}

// toLine passes what the guest sends to the line. It ends when the connection does; the error
// is one of the device.
func (p *Pipe) toLine(g *guest) error {
	b := make([]byte, toLineBytes)
	for {
		n, err := g.conn.Read(b)
		if n > 0 {
			p.mu.Lock()
			g.sent, g.used = g.sent+uint64(n), time.Now()
			p.mu.Unlock()
			if _, err := g.line.port.Write(b[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			close(g.last)
			<-g.left
			return nil
		}
		if err != nil {
			return nil // the connection has ended
		}
	}
}
