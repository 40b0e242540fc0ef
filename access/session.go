package access

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// Session is one client's standing with the meter: a connection and who it is found to
// be. Its methods may be called from several goroutines.
type Session struct {
	conn     *connection
	identity Identity
	// root tells that it is the one that Open returned.
	root  bool
	since time.Time
	ended atomic.Bool
	// limit is how long it may be idle, 0 for as long as the connection; lastUse is in
	// nanoseconds since 1970.
	limit   time.Duration
	lastUse atomic.Int64
	// shown is the digest of what With was given for it; zero for one that lasts.
	shown digest
	// given is what passwords a session that lasts has given its own account.
	given   atomic.Pointer[given]
	reads   atomic.Uint64
	settled uint64 // of reads, for the ledger; guarded by the connection's mu
	entry   atomic.Pointer[entry]
}

// given is the passwords that a session has given its own account: the one that holds
// now, where it is one of them, and the one that is being written or was.
type given struct{ held, next Verifier }

func (s *Session) gate() *Gate { return s.conn.gate }

// Close ends the session, and its connection if it is the one that Open returned. Views
// of it stop working. Closing twice does no harm.
func (s *Session) Close() {
	if s.root {
		s.conn.close()
		return
	}
	s.end()
}

// idle reports whether the session was not used for as long as it may.
func (s *Session) idle(now time.Time) bool {
	return s.limit > 0 && now.Sub(time.Unix(0, s.lastUse.Load())) >= s.limit
}

// end ends the session and leaves the connection.
func (s *Session) end() {
	if !s.ended.Swap(true) {
		s.conn.drop(s)
	}
}

// Identity tells who the session is found to be.
func (s *Session) Identity() Identity { return s.identity }

// UserName is the account that acts for the session, empty for none.
func (s *Session) UserName() string { return s.identity.userName() }

// With returns the session of a request on the same connection that brings its own
// credential, as stateless protocols do. It remembers the latest few, so that asking again
// costs little; lockout and changes of the account are looked at each time.
func (s *Session) With(ctx context.Context, c Credential) (*Session, error) {
	if !c.Given && c.User == "" {
		return s, nil
	}
	g := s.gate()
	shown := g.shown(c)
	if known := s.conn.presented(shown); known != nil && known.holds(g.Security()) {
		if g.lockouts.locked(known.lockoutKey(), g.options.Now()) {
			return nil, s.locked(known.identity, known.lockoutKey(), shown)
		}
		return known, nil
	}
	id, err := s.authenticate(ctx, c)
	if err != nil {
		return nil, err
	}
	fresh := &Session{conn: s.conn, identity: id, shown: shown}
	s.conn.add(fresh)
	s.conn.record(id, Record{Kind: LoginRight, Target: "login", Priority: g.Security().validLogin})
	return fresh, nil
}

// locked refuses a login with an account that is locked: the client is told that its
// credential is wrong, and the log the truth.
func (s *Session) locked(id Identity, key lockoutKey, d digest) error {
	g := s.gate()
	security := g.Security()
	if g.lockouts.told(key, d, g.options.Now(), security.collapseOn(key.Path)) {
		s.conn.record(id, Record{Kind: LoginLocked, Code: CodeBadCredentials, Priority: security.invalidLogin, Target: "login"})
	}
	return refuse(CodeBadCredentials, "")
}

