package master

import (
	"context"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// link is what carries a bus: a line or a connection to a device.
type link interface {
	// heard has a token when something has come.
	heard() <-chan struct{}
	// overhear drops what has come while nothing was asked. An error ends the link.
	overhear() error
	// rest tells that nothing was asked for some time.
	rest()
	// exchange sends a request and waits for its answer. It returns soon when ctx is done.
	exchange(ctx context.Context, r *request, settings Settings) outcome
}

// ending is how a request ended.
type ending int

const (
	answered    ending = iota
	timedOut           // nothing came in time
	damaged            // an answer came and cannot be read
	lost               // the port or the connection failed, after something was sent perhaps
	unsent             // the connection was found closed; the device has seen nothing
	unreachable        // there is no connection to be had
)

// outcome is what became of a request.
type outcome struct {
	ending ending
	answer []byte // valid until the next exchange
	took   time.Duration
	// guard is for how long the answer may still come, and could be taken for another.
	guard time.Duration
	// away says that the device is to be left alone, whatever the unit.
	away bool
	// err says that the link has failed and carries nothing any more.
	err error
}

// serve carries out what is asked until ctx is done or the link fails.
func (b *Bus) serve(ctx context.Context, l link) error {
	timer := time.NewTimer(b.options.Idle)
	defer timer.Stop()
	for ctx.Err() == nil {
		r, wait := b.next(time.Now())
		if r == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-b.wake:
			case <-l.heard():
				if err := l.overhear(); err != nil {
					return err
				}
			case <-timer.C:
				if wait == b.options.Idle {
					l.rest()
				}
			}
			continue
		}
		if time.Since(r.since) > b.options.Patience {
			b.giveUp(r)
			continue
		}
		settings := b.options.Settings()
		if settings.ResponseTimeout <= 0 {
			settings.ResponseTimeout = defaultTimeout
		}
		o := l.exchange(ctx, r, settings)
		b.conclude(r, o, settings, time.Now(), o.err != nil || ctx.Err() != nil)
		if o.err != nil && ctx.Err() == nil {
			return o.err
		}
	}
	return nil
}

// open lets questions in, and gives every unit a new chance.
func (b *Bus) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.serving {
		return errServed
	}
	b.serving, b.device = true, backoff{}
	for _, u := range b.units {
		if u != nil {
			u.failures, u.backoff = 0, backoff{}
		}
	}
	return nil
}

// shut answers what is left of them.
func (b *Bus) shut() {
	b.mu.Lock()
	b.serving = false
	b.cache.forget(0)
	rest := b.queue.remove(func(*request) bool { return true })
	for _, r := range rest {
		b.close(r)
	}
	b.mu.Unlock()
	b.done(rest, nil, ErrNoPath)
}

// next returns the next request, or how long nothing is to be done.
func (b *Bus) next(now time.Time) (r *request, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait = b.options.Idle
	r = b.queue.next(func(number byte) bool {
		guarded := b.units[number].guard.Sub(now)
		if guarded > 0 {
			wait = min(wait, guarded)
		}
		return guarded <= 0
	})
	return r, wait
}

// giveUp answers a request that has waited for too long.
func (b *Bus) giveUp(r *request) {
	b.mu.Lock()
	b.units[r.unit].counts.Refused++
	b.close(r)
	b.mu.Unlock()
	b.done([]*request{r}, nil, ErrCrowded)
}

