package access

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hepmeter/hepmeter/wire/routing"
)

// Account is one named user.
type Account struct {
	// Boxes are the permissions that are ticked; Boxes.Effective() what they allow.
	Boxes    Permissions
	verifier Verifier
}

// HasPassword reports whether the account can log in at all.
func (a Account) HasPassword() bool { return a.verifier.Set() }

// NumericPassword reports whether its password has digits only.
func (a Account) NumericPassword() bool { return a.verifier.Numeric() }

// Security is all that decisions depend on. It never changes: a change of a register
// makes a new one (NewSecurity) and raises the gate's epoch.
type Security struct {
	Generation Generation
	Mode       Mode
	MapAccess  MapAccess
	// Accounts by number, from 1.
	Accounts map[int]Account
	// ModelName is what may be given as a user name for User1 while LSS is on, and with
	// the meter password under Standard.
	ModelName string
	// NamedUpgrade takes firmware from named users only.
	NamedUpgrade bool
	// Broadcast takes the time from a Modbus broadcast.
	Broadcast bool
	// WebSetup and PanelSetup let setup be changed by way of the web pages and of the front
	// panel.
	WebSetup, PanelSetup bool
	// GatewayAccess is what may be done with the devices behind the Modbus gateway.
	GatewayAccess MapAccess
	// gatewayAddresses says it for each client.
	gatewayAddresses routing.Addresses

	// attempts are the wrong logins until a user is locked, 0 for never; by path.
	attempts [paths]int
	// lockout is how long, collapse how long the same wrong pair counts once.
	lockout, collapse time.Duration
	// Priorities of events.
	validLogin, invalidLogin, lockedOut uint8

	// meterPassword is that of Standard.
	meterPassword Verifier
	// settings are the registers that this was made from, by label.
	settings map[string]string
}

// The registers of the gate.
const (
	securityOptions = "Security Options"
	securityUser    = "Security User"
	ethernet        = "Ethernet"
	displayOptions  = "Display Options"

	RegisterMode      = securityOptions + "/Security Mode"
	RegisterMapAccess = securityOptions + "/Modbus Map Access"
	RegisterWebAccess = ethernet + "/Web Access"

	registerNamedUpgrade = securityOptions + "/Require Named User For Upgrade"
	registerBroadcast    = securityOptions + "/Allow Broadcast Time Sync"
	RegisterWebSetup     = securityOptions + "/Web Configuration"
	RegisterPanelSetup   = displayOptions + "/Front Panel Programming"
	registerBanner       = securityOptions + "/Banner"
	registerLockout      = securityOptions + "/Lockout Minutes"
	registerCollapse     = securityOptions + "/ION Session Timeout"
	registerValid        = securityOptions + "/Valid Login EvPriority"
	registerInvalid      = securityOptions + "/Invalid Login EvPriority"
	registerLocked       = securityOptions + "/Lockout EvPriority"
)

// attemptsRegister is the register of a path's lockout attempts; empty for a path that
// carries no credential.
func attemptsRegister(p Path) string {
	switch p {
	case FrontPanel:
		return securityOptions + "/Panel Lockout Attempts"
	case ION, IONOverModbus:
		return securityOptions + "/ION Lockout Attempts"
	case Web:
		return securityOptions + "/Web Lockout Attempts"
	case SSH:
		return securityOptions + "/SSH Lockout Attempts"
	case SFTP:
		return securityOptions + "/SFTP Lockout Attempts"
	}
	return ""
}

