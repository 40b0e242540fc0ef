package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

// overview is what `read` shows when no register is named.
func overview() []string {
	var labels []string
	for _, name := range []string{"Vln a", "Vln b", "Vln c", "Vll ab", "Vll bc", "Vll ca", "Ia", "Ib", "Ic", "I4", "kW a", "kW b", "kW c", "kW tot", "kVAR tot", "kVA tot", "PF sign tot", "Freq", "V unbal", "I unbal"} {
		labels = append(labels, "Power Meter/"+name)
	}
	for _, name := range []string{"kWh del", "kWh rec", "kVARh del", "kVARh rec", "kVAh del+rec"} {
		labels = append(labels, name+"/Result")
	}
	return labels
}

func (a *app) newReadCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "read ADDR [REG..]",
		Short: "Read registers; without REG the usual readings",
		Long: `Read shows registers with their units, all from one moment. REG is a register's label,
Module label/Register label. Case does not matter, and its end will do if only one
register ends so. NOT AVAILABLE is shown as N/A, and as null with --json.

  hepsetup read localhost
  hepsetup read localhost 'Vln avg' 'Power Meter/kW tot'
  hepsetup read localhost --json 'PT Prim'`,
		Args: takes(1, -1, "the address of a meter and registers"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, names []string) (report, error) {
			readings, err := a.read(ctx, m, names)
			return report{readings, func(p *page) { showReadings(p, readings) }}, err
		}),
	}
}

// read reads what was named, or of the overview what this meter has.
func (a *app) read(ctx context.Context, m *setup.Meter, names []string) (setup.Readings, error) {
	if len(names) > 0 {
		return m.ReadNamed(ctx, names)
	}
	labels, err := presentOf(ctx, m, overview())
	if err != nil {
		return setup.Readings{}, err
	}
	return m.Read(ctx, labels)
}

// presentOf returns those of the labels that the meter has.
func presentOf(ctx context.Context, m *setup.Meter, labels []string) ([]string, error) {
	readings, err := m.Read(ctx, labels)
	if err == nil {
		var there []string
		for i, r := range readings.Values {
			if r.Value.Kind != setup.NoValue {
				there = append(there, labels[i])
			}
		}
		return there, nil
	}
	if !setup.HasCode(err, "not-found") {
		return nil, err
	}
	all, err := m.Registers(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, label := range all {
		known[strings.ToLower(label)] = true
	}
	var there []string
	for _, label := range labels {
		if known[strings.ToLower(label)] {
			there = append(there, label)
		}
	}
	return there, nil
}

func showReadings(p *page, r setup.Readings) {
	var rows [][]string
	for _, v := range r.Values {
		rows = append(rows, []string{v.Register, v.Value.String(), v.Unit})
	}
	p.table([]string{"Register", ">Value", "Unit"}, rows)
	p.line("%s", stamp(r.Time))
}

func (a *app) newWriteCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "write ADDR REG=VALUE..",
		Short: "Write setup registers: all of them or none",
		Long: `Write sets setup registers, and outputs that clients write, such as an External
Boolean's. Either all are written, durably, or none. Enumerations are written by name.

  HEPSETUP_PASSWORD=0 hepsetup write localhost 'Power Meter/PT Prim=480' 'PT Sec=120'`,
		Args: takes(2, -1, "the address of a meter and REG=VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []setup.Assignment
			for _, text := range args[1:] {
				one, err := setup.ParseAssignment(text)
				if err != nil {
					return err
				}
				list = append(list, one)
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				return a.write(ctx, m, list)
			})(cmd, args)
		},
	}
}

func (a *app) write(ctx context.Context, m *setup.Meter, list []setup.Assignment) (report, error) {
	var names []string
	for _, one := range list {
		names = append(names, one.Register)
	}
	labels, err := m.ResolveFew(ctx, names)
	if err != nil {
		return report{}, err
	}
	for i := range list {
		list[i].Register = labels[i]
	}
	if err := m.Write(ctx, list); err != nil {
		return report{}, err
	}
	return report{map[string]any{"written": list}, func(p *page) {
		for _, one := range list {
			p.line("%s = %s", one.Register, one.Value)
		}
	}}, nil
}

func (a *app) newWatchCommand(told **report) *cobra.Command {
	var interval time.Duration
	var times int
	cmd := &cobra.Command{
		Use:   "watch ADDR [REG..]",
		Short: "Show registers as they change, until Ctrl-C",
		Long: `Watch shows registers in place as they change; where the output is no terminal, it
writes a line for each. Without REG it shows the usual readings.

  hepsetup watch localhost
  hepsetup watch localhost 'Power Meter/kW tot' 'Power Meter/Freq' --count 10`,
		Args: takes(1, -1, "the address of a meter and registers"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, names []string) (report, error) {
			if a.json && times == 0 {
				return report{}, usage("--json prints one object at the end: say with --count when that is")
			}
			return a.watch(ctx, m, names, interval, times)
		}),
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "at most this often, 100ms or more")
	cmd.Flags().IntVar(&times, "count", 0, "end after so many; 0 goes on")
	return cmd
}

var errEnough = errors.New("enough")

func (a *app) watch(ctx context.Context, m *setup.Meter, names []string, interval time.Duration, times int) (report, error) {
	var labels []string
	var err error
	if len(names) == 0 {
		labels, err = presentOf(ctx, m, overview())
	} else {
		labels, err = m.ResolveFew(ctx, names)
	}
	if err != nil {
		return report{}, err
	}
	in := newPage(a.out, a.env)
	inPlace, seen, rows := in.width > 0 && !a.json, 0, 0
	if inPlace {
		fmt.Fprint(a.out, "\x1b[?25l") // the cursor hides while it jumps
		defer fmt.Fprint(a.out, "\x1b[?25h")
	}
	samples := []setup.Readings{}
	err = m.Watch(ctx, labels, interval, func(r setup.Readings) error {
		seen++
		switch {
		case a.json:
			samples = append(samples, r)
		case inPlace:
			p := newPage(a.out, a.env)
			showReadings(p, r)
			text := strings.ReplaceAll(p.text.String(), "\n", "\x1b[K\n")
			if rows > 0 {
				text = fmt.Sprintf("\x1b[%dA", rows) + text
			}
			rows = strings.Count(p.text.String(), "\n")
			p.text.Reset()
			p.text.WriteString(text)
			if err := p.flush(); err != nil {
				return err
			}
		default:
			p := newPage(a.out, a.env)
			for _, v := range r.Values {
				p.line("%s\t%s\t%s\t%s", r.Time.Format(time.RFC3339Nano), v.Register, v.Value, v.Unit)
			}
			if err := p.flush(); err != nil {
				return err
			}
		}
		if seen == times {
			return errEnough
		}
		return nil
	})
	// Ctrl-C is how it ends.
	if errors.Is(err, errEnough) || setup.HasCode(err, setup.CodeInterrupted) {
		err = nil
	}
	return report{map[string]any{"samples": samples}, nil}, err
}
