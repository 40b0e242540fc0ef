package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// maxTyped bounds the name and the password of a login, in bytes: nothing longer is right.
const maxTyped = 64

var loginPage = page{path: "/login", title: "Log in", template: "login.html"}

// loginSheet is what the login page shows.
type loginSheet struct {
	// Account, Model and Anything tell which names work now (F14): those of accounts, the
	// model number, and any.
	Account, Anything bool
	Model             string
	// LegacyOff tells that the model number would be a name with legacy security support.
	LegacyOff bool
	// Open tells that pages can be read without a login; Unsecured that nothing is asked.
	Open, Unsecured bool
	Banner          string
	Next, Name      string
	Encrypted       bool
}

func (s *Server) loginSheet(q *request, next, name string) loginSheet {
	security := s.gate.Security()
	sheet := loginSheet{
		Open:      q.login == nil && s.open(access.ReadMeasurement),
		Unsecured: security.Mode == access.None, Anything: security.Mode == access.Standard,
		LegacyOff: security.Mode == access.Advanced && slices.Contains(security.Generation.Modes, access.LSS),
		Banner:    security.Banner(), Next: local(next), Name: name, Encrypted: q.TLS != nil,
	}
	for _, kind := range s.gate.Takes(access.Web) {
		switch kind {
		case access.NamedUser:
			sheet.Account = security.Mode == access.LSS || security.Mode == access.Advanced
		case access.ModelNumber:
			sheet.Model = security.ModelName
		}
	}
	return sheet
}

// showLogin shows the login page.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	q := s.newRequest(w, r)
	s.write(w, q, s.pages[loginPage.path], s.loginSheet(q, r.URL.Query().Get("next"), ""), nil)
}

// logIn takes a name and a password, and gives the browser a session of its own.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, server: s, id: cookieOf(r)}
	if err := s.form(w, r, q.id); err != nil {
		s.refusePage(w, q, err)
		return
	}
	next, name, password := r.PostForm.Get("next"), strings.TrimSpace(r.PostForm.Get("user")), r.PostForm.Get("password")
	l, err := s.newLogin(r, name, password)
	if err != nil {
		name = strings.ToValidUTF8(name[:min(len(name), maxTyped)], "")
		s.write(w, q, s.pages[loginPage.path], s.loginSheet(q, next, name), s.refusalOf(r, err))
		return
	}
	if before, _ := s.loggedIn(r, q.id); before != nil {
		s.endLogin(before, "")
		s.forget(q.id)
	}
	setCookie(w, r, s.openLogin(l))
	w.Header().Set("Location", local(next))
	w.WriteHeader(http.StatusSeeOther)
}

// newLogin logs in on a connection of the gate of its own.
func (s *Server) newLogin(r *http.Request, name, password string) (*login, error) {
	switch {
	case name == "" && password == "":
		return nil, loginNeeded("neither a name nor a password was given")
	case len(name) > maxTyped:
		return nil, access.NewRefusal(access.CodeBadCredentials, "")
	}
	s.endDead()
	l := &login{encrypted: r.TLS != nil, name: name}
	l.ctx, l.end = context.WithCancel(context.Background())
	root, err := s.gate.Open(access.Client{Path: access.Web, Medium: access.Ethernet, Remote: r.RemoteAddr, Encrypted: l.encrypted,
		End: func() { s.terminated(l) }})
	if err != nil {
		l.end()
		return nil, err
	}
	l.root = root
	root.Call(agent(r.UserAgent()))
	if l.session, err = root.Login(r.Context(), access.Credential{User: name, Given: password != "", Password: password}, loginIdle); err != nil {
		l.end()
		root.Close()
		return nil, err
	}
	id := l.session.Identity()
	if !slices.Contains(s.gate.Takes(access.Web), id.Kind) { // right, and good for nothing here
		l.end()
		root.Close()
		return nil, access.NewRefusal(access.CodeUserNeeded, "the web pages log in with a name")
	}
	l.owner = id.Kind.String() + " " + l.session.UserName()
	if l.session.UserName() == "" {
		l.owner += " " + hostOf(r.RemoteAddr) // nobody in particular
	} else if id.Kind == access.NamedUser {
		l.name = l.session.UserName()
	}
	return l, nil
}

// terminated is told by the gate that it has ended the connection of a session, perhaps
// before the login is over.
func (s *Server) terminated(l *login) {
	reason := "someone with the right ended it"
	s.logins.mu.Lock()
	if s.options.Now().Sub(l.used) >= loginIdle {
		reason = "it was not used for " + loginIdle.String()
	}
	s.logins.mu.Unlock()
	s.ended(l, reason)
}

// logOut ends the session of a browser.
func (s *Server) logOut(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r, server: s, id: cookieOf(r)}
	if err := s.form(w, r, q.id); err != nil {
		s.refusePage(w, q, err)
		return
	}
	if l, _ := s.loggedIn(r, q.id); l != nil {
		s.endLogin(l, "")
		s.forget(q.id)
	}
	q.id = s.newID()
	setCookie(w, r, q.id)
	q.Say("You are logged out.")
	q.keepSaid(w)
	w.Header().Set("Location", "/login")
	w.WriteHeader(http.StatusSeeOther)
}
