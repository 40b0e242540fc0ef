package main

import (
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func usage(format string, args ...any) error {
	return setup.NewError(setup.CodeUsage, format, args...)
}

func (a *app) newRootCommand(told **report) *cobra.Command {
	root := &cobra.Command{
		Use:   "hepsetup",
		Short: "The setup tool of hepmeter",
		Long: `Hepsetup reads and changes power meters over their object protocol: readings and
setup, users and security, templates, logs, clock, backups. It says why a meter
refuses, and what to do.

Start here, beside a meter that runs with "hepmeter run":
  hepsetup info localhost                     what it is
  hepsetup read localhost                     what it measures
  hepsetup security assess localhost          who still needs legacy security support
  hepsetup explain no-permission              what a refusal means

ADDR is host or host:port of the object protocol (port 7700 unless told otherwise), or the
same through Modbus: modbus://host[:port]/UNIT, rtu+tcp://host:port/UNIT, or
rtu:DEVICE?baud=19200&parity=N&unit=100 on a serial line.
With --user NAME a password is taken from --password-file, from the environment
variable HEPSETUP_PASSWORD, or asked for. Without --user it is User1's under legacy
security support, and the meter password of 2.x in Standard; without a password the
tool is anonymous.

Exit codes: 0 done, 1 failed, 2 usage, 3 refused by the meter, 4 cannot connect,
5 found wrong by the tool before anything was sent.`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       unknownCommand,
		RunE:                       help,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.user, "user", "", "account to connect with, such as USER1")
	flags.StringVar(&a.passwordFile, "password-file", "", "file whose first line is the password; - is the standard input")
	flags.BoolVar(&a.anonymous, "anonymous", false, "show no credential, and never ask for one")
	flags.BoolVar(&a.json, "json", false, "print one JSON object instead of text")
	flags.DurationVar(&a.timeout, "timeout", setup.DefaultTimeout, "how long to wait while nothing of an answer comes")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		e := setup.NewError(setup.CodeUsage, "%v", err)
		e.Remedy = "see " + cmd.CommandPath() + " --help"
		return e
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true, Use: "no-help"})
	root.AddCommand(a.newInfoCommand(told), a.newReadCommand(told), a.newWriteCommand(told), a.newWatchCommand(told),
		a.newUsersCommand(told), a.newSecurityCommand(told), a.newTemplateCommand(told), a.newModulesCommand(told), a.newLogsCommand(told),
		a.newClockCommand(told), a.newResetCommand(told), a.newBackupCommand(told), a.newRestoreCommand(told),
		a.newSyslogCommand(told), a.newSessionsCommand(told), a.newFactoryCommand(told), a.newExplainCommand(told), a.newCompletionCommand(), a.newVersionCommand(told))
	return root
}

// group makes a command that only has commands below it.
func group(use, short, long string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: unknownCommand, SuggestionsMinimumDistance: 2,
		RunE: help}
	cmd.AddCommand(below...)
	return cmd
}

// help is what a command without a command below it does; a program that wants JSON is
// told what is missing.
func help(cmd *cobra.Command, _ []string) error {
	if asked, err := cmd.Flags().GetBool("json"); err == nil && asked {
		var names []string
		for _, below := range cmd.Commands() {
			names = append(names, below.Name())
		}
		return usage("%s wants a command: %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	return cmd.Help()
}

// unknownCommand refuses a word that is no command, and tells which may have been meant.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := setup.NewError(setup.CodeUsage, "%s has no command %q", cmd.CommandPath(), args[0])
	e.Remedy = "see " + cmd.CommandPath() + " --help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		e.Remedy = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return e
}

// takes states how many arguments a command wants, and what they are.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		e := setup.NewError(setup.CodeUsage, "%s wants %s, and was given %s", cmd.CommandPath(), what, things(len(args), "argument"))
		e.Remedy = fmt.Sprintf("write %s; see %s --help", cmd.UseLine(), cmd.CommandPath())
		return e
	}
}

func things(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
