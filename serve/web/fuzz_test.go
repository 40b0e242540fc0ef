package web

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/access"
)

// direct answers a request as if it had come on a connection of its own.
func direct(s *Server, r *http.Request) *httptest.ResponseRecorder {
	client, server := net.Pipe()
	defer client.Close()
	v := &visit{Conn: server, door: s.newDoor(nil, false), host: "192.0.2.1"}
	v.door.enter(v.host)
	defer v.Close()
	w := httptest.NewRecorder()
	s.answer(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	return w
}

// FuzzRequest: whatever path, query and form a client sends, the meter answers, is not at
// fault, and shows nothing to who has not logged in.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"/", "", ""}, {"/login", "next=//x", "user=USER1&password=0"}, {"/logout", "", "token=x"}, {"/password", "", "action=change"},
		{"/api/v1/registers", "name=Power+Meter/Vln+a", ""}, {"/api/v1/modules/Power%20Meter", "", ""}, {"/api/v1/logs/%2F", "from=1&limit=0", ""},
		{"/assets/../login", "", ""}, {"/metrics", "", ""}, {"/certificates", "", "action=install&pem=-----BEGIN"}, {"/%00", "%", "%"},
	} {
		f.Add(seed[0], seed[1], seed[2], true)
		f.Add(seed[0], seed[1], seed[2], false)
	}
	server := New(newGated(f, third, access.LSS, access.OpenLimits()).gate, Options{})
	f.Fuzz(func(t *testing.T, path, query, form string, post bool) {
		target := "/" + strings.TrimPrefix(path, "/")
		if query != "" {
			target += "?" + query
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: u, RequestURI: target, Host: "meter", Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, RemoteAddr: "192.0.2.1:9"}
		if post {
			r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
			r.URL, r.RequestURI = u, target
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		failed := server.Counters().Failed
		w := direct(server, r)
		if w.Code >= 500 || server.Counters().Failed != failed {
			t.Errorf("%s %q: %d %s", r.Method, target, w.Code, w.Body)
		}
		open := u.Path == "/login" || u.Path == apiRoot || strings.HasPrefix(u.Path, "/assets/")
		if w.Code == http.StatusOK && !open {
			t.Errorf("%s %q is answered to nobody: %s", r.Method, target, w.Body)
		}
		elsewhere := w.Code == http.StatusTemporaryRedirect || w.Code == http.StatusPermanentRedirect || w.Code == http.StatusMovedPermanently || // a cleaner path
			strings.HasPrefix(w.Header().Get("Location"), "/login")
		if post && w.Code < 400 && !elsewhere {
			t.Errorf("a form without a token at %q: %d", target, w.Code)
		}
	})
}
