package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newUsersCommand(told **report) *cobra.Command {
	return group("users", "Accounts: list, add, set, passwd, remove, unlock",
		`Users looks after the accounts USER1, USER2 ... Their names are the meter's; what an
account may do is seven boxes:

`+permissionHelp()+`
A new password comes from --new-password-file, from the environment variable
HEPSETUP_NEW_PASSWORD, or is asked for twice: up to 8 digits without a leading zero,
or up to 6 characters of which one is no digit.`,
		a.newUsersListCommand(told), a.newUsersAddCommand(told), a.newUsersSetCommand(told), a.newUsersPasswdCommand(told),
		a.newUsersRemoveCommand(told), a.newUsersUnlockCommand(told))
}

func permissionHelp() string {
	var b strings.Builder
	for _, p := range setup.Permissions() {
		fmt.Fprintf(&b, "  %-9s %s: %s", p.Word, p.Register, p.Grants)
		if p.Needs != "" {
			fmt.Fprintf(&b, " (needs %s)", p.Needs)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (a *app) newUsersListCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "list ADDR",
		Short: "Accounts, their boxes, and what those allow",
		Long: `List shows each account with the boxes that are ticked and what they really allow: a
box that needs another one has no effect without it. It needs Security Config Access.

  HEPSETUP_PASSWORD=0 hepsetup users list localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			s, err := m.Security(ctx)
			if err != nil {
				return report{}, err
			}
			return report{map[string]any{"mode": s.Mode, "you": s.You, "accounts": s.Accounts, "permissions": permissionsJSON()}, func(p *page) {
				showAccounts(p, s)
				p.heading("What the boxes allow")
				var rows [][]string
				for _, known := range setup.Permissions() {
					needs := "-"
					if known.Needs != "" {
						needs = known.Needs
					}
					rows = append(rows, []string{known.Word, known.Register, needs, known.Grants})
				}
				p.table([]string{"Box", "Register", "Needs", "Allows to"}, rows)
			}}, nil
		}),
	}
}

func permissionsJSON() []map[string]string {
	var list []map[string]string
	for _, p := range setup.Permissions() {
		list = append(list, map[string]string{"word": p.Word, "register": p.Register, "needs": p.Needs, "grants": p.Grants})
	}
	return list
}

func showAccounts(p *page, s setup.Security) {
	var rows [][]string
	for _, u := range s.Accounts {
		notes := []string{}
		if u.You {
			notes = append(notes, "you")
		}
		if u.Number == 1 && s.Mode == setup.ModeLSS {
			notes = append(notes, "acts for everyone who gives no name")
		}
		for _, word := range u.Idle {
			notes = append(notes, fmt.Sprintf("%s has no effect without %s", word, needOf(word)))
		}
		rows = append(rows, []string{u.Name, orDash(u.Boxes), orDash(u.Effective), passwordKind(u), strings.Join(notes, "; ")})
	}
	p.table([]string{"Account", "Boxes", "In effect", "Password", "Notes"}, rows)
}

func needOf(word string) string {
	for _, p := range setup.Permissions() {
		if p.Word == word {
			return p.Needs
		}
	}
	return ""
}

func passwordKind(u setup.Account) string {
	switch {
	case !u.HasPassword:
		return "none: cannot log in"
	case u.Password == "numeric":
		return "digits"
	}
	return "with other characters"
}

func orDash(words []string) string {
	switch {
	case len(words) == 0:
		return "-"
	case len(words) == len(setup.PermissionWords()):
		return "all"
	}
	return strings.Join(words, ",")
}

func (a *app) newPasswordFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.newPasswordFile, "new-password-file", "", "file whose first line is the new password")
}

func (a *app) newUsersAddCommand(told **report) *cobra.Command {
	var grant string
	var withConfig bool
	cmd := &cobra.Command{
		Use:   "add ADDR [USERn]",
		Short: "Add an account, with a password",
		Long: `Add makes an account, the lowest free one unless it is named, and gives it a password.
Whoever may change security is given Full Meter Config Access, too, as the maker's
tool does it; --with-config=false leaves that out.

  HEPSETUP_PASSWORD=0 HEPSETUP_NEW_PASSWORD=4711 hepsetup users add localhost --grant read,config`,
		Args: takes(1, 2, "the address of a meter and perhaps an account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			number := 0
			if len(args) > 1 {
				var err error
				if number, err = setup.ParseUser(args[1]); err != nil {
					return err
				}
				if number == 0 {
					return usage("%s is no account", args[1])
				}
			}
			boxes, err := setup.ParsePermissions(grant)
			if err != nil {
				return err
			}
			added := []string{}
			if slices.Contains(boxes, "security") && withConfig && !slices.Contains(boxes, "config") {
				boxes, added = append(boxes, "config"), append(added, "config")
			}
			name := "the new account"
			if number != 0 {
				name = setup.UserName(number)
			}
			password, err := a.newPassword(cmd.Context(), name)
			if err != nil {
				return err
			}
			if err := setup.CheckPassword(password); err != nil {
				return err
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				n, err := m.AddUser(ctx, number, boxes, password)
				if err != nil {
					return report{}, err
				}
				result := map[string]any{"user": setup.UserName(n), "number": n, "boxes": boxes, "idle": setup.Idle(boxes), "added_boxes": added}
				return report{result, func(p *page) {
					p.line("%s added with %s", setup.UserName(n), orDash(boxes))
					if len(added) > 0 {
						p.line("Full Meter Config Access was ticked with Security Config Access; --with-config=false leaves it out.")
					}
					tellIdle(p, boxes)
				}}, nil
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&grant, "grant", "read", "permissions, parted by commas: read,reset,time,config,test,security,comm; all; none")
	cmd.Flags().BoolVar(&withConfig, "with-config", true, "tick config where security is granted")
	a.newPasswordFlag(cmd)
	completePermissions(cmd, "grant")
	return cmd
}

// tellIdle warns of boxes without effect.
func tellIdle(p *page, boxes []string) {
	for _, word := range setup.Idle(boxes) {
		p.line("%s has no effect without %s.", word, needOf(word))
	}
}

func completePermissions(cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(append(setup.PermissionWords(), "all"), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

func (a *app) newUsersSetCommand(told **report) *cobra.Command {
	var grant, revoke string
	cmd := &cobra.Command{
		Use:   "set ADDR USERn",
		Short: "Grant and revoke permissions of another account",
		Long: `Set changes the boxes of an account. Nobody changes those of the account he is
connected with, and under legacy security support that is User1 where no name is given.

  hepsetup --user USER2 users set localhost USER1 --revoke config,security`,
		Args: takes(2, 2, "the address of a meter and an account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := setup.ParseUser(args[1])
			if err != nil {
				return err
			}
			give, err := setup.ParsePermissions(grant)
			if err != nil {
				return err
			}
			take, err := setup.ParsePermissions(revoke)
			if err != nil {
				return err
			}
			if len(give)+len(take) == 0 {
				return usage("nothing is to be granted or revoked: give --grant or --revoke")
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				if err := m.SetUser(ctx, number, give, take); err != nil {
					return report{}, err
				}
				result := map[string]any{"user": setup.UserName(number), "granted": give, "revoked": take}
				return report{result, func(p *page) {
					p.line("%s: granted %s, revoked %s", setup.UserName(number), orDash(give), orDash(take))
					if s, err := m.Security(ctx); err == nil {
						if u, ok := s.Account(number); ok {
							p.line("It may now: %s", orDash(u.Effective))
							tellIdle(p, u.Boxes)
						}
					}
				}}, nil
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&grant, "grant", "", "permissions to grant, parted by commas")
	cmd.Flags().StringVar(&revoke, "revoke", "", "permissions to revoke, parted by commas")
	completePermissions(cmd, "grant")
	completePermissions(cmd, "revoke")
	return cmd
}

func (a *app) newUsersPasswdCommand(told **report) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "passwd ADDR [USERn]",
		Short: "Change a password: one's own, or another's with Security Config Access",
		Long: `Passwd changes the password of an account, of the one that you are connected with if
none is named. Everyone may change his own. METER is the meter password of Standard
security (firmware 2.x).

Under legacy security support a password of User1 that is no number cuts off clients
that can send numbers only: they are named before it is written. On a terminal you are
asked; otherwise it goes on. --yes does not ask.

  HEPSETUP_PASSWORD=0 HEPSETUP_NEW_PASSWORD=4711 hepsetup users passwd localhost USER1`,
		Args: takes(1, 2, "the address of a meter and perhaps an account"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			number, err := a.ownOr(m, args)
			if err != nil {
				return report{}, err
			}
			password, err := a.newPassword(ctx, setup.UserName(number))
			if err != nil {
				return report{}, err
			}
			if err := setup.CheckPassword(password); err != nil {
				return report{}, err
			}
			warning, err := m.CutOff(ctx, number, password)
			if err != nil {
				return report{}, err
			}
			if warning != nil {
				w := newPage(a.err, a.env)
				showWarning(w, warning)
				w.flush()
				if !yes {
					sure, err := a.confirmed("Set this password all the same?", true)
					if err != nil {
						return report{}, err
					}
					if !sure {
						return report{}, setup.NewError(setup.CodeNotConfirmed, "the password was not changed")
					}
				}
			}
			if err := m.SetPassword(ctx, number, password); err != nil {
				return report{}, err
			}
			return report{map[string]any{"user": setup.UserName(number), "warning": warning}, func(p *page) {
				p.line("the password of %s is changed", setup.UserName(number))
			}}, nil
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether to cut clients off")
	a.newPasswordFlag(cmd)
	return cmd
}

// ownOr is the account that was named, or the one that this run is connected with.
func (a *app) ownOr(m *setup.Meter, args []string) (int, error) {
	switch {
	case len(args) > 0:
		return setup.ParseUser(args[0])
	case a.user != "":
		return setup.ParseUser(a.user)
	case strings.HasPrefix(m.Firmware(), "2.") || strings.HasPrefix(m.Firmware(), "1."):
		return 0, nil // the meter password
	}
	return 1, nil
}

func showWarning(p *page, w *setup.Warning) {
	p.line("%s %s.", p.bad("Warning:"), w.Text)
	if len(w.Clients) > 0 {
		p.line("This meter has seen:")
		p.table([]string{"Client", "Address", "Path", "Last (UTC)", "Did"}, useRows(w.Clients))
	}
}

func (a *app) newUsersRemoveCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ADDR USERn",
		Short: "Delete another account",
		Long: `Remove deletes an account. Nobody deletes the one he is connected with, and one that
may change security always stays.

  hepsetup --user USER2 users remove localhost USER3`,
		Args: takes(2, 2, "the address of a meter and an account"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			number, err := setup.ParseUser(args[0])
			if err != nil {
				return report{}, err
			}
			if err := m.RemoveUser(ctx, number); err != nil {
				return report{}, err
			}
			return report{map[string]any{"user": setup.UserName(number)}, func(p *page) { p.line("%s is removed", setup.UserName(number)) }}, nil
		}),
	}
}

func (a *app) newUsersUnlockCommand(told **report) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "unlock ADDR USERn",
		Short: "End the lockouts of an account",
		Long: `Unlock lets an account log in again that was locked after wrong passwords, on one path
with --path, or on all. METER is the meter password of Standard security.

  hepsetup --user USER2 users unlock localhost USER3`,
		Args: takes(2, 2, "the address of a meter and an account"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			number, err := setup.ParseUser(args[0])
			if err != nil {
				return report{}, err
			}
			if err := m.Unlock(ctx, number, path); err != nil {
				return report{}, err
			}
			return report{map[string]any{"user": setup.UserName(number), "path": path}, func(p *page) { p.line("%s is not locked any more", setup.UserName(number)) }}, nil
		}),
	}
	cmd.Flags().StringVar(&path, "path", "", "only on this path: ion, ion over modbus, web, ssh, sftp, front panel")
	return cmd
}
