package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// Bounds of password checking. A check costs tens of milliseconds of a core and 19 MiB,
// so that whoever floods the meter with logins must not decide how many run.
const (
	// checksAtOnce is how many run at a time.
	checksAtOnce = 2
	// checksWaiting is how many may wait in all, checksOfHost how many of one address.
	checksWaiting = 256
	checksOfHost  = 8
	// afterWrong is how long an address waits after a wrong password, counted in the time
	// that its check took; at least shortestWait.
	afterWrong   = 8
	shortestWait = 250 * time.Millisecond
	// verifiedPasswords is how many right passwords are remembered.
	verifiedPasswords = 1024
	// hostsKnown is how many addresses are remembered that gave a wrong password.
	hostsKnown = 4096
)

// checker runs the costly checks of passwords: few at a time, by turns between the
// addresses that ask, and none for a password that was right before.
//
// What it remembers is a keyed digest of the verifier's salt and the password: another
// password, or another verifier after a change, is another digest. Being remembered says
// only that the password is right; lockout is asked before.
type checker struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time
	key   [sha256.Size]byte

	mu       sync.Mutex
	running  int
	waiting  int
	hosts    map[string]*host
	turns    []*host // with someone waiting, in the order of their turns
	verified map[digest]struct{}
}

// digest is a keyed digest of a password that a client presented to a verifier.
type digest [sha256.Size]byte

// host is an address that has a check waiting, or gave a wrong password lately.
type host struct {
	name    string
	waiting []*waiter
	// busy tells that a check of it runs: one at a time of an address, so that it waits
	// after a wrong one.
	busy   bool
	notNow time.Time // no check before
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

func newChecker(now func() time.Time, after func(time.Duration) <-chan time.Time, key [sha256.Size]byte) *checker {
	return &checker{now: now, after: after, key: key, hosts: map[string]*host{}, verified: map[digest]struct{}{}}
}

// digest tells apart what is presented to different verifiers.
func (c *checker) digest(v *Verifier, account int, password string) digest {
	mac := hmac.New(sha256.New, c.key[:])
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(account))
	mac.Write(number[:])
	mac.Write(v.salt[:])
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
	if err := c.begin(ctx, address); err != nil {
		return false, err
	}
	began := c.now()
	right := false
	// Given back also when hashing panics for want of memory.
	defer func() { c.end(address, right, c.now().Sub(began), d) }()
	right = v.matches(password)
	return right, nil
}

// slot waits for the turn to hash a new password: an administrator's, who is known.
func (c *checker) slot(ctx context.Context, address string) (done func(), err error) {
	if err := c.begin(ctx, address); err != nil {
		return nil, err
	}
	return func() { c.end(address, true, 0, digest{}) }, nil
}

func (c *checker) begin(ctx context.Context, address string) error {
	c.mu.Lock()
	h := c.hosts[address]
	if h == nil {
		if len(c.hosts) >= hostsKnown {
			c.forgetHosts()
		}
		h = &host{name: address}
		c.hosts[address] = h
	}
	if c.waiting >= checksWaiting || len(h.waiting) >= checksOfHost {
		c.mu.Unlock()
		return refuse(CodeBusy, "")
	}
	w := &waiter{turn: make(chan struct{}), look: make(chan struct{}, 1)}
	h.waiting = append(h.waiting, w)
	c.waiting++
	if len(h.waiting) == 1 {
		c.turns = append(c.turns, h)
	}
	c.dispatch()
	c.mu.Unlock()
	for {
		var alarm <-chan time.Time
		if wait := c.wait(h, w); wait > 0 {
			alarm = c.after(wait)
		}
		select {
		case <-w.turn:
			return nil
		case <-ctx.Done():
			if c.withdraw(h, w) {
				return ctx.Err()
			}
			<-w.turn // it was given in the same moment
			return nil
		case <-w.look:
		case <-alarm:
			c.mu.Lock()
			c.dispatch()
			c.mu.Unlock()
		}
	}
}

// wait is how long the first that waits of an address has to wait before it should ask
// for its turn; 0 for the others, who are told when they are first.
func (c *checker) wait(h *host, w *waiter) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.busy || len(h.waiting) == 0 || h.waiting[0] != w {
		return 0
	}
	wait := h.notNow.Sub(c.now())
	if wait <= 0 {
		c.dispatch()
	}
	return wait
}

// dispatch gives turns as long as there are free places; the caller holds mu.
func (c *checker) dispatch() {
	now := c.now()
	for tried := 0; c.running < checksAtOnce && tried < len(c.turns); {
		h := c.turns[0]
		c.turns = append(c.turns[:0], c.turns[1:]...)
		if h.busy || h.notNow.After(now) {
			c.turns = append(c.turns, h)
			tried++
			continue
		}
		w := h.waiting[0]
		h.waiting = h.waiting[1:]
		if len(h.waiting) > 0 {
			c.turns = append(c.turns, h)
		}
		h.busy = true
		c.waiting--
		c.running++
		close(w.turn)
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
	h.nudge()
	return true
}

func (c *checker) end(address string, right bool, took time.Duration, d digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	h := c.hosts[address] // a busy one is never forgotten
	h.busy = false
	switch {
	case !right:
		h.notNow = c.now().Add(max(afterWrong*took, shortestWait))
	case len(h.waiting) == 0:
		delete(c.hosts, address)
	default:
		h.notNow = time.Time{}
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

// forgetHosts makes room: addresses that may go on at once need not be remembered.
func (c *checker) forgetHosts() {
	now := c.now()
	for name, h := range c.hosts {
		if !h.busy && len(h.waiting) == 0 && !h.notNow.After(now) {
			delete(c.hosts, name)
		}
	}
	for name, h := range c.hosts { // an attack from everywhere
		if len(c.hosts) < hostsKnown {
			return
		}
		if !h.busy && len(h.waiting) == 0 {
			delete(c.hosts, name)
		}
	}
}
