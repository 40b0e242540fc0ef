package access

import (
	"strings"
	"time"
)

// AccountStatus is one account as it is shown to who administers security.
type AccountStatus struct {
	Number int
	Name   string
	// Boxes are ticked; Effective is what they allow.
	Boxes, Effective Permissions
	HasPassword      bool
	NumericPassword  bool
	You              bool
}

// Exposure tells what each kind of client can do on a path.
type Exposure struct {
	Path    Path
	Enabled bool
	// What is allowed, in words: "nothing", "read", "read, write" ...
	Anonymous, PasswordOnly, Named string
	Encrypted                      bool
	Note                           string
}

// SecurityStatus is all that there is to know of security, without passwords.
type SecurityStatus struct {
	Generation  Generation
	Mode        Mode
	Accounts    []AccountStatus
	You         Identity
	Lockouts    []Lockout
	Options     map[string]string
	Exposure    []Exposure
	Provisional ProvisionalStatus
	Factory     FactoryStatus
	ModelName   string
	// Epoch grows with each change.
	Epoch uint64
}

// Status tells all of security. It needs Security Config Access.
func (s *Session) Status() (SecurityStatus, error) {
	if err := s.permit(ReadSecurity, "security"); err != nil {
		return SecurityStatus{}, err
	}
	g := s.gate()
	now := g.options.Now()
	state := g.state.Load()
	security := state.security
	status := SecurityStatus{Generation: security.Generation, Mode: security.Mode, You: s.identity, Lockouts: g.lockouts.list(now), Options: security.options(),
		Provisional: g.provisionalStatus(now), Factory: g.factoryStatus(now), ModelName: security.ModelName, Epoch: state.epoch, Exposure: security.exposure()}
	for _, n := range security.Numbers() {
		a := security.Accounts[n]
		status.Accounts = append(status.Accounts, AccountStatus{n, UserName(n), a.Boxes, a.Boxes.Effective(), a.HasPassword(), a.NumericPassword(), n == s.identity.Account})
	}
	return status, nil
}

// options are the registers that say who may do what: those of the Security Options
// module, and what is enabled.
func (s *Security) options() map[string]string {
	options := map[string]string{}
	for label, text := range s.settings {
		if isGateRegister(label) || strings.HasPrefix(label, "Ethernet/Enable ") {
			options[label] = text
		}
	}
	return options
}

// OwnStatus is what everyone may know of himself.
type OwnStatus struct {
	User        string
	Credential  CredentialKind
	Permissions Permissions
	Operations  []Operation
	Since       time.Time
}

// Own tells who the session is and what it may do.
func (s *Session) Own() OwnStatus {
	security := s.gate().Security()
	own := OwnStatus{User: s.identity.userName(), Credential: s.identity.Kind, Permissions: security.effective(s.identity.Account), Since: s.since}
	for op := range operations {
		if s.May(op) {
			own.Operations = append(own.Operations, op)
		}
	}
	return own
}

// Takes tells which kinds of credential a path takes now: what a login page or a hello
// may say before anyone has logged in (F14).
func (g *Gate) Takes(p Path) []CredentialKind {
	security := g.Security()
	var kinds []CredentialKind
	for kind := range credentialKinds {
		if kind == ModelNumber && !takesModelNumber(p) {
			continue
		}
		if security.takes(p, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// takes reports whether a credential of the kind can lead to anything on a path.
func (s *Security) takes(p Path, kind CredentialKind) bool {
	if kind == NamedUser && (s.Mode == Advanced || s.Mode == LSS) {
		return p != ModbusMap && s.exists(Request{Path: p}) == nil
	}
	for op := range operations {
		if op != SyncClock && op != ReadDownstream && op != WriteDownstream && s.Decide(Request{Path: p, Credential: kind, Operation: op}) == nil {
			return true
		}
	}
	return false
}

// Enabled reports whether a path takes new connections. A register that is not there
// disables nothing.
func (s *Security) Enabled(p Path) bool {
	register := ""
	switch p {
	case ION:
		register = "Ethernet/Enable ION"
	case IONOverModbus, ModbusMap:
		register = "Ethernet/Enable Modbus TCP"
	case Web:
		return s.settings[RegisterWebAccess] != "Disabled"
	case SSH:
		if !s.Generation.Terminal {
			return false
		}
		register = "Ethernet/Enable SSH"
	case SFTP:
		register = "Ethernet/Enable SFTP"
	}
	text, ok := s.settings[register]
	return !ok || isOn(text)
}

// exposure goes through the decision table for each path.
func (s *Security) exposure() []Exposure {
	list := []Exposure{
		{Path: FrontPanel, Encrypted: true, Note: "on the meter itself"},
		{Path: ION, Note: "in clear: passwords can be read on the way"},
		{Path: IONOverModbus, Note: "in clear; stays open when the Modbus map is closed"},
		{Path: ModbusMap, Note: "in clear; has no place for a password"},
		{Path: Web, Encrypted: s.settings[RegisterWebAccess] != "HTTP"},
		{Path: SSH, Encrypted: true},
		{Path: SFTP, Encrypted: true},
	}
	for i := range list {
		e := &list[i]
		e.Enabled = s.Enabled(e.Path)
		e.Anonymous, e.PasswordOnly = s.allowed(e.Path, NoCredential), s.allowed(e.Path, PasswordOnly)
		switch {
		case e.Path == ModbusMap:
			e.PasswordOnly, e.Named = "no place for one", "no place for one"
		case s.Mode == Advanced || s.Mode == LSS:
			e.Named = "what the account may"
		default:
			e.Named = s.allowed(e.Path, NamedUser)
		}
		if e.Path == Web || e.Path == SSH || e.Path == SFTP {
			if s.Mode == LSS {
				e.PasswordOnly = "as " + s.ModelName + ": " + s.allowed(e.Path, ModelNumber)
			}
		}
	}
	return list
}

// allowed sums up in words what a credential may do on a path.
func (s *Security) allowed(p Path, kind CredentialKind) string {
	may := func(op Operation) bool {
		return s.Decide(Request{Path: p, Credential: kind, Operation: op}) == nil
	}
	text := ""
	add := func(word string, op Operation) {
		if !may(op) {
			return
		}
		if text != "" {
			text += ", "
		}
		text += word
	}
	add("read", ReadMeasurement)
	add("write setup", WriteSetup)
	add("reset demand", ResetDemand)
	add("set clock", SetClock)
	add("security", AdministerSecurity)
	if text == "" {
		return "nothing"
	}
	return text
}
