package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of password checking. A check costs tens of milliseconds of a core and 19 MiB,
// so that whoever floods the meter with logins must not decide how many run.
const (
	// checksAtOnce is how many run at a time, suspectsAtOnce how many of them of addresses
	// that gave a wrong password in the last suspicion.
	checksAtOnce   = 2
	suspectsAtOnce = 1
	suspicion      = time.Minute
	// checksWaiting is how many may wait in all, checksOfHost how many of one address.
	checksWaiting = 256
	checksOfHost  = 8
	// afterWrong is how long an address waits after a wrong password, counted in the time
	// that its check took; at least shortestWait, and behind wrongsAtFirst of them twice as
	// long with each, up to longestWait. A right one begins the count anew.
	afterWrong    = 8
	wrongsAtFirst = 5
	shortestWait  = time.Second
	longestWait   = 8 * time.Second
	// verifiedPasswords is how many right passwords are remembered.
	verifiedPasswords = 1024
	// hostsKnown is how many addresses are remembered that gave a wrong password.
	hostsKnown = 4096
)

// checker runs the costly checks of passwords: few at a time, one of an address, by turns
// between the addresses that ask, and none for a password that was right before. Who gave
// no wrong password lately goes first, and those who did have one place among them: a
// flood from many addresses leaves a core to the metering, and a place to an honest login.
//
// What it remembers is a keyed digest of the verifier's salt and the password: another
// password, or another verifier after a change, is another digest. Being remembered says
// only that the password is right; lockout is asked before.
type checker struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time
	key   [sha256.Size]byte
	hash  hashing

	mu       sync.Mutex
	running  int
	suspects int // of those that run
	waiting  int
	hosts    map[string]*host
	turns    []*host // with someone waiting, in the order in which they came or were served
	verified map[digest]struct{}
}

// digest is a keyed digest of a password that a client presented to a verifier.
type digest [sha256.Size]byte

// host is an address that has a check waiting, or gave a wrong password lately.
type host struct {
	name    string
	waiting []*waiter
	// busy tells that a check of it runs: one at a time of an address, so that it waits
	// after a wrong one. asSuspect tells that it takes the place of suspects.
	busy, asSuspect bool
	notNow          time.Time // no check before
	suspectUntil    time.Time
	wrongs          int // in a row, none of them a suspicion after the one before
}

// waiter is a check that waits for its turn.
type waiter struct {
	turn chan struct{} // closed when it may go on
	look chan struct{} // has one when the waiter should look how long it has to wait; capacity 1
}

// nudge has the first waiter look.
func (h *host) nudge() {
	if len(h.waiting) > 0 {
		select {
		case h.waiting[0].look <- struct{}{}:
		default:
		}
	}
}

// idle reports whether nothing needs to be remembered of the address.
func (h *host) idle(now time.Time) bool {
	return !h.busy && len(h.waiting) == 0 && !h.notNow.After(now) && !h.suspectUntil.After(now)
}

func newChecker(now func() time.Time, after func(time.Duration) <-chan time.Time, key [sha256.Size]byte, hash hashing) *checker {
	return &checker{now: now, after: after, key: key, hash: hash, hosts: map[string]*host{}, verified: map[digest]struct{}{}}
}

// digest tells apart what is presented to different verifiers; name is that of who is no
// account, and empty for an account.
func (c *checker) digest(v *Verifier, account int, name, password string) digest {
	mac := hmac.New(sha256.New, c.key[:])
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], uint64(account))
	binary.BigEndian.PutUint64(numbers[8:], uint64(len(name)))
	mac.Write(numbers[:])
	mac.Write(v.salt[:])
	mac.Write([]byte(name))
	mac.Write([]byte(normal(password)))
	return digest(mac.Sum(nil))
}

// knows reports whether the digest was of a right password.
func (c *checker) knows(d digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.verified[d]
	return ok
}

// check reports whether the password is right. It waits for its turn; the error is a
// *Refusal with CodeBusy where too many wait, or ctx's.
func (c *checker) check(ctx context.Context, address string, v *Verifier, d digest, password string) (bool, error) {
	h, err := c.begin(ctx, network(address))
	if err != nil {
		return false, err
	}
	began := c.now()
	right := false
	// Given back also when hashing panics for want of memory.
	defer func() { c.end(h, right, c.now().Sub(began), d) }()
	right = v.matches(password, c.hash)
	return right, nil
}

// slot waits for the turn to hash a new password: an administrator's, who is known.
func (c *checker) slot(ctx context.Context, address string) (done func(), err error) {
	h, err := c.begin(ctx, network(address))
	if err != nil {
		return nil, err
	}
	return func() { c.end(h, true, 0, digest{}) }, nil
}

// network is what has turns: an address, or the /64 that one IPv6 subscriber holds whole.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

