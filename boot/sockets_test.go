package boot

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// slowDeadline is a socket on which setting a deadline takes its time.
type slowDeadline struct {
	net.Listener
	setting chan struct{}
	set     atomic.Bool
}

func (s *slowDeadline) SetDeadline(time.Time) error {
	close(s.setting)
	time.Sleep(10 * time.Millisecond)
	s.set.Store(true)
	return nil
}

// Who has closed a listener may lend the socket anew: no other Close that is still under way
// ends the accepting of the next server.
func TestSocketsCloseWaits(t *testing.T) {
	slow := &slowDeadline{setting: make(chan struct{})}
	l := &lent{Listener: slow}
	go l.Close()
	<-slow.setting
	_ = l.Close()
	if !slow.set.Load() {
		t.Error("a Close returned while another was still waking Accept")
	}
}

// A socket outlives what serves on it, and who connects meanwhile is served by the next.
func TestSocketsOutliveTheirServers(t *testing.T) {
	var sockets Sockets
	defer sockets.Close()
	first, err := sockets.Listen(t.Context(), "127.0.0.1", Modbus, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := sockets.Address(Modbus)
	ended := make(chan error)
	go func() {
		_, err := first.Accept()
		ended <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener's Accept: %v", err)
	}
	waiting, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatalf("while nobody serves: %v", err)
	}
	defer waiting.Close()
	second, err := sockets.Listen(t.Context(), "127.0.0.1", Modbus, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := second.Accept()
	if err != nil || conn.RemoteAddr().String() != waiting.LocalAddr().String() {
		t.Fatalf("the next server: %v", err)
	}
	conn.Close()
	if now := sockets.Address(Modbus); now != at {
		t.Errorf("the socket moved from %s to %s", at, now)
	}
}

// Another port is another socket, and the old one is gone.
func TestSocketsMove(t *testing.T) {
	var sockets Sockets
	defer sockets.Close()
	if _, err := sockets.Listen(t.Context(), "127.0.0.1", ION, 0); err != nil {
		t.Fatal(err)
	}
	old := sockets.Address(ION)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	if _, err := sockets.Listen(t.Context(), "127.0.0.1", ION, port); err != nil {
		t.Fatal(err)
	}
	if now := sockets.Addresses(); len(now) != 1 || now[ION] == old {
		t.Errorf("%v after moving from %s", now, old)
	}
	if conn, err := net.Dial("tcp", old); err == nil {
		conn.Close()
		t.Error("the old port still answers")
	}
}
