package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// TestIEEE1459AnnexB measures the distorted single-phase example of IEEE 1459 annex B.
func TestIEEE1459AnnexB(t *testing.T) {
	t.Parallel()
	s := waves{
		waveform.V1: {{1, 100, 0}, {3, 8, -70}, {5, 15, 140}, {7, 5, 20}},
		waveform.I1: {{1, 100, -30}, {3, 20, -165}, {5, 15, 234}, {7, 10, 234}},
	}
	for _, hz := range []float64{50, 50.37} {
		r, _ := measure(t, Config{NominalHz: 50, DemandCurrentA: 120}, s, hz, 51200, 0.65)
		w := r.windows[1]
		p := &w.Power
		v, i := w.RMS[waveform.V1], w.RMS[waveform.I1]
		v1, i1 := w.Fundamental[waveform.V1].RMS, w.Fundamental[waveform.I1].RMS
		thdV, thdI := w.THDF[waveform.V1]/100, w.THDF[waveform.I1]/100
		s1 := v1 * i1
		// The table rounds to seven digits; exact values come from the inputs.
		pExact := s[waveform.V1].power(s[waveform.I1])
		sExact := s[waveform.V1].rms() * s[waveform.I1].rms()
		for _, row := range []struct {
			name       string
			got, table float64
			exact      float64
		}{
			{"V", v, 101.5579, s[waveform.V1].rms()},
			{"I", i, 103.5616, s[waveform.I1].rms()},
			{"V_H", v1 * thdV, 17.7200, math.Sqrt(8*8 + 15*15 + 5*5)},
			{"I_H", i1 * thdI, 26.9258, math.Sqrt(20*20 + 15*15 + 10*10)},
			{"THD_V", 100 * thdV, 17.720, math.Sqrt(314)},
			{"THD_I", 100 * thdI, 26.926, math.Sqrt(725)},
			{"P", p.P[0], 8589.162, pExact},
			{"P1", p.p1[0], 8660.254, 1e4 * cosd(30)},
			{"P_H", p.P[0] - p.p1[0], -71.092, pExact - 1e4*cosd(30)},
			{"Q1", p.Q1[0], 5000, 5000},
			{"S", p.S[0], 10517.493, sExact},
			{"S1", s1, 10000, 10000},
			{"PF1", p.DPF[0], 0.866025, cosd(30)},
			{"PF", p.PF[0], 0.816655, pExact / sExact},
			{"N", p.QFryze[0], 6069.921, math.Sqrt(sExact*sExact - pExact*pExact)},
			{"S_N", math.Sqrt(p.S[0]*p.S[0] - s1*s1), 3258.474, math.Sqrt(sExact*sExact - 1e8)},
			{"D_I", s1 * thdI, 2692.583, 1e4 * math.Sqrt(725) / 100},
			{"D_V", s1 * thdV, 1772.004, 1e4 * math.Sqrt(314) / 100},
			{"S_H", s1 * thdI * thdV, 477.127, math.Sqrt(725) * math.Sqrt(314)},
			{"K-factor", w.KFactor[waveform.I1], 2.2494, 24125.0 / 10725},
			{"TDD", w.TDD[waveform.I1], 22.44, math.Sqrt(725) / 1.2},
		} {
			if row.name == "P_H" { // a difference: 1e-6 of what it is the difference of
				near(t, row.name, row.got, row.exact, 1e-6*pExact)
			} else {
				relative(t, row.name, row.got, row.exact, 1e-6)
			}
			relative(t, row.name+" (table)", row.got, row.table, 1e-4)
		}
		unavailable(t, "TDD of a voltage", w.TDD[waveform.V1])
		unavailable(t, "K-factor of a voltage", w.KFactor[waveform.V1])
	}
}

