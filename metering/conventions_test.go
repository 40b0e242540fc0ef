package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// The tests of this file hold the conventions of docs/metering.md. Each fails under
// the common other reading, which its comment names.

// Not Budeanu's or Fryze's: annex B of IEEE 1459 has 4962.9 and 6069.9 var there.
func TestReactivePowerIsFundamental(t *testing.T) {
	t.Parallel()
	u := wave{{1, 100, 0}, {3, 8, -70}, {5, 15, 140}}
	i := wave{{1, 100, -30}, {3, 20, -165}, {5, 15, 234}}
	r, _ := measure(t, Config{NominalHz: 50}, threePhase(u, i), 50, 12800, 0.5)
	p := &r.windows[0].Power
	relative(t, "Q1", p.Q1[0], 5000, 1e-6)
	relative(t, "total Q1 is the sum of phases", p.Q1[Total], 15000, 1e-6)
	if p.QFryze[0] < 5500 {
		t.Errorf("Fryze Q = %g: must contain the distortion", p.QFryze[0])
	}
}

// Not √(P²+Q1²): with distortion the vector S is built from Fryze's Q of each phase.
func TestVectorApparentPowerHoldsDistortion(t *testing.T) {
	t.Parallel()
	u, i := wave{{1, 230, 0}}, wave{{1, 5, 0}, {5, 3, 0}}
	r, _ := measure(t, Config{NominalHz: 50}, threePhase(u, i), 50, 12800, 0.5)
	p := &r.windows[0].Power
	// Q1 is rounding noise around zero here, and its sign must not matter for S.
	for k := range 3 {
		relative(t, "S = U·I", p.S[k], 230*math.Sqrt(34), 1e-6)
	}
	u, i = wave{{1, 230, 0}}, wave{{1, 5, -10}, {5, 3, 0}}
	r, _ = measure(t, Config{NominalHz: 50}, threePhase(u, i), 50, 12800, 0.5)
	relative(t, "vector S", r.windows[0].Power.SVector, 3*230*math.Sqrt(34), 1e-6)
}

// Not 0 and not 1.
func TestPowerFactorWithoutCurrentIsNotAvailable(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 0, 0}})
	r, _ := measure(t, Config{NominalHz: 50}, s, 50, 12800, 1.2)
	w, sec := r.windows[0], r.seconds[0]
	for k := range 4 {
		unavailable(t, "PF", w.Power.PF[k])
		unavailable(t, "DPF", w.Power.DPF[k])
		unavailable(t, "PF of the second", sec.Power.PF[k])
		near(t, "P", w.Power.P[k], 0, 0)
	}
	unavailable(t, "crest factor", w.Crest[waveform.I1])
	unavailable(t, "THD", w.THDF[waveform.I1])
}

// The four quadrants in both sign conventions.
func TestPowerFactorSign(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		deg       float64 // of the current
		iec, ieee float64
		quadrant  int
	}{
		{-60, 0.5, -0.5, 0},  // I: import, lagging
		{-120, -0.5, 0.5, 1}, // II: export, Q > 0
		{120, -0.5, -0.5, 2}, // III
		{60, 0.5, 0.5, 3},    // IV: import, leading
	} {
		s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, c.deg}})
		for sign, want := range map[PFSign]float64{SignIEC: c.iec, SignIEEE: c.ieee} {
			r, e := measure(t, Config{NominalHz: 50, PFSign: sign}, s, 50, 12800, 0.5)
			for k := range 4 {
				near(t, "PF", r.windows[0].Power.PF[k], want, 1e-6)
				near(t, "DPF", r.windows[0].Power.DPF[k], want, 1e-6)
			}
			near(t, "PF of the second", r.seconds[0].Power.PF[Total], want, 1e-6)
			for q := range 4 {
				wh, varh, vah := 0.0, 0.0, 0.0
				if q == c.quadrant {
					vah = 3 * 230 * 5 * 0.5 / 3600
					wh, varh = vah/2, vah*sind(60)
				}
				near(t, "Wh", e.Energy().Wh[q], wh, 1e-6)
				near(t, "varh", e.Energy().Varh[q], varh, 1e-6)
				near(t, "VAh", e.Energy().VAh[q], vah, 1e-6)
			}
		}
	}
}

