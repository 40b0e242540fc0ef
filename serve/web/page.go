package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

//go:embed templates
var templateFiles embed.FS

// page is one page of the meter. pages (pages.go) lists them in the order of the navigation.
type page struct {
	// path is where it is, as a pattern of http.ServeMux: "/harmonics", "/logs/{recorder}".
	path  string
	title string
	// group is the heading of the navigation that it stands under; a page without one is
	// reached from others.
	group string
	// needs is what its reader must be allowed. Who has not logged in is sent to the login
	// page where he is not, and who has is told what is missing.
	needs access.Operation
	// template is the file in templates/ that defines its "content".
	template string
	// scripts are modules in assets/.
	scripts []string
	// show makes what the template shows; nil shows nothing. An error is told in its place.
	show func(*request) (any, error)
	// actions are what its forms do, by the value of their field "action". After success
	// the browser loads the page anew (or where request.Go says) and shows what
	// request.Say said; an error is told on top of the page.
	actions map[string]func(*request) error

	made *template.Template
}

// endpoint is what scripts on the pages ask for: live values, files. Its refusals are those
// of the API.
type endpoint struct {
	path  string // of GET
	needs access.Operation
	// live tells that it goes on for long, and begins anew by itself: it is no use of the
	// session.
	live  bool
	serve func(http.ResponseWriter, *request) error
}

// sheet is what layout.html shows.
type sheet struct {
	Title, Path     string
	Model, Firmware string
	Nav             []navGroup
	User            string // empty for who has not logged in
	LoggedIn        bool
	Token           string
	Scripts         []string
	Said            string
	Refusal         *access.Refusal
	// Name is the device name, empty where there is none or the reader may not know; Pending
	// what waits to be confirmed.
	Name    string
	Pending *pending
	Data    any
}

// navGroup is a heading of the navigation with its pages.
type navGroup struct {
	Name  string
	Items []navItem
}

type navItem struct {
	Title, Path string
	Current     bool
}

// loadPages parses the templates and routes the pages.
func (s *Server) loadPages(all []page) {
	s.pages = map[string]*page{}
	functions := template.FuncMap{"asset": s.assets.address}
	maps.Copy(functions, templateFunctions())
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	made := func(name string) *template.Template {
		return template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+name))
	}
	own := []page{loginPage, refusalPage}
	for i := range own {
		own[i].made = made(own[i].template)
		s.pages[own[i].path] = &own[i]
	}
	for i := range all {
		p := &all[i]
		p.made = made(p.template)
		s.pages[p.path] = p
		s.nav = append(s.nav, p)
		pattern := p.path
		if pattern == "/" {
			pattern = "/{$}"
		}
		s.routes.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) { s.showPage(w, r, p) })
		if len(p.actions) > 0 {
			s.routes.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) { s.act(w, r, p) })
		}
	}
}

// refusalPage shows a refusal and nothing else.
var refusalPage = page{path: "refused", title: "Refused", template: "refused.html"}

// showPage answers with a page.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request, p *page) {
	if q := s.newRequest(w, r); s.admits(w, q, p) {
		s.render(w, q, p, nil)
	}
}

// admits reports whether the page may be shown; otherwise the answer is given.
func (s *Server) admits(w http.ResponseWriter, q *request, p *page) bool {
	err := q.ask(p.needs, "page "+p.path)
	switch {
	case err == nil:
		return true
	case errors.Is(err, errLogin):
		s.toLogin(w, q)
	default:
		s.refusePage(w, q, err)
	}
	return false
}

// act carries out what a form asks for.
func (s *Server) act(w http.ResponseWriter, r *http.Request, p *page) {
	q := s.newRequest(w, r)
	if err := s.form(w, r, q.id); err != nil {
		s.refusePage(w, q, err)
		return
	}
	if !s.admits(w, q, p) {
		return
	}
	do, ok := p.actions[r.PostForm.Get("action")]
	if !ok {
		s.refusePage(w, q, malformed("this page has no such form"))
		return
	}
	if err := do(q); err != nil {
		s.render(w, q, p, s.refusalOf(r, err))
		return
	}
	if q.renew && q.login != nil {
		q.id = s.renew(q.id, q.login)
		setCookie(w, r, q.id)
	}
	q.keepSaid(w)
	if q.next == "" {
		q.next = r.URL.RequestURI()
	}
	w.Header().Set("Location", q.next)
	w.WriteHeader(http.StatusSeeOther)
}

// render shows a page, under a refusal where there is one.
func (s *Server) render(w http.ResponseWriter, q *request, p *page, refusal *access.Refusal) {
	var data any
	if p.show != nil {
		var err error
		if data, err = p.show(q); err != nil {
			if refusal == nil {
				refusal = s.refusalOf(q.Request, err)
			}
			p, data = s.pages[refusalPage.path], nil
		}
	}
	s.write(w, q, p, data, refusal)
}

