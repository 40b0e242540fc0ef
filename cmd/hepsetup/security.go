package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newSecurityCommand(told **report) *cobra.Command {
	return group("security", "Security: show, assess, harden, confirm, legacy, mode, export, apply",
		`Security shows and changes how a meter is guarded. The usual way from a meter as it
left the factory to one without legacy security support:

  hepsetup security assess ADDR        who would be cut off
  hepsetup security harden ADDR        second administrator, User1 restricted, legacy off
  hepsetup --user USER2 security confirm ADDR`,
		a.newSecurityShowCommand(told), a.newAssessCommand(told), a.newHardenCommand(told), a.newConfirmCommand(told),
		a.newLegacyCommand(told), a.newModeCommand(told), a.newSecurityExportCommand(told), a.newSecurityApplyCommand(told))
}

func (a *app) newSecurityShowCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "show ADDR",
		Short: "Mode, accounts, lockouts, and what is open on each path",
		Long: `Show tells all of a meter's security but passwords: the mode, who may do what, who is
locked out and for how long, what an anonymous, a password-only and a named client can
do on each path, and whether changes wait for their confirmation.

  HEPSETUP_PASSWORD=0 hepsetup security show localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			s, err := m.Security(ctx)
			return report{s, func(p *page) { showSecurity(p, s) }}, err
		}),
	}
}

func seconds(s int64) string { return setup.Short(time.Duration(s) * time.Second) }

func showSecurity(p *page, s setup.Security) {
	p.line("%s", p.bold("Mode: "+modeInWords(s.Mode)))
	p.item("firmware generation", s.Generation+", which has "+strings.Join(s.Modes, ", "))
	you := s.You.User
	if you == "" {
		you = "nobody"
	}
	p.item("you are", you+" ("+s.You.Credential+")")
	if s.Provisional.Active {
		p.item(p.bad("to be confirmed"), fmt.Sprintf("changes of %s return in %s unless they are confirmed: hepsetup security confirm ADDR", s.Provisional.By, seconds(s.Provisional.RemainingS)))
	}
	if s.Factory.Open {
		p.item(p.bad("factory access"), "open for "+seconds(s.Factory.RemainingS)+" more: hepsetup factory close ADDR")
	} else {
		p.item("factory access", "closed")
	}
	p.heading("Accounts")
	showAccounts(p, s)
	p.heading("Lockouts")
	if len(s.Lockouts) == 0 {
		p.line("none")
	} else {
		var rows [][]string
		for _, l := range s.Lockouts {
			state := "counting"
			if l.Locked {
				state = p.bad("locked") + ", " + seconds(l.RemainingS) + " left"
			}
			rows = append(rows, []string{l.User, l.Path, l.Connection, strconv.Itoa(l.Attempts), state})
		}
		p.table([]string{"User", "Path", "Connection", ">Wrong", "State"}, rows)
	}
	p.heading("What is open")
	var rows [][]string
	for _, e := range s.Exposure {
		if !e.Enabled {
			rows = append(rows, []string{e.Path, "off", "-", "-", "-", ""})
			continue
		}
		rows = append(rows, []string{e.Path, "on", e.Anonymous, e.PasswordOnly, e.Named, e.Note})
	}
	p.table([]string{"Path", "", "Anonymous", "Password only", "Named user", "Note"}, rows)
	p.heading("Options")
	rows = nil
	for _, label := range slices.Sorted(maps.Keys(s.Options)) {
		if strings.HasPrefix(label, "Security Options/") || strings.HasPrefix(label, "Ethernet/Enable") || strings.HasPrefix(label, "Ethernet/Web") || strings.HasPrefix(label, "Modbus Gateway/") {
			rows = append(rows, []string{label, s.Options[label]})
		}
	}
	p.table([]string{"Register", "Value"}, rows)
}

func modeInWords(mode string) string {
	switch mode {
	case setup.ModeLSS:
		return "LSS: accounts, and legacy security support (who gives no name acts as User1)"
	case setup.ModeAdvanced:
		return "Advanced: accounts only"
	case setup.ModeStandard:
		return "Standard: reading is free, one meter password for the rest"
	case setup.ModeNone:
		return "None: nothing is asked"
	}
	return mode
}

func (a *app) newAssessCommand(told **report) *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "assess ADDR",
		Short: "Can legacy security support be switched off today, and who breaks?",
		Long: `Assess reads the ledger that the meter keeps of its clients. Clients that name no user
