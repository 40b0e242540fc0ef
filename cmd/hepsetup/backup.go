package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newBackupCommand(told **report) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "backup ADDR --out FILE",
		Short: "Write the meter's whole state as one file",
		Long: `Backup writes one zip: the meter's own snapshot, the template and security as text, the
verifiable event log, and every energy register as evidence, with the hash of each. An
account without Security Config Access gets all but snapshot and security.

  HEPSETUP_PASSWORD=0 hepsetup backup localhost --out meter.backup`,
		Args: takes(1, 1, "the address of a meter, and --out FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage("backup wants --out FILE")
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				return a.backup(ctx, m, out)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	return cmd
}

func (a *app) backup(ctx context.Context, m *setup.Meter, out string) (report, error) {
	// Written beside, so that a broken connection leaves an older backup alone.
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return report{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	manifest, err := m.Backup(ctx, f, a.now(), func(part string) { a.progress("%s", part) })
	if err != nil {
		return report{}, err
	}
	if err := f.Sync(); err != nil {
		return report{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return report{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	return report{map[string]any{"file": out, "manifest": manifest}, func(p *page) {
		p.line("%s written: %s %s, %s", out, manifest.Model, manifest.Serial, things(len(manifest.SHA256), "part"))
		for name, reason := range manifest.Missing {
			p.item("without "+name, reason)
		}
	}}, nil
}

func (a *app) newRestoreCommand(told **report) *cobra.Command {
	var intoNew, dryRun bool
	var passwordsFile string
	cmd := &cobra.Command{
		Use:   "restore ADDR FILE",
		Short: "Write setup, template and accounts of a backup",
		Long: `Restore writes what a backup has of setup, template and accounts. What was counted is
never written. --into-new takes only a meter with no more accounts than the factory's
and gives it the owner's names and the clock's setup, too.

A backup has no passwords that could be read: accounts that the meter does not have yet
get those of --passwords-file (lines USERn=password), are asked for on a terminal, or
have none, and are named.

  hepsetup --user USER2 restore localhost meter.backup --dry-run`,
		Args: takes(2, 2, "the address of a meter and a backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			backed, err := openBackup(args[1])
			if err != nil {
				return err
			}
			passwords, err := readPasswords(passwordsFile)
			if err != nil {
				return err
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				if !dryRun && a.interactive() {
					dry, err := m.Restore(ctx, backed, setup.Restoring{IntoNew: intoNew, DryRun: true, Passwords: passwords})
					if err != nil {
						return report{}, err
					}
					if err := a.askPasswords(ctx, dry.Without, passwords); err != nil {
						return report{}, err
					}
				}
				done, err := m.Restore(ctx, backed, setup.Restoring{IntoNew: intoNew, DryRun: dryRun, Passwords: passwords,
					Did: func(part string) { a.progress("%s written", part) }})
				return report{done, func(p *page) { showRestored(p, done) }}, err
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&intoNew, "into-new", false, "fill a factory-fresh meter completely")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, and tell what would be")
	cmd.Flags().StringVar(&passwordsFile, "passwords-file", "", "file with lines USERn=password")
	return cmd
}

func openBackup(path string) (setup.Backed, error) {
	f, err := os.Open(path)
	if err != nil {
		return setup.Backed{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return setup.Backed{}, setup.NewError(setup.CodeFile, "%v", err)
	}
	return setup.ReadBackup(f, info.Size())
}

func showRestored(p *page, r setup.Restored) {
	showChanges(p, slices.Concat(r.Template, r.Setup, r.Security), r.DryRun)
	if len(r.Without) > 0 {
		p.line("Without a password, and so without a login: %s. Give them one with `hepsetup users passwd`.", strings.Join(r.Without, ", "))
	}
}
