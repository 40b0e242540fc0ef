package ssh

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

const accountsHelp = `  accounts                             the accounts, and who is locked out
  accounts add [USERn] PERMISSION...   a new one; --no-password leaves it unable to log in
  accounts set USERn +WORD -WORD ...   grant and revoke
  accounts passwd USERn                a new password
  accounts remove USERn
  accounts unlock USERn|all
Permissions are read, reset, time, config, test, security, comm. Passwords are asked for, or
read from the input; they are never part of a command line.
`

// accounts administers the accounts.
func (t *terminal) accounts(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return t.listAccounts()
	}
	verb, rest := strings.ToLower(args[0]), args[1:]
	switch verb {
	case "list":
		if err := none(rest); err != nil {
			return err
		}
		return t.listAccounts()
	case "add":
		return t.addAccount(ctx, rest)
	case "set":
		return t.setAccount(ctx, rest)
	case "passwd", "remove", "unlock":
		if len(rest) != 1 {
			return usage("accounts %s needs one account, such as USER2", verb)
		}
	default:
		return usage("there is no accounts %.40q: see `help accounts`", verb)
	}
	if verb == "unlock" && strings.EqualFold(rest[0], "all") {
		return t.unlockAll()
	}
	number, ok := access.ParseUser(rest[0])
	if !ok {
		return usage("%.40q is no account: they are called USER1, USER2 ...", rest[0])
	}
	switch verb {
	case "remove":
		return t.done(t.session.RemoveUser(ctx, number), "%s is removed", access.UserName(number))
	case "unlock":
		n, err := t.session.Unlock(number, nil)
		return t.done(err, "%s of %s cleared", count(n, "lockout"), access.UserName(number))
	}
	// Who may not is told before he is asked.
	if number != t.session.Identity().Account && !t.session.May(access.AdministerSecurity) {
		return t.session.SetPassword(ctx, number, "")
	}
	password, err := t.newPassword(access.UserName(number))
	if err != nil {
		return err
	}
	return t.done(t.session.SetPassword(ctx, number, password), "the password of %s is changed", access.UserName(number))
}

// done tells that something was done, where it was.
func (t *terminal) done(err error, format string, args ...any) error {
	if err == nil {
		t.printf(format+"\n", args...)
	}
	return err
}

func (t *terminal) listAccounts() error {
	status, err := t.session.Status()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, a := range status.Accounts {
		note := ""
		switch {
		case !a.HasPassword:
			note = "no password: cannot log in"
		case a.Effective != a.Boxes:
			note = "without read most has no effect"
		}
		if a.You {
			note = strings.TrimSpace(note + " (you)")
		}
		rows = append(rows, []string{a.Name, strings.Join(a.Boxes.Words(), " "), note})
	}
	t.table([]string{"account", "permissions", ""}, rows)
	rows = nil
	for _, l := range status.Lockouts {
		state := "wrong logins: " + strconv.Itoa(l.Failures)
		if l.Locked {
			state = "locked out for another " + span(l.Remaining)
		}
		rows = append(rows, []string{access.UserName(l.Account), l.Path.String() + ", " + l.Medium.String(), state})
	}
	if len(rows) > 0 {
		t.printf("\n")
		t.table([]string{"account", "on", ""}, rows)
	}
	return nil
}

func (t *terminal) addAccount(ctx context.Context, args []string) error {
	args, set, err := options(args, []string{"no-password"}, nil)
	if err != nil {
		return err
	}
	number := 0
	if len(args) > 0 {
		if n, ok := access.ParseUser(args[0]); ok {
			number, args = n, args[1:]
		}
	}
	boxes, err := access.ParsePermissions(args)
	if err != nil {
		return usageError(reason(err))
	}
	password := ""
	if set["no-password"] == 0 && t.session.May(access.AdministerSecurity) {
		if password, err = t.newPassword("the new account"); err != nil {
			return err
		}
		if err := access.CheckPassword(password); err != nil {
			return err
		}
	}
	number, err = t.session.AddUser(ctx, number, boxes, password)
	return t.done(err, "%s is added with %s", access.UserName(number), orNone(boxes))
}

// reason is why the gate refuses, without what was to be done.
func reason(err error) string {
	var refusal *access.Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return err.Error()
}

func orNone(p access.Permissions) string {
	if p == 0 {
		return "no permission"
	}
	return p.String()
}

func (t *terminal) setAccount(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return usage("accounts set needs an account, and +WORD or -WORD")
	}
	number, ok := access.ParseUser(args[0])
	if !ok {
		return usage("%.40q is no account: they are called USER1, USER2 ...", args[0])
	}
	var grant, revoke []string
	for _, word := range args[1:] {
		switch {
		case strings.HasPrefix(word, "+"):
			grant = append(grant, word[1:])
		case strings.HasPrefix(word, "-"):
			revoke = append(revoke, word[1:])
		default:
			return usage("%.40q: write +%[1]s to grant it, or -%[1]s to revoke it", word)
		}
	}
	more, err := access.ParsePermissions(grant)
	if err != nil {
		return usageError(reason(err))
	}
	fewer, err := access.ParsePermissions(revoke)
	if err != nil {
		return usageError(reason(err))
	}
	return t.done(t.session.SetUser(ctx, number, more, fewer), "%s is changed", access.UserName(number))
}

func (t *terminal) unlockAll() error {
	status, err := t.session.Status()
	if err != nil {
		return err
	}
	n := 0
	for _, a := range status.Accounts {
		cleared, err := t.session.Unlock(a.Number, nil)
		if err != nil {
			return err
		}
		n += cleared
	}
	return t.done(nil, "%s cleared", count(n, "lockout"))
}

// password changes the password that the user logs in with (F17).
func (t *terminal) password(ctx context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	id := t.session.Identity()
	if !t.session.May(access.ChangeOwnPassword) { // the gate says why
		return t.session.SetPassword(ctx, id.Account, "")
	}
	of := fmt.Sprintf("%s, which you use", access.UserName(id.Account))
	if id.Account == 0 {
		of = "the meter"
	}
	password, err := t.newPassword(of)
	if err != nil {
		return err
	}
	return t.done(t.session.SetPassword(ctx, id.Account, password), "the password is changed; other connections that used the old one end")
}