// Login returns a session that lasts, on the same connection: until it is closed, idle
// for its limit, or its account changes. Terminal, file transfer, web pages and tokens of
// the object protocol are such.
func (s *Session) Login(ctx context.Context, c Credential, idle time.Duration) (*Session, error) {
	g := s.gate()
	var id Identity
	var err error
	if strings.EqualFold(strings.TrimSpace(c.User), FactoryUser) {
		id, err = s.factoryLogin(c)
	} else {
		id, err = s.authenticate(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	fresh, err := s.lasting(id, idle)
	if err != nil {
		return nil, err
	}
	s.conn.record(id, Record{Kind: LoginRight, Target: "login", Priority: g.Security().validLogin})
	return fresh, nil
}

// Stay returns a session of the same identity that lasts as long as the connection and
// the account: for what goes on after a request, as a subscription does. It is no use of
// this session: what begins again by itself does not keep it.
func (s *Session) Stay() (*Session, error) {
	security := s.gate().Security()
	if err := s.current(security, s.gate().options.Now(), ReadMeasurement, "session"); err != nil {
		return nil, err
	}
	fresh, err := s.lasting(s.identity, 0)
	if err != nil {
		return nil, err
	}
	fresh.given.Store(s.given.Load())
	return fresh, nil
}

// lasting makes a session that lasts.
func (s *Session) lasting(id Identity, idle time.Duration) (*Session, error) {
	fresh := &Session{conn: s.conn, identity: id, limit: idle}
	fresh.lastUse.Store(s.gate().options.Now().UnixNano())
	if !s.conn.add(fresh) {
		return nil, refuse(CodeBusy, "this connection has too many sessions")
	}
	return fresh, nil
}

// sessionsOfConnection bounds the lasting sessions of one connection (for the object
// protocol 16 tokens and 16 subscriptions), rememberedOfConnection those of With: the
// oldest makes room.
const (
	sessionsOfConnection   = 16 + 16
	rememberedOfConnection = 4
)

// TokenIdle is how long a session token of the object protocol may be unused: five
// minutes and no choice, as firmware 4.0 has it (security.md 4.1).
const TokenIdle = 5 * time.Minute

// shown is a digest of what a client presents, to know it again on the same connection.
func (g *Gate) shown(c Credential) digest {
	given := "-"
	if c.Given {
		given = "+"
	}
	return g.checker.digest(&Verifier{}, foreign, c.User, given+c.Password)
}

func (s *Session) lockoutKey() lockoutKey {
	return lockoutKey{s.identity.Account, s.conn.client.Path, s.conn.client.Medium}
}

// authenticate checks a credential: first whether the account is locked, then whether the
// same wrong pair was counted lately, then whether it was right before, and only then by
// hashing.
func (s *Session) authenticate(ctx context.Context, c Credential) (Identity, error) {
	g, conn := s.gate(), s.conn
	security := g.Security()
	claim, refusal := security.claimed(conn.client.Path, c)
	if claim.unchecked {
		return claim.identity, nil
	}
	if conn.kept && claim.identity.Kind != NamedUser {
		return Identity{}, refuse(CodeConnectionsUsed, "this connection is kept for a named user")
	}
	key := lockoutKey{claim.account, conn.client.Path, conn.client.Medium}
	now := g.options.Now()
	verifier, password := claim.verifier, c.Password
	tooLong := len(password) > maxPresented
	if tooLong {
		password = ""
	}
	d := g.checker.digest(&verifier, claim.account, nameOf(claim.account, c.User), password)
	if refusal != nil {
		if refusal.Code == CodeBadCredentials {
			s.countWrong(key, d, c.User, now)
		} else {
			s.conn.record(Identity{Kind: security.kind(c)}, Record{Kind: OperationRefused, Code: refusal.Code, Target: "login"})
		}
		return Identity{}, refusal
	}
	switch {
	case g.lockouts.locked(key, now):
		return Identity{}, s.locked(claim.identity, key, d)
	case g.lockouts.repeated(key, d, now, security.collapseOn(key.Path)):
		return Identity{}, refuse(CodeBadCredentials, "")
	case !tooLong && g.checker.knows(d):
	default:
		right, err := g.checker.check(ctx, conn.client.host(), &verifier, d, password)
		if err != nil {
			return Identity{}, err
		}
		if !right || tooLong {
			s.countWrong(key, d, c.User, g.options.Now())
			return Identity{}, refuse(CodeBadCredentials, "")
		}
		// While it was checked, others may have locked the account or changed it.
		if g.lockouts.locked(key, g.options.Now()) {
			return Identity{}, s.locked(claim.identity, key, d)
		}
	}
	g.lockouts.right(key)
	id := claim.identity
	id.verifier = verifier
	if now := g.Security(); !(&Session{conn: conn, identity: id}).holds(now) {
		return Identity{}, refuse(CodeBadCredentials, "")
	}
	return id, nil
}

// nameOf tells names apart that are no account.
func nameOf(account int, user string) string {
	if account == foreign {
		return clean(user)
	}
	return ""
}

// stateless reports whether a path carries credentials with each request, so that the
// same wrong pair comes again and again.
func stateless(p Path) bool { return p == ION || p == IONOverModbus }

// collapseOn is how long the same wrong pair counts once on a path; 0 where each counts.
func (s *Security) collapseOn(p Path) time.Duration {
	if stateless(p) {
		return s.collapse
	}
	return 0
}

// countWrong counts a wrong login and tells the log.
func (s *Session) countWrong(key lockoutKey, d digest, user string, now time.Time) {
	g := s.gate()
	security := g.Security()
	counted, lockedNow := g.lockouts.wrong(key, d, now, security.attempts[key.Path], security.lockout, security.collapseOn(key.Path))
	if !counted {
		return
	}
	r := Record{Kind: LoginWrong, Code: CodeBadCredentials, Priority: security.invalidLogin, Target: "login", User: UserName(key.Account), Named: user != ""}
	_, there := security.Accounts[key.Account]
	switch {
	case user != "" && key.Account != 0 && !there:
		r.User, r.Target = clean(user), "login of an unknown user"
	case key.Account == 0:
		r.Target = "login with the meter password"
	case user == "":
		r.Target = "login without a user name"
	}
	s.conn.record(Identity{}, r)
	if lockedNow {
		r.Kind, r.Priority, r.Is = LockedOut, security.lockedOut, security.lockout.String()
		s.conn.record(Identity{}, r)
	}
}

// holds reports whether what made the session right still does: the account is there,
// with the same password, and the mode takes such credentials.
func (s *Session) holds(now *Security) bool {
	id := s.identity
	switch {
	case id.factory != 0:
		return s.gate().factoryOpen(id.factory)
	case id.Kind == NoCredential || now.Mode == None:
		return true
	case now.Mode == Standard:
		return id.Account == 0 && s.checkedWith(now.meterPassword)
	case id.Kind == NamedUser, id.Kind == PasswordOnly && now.Mode == LSS, id.Kind == ModelNumber && now.Mode == LSS:
		a, ok := now.Accounts[id.Account]
		return ok && s.checkedWith(a.verifier)
	}
	return false
}

// checkedWith reports whether v is the verifier that found the session right, or the one
// of the password that the session gave its account since. What was not checked, for want
// of a password or of security, never becomes right later.
func (s *Session) checkedWith(v Verifier) bool {
	given := s.given.Load()
	return v.set && (v == s.identity.verifier || given != nil && (v == given.held || v == given.next))
}

// giving tells that the session is about to give its account a password: until it is
// written, and where it is not, the one of now goes on to hold.
func (s *Session) giving(now, next Verifier) {
	g := &given{next: next}
	if s.checkedWith(now) {
		g.held = now
	}
	s.given.Store(g)
}

// Use tells that a request has come for the session, which may be answered through a
// view and never ask the gate. The error is ErrClosed, or a *Refusal where the session was
// idle for too long, or what made it right holds no longer.
func (s *Session) Use() error {
	return s.alive(s.gate().Security(), s.gate().options.Now(), ReadMeasurement, "session")
}

// alive is current, and counts as use.
func (s *Session) alive(security *Security, now time.Time, op Operation, target string) error {
	err := s.current(security, now, op, target)
	if err == nil {
		s.lastUse.Store(now.UnixNano())
		s.conn.lastUse.Store(now.UnixNano())
	}
	return err
}

// current decides whether the session is there, was used lately, and holds.
func (s *Session) current(security *Security, now time.Time, op Operation, target string) error {
	if s.ended.Load() || s.conn.closed.Load() {
		return ErrClosed
	}
	if s.idle(now) {
		s.end()
		return refuse(CodeSessionEnded, "the session was idle for "+s.limit.String()).of(op)
	}
	if !s.holds(security) {
		s.end()
		return s.refuse(refuse(CodeSessionEnded, "").of(op), target)
	}
	return nil
}

// permit decides whether the session may do op. A refusal is recorded.
func (s *Session) permit(op Operation, target string) error {
	return s.permitUnder(s.gate().Security(), op, target)
}

func (s *Session) permitUnder(security *Security, op Operation, target string) error {
	now := s.gate().options.Now()
	if err := s.alive(security, now, op, target); err != nil {
		return err
	}
	if refusal := s.decide(security, op); refusal != nil {
		return s.refuse(refusal, target)
	}
	s.use(op, target, now)
	return nil
}

// decide is the table, and what a session has beside it.
func (s *Session) decide(security *Security, op Operation) *Refusal {
	switch {
	case s.conn.kept && s.identity.Kind != NamedUser:
		return refuse(CodeConnectionsUsed, "this connection is kept for a named user").of(op)
	case s.identity.factory != 0:
		switch op {
		case ReadSecurity, AdministerSecurity, ChangeOwnPassword, AccessFactory:
			return refuse(CodeNoPermission, "factory access does not reach security").of(op)
		}
		return nil
	}
	return security.Decide(Request{Path: s.conn.client.Path, Credential: s.identity.Kind, Account: s.identity.Account, Operation: op, Address: s.conn.address})
}

// refuse records a refusal and returns it.
func (s *Session) refuse(refusal *Refusal, target string) error {
	s.gate().refusals.Add(1)
	s.conn.record(s.identity, Record{Kind: OperationRefused, Operation: refusal.Operation, Target: target, Code: refusal.Code})
	return refusal
}

// note records what the session has done.
func (s *Session) note(r Record) { s.conn.record(s.identity, r) }

// May reports whether the session could do op, and leaves no trace.
func (s *Session) May(op Operation) bool {
	security := s.gate().Security()
	return !s.ended.Load() && !s.conn.closed.Load() && s.holds(security) && s.decide(security, op) == nil
}

// Ask decides whether the session may do op, for a server that shows something whole or
// not at all. The error is ErrClosed, or a *Refusal, which is recorded.
func (s *Session) Ask(op Operation, target string) error { return s.permit(op, target) }

// Change carries out changes that belong together: all are made, or none, and they are
// durable when it returns. The error is a *Refusal where the gate or the meter says no,
// wraps ErrValue where a register cannot take a value, or tells why the meter could not.
// With rehearse nothing is changed.
func (s *Session) Change(ctx context.Context, changes []Change, rehearse bool) error {
	if len(changes) == 0 {
		return nil
	}
	for i := range changes {
		changes[i] = changes[i].withText()
	}
	return s.transact(ctx, Transaction{Changes: changes}, rehearse)
}

// transact has the meter carry out a transaction, judged when it does.
func (s *Session) transact(ctx context.Context, t Transaction, rehearse bool) error {
	g := s.gate()
	if s.ended.Load() || s.conn.closed.Load() {
		return ErrClosed
	}
	var undo func()
	guarded := &undo
	if rehearse {
		guarded = nil
	}
	judge := s.judge(t.Passwords, guarded)
	var refused atomic.Bool // set on the meter's goroutine, perhaps after ctx has ended the wait
	err := g.options.Works.Change(ctx, t, s.by(), func(m Modules, changes []Change) error {
		err := judge(m, changes)
		refused.Store(err != nil)
		return err
	}, rehearse)
	if rehearse {
		return err
	}
	if changedNothing(err) && undo != nil {
		undo()
	}
	g.changes.Add(1)
	if refused.Load() {
		return err // it is recorded
	}
	if err == nil {
		for account := range t.Passwords {
			g.lockouts.unlock(account, nil)
		}
	}
	for _, c := range t.Changes {
		if err == nil && c.programs() {
			continue // the meter's own event of a setup change tells it, with the value before
		}
		s.note(Record{Kind: OperationDone, Operation: g.nominal(c), Target: c.String(), Is: c.value(), Err: err})
	}
	return err
}

// Registers asks for a view of a set of registers. The error is a *Refusal where the
// gate says no, or ErrClosed.
func (s *Session) Registers(set RegisterSet) (View, error) {
	epoch := s.gate().state.Load().epoch
	if err := s.permit(set.readOperation(), "registers"); err != nil {
		return View{}, err
	}
	return View{session: s, set: set, epoch: epoch}, nil
}

// View is a set of registers that a session may read, decided under one security. It
// is a small value, good until security changes or the session closes.
type View struct {
	session *Session
	set     RegisterSet
	epoch   uint64
}

// Snapshot returns the newest picture of the registers, and counts as one read. The
// error is ErrStale when security has changed, and ErrClosed after Close.
func (v View) Snapshot() (Snapshot, error) {
	s := v.session
	if s == nil || s.ended.Load() || s.conn.closed.Load() {
		return nil, ErrClosed
	}
	g := s.gate()
	if g.state.Load().epoch != v.epoch {
		return nil, ErrStale
	}
	s.reads.Add(1)
	return g.options.Registers.Snapshot(), nil
}

// Find returns the point of a register by its "Module label/Register label", and
// NoPoint if the view's set has no such register.
func (v View) Find(label string) Point {
	if v.session == nil || setOf(label) != v.set {
		return NoPoint
	}
	return v.session.gate().options.Registers.Find(label)
}

// Modules returns the labels of the modules of a type, in their order; none if the view's
// set has no such.
func (v View) Modules(typeName string) []string {
	of := Readings
	if isSecurity(typeName) {
		of = SecuritySettings
	}
	if v.session == nil || v.set != of {
		return nil
	}
	if r, ok := v.session.gate().options.Registers.(ModuleLister); ok {
		return r.Modules(typeName)
	}
	return nil
}

// setOf returns the set a label belongs to: what the security modules hold is read
// under its own right. Their labels are fixed, and no other module may have such a one.
func setOf(label string) RegisterSet {
	module, _, _ := strings.Cut(label, "/")
	if _, account := accountOf(module); account || strings.EqualFold(module, securityOptions) {
		return SecuritySettings
	}
	return Readings
}

// SetOf returns the set that a register belongs to, by its label.
func SetOf(label string) RegisterSet { return setOf(label) }