func (c *checker) begin(ctx context.Context, address string) (*host, error) {
	h, w, err := c.enqueue(address)
	if err != nil {
		return nil, err
	}
	for {
		var alarm <-chan time.Time
		if wait := c.wait(h, w); wait > 0 {
			alarm = c.after(wait)
		}
		select {
		case <-w.turn:
			return h, nil
		case <-ctx.Done():
			if c.withdraw(h, w) {
				return nil, ctx.Err()
			}
			<-w.turn // it was given in the same moment
			return h, nil
		case <-w.look:
		case <-alarm:
		}
	}
}

func (c *checker) enqueue(address string) (*host, *waiter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, room := c.hosts[address], checksWaiting
	if h != nil && h.suspectUntil.After(c.now()) {
		room /= 2 // the rest is for who was not wrong
	}
	if c.waiting >= room || h != nil && len(h.waiting) >= checksOfHost {
		return nil, nil, refuse(CodeBusy, "")
	}
	if h == nil {
		if len(c.hosts) >= hostsKnown {
			c.forgetHosts()
		}
		h = &host{name: address}
		c.hosts[address] = h
	}
	w := &waiter{turn: make(chan struct{}), look: make(chan struct{}, 1)}
	h.waiting = append(h.waiting, w)
	c.waiting++
	if len(h.waiting) == 1 {
		c.turns = append(c.turns, h)
	}
	c.dispatch()
	return h, w, nil
}

// wait is how long the first that waits of an address has to wait before it should ask
// for its turn again; 0 for the others, who are told when they are first, and for who
// waits for a free place.
func (c *checker) wait(h *host, w *waiter) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dispatch()
	if h.busy || len(h.waiting) == 0 || h.waiting[0] != w {
		return 0
	}
	return h.notNow.Sub(c.now())
}

// dispatch gives turns as long as there are free places; the caller holds mu.
func (c *checker) dispatch() {
	now := c.now()
	for _, suspect := range [...]bool{false, true} {
		for passed := 0; passed < len(c.turns) && c.running < checksAtOnce; {
			// The newest goes first: of a first wave from everywhere an honest login is one
			// of hundreds. Suspects, who all come back, go in their order.
			i, back := len(c.turns)-1-passed, 0
			if suspect {
				i, back = passed, len(c.turns)-1
			}
			h := c.turns[i]
			if h.busy || h.notNow.After(now) || h.suspectUntil.After(now) != suspect || suspect && c.suspects >= suspectsAtOnce {
				passed++
				continue
			}
			c.turns = slices.Delete(c.turns, i, i+1)
			w := h.waiting[0]
			h.waiting = slices.Delete(h.waiting, 0, 1)
			if len(h.waiting) > 0 {
				c.turns = slices.Insert(c.turns, back, h)
			}
			h.busy, h.asSuspect = true, suspect
			if suspect {
				c.suspects++
			}
			c.waiting--
			c.running++
			close(w.turn)
		}
	}
}

// withdraw takes back a wish that was not granted yet.
func (c *checker) withdraw(h *host, w *waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.Index(h.waiting, w)
	if at < 0 {
		return false
	}
	h.waiting = slices.Delete(h.waiting, at, at+1)
	c.waiting--
	if len(h.waiting) == 0 {
		c.turns = slices.DeleteFunc(c.turns, func(t *host) bool { return t == h })
	}
	if h.idle(c.now()) {
		delete(c.hosts, h.name)
	}
	h.nudge()
	return true
}

func (c *checker) end(h *host, right bool, took time.Duration, d digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.running--
	if h.asSuspect {
		c.suspects--
	}
	h.busy, h.asSuspect, h.notNow = false, false, time.Time{}
	if right || !h.suspectUntil.After(now) {
		h.wrongs = 0
	}
	if !right {
		h.wrongs++
		h.notNow, h.suspectUntil = now.Add(max(afterWrong*took, atLeast(h.wrongs))), now.Add(suspicion)
	}
	if h.idle(now) {
		delete(c.hosts, h.name)
	}
	h.nudge()
	if right && d != (digest{}) {
		if len(c.verified) >= verifiedPasswords {
			clear(c.verified)
		}
		c.verified[d] = struct{}{}
	}
	c.dispatch()
}

// atLeast is how long an address waits after so many wrong passwords in a row.
func atLeast(wrongs int) time.Duration {
	wait := shortestWait
	for ; wrongs > wrongsAtFirst && wait < longestWait; wrongs-- {
		wait *= 2
	}
	return wait
}

// forgetHosts makes room: addresses that may go on at once need not be remembered. In an
// attack from everywhere some that should wait are forgotten, too.
func (c *checker) forgetHosts() {
	now := c.now()
	for name, h := range c.hosts {
		if h.idle(now) {
			delete(c.hosts, name)
		}
	}
	for name, h := range c.hosts {
		if len(c.hosts) <= hostsKnown/2 {
			return
		}
		if !h.busy && len(h.waiting) == 0 {
			delete(c.hosts, name)
		}
	}
}