// Not the sum of positive phases: +1, +1 and -1 kW are 1 kW delivered, unless the
// per-phase register is set.
func TestEnergyIsRoutedByTheNetSumOfPhases(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 100, 0}}, wave{{1, 10, 0}})
	s[waveform.I3] = s[waveform.I3].scaled(-1)
	const hours = 0.6 / 3600
	_, net := measure(t, Config{NominalHz: 50}, s, 50, 12800, 0.6)
	relative(t, "net delivered", delivered(net), 1000*hours, 1e-6)
	near(t, "net received", net.Energy().Wh[1]+net.Energy().Wh[2], 0, 0)
	_, gross := measure(t, Config{NominalHz: 50, PerPhaseEnergy: true}, s, 50, 12800, 0.6)
	relative(t, "per phase delivered", delivered(gross), 2000*hours, 1e-6)
	relative(t, "per phase received", gross.Energy().Wh[1]+gross.Energy().Wh[2], 1000*hours, 1e-6)
}

// Not the arithmetic mean of RMS values, and not the mean of power factors.
func TestSecondAveragesSquaresAndPowers(t *testing.T) {
	t.Parallel()
	const rate = 12800
	b := &waveform.Block{RateHz: rate}
	b.Resize(2, rate*12/10)
	for k := range b.Samples[0] {
		x := 50 * float64(k) / rate
		u, i, phi := 230.0, 1.0, 0.0
		if x >= 30 { // three windows of five
			u, i, phi = 115, 10, math.Pi/3
		}
		b.Samples[0][k] = u * math.Sqrt2 * math.Cos(2*math.Pi*x)
		b.Samples[1][k] = i * math.Sqrt2 * math.Cos(2*math.Pi*x-phi)
	}
	r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1, waveform.I1}}, b)
	s := r.seconds[0]
	if s.Windows != 5 {
		t.Fatalf("%d windows in the first second", s.Windows)
	}
	relative(t, "RMS", s.RMS[waveform.V1], math.Sqrt((3*230*230+2*115*115)/5.0), 1e-4)
	p, q := (3*230*1+2*115*10*0.5)/5.0, (3*230*1+2*115*10)/5.0
	relative(t, "P", s.Power.P[0], p, 1e-3)
	relative(t, "PF from averaged P and S", s.Power.PF[0], p/q, 1e-3)
	var wh float64
	for _, w := range r.windows[:5] {
		wh += w.Energy.Wh[0] + w.Energy.Wh[3]
	}
	relative(t, "energy of the second", s.Energy.Wh[0]+s.Energy.Wh[3], wh, 1e-15)
	if s.Last == nil || s.EndS != 1 || s.Index != 0 || r.seconds[1].Index != 1 {
		t.Errorf("second: last %v, end %g, index %d then %d", s.Last, s.EndS, s.Index, r.seconds[1].Index)
	}
}

// Not every window alike: a second that a gap cut counts its windows by duration.
func TestSecondWeighsWindowsByDuration(t *testing.T) {
	t.Parallel()
	const rate = 12800
	first := waves{waveform.V1: {{1, 230, 0}}, waveform.I1: {{1, 5, 0}}}.block(50, rate, rate/10)
	second := waves{waveform.V1: {{1, 115, 0}}, waveform.I1: {{1, 5, 0}}}.block(50, rate, rate/5)
	second.Start, second.Gap = 0.5, true
	r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1, waveform.I1}}, first, second)
	if len(r.seconds) != 1 || r.seconds[0].Windows != 2 {
		t.Fatalf("%d seconds, the first of %d windows", len(r.seconds), r.seconds[0].Windows)
	}
	relative(t, "RMS", r.seconds[0].RMS[waveform.V1], math.Sqrt((230*230+2*115*115)/3.0), 1e-6)
	relative(t, "P", r.seconds[0].Power.P[0], 5*(230+2*115)/3.0, 1e-6)
	near(t, "duration", r.seconds[0].DurationS, 0.3, 1e-9)
}

// A window that ends with a second, but for less than half a sample, is one of it; what energy
// is counted ends with the windows.
func TestSecondHasTheWindowThatEndsWithIt(t *testing.T) {
	t.Parallel()
	const rate = 12800
	for _, row := range []struct {
		lateSamples float64
		windows     int // of the first second
	}{{0, 5}, {0.4, 5}, {0.6, 4}} {
		b := waves{waveform.V1: {{1, 230, 0}}, waveform.I1: {{1, 5, 0}}}.block(50, rate, 2.5*rate)
		b.Start = row.lateSamples / rate
		r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1, waveform.I1}}, b)
		if got := r.seconds[0].Windows; got != row.windows {
			t.Errorf("%v samples late: %d windows in the first second, want %d", row.lateSamples, got, row.windows)
		}
		near(t, "counted until", r.seconds[0].EnergyEndS, b.Start+0.2*float64(row.windows), 1e-6)
		near(t, "counted at last until", r.seconds[len(r.seconds)-1].EnergyEndS, b.Start+2.5, 1e-6)
	}
}

