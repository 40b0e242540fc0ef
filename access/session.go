package access

import (
	"strings"
	"sync/atomic"
)

// Session is one client's standing with the meter. It may be used by one server
// goroutine at a time; Close may come from any.
type Session struct {
	gate    *Gate
	connect Connect
	closed  atomic.Bool
}

// Close ends the session. Views of it stop working. Closing twice does no harm.
func (s *Session) Close() {
	if !s.closed.Swap(true) {
		s.gate.open.Add(-1)
	}
}

// Registers asks for a view of a set of registers. The error is a *Refusal where
// the policy says no, or ErrClosed.
func (s *Session) Registers(set RegisterSet) (View, error) {
	if s.closed.Load() {
		return View{}, ErrClosed
	}
	state, err := s.gate.decide(s.connect, set.readOperation(), "registers")
	if err != nil {
		return View{}, err
	}
	return View{session: s, set: set, epoch: state.epoch}, nil
}

// Write asks for changes that belong together: all are made, or none. The error is
// a *Refusal where the policy says no to any of them, or why the meter could not.
// Every change leaves an audit record.
func (s *Session) Write(changes ...Change) error {
	if s.closed.Load() {
		return ErrClosed
	}
	g := s.gate
	var in *state
	for _, c := range changes {
		var err error
		if in, err = g.decide(s.connect, c.Operation, c.Target); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if c.Label == "" || g.options.Writer == nil {
			refusal := &Refusal{
				Code:      CodeNotWritable,
				Reason:    "nothing behind " + c.Target + " can be written",
				Remedy:    "see docs/register-map.md for what can",
				Operation: c.Operation,
			}
			g.refuse(s.connect, in, refusal, c.Target)
			return refusal
		}
	}
	if len(changes) == 0 {
		return nil
	}
	g.writes.Add(1)
	err := g.options.Writer.Write(changes)
	for _, c := range changes {
		g.record(s.connect, in, Record{Operation: c.Operation, Target: c.Target, Allowed: true, Err: err})
	}
	return err
}

// View is a set of registers that a session may read, decided under one policy. It
// is a small value, good until the policy changes or the session closes.
type View struct {
	session *Session
	set     RegisterSet
	epoch   uint64
}

// Snapshot returns the newest picture of the registers, and counts as one read. The
// error is ErrStale when the policy has changed, and ErrClosed after Close.
func (v View) Snapshot() (Snapshot, error) {
	if v.session == nil || v.session.closed.Load() {
		return nil, ErrClosed
	}
	g := v.session.gate
	if g.state.Load().epoch != v.epoch {
		return nil, ErrStale
	}
	g.reads.Add(1)
	return g.registers.Snapshot(), nil
}

// Find returns the point of a register by its "Module label/Register label", and
// NoPoint if the view's set has no such register.
func (v View) Find(label string) Point {
	if v.session == nil || setOf(label) != v.set {
		return NoPoint
	}
	return v.session.gate.registers.Find(label)
}

// setOf returns the set a label belongs to: what the security modules hold is read
// under its own right.
func setOf(label string) RegisterSet {
	module, _, _ := strings.Cut(strings.ToLower(label), "/")
	if strings.HasPrefix(module, "security ") {
		return Security
	}
	return Readings
}
