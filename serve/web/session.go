package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// Limits of the sessions of browsers.
const (
	loginIdle    = 15 * time.Minute // without a page or a form: watching is no use
	loginsOfUser = 16               // of one account, from one address where there is none
	endedKept    = 256              // whose browsers are still told why they ended
	idBytes      = 32
)

// login is the session of a browser that has logged in: a connection of the gate of its
// own, so that it lasts over all TCP connections that the browser makes.
type login struct {
	root, session *access.Session
	encrypted     bool
	name          string // as it was typed
	owner         string // whom loginsOfUser counts it for

	ctx context.Context // ends with it
	end context.CancelFunc

	used   time.Time // guarded by logins.mu, as ended
	ended  time.Time
	reason string
}

// digest is the hash of a session's identifier: the identifier itself is nowhere but in
// the browser, and looking one up tells nothing of the others by the time it takes.
type digest [sha256.Size]byte

// logins are the sessions of all browsers.
type logins struct {
	mu sync.Mutex
	by map[digest]*login
}

func (l *logins) init() { l.by = map[digest]*login{} }

func (l *logins) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, each := range l.by {
		if each.ended.IsZero() {
			n++
		}
	}
	return n
}

// newID makes an identifier of 256 random bits.
func (s *Server) newID() string {
	id := make([]byte, idBytes)
	if _, err := io.ReadFull(s.options.Random, id); err != nil {
		panic(err) // crypto/rand never fails
	}
	return base64.RawURLEncoding.EncodeToString(id)
}

// cookieName is bound to the host, to the whole site and to HTTPS by its prefix, where
// there is HTTPS. It has the port, which browsers do not tell cookies apart by: several
// meters may run on one machine.
func cookieName(r *http.Request) string {
	name := "hepmeter"
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, port, err := net.SplitHostPort(local.String()); err == nil {
			name += "-" + port
		}
	}
	if r.TLS != nil {
		name = "__Host-" + name
	}
	return name
}

// setCookie hands out an identifier. The cookie lasts as long as the browser runs; how
// long it is good for is the meter's decision.
func setCookie(w http.ResponseWriter, r *http.Request, id string) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Value: id, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
}

// cookieOf returns the identifier that a browser shows, empty for none.
func cookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil || len(c.Value) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return ""
	}
	return c.Value
}

// openLogin puts a session under a fresh identifier. Of an account that has too many, the one
// that was not used for the longest time makes room.
func (s *Server) openLogin(l *login) (id string) {
	id = s.newID()
	s.logins.mu.Lock()
	l.used = s.options.Now()
	var same []*login
	for _, other := range s.logins.by {
		if other.owner == l.owner && other.ended.IsZero() {
			same = append(same, other)
		}
	}
	var evicted *login
	if len(same) >= loginsOfUser {
		evicted = slices.MinFunc(same, func(a, b *login) int { return a.used.Compare(b.used) })
	}
	s.logins.by[sha256.Sum256([]byte(id))] = l
	s.logins.prune()
	s.logins.mu.Unlock()
	if evicted != nil {
		s.endLogin(evicted, "the same account has logged in at too many browsers")
	}
	return id
}

// prune forgets why the first sessions ended, where many have; the caller holds mu.
func (l *logins) prune() {
	type old struct {
		key digest
		at  time.Time
	}
	var ended []old
	for key, each := range l.by {
		if !each.ended.IsZero() {
			ended = append(ended, old{key, each.ended})
		}
	}
	if len(ended) <= endedKept {
		return
	}
	slices.SortFunc(ended, func(a, b old) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	for _, each := range ended[:len(ended)-endedKept] {
		delete(l.by, each.key)
	}
}

// endLogin ends a session and its connection; its browser is told the reason.
func (s *Server) endLogin(l *login, reason string) {
	s.ended(l, reason)
	l.root.Close()
}

// ended notes that a session has ended, and ends what goes on for it.
func (s *Server) ended(l *login, reason string) {
	s.logins.mu.Lock()
	if l.ended.IsZero() {
		l.ended, l.reason = s.options.Now(), reason
	}
	s.logins.mu.Unlock()
	l.end()
}

// endDead ends the connections of sessions that the gate has ended, so that they make room:
// whoever has a session may at least read, or change his password.
func (s *Server) endDead() {
	s.logins.mu.Lock()
	var dead []*login
	for _, l := range s.logins.by {
		if l.ended.IsZero() && !l.session.May(access.ReadMeasurement) && !l.session.May(access.ChangeOwnPassword) {
			dead = append(dead, l)
		}
	}
	s.logins.mu.Unlock()
	for _, l := range dead {
		s.endLogin(l, s.whyEnded(l, 0))
	}
}

// endAll ends the sessions of one door.
func (l *logins) endAll(encrypted bool) {
	l.mu.Lock()
	var all []*login
	for key, each := range l.by {
		if each.encrypted == encrypted {
			all = append(all, each)
			delete(l.by, key)
		}
	}
	l.mu.Unlock()
	for _, each := range all {
		each.end()
		each.root.Close()
	}
}

// forget takes an identifier away, after a logout.
func (s *Server) forget(id string) {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	delete(s.logins.by, sha256.Sum256([]byte(id)))
}

// renew gives a session another identifier; the old one is good for nothing any more.
func (s *Server) renew(old string, l *login) (id string) {
	id = s.newID()
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	delete(s.logins.by, sha256.Sum256([]byte(old)))
	s.logins.by[sha256.Sum256([]byte(id))] = l
	return id
}

// loggedIn returns the session of a browser that uses it, nil for none. Of one that has
// ended the reason is returned in its place.
func (s *Server) loggedIn(r *http.Request, id string) (l *login, ended string) {
	if l, ended = s.loginOf(r, id); l == nil {
		return nil, ended
	}
	if l.session.Use() != nil {
		return nil, s.over(l)
	}
	s.logins.mu.Lock()
	l.used = s.options.Now()
	s.logins.mu.Unlock()
	return l, ""
}

// loginOf is loggedIn for what is no use of the session.
func (s *Server) loginOf(r *http.Request, id string) (l *login, ended string) {
	if id == "" {
		return nil, ""
	}
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	l = s.logins.by[sha256.Sum256([]byte(id))]
	switch {
	case l == nil || l.encrypted != (r.TLS != nil):
		return nil, ""
	case !l.ended.IsZero():
		return nil, l.reason
	}
	return l, ""
}

// over ends a session that the gate has ended, and tells why.
func (s *Server) over(l *login) (reason string) {
	s.logins.mu.Lock()
	idle := s.options.Now().Sub(l.used)
	s.logins.mu.Unlock()
	reason = s.whyEnded(l, idle)
	s.endLogin(l, reason)
	return reason
}

// whyEnded tells a user why the gate has ended his session.
func (s *Server) whyEnded(l *login, idle time.Duration) string {
	security := s.gate.Security()
	switch id := l.session.Identity(); {
	case id.Kind == access.ModelNumber && security.Mode == access.Advanced && slices.Contains(security.Generation.Modes, access.LSS):
		return "legacy security support was switched off: the model number is no longer a name to log in with"
	case id.Kind != access.NamedUser && security.Mode == access.Advanced:
		return "security is Advanced now: every login names an account"
	case idle >= loginIdle:
		return "it was not used for " + loginIdle.String()
	}
	return "the account or its password was changed, or someone with the right ended it"
}
