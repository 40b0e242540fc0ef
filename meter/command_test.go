package meter

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
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

// A ratio takes effect at once, and never rescales what was counted.
func TestARatioTakesEffectWhileMeasuring(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		time.Sleep(5 * time.Second)
		volts, kWh := number(t, m, "Power Meter/Vln a"), number(t, m, "kWh del/Result")
		if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Power Meter/PT Prim", Value: "34700"}}, tester); err != nil {
			t.Fatal(err)
		}
		if after := number(t, m, "kWh del/Result"); after < kWh || after > kWh*1.5 {
			t.Errorf("energy went from %v to %v kWh with the ratio", kWh, after)
		}
		time.Sleep(3 * time.Second)
		if got := number(t, m, "Power Meter/Vln a"); math.Abs(got/volts-100) > 0.01 {
			t.Errorf("%v V became %v V, want 100 times as much", volts, got)
		}
		if gaps := number(t, m, "Diagnostics/Missed Windows"); gaps > 2 {
			t.Errorf("%v windows were missed", gaps)
		}
	})
}

// Modules and links survive a restart, and what they count goes on.
func TestAProgramSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	program := []ion.Change{
		ion.Create{Type: "Integrator", Label: "My Wh"}, ion.Link{Input: "My Wh/Integrand", Register: "Power Meter/kW tot"},
		ion.Delete{Module: "Hist Low"}, ion.Rename{Module: "kWh del part", Label: "Shift Wh"},
	}
	var before float64
	running(t, dir, func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), program, tester); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if before = number(t, m, "My Wh/Result"); before <= 0 {
			t.Fatalf("counted %v", before)
		}
	})
	running(t, dir, func(t *testing.T, m *Meter) {
		if got := number(t, m, "My Wh/Result"); got < before {
			t.Errorf("after a restart %v, before %v", got, before)
		}
		if got := number(t, m, "Shift Wh/Result"); got < before {
			t.Errorf("the renamed module has %v, want its energy", got)
		}
		if p := m.Registers().Find("Hist Low/Data Log"); p != access.NoPoint {
			t.Error("the deleted module is back")
		}
	})
}
