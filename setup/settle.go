package setup

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Pending are changes that return unless they are confirmed.
type Pending struct {
	Active     bool   `json:"active"`
	RemainingS int64  `json:"remaining_s"`
	By         string `json:"by"`
	// What was changed: registers by their labels, "security", "certificate".
	What string `json:"what"`
}

// Pending asks whether changes wait for their confirmation.
func (m *Meter) Pending(ctx context.Context) (Pending, error) {
	r, err := ask(ctx, m, "asking what waits for its confirmation", ionp.Pending, ionp.PendingRequest{})
	if HasCode(err, "unknown-operation") { // an older meter has no guard
		return Pending{}, nil
	}
	return Pending{r.Active, int64(r.RemainingSeconds), r.By, r.What}, err
}

// settled makes a change, and where the meter has it wait for its confirmation, because it
// might cut clients off, connects anew and confirms it: the tool has then seen that the
// meter can still be reached. What waited before stays with who began it. The error has the
// code cut-off where the meter cannot be reached any more.
func (m *Meter) settled(ctx context.Context, change func() error) error {
	before, unknown := m.Pending(ctx)
	if err := change(); err != nil || unknown != nil || before.Active {
		return err
	}
	after, err := m.Pending(ctx)
	if err != nil || !after.Active {
		return nil // it is made, and nothing says that it waits
	}
	fresh, err := m.again(ctx, m.Credential())
	if err == nil {
		defer fresh.Close()
		err = fresh.Confirm(ctx)
	}
	if err == nil {
		return nil
	}
	e := NewError(CodeCutOff, "the change (%s) is made, but over a new connection it cannot be confirmed: %v", after.What, err).
		with("confirm it within %s on another path (`hepsetup security confirm`, the web pages, the terminal or the front panel), or the meter takes it back", time.Duration(after.RemainingS)*time.Second)
	e.Err = err
	return e
}
