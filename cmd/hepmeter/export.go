package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/store"
)

func newExportCommand() *cobra.Command {
	var data, model string
	cmd := &cobra.Command{
		Use:   "export [--data DIR] OUT",
		Short: "Write a stopped meter's state to one file",
		Long: `Export writes all that a meter keeps (setup, program, energies, events, logs) to the
one new file OUT: to keep it, to look at it elsewhere, or to make a meter of it with
import. The meter must be stopped; its directory is checked first and not changed.
OUT is there whole or not at all, and check reads it like a directory. It is an SQLite
database: treat it like the directory, for it holds what the meter knows.`,
		Example: `  hepmeter export meter-7.hep
  hepmeter export --data ./meter-7 meter-7.hep && hepmeter check meter-7.hep
  hepmeter import meter-7.hep --data ./meter-7-again`,
		Args: exactly(1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				var err error
				if data, err = stateDir(model); err != nil {
					return err
				}
			}
			if err := store.Export(data, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s written; `%s import %s --data DIR` makes a meter of it\n", args[0], program("hepmeter"), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "data directory (default: the folder of the model in the user's state directory)")
	cmd.Flags().StringVar(&model, "model", "ION9000", "model whose default data directory is meant, without --data")
	return cmd
}
