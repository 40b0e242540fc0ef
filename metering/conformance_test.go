package metering

import (
	"fmt"
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

func name(nominal, hz, perCycle float64) string {
	return fmt.Sprintf("%g samples per cycle of %g Hz, f1 %g Hz", perCycle, nominal, hz)
}

// state2 and state3 are the harmonic influence states of IEC 61000-4-30 in percent.
var (
	state2 = wave{{1, 100, 0}, {3, 10, 0}, {5, 5, 0}, {29, 5, 0}}
	state3 = wave{{1, 100, 0}, {7, 10, 180}, {13, 5, 0}, {25, 5, 0}}
)

// TestSoftwareBar asks of clean signals what is far below every standard: arithmetic
// errors of 1e-5 of reading for RMS, P and energy, 1 mHz, and 1e-4 of the fundamental
// for every harmonic, at every rate and frequency.
func TestSoftwareBar(t *testing.T) {
	t.Parallel()
	grid(t, func(t *testing.T, nominal, hz, rate float64) {
		u := state2.scaled(2.3).rotated(-17)
		i := wave{{1, 5, -37}, {3, 0.5, 20}, {5, 1, -100}, {7, 0.3, 66}, {29, 0.1, 5}}
		s := threePhase(u, i)
		r, e := measure(t, Config{NominalHz: nominal}, s, hz, rate, 0.7)
		if len(r.windows) < 3 {
			t.Fatalf("%d windows", len(r.windows))
		}
		var energy, duration float64
		for n, w := range r.windows {
			full := n < len(r.windows)-1
			// At 69.6 samples per cycle the product of the 29th with the 5th harmonic lies
			// at half the sampling rate and those above fold: no edge can be exact.
			reading := 1e-5
			if rate/hz < 75 {
				reading = 3e-5
			}
			if full && (w.Cycles != int(nominal/5) || w.Flags != 0) {
				t.Errorf("window %d: %d cycles, flags %v", n, w.Cycles, w.Flags.Names())
			}
			near(t, "frequency", w.FrequencyHz, hz, 0.001)
			var p float64
			for k := range 3 {
				v, c := waveform.V1+waveform.Role(k), waveform.I1+waveform.Role(k)
				relative(t, v.String()+" RMS", w.RMS[v], s[v].rms(), reading)
				relative(t, c.String()+" RMS", w.RMS[c], s[c].rms(), reading)
				relative(t, "P", w.Power.P[k], s[v].power(s[c]), reading)
				p += s[v].power(s[c])
				for _, role := range []waveform.Role{v, c} {
					want := make([]float64, Orders)
					for _, o := range s[role] {
						want[int(o.order)] = o.rms
					}
					for h := 1; h <= w.HighestOrder; h++ {
						near(t, fmt.Sprintf("%v harmonic %d", role, h), w.Subgroup[role][h], want[h], 1e-4*want[1])
					}
				}
			}
			relative(t, "total P", w.Power.P[Total], p, reading)
			relative(t, "V12 RMS", w.RMS[waveform.V12], lineToLine(s).rms(), reading)
			energy += p * w.DurationS / 3600
			duration += w.DurationS
		}
		relative(t, "energy", r.windowEnergy().Wh[0], energy, 1e-5)
		relative(t, "energy of all samples", e.Energy().Wh[0], r.energy().Wh[0], 1e-12)
		if want := 0.7 - 1/hz; duration < want {
			t.Errorf("windows cover %g s, want at least %g", duration, want)
		}
		if lowest := map[float64]int{80: 33, 256: 108, 1024: 127}[rate/nominal]; r.windows[0].HighestOrder < lowest {
			t.Errorf("highest order %d, want %d", r.windows[0].HighestOrder, lowest)
		}
	})
}

// lineToLine returns V1 - V2.
func lineToLine(s waves) wave {
	var out wave
	for k, a := range s[waveform.V1] {
		b := s[waveform.V2][k]
		re := a.rms*cosd(a.deg) - b.rms*cosd(b.deg)
		im := a.rms*sind(a.deg) - b.rms*sind(b.deg)
		out = append(out, tone{a.order, math.Hypot(re, im), math.Atan2(im, re) * 180 / math.Pi})
	}
	return out
}

func cosd(deg float64) float64 { return math.Cos(deg * math.Pi / 180) }
func sind(deg float64) float64 { return math.Sin(deg * math.Pi / 180) }

// TestClassA holds the class A uncertainty limits of IEC 61000-4-30 for the
// quantities of a basic window, under the influence states of the standard.
func TestClassA(t *testing.T) {
	t.Parallel()
	const udin = 230
	clean := wave{{1, 100, 0}}
	influences := map[string]struct {
		u       wave
		factors [3]float64
	}{
		"state 1":                {clean, [3]float64{1, 1, 1}},
		"harmonics state 2":      {state2, [3]float64{1, 1, 1}},
		"harmonics state 3":      {state3, [3]float64{1, 1, 1}},
		"interharmonics state 2": {append(clean[:1:1], tone{7.5, 1, 0}), [3]float64{1, 1, 1}},
		"interharmonics state 3": {append(clean[:1:1], tone{3.5, 1, 0}), [3]float64{1, 1, 1}},
		"unbalance state 2":      {clean, [3]float64{0.73, 0.80, 0.87}},
		"unbalance state 3":      {clean, [3]float64{1.52, 1.40, 1.28}},
	}
	for influence, c := range influences {
		signals := func(level float64) waves {
			s := waves{}
			for k := range 3 {
				s[waveform.V1+waveform.Role(k)] = c.u.rotated(120 * float64(k)).scaled(udin / 100 * level * c.factors[k])
			}
			return s
		}
		for _, level := range []float64{0.10, 0.45, 0.80, 1.15, 1.50} {
			t.Run(fmt.Sprintf("magnitude ±0.1 %% Udin at %g %%, %s", 100*level, influence), func(t *testing.T) {
				s := signals(level)
				r, _ := measure(t, Config{NominalHz: 50}, s, 50.05, 12800, 0.45)
				for _, w := range r.windows[:2] {
					for v := waveform.V1; v <= waveform.V3; v++ {
						near(t, v.String(), w.RMS[v], s[v].rms(), 0.001*udin)
					}
				}
			})
		}
		for nominal, list := range map[float64][]float64{50: {42.5, 50.05, 57.5}, 60: {51, 59.95, 69}} {
			for _, hz := range list {
				t.Run(fmt.Sprintf("frequency ±10 mHz at %g Hz, %s", hz, influence), func(t *testing.T) {
					r, _ := measure(t, Config{NominalHz: nominal}, signals(1), hz, 256*nominal, 0.45)
					for _, w := range r.windows {
						near(t, "frequency", w.FrequencyHz, hz, 0.010)
					}
				})
			}
		}
	}
	unbalance := map[string]struct {
		volts [3]float64
		u2    float64
	}{
		"0 %":     {[3]float64{100, 100, 100}, 0},
		"state 2": {[3]float64{73, 80, 87}, 5.0518},
		"state 3": {[3]float64{152, 140, 128}, 4.9487},
		"PQOpen":  {[3]float64{100, 90, 100}, 3.4482758620689},
	}
	for row, c := range unbalance {
		t.Run("unbalance ±0.15 % (software ±0.005 %), "+row, func(t *testing.T) {
			s := waves{}
			for k := range 3 {
				s[waveform.V1+waveform.Role(k)] = wave{{1, c.volts[k], -120 * float64(k)}}
			}
			r, _ := measure(t, Config{NominalHz: 50}, s, 49.9, 12800, 0.45)
			for _, w := range r.windows[:2] {
				near(t, "u2", w.U2, c.u2, 0.005)
				near(t, "u0", w.U0, c.u2, 0.005)
			}
		})
	}
}

// TestInfluenceStateValues are the derived values of the influence waveforms.
func TestInfluenceStateValues(t *testing.T) {
	t.Parallel()
	for nominal, rate := range map[float64]float64{50: 12800, 60: 15360} {
		hz := nominal + 0.2
		one := func(u wave) *Window {
			r, _ := measure(t, Config{NominalHz: nominal}, waves{waveform.V1: u}, hz, rate, 0.45)
			return &r.windows[0]
		}
		t.Run(fmt.Sprintf("THD of state 2 at %g Hz", nominal), func(t *testing.T) {
			w := one(state2)
			near(t, "THD", w.THDF[waveform.V1], 12.2474, 0.001)
			near(t, "THD R", w.THDR[waveform.V1], 12.2474/math.Sqrt(1.015), 0.001)
			near(t, "odd", w.THDOdd[waveform.V1], 12.2474, 0.001)
			near(t, "even", w.THDEven[waveform.V1], 0, 0.001)
			relative(t, "RMS", w.RMS[waveform.V1], 100*math.Sqrt(1.0150), 1e-5)
		})
		t.Run(fmt.Sprintf("interharmonic of 7.5 f at %g Hz", nominal), func(t *testing.T) {
			w := one(append(state2[:4:4], tone{7.5, 1, 30}))
			near(t, "RMS", w.RMS[waveform.V1], 100*math.Sqrt(1.0151), 0.001)
			for h := range w.HighestOrder {
				want := 0.0
				if h == 7 {
					want = 1
				}
				near(t, fmt.Sprintf("centred subgroup %d", h), w.InterSubgroup[waveform.V1][h], want, 0.001)
				near(t, fmt.Sprintf("interharmonic group %d", h), w.InterGroup[waveform.V1][h], want, 0.001)
			}
			near(t, "harmonic 7", w.Subgroup[waveform.V1][7], 0, 0.001)
			near(t, "harmonic 8", w.Subgroup[waveform.V1][8], 0, 0.001)
			// The group takes half of what lies in the middle.
			near(t, "group 7", w.Group[waveform.V1][7], math.Sqrt(0.5), 0.001)
			near(t, "group 8", w.Group[waveform.V1][8], math.Sqrt(0.5), 0.001)
		})
	}
	t.Run("60 Hz has eleven bins between harmonics", func(t *testing.T) {
		// Bins 2 to 10 make the centred subgroup; bin 11 is the harmonic's neighbour.
		u := wave{{1, 100, 0}, {7 + 2.0/12, 1, 0}, {9 + 10.0/12, 1, 0}, {11 + 11.0/12, 1, 0}}
		r, _ := measure(t, Config{NominalHz: 60}, waves{waveform.V1: u}, 60.3, 15360, 0.45)
		w := r.windows[0]
		for h, want := range map[int]float64{7: 1, 9: 1, 11: 0} {
			near(t, fmt.Sprintf("centred subgroup %d", h), w.InterSubgroup[waveform.V1][h], want, 0.001)
			near(t, fmt.Sprintf("interharmonic group %d", h), w.InterGroup[waveform.V1][h], 1, 0.001)
		}
		near(t, "harmonic 12", w.Subgroup[waveform.V1][12], 1, 0.001)
	})
	// Amplitude modulation puts side bands at multiples of 5 Hz around the fundamental.
	side := func(hz, m float64) wave {
		d := hz / 50
		return wave{{1, 100, 0}, {1 - d, 50 * m, 0}, {1 + d, 50 * m, 0}}
	}
	am := func(u wave) *Window {
		r, _ := measure(t, Config{NominalHz: 50}, waves{waveform.V1: u}, 50, 12800, 0.45)
		return &r.windows[1]
	}
	t.Run("5 Hz modulation lies inside the subgroup", func(t *testing.T) {
		w := am(side(5, 0.1))
		near(t, "subgroup 1", w.Subgroup[waveform.V1][1], 100.2497, 0.001)
		near(t, "fundamental", w.Fundamental[waveform.V1].RMS, 100, 0.001)
	})
	t.Run("10 Hz modulation lies outside", func(t *testing.T) {
		w := am(side(10, 0.1))
		near(t, "subgroup 1", w.Subgroup[waveform.V1][1], 100, 0.001)
		near(t, "interharmonic 0", w.InterSubgroup[waveform.V1][0], 5, 0.001)
		near(t, "interharmonic 1", w.InterSubgroup[waveform.V1][1], 5, 0.001)
	})
	t.Run("25 Hz modulation lies in the middle", func(t *testing.T) {
		w := am(side(25, 0.02))
		near(t, "interharmonic 0", w.InterSubgroup[waveform.V1][0], 1, 0.001)
		near(t, "interharmonic 1", w.InterSubgroup[waveform.V1][1], 1, 0.001)
	})
}

// Test61000_4_7 sweeps one harmonic over orders and levels, at the ends and the middle
// of the frequency band: class I allows 5 % of the value from 1 % of the nominal
// voltage (3 % of the nominal current) and 0.05 % of nominal below; neighbours stay
// below 0.01 %.
func Test61000_4_7(t *testing.T) {
	t.Parallel()
	const nominal = 100
	for _, hz := range []float64{42.5, 50.1, 57.5} {
		for _, level := range []float64{10, 1, 0.5} {
			t.Run(fmt.Sprintf("harmonics 2 to 50 of %g %% at %g Hz", level, hz), func(t *testing.T) {
				// Eight orders at a time, one per input.
				roles := []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.V4,
					waveform.I1, waveform.I2, waveform.I3, waveform.I4}
				for first := 2; first <= 50; first += len(roles) {
					s := waves{}
					for k, r := range roles {
						s[r] = wave{{1, nominal, 10}, {float64(first + k), level, float64(180 * (k % 2))}}
					}
					r, _ := measure(t, Config{NominalHz: 50}, s, hz, 12800, 0.26)
					w := r.windows[0]
					for k, role := range roles {
						allowed := 0.0005 * nominal
						if level >= 1 {
							allowed = 0.05 * level
						}
						order := first + k
						near(t, fmt.Sprintf("class I, order %d", order), w.Subgroup[role][order], level, allowed)
						near(t, fmt.Sprintf("software, order %d", order), w.Subgroup[role][order], level, 1e-4*nominal)
						for h := 2; h <= 60; h++ {
							if h != order {
								near(t, fmt.Sprintf("order %d beside order %d", h, order), w.Subgroup[role][h], 0, 1e-4*nominal)
							}
						}
					}
				}
			})
		}
	}
	t.Run("harmonic active power", func(t *testing.T) {
		// P_m below 150 W: ±1.5 W; the power is that of the window, so it is far better.
		s := threePhase(wave{{1, 230, 0}, {5, 20, 0}}, wave{{1, 5, -90}, {5, 2, 60}})
		r, _ := measure(t, Config{NominalHz: 50}, s, 50.1, 12800, 0.26)
		relative(t, "P", r.windows[0].Power.P[0], 20*2*cosd(60), 1e-5)
	})
}

