package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newBackupCommand(told **report) *cobra.Command {
	var out, snapshot string
	cmd := &cobra.Command{
		Use:   "backup ADDR --out FILE",
		Short: "Write the meter's whole state as one file",
		Long: `Backup writes one zip: the meter's own snapshot, the template and security as text, the
verifiable event log, and every energy register as evidence, with the hash of each. An
account without Security Config Access gets all but snapshot and security.

--snapshot ID writes the meter's snapshot alone, which "hepmeter import" makes a meter of. The
meter keeps it under that name (letters, digits, - and _), so that who asks for the same ID gets
the same bytes on whatever path, until nobody has asked for an hour.

  HEPSETUP_PASSWORD=0 hepsetup backup localhost --out meter.backup
  HEPSETUP_PASSWORD=0 hepsetup backup modbus://localhost:5020/255 --snapshot monday --out monday.hmx`,
		Args: takes(1, 1, "the address of a meter, and --out FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage("backup wants --out FILE")
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				if cmd.Flags().Changed("snapshot") {
					return a.snapshot(ctx, m, snapshot, out)
				}
				return a.backup(ctx, m, out)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&snapshot, "snapshot", "", "write only the snapshot that the meter keeps under this ID; it makes one where it has none")
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	return cmd
}

func (a *app) snapshot(ctx context.Context, m *setup.Meter, id, out string) (report, error) {
	if id == "" {
		return report{}, usage("--snapshot wants a name")
	}
	var made setup.SnapshotFile
	err := writeBeside(out, func(w io.Writer) (err error) {
		made, err = m.Snapshot(ctx, id, w, nil)
		return err
	})
	if err != nil {
		return report{}, err
	}
	return report{map[string]any{"file": out, "snapshot": made}, func(p *page) {
		p.line("%s written: snapshot %s, %s, SHA-256 %s", out, made.ID, things(int(made.Bytes), "byte"), made.SHA256)
	}}, nil
}

// writeBeside writes a file that is there whole or not at all: a broken connection leaves an
// older one alone.
func writeBeside(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return setup.NewError(setup.CodeFile, "%v", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return setup.NewError(setup.CodeFile, "%v", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return setup.NewError(setup.CodeFile, "%v", err)
	}
	return nil
}

func (a *app) backup(ctx context.Context, m *setup.Meter, out string) (report, error) {
	var manifest setup.BackupManifest
	err := writeBeside(out, func(w io.Writer) (err error) {
		manifest, err = m.Backup(ctx, w, a.now(), func(part string) { a.progress("%s", part) })
		return err
	})
	if err != nil {
		return report{}, err
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
		Short: "Write setup, template and accounts of a backup, or make a twin",
		Long: `Restore writes what a backup has of setup, template and accounts, with their passwords.
What was counted is never written. The account that you are connected with keeps its
permissions.

--into-new makes a meter that is as it left the factory the twin of the one that was
backed up: program, setup, accounts, logs, events, energies and files. Serial number, keys
and certificates stay its own. The meter starts again, and is compared with the backup.

Backups of older tools have no passwords: accounts that the meter does not have yet get
those of --passwords-file (lines USERn=password), are asked for on a terminal, or have
none, and are named.

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
				if !dryRun && !intoNew && !backed.Verifiers && a.interactive() {
					dry, err := m.Restore(ctx, backed, setup.Restoring{DryRun: true, Passwords: passwords})
					if err != nil {
						return report{}, err
					}
					if err := a.askPasswords(ctx, dry.Without, passwords); err != nil {
						return report{}, err
					}
				}
				done, err := m.Restore(ctx, backed, setup.Restoring{IntoNew: intoNew, DryRun: dryRun, Passwords: passwords,
					Did: func(part string) { a.progress("%s", part) }})
				return report{done, func(p *page) { showRestored(p, done) }}, err
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&intoNew, "into-new", false, "make a factory-fresh meter the twin of the one that was backed up")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, and tell what would be")
	cmd.Flags().StringVar(&passwordsFile, "passwords-file", "", "for a backup without passwords: file with lines USERn=password")
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
	if r.Twin != nil {
		showTwin(p, r.Twin, r.DryRun)
		return
	}
	showChanges(p, slices.Concat(r.Template, r.Setup, r.Security), r.DryRun)
	for _, line := range r.Left {
		p.line("Left as it is: %s.", line)
	}
	if len(r.Without) > 0 {
		p.line("Without a password, and so without a login: %s. Give them one with `hepsetup users passwd`.", strings.Join(r.Without, ", "))
	}
}

func showTwin(p *page, t *setup.Twin, dryRun bool) {
	verb := "is"
	if dryRun {
		verb = "would become"
	}
	p.line("The meter %s %s the twin of %s, as that was at %s, and %s its own serial number, keys, certificates and clock.",
		t.Serial, verb, t.From, t.Made.Format(time.RFC3339), map[bool]string{true: "would keep", false: "keeps"}[dryRun])
	for _, part := range []struct {
		n    int
		what string
	}{{t.Accounts, "account"}, {t.Setups, "setup register"}, {t.Retained, "module that counts"}, {t.Events, "event"}, {t.Logs, "data log"}, {t.Records, "record"}, {t.Gaps, "gap"}, {t.Files, "file"}} {
		p.item(part.what+"s", strconv.Itoa(part.n))
	}
	if dryRun {
		p.line("The snapshot was sent and proved, and removed again. Nothing was changed.")
		return
	}
	if len(t.Compared) > 0 {
		p.line("Compared with the backup: %s.", strings.Join(t.Compared, ", "))
	}
	for _, line := range t.Differences {
		p.line("It differs: %s.", line)
	}
	if len(t.Compared) > 0 && len(t.Differences) == 0 && t.NotCompared == "" {
		p.line("No difference was found.")
	}
	if t.NotCompared != "" {
		p.line("Not compared whole: %s", t.NotCompared)
	}
	p.line("Accounts and passwords are those of %s now.", t.From)
}
