package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/setup"
	"github.com/spf13/cobra"
)

func (a *app) newHardenCommand(told **report) *cobra.Command {
	var within time.Duration
	var quietFor, user1Grant, grant, admin string
	var planOnly, force bool
	cmd := &cobra.Command{
		Use:   "harden ADDR",
		Short: "Switch legacy security support off in the safe order, with a way back",
		Long: `Harden makes a second administrator, logs in as it, restricts User1 and switches legacy
security support off. Before the first change the meter is told to take everything back
by itself unless it is confirmed in time: if anything goes wrong, or this tool dies, the
meter returns to the state before.

The password of the new administrator comes from --new-password-file, from the
environment variable HEPSETUP_NEW_PASSWORD, or is asked for. It is not begun while
clients were here lately that would be cut off.

  HEPSETUP_PASSWORD=0 HEPSETUP_NEW_PASSWORD=4711 hepsetup security harden localhost --confirm-within 5m
  HEPSETUP_PASSWORD=4711 hepsetup --user USER2 security confirm localhost`,
		Args: takes(1, 1, "the address of a meter"),
		RunE: func(cmd *cobra.Command, args []string) error {
			h := setup.Hardening{Within: within, Force: force, Now: a.now}
			var err error
			if h.QuietFor, err = parsePeriod(quietFor); err != nil {
				return err
			}
			if h.User1Grant, err = setup.ParsePermissions(user1Grant); err != nil {
				return err
			}
			if h.AdministratorGrant, err = setup.ParsePermissions(grant); err != nil {
				return err
			}
			if admin != "" {
				if h.Administrator, err = setup.ParseUser(admin); err != nil {
					return err
				}
			}
			if within < time.Second || within > 24*time.Hour {
				return usage("--confirm-within %s: give 1s to 24h", within)
			}
			return a.withMeter(told, func(ctx context.Context, m *setup.Meter, _ []string) (report, error) {
				return a.harden(ctx, m, h, planOnly)
			})(cmd, args)
		},
	}
	cmd.Flags().DurationVar(&within, "confirm-within", 5*time.Minute, "everything returns unless it is confirmed in this time")
	cmd.Flags().StringVar(&quietFor, "quiet-for", "24h", "for how long no legacy client may have been here; 0 counts all that the meter has seen")
	cmd.Flags().StringVar(&user1Grant, "user1-grant", "read", "permissions that User1 keeps; none for nothing")
	cmd.Flags().StringVar(&grant, "grant", "all", "permissions of a new administrator")
	cmd.Flags().StringVar(&admin, "admin", "", "account that administers from now on (default: the one you are, or a new one)")
	cmd.Flags().BoolVar(&planOnly, "plan", false, "show the steps, and change nothing")
	cmd.Flags().BoolVar(&force, "force", false, "go on although clients would be cut off")
	a.newPasswordFlag(cmd)
	completePermissions(cmd, "grant")
	completePermissions(cmd, "user1-grant")
	return cmd
}

func (a *app) harden(ctx context.Context, m *setup.Meter, h setup.Hardening, planOnly bool) (report, error) {
	show := func(plan setup.HardeningPlan) report {
		return report{plan, func(p *page) {
			for i, step := range plan.Steps {
				p.item(strconv.Itoa(i+1), step)
			}
			if len(plan.Steps) > 0 && len(plan.Assessment.Legacy) > 0 && !plan.Assessment.Clear {
				p.heading("Cut off will be")
				p.table([]string{"Client", "Address", "Path", "Last (UTC)", "Did"}, useRows(plan.Assessment.Legacy))
			}
		}}
	}
	if planOnly {
		plan, err := m.PlanHardening(ctx, h)
		if err != nil {
			return report{}, failure{err, show(plan)}
		}
		return show(plan), nil
	}
	stopAfter, _ := strconv.Atoi(a.env("HEPSETUP_STOP_AFTER"))
	h.NewPassword = func(user string, fresh bool) (string, error) {
		if fresh || a.hasNewPassword() {
			return a.newPassword(ctx, user)
		}
		return a.prompt(ctx, fmt.Sprintf("Password of %s: ", user))
	}
	begun := false
	h.Did = func(step int, text string) {
		begun = true
		a.progress("%d. done: %s", step, text)
		if step == stopAfter { // for tests that kill the tool here
			<-ctx.Done()
		}
	}
	plan, err := m.Harden(ctx, h)
	if err != nil {
		if begun {
			a.progress("The meter returns to the state before by itself within %s.", setup.Short(h.Within))
		}
		return report{}, err
	}
	result := struct {
		setup.HardeningPlan
		Confirm string `json:"confirm"`
	}{plan, fmt.Sprintf("hepsetup --user %s security confirm %s", plan.Administrator, m.Address())}
	return report{result, func(p *page) {
		p.line("%s", p.good("Legacy security support is off."))
		p.line("Confirm it within %s, or the meter returns to the state before:", setup.Short(h.Within))
		p.line("  %s", result.Confirm)
	}}, nil
}