// Test62053_22 holds the error limits of class 0.1 S by current and power factor.
func Test62053_22(t *testing.T) {
	t.Parallel()
	const un, in, imax = 230.0, 5.0, 20.0
	inductive, capacitive := 1.0, -1.0
	rows := []struct {
		from, to  float64
		pf, sense float64
		phases    int
		limit     float64 // percent
	}{
		{0.01 * in, 0.05 * in, 1, inductive, 3, 0.2},
		{0.05 * in, imax, 1, inductive, 3, 0.1},
		{0.02 * in, 0.1 * in, 0.5, inductive, 3, 0.25},
		{0.02 * in, 0.1 * in, 0.8, capacitive, 3, 0.25},
		{0.1 * in, imax, 0.5, inductive, 3, 0.15},
		{0.1 * in, imax, 0.8, capacitive, 3, 0.15},
		{0.1 * in, imax, 0.25, inductive, 3, 0.25},
		{0.1 * in, imax, 0.5, capacitive, 3, 0.25},
		{0.05 * in, imax, 1, inductive, 1, 0.15},
		{0.1 * in, imax, 0.5, inductive, 1, 0.2},
		{0.001 * in, 0.001 * in, 1, inductive, 3, 50}, // starting current: it must register
	}
	for _, row := range rows {
		for _, amps := range []float64{row.from, row.to} {
			t.Run(fmt.Sprintf("%g A, PF %g, %d phases, ±%g %%", amps, row.pf*row.sense, row.phases, row.limit), func(t *testing.T) {
				angle := -row.sense * math.Acos(row.pf) * 180 / math.Pi
				s := threePhase(wave{{1, un, 0}}, wave{{1, amps, angle}})
				want := 3 * un * amps * row.pf
				if row.phases == 1 {
					s[waveform.I2], s[waveform.I3] = wave{{1, 0, 0}}, wave{{1, 0, 0}}
					want /= 3
				}
				checkEnergy(t, s, 50.02, want, row.limit)
			})
		}
	}
	influences := []struct {
		name  string
		limit float64
		hz    float64
		u, i  wave
		watts float64
	}{
		{"frequency +2 %", 0.1, 51, wave{{1, un, 0}}, wave{{1, in, -60}}, un * in / 2},
		{"frequency -2 %", 0.1, 49, wave{{1, un, 0}}, wave{{1, in, -60}}, un * in / 2},
		{"voltage +10 %", 0.1, 50, wave{{1, 1.1 * un, 0}}, wave{{1, in, 0}}, 1.1 * un * in},
		{"voltage -10 %", 0.1, 50, wave{{1, 0.9 * un, 0}}, wave{{1, in, 0}}, 0.9 * un * in},
		{"fifth harmonic in U and I", 0.4, 50, wave{{1, un, 0}, {5, un / 10, 0}}, wave{{1, in, 0}, {5, 0.4 * in, 0}}, 1.04 * un * in},
	}
	for _, c := range influences {
		t.Run(fmt.Sprintf("%s, ±%g %%", c.name, c.limit), func(t *testing.T) {
			checkEnergy(t, threePhase(c.u, c.i), c.hz, 3*c.watts, c.limit)
		})
	}
	t.Run("voltage unbalance, two phases lost, ±0.5 %", func(t *testing.T) {
		s := threePhase(wave{{1, un, 0}}, wave{{1, in, 0}})
		s[waveform.V1], s[waveform.V2] = wave{{1, 0, 0}}, wave{{1, 0, 0}}
		checkEnergy(t, s, 50, un*in, 0.5)
	})
	t.Run("reversed phase sequence, ±0.05 %", func(t *testing.T) {
		s := threePhase(wave{{1, un, 0}}, wave{{1, in, 0}})
		s[waveform.V2], s[waveform.V3] = s[waveform.V3], s[waveform.V2]
		s[waveform.I2], s[waveform.I3] = s[waveform.I3], s[waveform.I2]
		checkEnergy(t, s, 50, 3*un*in, 0.05)
	})

	// Waveform tests with currents that are not sums of a few lines.
	shapes := []struct {
		name string
		// i is the current over the unchopped peak; x in cycles.
		i     func(x float64) float64
		limit float64
		watts float64 // of U·I
		check func(t *testing.T, w *Window)
	}{
		{"90 degree phase-fired", func(x float64) float64 {
			switch phase := math.Mod(x, 0.5); {
			case phase < 0.25-1e-9:
				return 0
			case phase < 0.25+1e-9:
				return math.Sin(2*math.Pi*x) / 2 // a sample on the step itself
			}
			return math.Sin(2 * math.Pi * x)
		}, 0.5, 0.5, func(t *testing.T, w *Window) {
			// The sampled edges of the shape limit these, not the arithmetic.
			near(t, "I1/I", w.Fundamental[waveform.I1].RMS/in, 0.5927, 1e-3)
			near(t, "Q1", w.Power.Q1[0]/(un*in), 1/math.Pi, 1e-3)
		}},
		{"half-wave rectified (DC)", func(x float64) float64 {
			return max(0, math.Sin(2*math.Pi*x))
		}, 0.5, 0.5, func(t *testing.T, w *Window) {
			relative(t, "DC", w.DC[waveform.I1], math.Sqrt2/math.Pi*in, 1e-3)
			near(t, "h2/full sine", w.Subgroup[waveform.I1][2]/in, 0.2122, 1e-3)
			near(t, "h3", w.Subgroup[waveform.I1][3]/in, 0, 1e-3)
		}},
		{"burst of 2 cycles on, 2 off", func(x float64) float64 {
			if math.Mod(x, 4) >= 2 {
				return 0
			}
			return math.Sin(2 * math.Pi * x)
		}, 0.6, 0.5, nil},
	}
	for _, c := range shapes {
		t.Run(fmt.Sprintf("%s, ±%g %%", c.name, c.limit), func(t *testing.T) {
			const rate, hz = 51200, 50
			b := &waveform.Block{RateHz: rate}
			b.Resize(2, rate*4/5)
			for k := range b.Samples[0] {
				x := hz * float64(k) / rate
				b.Samples[0][k] = un * math.Sqrt2 * math.Sin(2*math.Pi*x)
				b.Samples[1][k] = in * math.Sqrt2 * c.i(x)
			}
			r, e := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1, waveform.I1}}, b)
			relative(t, "energy", delivered(e), un*in*c.watts*0.8/3600, c.limit/100)
			if c.check != nil {
				c.check(t, &r.windows[1])
			}
		})
	}
}

// checkEnergy compares the energy of a second with the power of the signals: the limit
// of the standard in percent, and the software's own.
func checkEnergy(t *testing.T, s waves, hz, watts, limit float64) {
	t.Helper()
	r, e := measure(t, Config{NominalHz: 50}, s, hz, 12800, 1)
	relative(t, "energy (standard)", delivered(e), watts/3600, limit/100)
	// The second ends within a cycle, whose power swings: whole cycles tell more.
	windows := r.windowEnergy()
	relative(t, "energy (software)", windows.Wh[0]+windows.Wh[3], watts*duration(r)/3600, 1e-5)
}

// delivered returns the Wh of quadrants I and IV: at a power factor of 1 rounding
// decides between them.
func delivered(e *Engine) float64 {
	return e.Energy().Wh[0] + e.Energy().Wh[3]
}
