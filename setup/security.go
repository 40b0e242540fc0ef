package setup

import (
	"context"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// The labels of registers that this package knows by name.
const (
	RegisterMode = "Security Options/Security Mode"
)

// The security modes, as the register has them.
const (
	ModeNone     = "None"
	ModeStandard = "Standard"
	ModeLSS      = "LSS"
	ModeAdvanced = "Advanced"
)

// Account is one account, as it is shown to who administers security.
type Account struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	// Boxes are ticked; Effective is what they allow; Idle are ticked without effect.
	Boxes       []string `json:"boxes"`
	Effective   []string `json:"effective"`
	Idle        []string `json:"idle"`
	HasPassword bool     `json:"has_password"`
	// Password is "numeric", "other", or empty for none.
	Password string `json:"password_kind"`
	You      bool   `json:"you"`
}

// May reports whether the account has a permission in effect.
func (a Account) May(permission string) bool {
	for _, word := range a.Effective {
		if word == permission {
			return true
		}
	}
	return false
}

// Lockout is wrong logins that were counted.
type Lockout struct {
	User       string `json:"user"`
	Path       string `json:"path"`
	Connection string `json:"connection"`
	Attempts   int    `json:"attempts"`
	Locked     bool   `json:"locked"`
	RemainingS int64  `json:"remaining_s"`
}

// Exposure tells what each kind of client can do on a path.
type Exposure struct {
	Path         string `json:"path"`
	Enabled      bool   `json:"enabled"`
	Anonymous    string `json:"anonymous"`
	PasswordOnly string `json:"password_only"`
	Named        string `json:"named"`
	Note         string `json:"note"`
}

// Provisional tells whether changes of security wait for their confirmation.
type Provisional struct {
	Active     bool   `json:"active"`
	RemainingS int64  `json:"remaining_s"`
	By         string `json:"by"`
}

// FactoryAccess tells whether the manufacturer's way in is open.
type FactoryAccess struct {
	Open       bool  `json:"open"`
	RemainingS int64 `json:"remaining_s"`
}

// You are who the meter finds the tool to be.
type You struct {
	User       string `json:"user"`
	Named      bool   `json:"named"`
	Credential string `json:"credential"`
}

// Security is all that there is to know of a meter's security, without passwords.
type Security struct {
	Generation  string            `json:"generation"`
	Mode        string            `json:"mode"`
	Modes       []string          `json:"modes"`
	You         You               `json:"you"`
	Accounts    []Account         `json:"accounts"`
	Lockouts    []Lockout         `json:"lockouts"`
	Options     map[string]string `json:"options"`
	Exposure    []Exposure        `json:"exposure"`
	Provisional Provisional       `json:"provisional"`
	Factory     FactoryAccess     `json:"factory_access"`
}

// Security reads all of security.
func (m *Meter) Security(ctx context.Context) (Security, error) {
	r, err := ask(ctx, m, "reading security", ionp.SecurityStatus, ionp.SecurityStatusRequest{})
	if err != nil {
		return Security{}, err
	}
	s := Security{Generation: r.Generation, Mode: r.Mode, Modes: r.Modes, You: You{r.You.User, r.You.Named, r.You.Kind}, Options: r.Options,
		Accounts: []Account{}, Lockouts: []Lockout{}, Exposure: []Exposure{},
		Provisional: Provisional{r.Provisional.Active, int64(r.Provisional.RemainingSeconds), r.Provisional.By},
		Factory:     FactoryAccess{r.Factory.Open, int64(r.Factory.RemainingSeconds)}}
	for _, w := range r.Accounts {
		s.Accounts = append(s.Accounts, Account{int(w.Number), w.Name, w.Permissions, w.Effective, Idle(w.Permissions), w.HasPassword, w.PasswordKind, w.You})
	}
	for _, w := range r.Lockouts {
		s.Lockouts = append(s.Lockouts, Lockout{w.User, w.Path, w.Connection, int(w.Attempts), w.Locked, int64(w.RemainingSeconds)})
	}
	for _, w := range r.Exposure {
		s.Exposure = append(s.Exposure, Exposure{w.Path, w.Enabled, w.Anonymous, w.PasswordOnly, w.Named, w.Note})
	}
	return s, nil
}

// Account returns an account by its number.
func (s Security) Account(number int) (Account, bool) {
	for _, a := range s.Accounts {
		if a.Number == number {
			return a, true
		}
	}
	return Account{}, false
}

