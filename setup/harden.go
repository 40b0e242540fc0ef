package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hardening is how to switch legacy security support off in the safe order.
type Hardening struct {
	// Within is the time in which everything returns unless it is confirmed.
	Within time.Duration
	// Administrator is the account that carries it out and stays; 0 takes the one that the
	// tool is connected with if that is a named one other than User1, and else makes a new
	// one. AdministratorGrant are the new one's permissions.
	Administrator      int
	AdministratorGrant []string
	// User1Grant are the permissions that User1 keeps.
	User1Grant []string
	// QuietFor is for how long no client may have been here without a user name; Force
	// goes on all the same.
	QuietFor time.Duration
	Force    bool
	// Now tells the time.
	Now func() time.Time
	// NewPassword gives the administrator's password; fresh tells that it is being set.
	NewPassword func(user string, fresh bool) (string, error)
	// Did is told each step when it is done, from 1.
	Did func(step int, text string)
}

// HardeningPlan is what will be done, step by step.
type HardeningPlan struct {
	Steps []string `json:"steps"`
	// Administrator is the account that confirms; fresh tells that it will be made.
	Administrator   string `json:"administrator"`
	fresh, switchTo bool
	number          int
	Assessment      Assessment `json:"assessment"`
	grant, revoke   []string
}

// PlanHardening looks at the meter and says what Harden would do, and why it would not.
func (m *Meter) PlanHardening(ctx context.Context, h Hardening) (HardeningPlan, error) {
	s, err := m.Security(ctx)
	if err != nil {
		return HardeningPlan{}, err
	}
	since := time.Time{}
	if h.QuietFor > 0 {
		since = h.Now().Add(-h.QuietFor)
	}
	ledger, err := m.Ledger(ctx)
	if err != nil {
		return HardeningPlan{}, err
	}
	plan, err := planHardening(s, h)
	plan.Assessment = assess(s, ledger, since)
	if err != nil {
		return plan, err
	}
	if !plan.Assessment.Clear && !h.Force {
		var names []string
		for _, u := range plan.Assessment.Legacy {
			if !u.You {
				names = append(names, u.Who())
			}
		}
		return plan, NewError(CodeLegacyInUse, "%s of the last %s would be cut off: %s", count(len(names), "client"), Short(h.QuietFor), strings.Join(names, "; "))
	}
	return plan, nil
}

// Who names a client in an error.
func (u Use) Who() string {
	name := u.Client
	if name == "" {
		name = "unnamed client"
	}
	return fmt.Sprintf("%s at %s over %s, last %s", name, u.Address, u.Path, u.Last.Format("2006-01-02 15:04:05 UTC"))
}