// NewSecurity makes the value from the registers of the Security modules, as text by
// label, and the passwords by account number; number 0 is the meter password. Registers
// that are not there have their factory value: a newer firmware may have brought them.
func NewSecurity(g Generation, modelName string, settings map[string]string, passwords map[int]Verifier) (*Security, error) {
	s := &Security{Generation: g, ModelName: modelName, Accounts: map[int]Account{}, meterPassword: passwords[0], settings: settings}
	var err error
	s.Mode, err = readEnum[Mode](settings, RegisterMode, modeNames[:], g.Modes[0])
	if err != nil {
		return nil, err
	}
	if !g.has(s.Mode) {
		return nil, fmt.Errorf("%s is %s, which firmware %s does not have", RegisterMode, s.Mode, g.Name)
	}
	if s.MapAccess, err = readEnum(settings, RegisterMapAccess, mapAccessNames[:], MapReadOnly); err != nil {
		return nil, err
	}
	if s.GatewayAccess, err = readEnum(settings, routing.RegisterAccess, mapAccessNames[:], MapReadWrite); err != nil {
		return nil, err
	}
	if s.gatewayAddresses, err = routing.ParseAddresses(settings[routing.RegisterAddresses]); err != nil {
		return nil, fmt.Errorf("%s: %w", routing.RegisterAddresses, err)
	}
	number := func(label string, factory int) int {
		if n, err := strconv.ParseFloat(settings[label], 64); err == nil {
			return int(n)
		}
		return factory
	}
	on := func(label string, factory bool) bool {
		if text, ok := settings[label]; ok {
			return isOn(text)
		}
		return factory
	}
	s.NamedUpgrade, s.Broadcast = on(registerNamedUpgrade, false), on(registerBroadcast, true)
	s.WebSetup, s.PanelSetup = on(RegisterWebSetup, false), on(RegisterPanelSetup, true)
	if s.Mode == Standard || s.Mode == None {
		// These are choices of Advanced only (9410 manual p.45).
		s.Broadcast = true
	}
	s.lockout = time.Duration(number(registerLockout, 15)) * time.Minute
	s.collapse = time.Duration(number(registerCollapse, 30)) * time.Minute
	s.validLogin = uint8(number(registerValid, 0))
	s.invalidLogin = uint8(number(registerInvalid, 128))
	s.lockedOut = uint8(number(registerLocked, 255))
	for p := range paths {
		if register := attemptsRegister(p); register != "" {
			s.attempts[p] = number(register, 5)
		}
	}
	for label, text := range settings {
		module, register, _ := strings.Cut(label, "/")
		n, ok := accountOf(module)
		if !ok {
			continue
		}
		a := s.Accounts[n]
		a.verifier = passwords[n]
		if isOn(text) {
			a.Boxes |= permissionOf(register)
		}
		s.Accounts[n] = a
	}
	return s, nil
}

func isOn(text string) bool { return strings.EqualFold(text, "ON") }

func readEnum[T ~uint8](settings map[string]string, label string, names []string, factory T) (T, error) {
	text, ok := settings[label]
	if !ok {
		return factory, nil
	}
	for i, name := range names {
		if strings.EqualFold(name, text) {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%s is %q, which is none of %s", label, text, strings.Join(names, ", "))
}

// accountOf returns the number of the account that a module is, by its label.
func accountOf(module string) (int, bool) {
	rest, ok := cutFold(module, securityUser+" ")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil && n >= 1 && strconv.Itoa(n) == rest
}

// UserName is the name of an account; 0 is nobody.
func UserName(account int) string {
	if account == 0 {
		return ""
	}
	return "USER" + strconv.Itoa(account)
}

// userModule is the label of an account's module.
func userModule(account int) string { return securityUser + " " + strconv.Itoa(account) }

// ParseUser reads a name such as USER2, in any case.
func ParseUser(name string) (int, bool) {
	rest, ok := cutFold(name, "USER")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil && n >= 1 && n <= maxUserNumber && strconv.Itoa(n) == rest
}

// maxUserNumber bounds the numbers of accounts over all generations.
const maxUserNumber = 50

func cutFold(text, prefix string) (string, bool) { return strings.CutPrefix(fold(text), fold(prefix)) }

// fold makes equal what the meter holds for the same label (strings.EqualFold), in which
// the long s is an s and the sign of kelvin a k: such a label must not slip past a rule.
func fold(label string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, label)
}

// Numbers returns the numbers of the accounts in order.
func (s *Security) Numbers() []int { return slices.Sorted(maps.Keys(s.Accounts)) }

// Setting returns a register of the Security modules as text, empty if there is none.
func (s *Security) Setting(label string) string { return s.settings[label] }

// Banner is the owner's text for who is about to log in, empty for none.
func (s *Security) Banner() string { return s.settings[registerBanner] }

// administrators reports whether an account other than except could change security.
func (s *Security) administrators(except int) bool {
	for n, a := range s.Accounts {
		if n != except && a.HasPassword() && a.Boxes.Effective()&MaySecurity != 0 {
			return true
		}
	}
	return false
}
