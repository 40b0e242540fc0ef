package meter

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/store"
	"github.com/hepmeter/hepmeter/waveform"
)

// rateHz keeps long spans of these tests cheap.
const rateHz = 3200

// keptEvents reads the log of a meter that has been closed.
func keptEvents(t *testing.T, dir string) []store.Event {
	t.Helper()
	s, err := store.Open(dir, store.Options{Identity: store.Identity{Model: "PM8000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events, err := s.Events(1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// has returns the first event whose cause holds text.
func has(t *testing.T, events []store.Event, text string) store.Event {
	t.Helper()
	i := slices.IndexFunc(events, func(e store.Event) bool { return strings.Contains(e.Cause+" "+e.CauseValue, text) })
	if i < 0 {
		t.Errorf("no event tells of %q: %+v", text, events)
		return store.Event{}
	}
	return events[i]
}

// TestClockSet: the system's clock is set while the meter runs, or the machine sleeps
// (civil time goes on, the monotonic clock and the samples do not). Civil time follows
// within a second, the step is an event from a second on, and energy is what was
// sampled.
func TestClockSet(t *testing.T) {
	for name, step := range map[string]time.Duration{
		"forward an hour": time.Hour, "back an hour": -time.Hour, "forward 2 s": 2 * time.Second, "back 2 s": -2 * time.Second,
		"half a second": 500 * time.Millisecond, "asleep for a day": 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "meter")
			var energy, power float64
			synctest.Test(t, func(t *testing.T) {
				scenario, source := steadyAt(t, site, rateHz)
				truth, err := scenario.Expect(rateHz, 1)
				if err != nil {
					t.Fatal(err)
				}
				power = truth.Total.P / 1000
				m := openMeter(t, dir, source)
				var set atomic.Int64
				m.clock.wall = func() time.Time { return time.Now().Add(time.Duration(set.Load())) }
				time.AfterFunc(4500*time.Millisecond, func() { set.Store(int64(step)) })
				var civil time.Time
				time.AfterFunc(6*time.Second+time.Millisecond, func() { civil = m.Registers().Snapshot().Time() })
				runFor(t, m, 10*time.Second+time.Millisecond)
				begin := m.clock.begin.Round(0)
				if off := civil.Sub(begin.Add(6 * time.Second).Add(step)).Abs(); off > time.Second+clockSlack {
					t.Errorf("two seconds after the step, the meter's clock is %v off", off)
				}
				energy = number(t, m, "kWh del/Result")
			})
			if want := power * 10 / 3600; math.Abs(energy-want) > 0.025*want {
				t.Errorf("counted %v kWh, ten seconds hold %v", energy, want)
			}
			events := keptEvents(t, dir)
			stepped := slices.ContainsFunc(events, func(e store.Event) bool { return strings.Contains(e.CauseValue, "clock step") })
			if want := step.Abs() > time.Second; stepped != want {
				t.Errorf("a clock step is in the log: %v, want %v (%+v)", stepped, want, events)
			}
		})
	}
}

// frozen is a source that stands still once, as a stopped process or a silent sampler.
type frozen struct {
	waveform.Source
	at, length time.Duration
	passed     float64
	done       bool
}

func (f *frozen) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	n, err := f.Source.Next(ctx, b, most)
	f.passed += float64(n) / b.RateHz
	if !f.done && f.passed >= f.at.Seconds() {
		f.done = true
		time.Sleep(f.length) // of the fake clock
	}
	return n, err
}

// TestStandstill: what a short stall delays is caught up with, unnoticed; in a long one
// readings are taken away, nothing is counted, and both are events. Neither is a clock
// step.
func TestStandstill(t *testing.T) {
	for name, tc := range map[string]struct {
		length  time.Duration
		counted float64 // seconds of energy, of 40
		noted   bool
	}{
		"starved for 2 s":  {2 * time.Second, 40, false},
		"away for 20 s":    {20 * time.Second, 20, true},
		"starved for 4 s":  {4 * time.Second, 40, false},
		"away for 8.123 s": {8123 * time.Millisecond, 40 - 8.123, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "meter")
			var energy, power float64
			synctest.Test(t, func(t *testing.T) {
				scenario, source := steadyAt(t, site, rateHz)
				truth, err := scenario.Expect(rateHz, 1)
				if err != nil {
					t.Fatal(err)
				}
				power = truth.Total.P / 1000
				m := openMeter(t, dir, &frozen{Source: source, at: 10 * time.Second, length: tc.length})
				during := true
				time.AfterFunc(10*time.Second+7500*time.Millisecond, func() { during = value(t, m, "Power Meter/Vln a").Available })
				runFor(t, m, 40*time.Second+time.Millisecond)
				if during == tc.noted {
					t.Errorf("7.5 s into the stall of %v: a voltage is shown: %v", tc.length, during)
				}
				energy = number(t, m, "kWh del/Result")
				if lag := number(t, m, "Diagnostics/Source Lag"); lag > 0.1 {
					t.Errorf("the samples are still %v s late", lag)
				}
			})
			if want := power * tc.counted / 3600; math.Abs(energy-want) > 0.5*power/3600 {
				t.Errorf("counted %v kWh, the samples hold %v", energy, want)
			}
			events := keptEvents(t, dir)
			for _, e := range events {
				if strings.Contains(e.CauseValue, "clock step") {
					t.Errorf("a clock step that was none: %+v", e)
				}
			}
			if tc.noted {
				has(t, events, "no samples from the source")
				has(t, events, "no samples for")
			}
		})
	}
}

// TestEventsAreKept: the end of a source and the gap to the next start are events in
// the store.
func TestEventsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "meter")
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			_, source := steadyAt(t, site, rateHz)
			m := openMeter(t, dir, &short{source, rateHz * 2})
			m.Audit().Record(refusedWrite(time.Now(), "192.0.2.1:1024", "register 54395"))
			runFor(t, m, 5*time.Second)
		})
	}
	events := keptEvents(t, dir)
	for text, priority := range map[string]uint8{"first start": 30, "source ended": 30, "Power Down": 30, "no-permission": 128} {
		if e := has(t, events, text); e.Priority < priority || e.Time.IsZero() {
			t.Errorf("%q: %+v", text, e)
		}
	}
}
