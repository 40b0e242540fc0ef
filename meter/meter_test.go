package meter

import (
	"context"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/synth"
)

// site is a steady load on an unbalanced supply, whose truth is known in closed form.
const site = `
name: steady site
frequency: {hz: 50.02}
voltage: {rms: 230, negativePercent: 1, harmonics: [{order: 5, percent: 3}, {order: 7, percent: 2, degrees: 40}]}
loads:
  - {name: plant, kW: 60, kvar: 20}
  - {name: feeder 1, phases: [1], kW: 3}
`

func steady(t *testing.T, text string) (*synth.Scenario, waveform.Source) {
	t.Helper()
	return steadyAt(t, text, 12800)
}

func steadyAt(t *testing.T, text string, rateHz float64) (*synth.Scenario, waveform.Source) {
	t.Helper()
	s, err := synth.Parse([]byte(text), "site")
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.Source(rateHz, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s, source
}

func openMeter(t *testing.T, dir string, source waveform.Source) *Meter {
	t.Helper()
	m, err := Open(Options{Dir: dir, Model: "PM8000", Serial: "T-1", Firmware: "3.0.0", Source: source, Speed: 1,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// runFor runs m for d and closes it.
func runFor(t *testing.T, m *Meter, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// Registers is what tests look at without asking the gate, Audit what they record past it.
func (m *Meter) Registers() access.Registers { return &m.registers }
func (m *Meter) Audit() access.Audit         { return &m.audit }

func value(t testing.TB, m *Meter, label string) access.Value {
	t.Helper()
	p := m.Registers().Find(label)
	if p == access.NoPoint {
		t.Fatalf("there is no register %q", label)
	}
	return m.Registers().Snapshot().Value(p)
}

func number(t testing.TB, m *Meter, label string) float64 {
	t.Helper()
	v := value(t, m, label)
	if !v.Available {
		t.Errorf("%s is not available", label)
	}
	return v.Number
}

// TestReadingsAreTheTruth: what a reader of the running meter sees is what the
// scenario's formulas say, and the energy is power times time, through a restart.
func TestReadingsAreTheTruth(t *testing.T) {
	dir := t.TempDir()
	const seconds = 20
	var counted float64
	for start := range 2 {
		synctest.Test(t, func(t *testing.T) {
			scenario, source := steady(t, site)
			truth, err := scenario.Expect(12800, 1)
			if err != nil {
				t.Fatal(err)
			}
			m := openMeter(t, dir, source)
			if start > 0 && number(t, m, "kWh del/Result") != counted {
				t.Errorf("after the restart the meter begins at %v kWh, it had counted %v", number(t, m, "kWh del/Result"), counted)
			}
			runFor(t, m, seconds*time.Second+time.Millisecond)
			for label, want := range map[string]float64{
				"Power Meter/Vln a":       truth.Channels[waveform.V1].RMS,
				"Power Meter/Vln b":       truth.Channels[waveform.V2].RMS,
				"Power Meter/Vln c":       truth.Channels[waveform.V3].RMS,
				"Power Meter/Ia":          truth.Channels[waveform.I1].RMS,
				"Power Meter/kW a":        truth.Phase[0].P / 1000,
				"Power Meter/kW tot":      truth.Total.P / 1000,
				"Power Meter/kVAR tot":    truth.Total.Q1 / 1000,
				"Power Meter/kVA tot":     truth.Total.SVector / 1000,
				"Power Meter/PF sign tot": truth.Total.P / truth.Total.SVector,
				"Power Meter/Freq":        50.02,
				"V Symm Comp/u2":          truth.Voltage.NegativePercent(),
				"V1 Harmonics/Total HD":   truth.Channels[waveform.V1].THDPercent(50),
			} {
				if got := number(t, m, label); math.Abs(got-want) > 1e-5*math.Abs(want) {
					t.Errorf("%s = %.8g, the scenario says %.8g", label, got, want)
				}
			}
			// The run ends within a cycle, whose power swings around the mean.
			got := number(t, m, "kWh del/Result") - counted
			want := truth.Total.P / 1000 * seconds / 3600
			if got > want*(1+1e-5) || got < want*(1-0.25/seconds) {
				t.Errorf("start %d: counted %v kWh in %d s, the scenario says %v", start, got, seconds, want)
			}
			counted += got
			if v := value(t, m, "kWh rec/Result"); !v.Available || v.Number != 0 {
				t.Errorf("received energy is %+v", v)
			}
		})
	}
}

// short is a source that ends after n samples.
type short struct {
	waveform.Source
	left int
}

func (s *short) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.Source.Next(ctx, b, min(most, s.left))
	s.left -= n
	return n, err
}

// TestEndOfRecording: the energy of every sample counts, the open window's too;
// readings become NOT AVAILABLE and energies stay.
func TestEndOfRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario, source := steady(t, site)
		truth, err := scenario.Expect(12800, 1)
		if err != nil {
			t.Fatal(err)
		}
		m := openMeter(t, t.TempDir(), &short{source, 12800 * 35 / 10})
		runFor(t, m, 8*time.Second)
		if v := value(t, m, "Power Meter/Vln a"); v.Available {
			t.Errorf("a voltage of %v V is read after the end", v.Number)
		}
		// 3.5 s hold 175 whole cycles of 50.02 Hz and a bit, whose power swings around the
		// mean; without the bit, 4e-4 would be missing.
		got, want := number(t, m, "kWh del/Result"), truth.Total.P/1000*3.5/3600
		if math.Abs(got-want) > 1e-4*want {
			t.Errorf("counted %v kWh, the recording holds %v", got, want)
		}
	})
}

// TestCommission: a fresh meter takes wiring, nominal frequency and ratios from its
// source, and a second start leaves them alone.
func TestCommission(t *testing.T) {
	dir := t.TempDir()
	for start, text := range []string{
		"frequency: {hz: 60}\nconnection: delta\nvoltage: {rms: 230}\ncurrent: {rms: 5}\n",
		"voltage: {rms: 230}\ncurrent: {rms: 5}\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			_, source := steady(t, text)
			m := openMeter(t, dir, source)
			defer m.Close()
			if got := value(t, m, "Power Meter/Volts Mode").Text; got != "DELTA" {
				t.Errorf("start %d: volts mode %s", start, got)
			}
			if got := value(t, m, "Factory/Nominal Frequency").Text; got != "60 Hz" {
				t.Errorf("start %d: nominal frequency %s", start, got)
			}
			// The second source fits neither, which is said and left to the owner.
			notes := strings.Join(m.Notes(), "\n")
			for _, register := range []string{"Volts Mode is DELTA", "Nominal Frequency is 60 Hz"} {
				if strings.Contains(notes, register) != (start == 1) {
					t.Errorf("start %d: notes %q", start, notes)
				}
			}
		})
	}
}

