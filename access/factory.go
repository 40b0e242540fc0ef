package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"math"
	"time"
)

// FactoryUser is the name with which the diagnostic code logs in.
const FactoryUser = "FACTORY"

// maxFactoryMinutes is the longest time for which factory access is opened.
const maxFactoryMinutes = 1440

// factoryAccess is the manufacturer's way in: closed, unless someone who administers
// security opens it for some minutes. It survives neither a restart nor its time; its
// diagnostic code lets in once (security.md 5.4).
type factoryAccess struct {
	until time.Time
	code  [sha256.Size]byte
	used  bool
	// opening counts the openings from 1: who came in by one does not stay for the next.
	opening uint64
}

// FactoryStatus tells whether factory access is open.
type FactoryStatus struct {
	Open      bool
	Used      bool
	Remaining time.Duration
}

const (
	codeLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // none looks like another
	codeLength  = 12
)

// OpenFactory opens factory access and returns the diagnostic code.
func (s *Session) OpenFactory(_ context.Context, minutes int) (code string, until time.Time, err error) {
	if err := s.permit(AccessFactory, "factory access"); err != nil {
		return "", time.Time{}, err
	}
	if minutes < 1 || minutes > maxFactoryMinutes {
		return "", time.Time{}, refuse(CodeBadValue, fmt.Sprintf("%d minutes: factory access is opened for 1 to %d", minutes, maxFactoryMinutes)).of(AccessFactory)
	}
	g := s.gate()
	random := make([]byte, codeLength)
	if _, err := io.ReadFull(g.options.Random, random); err != nil {
		return "", time.Time{}, fmt.Errorf("no random numbers: %w", err)
	}
	for i, b := range random {
		random[i] = codeLetters[int(b)%len(codeLetters)]
	}
	code, until = string(random), g.options.Now().Add(time.Duration(minutes)*time.Minute)
	g.mu.Lock()
	g.factory = factoryAccess{until: until, code: sha256.Sum256(random), opening: g.factory.opening + 1}
	g.mu.Unlock()
	g.sweep()
	s.note(Record{Kind: FactoryAccess, Operation: AccessFactory, Target: "factory access", Is: fmt.Sprintf("opened for %d min", minutes)})
	return code, until, nil
}

// CloseFactory closes it; sessions that came in by it end.
func (s *Session) CloseFactory() error {
	if err := s.permit(AccessFactory, "factory access"); err != nil {
		return err
	}
	g := s.gate()
	g.mu.Lock()
	open := !g.factory.until.IsZero()
	g.factory = factoryAccess{opening: g.factory.opening}
	g.mu.Unlock()
	g.sweep()
	if !open {
		return refuse(CodeFactoryClosed, "factory access is closed already").of(AccessFactory)
	}
	s.note(Record{Kind: FactoryAccess, Operation: AccessFactory, Target: "factory access", Is: "closed"})
	return nil
}

// factoryLogin takes the diagnostic code, once.
func (s *Session) factoryLogin(c Credential) (Identity, error) {
	g := s.gate()
	hash := sha256.Sum256([]byte(c.Password))
	now := g.options.Now()
	g.mu.Lock()
	right := c.Given && now.Before(g.factory.until) && !g.factory.used && subtle.ConstantTimeCompare(hash[:], g.factory.code[:]) == 1
	if right {
		g.factory.used = true
	}
	id := Identity{Kind: NamedUser, factory: g.factory.opening}
	g.mu.Unlock()
	if !right {
		id.factory = noOpening
		s.conn.record(id, Record{Kind: OperationRefused, Operation: AccessFactory, Target: "factory access", Code: CodeFactoryClosed})
		return Identity{}, refuse(CodeFactoryClosed, "").of(AccessFactory)
	}
	s.conn.record(id, Record{Kind: FactoryAccess, Operation: AccessFactory, Target: "factory access", Is: "used"})
	return id, nil
}

// factoryOpen reports whether the opening that a session came in by still holds.
func (g *Gate) factoryOpen(opening uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return opening == g.factory.opening && g.options.Now().Before(g.factory.until)
}

// noOpening is that of a diagnostic code that is wrong.
const noOpening = math.MaxUint64

func (g *Gate) factoryStatus(now time.Time) FactoryStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !now.Before(g.factory.until) {
		return FactoryStatus{}
	}
	return FactoryStatus{Open: true, Used: g.factory.used, Remaining: g.factory.until.Sub(now)}
}

// closeFactory ends factory access whose time is over.
func (g *Gate) closeFactory(now time.Time) {
	g.mu.Lock()
	over := !g.factory.until.IsZero() && !now.Before(g.factory.until)
	if over {
		g.factory = factoryAccess{opening: g.factory.opening}
	}
	g.mu.Unlock()
	if over {
		g.sweep()
		g.options.Audit.Record(Record{Kind: FactoryAccess, Time: now, Operation: AccessFactory, Target: "factory access", Is: "closed: its time is over", Mode: g.Security().Mode})
	}
}
