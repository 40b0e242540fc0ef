package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// provisional are changes of security that return unless they are confirmed in time: who
// cuts himself off gets back in. The meter keeps what was before and until when, so that
// neither the tool nor the meter itself needs to stay alive.
type provisional struct {
	until  time.Time
	by     string
	before []byte // the security file, with verifiers
	// told tells that the log knows that the return failed.
	told bool
}

// Bounds of the time within which changes are to be confirmed.
const (
	shortestProvisional = time.Second
	longestProvisional  = 24 * time.Hour
)

// ProvisionalStatus tells whether changes wait for their confirmation.
type ProvisionalStatus struct {
	Active    bool
	By        string
	Remaining time.Duration
}

type keptProvisionalForm struct {
	UntilUTC    time.Time `json:"untilUTC"`
	RemainingMs int64     `json:"remainingMs"` // when it was kept
	By          string    `json:"by"`
	Before      string    `json:"before"`
}

// BeginProvisional has all further changes of security return, unless they are confirmed
// within the time.
func (s *Session) BeginProvisional(ctx context.Context, within time.Duration) (until time.Time, err error) {
	const target = "provisional changes of security"
	if err := s.permit(AdministerSecurity, target); err != nil {
		return time.Time{}, err
	}
	if within < shortestProvisional || within > longestProvisional {
		return time.Time{}, refuse(CodeBadValue, fmt.Sprintf("%s: give %s to %s", within, shortestProvisional, longestProvisional)).of(AdministerSecurity)
	}
	g := s.gate()
	now := g.options.Now()
	p := &provisional{until: now.Add(within), by: s.identity.eventName()}
	// What was before is taken when it is kept, so that no change slips between.
	keep := map[string][]byte{}
	err = g.options.Works.Change(ctx, Transaction{Keep: keep}, s.by(), func(Modules, []Change) error {
		if err := s.permit(AdministerSecurity, target); err != nil {
			return err
		}
		p.before = g.Security().format(true)
		text, err := json.Marshal(keptProvisionalForm{UntilUTC: p.until.UTC(), RemainingMs: within.Milliseconds(), By: p.by, Before: string(p.before)})
		if err != nil {
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.provisional != nil {
			return refuse(CodeConfirmPending, "").of(AdministerSecurity)
		}
		keep[keptProvisional] = text
		g.provisional = p
		return nil
	}, false)
	if err != nil { // the judge may have said yes, and the disk no
		g.mu.Lock()
		if g.provisional == p {
			g.provisional = nil
		}
		g.mu.Unlock()
	}
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: target, Is: "to be confirmed within " + within.String(), Err: err})
	return p.until, err
}

// ConfirmProvisional keeps the changes.
func (s *Session) ConfirmProvisional(ctx context.Context) error {
	const target = "provisional changes of security"
	if err := s.permit(AdministerSecurity, target); err != nil {
		return err
	}
	g := s.gate()
	var confirmed *provisional
	err := g.options.Works.Change(ctx, Transaction{Keep: map[string][]byte{keptProvisional: nil}}, s.by(), func(Modules, []Change) error {
		if err := s.permit(AdministerSecurity, target); err != nil {
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.provisional == nil {
			return refuse(CodeNothingPending, "").of(AdministerSecurity)
		}
		confirmed, g.provisional = g.provisional, nil
		return nil
	}, false)
	if err != nil && confirmed != nil { // what is kept still says that they return
		g.mu.Lock()
		g.provisional = confirmed
		g.mu.Unlock()
	}
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: target, Is: "confirmed", Err: err})
	return err
}

// CancelProvisional takes the changes back at once.
func (s *Session) CancelProvisional(context.Context) error {
	const target = "provisional changes of security"
	if err := s.permit(AdministerSecurity, target); err != nil {
		return err
	}
	g := s.gate()
	g.mu.Lock()
	pending := g.provisional != nil
	if pending {
		g.provisional.until = g.options.Now() // the next Tick returns it
	}
	g.mu.Unlock()
	if !pending {
		return refuse(CodeNothingPending, "").of(AdministerSecurity)
	}
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: target, Is: "to be taken back"})
	return nil
}

