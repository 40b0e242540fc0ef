package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// provisional are changes that return unless they are confirmed in time: who cuts himself
// off gets back in. The meter keeps what was before and until when, so that neither the
// tool nor the meter itself needs to stay alive.
type provisional struct {
	until time.Time
	by    string
	// before is the security file, with verifiers; empty where security is not part of it.
	before []byte
	// setups are setup registers as they were, by label.
	setups map[string]string
	// certificate is what the owner had installed, empty for nothing, where certified tells
	// that it is part of it.
	certificate []byte
	certified   bool
	// needs are what who confirms must be allowed.
	needs []Operation
	// told tells that the log knows that the return failed.
	told bool
}

// require adds to what who confirms must be allowed; the caller may still change p.
func (p *provisional) require(op Operation) {
	if !slices.Contains(p.needs, op) {
		p.needs = append(slices.Clone(p.needs), op)
	}
}

// what says in words what waits.
func (p *provisional) what() string {
	var parts []string
	if len(p.before) > 0 {
		parts = append(parts, "security")
	}
	if p.certified {
		parts = append(parts, "certificate")
	}
	return strings.Join(append(parts, slices.Sorted(maps.Keys(p.setups))...), ", ")
}

// Bounds of the time within which changes are to be confirmed.
const (
	shortestProvisional = time.Second
	longestProvisional  = 24 * time.Hour
)

// provisionalTarget names them in events.
const provisionalTarget = "provisional changes"

// ProvisionalStatus tells whether changes wait for their confirmation.
type ProvisionalStatus struct {
	Active bool
	By     string
	// What is changed, in words.
	What      string
	Remaining time.Duration
}

type keptProvisionalForm struct {
	UntilUTC    time.Time         `json:"untilUTC"`
	RemainingMs int64             `json:"remainingMs"` // when it was kept
	By          string            `json:"by"`
	Before      string            `json:"before"`
	Setups      map[string]string `json:"setups,omitempty"`
	Needs       []string          `json:"needs,omitempty"`
}

// kept is p to be stored.
func (p *provisional) kept(now time.Time) []byte {
	form := keptProvisionalForm{UntilUTC: p.until.UTC(), RemainingMs: p.until.Sub(now).Milliseconds(), By: p.by, Before: string(p.before),
		Setups: p.setups}
	for _, op := range p.needs {
		form.Needs = append(form.Needs, op.String())
	}
	text, err := json.Marshal(form)
	if err != nil {
		panic("the gate cannot write down what waits for its confirmation: " + err.Error())
	}
	return text
}

// keptCertificate is the certificate that returns, to be stored beside what the meter proves
// itself with: no twin takes it for its own. It is empty where none returns.
func (p *provisional) keptCertificate() []byte {
	switch {
	case !p.certified:
		return nil
	case len(p.certificate) == 0:
		return []byte(ownReturns)
	}
	return p.certificate
}

// ownReturns stands for the meter's own certificate, which PEM never is.
const ownReturns = "own"

// BeginProvisional has all further changes of security return, unless they are confirmed
// within the time.
func (s *Session) BeginProvisional(ctx context.Context, within time.Duration) (until time.Time, err error) {
	const target = provisionalTarget
	if err := s.permit(AdministerSecurity, target); err != nil {
		return time.Time{}, err
	}
	if within < shortestProvisional || within > longestProvisional {
		return time.Time{}, refuse(CodeBadValue, fmt.Sprintf("%s: give %s to %s", within, shortestProvisional, longestProvisional)).of(AdministerSecurity)
	}
	g := s.gate()
	now := g.options.Now()
	until = now.Add(within)
	p := &provisional{until: until, by: s.identity.eventName()}
	var old *provisional
	// What was before is taken when it is kept, so that no change slips between.
	err = g.options.Works.Change(ctx, Transaction{}, s.by(), func(Modules, []Change) error {
		if err := s.permit(AdministerSecurity, target); err != nil {
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if old = g.provisional; old != nil {
			if len(old.before) > 0 {
				return refuse(CodeConfirmPending, "").of(AdministerSecurity)
			}
			p.setups, p.certificate, p.certified, p.needs = old.setups, old.certificate, old.certified, old.needs
		}
		p.require(AdministerSecurity)
		p.before = g.Security().format(true)
		g.provisional, g.provisionalChanged = p, true
		return nil
	}, false)
	if err != nil { // the judge may have said yes, and the disk no
		g.mu.Lock()
		if g.provisional == p {
			g.provisional, g.provisionalChanged = old, true
		}
		g.mu.Unlock()
	}
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: target, Is: "to be confirmed within " + within.String(), Err: err})
	return until, err
}

