package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/wire/routing"
)

// ChangeKind says what a Change does.
type ChangeKind uint8

// The kinds.
const (
	// Set writes the setup register Object: Text, or Value where it is available.
	Set ChangeKind = iota
	// Create makes a module of the type Text with the label Object; Number 0 takes the
	// lowest free one.
	Create
	// Delete deletes the module Object.
	Delete
	// Rename gives the module Object the label Text.
	Rename
	// Link links the input Object to the register Text; empty unlinks it.
	Link
	// Write writes Value to the output Object, which clients write (an External Boolean's
	// Switch); Text where Value has no kind.
	Write
	// Pulse pulses the input Object by hand, or the output of an External Pulse.
	Pulse
	// ResetNamed carries out the reset named Object.
	ResetNamed
	// SetTime sets the clock to Time.
	SetTime
)

// Change is one step of a transaction.
type Change struct {
	Kind   ChangeKind
	Object string
	Text   string
	Number int
	Value  Value
	Time   time.Time
	// Target names the change in audit records, in the words of the server; empty takes
	// the object.
	Target string
	// Broadcast tells that a SetTime came as a Modbus broadcast.
	Broadcast bool
	// Fault is what the server has found wrong with the change: a *Refusal where nothing
	// such can be written, or an error that wraps ErrValue. It is told to who would be
	// allowed the transaction only, and nothing of it is then carried out.
	Fault error
}

// String is the change in words.
func (c Change) String() string {
	if c.Target != "" {
		return c.Target
	}
	switch c.Kind {
	case Create:
		return c.Text + " " + c.Object
	case SetTime:
		return "clock"
	case ResetNamed:
		return "reset of " + c.Object
	}
	return c.Object
}

// programmed collects what a transaction makes and renames, so that later changes of it
// can be judged.
type programmed struct {
	Modules
	made map[string]string // folded label to type; "" for one that is gone
}

func (p *programmed) typeOf(label string) string {
	if made, ok := p.made[fold(label)]; ok {
		return made
	}
	typeName, _, _ := p.Modules.Module(label)
	return typeName
}

func (p *programmed) became(label, typeName string) {
	if p.made == nil {
		p.made = map[string]string{}
	}
	p.made[fold(label)] = typeName
}

// operation returns what a change amounts to, and the account that it is about (0: none).
func (p *programmed) operation(c Change) (op Operation, account int) {
	module, register, _ := strings.Cut(c.Object, "/")
	typeName := p.typeOf(module)
	switch c.Kind {
	case Create:
		typeName = c.Text
		p.became(module, typeName)
		op = CreateModule
	case Delete:
		p.became(module, "")
		op = DeleteModule
	case Rename:
		p.became(module, "")
		p.became(c.Text, typeName)
		op = WriteSetup
	case Link:
		op = LinkModule
	case SetTime:
		if c.Broadcast {
			return SyncClock, 0
		}
		return SetClock, 0
	case ResetNamed:
		return WriteSetup, 0 // the gate asks which of them are of demand
	case Write, Pulse:
		op = WriteSetup
		if strings.EqualFold(register, "Reset") && strings.Contains(fold(typeName), fold("Demand")) || strings.EqualFold(module, demandReset) {
			return ResetDemand, 0
		}
	default:
		op = WriteSetup
	}
	switch {
	case isSecurity(typeName):
		account, _ = accountOf(module)
		return AdministerSecurity, account
	case c.Kind != Set:
	case strings.EqualFold(typeName, ethernet) && strings.EqualFold(ethernet+"/"+register, RegisterWebAccess):
		return AdministerSecurity, 0
	case strings.EqualFold(typeName, routing.Gateway) && (strings.EqualFold(register, "Access") || strings.EqualFold(register, "Allowed Addresses")):
		return AdministerSecurity, 0
	case isCommunications(typeName):
		return WriteCommunications, 0
	case strings.EqualFold(typeName, "Clock"):
		return SetClock, 0
	}
	return op, account
}

// isCommunications reports whether the setup registers of a type are communications.
func isCommunications(typeName string) bool {
	return slices.ContainsFunc([]string{ethernet, "Communications", routing.Gateway, routing.Options}, func(name string) bool { return strings.EqualFold(name, typeName) })
}