// Not to order 40 and not to the highest: THD, TDD and K-factor end at order 50, or
// where the rate does.
func TestDistortionEndsAtOrder50(t *testing.T) {
	t.Parallel()
	u := wave{{1, 100, 0}, {35, 3, 0}, {45, 4, 0}, {55, 12, 0}}
	s := waves{waveform.V1: u, waveform.I1: u}
	r, _ := measure(t, Config{NominalHz: 50, DemandCurrentA: 200}, s, 50, 12800, 0.25)
	w := r.windows[0]
	near(t, "THD", w.THDF[waveform.V1], 5, 0.001)
	near(t, "TDD", w.TDD[waveform.I1], 2.5, 0.001)
	near(t, "K-factor", w.KFactor[waveform.I1], (1e4+9*35*35+16*45*45)/(1e4+25), 1e-3)
	near(t, "order 55 itself", w.Subgroup[waveform.V1][55], 12, 0.001)
	// 80 samples per cycle end below order 45.
	r, _ = measure(t, Config{NominalHz: 50}, waves{waveform.V1: u[:2]}, 50, 4000, 0.25)
	near(t, "THD where the rate ends at order 36", r.windows[0].THDF[waveform.V1], 3, 0.001)
}

// Not a sine's angle, and not re-referenced to V1 or to a zero crossing.
func TestFundamentalAngleIsThatOfACosineAtTheFirstSample(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 25}}, wave{{1, 5, -40}})
	r, _ := measure(t, Config{NominalHz: 50}, s, 50, 12800, 0.5)
	for _, w := range r.windows[:2] {
		near(t, "V1", w.Fundamental[waveform.V1].Deg, 25, 1e-5)
		near(t, "V2", w.Fundamental[waveform.V2].Deg, -95, 1e-5)
		near(t, "I1", w.Fundamental[waveform.I1].Deg, -40, 1e-5)
		near(t, "V12", w.Fundamental[waveform.V12].Deg, 55, 1e-5)
	}
	near(t, "start", r.windows[0].StartS, 0, 0)
}

// Not √2 too high: bin 0 has no partner at the negative frequency. The DC belongs to
// the RMS value and not to the THD.
func TestDirectComponent(t *testing.T) {
	t.Parallel()
	s := waves{waveform.V1: {{0, -12, 0}, {1, 100, 0}, {5, 10, 0}}}
	r, _ := measure(t, Config{NominalHz: 50}, s, 50.1, 51200, 0.5)
	for _, w := range r.windows {
		near(t, "DC", w.DC[waveform.V1], -12, 1e-5)
		near(t, "order 0", w.Subgroup[waveform.V1][0], 12, 1e-3)
		near(t, "group 0", w.Group[waveform.V1][0], 12, 1e-3)
		relative(t, "RMS", w.RMS[waveform.V1], math.Sqrt(144+1e4+100), 1e-6)
		near(t, "THD", w.THDF[waveform.V1], 10, 1e-3)
		peak := 0.0
		for x := 0.0; x < 1; x += 1e-4 {
			peak = max(peak, math.Abs(s[waveform.V1].at(x)))
		}
		relative(t, "peak", w.Peak[waveform.V1], peak, 1e-4)
		relative(t, "crest factor", w.Crest[waveform.V1], peak/w.RMS[waveform.V1], 1e-4)
	}
}

// Not the raw bin angle, which turns with the start of the window when f1 is off
// nominal.
func TestHarmonicAnglesAreReferredToV1(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 33}, {5, 10, 70}}, wave{{1, 5, -10}, {7, 1, 100}})
	r, _ := measure(t, Config{NominalHz: 50}, s, 50.17, 12800, 1)
	for _, w := range r.windows[:4] {
		near(t, "V1 h1", w.Angle[waveform.V1][1], 0, 1e-6)
		near(t, "V1 h5", w.Angle[waveform.V1][5], degree(70-5*33), 0.01)
		near(t, "I1 h1", w.Angle[waveform.I1][1], -43, 0.01)
		near(t, "I1 h7", w.Angle[waveform.I1][7], degree(100-7*33), 0.01)
	}
}

