package meter

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// command is something that a client has the node do. It runs on the engine goroutine,
// between blocks.
type command struct {
	do func(now time.Time) error
	// asks tells that it only asks, or that nothing of it must be durable: it does not
	// wait for the disk.
	asks bool
	// done receives the refusal, or what became of making the effects durable. It has
	// room for one, so that nobody waits for a client that is gone.
	done chan error
}

// ErrNotRunning reports a command to a meter that runs no more; before Run, commands wait.
var ErrNotRunning = errors.New("the meter is not running")

var errCrowded = errors.New("nothing was changed: the disk takes nothing, and too many changes wait for it: see to the disk (the event log tells its trouble)")

// Program carries out changes of modules, links and setup registers as one transaction,
// or none of them: the error is then an *ion.Refusal with every reason. It returns when
// the effects are durable; an error that says that they are in force all the same comes
// from the disk. After the error of a ctx that is done they may be in force or not.
// Where a disk takes nothing and too much waits for it, further changes are refused.
func (m *Meter) Program(ctx context.Context, changes []ion.Change, by ion.By) error {
	return m.command(ctx, func(now time.Time) error { return m.node.Program(changes, by, now) })
}

// Write writes a value to an output that clients write, such as an External Boolean's
// Switch, and returns when that is durable.
func (m *Meter) Write(ctx context.Context, register string, v ion.Value, by ion.By) error {
	return m.command(ctx, func(now time.Time) error { return m.node.Command(register, v, by, now) })
}

// Pulse pulses an input by hand. The module sees it at its next turn, and what it then
// does is durable as every second is; Pulse returns when the pulse is accepted.
func (m *Meter) Pulse(ctx context.Context, input string, by ion.By) error {
	return m.ask(ctx, func(time.Time) error { return m.node.Pulse(input, by) })
}

// command has the engine goroutine carry out a change, and waits until it is durable.
func (m *Meter) command(ctx context.Context, do func(now time.Time) error) error {
	return m.order(ctx, command{do: do, done: make(chan error, 1)})
}

// ask has the engine goroutine do what need not be durable. What do writes may be read
// after success only: where ctx ends first, do may be about to begin.
func (m *Meter) ask(ctx context.Context, do func(now time.Time) error) error {
	return m.order(ctx, command{do: do, asks: true, done: make(chan error, 1)})
}

func (m *Meter) order(ctx context.Context, c command) error {
	select {
	case m.commands <- c:
	case <-m.ended:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-m.kept: // the engine has ended, and what it handed over is durable or failed
		select {
		case err := <-c.done:
			return err
		default:
			return ErrNotRunning
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// obey carries out a command on the engine goroutine.
func (m *Meter) obey(c command) {
	if !c.asks && m.keeper.crowded() {
		c.done <- errCrowded
		return
	}
	if err := c.do(m.now()); err != nil || c.asks {
		c.done <- err
		return
	}
	m.retune()
	m.keeper.keep(m.batch(), &snapshot{m.node.Snapshot()}, c.done)
}

// retune makes the engine anew where the setup that it was made from has changed: ratios,
// wiring, nominal frequency, corrections. What is measured until then counts as it was
// set.
func (m *Meter) retune() {
	config, err := m.meteringConfig()
	if err == nil && reflect.DeepEqual(config, m.config) {
		return
	}
	var engine *metering.Engine
	if err == nil {
		engine, err = metering.New(config)
	}
	if err != nil {
		m.note(ion.PriorityFailure, "the setup does not fit the source: "+err.Error(), "measured as before")
		return
	}
	m.engine.Flush(m)
	m.engine, m.config = engine, config
	m.scope.configure(config)
}
