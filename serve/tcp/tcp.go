// Package tcp has what all servers do with their sockets.
package tcp

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Temporary reports whether accepting may succeed later.
func Temporary(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
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