// Not 20,000 % unbalance: a set rotating the other way gives an alarm.
func TestPhaseOrderAgainstTheSetup(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, 0}})
	s[waveform.V2], s[waveform.V3] = s[waveform.V3], s[waveform.V2]
	r, _ := measure(t, Config{NominalHz: 50}, s, 50, 12800, 1.1)
	w := r.windows[0]
	if w.Flags&FlagPhaseOrder == 0 || r.seconds[0].Flags&FlagPhaseOrder == 0 {
		t.Errorf("flags %v, second %v: want phase-order", w.Flags.Names(), r.seconds[0].Flags.Names())
	}
	unavailable(t, "u2", w.U2)
	unavailable(t, "u0", w.U0)
	unavailable(t, "u2 of the second", r.seconds[0].U2)
	near(t, "positive sequence", w.Voltage.Pos.RMS, 0, 1e-6)
	near(t, "negative sequence", w.Voltage.Neg.RMS, 230, 1e-6)

	r, _ = measure(t, Config{NominalHz: 50, PhaseOrder: ACB}, s, 50, 12800, 0.5)
	w = r.windows[0]
	if w.Flags != 0 {
		t.Errorf("configured ACB: flags %v", w.Flags.Names())
	}
	near(t, "u2 with ACB configured", w.U2, 0, 1e-6)
	near(t, "positive sequence with ACB configured", w.Voltage.Pos.RMS, 230, 1e-6)
}

// Not an alarm either: the noise of a dead bus has no rotation, and no unbalance of
// thousands of percent.
func TestDeadBusHasNoPhaseOrder(t *testing.T) {
	t.Parallel()
	const rate = 12800
	b := &waveform.Block{RateHz: rate}
	b.Resize(3, 4*rate)
	seed := uint64(7)
	for k := range b.Samples[0] {
		for c := range 3 {
			seed = seed*6364136223846793005 + 1442695040888963407
			b.Samples[c][k] = float64(int64(seed)) / (1 << 63)
		}
	}
	r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1, waveform.V2, waveform.V3}}, b)
	for _, w := range r.windows {
		if w.Flags&FlagPhaseOrder != 0 {
			t.Errorf("window at %.1f s: flags %v", w.StartS, w.Flags.Names())
		}
		if w.U2 > 100 {
			t.Errorf("u2 = %g %%", w.U2)
		}
	}
}

// Registers 3018 and 3052: not the ratio of sequences.
func TestWorstDeviationIsNotU2(t *testing.T) {
	t.Parallel()
	s := waves{
		waveform.V1: {{1, 100, 0}}, waveform.V2: {{1, 90, -120}}, waveform.V3: {{1, 100, 120}},
		waveform.I1: {{1, 6, 0}}, waveform.I2: {{1, 5, -120}}, waveform.I3: {{1, 4, 120}},
	}
	r, _ := measure(t, Config{NominalHz: 50}, s, 50, 12800, 0.5)
	w := r.windows[0]
	mean := 290.0 / 3
	near(t, "V L-N", w.VWorstLN, 100*(mean-90)/mean, 1e-5)
	near(t, "I", w.IWorst, 20, 1e-5)
	near(t, "u2", w.U2, 3.4482758620689, 1e-5)
}

