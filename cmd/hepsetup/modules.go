package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newModulesCommand(told **report) *cobra.Command {
	return group("modules", "ION modules: list, show, create, link, rename, delete",
		`Modules lists and changes the modules that a meter is programmed with. docs/modules.md
describes each type.`,
		a.newModulesListCommand(told), a.newModulesShowCommand(told), a.newModulesCreateCommand(told), a.newModulesLinkCommand(told),
		a.newModulesRenameCommand(told), a.newModulesDeleteCommand(told))
}

func (a *app) newModulesListCommand(told **report) *cobra.Command {
	var types bool
	cmd := &cobra.Command{
		Use:   "list ADDR [TYPE]",
		Short: "The modules of a type, or all; --types lists the types",
		Long: `List shows the modules, and which of them are not online, and why.

  hepsetup modules list localhost Integrator
  hepsetup modules list localhost --types`,
		Args: takes(1, 2, "the address of a meter and perhaps a type"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			if types {
				list, err := m.Managers(ctx)
				return report{list, func(p *page) {
					var rows [][]string
					for _, t := range list {
						rows = append(rows, []string{t.Type, strconv.Itoa(t.Modules), t.Kind, t.Rate, t.Doc})
					}
					p.table([]string{"Type", ">Modules", "Kind", "Rate", "Does"}, rows)
				}}, err
			}
			typeName := ""
			if len(args) > 0 {
				typeName = args[0]
			}
			list, err := m.Modules(ctx, typeName)
			return report{list, func(p *page) {
				var rows [][]string
				for _, e := range list {
					state := "online"
					if !e.Online {
						state = p.bad("offline") + " " + e.Offline
					}
					rows = append(rows, []string{e.Label, e.Type, strconv.Itoa(e.Number), state})
				}
				p.table([]string{"Label", "Type", ">Number", "State"}, rows)
			}}, err
		}),
	}
	cmd.Flags().BoolVar(&types, "types", false, "list the types of modules")
	return cmd
}

func (a *app) newModulesShowCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "show ADDR LABEL",
		Short: "A module's inputs, outputs and setup, with limits",
		Long: `Show describes a module whole: what its inputs are linked to, which registers it has,
and what its setup registers take.

  hepsetup modules show localhost 'Power Meter'`,
		Args: takes(2, 2, "the address of a meter and a module's label"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			module, err := m.Module(ctx, args[0])
			if setup.HasCode(err, "not-found") {
				err = nearestModule(ctx, m, args[0], err)
			}
			return report{module, func(p *page) { showModule(p, module) }}, err
		}),
	}
}

// nearestModule adds to the refusal which module may have been meant.
func nearestModule(ctx context.Context, m *setup.Meter, label string, refusal error) error {
	list, err := m.Modules(ctx, "")
	if err != nil {
		return refusal
	}
	var labels []string
	for _, e := range list {
		labels = append(labels, e.Label)
	}
	if near := setup.Nearest(label, labels, 3); len(near) > 0 {
		e := setup.NewError("not-found", "there is no module %q", label)
		e.Kind, e.Remedy = setup.Refused, "did you mean "+strings.Join(near, " or ")+"?"
		return e
	}
	return refusal
}

func showModule(p *page, module setup.Module) {
	p.line("%s, a module of the type %s", p.bold(clean(module.Label)), module.Type)
	if len(module.Inputs) > 0 {
		p.heading("Inputs")
		var rows [][]string
		for _, in := range module.Inputs {
			note := strings.Join(in.Classes, " or ")
			if in.Mandatory {
				note += ", must be linked"
			}
			if in.Fixed {
				note += ", fixed"
			}
			rows = append(rows, []string{in.Name, cmp.Or(in.Link, "-"), note})
		}
		p.table([]string{"Input", "Linked to", "Takes"}, rows)
	}
	if len(module.Outputs) > 0 {
		p.heading("Outputs")
		var rows [][]string
		for _, out := range module.Outputs {
			rows = append(rows, []string{out.Name, out.Class, out.Unit, strings.Join(out.Owners, ", ")})
		}
		p.table([]string{"Register", "Class", "Unit", "Linked by"}, rows)
	}
	if len(module.Setups) > 0 {
		p.heading("Setup")
		var rows [][]string
		for _, s := range module.Setups {
			rows = append(rows, []string{s.Name, s.Value, s.Takes(), s.Doc})
		}
		p.table([]string{"Register", "Value", "Takes", "Meaning"}, rows)
	}
}

func (a *app) newModulesCreateCommand(told **report) *cobra.Command {
	number := 0
	cmd := &cobra.Command{
		Use:   "create ADDR TYPE LABEL",
		Short: "Make a module",
		Long: `Create makes a module of a type under a label.

  HEPSETUP_PASSWORD=0 hepsetup modules create localhost Maximum 'Night peak'`,
		Args: takes(3, 3, "the address of a meter, a type and a label"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			return report{map[string]any{"type": args[0], "label": args[1]}, func(p *page) { p.line("%s is there", args[1]) }}, m.CreateModule(ctx, args[0], args[1], number)
		}),
	}
	cmd.Flags().IntVar(&number, "number", 0, "its number under its type; 0 takes the lowest free one")
	return cmd
}

func (a *app) newModulesLinkCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "link ADDR INPUT [REG]",
		Short: "Link an input to a register; without REG unlink it",
		Long: `Link links Module label/Input label to a register.

  HEPSETUP_PASSWORD=0 hepsetup modules link localhost 'Night peak/Source' 'Power Meter/kW tot'`,
		Args: takes(2, 3, "the address of a meter, an input and a register"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			register := ""
			if len(args) > 1 {
				labels, err := m.ResolveFew(ctx, args[1:])
				if err != nil {
					return report{}, err
				}
				register = labels[0]
			}
			return report{map[string]any{"input": args[0], "register": register}, func(p *page) {
				p.line("%s is linked to %s", args[0], cmp.Or(register, "nothing"))
			}}, m.Link(ctx, args[0], register)
		}),
	}
}

func (a *app) newModulesRenameCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "rename ADDR LABEL NEW",
		Short: "Give a module another label",
		Long: `Rename gives a module another label; what it counted and logged stays.

  HEPSETUP_PASSWORD=0 hepsetup modules rename localhost 'Night peak' 'Night max'`,
		Args: takes(3, 3, "the address of a meter and two labels"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			return report{map[string]any{"label": args[0], "new": args[1]}, func(p *page) { p.line("%s is now %s", args[0], args[1]) }}, m.RenameModule(ctx, args[0], args[1])
		}),
	}
}

func (a *app) newModulesDeleteCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "delete ADDR LABEL",
		Short: "Delete a module",
		Long: `Delete deletes a module, with its log and what it counted.

  HEPSETUP_PASSWORD=0 hepsetup modules delete localhost 'Night peak'`,
		Args: takes(2, 2, "the address of a meter and a label"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			return report{map[string]any{"label": args[0]}, func(p *page) { p.line("%s is deleted", args[0]) }}, m.DeleteModule(ctx, args[0])
		}),
	}
}
