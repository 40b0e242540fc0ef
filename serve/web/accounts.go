package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// box is a permission as forms show it.
type box struct {
	Word, Title string
	bit         access.Permissions
}

// boxes are the permissions in the order of the Security User module.
func boxes() []box {
	return []box{
		{"read", "Read", access.MayRead}, {"reset", "Reset peak demand", access.MayReset}, {"time", "Set the clock", access.MayTime},
		{"config", "Configure", access.MayConfig}, {"test", "Test mode", access.MayTest}, {"security", "Security", access.MaySecurity},
		{"comm", "Communications", access.MayComm},
	}
}

// accountRow is an account on its page.
type accountRow struct {
	access.AccountStatus
	Boxes []boxState
	// Without are boxes that are ticked and do nothing, in words.
	Without []string
	Locked  bool
}

type boxState struct {
	box
	On bool
}

// accountsSheet is what the page of the accounts shows.
type accountsSheet struct {
	Mode     access.Mode
	Legacy   bool // LSS: requests without a user name act as USER1
	Meter    bool // Standard: one meter password
	Accounts []accountRow
	Free     []int
	Boxes    []boxState // of a new account
	Exposure []access.Exposure
}

// accountsPage lets who holds Security Config Access look after the accounts.
var accountsPage = page{
	path: "/accounts", title: "Accounts", group: "Security", needs: access.ReadSecurity, template: "accounts.html",
	show: func(q *request) (any, error) {
		status, err := q.Session.Status()
		if err != nil {
			return nil, err
		}
		sheet := accountsSheet{Mode: status.Mode, Legacy: status.Mode == access.LSS, Meter: status.Mode == access.Standard, Exposure: status.Exposure}
		for _, a := range status.Accounts {
			row := accountRow{AccountStatus: a, Without: (a.Boxes &^ a.Effective).Words()}
			row.Boxes = states(a.Boxes)
			row.Locked = slices.ContainsFunc(status.Lockouts, func(l access.Lockout) bool { return l.Account == a.Number && l.Locked })
			sheet.Accounts = append(sheet.Accounts, row)
		}
		for n := 1; n <= status.Generation.MaxAccounts; n++ {
			if !slices.ContainsFunc(status.Accounts, func(a access.AccountStatus) bool { return a.Number == n }) {
				sheet.Free = append(sheet.Free, n)
			}
		}
		sheet.Boxes = states(access.MayRead)
		for i := range sheet.Exposure { // its own column says so
			e := &sheet.Exposure[i]
			e.Note = strings.TrimLeft(strings.TrimPrefix(e.Note, "in clear"), ":; ")
		}
		return sheet, nil
	},
	actions: map[string]func(*request) error{
		"add":         addAccount,
		"permissions": setPermissions,
		"password":    setPassword,
		"unlock":      unlockAccount,
		"remove":      removeAccount,
	},
}

func states(p access.Permissions) (list []boxState) {
	for _, b := range boxes() {
		list = append(list, boxState{b, p&b.bit != 0})
	}
	return list
}

// ticked are the boxes that a form has ticked.
func ticked(q *request) access.Permissions {
	var p access.Permissions
	for _, b := range boxes() {
		if slices.Contains(q.PostForm["permission"], b.Word) {
			p |= b.bit
		}
	}
	return p
}

// account is the account that a form is about.
func (q *request) account() (int, error) {
	n, err := strconv.Atoi(q.PostForm.Get("account"))
	if err != nil || n < 0 {
		return 0, access.NewRefusal(access.CodeBadRequest, "the form names no account")
	}
	return n, nil
}

func addAccount(q *request) error {
	n, err := q.account() // 0 takes the lowest that is free
	if err != nil {
		return err
	}
	password, err := newPassword(q, false)
	if err != nil {
		return err
	}
	if n, err = q.Session.AddUser(q.Context(), n, ticked(q), password); err != nil {
		return err
	}
	if password == "" {
		q.Say("%s is there. It cannot log in before it has a password.", access.UserName(n))
		return nil
	}
	q.Say("%s is there.", access.UserName(n))
	return nil
}

// newPassword is what was typed twice.
func newPassword(q *request, needed bool) (string, error) {
	password := q.PostForm.Get("password")
	switch {
	case password != q.PostForm.Get("again"):
		return "", access.NewRefusal(access.CodePasswordRule, "the two passwords differ")
	case password == "" && needed:
		return "", access.NewRefusal(access.CodePasswordRule, "no password was typed")
	}
	return password, nil
}

func setPermissions(q *request) error {
	n, err := q.account()
	if err != nil {
		return err
	}
	status, err := q.Session.Status()
	if err != nil {
		return err
	}
	want := ticked(q)
	var now access.Permissions
	for _, a := range status.Accounts {
		if a.Number == n {
			now = a.Boxes
		}
	}
	if want == now {
		q.Say("%s has these permissions already.", access.UserName(n))
		return nil
	}
	if err := q.Session.SetUser(q.Context(), n, want&^now, now&^want); err != nil {
		return err
	}
	q.Say("%s: permissions written.", access.UserName(n))
	return nil
}

func setPassword(q *request) error {
	n, err := q.account()
	if err != nil {
		return err
	}
	if n != 0 && n == q.Session.Identity().Account {
		refusal := access.NewRefusal(access.CodeOwnAccount, "one's own password is changed where the present one is asked for")
		refusal.Remedy = "change it under My password"
		return refusal
	}
	password, err := newPassword(q, true)
	if err != nil {
		return err
	}
	if err := q.Session.SetPassword(q.Context(), n, password); err != nil {
		return err
	}
	if n == 0 {
		q.Say("The meter password is changed.")
		return nil
	}
	q.Say("%s: password changed, and its lockouts ended.", access.UserName(n))
	return nil
}

func unlockAccount(q *request) error {
	n, err := q.account()
	if err != nil {
		return err
	}
	var path *access.Path
	if name := q.PostForm.Get("path"); name != "" {
		p, ok := access.ParsePath(name)
		if !ok {
			return access.NewRefusal(access.CodeBadRequest, "there is no such path")
		}
		path = &p
	}
	ended, err := q.Session.Unlock(n, path)
	if err != nil {
		return err
	}
	q.Say("%s of wrong logins cleared.", plural(ended, "count"))
	return nil
}

func removeAccount(q *request) error {
	n, err := q.account()
	if err != nil {
		return err
	}
	if err := q.Session.RemoveUser(q.Context(), n); err != nil {
		return err
	}
	q.Say("%s is removed; its sessions have ended.", access.UserName(n))
	return nil
}

// lockoutRow is a count of wrong logins as pages show it.
type lockoutRow struct {
	access.Lockout
	Name, Left string
}

func lockoutRows(list []access.Lockout) (rows []lockoutRow) {
	for _, l := range list {
		row := lockoutRow{Lockout: l, Name: access.UserName(l.Account)}
		if row.Name == "" {
			row.Name = "meter password"
		}
		if l.Locked {
			row.Left = span(max(time.Second, l.Remaining))
		}
		rows = append(rows, row)
	}
	return rows
}
