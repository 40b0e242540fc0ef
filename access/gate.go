package access

import (
	"errors"
	"sync/atomic"
	"time"
)

// Change is one register to be written.
type Change struct {
	// Operation is what the write amounts to: setup, clock, demand reset ...
	Operation Operation
	// Label is the register's "Module label/Register label"; empty if the server's
	// address stands for nothing that can be written.
	Label string
	// Target names it in audit records, in the words of the server.
	Target string
	Value  Value
}

// Writer carries out changes that the gate has allowed. The meter implements it.
type Writer interface {
	// Write makes all changes in one transaction, or none of them.
	Write([]Change) error
}

// Options are what a gate needs beside the registers.
type Options struct {
	Policy Policy
	// Audit receives a record of every refusal and every write.
	Audit Audit
	// Now tells the time for audit records.
	Now func() time.Time
	// Writer carries out allowed writes; nil where nothing can be written.
	Writer Writer
}

// Gate is the one entrance to a meter. It is safe for use by many goroutines.
type Gate struct {
	registers Registers
	options   Options
	state     atomic.Pointer[state]

	reads, refusals, writes atomic.Uint64
	open                    atomic.Int64
}

// state is the policy in force and its epoch, which grows with every change.
type state struct {
	policy Policy
	epoch  uint64
}

// NewGate returns the gate of a meter with these registers.
func NewGate(registers Registers, options Options) (*Gate, error) {
	switch {
	case registers == nil:
		return nil, errors.New("the gate needs registers to stand before")
	case options.Audit == nil:
		return nil, errors.New("the gate needs an audit to record refusals and writes in")
	case options.Now == nil:
		return nil, errors.New("the gate needs to be told the time: set Now")
	}
	g := &Gate{registers: registers, options: options}
	g.state.Store(&state{policy: options.Policy, epoch: 1})
	return g, nil
}

// SetPolicy puts another policy in force. Views handed out before go stale, so each
// session is decided on again.
func (g *Gate) SetPolicy(p Policy) {
	for {
		old := g.state.Load()
		if g.state.CompareAndSwap(old, &state{policy: p, epoch: old.epoch + 1}) {
			return
		}
	}
}

// Counters are what has passed the gate since the start.
type Counters struct {
	Reads    uint64 // reads through views
	Writes   uint64 // allowed writes, whether they succeeded or not
	Refusals uint64
	Sessions int64 // open now
}

// Counters returns the present counts.
func (g *Gate) Counters() Counters {
	return Counters{Reads: g.reads.Load(), Writes: g.writes.Load(), Refusals: g.refusals.Load(), Sessions: g.open.Load()}
}

// Connect is what a server knows of a client.
type Connect struct {
	Path       Path
	Remote     string // network address
	Credential CredentialKind
	User       string // the name of a NamedUser
}

// Open starts a session. Opening decides nothing: every request of the session is
// judged by what it asks.
func (g *Gate) Open(c Connect) *Session {
	g.open.Add(1)
	return &Session{gate: g, connect: c}
}

// decide asks the policy in force, and records a refusal.
func (g *Gate) decide(c Connect, op Operation, target string) (*state, error) {
	now := g.state.Load()
	refusal := now.policy.Decide(Request{Path: c.Path, Credential: c.Credential, Operation: op})
	if refusal == nil {
		return now, nil
	}
	g.refuse(c, now, refusal, target)
	return nil, refusal
}

func (g *Gate) refuse(c Connect, s *state, refusal *Refusal, target string) {
	g.refusals.Add(1)
	g.record(c, s, Record{Operation: refusal.Operation, Target: target, Code: refusal.Code})
}

// record completes r with who and when.
func (g *Gate) record(c Connect, s *state, r Record) {
	r.Time, r.Path, r.Remote, r.User, r.Policy = g.options.Now(), c.Path, c.Remote, c.User, s.policy.Name
	g.options.Audit.Record(r)
}