func planHardening(s Security, h Hardening) (HardeningPlan, error) {
	switch {
	case !s.Knows(ModeLSS) && len(s.Modes) > 0:
		return HardeningPlan{}, NewError(CodeNotInThisFirmware, "firmware %s has no legacy security support to switch off", s.Generation).
			with("make accounts and use `hepsetup security mode ADDR advanced`")
	case s.Mode != ModeLSS:
		return HardeningPlan{}, NewError(CodeAlreadyHard, "the mode is %s", s.Mode)
	case s.Provisional.Active:
		return HardeningPlan{}, &Error{Kind: Precondition, Code: "confirm-pending", Reason: "security changes of " + s.Provisional.By + " wait for their confirmation",
			Remedy: "confirm them with `hepsetup security confirm`, or take them back with --cancel"}
	}
	var plan HardeningPlan
	own, connected := s.Own()
	named := connected && s.You.Named
	plan.number = h.Administrator
	if plan.number == 0 && named && own.Number != 1 && own.May("security") {
		plan.number = own.Number
	}
	existing, exists := s.Account(plan.number)
	switch {
	case plan.number == 1:
		return plan, NewError(CodeUsage, "USER1 cannot be the second administrator: it is the one that is restricted")
	case plan.number == 0:
		for plan.number = 2; ; plan.number++ {
			if _, taken := s.Account(plan.number); !taken {
				break
			}
		}
		plan.fresh = true
	case !exists:
		plan.fresh = true
	case !existing.May("security") || !existing.HasPassword:
		return plan, NewError(CodeUsage, "%s cannot administer security: it needs Security Config Access, Read Access and a password", existing.Name).
			with("grant them with `hepsetup users set`, or let a new account be made")
	}
	plan.Administrator = UserName(plan.number)
	plan.switchTo = !named || own.Number != plan.number
	grant := h.AdministratorGrant
	plan.Steps = append(plan.Steps, fmt.Sprintf("have the meter return to the present state by itself unless it is confirmed within %s", Short(h.Within)))
	if plan.fresh {
		plan.Steps = append(plan.Steps, fmt.Sprintf("add %s, a second administrator, with %s", plan.Administrator, strings.Join(grant, ",")))
	} else {
		plan.Steps = append(plan.Steps, fmt.Sprintf("keep %s, who is there already, as the administrator", plan.Administrator))
	}
	plan.Steps = append(plan.Steps, fmt.Sprintf("log in as %s, which proves that the way back in works", plan.Administrator))
	user1, hasUser1 := s.Account(1)
	for _, word := range PermissionWords() {
		has, keep := slices.Contains(user1.Boxes, word), slices.Contains(h.User1Grant, word)
		if has && !keep {
			plan.revoke = append(plan.revoke, word)
		}
		if !has && keep {
			plan.grant = append(plan.grant, word)
		}
	}
	switch {
	case !hasUser1:
		plan.Steps = append(plan.Steps, "leave User1 as it is: there is none")
	case len(plan.grant)+len(plan.revoke) == 0:
		plan.Steps = append(plan.Steps, "leave User1 as it is: it has "+orNone(h.User1Grant)+" already")
	default:
		plan.Steps = append(plan.Steps, fmt.Sprintf("restrict USER1 to %s (now %s)", orNone(h.User1Grant), orNone(user1.Boxes)))
	}
	plan.Steps = append(plan.Steps, "switch legacy security support off: the mode becomes Advanced")
	return plan, nil
}

// Harden carries the plan out. Whatever happens to the tool on the way, the meter returns
// by itself to the state before, unless all of it is done and confirmed in time with
// Confirm, by the administrator.
func (m *Meter) Harden(ctx context.Context, h Hardening) (HardeningPlan, error) {
	plan, err := m.PlanHardening(ctx, h)
	if err != nil {
		return plan, err
	}
	password := ""
	if plan.fresh || plan.switchTo {
		// Asked for before anything is sent, so that nobody is waited for half way.
		if password, err = h.NewPassword(plan.Administrator, plan.fresh); err != nil {
			return plan, err
		}
	}
	if plan.fresh {
		if err := CheckPassword(password); err != nil {
			return plan, err
		}
	}
	step := 0
	did := func() {
		step++
		if h.Did != nil {
			h.Did(step, plan.Steps[step-1])
		}
	}
	if _, err := m.BeginProvisional(ctx, h.Within); err != nil {
		return plan, err
	}
	did()
	if plan.fresh {
		if _, err := m.AddUser(ctx, plan.number, h.AdministratorGrant, password); err != nil {
			return plan, err
		}
	}
	did()
	admin := m
	if plan.switchTo {
		if admin, err = m.again(ctx, Credential{User: plan.Administrator, Password: &password}); err != nil {
			return plan, err
		}
		defer admin.Close()
	}
	if _, err := admin.Security(ctx); err != nil {
		return plan, err
	}
	did()
	if len(plan.grant)+len(plan.revoke) > 0 {
		if err := admin.SetUser(ctx, 1, plan.grant, plan.revoke); err != nil {
			return plan, err
		}
	}
	did()
	if err := admin.SetSecurity(ctx, map[string]string{RegisterMode: ModeAdvanced}); err != nil {
		return plan, err
	}
	did()
	return plan, nil
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ",")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Short writes a duration without parts that are zero: 5m, 1h30m, 30d.
func Short(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
