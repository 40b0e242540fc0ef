// Hepmeter is a power meter in software: it measures sampled three-phase
// waveforms, keeps what it counted and serves it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// firmwareVersion is the version of this build; release builds set it with
// -ldflags "-X main.firmwareVersion=V".
var firmwareVersion = "3.0.0"

// releaseKey is the public key whose images every meter of this build trusts, in hexadecimal
// digits. It is empty, so that no key of a developer is ever trusted by all; a release build sets it with
// -ldflags "-X main.releaseKey=K".
var releaseKey string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRootCommand().ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("interrupted: what was begun is not kept")
	}
	stop()
	if errors.Is(err, errTold) {
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hepmeter:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// errTold is the end of a process that has told its parent why, which tells the user.
var errTold = errors.New("the boot stage tells why")

// usageError marks a command line that could not be understood: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "hepmeter",
		Short: "A high-end power meter in software",
		Long: `Hepmeter is a high-end power meter in software. It measures sampled three-phase
waveforms by class A methods, keeps energy that survives any power cut, and
serves its registers over Modbus TCP.

Start here:
  hepmeter run                          a meter on a synthetic 230 V site
  hepmeter panel                        the front panel of that meter, in another terminal
  hepmeter measure FILE.cfg             a reading from a recording (COMTRADE, CSV, wav, pcap)
  hepmeter measure FILE --report R.html the same as a page to look at and print
  hepmeter record --seconds 10 OUT.cfg  any source to a recording (.cfg, .wav, .pcap)`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := fmt.Errorf("unknown command %q (see hepmeter --help)", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				err = fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(near, " or "))
			}
			return usageError{err}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
	})
	root.AddCommand(newRunCommand(), newMeasureCommand(), newRecordCommand(), newCheckCommand(),
		newExportCommand(), newImportCommand(), newPanelCommand(), newFaultProxyCommand(), newImageCommand(), newVersionCommand())
	addPlatformCommands(root)
	return root
}

// exactly is cobra.ExactArgs with an error that says what is wanted.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s wants %s, got %d arguments (see %s --help)", cmd.Name(), what, len(args), cmd.CommandPath())}
		}
		return nil
	}
}
