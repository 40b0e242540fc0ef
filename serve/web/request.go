package web

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// request is one request of a browser, with whom it is from.
type request struct {
	*http.Request
	// Session is what the browser may do: that of its login, or that of a connection which
	// has shown nothing. It is nil on the login page, and where something is refused to who
	// has not logged in.
	Session *access.Session

	// owner is, of live values, the session whose watching ends with it; Session is then
	// one beside it, and nothing that it does is use of the owner's.
	owner *access.Session

	server *Server
	login  *login // nil for who has not logged in
	ended  string // why a login is no more, empty for none
	id     string // of the cookie; every browser has one
	said   string // for the next page
	next   string // where an action leads, empty for its page
	renew  bool   // whether an action was such that the session gets another identifier
}

// newRequest finds out whom a request is from. A browser without a cookie is given one.
func (s *Server) newRequest(w http.ResponseWriter, r *http.Request) *request {
	q := &request{Request: r, server: s, id: cookieOf(r)}
	if q.id == "" {
		q.id = s.newID()
		setCookie(w, r, q.id)
	}
	if q.login, q.ended = s.loggedIn(r, q.id); q.login != nil {
		q.Session = q.login.session
	}
	return q
}

// newWatch is newRequest for live values, which begin anew by themselves.
func (s *Server) newWatch(r *http.Request) (*request, error) {
	q := &request{Request: r, server: s, id: cookieOf(r)}
	l, ended := s.loginOf(r, q.id)
	if q.ended = ended; l == nil {
		return q, nil
	}
	watcher, err := l.session.Stay()
	switch {
	case err == nil:
		q.login, q.owner, q.Session = l, l.session, watcher
	case over(err):
		q.ended, err = s.over(l), nil
	}
	return q, err
}

// watch lets the browser see live values, where it may do op.
func (q *request) watch(op access.Operation, target string) (err error) {
	if err = q.ask(op, target); err == nil && q.owner == nil {
		q.owner = q.Session
		q.Session, err = q.owner.Stay()
	}
	return err
}

// errLogin reports that who has not logged in may not do something.
var errLogin = errors.New("this needs a login")

// ask decides whether the browser may do op. Who has not logged in costs the gate a
// connection only where he may. The error is errLogin, or the gate's.
func (q *request) ask(op access.Operation, target string) error {
	if q.Session != nil {
		return q.Session.Ask(op, target)
	}
	if !q.server.open(op) {
		return errLogin
	}
	at, err := visitor(q.Request)
	if err != nil {
		return err
	}
	q.Session = at.session
	err = q.Session.Ask(op, target)
	at.admitted = err == nil
	return err
}

// open reports whether an operation needs no login now.
func (s *Server) open(op access.Operation) bool {
	return s.gate.Security().Decide(access.Request{Path: access.Web, Operation: op}) == nil
}

// Say shows a sentence on the page that follows an action.
func (q *request) Say(format string, args ...any) { q.said = fmt.Sprintf(format, args...) }

// Go leads to another page after an action.
func (q *request) Go(path string) { q.next = path }

// View returns a view of a set of registers.
func (q *request) View(set access.RegisterSet) (access.View, error) { return q.Session.Registers(set) }

// Snapshot returns the newest picture of the readings, and how to find their points.
func (q *request) Snapshot() (access.View, access.Snapshot, error) {
	return snapshot(q.Session, access.Readings)
}

// snapshot asks for a view and its newest picture: again where security changed between.
func snapshot(s *access.Session, set access.RegisterSet) (view access.View, now access.Snapshot, err error) {
	for range 3 {
		if view, err = s.Registers(set); err != nil {
			return view, nil, err
		}
		if now, err = view.Snapshot(); err == nil {
			if now == nil {
				return view, nil, access.NewRefusal(access.CodeBusy, "the meter has not measured anything yet")
			}
			return view, now, nil
		}
	}
	return view, nil, err
}

// keepOpen prepares an answer that goes on for long, as live values do: it lifts the limits
// of time, and returns a context that ends with the request, the session and the server.
// The stream sets a limit for each write (http.ResponseController.SetWriteDeadline).
func (q *request) keepOpen(w http.ResponseWriter) (context.Context, context.CancelFunc) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	ctx, cancel := context.WithCancel(q.Context())
	ends := []func() bool{}
	if stop, ok := q.Context().Value(stopKey{}).(context.Context); ok {
		ends = append(ends, context.AfterFunc(stop, cancel))
	}
	if q.login != nil {
		ends = append(ends, context.AfterFunc(q.login.ctx, cancel))
	}
	return ctx, func() {
		cancel()
		for _, forget := range ends {
			forget()
		}
	}
}

// saidCookie carries a sentence over the redirect that follows an action.
func (q *request) saidCookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: cookieName(q.Request) + "-said", Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: q.TLS != nil, SameSite: http.SameSiteStrictMode}
}

// maxSaid bounds a sentence, in bytes, saidSeconds how long it waits for its page.
const (
	maxSaid     = 1000
	saidSeconds = 60
)

// keepSaid gives a sentence to the browser, bound to it, so that nobody else can make the
// meter say something.
func (q *request) keepSaid(w http.ResponseWriter) {
	if q.said == "" {
		return
	}
	text := strings.ToValidUTF8(q.said[:min(len(q.said), maxSaid)], "")
	http.SetCookie(w, q.saidCookie(base64.RawURLEncoding.EncodeToString([]byte(text))+"."+base64.RawURLEncoding.EncodeToString(q.server.mac("said", q.id, text)), saidSeconds))
}

// takeSaid returns the sentence that an action left, once.
func (q *request) takeSaid(w http.ResponseWriter) string {
	c, err := q.Cookie(q.saidCookie("", 0).Name)
	if err != nil {
		return ""
	}
	http.SetCookie(w, q.saidCookie("", -1))
	first, second, _ := strings.Cut(c.Value, ".")
	text, err1 := base64.RawURLEncoding.DecodeString(first)
	sum, err2 := base64.RawURLEncoding.DecodeString(second)
	if err1 != nil || err2 != nil || len(text) > maxSaid || !hmac.Equal(sum, q.server.mac("said", q.id, string(text))) {
		return ""
	}
	return string(text)
}

// deviceName is the name that the owner has given the meter.
func (q *request) deviceName() string {
	if q.Session == nil || !q.Session.May(access.ReadMeasurement) {
		return ""
	}
	info, err := q.Session.Info()
	if err != nil {
		return ""
	}
	return info.DeviceName
}
