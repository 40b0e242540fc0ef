package ssh

import (
	"net"
	"net/netip"
	"sync"
)

// waiting counts the connections that have not yet said what they want: who has shown no
// right password must not keep others out.
type waiting struct {
	all, ofNetwork int // limits

	mu    sync.Mutex
	total int
	of    map[string]int
}

// enter takes a place for an address, and returns how it is given back; ok is false where
// there is none.
func (w *waiting) enter(remote string) (leave func(), ok bool) {
	at := network(remote)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.total >= w.all || w.of[at] >= w.ofNetwork {
		return nil, false
	}
	if w.of == nil {
		w.of = map[string]int{}
	}
	w.total++
	w.of[at]++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.total--
		if w.of[at]--; w.of[at] == 0 {
			delete(w.of, at)
		}
	}), true
}

// network is what an address is counted by: itself, or its /64 of IPv6, of which one
// subscriber has all.
func network(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address.String()
}
