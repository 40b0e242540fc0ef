package modbus

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// loop serves any number of connections on one goroutine, with the system's own
// event queue. A goroutine per connection (converse) costs a wake-up and a switch
// for each request; the loop answers all requests that have come since it last
// looked, and needs the less CPU per request the busier it is. It never waits for
// one client: a connection whose answers are not taken is left alone until there is
// room again, or its write limit has passed; one whose errand others do is left
// alone until that is done.
type loop struct {
	server  *Server
	writers *writers
	epoll   int
	wake    int // an eventfd: there is something in news, or the end has come

	mu    sync.Mutex
	news  news
	ended bool

	// Owned by the loop's goroutine.
	peers   map[int32]*peer
	now     time.Time // when the present events were fetched
	swept   time.Time
	yielded time.Time
	in, out []byte
}

// news is what other goroutines have for the loop.
type news struct {
	arrivals  []*peer // connections that were accepted
	returned  []*peer // whose errand is done
	dismissed []*peer // that the meter ends
}

// peer is one connection of a loop.
type peer struct {
	fd     int
	client *client
	// rest is the beginning of a frame whose end has not come yet.
	rest []byte
	// pending are answers that the socket had no room for. While there are any,
	// nothing more is read from this client.
	pending []byte
	// due is an errand that begins when the answers before it are taken, underWay the one
	// that is being done. While there is one, nothing more is read.
	due, underWay errand
	// dismissed tells that the meter ended the session.
	dismissed atomic.Bool
	// active is when a request last came or, with answers pending, when the socket
	// last took any.
	active time.Time
}

const (
	// loopRequestBuffer bounds how many requests of one client are answered before
	// the next client's turn.
	loopRequestBuffer = 1024
	// loopAnswerBuffer has room for the longest answers to all of them.
	loopAnswerBuffer = 32 << 10
	loopEvents       = 128
	// yieldEvery is how often the loop gives way, though nobody may be waiting. Go's
	// monitor thread takes a goroutine that has run for 10 ms on end for one that is
	// stuck, and then takes the processor away at every system call that waits.
	yieldEvery = 4 * time.Millisecond
)

// newLoop starts a loop that runs until ctx is done. It is counted in running.
func (s *Server) newLoop(ctx context.Context, running *sync.WaitGroup, writers *writers) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("event queue: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)})
	}
	if err != nil {
		unix.Close(wake)
		unix.Close(epoll)
		return nil, fmt.Errorf("event queue: %w", err)
	}
	l := &loop{
		server: s, writers: writers, epoll: epoll, wake: wake,
		peers: make(map[int32]*peer),
		in:    make([]byte, loopRequestBuffer),
		out:   make([]byte, 0, loopAnswerBuffer),
	}
	stop := context.AfterFunc(ctx, l.rouse)
	running.Go(func() {
		defer stop()
		l.run(ctx)
	})
	return l, nil
}

// take hands a connection over to the loop, which closes it where the gate takes no more.
// It reports false if the loop cannot serve it; the caller then still owns it.
func (l *loop) take(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	// A duplicate leaves Go's own event queue when the original is closed.
	fd := -1
	if cerr := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil || err != nil {
		return false
	}
	p := &peer{fd: fd}
	if p.client, err = l.server.open(conn, func() { l.dismiss(p) }); err != nil {
		unix.Close(fd)
		conn.Close()
		return true
	}
	if !l.tell(func(n *news) { n.arrivals = append(n.arrivals, p) }) {
		l.server.closed(p.client)
		unix.Close(fd)
		return false
	}
	conn.Close()
	return true
}

// dismiss ends a connection from another goroutine. The loop closes it, since it may be
// at it just now.
func (l *loop) dismiss(p *peer) {
	p.dismissed.Store(true)
	l.tell(func(n *news) { n.dismissed = append(n.dismissed, p) })
}

