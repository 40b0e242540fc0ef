package syslog

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged is what the peer's TCP has not acknowledged yet, in octets (tcp(7),
// SIOCOUTQ).
func unacknowledged(conn net.Conn) (octets int) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			octets = n
		}
	})
	if err != nil {
		return 0
	}
	return octets
}