// In DELTA the phases are fiction; two wattmeters measure the whole.
func TestDelta(t *testing.T) {
	t.Parallel()
	// A star with a displaced neutral, seen from outside; no neutral conductor.
	u := [3]wave{{{1, 200, 5}, {5, 9, 0}}, {{1, 230, -118}, {5, 8, 40}}, {{1, 240, 125}, {5, 7, 90}}}
	i1, i3 := wave{{1, 7, -20}, {5, 1, 10}}, wave{{1, 5, 100}, {5, 0.5, 200}}
	difference := func(a, b wave) wave { return append(append(wave(nil), a...), b.scaled(-1)...) }
	v12, v23, v31 := difference(u[0], u[1]), difference(u[1], u[2]), difference(u[2], u[0])
	p := v12.power(i1) + v23.scaled(-1).power(i3)
	q := 0.0
	for _, pair := range [][2]wave{{v12, i1}, {v23.scaled(-1), i3}} {
		for _, a := range pair[0] {
			if b := pair[1][0]; a.order == 1 {
				q += a.rms * b.rms * sind(a.deg-b.deg)
			}
		}
	}
	i2 := append(i1.scaled(-1), i3.scaled(-1)...)
	for name, s := range map[string]waves{
		"two line-to-line voltages": {waveform.V12: v12, waveform.V23: v23, waveform.I1: i1, waveform.I3: i3},
		"three, and three currents": {waveform.V12: v12, waveform.V23: v23, waveform.V31: v31, waveform.I1: i1, waveform.I2: i2, waveform.I3: i3},
		"phase voltages connected":  {waveform.V1: u[0], waveform.V2: u[1], waveform.V3: u[2], waveform.I1: i1, waveform.I3: i3},
	} {
		t.Run(name, func(t *testing.T) {
			r, e := measure(t, Config{NominalHz: 50, VoltsMode: Delta}, s, 50.3, 12800, 0.65)
			w := r.windows[1]
			relative(t, "P", w.Power.P[Total], p, 1e-5)
			relative(t, "Q", w.Power.Q1[Total], q, 1e-5)
			// Three-wire effective apparent power: from what flows between lines.
			lines := v12.power(v12) + v23.power(v23) + v31.power(v31)
			amps := i1.power(i1) + i2.power(i2) + i3.power(i3)
			relative(t, "effective S", w.Power.SEffective, math.Sqrt(lines*amps/3), 1e-5)
			near(t, "V31", w.RMS[waveform.V31], math.Sqrt(v31.power(v31)), 1e-3)
			near(t, "I2", w.RMS[waveform.I2], math.Sqrt(i2.power(i2)), 1e-4)
			if w.Flags != 0 {
				t.Errorf("flags %v", w.Flags.Names())
			}
			for k := range 3 {
				unavailable(t, "phase P", w.Power.P[k])
				unavailable(t, "phase Q", w.Power.Q1[k])
				unavailable(t, "phase S", w.Power.S[k])
				unavailable(t, "phase PF", w.Power.PF[k])
				unavailable(t, "phase voltage", w.RMS[int(waveform.V1)+k])
			}
			unavailable(t, "u0", w.U0)
			unavailable(t, "zero sequence", w.Voltage.Zero.RMS)
			unavailable(t, "deviation of phase voltages", w.VWorstLN)
			if !(w.U2 > 1) {
				t.Errorf("u2 = %g", w.U2)
			}
			if w.Power.S[Total] < math.Hypot(w.Power.P[Total], w.Power.Q1[Total])*(1-1e-9) {
				t.Errorf("S %g is below P and Q1", w.Power.S[Total])
			}
			windows := r.windowEnergy()
			near(t, "energy", (windows.Wh[0]+windows.Wh[3])*3600, p*duration(r), 0.01)
			near(t, "energy of all samples", delivered(e), r.energy().Wh[0]+r.energy().Wh[3], 1e-12)
			half := r.halves[len(r.halves)-1]
			relative(t, "half-cycle P", half.P[Total], p, 1e-4)
			unavailable(t, "half-cycle phase P", half.P[0])
		})
	}
}

func duration(r *recorder) float64 {
	d := 0.0
	for _, w := range r.windows {
		d += w.DurationS
	}
	return d
}

// Line-to-line inputs without phase voltages behave like DELTA in any mode.
func TestLineToLineInputsHaveNoPhases(t *testing.T) {
	t.Parallel()
	s := waves{waveform.V12: {{1, 400, 30}}, waveform.V23: {{1, 400, -90}},
		waveform.I1: {{1, 5, 0}}, waveform.I2: {{1, 5, -120}}, waveform.I3: {{1, 5, 120}}}
	r, _ := measure(t, Config{NominalHz: 50}, s, 50, 12800, 0.5)
	w := r.windows[0]
	relative(t, "P", w.Power.P[Total], 400*5*math.Sqrt(3), 1e-6)
	unavailable(t, "P of phase 1", w.Power.P[0])
	unavailable(t, "V1", w.RMS[waveform.V1])
	unavailable(t, "u0", w.U0)
	near(t, "u2", w.U2, 0, 1e-6)
}

// V2 is not connected in 3W-WYE; it is -(V1+V3), whatever the input says.
func TestThreeWireWyeDerivesV2(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, -30}})
	delete(s, waveform.I2)
	for _, connected := range []bool{true, false} {
		s[waveform.V2] = wave{{1, 17, 0}}
		if !connected {
			delete(s, waveform.V2)
		}
		r, _ := measure(t, Config{NominalHz: 50, VoltsMode: ThreeWireWye}, s, 50, 12800, 0.5)
		w := r.windows[0]
		relative(t, "V2", w.RMS[waveform.V2], 230, 1e-6)
		relative(t, "I2", w.RMS[waveform.I2], 5, 1e-6)
		relative(t, "V12", w.RMS[waveform.V12], 230*math.Sqrt(3), 1e-6)
		relative(t, "P", w.Power.P[Total], 3*230*5*cosd(30), 1e-6)
		near(t, "u2", w.U2, 0, 1e-6)
	}
}

