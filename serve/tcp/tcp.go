// Package tcp has what all servers do with their sockets.
package tcp

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// temporary reports whether accepting may succeed later.
func temporary(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// Accept returns the next connection that comes to l. Where there is no room for one (the
// process is out of descriptors), or a client has left the queue, it waits a little and
// tries again, until ctx is done.
func Accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	backoff := time.Duration(0)
	for {
		conn, err := l.Accept()
		if err == nil || ctx.Err() != nil || !temporary(err) {
			return conn, err
		}
		backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
		}
	}
}

// probes are sent before TCP gives a silent client up.
const probes = 5

// Prepare sets the options of a new connection: small answers go at once, and after
// keepAlive of silence TCP asks whether the client is still there, and gives it up after
// as long again. A socket that cannot have these still serves.
func Prepare(conn net.Conn, keepAlive time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetNoDelay(true)
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive / probes, Count: probes})
}
