package metering

import (
	"fmt"
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// shaped samples three voltages and a current whose amplitudes follow a function of
// time.
func shaped(rate, seconds, hz float64, amplitude func(c int, t float64) float64) *waveform.Block {
	b := &waveform.Block{RateHz: rate}
	b.Resize(4, int(rate*seconds))
	for k := range b.Samples[0] {
		t := float64(k) / rate
		for c := range b.Samples {
			b.Samples[c][k] = amplitude(c, t) * math.Sqrt2 * math.Cos(2*math.Pi*(hz*t-float64(c%3)/3))
		}
	}
	return b
}

var threeVoltsOneAmp = []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.I1}

// TestReferenceFallsToTheNextInput loses one input after the other.
func TestReferenceFallsToTheNextInput(t *testing.T) {
	t.Parallel()
	const hz = 50.2
	lost := func(lost ...int) func(int, float64) float64 {
		return func(c int, t float64) float64 {
			for _, l := range lost {
				if l == c && t > 1 && t < 3 {
					return 0
				}
			}
			return [4]float64{230, 230, 230, 5}[c]
		}
	}
	for _, c := range []struct {
		name  string
		lost  []int
		want  waveform.Role
		flags Flags
	}{
		{"V1 lost", []int{0}, waveform.V2, FlagReference},
		{"V1 and V2 lost", []int{0, 1}, waveform.V3, FlagReference},
		{"all voltages lost", []int{0, 1, 2}, waveform.I1, FlagReference},
		{"everything lost", []int{0, 1, 2, 3}, waveform.NoRole, FlagUnsynchronised},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := run(t, Config{NominalHz: 50, Inputs: threeVoltsOneAmp}, shaped(12800, 4, hz, lost(c.lost...)))
			for n, w := range r.windows {
				middle := w.StartS > 1.1 && w.StartS+w.DurationS < 2.9
				clear := w.StartS+w.DurationS < 0.9 || w.StartS > 3.1
				switch {
				case middle:
					if w.Reference != c.want || w.Flags != c.flags {
						t.Errorf("window at %.2f s: reference %v, flags %v", w.StartS, w.Reference, w.Flags.Names())
					}
					near(t, "frequency without V1", w.FrequencyHz, hz, 0.005)
				case clear:
					if w.Reference != waveform.V1 || w.Flags&^FlagShort != 0 {
						t.Errorf("window at %.2f s: reference %v, flags %v", w.StartS, w.Reference, w.Flags.Names())
					}
					near(t, "frequency", w.FrequencyHz, hz, 0.001)
				}
				if n > 0 {
					near(t, "windows are contiguous", w.StartS, r.windows[n-1].StartS+r.windows[n-1].DurationS, 1e-9)
				}
			}
			for k, h := range r.halves[1:] {
				if step := h.EndS - r.halves[k].EndS; step < 0.2/hz || step > 1.6/hz {
					t.Errorf("half cycles %.4f s apart at %.3f s", step, h.EndS)
				}
			}
		})
	}
}

// TestWeakReference: a voltage of a few percent beside healthy ones is not the
// reference; all of them at 10 % of Udin are.
func TestWeakReference(t *testing.T) {
	t.Parallel()
	r, _ := run(t, Config{NominalHz: 50, Inputs: threeVoltsOneAmp},
		shaped(12800, 1, 50, func(c int, _ float64) float64 { return [4]float64{5, 230, 230, 5}[c] }))
	if w := r.windows[1]; w.Reference != waveform.V2 || w.Flags&FlagReference == 0 {
		t.Errorf("V1 at 2 %%: reference %v, flags %v", w.Reference, w.Flags.Names())
	}
	r, _ = run(t, Config{NominalHz: 50, Inputs: threeVoltsOneAmp},
		shaped(12800, 1, 50, func(int, float64) float64 { return 23 }))
	if w := r.windows[1]; w.Reference != waveform.V1 || w.Flags != 0 {
		t.Errorf("10 %% Udin: reference %v, flags %v", w.Reference, w.Flags.Names())
	}
}

