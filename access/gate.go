package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a gate is made of.
type Options struct {
	Registers Registers
	// Security is what holds at the start.
	Security *Security
	// Audit receives a record of every refusal, change and login.
	Audit Audit
	// Works, Logs and Files are what the meter can do; nil where it cannot.
	Works Works
	Logs  Logs
	Files Files
	// Scope gives samples; nil where there are none.
	Scope Scope
	// Now tells the time, with a monotonic reading; After makes an alarm (time.After);
	// Random gives random numbers (crypto/rand.Reader).
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time
	Random io.Reader
	Limits Limits
	// Hashing runs each check of a password, which takes 19 MiB for some tens of
	// milliseconds: whoever looks after the memory may prepare. Nil runs it as it is.
	Hashing func(check func())
	// Kept are the blobs that Keep gave before the last stop, by name.
	Kept map[string][]byte
}

// Gate is the one entrance to a meter. It is safe for use by many goroutines.
type Gate struct {
	options  Options
	state    atomic.Pointer[state]
	checker  *checker
	lockouts lockouts
	ledger   ledger

	forwarding forwarding

	reads, refusals, changes atomic.Uint64 // of what is closed, and of all

	mu          sync.Mutex // guards what follows
	connections map[uint64]*connection
	lastID      uint64
	provisional *provisional
	// provisionalChanged tells that what is kept of it is not what there is.
	provisionalChanged bool
	factory            factoryAccess
	keys               keys
}

// state is the security in force and its epoch, which grows with every change.
type state struct {
	security *Security
	epoch    uint64
}

// NewGate returns the gate of a meter.
func NewGate(o Options) (*Gate, error) {
	switch {
	case o.Registers == nil:
		return nil, errors.New("the gate needs registers to stand before")
	case o.Security == nil:
		return nil, errors.New("the gate needs to know what security is set")
	case o.Audit == nil:
		return nil, errors.New("the gate needs an audit to record refusals and changes in")
	case o.Now == nil || o.After == nil || o.Random == nil:
		return nil, errors.New("the gate needs to be told the time and given random numbers: set Now, After and Random")
	}
	if o.Works == nil {
		o.Works = absent{}
	}
	if o.Logs == nil {
		o.Logs = absent{}
	}
	if o.Files == nil {
		o.Files = absent{}
	}
	g := &Gate{options: o, connections: map[uint64]*connection{}}
	g.state.Store(&state{security: o.Security, epoch: 1})
	var key [sha256.Size]byte
	if _, err := io.ReadFull(o.Random, key[:]); err != nil {
		return nil, fmt.Errorf("no random numbers: %w", err)
	}
	hash := argon2id
	if o.Hashing != nil {
		hash = func(password string, salt []byte) (sum [hashBytes]byte) {
			o.Hashing(func() { sum = argon2id(password, salt) })
			return sum
		}
	}
	g.checker = newChecker(o.Now, o.After, key, hash)
	now := o.Now()
	var err error
	if g.keys, err = restoreKeys(o.Kept, o.Random); err != nil {
		return nil, err
	}
	err = errors.Join(g.lockouts.restore(o.Kept[keptLockouts], now), g.ledger.restore(o.Kept[keptLedger], now), g.restoreProvisional(o.Kept[keptProvisional], o.Kept[keptReturning], now), g.forwarding.restore(o.Kept[keptForward]))
	return g, err
}

// Names of the blobs that the gate keeps; accounts' verifiers are verifier/N.
const (
	keptLockouts    = "lockouts"
	keptLedger      = "ledger"
	keptProvisional = "provisional"
	keptVerifier    = "verifier/"
)

// Security returns what is in force.
func (g *Gate) Security() *Security { return g.state.Load().security }

// SetSecurity puts another security in force. Views handed out before go stale, sessions
// are decided on again, and those end that are no longer right.
func (g *Gate) SetSecurity(s *Security) {
	for {
		old := g.state.Load()
		if g.state.CompareAndSwap(old, &state{security: s, epoch: old.epoch + 1}) {
			break
		}
	}
	g.sweep()
}

// sweep ends the sessions that are no longer right: what ends them holds for good, also
// where it is taken back before they ask again.
func (g *Gate) sweep() {
	security := g.Security()
	for _, c := range g.all() {
		for _, s := range c.all() {
			if !s.holds(security) {
				s.end()
			}
		}
	}
}

// Counters are what has passed the gate since the start.
type Counters struct {
	Reads       uint64 // reads through views
	Changes     uint64 // allowed transactions, whether they succeeded or not
	Refusals    uint64
	Connections int // open now
}

// Counters returns the present counts.
func (g *Gate) Counters() Counters {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := Counters{Reads: g.reads.Load(), Changes: g.changes.Load(), Refusals: g.refusals.Load(), Connections: len(g.connections)}
	for _, conn := range g.connections {
		c.Reads += conn.allReads()
	}
	return c
}

// Tick is to be called about once a second, on the goroutine that carries out changes.
// It ends what was idle for too long, and returns a transaction that is due: security
// changes that nobody confirmed are to be taken back. It is nil where nothing is due.
func (g *Gate) Tick(now time.Time) (due *Transaction) {
	g.goThrough(now)
	g.closeFactory(now)
	return g.dueReturn(now)
}

// Keep returns the blobs to be stored that have changed since they were last returned.
// What only tells later times is kept back for some minutes, unless all is asked for.
func (g *Gate) Keep(now time.Time, all bool) map[string][]byte {
	kept := map[string][]byte{}
	if text := g.lockouts.keep(now); text != nil {
		kept[keptLockouts] = text
	}
	if text := g.ledger.keep(now, all); text != nil {
		kept[keptLedger] = text
	}
	if text := g.forwarding.keep(now, all); text != nil {
		kept[keptForward] = text
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.provisionalChanged {
		kept[keptProvisional], kept[keptReturning] = nil, nil
		if p := g.provisional; p != nil {
			kept[keptProvisional], kept[keptReturning] = p.kept(now), p.keptCertificate()
		}
		g.provisionalChanged = false
	}
	maps.Copy(kept, g.keys.fresh)
	clear(g.keys.fresh)
	return kept
}

// record completes r with who and when.
func (c *connection) record(id Identity, r Record) {
	g := c.gate
	r.Time, r.Path, r.Medium, r.Remote, r.Client = g.options.Now(), c.client.Path, c.client.Medium, c.client.Remote, c.name()
	r.Mode = g.Security().Mode
	if r.User == "" {
		r.User = id.userName()
		r.Named = id.Kind == NamedUser
	}
	g.options.Audit.Record(r)
}

// By is who acts, for the events of the meter.
func (s *Session) by() By {
	return By{User: s.identity.eventName(), Origin: s.conn.client.origin()}
}