// TestRatiosAreAppliedOnce: samples stated as primary values behind 110:1 and 40:1
// come out as they went in.
func TestRatiosAreAppliedOnce(t *testing.T) {
	for _, side := range []waveform.Side{waveform.Primary, waveform.Secondary} {
		synctest.Test(t, func(t *testing.T) {
			_, source := steady(t, "voltage: {rms: 100}\ncurrent: {rms: 4}\n")
			m := openMeter(t, t.TempDir(), &stated{source, side})
			runFor(t, m, 3*time.Second)
			volts, amps := 100.0, 4.0
			if side == waveform.Secondary {
				volts, amps = 100*110, 4*40
			}
			if got := number(t, m, "Power Meter/Vln a"); math.Abs(got-volts) > 1e-5*volts {
				t.Errorf("%v samples of 100 V read %v V, want %v", side, got, volts)
			}
			if got := number(t, m, "Power Meter/Ia"); math.Abs(got-amps) > 1e-5*amps {
				t.Errorf("%v samples of 4 A read %v A, want %v", side, got, amps)
			}
		})
	}
}

// stated is a source that states a transformer ratio and a side.
type stated struct {
	waveform.Source
	side waveform.Side
}

func (s *stated) Info() waveform.Info {
	info := s.Source.Info()
	channels := make([]waveform.Channel, len(info.Channels))
	for i, c := range info.Channels {
		c.Values, c.Primary, c.Secondary = s.side, 11000, 100
		if c.Unit == "A" {
			c.Primary, c.Secondary = 200, 5
		}
		channels[i] = c
	}
	info.Channels = channels
	return info
}

// A recording that is played over and over has its troubles in every round; the log must
// not fill with them.
func TestTheSameTroubleIsToldOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steady(t, site)
		m := openMeter(t, t.TempDir(), source)
		var told []string
		m.keeper = newKeeper(nil, nil, m.options.Log)
		note := func(cause string) {
			m.note(ion.PriorityWarning, cause, "time not measured")
			for _, e := range m.keeper.pending.Events {
				told = append(told, e.CauseValue)
			}
			m.keeper.pending.Events = nil
		}
		for range 3 {
			note("no samples for 1.0 s")
			note("not metered")
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Hour)
		note("no samples for 1.0 s")
		if want := []string{"no samples for 1.0 s", "not metered", "no samples for 1.0 s"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
