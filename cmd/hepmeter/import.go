package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hepmeter/hepmeter/store"
)

func newImportCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "import FILE --data DIR",
		Short: "Make a data directory of an exported file",
		Long: `Import makes the data directory DIR of a file that export wrote. Every page and every
record is verified first: a damaged file, or one of a newer version, is refused. So is
a DIR that holds a meter or is in use: nothing is ever overwritten. The directory is
there whole or not at all. A meter that runs on it goes on where the exported one was,
with its serial number and its totals; do not let both bill the same site.`,
		Example: `  hepmeter import meter-7.hep --data ./meter-7-again
  hepmeter run --data ./meter-7-again`,
		Args: exactly(1, "the exported file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return usageError{fmt.Errorf("import needs --data DIR, the directory to make (see %s --help)", cmd.CommandPath())}
			}
			if err := store.Import(args[0], data, store.Options{}); err != nil {
				return err
			}
			report, err := store.Check(data)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s holds the %s with serial number %s; `%s run --model %s --data %s` goes on with it\n",
				data, report.Meta.Model, report.Meta.Serial, program("hepmeter"), report.Meta.Model, data)
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "directory to make; must be missing or hold no meter")
	return cmd
}