live on legacy security support; those with an account and those that only read the
Modbus map do not. This tool's own requests are marked and do not count.

  HEPSETUP_PASSWORD=0 hepsetup security assess localhost --since 30d`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			from, err := parseSince(since, a.now())
			if err != nil {
				return report{}, err
			}
			assessment, err := m.Assess(ctx, from)
			return report{assessment, func(p *page) { showAssessment(p, assessment) }}, err
		}),
	}
	cmd.Flags().StringVar(&since, "since", "", "ignore what was last used before: 30d, 12h, or a date")
	return cmd
}

// parseSince reads a time: a duration before now, with d for days, or a date. Empty is
// the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			return now.Add(-time.Duration(n * 24 * float64(time.Hour))), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("%q is no time: write 30d, 12h, 2026-11-24 or 2026-11-24T10:00:00Z", text)
}

// parsePeriod reads a duration, with d for days.
func parsePeriod(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, usage("%q is no period: write 24h or 7d", text)
	}
	return d, nil
}

func useRows(list []setup.Use) [][]string {
	var rows [][]string
	for _, u := range list {
		name := strings.TrimSpace(u.Client + " " + u.ClientVersion)
		if name == "" {
			name = "(gives no name)"
		}
		if u.You {
			name += " (this tool)"
		}
		did := strings.Join(u.Operations, ", ")
		if len(u.Asked) > 0 {
			did += ": " + strings.Join(u.Asked, ", ")
		}
		rows = append(rows, []string{name, u.Address, u.Path, cell(u.Last), did})
	}
	return rows
}

func showAssessment(p *page, s setup.Assessment) {
	part := func(title string, list []setup.Use) {
		p.heading("%s: %d", title, len(list))
		if len(list) == 0 {
			return
		}
		rows := useRows(list)
		for i, u := range list {
			who := u.Credential
			if u.User != "" {
				who = u.User
			}
			r := rows[i]
			rows[i] = []string{r[0], r[1], r[2], who, cell(u.First), r[3], strconv.FormatUint(u.Requests, 10), r[4]}
		}
		p.table([]string{"Client", "Address", "Path", "Credential", "First (UTC)", "Last (UTC)", ">Requests", "Did"}, rows)
	}
	verdict := p.good(s.Verdict)
	if !s.Clear {
		verdict = p.bad(s.Verdict)
	}
	p.line("%s", verdict)
	p.line("The meter has watched since %s%s.", stamp(s.Watched), map[bool]string{true: "", false: "; only use since " + stamp(s.Since) + " counts"}[s.Since.IsZero()])
	if s.Dropped > 0 {
		p.line("%s clients are not listed one by one, for want of room.", strconv.FormatUint(s.Dropped, 10))
	}
	part("Legacy: they name no user", s.Legacy)
	part("Safe: they use an account", s.Safe)
	part("Unaffected: they read the Modbus map", s.Unaffected)
}

func (a *app) newConfirmCommand(told **report) *cobra.Command {
	var cancel bool
	cmd := &cobra.Command{
		Use:   "confirm ADDR",
		Short: "Keep security changes that wait for their confirmation",
		Long: `Confirm ends the time in which the meter would take changes of security back. With
--cancel it takes them back at once.

  hepsetup --user USER2 security confirm localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			if cancel {
				return report{map[string]any{"cancelled": true}, func(p *page) { p.line("the changes are taken back") }}, m.CancelProvisional(ctx)
			}
			return report{map[string]any{"confirmed": true}, func(p *page) { p.line("the changes are confirmed and stay") }}, m.Confirm(ctx)
		}),
	}
	cmd.Flags().BoolVar(&cancel, "cancel", false, "take the changes back at once")
	return cmd
}

func (a *app) newLegacyCommand(told **report) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "legacy ADDR on|off",
		Short: "Switch legacy security support on or off",
		Long: `Legacy switches legacy security support: on is the mode LSS, off is Advanced. Look at
"security assess" first; "security harden" does it in the safe order, with a way back.
Clients that off cuts off are named before; on a terminal you are asked.

  hepsetup --user USER2 security legacy localhost off`,
		Args:      takes(2, 2, "the address of a meter, and on or off"),
		ValidArgs: []string{"on", "off"},
		RunE: func(cmd *cobra.Command, args []string) error {
			mode := map[string]string{"on": setup.ModeLSS, "off": setup.ModeAdvanced}[strings.ToLower(args[1])]
			if mode == "" {
				return usage("legacy is switched on or off, not %q", args[1])
			}
			return a.setMode(told, mode, yes)(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether to cut clients off")
	return cmd
}

func (a *app) newModeCommand(told **report) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "mode ADDR none|standard|advanced",
		Short: "Set the security mode (none and standard exist in firmware 2.x)",
		Long: `Mode sets the security mode. Firmware 2.x has none, standard and advanced; 3.x has lss
and advanced.

  hepsetup --user USER1 security mode localhost advanced`,
		Args: takes(2, 2, "the address of a meter and a mode"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, mode := range []string{setup.ModeNone, setup.ModeStandard, setup.ModeLSS, setup.ModeAdvanced} {
				if strings.EqualFold(mode, args[1]) {
					return a.setMode(told, mode, yes)(cmd, args)
				}
			}
			return usage("%q is no mode: they are none, standard, advanced, and lss", args[1])
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether to cut clients off")
	return cmd
}

func (a *app) setMode(told **report, mode string, yes bool) func(*cobra.Command, []string) error {
	return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
		if mode == setup.ModeAdvanced {
			if err := a.warnOfCut(ctx, m, yes); err != nil {
				return report{}, err
			}
		}
		return report{map[string]any{"mode": mode}, func(p *page) { p.line("Mode: %s", modeInWords(mode)) }}, m.SetMode(ctx, mode)
	})
}

