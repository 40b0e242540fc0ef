package setup

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/wire/ionp"
)

// Watch gives the readings of registers to each, as often as they change and not more
// often than the interval, until each returns an error or the context ends. Labels are
// full ones.
func (m *Meter) Watch(ctx context.Context, labels []string, interval time.Duration, each func(Readings) error) error {
	const what = "watching registers"
	// A read first: it tells what is wrong with a label or a right, and asks for a password.
	now, err := m.Read(ctx, labels)
	if err != nil {
		return err
	}
	if err := each(now); err != nil {
		return err
	}
	link := m.present()
	starting, stop := patient(ctx, link.stream, m.options.Timeout)
	subscription, err := link.client.Subscribe(starting, m.Credential().identity(), ionp.SubscribeRequest{Labels: labels, IntervalMS: uint32(interval.Milliseconds())})
	stop()
	if err != nil {
		return asError(what, err)
	}
	for {
		select {
		case notice, more := <-subscription.Notices():
			if !more {
				return asError(what, subscription.Err())
			}
			if notice.Sequence == now.Sequence {
				continue // the read has shown it
			}
			if err := each(Readings{notice.Sequence, time.Unix(0, notice.Time).UTC(), readingsOf(notice.Readings)}); err != nil {
				return err
			}
		case <-ctx.Done():
			return asError(what, ctx.Err())
		}
	}
}