// SINGLE is a split phase: two voltages of opposite phase, no unbalance.
func TestSingleIsSplitPhase(t *testing.T) {
	t.Parallel()
	s := waves{waveform.V1: {{1, 120, 0}}, waveform.V2: {{1, 120, 180}},
		waveform.I1: {{1, 10, 0}}, waveform.I2: {{1, 5, 180}}}
	r, _ := measure(t, Config{NominalHz: 60, VoltsMode: Single}, s, 60, 15360, 0.5)
	w := r.windows[0]
	relative(t, "V12", w.RMS[waveform.V12], 240, 1e-6)
	relative(t, "P", w.Power.P[Total], 1800, 1e-6)
	unavailable(t, "P of phase 3", w.Power.P[2])
	unavailable(t, "u2", w.U2)
	if w.Cycles != 12 {
		t.Errorf("%d cycles at 60 Hz", w.Cycles)
	}
}

// A total of some of the phases is no total.
func TestTotalNeedsEveryPhase(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, 0}})
	delete(s, waveform.I2)
	r, e := measure(t, Config{NominalHz: 50}, s, 50, 12800, 0.5)
	w := r.windows[0]
	relative(t, "P of phase 1", w.Power.P[0], 1150, 1e-6)
	unavailable(t, "P of phase 2", w.Power.P[1])
	unavailable(t, "total P", w.Power.P[Total])
	unavailable(t, "total S", w.Power.S[Total])
	near(t, "energy", delivered(e), 0, 0)
}

// Ratios scale readings once and never what is accumulated; polarity is per input.
func TestRatiosAndPolarity(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 100, 0}}, wave{{1, 1, 0}})
	s[waveform.I2] = s[waveform.I2].scaled(-1) // wired the wrong way round
	s[waveform.I4] = wave{{1, 0.5, 0}}
	s[waveform.V4] = wave{{1, 2, 0}}
	cfg := Config{NominalHz: 50, RateHz: 12800, Inputs: s.inputs(),
		PT: Ratio{11000, 110}, CT: Ratio{500, 5}, V4PT: Ratio{10, 1}, I4CT: Ratio{50, 5},
		Inverted: []waveform.Role{waveform.I2}, DemandCurrentA: 100}
	r, e := run(t, cfg, s.block(50, 12800, 12800/2))
	w := r.windows[0]
	relative(t, "V1", w.RMS[waveform.V1], 1e4, 1e-6)
	relative(t, "V12", w.RMS[waveform.V12], 1e4*math.Sqrt(3), 1e-6)
	relative(t, "V4", w.RMS[waveform.V4], 20, 1e-6)
	relative(t, "I1", w.RMS[waveform.I1], 100, 1e-6)
	relative(t, "I4", w.RMS[waveform.I4], 5, 1e-6)
	relative(t, "I1 subgroup", w.Subgroup[waveform.I1][1], 100, 1e-6)
	relative(t, "fundamental", w.Fundamental[waveform.V1].RMS, 1e4, 1e-6)
	relative(t, "peak", w.Peak[waveform.V1], 1e4*math.Sqrt2, 1e-3)
	// 11 kV and 500 A: the three currents cancel, the neutral's 5 A remain.
	relative(t, "residual", w.IResidual, 5, 1e-6)
	relative(t, "P", w.Power.P[Total], 3e6, 1e-6)
	relative(t, "positive sequence", w.Voltage.Pos.RMS, 1e4, 1e-6)
	relative(t, "U(1/2)", r.halves[0].URms[waveform.V1], 1e4, 1e-6)
	relative(t, "I over a cycle", r.halves[0].URms[waveform.I1], 100, 1e-6)
	relative(t, "half-cycle P", r.halves[0].P[Total], 3e6, 1e-6)

	before := e.Energy()
	cfg.PT, cfg.CT = Ratio{}, Ratio{}
	next, err := NewFrom(cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	if next.Energy() != before {
		t.Errorf("a change of ratios changed the energy: %v, was %v", next.Energy(), before)
	}
	if err := next.Process(s.block(50, 12800, 12800/2), r); err != nil {
		t.Fatal(err)
	}
	next.Flush(r)
	relative(t, "energy goes on at the new ratio", delivered(next)-(before.Wh[0]+before.Wh[3]), 300*0.5/3600, 1e-5)
}