// warnOfCut names who is cut off without legacy security support, and asks.
func (a *app) warnOfCut(ctx context.Context, m *setup.Meter, yes bool) error {
	s, err := m.Assess(ctx, time.Time{})
	if err != nil || s.Clear || s.Mode != setup.ModeLSS {
		return err
	}
	p := newPage(a.err, a.env)
	showWarning(p, &setup.Warning{Text: "clients that name no user are cut off", Clients: s.Legacy})
	p.flush()
	if yes {
		return nil
	}
	sure, err := a.confirmed("Switch legacy security support off all the same?", true)
	if err == nil && !sure {
		err = setup.NewError(setup.CodeNotConfirmed, "the mode was not changed")
	}
	return err
}

func (a *app) newSecurityExportCommand(told **report) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export ADDR",
		Short: "Write security as text to be reviewed, compared and applied elsewhere",
		Long: `Export writes the security file: mode, options and accounts with their permissions. It
has no passwords.

  HEPSETUP_PASSWORD=0 hepsetup security export localhost --out security.txt`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			text, err := m.ExportSecurity(ctx)
			if err != nil {
				return report{}, err
			}
			if out == "" {
				return report{map[string]any{"text": text}, func(p *page) { p.text.WriteString(text) }}, nil
			}
			if err := writeFile(out, []byte(text)); err != nil {
				return report{}, err
			}
			return report{map[string]any{"file": out, "text": text}, func(p *page) { p.line("%s written", out) }}, nil
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write; without it the text is printed")
	return cmd
}

func (a *app) newSecurityApplyCommand(told **report) *cobra.Command {
	var dryRun bool
	var passwordsFile string
	cmd := &cobra.Command{
		Use:   "apply ADDR FILE",
		Short: "Make security that of a security file, for another meter of the same generation",
		Long: `Apply makes mode, options and accounts those of a file: all of it or nothing. Accounts
that the file does not name are removed. A file has no passwords: those of new accounts
come from --passwords-file, with lines USERn=password, or are asked for on a terminal.

  hepsetup --user USER2 security apply localhost security.txt --dry-run`,
		Args: takes(2, 2, "the address of a meter and a file"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			text, err := readFile(args[0])
			if err != nil {
				return report{}, err
			}
			passwords, err := readPasswords(passwordsFile)
			if err != nil {
				return report{}, err
			}
			if !dryRun && a.interactive() {
				changes, err := m.ApplySecurity(ctx, string(text), passwords, true)
				if err != nil {
					return report{}, err
				}
				if err := a.askPasswords(ctx, setup.WithoutPassword(changes), passwords); err != nil {
					return report{}, err
				}
			}
			changes, err := m.ApplySecurity(ctx, string(text), passwords, dryRun)
			if err != nil {
				return report{}, err
			}
			return report{map[string]any{"changes": emptyNotNil(changes), "dry_run": dryRun}, func(p *page) { showChanges(p, changes, dryRun) }}, nil
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, and tell what would be")
	cmd.Flags().StringVar(&passwordsFile, "passwords-file", "", "file with lines USERn=password")
	return cmd
}

// askPasswords asks for the passwords of new accounts.
func (a *app) askPasswords(ctx context.Context, users []string, passwords map[string]string) error {
	for _, user := range users {
		password, err := a.newPassword(ctx, user)
		if err != nil {
			return err
		}
		passwords[user] = password
	}
	return nil
}

func emptyNotNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// showChanges writes differences, one a line, as they are or would be.
func showChanges(p *page, changes []string, dryRun bool) {
	for _, line := range changes {
		mark := "~ "
		switch {
		case strings.Contains(line, ": added"):
			mark = "+ "
		case strings.HasSuffix(line, ": removed"):
			mark = "- "
		}
		p.line("%s%s", mark, clean(line))
	}
	switch {
	case len(changes) == 0:
		p.line("nothing differs")
	case dryRun:
		p.line("%s would be made; nothing is changed", things(len(changes), "change"))
	default:
		p.line("%s made", things(len(changes), "change"))
	}
}

// readPasswords reads lines USERn=password.
func readPasswords(path string) (map[string]string, error) {
	passwords := map[string]string{}
	if path == "" {
		return passwords, nil
	}
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		name, password, ok := strings.Cut(line, "=")
		n, err := setup.ParseUser(strings.TrimSpace(name))
		if !ok || err != nil || n == 0 {
			return nil, setup.NewError(setup.CodeFile, "%s, line %d is not of the form USERn=password", path, number)
		}
		if err := setup.CheckPassword(password); err != nil {
			return nil, err
		}
		passwords[setup.UserName(n)] = password
	}
	return passwords, nil
}

// maxTextFile bounds a text file that is read.
const maxTextFile = 16 << 20

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, setup.NewError(setup.CodeFile, "%v", err)
	}
	if info.Size() > maxTextFile {
		return nil, setup.NewError(setup.CodeFile, "%s has %d bytes; at most %d are read", path, info.Size(), maxTextFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, setup.NewError(setup.CodeFile, "%v", err)
	}
	return text, nil
}

func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return setup.NewError(setup.CodeFile, "%v", err)
	}
	return nil
}
