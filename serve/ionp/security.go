package ionp

import (
	"fmt"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func (r *request) securityStatus(*ionp.SecurityStatusRequest) (s ionp.SecurityStatusReply, err error) {
	now, err := r.session.Status()
	if err != nil {
		return s, err
	}
	s = ionp.SecurityStatusReply{Generation: now.Generation.Name, Mode: now.Mode.String(), Options: now.Options,
		You:         ionp.You{User: r.session.UserName(), Named: now.You.Kind == access.NamedUser, Kind: kindName(now.You.Kind)},
		Provisional: ionp.ProvisionalStatus{Active: now.Provisional.Active, RemainingSeconds: seconds(now.Provisional.Remaining), By: now.Provisional.By},
		Factory:     ionp.FactoryStatus{Open: now.Factory.Open, RemainingSeconds: seconds(now.Factory.Remaining)},
	}
	for _, mode := range now.Generation.Modes {
		s.Modes = append(s.Modes, mode.String())
	}
	for _, a := range now.Accounts {
		account := ionp.Account{Number: uint32(a.Number), Name: a.Name, Permissions: a.Boxes.Words(), Effective: a.Effective.Words(), HasPassword: a.HasPassword, You: a.You}
		switch {
		case a.NumericPassword:
			account.PasswordKind = "numeric"
		case a.HasPassword:
			account.PasswordKind = "other"
		}
		s.Accounts = append(s.Accounts, account)
	}
	for _, l := range now.Lockouts {
		s.Lockouts = append(s.Lockouts, ionp.Lockout{User: access.UserName(l.Account), Path: l.Path.String(), Connection: l.Medium.String(), Attempts: uint32(max(0, l.Failures)),
			Locked: l.Locked, RemainingSeconds: seconds(l.Remaining)})
	}
	for _, e := range now.Exposure {
		s.Exposure = append(s.Exposure, ionp.Exposure{Path: e.Path.String(), Enabled: e.Enabled, Anonymous: e.Anonymous, PasswordOnly: e.PasswordOnly, Named: e.Named, Note: e.Note})
	}
	return s, nil
}

func (r *request) userAdd(q *ionp.UserAddRequest) (s ionp.UserAddReply, err error) {
	boxes, err := access.ParsePermissions(q.Permissions)
	if err != nil {
		return s, err
	}
	number, err := r.session.AddUser(r.ctx, accountNumber(q.Number), boxes, string(q.Password))
	if err != nil {
		return s, err
	}
	return ionp.UserAddReply{Number: uint32(number), Name: access.UserName(number)}, nil
}

// accountNumber keeps a number that is no account such on every machine.
func accountNumber(n uint32) int { return int(min(n, 1<<30)) }

func (r *request) userSet(q *ionp.UserSetRequest) (s ionp.UserSetReply, err error) {
	grant, err := access.ParsePermissions(q.Grant)
	if err != nil {
		return s, err
	}
	revoke, err := access.ParsePermissions(q.Revoke)
	if err != nil {
		return s, err
	}
	return s, r.session.SetUser(r.ctx, accountNumber(q.Number), grant, revoke)
}

func (r *request) userPassword(q *ionp.UserPasswordRequest) (s ionp.UserPasswordReply, err error) {
	return s, r.session.SetPassword(r.ctx, accountNumber(q.Number), string(q.Password))
}

func (r *request) userRemove(q *ionp.UserRemoveRequest) (s ionp.UserRemoveReply, err error) {
	return s, r.session.RemoveUser(r.ctx, accountNumber(q.Number))
}

func (r *request) userUnlock(q *ionp.UserUnlockRequest) (s ionp.UserUnlockReply, err error) {
	var on *access.Path
	if q.Path != "" {
		path, known := access.ParsePath(q.Path)
		if !known {
			return s, access.NewRefusal(access.CodeBadRequest, fmt.Sprintf("there is no path %q", q.Path))
		}
		on = &path
	}
	_, err = r.session.Unlock(accountNumber(q.Number), on)
	return s, err
}

func (r *request) securitySet(q *ionp.SecuritySetRequest) (s ionp.SecuritySetReply, err error) {
	return ionp.SecuritySetReply{Written: uint32(len(q.Options))}, r.session.SetOptions(r.ctx, q.Options)
}

func (r *request) provisionalBegin(q *ionp.ProvisionalBeginRequest) (s ionp.ProvisionalBeginReply, err error) {
	until, err := r.session.BeginProvisional(r.ctx, time.Duration(q.WithinSeconds)*time.Second)
	return ionp.ProvisionalBeginReply{Deadline: until.UnixNano()}, err
}

func (r *request) provisionalConfirm(*ionp.ProvisionalConfirmRequest) (s ionp.ProvisionalConfirmReply, err error) {
	return s, r.session.ConfirmProvisional(r.ctx)
}

func (r *request) provisionalCancel(*ionp.ProvisionalCancelRequest) (s ionp.ProvisionalCancelReply, err error) {
	return s, r.session.CancelProvisional(r.ctx)
}

func (r *request) pending(*ionp.PendingRequest) (s ionp.PendingReply, err error) {
	p, err := r.session.PendingChanges()
	return ionp.PendingReply{Active: p.Active, RemainingSeconds: seconds(p.Remaining), By: p.By, What: p.What}, err
}

func (r *request) securityExport(q *ionp.SecurityExportRequest) (s ionp.SecurityExportReply, err error) {
	if q.Verifiers {
		s.Text, err = r.session.ExportVerifiers()
		return s, err
	}
	s.Text, err = r.session.ExportSecurity()
	return s, err
}

func (r *request) securityApply(q *ionp.SecurityApplyRequest) (s ionp.SecurityApplyReply, err error) {
	passwords := map[string]string{}
	for name, password := range q.Passwords {
		passwords[name] = string(password)
	}
	s.Changes, err = r.session.ApplySecurity(r.ctx, q.Text, passwords, q.DryRun)
	return s, err
}

// ledger tells who uses the meter, and how.
func (r *request) ledger(*ionp.LedgerRequest) (s ionp.LedgerReply, err error) {
	uses, dropped, since, err := r.session.Uses()
	if err != nil {
		return s, err
	}
	s.Dropped, s.Since = dropped, since.UnixNano()
	for _, u := range uses {
		kind := kindName(u.Credential)
		if u.Path == access.ModbusMap {
			kind = "map"
		}
		s.Entries = append(s.Entries, ionp.LedgerEntry{Address: u.Host, Path: u.Path.String(), Client: u.Client, ClientVersion: u.ClientVersion, Kind: kind, User: u.User, Class: string(u.Class),
			First: u.First.UnixNano(), Last: u.Last.UnixNano(), Requests: u.Requests, Operations: u.Operations, Asked: u.Asked})
	}
	return s, nil
}

func (r *request) sessions(*ionp.SessionsRequest) (s ionp.SessionsReply, err error) {
	list, err := r.session.Connections()
	for _, c := range list {
		client := c.Client
		if c.ClientVersion != "" {
			client += " " + c.ClientVersion
		}
		s.Sessions = append(s.Sessions, ionp.Session{ID: strconv.FormatUint(c.ID, 10), Path: c.Path.String(), Address: c.Remote, Client: client, User: c.User, Kind: kindName(c.Credential),
			Since: c.Since.UnixNano(), IdleSeconds: uint64(c.Idle / time.Second), Requests: c.Requests, Encrypted: c.Encrypted})
	}
	return s, err
}

func (r *request) sessionEnd(q *ionp.SessionEndRequest) (s ionp.SessionEndReply, err error) {
	id, err := strconv.ParseUint(q.ID, 10, 64)
	if err != nil {
		id = 0 // which is none
	}
	return s, r.session.EndConnection(r.ctx, id)
}