// conclude does with a request what its outcome asks for: it is answered, or sent again, and
// what is known of its unit changes. At the last nothing is sent again.
func (b *Bus) conclude(r *request, o outcome, settings Settings, now time.Time, last bool) {
	b.mu.Lock()
	u := b.units[r.unit]
	again, failed, err := false, false, ErrNoAnswer
	var given []*request
	switch o.ending {
	case answered:
		err = nil
		failed = !b.answered(r, u, o, settings, now)
	case timedOut:
		u.counts.Timeouts++
		u.failures++
		failed = true
		if o.guard > 0 {
			u.guard, u.owed = now.Add(o.guard), append(u.owed[:0], r.pdu()...)
		}
		again = r.reads && r.attempts < settings.Retries && u.failures <= settings.Retries
	case damaged:
		again = r.reads && r.attempts < settings.Retries
	case lost:
		u.counts.Lost++
		again = r.reads && !r.lost
		r.lost = true
	case unsent:
		again = !r.lost
		r.lost = true
	}
	if again = again && !last && !o.away; again {
		if o.ending != unsent {
			u.counts.Retries++
			r.attempts++
		}
		b.queue.putBack(r)
	} else {
		b.close(r)
	}
	if failed && u.failures > max(settings.Retries, 1) {
		u.backoff.fail(now, pauseFactor*settings.ResponseTimeout)
		given = b.queue.remove(func(other *request) bool { return other.unit == r.unit })
	}
	switch {
	case o.away:
		b.device.fail(now, 0)
		given = append(given, b.queue.remove(func(*request) bool { return true })...)
	case o.ending == answered:
		b.device = backoff{}
	}
	for _, g := range given {
		b.units[g.unit].counts.Refused++
		b.close(g)
	}
	b.mu.Unlock()
	if !again {
		b.done([]*request{r}, o.answer, err)
	}
	b.done(given, nil, ErrNoAnswer)
}

// answered keeps accounts of an answer that came in time, and reports whether the unit is well.
func (b *Bus) answered(r *request, u *unit, o outcome, settings Settings, now time.Time) bool {
	if r.unit == 0 {
		return true
	}
	u.counts.Answers++
	u.took.add(o.took)
	if exception := exceptionOf(o.answer); exception != modbus.None {
		u.counts.Exceptions++
		if exception == modbus.GatewayPathUnavailable || exception == modbus.GatewayTargetNoResponse {
			// A gateway below speaks for the unit, which has held the line all the same.
			if o.took >= slowRefusal {
				u.failures++
				return false
			}
			return true
		}
	} else if key, ok := keyOf(r.unit, r.pdu()); ok && settings.Cache > 0 && !b.written(r.unit) {
		b.cache.keep(key, o.answer, now, settings.Cache)
	}
	u.failures, u.backoff = 0, backoff{}
	if len(u.owed) > 0 {
		u.owed, u.guard = u.owed[:0], now.Add(settling)
	}
	return true
}

func exceptionOf(answer []byte) modbus.Exception {
	if len(answer) == 2 && answer[0]&exceptionBit != 0 {
		return modbus.Exception(answer[1])
	}
	return modbus.None
}

const exceptionBit = 0x80

// done answers all who wait for requests that have left the queue.
func (b *Bus) done(requests []*request, answer []byte, err error) {
	for _, r := range requests {
		for _, a := range r.askers {
			a.done(answer, err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range requests {
		b.queue.recycle(r)
	}
}

// late counts an answer of a unit that is not waited for, and ends its guard where it is the
// one that was owed.
func (b *Bus) late(number byte, pdu []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.units[number]
	if u == nil {
		return
	}
	u.counts.Late++
	if modbus.IsAnswer(u.owed, pdu) {
		u.owed, u.guard = u.owed[:0], time.Time{}
	}
}

// foreign counts an answer that does not fit the request to a unit, or one of a unit that
// nobody has asked anything.
func (b *Bus) foreign(asked byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.units[asked].counts.Foreign++
}

// known reports whether the unit was ever asked.
func (b *Bus) known(number byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.units[number] != nil
}

// broken counts what came from the line and is no answer.
func (b *Bus) broken(asked byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.units[asked].counts.CRCErrors++
}

// pause waits for d at most, until something is heard, or ctx is done.
func pause(ctx context.Context, timer *time.Timer, d time.Duration, heard <-chan struct{}) {
	timer.Reset(d)
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-heard:
	}
}