// tell leaves news for the loop, and reports whether it still listens.
func (l *loop) tell(add func(*news)) bool {
	l.mu.Lock()
	ended := l.ended
	if !ended {
		add(&l.news)
	}
	l.mu.Unlock()
	l.rouse()
	return !ended
}

// rouse makes the loop look around.
func (l *loop) rouse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		// It fails only if the loop has been roused 2^64 times and not looked.
		_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (l *loop) run(ctx context.Context) {
	defer l.end()
	events := make([]unix.EpollEvent, loopEvents)
	l.swept = time.Now()
	for {
		if l.now.Sub(l.yielded) >= yieldEvery {
			l.yielded = l.now
			runtime.Gosched()
		}
		n, err := unix.EpollWait(l.epoll, events, l.patience())
		if err != nil {
			n = 0
			if err != unix.EINTR {
				// Nothing but a closed or foreign descriptor can do this; without events
				// no client can be served, and all see their connection end.
				return
			}
		}
		l.now = time.Now()
		for _, e := range events[:n] {
			if e.Fd == int32(l.wake) {
				var count [8]byte
				_, _ = unix.Read(l.wake, count[:])
				continue
			}
			if p := l.peers[e.Fd]; p != nil {
				l.attend(p)
			}
		}
		l.hear(ctx.Err() != nil)
		if ctx.Err() != nil && l.quiet() {
			return
		}
		if l.now.Sub(l.swept) >= l.sweepEvery() {
			l.sweep()
		}
	}
}

// patience is how long to wait for an event, in milliseconds: for ever without
// connections, and otherwise until the limits are to be checked.
func (l *loop) patience() int {
	if len(l.peers) == 0 {
		return -1
	}
	return int(l.sweepEvery()/time.Millisecond) + 1
}

// sweepEvery is how often limits are checked: often enough that a connection lives
// at most a quarter longer than its limit.
func (l *loop) sweepEvery() time.Duration {
	o := l.server.options
	return max(min(o.IdleTimeout, o.WriteTimeout, 4*time.Second)/4, time.Millisecond)
}

// hear does what other goroutines have for the loop. When it is ending, nothing new is
// begun.
func (l *loop) hear(ending bool) {
	l.mu.Lock()
	heard := l.news
	l.news = news{}
	l.mu.Unlock()
	for _, p := range heard.arrivals {
		p.active = l.now
		l.peers[int32(p.fd)] = p
		if p.dismissed.Load() || !l.listen(p) {
			l.drop(p)
		}
	}
	for _, p := range heard.dismissed {
		if l.has(p) {
			l.drop(p)
		}
	}
	for _, p := range heard.returned {
		if l.has(p) {
			l.returned(p, ending)
		}
	}
}

// has reports whether a connection is still there: what is told of it may come late, and
// its descriptor be another one's.
func (l *loop) has(p *peer) bool { return l.peers[int32(p.fd)] == p }

// listen has the system tell when a request comes.
func (l *loop) listen(p *peer) bool {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, p.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.fd)}) == nil
}

// quiet closes all connections but those whose errand goes on, and reports whether there
// were none such.
func (l *loop) quiet() bool {
	for _, p := range l.peers {
		if p.abandon() {
			l.drop(p)
		}
	}
	return len(l.peers) == 0
}

