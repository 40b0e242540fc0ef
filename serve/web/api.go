package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// apiRoot is where the API begins.
const apiRoot = "/api/v1"

// resource is one thing that the API answers. The list of them is what is routed, and what
// the description is made of.
type resource struct {
	path  string // below apiRoot, as a pattern of http.ServeMux
	name  string // of the operation in the description
	doc   string
	needs access.Operation
	query []parameter
	// shape is a value of the type that is answered.
	shape any
	get   func(*asked) (any, error)
}

// parameter is one of the query, or of the path.
type parameter struct {
	name, doc string
	// whole tells that it is a whole number from low to high, and otherwise what stands for it.
	whole                bool
	low, high, otherwise uint64
	// many tells that it may come up to this often.
	many int
}

// asked is one request of the API.
type asked struct {
	*http.Request
	session *access.Session
	server  *Server
	texts   url.Values
	numbers map[string]uint64
}

func (s *Server) routeAPI() {
	list := resources()
	described, err := json.MarshalIndent(describe(list), "", "  ")
	if err != nil {
		panic(err) // it is part of the program
	}
	s.routes.HandleFunc("GET "+apiRoot, func(w http.ResponseWriter, r *http.Request) {
		writeText(w, r, http.StatusOK, "application/json", described)
	})
	for _, each := range list {
		s.routes.HandleFunc("GET "+apiRoot+each.path, func(w http.ResponseWriter, r *http.Request) {
			session, err := s.caller(r, each.needs, apiRoot+each.path)
			if err != nil {
				s.writeProblem(w, r, err)
				return
			}
			done, err := s.turn(r.Context())
			if err != nil {
				s.writeProblem(w, r, err)
				return
			}
			defer done()
			answer, err := s.ask(r, session, each)
			if err != nil {
				s.writeProblem(w, r, err)
				return
			}
			text, err := json.Marshal(answer)
			if err != nil {
				s.writeProblem(w, r, err)
				return
			}
			writeText(w, r, http.StatusOK, "application/json", append(text, '\n'))
		})
	}
	s.routes.HandleFunc("GET /metrics", s.serveMetrics)
}

// Answers to programs that are made or sent at a time, and how long one waits for its turn:
// all registers are some hundreds of kilobytes, and clients that ask for them again and
// again and read slowly must not fill the memory.
const (
	answersAtOnce = 32
	turnPatience  = 5 * time.Second
)

// turn waits until an answer to a program may be made.
func (s *Server) turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, access.NewRefusal(access.CodeBusy, "too many programs ask at once")
	}
}

// ask answers a request of the API in the name of a session.
func (s *Server) ask(r *http.Request, session *access.Session, to resource) (any, error) {
	a := &asked{Request: r, session: session, server: s}
	var err error
	if a.texts, a.numbers, err = parseQuery(r.URL.RawQuery, to.query); err != nil {
		return nil, err
	}
	return to.get(a)
}

// caller finds out whom a request of the API is from: who shows a name and a password with
// it, a browser that has logged in, or nobody; and whether he may.
func (s *Server) caller(r *http.Request, op access.Operation, target string) (*access.Session, error) {
	user, password, basic := r.BasicAuth()
	if !basic {
		l, ended := s.loggedIn(r, cookieOf(r))
		if l != nil {
			return l.session, l.session.Ask(op, target)
		}
		if ended != "" && !s.open(op) {
			return nil, access.NewRefusal(access.CodeSessionEnded, "the session has ended: "+ended)
		}
		if r.Header.Get("Authorization") != "" {
			return nil, loginNeeded("the header Authorization is not one of Basic authentication")
		}
	}
	at, err := visitor(r)
	if err != nil {
		return nil, err
	}
	session := at.session
	if basic {
		if session, err = at.session.With(r.Context(), access.Credential{User: user, Given: true, Password: password}); err != nil {
			return nil, err
		}
	}
	if err := session.Ask(op, target); err != nil {
		return nil, err
	}
	at.admitted = true
	return session, nil
}

// parseQuery reads the parameters of a request. It refuses what it does not know: a
// misspelt limit is no wish for all.
func parseQuery(raw string, known []parameter) (texts url.Values, numbers map[string]uint64, err error) {
	if texts, err = url.ParseQuery(raw); err != nil {
		return nil, nil, malformed("the query cannot be read: %v", err)
	}
	numbers = map[string]uint64{}
	for name, values := range texts {
		i := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		switch {
		case i < 0:
			return nil, nil, malformed("there is no parameter %.40q here", name)
		case len(values) > max(1, known[i].many):
			return nil, nil, malformed("%s comes %d times, at most %d are taken", name, len(values), max(1, known[i].many))
		}
	}
	for _, p := range known {
		if !p.whole {
			continue
		}
		numbers[p.name] = p.otherwise
		if !texts.Has(p.name) {
			continue
		}
		n, err := strconv.ParseUint(texts.Get(p.name), 10, 64)
		if err != nil || n < p.low || n > p.high {
			return nil, nil, malformed("%s is %.40q: write a whole number from %d to %d", p.name, texts.Get(p.name), p.low, p.high)
		}
		numbers[p.name] = n
	}
	return texts, numbers, nil
}

// endOfTime is the year 10,000, of which RFC 3339 has no more, in seconds since 1970.
const endOfTime = 253_402_300_800

// reading is a value as JSON has it: a number, true or false, a text, a time, and null for
// NOT AVAILABLE.
func reading(v access.Value) any {
	if !v.Available {
		return nil
	}
	switch v.Kind {
	case access.KindNumber, access.KindCount:
		return finite(v.Number)
	case access.KindBoolean:
		return v.Number != 0
	case access.KindEnum, access.KindText:
		return v.Text
	case access.KindTime:
		if !(v.Number >= 0 && v.Number < endOfTime) {
			return nil
		}
		whole := int64(v.Number)
		return time.Unix(whole, int64((v.Number-float64(whole))*1e9)).UTC()
	}
	return nil
}
