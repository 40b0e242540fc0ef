package modbus

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hepmeter/hepmeter/serve/tcp"
)

// A client that was switched off sends nothing, not even an end: TCP itself must
// ask, on the socket that the event loop duplicates.
func TestKeepAliveFindsDeadPeers(t *testing.T) {
	gate, _ := newTestGate(t, newTestMeter(), openRead(t), nil)
	s := New(gate, testMap(t), Options{KeepAlive: 25 * time.Second})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial(t, l.Addr().String())
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tcp.Prepare(conn, s.options.KeepAlive)
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		for _, option := range []struct {
			name       string
			level, opt int
			want       int
		}{
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 25},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
			{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 5},
			{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		} {
			if got, err := unix.GetsockoptInt(int(fd), option.level, option.opt); err != nil || got != option.want {
				t.Errorf("%s = %d, %v; want %d", option.name, got, err, option.want)
			}
		}
	})
}