// dueReturn returns the transaction that takes back what nobody confirmed in time. It is
// offered until Returned tells that it was done.
func (g *Gate) dueReturn(now time.Time) *Transaction {
	g.mu.Lock()
	p := g.provisional
	due := p != nil && !now.Before(p.until)
	g.mu.Unlock()
	if !due {
		return nil
	}
	file, err := parseSecurityFile(p.before)
	if err != nil {
		panic("the gate cannot read its own security file: " + err.Error())
	}
	security := g.Security()
	passwords := file.passwords
	for n := range security.Accounts { // passwords that came since go
		if _, had := passwords[n]; !had {
			passwords[n] = Verifier{}
		}
	}
	if _, had := passwords[0]; !had {
		passwords[0] = Verifier{}
	}
	t, _ := security.plan(file, passwords)
	t.Keep = map[string][]byte{keptProvisional: nil}
	return &t
}

// Returned tells that a transaction of Tick was carried out, or why it could not be: it
// is then offered again.
func (g *Gate) Returned(err error) {
	g.mu.Lock()
	by, told := "", false
	if p := g.provisional; p != nil {
		by, told = p.by, p.told
		p.told = err != nil
	}
	if err == nil {
		g.provisional = nil
	}
	g.mu.Unlock()
	if err != nil && told {
		return // it is tried each second
	}
	g.options.Audit.Record(Record{Kind: Returned, Time: g.options.Now(), Operation: AdministerSecurity, Target: "provisional changes of security by " + by,
		Is: "not confirmed in time: accounts, permissions and mode are as before", Err: err, Mode: g.Security().Mode})
}

func (g *Gate) provisionalStatus(now time.Time) ProvisionalStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.provisional == nil {
		return ProvisionalStatus{}
	}
	return ProvisionalStatus{true, g.provisional.by, max(0, g.provisional.until.Sub(now))}
}

// restoreProvisional goes on after a restart: the time that the meter was off counts, and
// a clock that was set meanwhile does not lengthen it.
func (g *Gate) restoreProvisional(text []byte, now time.Time) error {
	if len(text) == 0 {
		return nil
	}
	var form keptProvisionalForm
	if err := json.Unmarshal(text, &form); err != nil {
		return fmt.Errorf("the kept provisional changes of security: %w", err)
	}
	if _, err := parseSecurityFile([]byte(form.Before)); err != nil {
		return fmt.Errorf("the kept provisional changes of security: %w", err)
	}
	remaining := min(time.Duration(form.RemainingMs)*time.Millisecond, form.UntilUTC.Sub(now))
	g.provisional = &provisional{until: now.Add(max(0, remaining)), by: form.By, before: []byte(form.Before)}
	return nil
}

// Passwords reads the verifiers from what a meter keeps, by account number.
func Passwords(kept map[string][]byte) (map[int]Verifier, error) {
	passwords := map[int]Verifier{}
	for name, text := range kept {
		rest, ok := strings.CutPrefix(name, keptVerifier)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("the kept password %q belongs to no account", name)
		}
		v, err := ParseVerifier(string(text))
		if err != nil {
			return nil, fmt.Errorf("the kept password of account %d: %w", n, err)
		}
		passwords[n] = v
	}
	return passwords, nil
}

// KeepPasswords returns what a meter keeps of verifiers, for Passwords to read.
func KeepPasswords(passwords map[int]Verifier) map[string][]byte {
	kept := map[string][]byte{}
	for n, v := range passwords {
		kept[fmt.Sprintf("%s%d", keptVerifier, n)] = []byte(v.String())
	}
	return kept
}

// FactoryPassword is the verifier of 0, which a fresh meter has (F10).
func FactoryPassword(random io.Reader) (Verifier, error) { return newVerifier("0", random, argon2id) }
