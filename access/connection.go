package access

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Client is what a server knows of who is connected.
type Client struct {
	Path   Path
	Medium Medium
	Remote string // network address with port, or the name of the line
	// Encrypted tells that nobody on the way can read it.
	Encrypted bool
	// End closes the connection from the meter's side; nil where that cannot be done.
	End func()
}

// host is the address without its port: what is counted by.
func (c Client) host() string {
	if host, _, err := net.SplitHostPort(c.Remote); err == nil {
		return host
	}
	return c.Remote
}

func (c Client) origin() string { return c.Path.String() + " " + c.Remote }

// Limits are how many connections are taken.
type Limits struct {
	// Shared is for ION and Modbus together, 0 for no such limit; Path is for each path,
	// 0 for none.
	Shared int
	Path   [paths]int
}

// OpenLimits takes 1,024 connections of each service.
func OpenLimits() Limits {
	var l Limits
	for p := range l.Path {
		l.Path[p] = 1024
	}
	return l
}

// FactoryLimits are those of the real meters (security.md 7.1): eight connections that
// ION and Modbus share, ten for the web pages, two for file transfer.
func FactoryLimits() Limits {
	l := OpenLimits()
	l.Shared = 8
	l.Path[Web], l.Path[SFTP], l.Path[SSH], l.Path[FrontPanel] = 10, 2, 2, 1
	return l
}

// shares reports whether a path's connections count for Shared.
func shares(p Path) bool { return p == ION || p == IONOverModbus || p == ModbusMap }

// connection is one client's connection, with all sessions on it.
type connection struct {
	gate   *Gate
	client Client
	id     uint64
	since  time.Time
	closed atomic.Bool
	// kept tells that it is the one beyond the limit that is kept for a named user.
	kept bool
	// called is what the client calls itself.
	called atomic.Pointer[calling]
	// lastUse is when it was last used, in nanoseconds since 1970.
	lastUse atomic.Int64

	mu       sync.Mutex
	sessions []*Session
	latest   atomic.Pointer[Session] // what logged in last without a token
	reads    uint64                  // of sessions that are gone
}

// calling is what a client calls itself.
type calling struct{ name, version string }

// maxCalled bounds what is remembered of a client's name and version, in bytes.
const maxCalled = 64

func (c *connection) name() string {
	if called := c.called.Load(); called != nil {
		return called.name
	}
	return ""
}

// Open takes a connection and returns its session without credentials. Opening decides
// nothing: every request is judged by what it asks. The error is a *Refusal with
// CodeConnectionsUsed where there are too many. One more than the limit is taken: it is
// kept for a named user, so that polling clients cannot shut out maintenance.
func (g *Gate) Open(client Client) (*Session, error) {
	now := g.options.Now()
	g.mu.Lock()
	ofPath, shared, kept := 0, 0, false
	for _, c := range g.connections {
		if c.client.Path == client.Path {
			ofPath++
			kept = kept || c.kept
		}
		if shares(c.client.Path) {
			shared++
		}
	}
	limits := g.options.Limits
	full := limits.Path[client.Path] > 0 && ofPath >= limits.Path[client.Path] || limits.Shared > 0 && shares(client.Path) && shared >= limits.Shared
	if full && (kept || client.Path == ModbusMap) {
		g.mu.Unlock()
		return nil, refuse(CodeConnectionsUsed, "")
	}
	g.lastID++
	conn := &connection{gate: g, client: client, id: g.lastID, since: now, kept: full}
	g.connections[conn.id] = conn
	g.mu.Unlock()
	conn.lastUse.Store(now.UnixNano())
	s := &Session{conn: conn, root: true}
	conn.add(s)
	return s, nil
}

func (c *connection) add(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = append(c.sessions, s)
	s.since = c.gate.options.Now()
	s.entry.Store(c.gate.ledger.entry(c, s.identity, s.since))
}

// drop takes a session off the connection.
func (c *connection) drop(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.sessions, s); i >= 0 {
		c.sessions = slices.Delete(c.sessions, i, i+1)
		c.reads += s.reads.Load()
		c.gate.ledger.settle(s, c.gate.options.Now())
	}
}

func (c *connection) allReads() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.reads
	for _, s := range c.sessions {
		n += s.reads.Load()
	}
	return n
}

