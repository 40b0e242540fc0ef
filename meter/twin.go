package meter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/store"
)

// BecomeTwin implements access.Works: a meter as it left the factory takes the snapshot of
// another of its kind. All that can be wrong with it is found before anything is changed;
// then it is staged beside the store, and the start takes it up.
func (m works) BecomeTwin(ctx context.Context, path string, by access.By, permit func() error, rehearse bool) (access.Twin, error) {
	if !m.becoming.TryLock() {
		return access.Twin{}, access.NewRefusal(access.CodeBusy, "another client has the meter take a snapshot")
	}
	defer m.becoming.Unlock()
	file, err := files{m.Meter}.uploaded(path)
	if err != nil {
		return access.Twin{}, err
	}
	factory, err := m.factory()
	if err != nil {
		return access.Twin{}, err
	}
	fresh := func(time.Time) error { return m.freshAs(factory) }
	if err := m.ask(ctx, fresh); err != nil {
		return access.Twin{}, err
	}
	made, err := m.store.PrepareTwin(file, store.TwinOptions{Firmware: m.options.Firmware, Own: isOwnState, Event: func(of store.Meta) store.Event {
		return store.Event{Time: m.audit.civil(time.Now()).UTC(), Priority: priorityWritten, User: by.User, Origin: by.Origin,
			Cause: "Snapshot", CauseValue: eventText(of.Model + " " + of.Serial), Effect: "Meter", EffectValue: eventText(fmt.Sprintf("restored from a snapshot of %s serial %s made at %s", of.Model, of.Serial, of.LastAlive.UTC().Format(time.RFC3339)))}
	}})
	if err != nil {
		return access.Twin{}, m.twinError(made.Report.Meta, err)
	}
	twin, err := m.twinOf(made)
	if err != nil || rehearse {
		return twin, errors.Join(err, m.store.DropTwin())
	}
	// Just before it is so for good, the meter is still fresh, and who asks still may. It is
	// waited for in any case: what is staged must be followed by the restart.
	err = m.ask(context.WithoutCancel(ctx), func(now time.Time) error {
		if err := permit(); err != nil {
			return err
		}
		if err := fresh(now); err != nil {
			return err
		}
		return m.store.StageTwin()
	})
	if err != nil {
		return twin, errors.Join(err, m.store.DropTwin())
	}
	return twin, m.Restart(by)
}

// isOwnState tells what a meter keeps of its own state: what it proves itself with, and how
// its clock was set.
func isOwnState(name string) bool { return access.IsOwnKey(name) || name == keptClock }

// factory is the program as the factory makes it, set up for the source, as a template.
func (m *Meter) factory() ([]byte, error) {
	model, err := template.Load(m.identity.Model)
	if err != nil {
		return nil, err
	}
	node, err := model.Build(m.identity.Serial, m.Firmware())
	if err != nil {
		return nil, err
	}
	if err := m.commissionNode(node, time.Now()); err != nil {
		return nil, err
	}
	return m.templateOf(node), nil
}

// freshAs refuses a meter that somebody has set up: one with more accounts than the
// factory's, or another program. It runs on the engine goroutine.
func (m *Meter) freshAs(factory []byte) error {
	if n := len(m.guard.gate.Security().Accounts); n > 1 {
		return access.NewRefusal(access.CodeNotFresh, fmt.Sprintf("it has %d accounts, and a fresh one has one", n))
	}
	now := m.templateOf(m.node)
	if bytes.Equal(now, factory) {
		return nil
	}
	first := "its program is not the factory's"
	if a, err := template.Parse(factory); err == nil {
		if b, err := template.Parse(now); err == nil {
			if list := template.Compare(a, b); len(list) > 0 {
				first = fmt.Sprintf("its program differs from the factory's in %d places, the first: %s", len(list), list[0])
			}
		}
	}
	return access.NewRefusal(access.CodeNotFresh, first)
}

// twinOf proves that the meter would go up as the twin, with nothing left out, and tells of
// it.
func (m *Meter) twinOf(made store.Twin) (access.Twin, error) {
	r, state := made.Report, made.State
	misfit := func(text string) error {
		return access.NewRefusal(access.CodeNotInThisFirmware, "the snapshot does not fit this firmware, "+m.Firmware()+": "+text)
	}
	model, err := template.Load(m.identity.Model)
	if err != nil {
		return access.Twin{}, err
	}
	node, problems, err := model.Rebuild(state.Program, m.identity.Serial, m.Firmware())
	if err != nil {
		return access.Twin{}, misfit(err.Error())
	}
	for _, problem := range append(problems, node.Restore(state.Setup, state.Retained)...) {
		return access.Twin{}, misfit(problem.String())
	}
	passwords, err := access.Passwords(state.Security)
	if err != nil {
		return access.Twin{}, access.NewRefusal(access.CodeSnapshotDamaged, err.Error())
	}
	settings := securitySettings(node)
	security, err := access.NewSecurity(m.guard.generation, m.guard.modelName, settings, passwords)
	if err != nil {
		return access.Twin{}, misfit(err.Error())
	}
	return access.Twin{Model: r.Meta.Model, Serial: r.Meta.Serial, Firmware: r.Meta.Firmware, Made: r.Meta.LastAlive,
		Accounts: len(security.Accounts), Setups: r.Setup, Retained: r.Retained, Events: r.Events, Logs: r.Logs, Records: r.Records, Gaps: r.Gaps, Files: r.Files}, nil
}

// twinError tells a client what is wrong with a snapshot of a meter.
func (m *Meter) twinError(of store.Meta, err error) error {
	switch {
	case errors.Is(err, store.ErrOtherMeter) && of.Model != m.identity.Model:
		return access.NewRefusal(access.CodeWrongModel, fmt.Sprintf("the snapshot is of an %s, and this meter is an %s", of.Model, m.identity.Model))
	case errors.Is(err, store.ErrOtherMeter):
		return access.NewRefusal(access.CodeNotInThisFirmware, fmt.Sprintf("the snapshot is of firmware %s, and this meter has %s", cmp.Or(of.Firmware, m.options.Firmware), m.Firmware()))
	case errors.Is(err, store.ErrNewerSchema):
		return access.NewRefusal(access.CodeNotInThisFirmware, err.Error())
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrNotAStore):
		return access.NewRefusal(access.CodeSnapshotDamaged, err.Error())
	case errors.Is(err, store.ErrDiskFull):
		return access.NewRefusal(access.CodeNoSpace, err.Error())
	}
	return err
}

// templateOf is the program of a node as text.
func (m *Meter) templateOf(node *ion.Node) []byte {
	return template.Export(node, template.Header{Model: m.identity.Model, Firmware: m.Firmware()})
}
