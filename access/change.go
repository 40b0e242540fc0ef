package access

import (
	"cmp"
	"strconv"
	"strings"
	"time"
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
	made map[string]string // label (lower case) to type; "" for one that is gone
}

func (p *programmed) typeOf(label string) string {
	if made, ok := p.made[strings.ToLower(label)]; ok {
		return made
	}
	typeName, _, _ := p.Modules.Module(label)
	return typeName
}

func (p *programmed) became(label, typeName string) {
	if p.made == nil {
		p.made = map[string]string{}
	}
	p.made[strings.ToLower(label)] = typeName
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
		p.became(c.Text, typeName)
		op = WriteSetup
		// A label decides what a later request is taken for.
		if isSecurity(typeName) || strings.HasPrefix(strings.ToLower(c.Text), "security ") {
			return AdministerSecurity, 0
		}
		return op, 0
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
		if register == "Reset" && strings.Contains(typeName, "Demand") || strings.EqualFold(module, demandReset) {
			return ResetDemand, 0
		}
	default:
		op = WriteSetup
	}
	switch {
	case isSecurity(typeName):
		account, _ = accountOf(module)
		return AdministerSecurity, account
	case typeName == "Ethernet" && c.Kind == Set && strings.EqualFold(c.Object, RegisterWebAccess):
		return AdministerSecurity, 0
	case (typeName == "Ethernet" || typeName == "Communications") && c.Kind == Set:
		return WriteCommunications, 0
	case typeName == "Clock" && c.Kind == Set:
		return SetClock, 0
	}
	return op, account
}

// demandReset is the label of the External Pulse that resets the peak demand.
const demandReset = "Peak Dmd Reset"

func isSecurity(typeName string) bool {
	return strings.EqualFold(typeName, securityOptions) || strings.EqualFold(typeName, securityUser)
}

// judge decides a transaction of a session, as things are when it is carried out.
func (s *Session) judge(passwords map[int]Verifier) Judge {
	return func(modules Modules, changes []Change) error {
		p := &programmed{Modules: modules}
		now := s.gate().state.Load().security
		demand := s.gate().demandResets()
		after := now.future(passwords)
		administers := false
		for _, c := range changes {
			op, account := p.operation(c)
			if c.Kind == ResetNamed && demand[strings.ToLower(c.Object)] {
				op = ResetDemand
			}
			if err := s.permit(op, c.String()); err != nil {
				return err
			}
			if op != AdministerSecurity {
				continue
			}
			administers = true
			if account != 0 && account == s.identity.Account {
				return s.refuse(refuse(CodeOwnAccount, s.ownAccount()).of(op), c.String())
			}
			after.follow(c)
		}
		if err := faultOf(changes); err != nil || !administers {
			return err
		}
		if refusal := after.check(); refusal != nil {
			return s.refuse(refusal.of(AdministerSecurity), "security")
		}
		return nil
	}
}

// faultOf returns what the server found wrong; what cannot be written at all comes first.
func faultOf(changes []Change) error {
	var fault error
	for _, c := range changes {
		if _, ok := asRefusal(c.Fault); ok {
			return c.Fault
		}
		fault = cmp.Or(fault, c.Fault)
	}
	return fault
}

// demandResets are the names of the resets that need their own permission, in lower case.
func (g *Gate) demandResets() map[string]bool {
	demand := map[string]bool{}
	if g.options.Works == nil {
		return demand
	}
	for _, r := range g.options.Works.Resets() {
		demand[strings.ToLower(r.Name)] = r.Demand
	}
	return demand
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

// follow carries out a change.
func (f *future) follow(c Change) {
	module, register, _ := strings.Cut(c.Object, "/")
	account, isAccount := accountOf(module)
	switch {
	case c.Kind == Set && strings.EqualFold(c.Object, RegisterMode):
		for i, name := range modeNames {
			if strings.EqualFold(name, c.Text) {
				f.Mode = Mode(i)
			}
		}
	case !isAccount:
	case c.Kind == Delete:
		delete(f.Accounts, account)
	case c.Kind == Create:
		f.Accounts[account] = Account{verifier: f.passwords[account]}
	case c.Kind == Set:
		a := f.Accounts[account]
		a.Boxes &^= permissionOf(register)
		if isOn(c.Text) {
			a.Boxes |= permissionOf(register)
		}
		f.Accounts[account] = a
	}
}

// check refuses a security that nobody could change any more.
func (f *future) check() *Refusal {
	if (f.Mode == Advanced || f.Mode == LSS) && !f.administrators(0) {
		return refuse(CodeNoAdministrator, "")
	}
	return nil
}

// nominal is the operation that a change amounts to as far as its kind tells: for the
// record of what was done.
func (c Change) nominal() Operation {
	switch c.Kind {
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
