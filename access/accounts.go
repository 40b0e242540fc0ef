package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// AddUser makes an account; number 0 takes the lowest that is free. Without a password
// (empty) it cannot log in until it has one.
func (s *Session) AddUser(ctx context.Context, number int, boxes Permissions, password string) (int, error) {
	security := s.gate().Security()
	if number == 0 {
		for number = 1; number <= security.Generation.MaxAccounts; number++ {
			if _, taken := security.Accounts[number]; !taken {
				break
			}
		}
	}
	// Who may not administer learns nothing of the accounts.
	if err := s.permit(AdministerSecurity, "new account"); err != nil {
		return 0, err
	}
	if number < 1 || number > security.Generation.MaxAccounts {
		return 0, s.refuse(refuse(CodeAccountLimit, fmt.Sprintf("accounts of this meter are USER1 to USER%d", security.Generation.MaxAccounts)).of(AdministerSecurity), "new account")
	}
	if _, taken := security.Accounts[number]; taken {
		return 0, s.refuse(refuse(CodeAccountExists, UserName(number)+" is there already").of(AdministerSecurity), "account "+UserName(number))
	}
	t := Transaction{Passwords: map[int]Verifier{}, Changes: []Change{{Kind: Create, Object: userModule(number), Text: securityUser, Number: number}}}
	t.Changes = append(t.Changes, boxChanges(number, boxes, allPermissions)...)
	if password != "" {
		var err error
		if t.Passwords[number], err = s.hash(ctx, password); err != nil {
			return 0, err
		}
	}
	return number, s.transact(ctx, t, false)
}

// boxChanges sets the boxes of an account that are in mask.
func boxChanges(number int, boxes, mask Permissions) []Change {
	var changes []Change
	for _, p := range permissionList {
		if mask&p.bit == 0 {
			continue
		}
		text := "OFF"
		if boxes&p.bit != 0 {
			text = "ON"
		}
		changes = append(changes, Change{Kind: Set, Object: userModule(number) + "/" + p.register, Text: text})
	}
	return changes
}

// hash makes the verifier of a new password, in its turn with the checks of logins.
func (s *Session) hash(ctx context.Context, password string) (Verifier, error) {
	if err := CheckPassword(password); err != nil {
		return Verifier{}, err
	}
	done, err := s.gate().checker.slot(ctx, s.conn.client.host())
	if err != nil {
		return Verifier{}, err
	}
	defer done()
	return newVerifier(password, s.gate().options.Random, s.gate().checker.hash)
}

// SetUser grants and revokes permissions of another account.
func (s *Session) SetUser(ctx context.Context, number int, grant, revoke Permissions) error {
	if err := s.account(number); err != nil {
		return err
	}
	if grant&revoke != 0 {
		return refuse(CodeBadRequest, fmt.Sprintf("%s is to be both granted and revoked", grant&revoke)).of(AdministerSecurity)
	}
	if grant|revoke == 0 {
		return refuse(CodeBadRequest, "nothing is to be granted or revoked").of(AdministerSecurity)
	}
	return s.transact(ctx, Transaction{Changes: boxChanges(number, grant, grant|revoke)}, false)
}

// account refuses an account that is not there, to who may know it.
func (s *Session) account(number int) error {
	if err := s.permit(AdministerSecurity, "account "+UserName(number)); err != nil {
		return err
	}
	if _, ok := s.gate().Security().Accounts[number]; !ok {
		return s.refuse(refuse(CodeNoSuchAccount, fmt.Sprintf("there is no USER%d", number)).of(AdministerSecurity), "account "+UserName(number))
	}
	return nil
}

// RemoveUser deletes another account.
func (s *Session) RemoveUser(ctx context.Context, number int) error {
	if err := s.account(number); err != nil {
		return err
	}
	return s.transact(ctx, Transaction{Changes: []Change{{Kind: Delete, Object: userModule(number)}}, Passwords: map[int]Verifier{number: {}}}, false)
}

// SetPassword gives an account a password: everyone his own (F17), and who has Security
// Config Access any. Number 0 is the meter password of Standard.
func (s *Session) SetPassword(ctx context.Context, number int, password string) error {
	g := s.gate()
	security := g.Security()
	target := "password of " + UserName(number)
	op := AdministerSecurity
	if number == s.identity.Account && (number != 0 || security.Mode == Standard) && s.identity.Kind != NoCredential && security.Mode != None {
		op = ChangeOwnPassword
	}
	if number == 0 {
		target = "meter password"
	}
	if err := s.permit(op, target); err != nil {
		return err
	}
	switch _, there := security.Accounts[number]; {
	case number == 0 && !security.Generation.has(Standard):
		return s.refuse(refuse(CodeNotInThisFirmware, "firmware "+security.Generation.Name+" has no meter password; User1's stands for it under LSS").of(op), target)
	case number != 0 && !there:
		return s.refuse(refuse(CodeNoSuchAccount, fmt.Sprintf("there is no USER%d", number)).of(op), target)
	case number == 0 && !Numeric(password):
		return s.refuse(refuse(CodePasswordRule, "the meter password of Standard security has digits only").of(op), target)
	}
	v, err := s.hash(ctx, password)
	if err != nil {
		if refused, ok := asRefusal(err); ok && refused.Code == CodePasswordRule {
			return s.refuse(refused.of(op), target)
		}
		return err
	}
	t := Transaction{Passwords: map[int]Verifier{number: v}}
	if number == s.identity.Account && s.shown == (digest{}) {
		now := security.Accounts[number].verifier
		if number == 0 {
			now = security.meterPassword
		}
		s.giving(now, v) // one that lasts goes on; all others of the account end
	}
	err = g.options.Works.Change(ctx, t, s.by(), func(Modules, []Change) error {
		if err := s.permit(op, target); err != nil {
			return err
		}
		if _, there := g.Security().Accounts[number]; number != 0 && !there {
			return refuse(CodeNoSuchAccount, "").of(op)
		}
		return nil
	}, false)
	s.note(Record{Kind: SecurityChanged, Operation: op, Target: target, Is: "changed", Err: err})
	if err != nil {
		return err
	}
	g.lockouts.unlock(number, nil)
	return nil
}

// Unlock ends the lockouts of an account; on one path, or everywhere where path is nil.
func (s *Session) Unlock(number int, path *Path) (int, error) {
	if number != 0 {
		if err := s.account(number); err != nil {
			return 0, err
		}
	} else if err := s.permit(AdministerSecurity, "lockouts"); err != nil {
		return 0, err
	}
	n := s.gate().lockouts.unlock(number, path)
	s.note(Record{Kind: SecurityChanged, Operation: AdministerSecurity, Target: "lockouts of " + UserName(number), Is: fmt.Sprintf("%d cleared", n)})
	return n, nil
}

// SetOptions sets registers of security, by label, as one transaction.
func (s *Session) SetOptions(ctx context.Context, options map[string]string) error {
	var changes []Change
	for label, text := range options {
		changes = append(changes, Change{Kind: Set, Object: label, Text: text})
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Object, b.Object) })
	if len(changes) == 0 {
		return nil
	}
	return s.transact(ctx, Transaction{Changes: changes}, false)
}