// Pending tells whether changes wait for their confirmation, until when, and what they
// are. Everybody who may read may know.
func (s *Session) Pending() (until time.Time, what string, ok bool) {
	g := s.gate()
	if !s.May(ReadMeasurement) {
		return time.Time{}, "", false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.provisional == nil {
		return time.Time{}, "", false
	}
	return g.provisional.until, g.provisional.what(), true
}

// PendingChanges is Pending for who asks over the wire: a refusal says why not.
func (s *Session) PendingChanges() (ProvisionalStatus, error) {
	if err := s.permit(ReadMeasurement, provisionalTarget); err != nil {
		return ProvisionalStatus{}, err
	}
	return s.gate().provisionalStatus(s.gate().options.Now()), nil
}

// permitProvisional asks for all that the waiting changes need. Setup that is switched off
// on a path does not matter: whoever closed it there may say that he meant it.
func (s *Session) permitProvisional(target string) error {
	g := s.gate()
	g.mu.Lock()
	needs := []Operation{AdministerSecurity}
	if g.provisional != nil {
		needs = g.provisional.needs
	}
	g.mu.Unlock()
	open := *g.Security()
	open.WebSetup, open.PanelSetup = true, true
	for _, op := range needs {
		if err := s.permitUnder(&open, op, target); err != nil {
			return err
		}
	}
	return nil
}

// ConfirmProvisional keeps the changes.
func (s *Session) ConfirmProvisional(ctx context.Context) error {
	if err := s.permitProvisional(provisionalTarget); err != nil {
		return err
	}
	g := s.gate()
	var confirmed *provisional
	err := g.options.Works.Change(ctx, Transaction{}, s.by(), func(Modules, []Change) error {
		if err := s.permitProvisional(provisionalTarget); err != nil {
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.provisional == nil {
			return refuse(CodeNothingPending, "").of(AdministerSecurity)
		}
		confirmed, g.provisional, g.provisionalChanged = g.provisional, nil, true
		return nil
	}, false)
	is := "confirmed"
	g.mu.Lock()
	if confirmed != nil {
		is += ": " + confirmed.what()
		// What is kept still says that they return, unless others wait by now.
		if err != nil && g.provisional == nil {
			g.provisional, g.provisionalChanged = confirmed, true
		}
	}
	g.mu.Unlock()
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: provisionalTarget, Is: is, Err: err})
	return err
}

// CancelProvisional takes the changes back at once.
func (s *Session) CancelProvisional(context.Context) error {
	if err := s.permitProvisional(provisionalTarget); err != nil {
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
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: provisionalTarget, Is: "to be taken back"})
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
	security := g.Security()
	t := Transaction{Keep: map[string][]byte{}}
	if len(p.before) > 0 {
		t = security.back(p.before)
	}
	for _, label := range slices.Sorted(maps.Keys(p.setups)) {
		if is, there := security.settings[label]; there && !sameText(is, p.setups[label]) {
			t.Changes = append(t.Changes, Change{Kind: Set, Object: label, Text: p.setups[label]})
		}
	}
	if p.certified {
		t.Keep[keptInstalled] = p.certificate
	}
	t.Keep[keptProvisional], t.Keep[keptReturning] = nil, nil
	return &t
}

// back returns what makes security as it was.
func (s *Security) back(before []byte) Transaction {
	file, err := parseSecurityFile(before)
	if err != nil {
		panic("the gate cannot read its own security file: " + err.Error())
	}
	passwords := file.passwords
	for n := range s.Accounts { // passwords that came since go
		if _, had := passwords[n]; !had {
			passwords[n] = Verifier{}
		}
	}
	if _, had := passwords[0]; !had {
		passwords[0] = Verifier{}
	}
	t, _ := s.plan(file, passwords)
	t.Keep = map[string][]byte{}
	return t
}

// Returned tells that a transaction of Tick was carried out, or why it could not be: it
// is then offered again.
func (g *Gate) Returned(err error) {
	g.mu.Lock()
	by, what, told := "", "", false
	if p := g.provisional; p != nil {
		by, what, told = p.by, p.what(), p.told
		p.told = err != nil
		if err == nil && p.certified {
			g.keys.install(p.certificate)
		}
	}
	if err == nil {
		g.provisional, g.provisionalChanged = nil, true
	}
	g.mu.Unlock()
	if err != nil && told {
		return // it is tried each second
	}
	g.options.Audit.Record(Record{Kind: Returned, Time: g.options.Now(), Operation: AdministerSecurity, Target: provisionalTarget + " by " + by,
		Is: "not confirmed in time: as before: " + what, Err: err, Mode: g.Security().Mode})
}

func (g *Gate) provisionalStatus(now time.Time) ProvisionalStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.provisional == nil {
		return ProvisionalStatus{}
	}
	return ProvisionalStatus{true, g.provisional.by, g.provisional.what(), max(0, g.provisional.until.Sub(now))}
}

// restoreProvisional goes on after a restart: the time that the meter was off counts, and
// a clock that was set meanwhile does not lengthen it.
func (g *Gate) restoreProvisional(text, certificate []byte, now time.Time) error {
	if len(text) == 0 {
		return nil
	}
	var form keptProvisionalForm
	if err := json.Unmarshal(text, &form); err != nil {
		return fmt.Errorf("the kept provisional changes of security: %w", err)
	}
	p := &provisional{by: form.By, before: []byte(form.Before), setups: form.Setups, certified: len(certificate) > 0}
	if p.certified && string(certificate) != ownReturns {
		p.certificate = certificate
	}
	if p.what() == "" { // a certificate waited at the meter that this is the twin of
		g.provisionalChanged = true
		return nil
	}
	if form.Before != "" {
		if _, err := parseSecurityFile(p.before); err != nil {
			return fmt.Errorf("the kept provisional changes of security: %w", err)
		}
		p.require(AdministerSecurity)
	}
	for _, name := range form.Needs {
		if op := slices.Index(operationNames[:], name); op >= 0 {
			p.require(Operation(op))
		}
	}
	p.until = now.Add(max(0, min(time.Duration(form.RemainingMs)*time.Millisecond, form.UntilUTC.Sub(now))))
	g.provisional = p
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
