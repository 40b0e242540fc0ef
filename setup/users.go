package setup

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// UserName is the name of an account: USER1, USER2 ...; that of number 0 is METER, the
// meter password of Standard security.
func UserName(number int) string {
	if number == 0 {
		return meterPassword
	}
	return "USER" + strconv.Itoa(number)
}

const meterPassword = "METER"

// ParseUser reads USER2, user2 or 2, and METER. The error has the code usage.
func ParseUser(name string) (int, error) {
	if strings.EqualFold(name, meterPassword) {
		return 0, nil
	}
	digits := name
	if len(name) > 4 && strings.EqualFold(name[:4], "user") {
		digits = name[4:]
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 999 || digits[0] == '+' || digits[0] == '0' {
		return 0, NewError(CodeUsage, "%q is no account", name).with("accounts are USER1, USER2 ...; see `hepsetup users list`")
	}
	return n, nil
}

// AddUser makes an account with a password; number 0 takes the lowest that is free.
func (m *Meter) AddUser(ctx context.Context, number int, boxes []string, password string) (int, error) {
	if err := CheckPassword(password); err != nil {
		return 0, err
	}
	what := "adding an account"
	if number != 0 {
		what = "adding " + UserName(number)
	}
	r, err := ask(ctx, m, what, ionp.UserAdd, ionp.UserAddRequest{Number: uint32(number), Permissions: boxes, Password: ionp.Secret(password)})
	return int(r.Number), err
}

// SetUser grants and revokes permissions of another account (F16: never one's own).
func (m *Meter) SetUser(ctx context.Context, number int, grant, revoke []string) error {
	_, err := ask(ctx, m, "changing "+UserName(number), ionp.UserSet, ionp.UserSetRequest{Number: uint32(number), Grant: grant, Revoke: revoke})
	return err
}

// SetPassword gives an account a new password: everyone his own (F17), and who has
// Security Config Access any. From then on the tool shows it where it was its own.
func (m *Meter) SetPassword(ctx context.Context, number int, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	if number == 0 && !Numeric(password) {
		return NewError(CodePasswordRule, "the meter password of Standard security has digits only")
	}
	_, err := ask(ctx, m, "changing the password of "+UserName(number), ionp.UserPassword, ionp.UserPasswordRequest{Number: uint32(number), Password: ionp.Secret(password)})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if own, ok := m.credential.account(); ok && own == number {
		m.credential.Password = &password
	}
	return nil
}

// account is whose password the credential has, as far as it tells.
func (c Credential) account() (int, bool) {
	if c.Password == nil {
		return 0, false
	}
	if c.User == "" {
		return 1, true // under LSS
	}
	n, err := ParseUser(c.User)
	return n, err == nil
}

// RemoveUser deletes another account.
func (m *Meter) RemoveUser(ctx context.Context, number int) error {
	_, err := ask(ctx, m, "removing "+UserName(number), ionp.UserRemove, ionp.UserRemoveRequest{Number: uint32(number)})
	return err
}

// Unlock ends the lockouts of an account on a path, on all where it is empty.
func (m *Meter) Unlock(ctx context.Context, number int, path string) error {
	_, err := ask(ctx, m, "unlocking "+UserName(number), ionp.UserUnlock, ionp.UserUnlockRequest{Number: uint32(number), Path: path})
	return err
}

// CutOff tells which clients a new password of an account cuts off, before it is set
// (F20): under LSS, clients of older times send User1's password in digits only. It is
// empty where nobody is. Whoever may not read the ledger is told so.
func (m *Meter) CutOff(ctx context.Context, number int, password string) (*Warning, error) {
	if number != 1 || Numeric(password) || !m.TakesPasswordOnly() {
		return nil, nil
	}
	w := &Warning{Text: "clients that send a password without a user name can send digits only: with a password that is no number they are cut off from everything but reading"}
	ledger, err := m.Ledger(ctx)
	switch {
	case HasCode(err, "no-permission", "credentials-needed", "user-needed"):
		w.Text += fmt.Sprintf("; which of them this meter has seen is told only to accounts with Security Config Access (%s)", ErrorCode(err))
		return w, nil
	case err != nil:
		return nil, err
	}
	for _, use := range ledger.Entries {
		if use.Class == Legacy && !use.You && use.Credential != credentialOfNobody {
			w.Clients = append(w.Clients, use)
		}
	}
	return w, nil
}

// Warning is what is said before something is done that cuts clients off.
type Warning struct {
	Text    string `json:"text"`
	Clients []Use  `json:"clients"`
}
