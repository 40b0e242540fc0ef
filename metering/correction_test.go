package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

func TestInterpolate(t *testing.T) {
	points := []TestPoint{{10, 1.002}, {50, 1.001}, {100, 0.999}}
	for _, row := range []struct {
		name          string
		points        []TestPoint
		percent, want float64
	}{
		{"below the first point its value holds", points, 1, 1.002},
		{"at a point", points, 50, 1.001},
		{"between points", points, 75, 1.000},
		{"above the last point its value holds", points, 200, 0.999},
		{"one point", points[:1], 70, 1.002},
		{"no point", nil, 70, 1},
		{"not available", points, math.NaN(), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			near(t, "value", interpolate(row.points, row.percent, 1), row.want, 1e-12)
		})
	}
}

// sheets are transformers whose current reads 1 % low and leads by 60 minutes, and whose
// voltage reads 0.5 % high and lags by 30 minutes.
func sheets(volts ...waveform.Role) []Correction {
	var list []Correction
	for _, r := range volts {
		list = append(list, Correction{Role: r, RatedSecondary: 230, Ratio: []TestPoint{{100, 0.995}}, Phase: []TestPoint{{100, -30}}})
	}
	for _, r := range []waveform.Role{waveform.I1, waveform.I2, waveform.I3} {
		list = append(list, Correction{Role: r, RatedSecondary: 5, Ratio: []TestPoint{{5, 1.02}, {195, 1.00}}, Phase: []TestPoint{{10, 60}}})
	}
	return list
}

// What secondaries with known errors show becomes what the primaries carry, in seconds
// and in energy, and in nothing else.
func TestCorrectionsGiveThePrimary(t *testing.T) {
	t.Parallel()
	u := wave{{1, 230, 0}, {3, 23, 40}}
	i := wave{{1, 5, -60}, {3, 0.5, -10}}
	// As the transformers pass them: with their harmonics scaled and not turned.
	badU := wave{{1, 230 / 0.995, -0.5}, {3, 23 / 0.995, 40}}
	badI := func(w wave) wave {
		bad := w.scaled(1 / 1.01) // 100 % of 5 A is the middle of the test points, nearly
		bad[0].deg++
		return bad
	}(i)
	s := threePhase(badU, badI)
	cfg := Config{NominalHz: 50, Corrections: sheets(waveform.V1, waveform.V2, waveform.V3), PT: Ratio{2300, 230}, CT: Ratio{50, 5}}
	r, e := measure(t, cfg, s, 50, 12800, 3.01)
	plain, _ := measure(t, Config{NominalHz: 50, PT: cfg.PT, CT: cfg.CT}, s, 50, 12800, 3.01)

	second := r.seconds[1]
	// The ratio is taken at the current that is measured, which is a little lower.
	measured := 100 * badI.rms() / 5
	ratio := (1.02 - 0.02*(measured-5)/190) / 1.01
	want := func(x float64) float64 { return 100 * ratio * x }
	p := u.power(i)
	q := 230 * 5 * math.Sin(60*math.Pi/180)
	relative(t, "V1", second.RMS[waveform.V1], 10*u.rms(), 1e-6)
	relative(t, "V12", second.RMS[waveform.V12], 10*230*math.Sqrt(3), 1e-4)
	relative(t, "I1", second.RMS[waveform.I1], 10*ratio*i.rms(), 1e-6)
	relative(t, "P1", second.Power.P[0], want(p), 1e-5)
	relative(t, "P", second.Power.P[Total], 3*want(p), 1e-5)
	relative(t, "Q1", second.Power.Q1[Total], 3*want(q), 1e-5)
	relative(t, "S1", second.Power.S[0], want(u.rms()*i.rms()), 1e-5)
	relative(t, "PF1", second.Power.PF[0], p/(u.rms()*i.rms()), 1e-5)
	relative(t, "DPF1", second.Power.DPF[0], 0.5, 1e-5)
	relative(t, "energy", e.Energy().Wh[0], 3*want(p)*3.01/3600, 1e-4)
	sum := 0.0
	for _, s := range r.seconds {
		sum += s.Energy.Wh[0]
	}
	relative(t, "energy of the seconds", sum, e.Energy().Wh[0], 1e-12)

	for n := range r.windows {
		if a, b := &r.windows[n], &plain.windows[n]; a.RMS[waveform.I1] != b.RMS[waveform.I1] || a.Power.P != b.Power.P || a.Power.S != b.Power.S || a.Energy != b.Energy {
			t.Fatalf("window %d is not as measured", n)
		}
	}
	for n := range r.halves {
		if a, b := r.halves[n], plain.halves[n]; a.URms[waveform.V1] != b.URms[waveform.V1] || a.P[0] != b.P[0] {
			t.Fatalf("half cycle %d is not as measured", n)
		}
	}
	if got, bare := second.THDF[waveform.V1], plain.seconds[1].THDF[waveform.V1]; got != bare {
		t.Errorf("THD %v, as measured %v", got, bare)
	}
}

// In DELTA the transformers stand between the lines; the two wattmeters are corrected
// through the phasors of what they measure.
func TestCorrectionsInDelta(t *testing.T) {
	t.Parallel()
	line := wave{{1, 230 / 0.995, -0.5 + 30}}
	s := waves{
		waveform.V12: line, waveform.V23: line.rotated(120), waveform.V31: line.rotated(240),
	}
	for k, r := range []waveform.Role{waveform.I1, waveform.I2, waveform.I3} {
		s[r] = wave{{1, 5 / 1.01, -60 + 1}}.rotated(120 * float64(k))
	}
	cfg := Config{NominalHz: 50, VoltsMode: Delta, Corrections: sheets(waveform.V12, waveform.V23, waveform.V31)}
	r, _ := measure(t, cfg, s, 50, 12800, 2)
	ratio := (1.02 - 0.02*(100/1.01-5)/190) / 1.01
	want := math.Sqrt(3) * 230 * 5 * ratio
	relative(t, "P", r.seconds[1].Power.P[Total], want*0.5, 1e-5)
	relative(t, "Q1", r.seconds[1].Power.Q1[Total], want*math.Sqrt(0.75), 1e-5)
	relative(t, "V12", r.seconds[1].RMS[waveform.V12], 230, 1e-6)
	unavailable(t, "P of phase 1", r.seconds[1].Power.P[0])
}

func TestCorrectionAllocatesNothing(t *testing.T) {
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, -30}})
	e, err := New(Config{NominalHz: 50, RateHz: 12800, Inputs: s.inputs(), Corrections: sheets(waveform.V1)})
	if err != nil {
		t.Fatal(err)
	}
	sink := &discard{}
	b := s.block(50, 12800, 12800)
	step := func() {
		if err := e.Process(b, sink); err != nil {
			t.Fatal(err)
		}
		b.Start++
	}
	step()
	step()
	if n := testing.AllocsPerRun(3, step); n != 0 {
		t.Errorf("a second with corrections allocates %v times", n)
	}
}
