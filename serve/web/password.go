package web

import (
	"crypto/subtle"

	"github.com/hepmeter/hepmeter/access"
)

// passwordSheet is what the page of one's own password shows.
type passwordSheet struct {
	Name    string // as it was typed at the login
	Account string // that acts
	// Digits tells that the password is the meter password, which has digits only.
	Digits bool
	// Legacy tells that clients without a user name use this password (F20), and Clients
	// which of them the meter has seen, for who may know.
	Legacy  bool
	Clients []string
}

// passwordPage lets everyone change the password of the account he is connected with, and
// nobody else's (F17).
var passwordPage = page{
	path: "/password", title: "My password", group: "Account", needs: access.ChangeOwnPassword, template: "password.html",
	show:    func(q *request) (any, error) { return ownPassword(q), nil },
	actions: map[string]func(*request) error{"change": changePassword},
}

func ownPassword(q *request) passwordSheet {
	security := q.server.gate.Security()
	sheet := passwordSheet{Digits: security.Mode == access.Standard, Legacy: security.Mode == access.LSS && q.Session.Identity().Account == 1}
	if q.login != nil {
		sheet.Name, sheet.Account = q.login.name, q.Session.UserName()
	}
	if !sheet.Legacy || !q.Session.May(access.ReadSecurity) {
		return sheet
	}
	uses, _, _, err := q.Session.Uses()
	if err != nil {
		return sheet
	}
	for _, use := range uses {
		if use.Credential == access.PasswordOnly && len(sheet.Clients) < clientsNamed {
			sheet.Clients = append(sheet.Clients, use.Host+" ("+use.Path.String()+")")
		}
	}
	return sheet
}

// clientsNamed bounds the list of those whom a new password cuts off.
const clientsNamed = 20

func changePassword(q *request) error {
	if q.login == nil {
		return loginNeeded("only who has logged in has a password of his own")
	}
	now, fresh, again := q.PostForm.Get("now"), q.PostForm.Get("new"), q.PostForm.Get("again")
	if subtle.ConstantTimeCompare([]byte(fresh), []byte(again)) == 0 {
		return malformed("the two new passwords differ")
	}
	if err := access.CheckPassword(fresh); err != nil {
		return err
	}
	if ownPassword(q).Legacy && !access.Numeric(fresh) && q.PostForm.Get("cut") == "" {
		return malformed("clients that can send digits only would be cut off: tick the box to have it so")
	}
	// Who finds a browser that was left open does not take the account over.
	if _, err := q.login.root.With(q.Context(), access.Credential{User: q.login.name, Given: true, Password: now}); err != nil {
		return err
	}
	if err := q.Session.SetPassword(q.Context(), q.Session.Identity().Account, fresh); err != nil {
		return err
	}
	q.renew = true
	q.Say("The password is changed. Other sessions of the account have ended.")
	return nil
}
