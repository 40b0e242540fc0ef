package meter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hepmeter/hepmeter/ion"
)

var tester = ion.By{User: "User1", Origin: "test"}

// running runs body beside a running meter and closes the meter then.
func running(t *testing.T, dir string, body func(t *testing.T, m *Meter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, source := steady(t, site)
		m := openMeter(t, dir, source)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		body(t, m)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// An acknowledged change is in the registers that are read next, and there after a
// restart.
func TestAProgramIsDurableWhenItIsAcknowledged(t *testing.T) {
	dir := t.TempDir()
	running(t, dir, func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Factory/Owner", Value: "works"}}, tester); err != nil {
			t.Fatal(err)
		}
		if got := value(t, m, "Factory/Owner").Text; got != "works" {
			t.Errorf("read %q after the acknowledgement, want works", got)
		}
		state, err := m.store.Load()
		if err != nil || state.Setup["Factory/Owner"] != "works" {
			t.Errorf("the store has %q, %v; want works", state.Setup["Factory/Owner"], err)
		}
	})
	running(t, dir, func(t *testing.T, m *Meter) {
		if got := value(t, m, "Factory/Owner").Text; got != "works" {
			t.Errorf("after a restart %q, want works", got)
		}
	})
}

func TestARefusedProgramNamesEveryReason(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Power Meter/PT Prim", Value: "-1"}, ion.Delete{Module: "Clock"}}, tester)
		var refusal *ion.Refusal
		if !errors.As(err, &refusal) || len(refusal.Problems) != 2 {
			t.Errorf("%v, want two reasons", err)
		}
	})
}

func TestCommandsToAMeterThatDoesNotRun(t *testing.T) {
	_, source := steady(t, site)
	m := openMeter(t, t.TempDir(), source)
	runFor(t, m, 0)
	if err := m.Pulse(t.Context(), "kW sd/Reset", tester); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v, want ErrNotRunning", err)
	}
}
