package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// webAccess is the register Ethernet/Web Access: how the pages are served.
type webAccess string

// Its values.
const (
	accessDisabled webAccess = "Disabled"
	accessHTTP     webAccess = "HTTP"
	accessHTTPS    webAccess = "HTTPS"
	accessRedirect webAccess = "HTTP with redirect to HTTPS"
)

// webAccess is the register as it is now; without one, pages are served encrypted only.
func (s *Server) webAccess() webAccess {
	switch now := webAccess(s.gate.Security().Setting(access.RegisterWebAccess)); now {
	case accessDisabled, accessHTTP, accessRedirect:
		return now
	}
	return accessHTTPS
}

// takes reports whether new connections are taken on a door.
func (a webAccess) takes(encrypted bool) bool {
	if encrypted {
		return a == accessHTTPS || a == accessRedirect
	}
	return a == accessHTTP || a == accessRedirect
}

// plain answers a request that came in clear. Web Access is asked each time, so that a
// connection from before a change shows no page, and takes no password, in clear.
func (s *Server) plain(w http.ResponseWriter, r *http.Request) {
	switch s.webAccess() {
	case accessHTTP:
		s.answer(w, r)
	case accessRedirect:
		s.requests.Add(1)
		s.setHeaders(w.Header(), r)
		s.redirect(w, r)
	default:
		panic(http.ErrAbortHandler) // closes the connection, as it is closed to new ones
	}
}

// redirect sends a client to the same host, path and query on the HTTPS port (F11). It is
// permanent, so that what is sent keeps its method and body, but not to be remembered: the
// owner may want it otherwise tomorrow.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request) {
	port := s.options.HTTPSPort()
	host := hostOnly(r.Host)
	if host == "" { // HTTP/1.0 needs none
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = hostOf(local.String())
		}
	}
	if port == "" || host == "" || r.Method == http.MethodConnect || r.URL.Path == "*" {
		http.Error(w, "this meter serves its pages over HTTPS only, and HTTPS cannot be reached from here", http.StatusNotFound)
		return
	}
	to := url.URL{Scheme: "https", Host: net.JoinHostPort(host, port), Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: strings.ReplaceAll(r.URL.RawQuery, "#", "%23"), ForceQuery: r.URL.ForceQuery}
	if port == "443" {
		to.Host = withBrackets(host)
	}
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusPermanentRedirect)
}

// hostOnly is the host of a Host header without its port; empty for one that is none.
func hostOnly(header string) string {
	parsed, err := url.Parse("//" + header)
	if err != nil || parsed.Host != header {
		return ""
	}
	host := parsed.Hostname()
	if strings.Contains(host, ":") { // an IPv6 address has brackets, and nothing else has colons
		if _, err := netip.ParseAddr(host); err != nil {
			return ""
		}
	}
	return host
}

// withBrackets is a host as URLs write it.
func withBrackets(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}
