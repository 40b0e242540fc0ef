package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/store"
)

func newCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR|FILE",
		Short: "Check a data directory or an exported file for damage",
		Long: `Check reads every page of a data directory whose meter is not running, or of a file
that export wrote, verifies every checksum and every record, and names what is
damaged. It changes nothing. Exit code 0: sound; 1: damaged or not readable.`,
		Example: `  hepmeter check ~/.local/state/hepmeter/ION9000
  hepmeter check meter-7.hep`,
		Args: exactly(1, "the data directory or exported file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := store.Check(args[0])
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), report)
			if !report.Sound() {
				return fmt.Errorf("%s is damaged, %d findings: put a copy of it back, or move it away to begin anew", args[0], len(report.Findings))
			}
			return nil
		},
	}
}
