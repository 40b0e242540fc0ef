package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newClockCommand(told **report) *cobra.Command {
	var set string
	cmd := &cobra.Command{
		Use:   "clock ADDR",
		Short: "The meter's clock beside this computer's; --set sets it",
		Long: `Clock shows the meter's time and how far it is from this computer's. --set sets it to
this computer's time, --set=TIME to another.

  hepsetup clock localhost
  HEPSETUP_PASSWORD=0 hepsetup clock localhost --set`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
			if set != "" {
				to := a.now()
				if set != "now" {
					var err error
					if to, err = parseSince(set, a.now()); err != nil {
						return report{}, err
					}
				}
				if err := m.SetClock(ctx, to); err != nil {
					return report{}, err
				}
			}
			c, err := m.Clock(ctx, a.now)
			if set != "" && setup.HasCode(err, "no-permission") {
				// Who may set the clock need not be allowed to read it.
				return report{map[string]any{"set": true}, func(p *page) { p.line("the clock is set") }}, nil
			}
			return report{c, func(p *page) { showClock(p, c) }}, err
		}),
	}
	cmd.Flags().StringVar(&set, "set", "", "set the clock, to this computer's time or to =TIME")
	cmd.Flags().Lookup("set").NoOptDefVal = "now"
	return cmd
}

func showClock(p *page, c setup.Clock) {
	local := c.Time.In(time.FixedZone("", int(c.LocalOffsetS)))
	zone := local.Format("-07:00")
	if c.DST {
		zone += ", daylight saving time"
	}
	p.line("%s", p.bold(local.Format("2006-01-02 15:04:05.000")+" "+zone))
	p.item("UTC", c.Time.Format("2006-01-02 15:04:05.000"))
	if c.Source != "" {
		p.item("source", c.Source)
	}
	side := "ahead of"
	ahead := c.AheadS
	if ahead < 0 {
		side, ahead = "behind", -ahead
	}
	difference := time.Duration(ahead * float64(time.Second)).Round(time.Millisecond)
	p.item("difference", fmt.Sprintf("%s %s this computer's clock (give or take %s)", difference, side, time.Duration(c.UncertainS*float64(time.Second)).Round(10*time.Microsecond)))
}

func (a *app) newResetCommand(told **report) *cobra.Command {
	return &cobra.Command{
		Use:   "reset ADDR [NAME]",
		Short: "Reset something by its name; without NAME list what can be",
		Long: `Reset carries out one of the meter's resets, such as that of the peak demand.

  hepsetup reset localhost
  HEPSETUP_PASSWORD=0 hepsetup reset localhost demand`,
		Args: takes(1, 2, "the address of a meter and the name of a reset"),
		RunE: a.withMeter(told, func(ctx context.Context, m *setup.Meter, args []string) (report, error) {
			names, err := m.Resets(ctx)
			if len(args) == 0 {
				return report{map[string]any{"resets": names}, func(p *page) {
					for _, name := range names {
						p.line("%s", clean(name))
					}
				}}, err
			}
			// Who may reset need not be allowed to list: the name is then taken as it is.
			name := args[0]
			if err == nil {
				if name, err = resetNamed(args[0], names); err != nil {
					return report{}, err
				}
			} else if !setup.HasCode(err, "no-permission") {
				return report{}, err
			}
			return report{map[string]any{"reset": name}, func(p *page) { p.line("%s is done", name) }}, m.Reset(ctx, name)
		}),
	}
}

// resetNamed finds a reset by what was typed of its name.
func resetNamed(typed string, names []string) (string, error) {
	var found []string
	for _, name := range names {
		if strings.EqualFold(name, typed) {
			return name, nil
		}
		if strings.Contains(strings.ToLower(name), strings.ToLower(typed)) {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	e := setup.NewError(setup.CodeUsage, "the meter has no reset %q", typed)
	e.Remedy = "its resets are " + strings.Join(names, ", ")
	if near := setup.Nearest(typed, names, 3); len(found) == 0 && len(near) > 0 {
		e.Remedy = "did you mean " + strings.Join(near, " or ") + "?"
	} else if len(found) > 1 {
		e.Reason = fmt.Sprintf("%d resets have %q in their names", len(found), typed)
		e.Remedy = "choose one of " + strings.Join(found, ", ")
	}
	return "", e
}
