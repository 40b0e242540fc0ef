package meter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/store"
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

// A setup that the source does not allow is in force and measured as before; it must not
// keep the next start from going up.
func TestASetupThatDoesNotFitTheSourceDoesNotStopTheNextStart(t *testing.T) {
	dir := t.TempDir()
	for start := range 2 {
		synctest.Test(t, func(t *testing.T) {
			_, source := steadyAt(t, "frequency: {hz: 50}\nvoltage: {rms: 230}\n", 420) // too few for 60 Hz
			m := openMeter(t, dir, source)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- m.Run(ctx) }()
			if start == 0 {
				if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Factory/Nominal Frequency", Value: "60 Hz"}}, tester); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(3 * time.Second)
			if got := number(t, m, "Power Meter/Vln a"); math.Abs(got-230) > 1 {
				t.Errorf("start %d: %v V, want about 230", start, got)
			}
			events, err := m.Events(0, 100)
			if err != nil || !slices.ContainsFunc(events, func(e store.Event) bool { return strings.HasPrefix(e.CauseValue, "the setup does not fit the source") }) {
				t.Errorf("start %d: nothing tells of it: %v", start, err)
			}
			stop()
			<-ended
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A kill between the making of the store and the first commit leaves a meter that was
// never set up for its source.
func TestAMeterThatWasKilledAtItsFirstStartIsSetUpAtTheNext(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{Identity: store.Identity{Model: "PM8000", Serial: "T-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, source := steady(t, "frequency: {hz: 60}\nvoltage: {rms: 230}\n")
	m := openMeter(t, dir, source)
	defer m.Close()
	if got := held(m.node, "Factory/Nominal Frequency"); got != "60 Hz" {
		t.Errorf("set up for %s, want 60 Hz", got)
	}
}

// What a module that was left out at some start had under its label is not that of a module
// made later.
func TestAModuleMadeAnewTakesNothingOver(t *testing.T) {
	dir := t.TempDir()
	running(t, dir, func(*testing.T, *Meter) {})
	s, err := store.Open(dir, store.Options{Identity: store.Identity{Model: "PM8000"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(store.Batch{Setup: map[string]string{"My Log/Depth": "7"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var depth float64
	for start := range 2 {
		running(t, dir, func(t *testing.T, m *Meter) {
			if start == 0 {
				if err := m.Program(t.Context(), []ion.Change{ion.Create{Type: "Data Recorder", Label: "My Log"}}, tester); err != nil {
					t.Fatal(err)
				}
				depth = number(t, m, "My Log/Depth")
			}
			if got := number(t, m, "My Log/Depth"); got != depth {
				t.Errorf("Depth is %v after a restart, was %v", got, depth)
			}
		})
	}
}

// What only asks is answered also where the disk takes nothing.
func TestAskingDoesNotWaitForTheDisk(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		full := errors.New("no space")
		commit := m.keeper.commit
		var broken atomic.Bool
		broken.Store(true)
		synctest.Wait()
		m.keeper.commit = func(b store.Batch) error {
			if broken.Load() {
				return full
			}
			return commit(b)
		}
		if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Factory/Owner", Value: "works"}}, tester); !errors.Is(err, full) {
			t.Errorf("a change: %v, want the trouble of the disk", err)
		}
		if text, err := m.Template(t.Context()); err != nil || len(text) == 0 {
			t.Errorf("saving a template: %d bytes, %v", len(text), err)
		}
		if _, err := m.Outbox(t.Context()); err != nil {
			t.Errorf("the outbox: %v", err)
		}
		if err := m.Pulse(t.Context(), "kW sd/Reset", tester); err != nil {
			t.Errorf("a pulse: %v", err)
		}
		broken.Store(false)
		time.Sleep(2 * retryPause)
	})
}

// A client may leave while its command is carried out: what that still writes is not what
// the client reads (the race detector sees it).
func TestAClientThatLeavesDoesNotMeetItsCommand(t *testing.T) {
	_, source := steady(t, site)
	m := openMeter(t, t.TempDir(), source)
	defer m.Close()
	for name, call := range map[string]func(context.Context) error{
		"Outbox":       func(ctx context.Context) error { _, err := m.Outbox(ctx); return err },
		"Template":     func(ctx context.Context) error { _, err := m.Template(ctx); return err },
		"LoadTemplate": func(ctx context.Context) error { _, err := m.LoadTemplate(ctx, nil, tester); return err },
	} {
		ctx, leave := context.WithCancel(t.Context())
		obeyed := make(chan struct{})
		go func() {
			c := <-m.commands
			leave()
			c.do(m.now())
			close(obeyed)
		}()
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		<-obeyed
	}
}

// A ratio that is set after the source has ended makes no reading and no energy.
func TestAProgramAfterTheSourceHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steady(t, site)
		m := openMeter(t, t.TempDir(), &short{Source: source, left: 5 * 12800})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		time.Sleep(8 * time.Second)
		before := number(t, m, "kWh del/Result")
		if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Power Meter/PT Prim", Value: "34700"}}, tester); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if after := number(t, m, "kWh del/Result"); after != before {
			t.Errorf("energy went from %v to %v", before, after)
		}
		if v := value(t, m, "Power Meter/Vln a"); v.Available {
			t.Errorf("a reading without samples: %+v", v)
		}
		stop()
		<-ended
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// At another speed time passes with the samples: what a client does, and a second after
// the source's end, must not send the modules' clock back to the system's.
func TestAtAnotherSpeedTimeDoesNotGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steady(t, site)
		m, err := Open(Options{Dir: t.TempDir(), Model: "PM8000", Serial: "T-1", Firmware: "3.0.0", Source: &short{Source: source, left: 60 * 12800}, Speed: 20,
			Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		publish, last := m.keeper.publish, m.Registers().Snapshot().Time()
		m.keeper.publish = func(s access.Snapshot) {
			if s.Time().Before(last) {
				t.Errorf("from %v back to %v", last, s.Time())
			}
			last = s.Time()
			publish(s)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		for step := range 10 {
			time.Sleep(710 * time.Millisecond)
			if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: "Factory/Owner", Value: fmt.Sprint(step)}}, tester); err != nil {
				t.Error(err)
			}
		}
		stop()
		<-ended
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