// TestIEEE1459ThreePhase measures the vectors on which vector, arithmetic and effective
// apparent power differ.
func TestIEEE1459ThreePhase(t *testing.T) {
	t.Parallel()
	phases := func(u float64, i [3]tone) waves {
		s := threePhase(wave{{1, u, 0}}, nil)
		for k := range i {
			s[waveform.I1+waveform.Role(k)] = wave{i[k]}
		}
		return s
	}
	phi := math.Acos(0.8) * 180 / math.Pi
	vectors := []struct {
		name                     string
		s                        waves
		p, q, arithmetic, vector float64
		effective                float64
	}{
		{"resistor between a and b", phases(127, [3]tone{{1, 250.0 / 11, 30}, {1, 250.0 / 11, -150}, {1, 0, 0}}),
			127 * 250.0 / 11 * math.Sqrt(3), 0, 2 * 127 * 250.0 / 11, 127 * 250.0 / 11 * math.Sqrt(3),
			3 * 127 * 250.0 / 11 * math.Sqrt(2.0/3)},
		{"one loaded phase of four wires", phases(120, [3]tone{{1, 10, -phi}, {1, 0, 0}, {1, 0, 0}}),
			960, 720, 1200, 1200, 3 * 120 * 10 * math.Sqrt(2.0/3)},
	}
	for _, c := range vectors {
		t.Run(c.name, func(t *testing.T) {
			for kind, want := range map[Apparent]float64{VectorS: c.vector, ArithmeticS: c.arithmetic, EffectiveS: c.effective} {
				r, e := measure(t, Config{NominalHz: 50, Apparent: kind}, c.s, 50, 51200, 0.6)
				w := r.windows[1]
				relative(t, "P", w.Power.P[Total], c.p, 1e-6)
				near(t, "Q", w.Power.Q1[Total], c.q, 1e-6*c.p)
				relative(t, "arithmetic S", w.Power.SArithmetic, c.arithmetic, 1e-6)
				relative(t, "vector S", w.Power.SVector, c.vector, 1e-6)
				relative(t, "effective S", w.Power.SEffective, c.effective, 1e-6)
				relative(t, "selected S", w.Power.S[Total], want, 1e-6)
				relative(t, "PF", w.Power.PF[Total], c.p/want, 1e-6)
				relative(t, "vector PF", w.Power.PFVector, c.p/c.vector, 1e-6)
				relative(t, "arithmetic PF", w.Power.PFArithmetic, c.p/c.arithmetic, 1e-6)
				relative(t, "effective PF", w.Power.PFEffective, c.p/c.effective, 1e-6)
				vah := 0.0
				for _, x := range e.Energy().VAh {
					vah += x
				}
				relative(t, "VAh", vah, want*0.6/3600, 1e-6)
			}
		})
	}
	t.Run("figures of the table", func(t *testing.T) {
		r, _ := measure(t, Config{NominalHz: 50}, vectors[0].s, 50, 51200, 0.6)
		p := &r.windows[0].Power
		relative(t, "P", p.P[Total], 4999.328, 2e-6)
		relative(t, "S_A", p.SArithmetic, 5772.727, 1e-6)
		relative(t, "S_e", p.SEffective, 7070.118, 1e-6)
		r, _ = measure(t, Config{NominalHz: 50}, vectors[1].s, 50, 51200, 0.6)
		relative(t, "S_e of one phase", r.windows[0].Power.SEffective, 2939.388, 1e-6)
	})
	t.Run("three-wire effective", func(t *testing.T) {
		s := phases(127, [3]tone{{1, 10, 0}, {1, 10, -120}, {1, 10, 120}})
		r, _ := measure(t, Config{NominalHz: 50, VoltsMode: ThreeWireWye}, s, 50, 51200, 0.6)
		relative(t, "S_e", r.windows[0].Power.SEffective, 3810, 1e-6)
	})
	t.Run("zero sequence only raises u0", func(t *testing.T) {
		s := threePhase(wave{{1, 100, 0}}, nil)
		for v := waveform.V1; v <= waveform.V3; v++ {
			s[v] = append(s[v][:1:1], tone{1, 10, 0})
		}
		r, _ := measure(t, Config{NominalHz: 50}, s, 50, 51200, 0.6)
		near(t, "u0", r.windows[0].U0, 10, 1e-5)
		near(t, "u2", r.windows[0].U2, 0, 1e-5)
	})
}