// demandReset is the label of the External Pulse that resets the peak demand.
const demandReset = "Peak Dmd Reset"

func isSecurity(typeName string) bool {
	return strings.EqualFold(typeName, securityOptions) || strings.EqualFold(typeName, securityUser)
}

// misplaced refuses a change after which a label would tell something else than its module
// is: accounts are found by the labels of their modules. It is asked before operation.
func (p *programmed) misplaced(c Change, maxAccounts int) *Refusal {
	module := moduleOf(c.Object)
	account, isAccount := accountOf(module)
	switch c.Kind {
	case Create:
		switch {
		case !isSecurity(c.Text) && setOf(module) != SecuritySettings:
			return nil
		case !strings.EqualFold(c.Text, securityUser) || !isAccount || c.Number != account:
			return refuse(CodeBadRequest, fmt.Sprintf("%s %q with the number %d: the module of USERn is Security User n and has its number", c.Text, c.Object, c.Number))
		case account > maxAccounts:
			return refuse(CodeAccountLimit, fmt.Sprintf("accounts of this meter are USER1 to USER%d", maxAccounts))
		}
	case Rename:
		if isSecurity(p.typeOf(module)) || setOf(c.Text) == SecuritySettings {
			return refuse(CodeNotWritable, "labels of the security modules are fixed, and no other module has such a one")
		}
	case Delete:
		if strings.EqualFold(p.typeOf(module), securityOptions) {
			return refuse(CodeNotWritable, "a meter has security options")
		}
	}
	return nil
}

// judge decides a transaction of a session, as things are when it is carried out. Where it
// might strand who asks, guarded is told how to undo the guard.
func (s *Session) judge(passwords map[int]Verifier, guarded *func()) Judge {
	return func(modules Modules, changes []Change) error {
		if err := s.judged(modules, changes, passwords); err != nil || guarded == nil {
			return err
		}
		p := &programmed{Modules: modules}
		if list := p.stranding(s.gate().Security().settings, changes); len(list) > 0 {
			*guarded = s.gate().guard(s.identity.eventName(), list)
		}
		return nil
	}
}

// judged decides it, and changes nothing.
func (s *Session) judged(modules Modules, changes []Change, passwords map[int]Verifier) error {
	p := &programmed{Modules: modules}
	now := s.gate().state.Load().security
	after := now.future(passwords)
	administers := len(passwords) > 0
	if administers {
		if err := s.permit(AdministerSecurity, "passwords"); err != nil {
			return err
		}
	}
	for _, c := range changes {
		misplaced := p.misplaced(c, now.Generation.MaxAccounts)
		op, account := p.operation(c)
		if c.Kind == ResetNamed && s.gate().resetsDemand(c.Object) {
			op = ResetDemand
		}
		if err := s.permit(op, c.String()); err != nil {
			return err
		}
		if misplaced != nil {
			return s.refuse(misplaced.of(op), c.String())
		}
		if op != AdministerSecurity {
			continue
		}
		administers = true
		if account != 0 && account == s.identity.Account {
			return s.refuse(refuse(CodeOwnAccount, s.ownAccount()).of(op), c.String())
		}
		if refusal := after.follow(c); refusal != nil {
			return s.refuse(refusal.of(op), c.String())
		}
	}
	if err := s.fault(changes); err != nil || !administers {
		return err
	}
	if refusal := after.check(); refusal != nil {
		return s.refuse(refusal.of(AdministerSecurity), "security")
	}
	return nil
}

// fault records and returns what the server found wrong with a change; what cannot be
// written at all comes first.
func (s *Session) fault(changes []Change) error {
	var bad *Change
	for i := range changes {
		c := &changes[i]
		if refusal, ok := asRefusal(c.Fault); ok {
			return s.refuse(refusal.of(s.gate().nominal(*c)), c.String())
		}
		if bad == nil && c.Fault != nil {
			bad = c
		}
	}
	if bad == nil {
		return nil
	}
	s.note(Record{Kind: OperationDone, Operation: s.gate().nominal(*bad), Target: bad.String(), Err: bad.Fault})
	return bad.Fault
}

// resetsDemand reports whether a reset needs the permission of its own.
func (g *Gate) resetsDemand(name string) bool {
	return slices.ContainsFunc(g.options.Works.Resets(), func(r Reset) bool { return r.Demand && strings.EqualFold(r.Name, name) })
}

