package main

import (
	"context"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newTemplateCommand(told **report) *cobra.Command {
	return group("template", "The program of a meter as text: save, load, diff",
		`Template saves the meter's program (modules, links, setup) as text, compares it with a
file, and loads a file: all of it or nothing. docs/templates.md describes the text.`,
		a.newTemplateSaveCommand(told), a.newTemplateLoadCommand(told), a.newTemplateDiffCommand(told))
}

func (a *app) newTemplateSaveCommand(told **report) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "save ADDR [FILE]",
		Short: "Save the program as text",
		Long: `Save writes the meter's program to a file, or prints it.

  hepsetup template save localhost site.template`,
		Args: takes(1, 2, "the address of a meter and perhaps a file"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			if len(args) > 0 {
				out = args[0]
			}
			text, err := m.Template(ctx)
			if err != nil {
				return report{}, err
			}
			if out == "" {
				return report{map[string]any{"text": string(text)}, func(p *page) { p.text.Write(text) }}, nil
			}
			if err := writeFile(out, text); err != nil {
				return report{}, err
			}
			return report{map[string]any{"file": out, "bytes": len(text)}, func(p *page) { p.line("%s written, %s", out, things(len(text), "byte")) }}, nil
		}),
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	return cmd
}

func (a *app) newTemplateLoadCommand(told **report) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "load ADDR FILE",
		Short: "Make the program that of a file: all of it or nothing",
		Long: `Load makes the meter's program that of a file, and lists what it changed. What the file
does not name is deleted: to add to what a meter does, save its template, append lines,
and load the whole.

  hepsetup --user USER1 template load localhost site.template --dry-run`,
		Args: takes(2, 2, "the address of a meter and a file"),
		RunE: a.loadTemplate(told, &dryRun),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, and tell what would be")
	return cmd
}

func (a *app) newTemplateDiffCommand(told **report) *cobra.Command {
	dryRun := true
	return &cobra.Command{
		Use:   "diff ADDR FILE",
		Short: "What loading a file would change",
		Long: `Diff compares a file with the meter's program: each line is a change that loading it
would make. It needs the right to load it.

  hepsetup --user USER1 template diff localhost site.template`,
		Args: takes(2, 2, "the address of a meter and a file"),
		RunE: a.loadTemplate(told, &dryRun),
	}
}

func (a *app) loadTemplate(told **report, dryRun *bool) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		text, err := readFile(args[1]) // before anything is sent
		if err != nil {
			return err
		}
		return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			differences, err := m.LoadTemplate(ctx, text, *dryRun)
			if err != nil {
				return report{}, err
			}
			return report{map[string]any{"differences": emptyNotNil(differences), "dry_run": *dryRun}, func(p *page) { showChanges(p, differences, *dryRun) }}, nil
		})(cmd, args)
	}
}
