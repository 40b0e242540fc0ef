package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newSessionsCommand(told **report) *cobra.Command {
	list := &cobra.Command{
		Use:   "list ADDR",
		Short: "Who is connected, how, and whether in clear",
		Long: `List shows every connection with the meter. It needs Security Config Access.

  HEPSETUP_PASSWORD=0 hepsetup sessions list localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			list, err := m.Sessions(ctx)
			return report{map[string]any{"sessions": list}, func(p *page) {
				var rows [][]string
				for _, s := range list {
					line := "in clear"
					if s.Encrypted {
						line = "encrypted"
					}
					rows = append(rows, []string{s.ID, s.Path, s.Address, s.Client, s.User, s.Credential, cell(s.Since), seconds(s.IdleS), strconv.FormatUint(s.Requests, 10), line})
				}
				p.table([]string{"ID", "Path", "Address", "Client", "User", "Credential", "Since (UTC)", ">Idle", ">Requests", "Line"}, rows)
			}}, err
		}),
	}
	end := &cobra.Command{
		Use:   "end ADDR ID",
		Short: "Close a connection",
		Long: `End closes a client's connection; the client may connect again.

  HEPSETUP_PASSWORD=0 hepsetup sessions end localhost 12`,
		Args: takes(2, 2, "the address of a meter and the id of a session"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			return report{map[string]any{"ended": args[0]}, func(p *page) { p.line("session %s is ended", args[0]) }}, m.EndSession(ctx, args[0])
		}),
	}
	return group("sessions", "Connections with the meter: list, end", "Sessions shows who is connected with a meter, and ends connections.", list, end)
}

func (a *app) newFactoryCommand(told **report) *cobra.Command {
	var minutes int
	open := &cobra.Command{
		Use:   "open ADDR",
		Short: "Open factory access for some minutes",
		Long: `Open lets the manufacturer's support in for some minutes, with a diagnostic code that is
shown once and good for one login. It needs Security Config Access.

  HEPSETUP_PASSWORD=0 hepsetup factory open localhost --minutes 15`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			code, until, err := m.OpenFactory(ctx, minutes)
			return report{map[string]any{"code": code, "until": until}, func(p *page) {
				p.line("Factory access is open until %s. The diagnostic code, for one login:", stamp(until))
				p.line("  %s", code)
			}}, err
		}),
	}
	open.Flags().IntVar(&minutes, "minutes", 15, "for how long")
	closing := &cobra.Command{
		Use:   "close ADDR",
		Short: "Close factory access",
		Long: `Close ends factory access, and the sessions that came in by it.

  HEPSETUP_PASSWORD=0 hepsetup factory close localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			return report{map[string]any{"closed": true}, func(p *page) { p.line("factory access is closed") }}, m.CloseFactory(ctx)
		}),
	}
	var codeFile string
	diagnostics := &cobra.Command{
		Use:   "diagnostics ADDR COMMAND",
		Short: "Carry out a diagnostic command with the diagnostic code",
		Long: `Diagnostics uses factory access: the code comes from --code-file (- is the standard
input), or is asked for.

  hepsetup --anonymous factory diagnostics localhost status --code-file code.txt`,
		Args: takes(2, 2, "the address of a meter and a command"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			var code string
			var err error
			if codeFile != "" {
				code, err = a.firstLine(codeFile)
			} else {
				code, err = a.prompt(ctx, "Diagnostic code: ")
			}
			if err != nil {
				return report{}, err
			}
			text, err := m.Diagnostics(ctx, code, args[0])
			return report{map[string]any{"text": text}, func(p *page) { fmt.Fprintln(&p.text, text) }}, err
		}),
	}
	diagnostics.Flags().StringVar(&codeFile, "code-file", "", "file whose first line is the diagnostic code")
	return group("factory", "The manufacturer's way in: open, close, diagnostics",
		"Factory access is closed unless someone who may change security opens it for some minutes.", open, closing, diagnostics)
}