// Own returns the account that the tool is connected with.
func (s Security) Own() (Account, bool) {
	for _, a := range s.Accounts {
		if a.You {
			return a, true
		}
	}
	return Account{}, false
}

// Knows reports whether the meter's firmware has a mode.
func (s Security) Knows(mode string) bool {
	for _, known := range s.Modes {
		if strings.EqualFold(known, mode) {
			return true
		}
	}
	return false
}

// SetSecurity sets registers of security by their labels: all of them or none.
func (m *Meter) SetSecurity(ctx context.Context, options map[string]string) error {
	return m.settled(ctx, func() error {
		_, err := ask(ctx, m, "setting security", ionp.SecuritySet, ionp.SecuritySetRequest{Options: options})
		return err
	})
}

// SetMode sets the security mode, and finds before whether the firmware has it.
func (m *Meter) SetMode(ctx context.Context, mode string) error {
	s, err := m.Security(ctx)
	if err != nil {
		return err
	}
	if len(s.Modes) > 0 && !s.Knows(mode) {
		return NewError(CodeNotInThisFirmware, "firmware %s has no mode %s: it has %s", s.Generation, mode, strings.Join(s.Modes, ", ")).
			with("choose one of those; on 3.x `hepsetup security legacy ADDR on` is the nearest to Standard")
	}
	return m.SetSecurity(ctx, map[string]string{RegisterMode: mode})
}

// BeginProvisional has all further changes of security return, unless they are confirmed
// within the time: whether or not the tool lives.
func (m *Meter) BeginProvisional(ctx context.Context, within time.Duration) (deadline time.Time, err error) {
	r, err := ask(ctx, m, "beginning changes that are to be confirmed", ionp.ProvisionalBegin,
		ionp.ProvisionalBeginRequest{WithinSeconds: uint32(within.Seconds())})
	return time.Unix(0, r.Deadline).UTC(), err
}

// Confirm keeps changes that wait for it.
func (m *Meter) Confirm(ctx context.Context) error {
	_, err := ask(ctx, m, "confirming changes of security", ionp.ProvisionalConfirm, ionp.ProvisionalConfirmRequest{})
	return err
}

// CancelProvisional takes changes that wait for their confirmation back at once.
func (m *Meter) CancelProvisional(ctx context.Context) error {
	_, err := ask(ctx, m, "taking back changes of security", ionp.ProvisionalCancel, ionp.ProvisionalCancelRequest{})
	return err
}

// ExportSecurity returns the security file: text to be reviewed, compared and applied. It
// has no passwords.
func (m *Meter) ExportSecurity(ctx context.Context) (string, error) {
	r, err := ask(ctx, m, "exporting security", ionp.SecurityExport, ionp.SecurityExportRequest{})
	return r.Text, err
}

// ExportVerifiers returns the security file with what passwords are checked with, for a
// backup: no passwords, but what can be guessed against.
func (m *Meter) ExportVerifiers(ctx context.Context) (string, error) {
	r, err := ask(ctx, m, "exporting password verifiers", ionp.SecurityExport, ionp.SecurityExportRequest{Verifiers: true})
	return r.Text, err
}

// ApplySecurity makes security that of a file of the same generation, and returns a line
// for each change. Passwords are by account name. With dryRun nothing is changed.
func (m *Meter) ApplySecurity(ctx context.Context, text string, passwords map[string]string, dryRun bool) ([]string, error) {
	secrets := map[string]ionp.Secret{}
	for name, password := range passwords {
		if err := CheckPassword(password); err != nil {
			return nil, asError("the password of "+name, err)
		}
		secrets[name] = ionp.Secret(password)
	}
	var r ionp.SecurityApplyReply
	err := m.settled(ctx, func() (err error) {
		r, err = ask(ctx, m, "applying a security file", ionp.SecurityApply,
			ionp.SecurityApplyRequest{Text: text, Passwords: secrets, DryRun: dryRun})
		return err
	})
	return r.Changes, err
}

// WithoutPassword names the accounts that would have no password after the changes that
// ApplySecurity lists: the meter says so of each.
func WithoutPassword(changes []string) []string {
	names := []string{}
	for _, line := range changes {
		if name, rest, _ := strings.Cut(line, ":"); strings.Contains(rest, "has no password") {
			names = append(names, name)
		}
	}
	return names
}

// ErrorCode is the code of an error, empty if it has none.
func ErrorCode(err error) string {
	if e := (*Error)(nil); asKnown(err, &e) {
		return e.Code
	}
	return ""
}