// attend does what one connection's event asks for.
func (l *loop) attend(p *peer) {
	if p.underWay != nil {
		// The other end sends nothing more. If it is gone, what has not begun needs not begin;
		// what has is answered.
		p.abandon()
		return
	}
	if len(p.pending) > 0 {
		if !l.send(p, p.pending) || len(p.pending) > 0 {
			return
		}
		l.expect(p, unix.EPOLLIN)
		if p.due != nil {
			l.begin(p)
			return
		}
		// Whole frames may have waited with the answers.
		if len(p.rest) > 0 && !l.answer(p, l.in[:copy(l.in, p.rest)]) {
			return
		}
		if len(p.pending) > 0 || p.underWay != nil {
			return
		}
	}
	have := copy(l.in, p.rest)
	n, err := unix.Read(p.fd, l.in[have:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil || n == 0:
		l.drop(p)
		return
	}
	l.answer(p, l.in[:have+n])
}

// answer serves the frames at the start of in and keeps what is left of it. It
// reports whether the connection is still there.
func (l *loop) answer(p *peer, in []byte) bool {
	for {
		used, answers, due, err := l.server.handler.serve(p.client, in, l.out)
		in = in[used:]
		if used > 0 {
			p.active = l.now
		}
		if len(answers) > 0 && !l.send(p, answers) {
			return false
		}
		if err != nil {
			l.server.malformed.Add(1)
			l.drop(p)
			return false
		}
		p.due = due
		if used == 0 || due != nil || len(p.pending) > 0 {
			p.rest = append(p.rest[:0], in...)
			if due != nil && len(p.pending) == 0 {
				l.begin(p)
			}
			return true
		}
	}
}

// begin has the errand done that is due. Meanwhile the system tells once if the other end
// sends nothing more, and nothing else: what comes is not read.
func (l *loop) begin(p *peer) {
	l.expect(p, unix.EPOLLRDHUP|unix.EPOLLONESHOT)
	p.due, p.underWay = nil, p.due
	p.underWay.begin(p.client, l.writers, func() {
		l.tell(func(n *news) { n.returned = append(n.returned, p) })
	})
}

// abandon reports whether nothing goes on for a connection that ends.
func (p *peer) abandon() bool { return p.underWay == nil || p.underWay.abandon() }

// returned answers an errand that was done, and goes on with what came behind it.
func (l *loop) returned(p *peer, ending bool) {
	e := p.underWay
	p.underWay, p.active = nil, l.now
	l.expect(p, unix.EPOLLIN)
	if answer := e.finish(l.server.handler, p.client, l.out); len(answer) > 0 && !l.send(p, answer) {
		return
	}
	if !ending && len(p.pending) == 0 && len(p.rest) > 0 {
		l.answer(p, l.in[:copy(l.in, p.rest)])
	}
}

// send writes answers, and keeps those that the socket has no room for. It reports
// whether the connection is still there.
func (l *loop) send(p *peer, answers []byte) bool {
	n, err := unix.Write(p.fd, answers)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		l.drop(p)
		return false
	}
	n = max(n, 0)
	if n > 0 {
		p.active = l.now
	}
	waiting := len(p.pending) > 0
	p.pending = append(p.pending[:0], answers[n:]...)
	if len(p.pending) > 0 && !waiting {
		l.expect(p, unix.EPOLLOUT)
	}
	return true
}

// expect changes the event that a connection waits for.
func (l *loop) expect(p *peer, events uint32) {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, p.fd, &unix.EpollEvent{Events: events, Fd: int32(p.fd)}); err != nil {
		p.active = time.Time{} // it would never be heard of again: the next sweep ends it
	}
}

// sweep closes the connections whose limit has passed.
func (l *loop) sweep() {
	l.swept = l.now
	for _, p := range l.peers {
		limit := l.server.options.IdleTimeout
		if len(p.pending) > 0 {
			limit = l.server.options.WriteTimeout
		}
		if p.underWay == nil && l.now.Sub(p.active) > limit {
			l.server.count(os.ErrDeadlineExceeded)
			l.drop(p)
		}
	}
}

// drop closes one connection, and gives up what can be of its errand.
func (l *loop) drop(p *peer) {
	p.abandon()
	delete(l.peers, int32(p.fd))
	unix.Close(p.fd)
	l.server.closed(p.client)
}

// end closes everything.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	arrivals := l.news.arrivals
	l.news = news{}
	l.mu.Unlock()
	for _, p := range arrivals {
		l.peers[int32(p.fd)] = p
	}
	for _, p := range l.peers {
		l.drop(p)
	}
	unix.Close(l.wake)
	unix.Close(l.epoll)
}

// The request buffer holds several frames, or a frame could never become whole.
const _ = uint(loopRequestBuffer - 2*modbus.MaxRequest)
