package access

import (
	"cmp"
	"context"
	"maps"
	"net"
	"net/netip"
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
	// Gateway tells that it may ask for units behind the Modbus gateway, which has
	// connections of its own.
	Gateway bool
	// End closes the connection from the meter's side, and does not wait for it; nil where
	// that cannot be done.
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
	// Gateway is for the clients of the Modbus gateway, which count for neither; 0 for none.
	Gateway int
}

// OpenLimits takes 1,024 connections of each service.
func OpenLimits() Limits {
	l := Limits{Gateway: 1024}
	for p := range l.Path {
		l.Path[p] = 1024
	}
	return l
}

// FactoryLimits are those of the real meters (security.md 7.1): eight connections that
// ION and Modbus share, 32 of the Modbus gateway, ten for the web pages, two for file
// transfer.
func FactoryLimits() Limits {
	l := OpenLimits()
	l.Shared, l.Gateway = 8, 32
	l.Path[Web], l.Path[SFTP], l.Path[SSH], l.Path[FrontPanel] = 10, 2, 2, 1
	return l
}

// shares reports whether a path's connections count for Shared.
func shares(p Path) bool { return p == ION || p == IONOverModbus || p == ModbusMap }

// connection is one client's connection, with all sessions on it.
type connection struct {
	gate   *Gate
	client Client
	// address is that of the client, without its port; the zero value where it has none.
	address netip.Addr
	id      uint64
	since   time.Time
	closed  atomic.Bool
	// kept tells that it is the one beyond the limit that is kept for a named user.
	kept bool
	// called is what the client calls itself.
	called atomic.Pointer[calling]
	// lastUse is when it was last used, in nanoseconds since 1970.
	lastUse atomic.Int64

	mu       sync.Mutex
	sessions []*Session
	reads    uint64 // of sessions that are gone
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
// kept for a named user, who has keptPatience to log in, so that polling clients cannot
// shut out maintenance.
func (g *Gate) Open(client Client) (*Session, error) {
	now, limits := g.options.Now(), g.options.Limits
	g.mu.Lock()
	ofPath, shared, kept := 0, 0, false
	for _, c := range g.connections {
		if c.client.Gateway != client.Gateway {
			continue
		}
		samePath, bothShare := c.client.Path == client.Path, limits.Shared > 0 && shares(c.client.Path) && shares(client.Path)
		switch {
		case c.kept:
			kept = kept || samePath || bothShare
			continue
		case samePath:
			ofPath++
		}
		if bothShare {
			shared++
		}
	}
	full := limits.Path[client.Path] > 0 && ofPath >= limits.Path[client.Path] || limits.Shared > 0 && shared >= limits.Shared
	if client.Gateway {
		full = limits.Gateway > 0 && ofPath >= limits.Gateway
	}
	if full && (kept || client.Path == ModbusMap) {
		g.mu.Unlock()
		return nil, refuse(CodeConnectionsUsed, "")
	}
	g.lastID++
	conn := &connection{gate: g, client: client, address: addressOf(client.Remote), id: g.lastID, since: now, kept: full}
	g.connections[conn.id] = conn
	g.mu.Unlock()
	conn.lastUse.Store(now.UnixNano())
	s := &Session{conn: conn, root: true}
	conn.add(s)
	return s, nil
}

// addressOf is the address in what a server knows of its client.
func addressOf(remote string) netip.Addr {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return at.Addr()
	}
	return netip.Addr{}
}

// add puts a session on the connection, and reports whether there was room.
func (c *connection) add(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest, remembered := -1, 0
	for i, other := range c.sessions {
		if other.shown != (digest{}) {
			remembered++
			if oldest < 0 {
				oldest = i
			}
		}
	}
	switch lasts := s.shown == (digest{}); {
	case lasts && len(c.sessions)-remembered > sessionsOfConnection: // the first is that of Open
		return false
	case !lasts && remembered >= rememberedOfConnection:
		c.sessions[oldest].ended.Store(true)
		c.remove(oldest)
	}
	c.sessions = append(c.sessions, s)
	s.since = c.gate.options.Now()
	s.entry.Store(c.gate.ledger.entry(c, s.identity, s.since))
	return true
}

// drop takes a session off the connection.
func (c *connection) drop(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.sessions, s); i >= 0 {
		c.remove(i)
	}
}

// remove counts what a session has read and forgets it; the caller holds mu.
func (c *connection) remove(i int) {
	s := c.sessions[i]
	c.gate.ledger.settle(s, c.gate.options.Now())
	c.reads += s.reads.Load()
	c.sessions = slices.Delete(c.sessions, i, i+1)
}

// presented returns the session that With made for what is shown, nil if there is none.
func (c *connection) presented(shown digest) *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		if s.shown == shown && !s.ended.Load() {
			return s
		}
	}
	return nil
}

// all returns the sessions of the connection.
func (c *connection) all() []*Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sessions)
}

// all returns the connections.
func (g *Gate) all() []*connection {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Values(g.connections))
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
		sessions := c.all()
		if latest := len(sessions) - 1; latest > 0 { // the first is that of Open
			info.User, info.Credential = sessions[latest].identity.userName(), sessions[latest].identity.Kind
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

// goThrough ends connections and sessions that were idle for too long, and has the ledger
// count.
func (g *Gate) goThrough(now time.Time) {
	for _, c := range g.all() {
		named := false
		for _, s := range c.all() {
			c.mu.Lock()
			if g.ledger.settle(s, now) {
				s.lastUse.Store(now.UnixNano())
				c.lastUse.Store(now.UnixNano())
			}
			c.mu.Unlock()
			if s.idle(now) {
				s.end()
			}
			named = named || s.identity.Kind == NamedUser
		}
		limit := idleLimit(c.client.Path)
		if limit > 0 && now.Sub(time.Unix(0, c.lastUse.Load())) >= limit || c.kept && !named && now.Sub(c.since) >= keptPatience {
			c.terminate()
		}
	}
}

// keptPatience is how long who has the connection that is kept for a named user may take
// to log in.
const keptPatience = 10 * time.Second

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
