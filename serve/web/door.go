package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/serve/tcp"
)

// TCP connections that are taken at a time, in all and of one address: before anything is
// asked they cost the gate nothing, and a single client cannot keep all others out.
const (
	tcpConnections       = 1024
	tcpConnectionsOfHost = 128
)

// door takes the connections of one listener, as long as the service is on.
type door struct {
	net.Listener
	server    *Server
	encrypted bool

	mu     sync.Mutex
	open   int
	ofHost map[string]int
}

func (s *Server) newDoor(l net.Listener, encrypted bool) *door {
	return &door{Listener: l, server: s, encrypted: encrypted, ofHost: map[string]int{}}
}

// Accept returns the next connection that is served at all.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := tcp.Accept(context.Background(), d.Listener)
		if err != nil {
			return nil, err
		}
		if !d.server.webAccess().takes(d.encrypted) {
			d.server.declined.Add(1)
			conn.Close()
			continue
		}
		c := &visit{Conn: conn, door: d, host: hostOf(conn.RemoteAddr().String())}
		if !d.enter(c.host) {
			d.server.declined.Add(1)
			conn.Close()
			continue
		}
		tcp.Prepare(conn, keepAlive)
		d.server.connections.Add(1)
		return c, nil
	}
}

func (d *door) enter(host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open >= tcpConnections || d.ofHost[host] >= tcpConnectionsOfHost {
		return false
	}
	d.open++
	d.ofHost[host]++
	return true
}

func (d *door) leave(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.ofHost[host]--; d.ofHost[host] == 0 {
		delete(d.ofHost, host)
	}
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// visit is one TCP connection. It is a connection of the gate, too, while a request is
// carried out on it that is not of a browser that has logged in; and from then on, once
// one was allowed. So nobody takes connections of the gate who is let in nowhere.
type visit struct {
	net.Conn
	door *door
	host string

	mu       sync.Mutex
	session  *access.Session
	requests int // under way that use the session
	admitted bool
	closed   bool
}

// Close ends what the gate knows of the connection, too.
func (v *visit) Close() error {
	v.mu.Lock()
	closed, session := v.closed, v.session
	v.closed, v.session = true, nil
	v.mu.Unlock()
	if session != nil {
		session.Close()
	}
	if !closed {
		v.door.leave(v.host)
		v.door.server.connections.Add(-1)
	}
	return v.Conn.Close()
}

// enter returns the session of the connection for one request, which has shown nothing.
// The error is a *Refusal where the gate has no room.
func (v *visit) enter(r *http.Request) (*access.Session, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, access.ErrClosed
	}
	if v.session == nil {
		session, err := v.door.server.gate.Open(access.Client{Path: access.Web, Medium: access.Ethernet, Remote: v.RemoteAddr().String(), Encrypted: v.door.encrypted, End: func() { v.Conn.Close() }})
		if err != nil {
			return nil, err
		}
		session.Call(agent(r.UserAgent()))
		v.session = session
	}
	v.requests++
	return v.session, nil
}

// leave tells that a request is over, and whether it was allowed anything.
func (v *visit) leave(admitted bool) {
	v.mu.Lock()
	v.requests--
	v.admitted = v.admitted || admitted
	var session *access.Session
	if v.requests == 0 && !v.admitted {
		session, v.session = v.session, nil
	}
	v.mu.Unlock()
	if session != nil {
		session.Close()
	}
}

// visitKey finds the connection of a request.
type visitKey struct{}

func (s *Server) connContext(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	return context.WithValue(ctx, visitKey{}, conn)
}

// stay is what one request has of its connection's session.
type stay struct {
	visit    *visit
	session  *access.Session
	admitted bool
}

// stayKey finds it.
type stayKey struct{}

// visitor returns the session of a request's TCP connection.
func visitor(r *http.Request) (*stay, error) {
	at, ok := r.Context().Value(stayKey{}).(*stay)
	if !ok {
		return nil, access.ErrClosed
	}
	if at.session == nil {
		var err error
		if at.session, err = at.visit.enter(r); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// end gives the session back.
func (at *stay) end() {
	if at.session != nil {
		at.visit.leave(at.admitted)
	}
}
