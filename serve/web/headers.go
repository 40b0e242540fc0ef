package web

import (
	"fmt"
	"net/http"
	"time"
)

// contentPolicy lets a page use what the meter itself serves, and nothing that stands in
// the page: no inline script or style can run, wherever it came from.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// insist is how long a browser refuses anything but HTTPS with a good certificate, once it
// has seen one. It is short: the owner may take his certificate away again, and browsers
// let nobody past the meter's own while they insist.
const insist = 24 * time.Hour

// setHeaders sets what every answer has. What may be kept says so later.
func (s *Server) setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	// With no-referrer browsers would not tell forms where they come from (Origin: null).
	h.Set("Referrer-Policy", "same-origin")
	if r.TLS != nil { // in clear browsers ignore it, and complain
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	// With the meter's own certificate a browser would not obey, and where one does that
	// was told to trust it, a renewed one would shut its user out.
	if r.TLS != nil && s.vouched() {
		h.Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d", int(insist.Seconds())))
	}
}