// refusePage tells a refusal on a page of its own.
func (s *Server) refusePage(w http.ResponseWriter, q *request, err error) {
	s.write(w, q, s.pages[refusalPage.path], nil, s.refusalOf(q.Request, err))
}

// write fills in the layout. A page's 401 is a 403: the status 401 comes with a challenge
// (RFC 9110 15.5.2), and the login of the pages is a form.
func (s *Server) write(w http.ResponseWriter, q *request, p *page, data any, refusal *access.Refusal) {
	status := http.StatusOK
	if refusal != nil {
		if status = statusOf(refusal.Code); status == http.StatusUnauthorized {
			status = http.StatusForbidden
		}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", retryAfter)
		}
	}
	view := sheet{Title: p.title, Path: q.URL.Path, Token: s.token(q.id), Scripts: p.scripts, Said: q.takeSaid(w), Refusal: refusal, Data: data}
	view.Model, view.Firmware, _ = s.gate.Greeting(access.Web)
	view.Nav = s.navigation(q)
	view.Name, view.Pending = q.deviceName(), q.pending()
	if q.login != nil {
		view.LoggedIn, view.User = true, q.login.name
	}
	var text bytes.Buffer
	if err := p.made.Execute(&text, view); err != nil {
		s.failed.Add(1)
		s.options.Log.Error("a page failed", "page", p.path, "error", err)
		http.Error(w, "the page failed; the meter goes on", http.StatusInternalServerError)
		return
	}
	writeText(w, q.Request, status, "text/html; charset=utf-8", text.Bytes())
}

// may reports whether the browser could do op.
func (q *request) may(op access.Operation) bool {
	if q.Session == nil {
		return q.server.open(op)
	}
	return q.Session.May(op)
}

// navigation lists the pages that the session may see.
func (s *Server) navigation(q *request) (groups []navGroup) {
	may := map[access.Operation]bool{}
	for _, p := range s.nav {
		if p.group == "" {
			continue
		}
		allowed, known := may[p.needs]
		if !known {
			allowed = q.may(p.needs)
			may[p.needs] = allowed
		}
		if !allowed {
			continue
		}
		if n := len(groups); n == 0 || groups[n-1].Name != p.group {
			groups = append(groups, navGroup{Name: p.group})
		}
		last := &groups[len(groups)-1]
		last.Items = append(last.Items, navItem{Title: p.title, Path: p.path, Current: p.path == q.URL.Path})
	}
	return groups
}

// notFound answers for paths where nothing is.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	if isAPI(r.URL.Path) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the API reads only", http.StatusMethodNotAllowed)
			return
		}
		s.writeProblem(w, r, access.NewRefusal(access.CodeNotFound, "there is no such resource: "+apiRoot+" describes what there is"))
		return
	}
	q := s.newRequest(w, r)
	if !q.may(access.ReadMeasurement) && q.login == nil {
		s.toLogin(w, q) // who may see nothing is not told what there is
		return
	}
	s.refusePage(w, q, access.NewRefusal(access.CodeNotFound, fmt.Sprintf("there is no page %.100q", r.URL.Path)))
}

// serveEndpoint answers a script.
func (s *Server) serveEndpoint(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q *request
		var err error
		if !e.live {
			q = s.newRequest(w, r)
			err = q.ask(e.needs, e.path)
		} else if q, err = s.newWatch(r); err == nil {
			if err = q.watch(e.needs, e.path); q.owner != nil && q.Session != nil {
				defer q.Session.Close()
			}
		}
		switch {
		case errors.Is(err, errLogin) && q.ended != "":
			err = access.NewRefusal(access.CodeSessionEnded, q.ended)
		case errors.Is(err, errLogin):
			err = loginNeeded("the web pages begin with a login")
		case err == nil:
			err = e.serve(w, q)
		}
		if err != nil {
			s.writeProblem(w, r, err)
		}
	}
}

// toLogin sends a browser to the login page, and back afterwards. Why a session ended is
// told there.
func (s *Server) toLogin(w http.ResponseWriter, q *request) {
	to := url.Values{}
	if q.Method == http.MethodGet && q.URL.RequestURI() != "/" {
		to.Set("next", q.URL.RequestURI())
	}
	if q.ended != "" {
		q.said = "Your session has ended: " + q.ended + "."
		q.keepSaid(w)
	}
	address := "/login"
	if len(to) > 0 {
		address += "?" + to.Encode()
	}
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// local returns an address on this meter that a browser may be led to, "/" for any other.
func local(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "" || parsed.Host != "" || parsed.User != nil || !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return "/"
	}
	if parsed.Path == "/login" {
		return "/"
	}
	target := parsed.RequestURI()
	if strings.HasPrefix(target, "//") { // a slash that was escaped, beside what had to be escaped anew, names a host now
		return "/"
	}
	return target
}
