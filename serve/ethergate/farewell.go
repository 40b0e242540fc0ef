package ethergate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// tellingAtOnce bounds the clients that are being told why they are sent away, telling how
// long each may take to hear it.
const (
	tellingAtOnce = 8
	telling       = time.Second
)

// farewell tells clients why they are not joined.
type farewell struct {
	running *sync.WaitGroup
	room    chan struct{}
}

func newFarewell(running *sync.WaitGroup) farewell {
	return farewell{running, make(chan struct{}, tellingAtOnce)}
}

// send tells a client in a line of text why it is not joined, and closes. It does not wait;
// where too many come at once, they are not told.
func (f farewell) send(conn net.Conn, why error) {
	select {
	case f.room <- struct{}{}:
	default:
		conn.Close()
		return
	}
	f.running.Go(func() {
		defer func() { <-f.room }()
		defer conn.Close()
		reason := why.Error()
		if refusal := new(access.Refusal); errors.As(why, &refusal) {
			reason = refusal.Reason
		}
		_ = conn.SetDeadline(time.Now().Add(telling)) // it is closed then, either way
		if _, err := fmt.Fprintf(conn, "EtherGate: %s\r\n", reason); err != nil {
			return
		}
		// What the client has sent is taken first: closed upon, it would hear of a reset alone.
		if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, conn)
		}
	})
}