// close ends the connection and all its sessions.
func (c *connection) close() {
	if c.closed.Swap(true) {
		return
	}
	now := c.gate.options.Now()
	c.mu.Lock()
	for _, s := range c.sessions {
		s.ended.Store(true)
		c.reads += s.reads.Load()
		c.gate.ledger.settle(s, now)
	}
	c.sessions = nil
	reads := c.reads
	c.mu.Unlock()
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	delete(c.gate.connections, c.id)
	c.gate.reads.Add(reads)
}

// Call tells what the client calls itself, as the hello of the object protocol or an SSH
// client's version has it.
func (s *Session) Call(name, version string) {
	s.conn.called.Store(&calling{clean(name), clean(version)})
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	now := s.gate().options.Now()
	for _, each := range s.conn.sessions {
		s.gate().ledger.settle(each, now)
		each.entry.Store(s.gate().ledger.entry(s.conn, each.identity, now))
	}
}

// clean makes a client's words fit for a table: printable ASCII, bounded.
func clean(text string) string {
	out := make([]byte, 0, min(len(text), maxCalled))
	for i := 0; i < len(text) && len(out) < maxCalled; i++ {
		if c := text[i]; c >= ' ' && c <= '~' {
			out = append(out, c)
		}
	}
	return string(out)
}

// ConnectionInfo describes a connection for those who administer the meter.
type ConnectionInfo struct {
	ID                      uint64
	Path                    Path
	Medium                  Medium
	Remote                  string
	Client, ClientVersion   string
	User                    string
	Credential              CredentialKind
	Since                   time.Time
	Idle                    time.Duration
	Requests                uint64
	Encrypted, KeptForNamed bool
	ThisOne                 bool
}

// Connections lists who is connected. It needs Security Config Access.
func (s *Session) Connections() ([]ConnectionInfo, error) {
	if err := s.permit(ReadSecurity, "connections"); err != nil {
		return nil, err
	}
	g := s.gate()
	now := g.options.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []ConnectionInfo
	for _, c := range g.connections {
		info := ConnectionInfo{ID: c.id, Path: c.client.Path, Medium: c.client.Medium, Remote: c.client.Remote, Since: c.since,
			Idle: max(0, now.Sub(time.Unix(0, c.lastUse.Load()))), Requests: c.allReads(), Encrypted: c.client.Encrypted, KeptForNamed: c.kept, ThisOne: c == s.conn}
		if called := c.called.Load(); called != nil {
			info.Client, info.ClientVersion = called.name, called.version
		}
		if latest := c.latest.Load(); latest != nil {
			info.User, info.Credential = latest.identity.userName(), latest.identity.Kind
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b ConnectionInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// EndConnection closes another one's connection.
func (s *Session) EndConnection(_ context.Context, id uint64) error {
	if err := s.permit(AdministerSecurity, "connection"); err != nil {
		return err
	}
	g := s.gate()
	g.mu.Lock()
	c := g.connections[id]
	g.mu.Unlock()
	if c == nil {
		return refuse(CodeNotFound, "there is no such connection any more").of(AdministerSecurity)
	}
	c.terminate()
	s.note(Record{Kind: SessionClosed, Operation: AdministerSecurity, Target: c.client.origin()})
	return nil
}

// terminate closes a connection from the meter's side.
func (c *connection) terminate() {
	c.close()
	if c.client.End != nil {
		c.client.End()
	}
}

// goThrough ends connections that were idle for too long, and has the ledger count.
func (g *Gate) goThrough(now time.Time) {
	g.mu.Lock()
	list := make([]*connection, 0, len(g.connections))
	for _, c := range g.connections {
		list = append(list, c)
	}
	g.mu.Unlock()
	for _, c := range list {
		c.mu.Lock()
		for _, s := range c.sessions {
			if g.ledger.settle(s, now) {
				s.lastUse.Store(now.UnixNano())
				c.lastUse.Store(now.UnixNano())
			}
		}
		c.mu.Unlock()
		if limit := idleLimit(c.client.Path); limit > 0 && now.Sub(time.Unix(0, c.lastUse.Load())) >= limit {
			c.terminate()
		}
	}
}

// idleLimit is how long a connection of a path may be idle; 0 for ever. The panel's is
// that of its ancestors, the others are ours.
func idleLimit(p Path) time.Duration {
	switch p {
	case FrontPanel:
		return 5 * time.Minute
	case Web, SSH, SFTP:
		return 15 * time.Minute
	}
	return 0
}