// ownAccount says who the session is.
func (s *Session) ownAccount() string {
	text := "this session is connected as " + UserName(s.identity.Account)
	if s.identity.Kind != NamedUser {
		text += ", whom requests without a user name act as"
	}
	return text
}

// future is what security will be after a transaction, as far as it can go wrong.
type future struct {
	Security
	passwords map[int]Verifier
}

func (s *Security) future(passwords map[int]Verifier) future {
	f := future{Security{Generation: s.Generation, Mode: s.Mode, Accounts: map[int]Account{}}, passwords}
	for n, a := range s.Accounts {
		if v, ok := passwords[n]; ok {
			a.verifier = v
		}
		f.Accounts[n] = a
	}
	return f
}

// follow carries out a change. It refuses a value that it cannot read: the meter may read
// more forms of it, and must not be brought where check has not looked.
func (f *future) follow(c Change) *Refusal {
	module, register, _ := strings.Cut(c.Object, "/")
	account, isAccount := accountOf(module)
	switch {
	case c.Kind == Set && strings.EqualFold(c.Object, RegisterMode):
		i := slices.IndexFunc(modeNames[:], func(name string) bool { return strings.EqualFold(name, c.Text) })
		if i < 0 || !f.Generation.has(Mode(i)) {
			return refuse(CodeBadValue, fmt.Sprintf("%.20q is no security mode of firmware %s, which has %v", c.Text, f.Generation.Name, f.Generation.Modes))
		}
		f.Mode = Mode(i)
	case !isAccount:
	case c.Kind == Delete:
		delete(f.Accounts, account)
	case c.Kind == Create:
		f.Accounts[account] = Account{verifier: f.passwords[account]}
	case c.Kind == Set:
		box := permissionOf(register)
		a := f.Accounts[account]
		switch {
		case isOn(c.Text):
			a.Boxes |= box
		case strings.EqualFold(c.Text, "OFF"):
			a.Boxes &^= box
		case box != 0:
			return refuse(CodeBadValue, fmt.Sprintf("%.20q: a box is ON or OFF", c.Text))
		}
		f.Accounts[account] = a
	}
	return nil
}

// check refuses a security that nobody could change any more.
func (f *future) check() *Refusal {
	if (f.Mode == Advanced || f.Mode == LSS) && !f.administrators(0) {
		return refuse(CodeNoAdministrator, "")
	}
	return nil
}

// programs reports whether a change is one of the program: a module, a link, a setup
// register.
func (c Change) programs() bool { return c.Kind <= Link }

// nominal is the operation that a change amounts to as far as its kind tells: for the
// record of what was done.
func (g *Gate) nominal(c Change) Operation {
	switch c.Kind {
	case Pulse:
		if strings.EqualFold(moduleOf(c.Object), demandReset) {
			return ResetDemand
		}
	case ResetNamed:
		if g.resetsDemand(c.Object) {
			return ResetDemand
		}
	case Create:
		return CreateModule
	case Delete:
		return DeleteModule
	case Link:
		return LinkModule
	case SetTime:
		return SetClock
	}
	if setOf(c.Object) == SecuritySettings {
		return AdministerSecurity
	}
	return WriteSetup
}

// value is what a change sets, in words.
func (c Change) value() string {
	switch c.Kind {
	case Delete:
		return "deleted"
	case Pulse, ResetNamed:
		return "pulsed"
	case SetTime:
		return c.Time.UTC().Format(time.RFC3339)
	case Write:
		if c.Text == "" {
			return c.Value.text()
		}
	}
	return c.Text
}

// withText turns the value of a Set into the text that setup registers are written in.
func (c Change) withText() Change {
	if c.Kind == Set && c.Text == "" && c.Value.Kind != KindNone {
		c.Text = c.Value.text()
	}
	return c
}

// text is a value as setup registers and events write it.
func (v Value) text() string {
	switch {
	case !v.Available:
		return "N/A"
	case v.Kind == KindText || v.Kind == KindEnum && v.Text != "":
		return v.Text
	case v.Kind == KindBoolean && v.Number != 0:
		return "ON"
	case v.Kind == KindBoolean:
		return "OFF"
	}
	return strconv.FormatFloat(v.Number, 'g', -1, 64)
}
