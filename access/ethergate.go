package access

import (
	"fmt"
	"time"
)

// EtherGate is a pipe between a TCP connection and the devices on a serial port. It has no
// place for a credential: a register says whether it is there at all, and who is joined to
// which port is on record.

// decideEtherGate: nothing but to pass bytes through, and that where the register allows it.
func (s *Security) decideEtherGate(r Request) *Refusal {
	switch {
	case r.Path != EtherGate:
		return refuse(CodeNotOnThisPath, "devices on a serial port are reached at the port of its EtherGate")
	case r.Operation != PassThrough:
		return refuse(CodeNotOnThisPath, "EtherGate passes bytes through and does nothing else")
	case !s.EtherGate:
		return refuse(CodeEtherGateClosed, "")
	}
	return nil
}

// PassThrough joins the session to a serial port, until it is closed; a port is one client's.
// Passed, which may be called after Close and must be called once, records how many bytes
// went to the line and came from it. The error is ErrClosed, or a *Refusal, which is recorded
// and names who holds the port.
func (s *Session) PassThrough(port string) (passed func(toLine, fromLine uint64), err error) {
	if err := s.permit(PassThrough, port); err != nil {
		return nil, err
	}
	if holder := s.hold(port); holder != nil {
		return nil, s.refuse(refuse(CodeConnectionsUsed, fmt.Sprintf("%s is in use by %s since %s", port, holder.client.Remote, holder.since.UTC().Format("2006-01-02 15:04:05 MST"))).of(PassThrough), port)
	}
	began := s.gate().options.Now()
	s.note(Record{Kind: OperationDone, Operation: PassThrough, Target: port, Is: "joined"})
	return func(toLine, fromLine uint64) {
		after := s.gate().options.Now().Sub(began).Round(time.Second)
		s.note(Record{Kind: OperationDone, Operation: PassThrough, Target: port, Is: fmt.Sprintf("left: after %v, %d bytes to the line and %d from it", after, toLine, fromLine)})
	}, nil
}

// hold gives a serial port to the session's connection, or returns the one that has it.
func (s *Session) hold(port string) (holder *connection) {
	g := s.gate()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.connections {
		if c.holds == port {
			return c
		}
	}
	s.conn.holds = port
	return nil
}
