package ssh

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/hepmeter/hepmeter/access"
)

// Bounds of one connection.
const (
	maxChannels = 4
	// farewell is how long a client may take to read why its connection ends.
	farewell = time.Second
	// idle is the gate's limit of a connection that nobody uses.
	idle = 15 * time.Minute
)

// connection is one client's connection. It begins as neither of the two paths, and becomes
// one of them by its first channel.
type connection struct {
	server                *Server
	remote                string
	client, clientVersion string
	// ended is closed by the gate when it ends the connection; end does so.
	ended chan struct{}
	end   func()

	mu sync.Mutex // guards what follows
	// user and password are what the login showed. They are needed once more, for the path
	// that the client takes, and forgotten then.
	user     string
	password []byte
	taken    bool
	decided  func() // tells that it has its path
	path     access.Path
	root     *access.Session
	session  *access.Session
	channels map[*channel]struct{}

	lastUse atomic.Int64 // ns since 1970
}

// converse serves one connection until it ends.
func (s *Server) converse(ctx context.Context, socket *timed, host gossh.Signer, leave func()) {
	defer socket.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	c := &connection{server: s, remote: socket.RemoteAddr().String(), ended: ended, end: sync.OnceFunc(func() { close(ended) }), channels: map[*channel]struct{}{}}
	// Patience is for all that comes before a path is taken.
	impatient := time.AfterFunc(s.options.Patience, func() { socket.Close() })
	defer impatient.Stop()
	c.decided = func() {
		impatient.Stop()
		leave()
	}
	defer c.forget()

	stop := context.AfterFunc(ctx, func() { socket.Close() })
	conn, incoming, requests, err := gossh.NewServerConn(socket, c.config(ctx, host))
	if err != nil {
		stop()
		return
	}
	if !stop() {
		return // the context ended meanwhile, and the socket is closed
	}

	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	defer socket.Close()
	gone := make(chan struct{})
	running.Go(func() { gossh.DiscardRequests(requests) }) // no forwarding of ports or of anything else
	running.Go(func() { c.accept(ctx, incoming, &running) })
	running.Go(func() {
		_ = conn.Wait() // how it ended is of no interest
		close(gone)
	})
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-gone:
			return
		case <-ctx.Done():
			c.farewell("the meter stops or starts again", gone, &running)
			return
		case <-ended:
			c.farewell(c.whyEnded(), gone, &running)
			return
		case <-look.C:
			if c.lapsed() {
				c.farewell(c.whyEnded(), gone, &running)
				return
			}
		}
	}
}

// gateClient is what the gate is told of who is connected.
func (c *connection) gateClient(p access.Path) access.Client {
	return access.Client{Path: p, Medium: access.Ethernet, Remote: c.remote, Encrypted: true, End: c.end}
}

// errOtherPath refuses a second purpose on one connection.
var errOtherPath = errors.New("a connection is the terminal or file transfer, not both: connect anew for the other")

// enter makes the connection one of a path, by its first channel, and returns its session.
// What was shown at the login is forgotten, whatever comes of it.
func (c *connection) enter(ctx context.Context, p access.Path) (*access.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.session != nil && c.path == p:
		return c.session, nil
	case c.taken:
		return nil, errOtherPath
	}
	credential := access.Credential{User: c.user, Given: true, Password: string(c.password)}
	clear(c.password)
	c.password = nil
	c.taken = true
	if !c.server.enabled(p) {
		return nil, disabled(p)
	}
	root, err := c.server.gate.Open(c.gateClient(p))
	if err != nil {
		return nil, err
	}
	root.Call(c.client, c.clientVersion)
	session, err := root.Login(ctx, credential, idle)
	if err != nil {
		root.Close()
		return nil, err
	}
	c.path, c.root, c.session = p, root, session
	c.used()
	c.decided()
	return session, nil
}

// disabled says that a service is switched off, and how it is switched on.
func disabled(p access.Path) error {
	what, register := "the terminal", "Ethernet/Enable SSH"
	if p == access.SFTP {
		what, register = "file transfer", "Ethernet/Enable SFTP"
	}
	return fmt.Errorf("%s is not served: %s is OFF, or this firmware does not have it; have someone with the right switch it on", what, register)
}

// forget ends the session and wipes what may be left of the login.
func (c *connection) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.password)
	c.password, c.taken = nil, true
	if c.root != nil {
		c.root.Close()
	}
}

// used notes that the client has asked for something.
func (c *connection) used() { c.lastUse.Store(c.server.options.Now().UnixNano()) }

// lapsed reports whether the session that the connection had has ended. Looking is no use.
func (c *connection) lapsed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session != nil && !c.session.May(access.ReadMeasurement) && !c.session.May(access.ChangeOwnPassword)
}

// whyEnded says why the gate ended the session.
func (c *connection) whyEnded() string {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session == nil {
		return "the connection was ended"
	}
	security, id := c.server.gate.Security(), session.Identity()
	_, there := security.Accounts[id.Account]
	switch {
	case c.server.options.Now().Sub(time.Unix(0, c.lastUse.Load())) >= idle-2*time.Second:
		return fmt.Sprintf("nobody used the connection for %d minutes", int(idle.Minutes()))
	case session.UserName() == access.FactoryUser:
		return "factory access was closed, or its time is over"
	case id.Kind == access.ModelNumber && security.Mode != access.LSS:
		return "legacy security support was switched off: log in with an account"
	case id.Account != 0 && !there:
		return "the account " + access.UserName(id.Account) + " was removed"
	}
	select {
	case <-c.ended:
		return "an administrator ended the connection"
	default:
		return "the password was changed, or the security mode: log in anew"
	}
}

// farewell tells every channel why the connection ends, as far as the client takes it in
// time.
func (c *connection) farewell(why string, gone <-chan struct{}, running *sync.WaitGroup) {
	patience := time.After(farewell)
	c.mu.Lock()
	for k := range c.channels {
		if k.restarts.Load() {
			continue // he is told by the answer of his command
		}
		running.Go(func() { // what the client does not take ends with the socket
			k.tell("the connection ends: " + why)
			k.exit(exitFailed)
		})
	}
	c.mu.Unlock()
	select {
	case <-gone:
	case <-patience:
	}
}

// rescue turns a panic of a request into an error: one client's request must not stop the
// meter.
func (s *Server) rescue(doing string, err *error) {
	if r := recover(); r != nil {
		s.failed.Add(1)
		s.options.Log.Error("ssh: a request failed within the meter", "request", doing, "panic", r, "stack", string(debug.Stack()))
		*err = errors.New("the meter failed at this; its log says why")
	}
}
