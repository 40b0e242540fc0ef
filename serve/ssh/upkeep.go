package ssh

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// factory opens and closes factory access, and tells whether it is open.
func (t *terminal) factory(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0 || len(args) == 1 && args[0] == "status":
		status, err := t.session.Status()
		if err != nil {
			return err
		}
		switch f := status.Factory; {
		case !f.Open:
			t.printf("factory access is closed\n")
		case f.Used:
			t.printf("factory access is open for another %s; its diagnostic code was used\n", span(f.Remaining))
		default:
			t.printf("factory access is open for another %s; its diagnostic code was not used yet\n", span(f.Remaining))
		}
		return nil
	case len(args) == 1 && args[0] == "close":
		return t.done(t.session.CloseFactory(), "factory access is closed")
	case len(args) == 2 && args[0] == "open":
		minutes, err := strconv.Atoi(args[1])
		if err != nil {
			return usage("factory open: %.40q is no number of minutes", args[1])
		}
		code, until, err := t.session.OpenFactory(ctx, minutes)
		return t.done(err, "factory access is open until %s; the user %s with the password %s may log in once", stamp(until), access.FactoryUser, code)
	}
	return usage("factory stands alone, or is followed by status, open MINUTES or close")
}

// confirm keeps changes that would return.
func (t *terminal) confirm(ctx context.Context, args []string) error {
	if err := none(args); err != nil {
		return err
	}
	return t.done(t.session.ConfirmProvisional(ctx), "the changes are kept")
}

// restart has the meter stop and start again.
func (t *terminal) restart(_ context.Context, args []string) error {
	args, set, err := options(args, []string{"yes"}, nil)
	if err == nil {
		err = none(args)
	}
	if err != nil {
		return err
	}
	if set["yes"] == 0 && t.session.May(access.RestartMeter) {
		if t.editor == nil {
			return usage("restart stops the meter for some seconds: write restart --yes")
		}
		answer, err := t.ask("Restart the meter? All connections end. Type yes: ")
		if err != nil {
			return err
		}
		if !strings.EqualFold(strings.TrimSpace(answer), "yes") {
			return errors.New("not restarted")
		}
	}
	t.channel.restarts.Store(true)
	err = t.session.Restart()
	if err != nil {
		t.channel.restarts.Store(false)
	}
	return t.done(err, "the meter restarts")
}
