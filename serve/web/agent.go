package web

import "strings"

// browsers are the products that a User-Agent may name, the telling one first: an Edge
// says that it is a Chrome, and a Chrome that it is a Safari.
var browsers = [...]struct{ product, name string }{
	{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
}

// agent tells what a client calls itself: the browser, or the first product of a
// User-Agent ("curl/8.14.1").
func agent(header string) (name, version string) {
	if strings.HasPrefix(header, "Mozilla/") {
		for _, b := range browsers {
			if _, rest, ok := strings.Cut(header, b.product); ok {
				version, _, _ = strings.Cut(rest, " ")
				return b.name, version
			}
		}
	}
	first, _, _ := strings.Cut(header, " ")
	name, version, _ = strings.Cut(first, "/")
	return name, version
}
