package setup

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Clock is what the meter's clock shows.
type Clock struct {
	Time         time.Time `json:"time"`
	LocalOffsetS int64     `json:"local_offset_s"`
	DST          bool      `json:"dst"`
	Source       string    `json:"source"`
	// AheadS is by how much it is ahead of this computer's clock, in seconds; half of the
	// time that the question took, UncertainS, cannot be told.
	AheadS     float64 `json:"ahead_s"`
	UncertainS float64 `json:"uncertain_s"`
}

// Clock reads the clock and compares it with now, this computer's.
func (m *Meter) Clock(ctx context.Context, now func() time.Time) (Clock, error) {
	// The first question may wait for a password to be checked: the second one is timed.
	if _, err := ask(ctx, m, "reading the clock", ionp.Clock, ionp.ClockRequest{}); err != nil {
		return Clock{}, err
	}
	before := now()
	r, err := ask(ctx, m, "reading the clock", ionp.Clock, ionp.ClockRequest{})
	if err != nil {
		return Clock{}, err
	}
	took := now().Sub(before)
	t := time.Unix(0, r.Time).UTC()
	return Clock{Time: t, LocalOffsetS: int64(r.OffsetSeconds), DST: r.DST, Source: r.Source,
		AheadS: t.Sub(before.Add(took / 2)).Seconds(), UncertainS: took.Seconds() / 2}, nil
}

// SetClock sets the clock.
func (m *Meter) SetClock(ctx context.Context, t time.Time) error {
	_, err := ask(ctx, m, "setting the clock", ionp.ClockSet, ionp.ClockSetRequest{Time: t.UnixNano()})
	return err
}

// Resets lists the names of what can be reset.
func (m *Meter) Resets(ctx context.Context) ([]string, error) {
	r, err := ask(ctx, m, "listing resets", ionp.Reset, ionp.ResetRequest{})
	if err != nil {
		return nil, err
	}
	return append([]string{}, r.Names...), nil
}

// Reset carries out a reset by its name.
func (m *Meter) Reset(ctx context.Context, name string) error {
	_, err := ask(ctx, m, "resetting "+name, ionp.Reset, ionp.ResetRequest{Name: name})
	return err
}