// TestOffBand: machines far from the mains frequency, noise, silence and DC are
// measured at the nominal frequency and say so.
func TestOffBand(t *testing.T) {
	t.Parallel()
	seed := uint64(1)
	noise := func() float64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return float64(int64(seed)>>11) / (1 << 52)
	}
	for name, f := range map[string]func(t float64) float64{
		"77 Hz":   func(t float64) float64 { return 100 * math.Cos(2*math.Pi*77*t) },
		"85 Hz":   func(t float64) float64 { return 100 * math.Cos(2*math.Pi*85*t) },
		"silence": func(float64) float64 { return 0 },
		"DC":      func(float64) float64 { return 48 },
		"noise":   func(float64) float64 { return noise() },
	} {
		for _, seconds := range []float64{0.05, 0.3, 1} {
			t.Run(fmt.Sprintf("%s for %g s", name, seconds), func(t *testing.T) {
				const rate = 6400
				b := &waveform.Block{RateHz: rate}
				b.Resize(1, int(rate*seconds))
				for k := range b.Samples[0] {
					b.Samples[0][k] = f(float64(k) / rate)
				}
				r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1}}, b)
				if len(r.windows) == 0 {
					t.Fatal("no window")
				}
				if name == "noise" && seconds < 0.1 {
					return // two and a half cycles of noise may look like anything
				}
				for _, w := range r.windows {
					if w.Flags&FlagUnsynchronised == 0 || w.Reference != waveform.NoRole {
						t.Errorf("reference %v, flags %v", w.Reference, w.Flags.Names())
					}
					near(t, "frequency", w.FrequencyHz, 50, 1e-6)
				}
			})
		}
	}
}

// TestShortRecords: records of a few cycles give one window over their whole cycles,
// at rates down to 12 samples per cycle and any phase of the first sample.
func TestShortRecords(t *testing.T) {
	t.Parallel()
	for _, nominal := range []float64{50, 60} {
		for _, perCycle := range []float64{12, 16, 20, 80, 1024} {
			for _, cycles := range []float64{1, 2, 3, 6, 7, 9, 10, 12} {
				for _, extra := range []float64{0, 0.4} {
					for _, deg := range []float64{0, 77} {
						t.Run(fmt.Sprintf("%g+%g cycles of %g at %g per cycle, %g deg", cycles, extra, nominal, perCycle, deg), func(t *testing.T) {
							rate := nominal * perCycle
							s := threePhase(wave{{1, 100, deg}, {3, 5, 10}}, wave{{1, 5, deg - 30}})
							n := int(math.Round((cycles + extra) * perCycle))
							cfg := Config{NominalHz: nominal, Inputs: s.inputs()}
							r, _ := run(t, cfg, s.block(nominal, rate, n))
							w := r.windows[0]
							full := BasicCycles(nominal)
							want := min(int(cycles), full)
							if w.Cycles != want || (w.Flags&FlagShort != 0) != (want < full) || w.Flags&^FlagShort != 0 {
								t.Fatalf("%d cycles, flags %v", w.Cycles, w.Flags.Names())
							}
							near(t, "start", w.StartS, 0, 0)
							near(t, "frequency", w.FrequencyHz, nominal, 0.01)
							relative(t, "RMS", w.RMS[waveform.V1], s[waveform.V1].rms(), 2e-4)
							relative(t, "fundamental", w.Fundamental[waveform.V1].RMS, 100, 5e-4)
							near(t, "angle", w.Fundamental[waveform.V1].Deg, deg, 0.1)
							near(t, "third harmonic", w.Subgroup[waveform.V1][3], 5, 0.05)
							relative(t, "P", w.Power.P[Total], 3*500*cosd(30), 5e-4)
							near(t, "u2", w.U2, 0, 0.05)
						})
					}
				}
			}
		}
	}
}

// TestAlmostWholeCycle: a record short of a whole cycle by less than 0.03 % of the
// window counts it whole; by more, it does not.
func TestAlmostWholeCycle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		samples int
		cycles  int
	}{{51200, 10}, {51199, 10}, {51190, 10}, {51180, 9}} {
		s := waves{waveform.V1: {{1, 230, 50}}}
		r, _ := run(t, Config{NominalHz: 50, Inputs: s.inputs()}, s.block(50, 50*5120, c.samples))
		if w := r.windows[0]; len(r.windows) != 1 || w.Cycles != c.cycles {
			t.Errorf("%d of 51200 samples: %d windows, first of %d cycles, want %d", c.samples, len(r.windows), w.Cycles, c.cycles)
		}
		// What lacks is no faster cycle: 0.02 % would be 10 mHz.
		near(t, "frequency", r.windows[0].FrequencyHz, 50, 1e-4)
	}
}

// TestFrequencyRamp follows 1 Hz per second; a window reads the mean over its cycles.
func TestFrequencyRamp(t *testing.T) {
	t.Parallel()
	const rate = 12800
	b := &waveform.Block{RateHz: rate}
	b.Resize(1, 4*rate)
	cycles := func(t float64) float64 { return 48*t + t*t/2 }
	for k := range b.Samples[0] {
		b.Samples[0][k] = math.Cos(2 * math.Pi * cycles(float64(k)/rate))
	}
	r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1}}, b)
	for _, w := range r.windows[1 : len(r.windows)-1] {
		want := (cycles(w.StartS+w.DurationS) - cycles(w.StartS)) / w.DurationS
		near(t, fmt.Sprintf("frequency at %.1f s", w.StartS), w.FrequencyHz, want, 0.001)
		near(t, "cycles", cycles(w.StartS+w.DurationS)-cycles(w.StartS), 10, 2e-4)
	}
}
