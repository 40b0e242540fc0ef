package synth

import (
	"context"
	"math"
	"math/cmplx"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

func parse(t testing.TB, text string) *Scenario {
	t.Helper()
	s, err := Parse([]byte(text), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expect(t testing.TB, text string, at float64) *Truth {
	t.Helper()
	truth, err := parse(t, text).Expect(12800, at)
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

func near(t *testing.T, name string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.9g, want %.9g", name, got, want)
	}
}

// TestExpectIEEE1459 has the vector of IEEE 1459-2010 annex B, whose results are
// known to seven figures.
func TestExpectIEEE1459(t *testing.T) {
	truth := expect(t, `
channels:
  V1:
    rms: 100
    harmonics:
      - {order: 3, percent: 8, absoluteDegrees: -70}
      - {order: 5, percent: 15, absoluteDegrees: 140}
      - {order: 7, percent: 5, absoluteDegrees: 20}
  I1:
    rms: 100
    degrees: -30
    harmonics:
      - {order: 3, percent: 20, absoluteDegrees: -165}
      - {order: 5, percent: 15, absoluteDegrees: 234}
      - {order: 7, percent: 10, absoluteDegrees: 234}
`, 0)
	near(t, "V", truth.Channels[waveform.V1].RMS, 101.5579, 1e-4)
	near(t, "I", truth.Channels[waveform.I1].RMS, 103.5616, 1e-4)
	near(t, "THD V", truth.Channels[waveform.V1].THDPercent(50), 17.720, 1e-3)
	near(t, "THD I", truth.Channels[waveform.I1].THDPercent(50), 26.926, 1e-3)
	near(t, "P", truth.Phase[0].P, 8589.162, 1e-3)
	near(t, "P1", truth.Phase[0].P1, 8660.254, 1e-3)
	near(t, "Q1", truth.Phase[0].Q1, 5000, 1e-6)
	near(t, "S", truth.Phase[0].S, 10517.493, 1e-3)
	near(t, "PF", truth.Phase[0].PF(), 0.816655, 1e-6)
	near(t, "degrees", truth.Channels[waveform.V1].Degrees(), -90, 1e-9)
}

// TestExpectInfluenceStates has the derived values of IEC 61000-4-30's states.
func TestExpectInfluenceStates(t *testing.T) {
	truth := expect(t, `
voltage: {rms: 230, harmonics: [{order: 3, percent: 10}, {order: 5, percent: 5}, {order: 29, percent: 5}], interharmonics: [{ratio: 7.5, percent: 1}]}
channels: {V1: {rms: 167.9}, V2: {rms: 184}, V3: {rms: 200.1}}`, 0)
	v := truth.Channels[waveform.V2]
	near(t, "THD", v.THDPercent(50), 12.2474, 1e-4)
	near(t, "RMS", v.RMS/184, 1.007522, 1e-6)
	near(t, "h3", v.Percent(3), 10, 1e-9)
	near(t, "u2", truth.Voltage.NegativePercent(), 5.0518, 1e-4)
	near(t, "u0", truth.Voltage.ZeroPercent(), 5.0518, 1e-4)
	near(t, "interharmonic", v.Interharmonics[0].Hz, 375, 1e-9)

	truth = expect(t, "voltage: {rms: 230, negativePercent: 2, zeroPercent: 1, negativeDegrees: 40}", 0)
	near(t, "u2 as stated", truth.Voltage.NegativePercent(), 2, 1e-9)
	near(t, "u0 as stated", truth.Voltage.ZeroPercent(), 1, 1e-9)
}

// TestExpectLoads checks that a load's power is the one stated.
func TestExpectLoads(t *testing.T) {
	truth := expect(t, `
voltage: {rms: 230}
loads:
  - {name: a, kW: 12, pf: 0.8, splitPercent: [50, 30, 20]}
  - {name: b, phases: [2], kW: -1, kvar: 0.5}
  - {name: c, kW: 3, pf: 0.6, leading: true}
events:
  - {type: step, at: 5, load: a, percent: 50}
  - {type: dip, at: 10, durationSeconds: 1, percent: 70}`, 0)
	near(t, "P1", truth.Phase[0].P, 6000+1000, 1e-6)
	near(t, "P2", truth.Phase[1].P, 3600-1000+1000, 1e-6)
	near(t, "Q1", truth.Phase[0].Q1, 4500-4000.0/3, 1e-6)
	near(t, "Q2", truth.Phase[1].Q1, 2700+500-4000.0/3, 1e-6)
	near(t, "P", truth.Total.P, 14000, 1e-6)
	near(t, "SVector", truth.Total.SVector, math.Hypot(14000, 9000+500-4000), 1e-6)
}

func TestExpectFollowsEvents(t *testing.T) {
	const text = `
voltage: {rms: 230}
loads: [{name: a, kW: 12, pf: 0.8}]
frequency: {hz: 50, changes: [{at: 20, hz: 51}, {at: 30, hz: 50, overSeconds: 10}]}
events:
  - {type: step, at: 5, load: a, percent: 50}
  - {type: dip, at: 10, durationSeconds: 1, percent: 70, channels: [V1]}
  - {type: phaseJump, at: 12, degrees: 30, channels: [V1]}
  - {type: modulation, at: 15, durationSeconds: 1, hz: 10, depthPercent: 1}`
	near(t, "P after the step", expect(t, text, 6).Total.P, 6000, 1e-6)
	near(t, "U in the dip", expect(t, text, 10.5).Channels[waveform.V1].RMS, 161, 1e-9)
	near(t, "P in the dip", expect(t, text, 10.5).Phase[0].P, 1400, 1e-6)
	near(t, "U after it", expect(t, text, 11).Channels[waveform.V1].RMS, 230, 1e-9)
	near(t, "degrees after the jump", expect(t, text, 13).Channels[waveform.V1].Degrees(), -60, 1e-6)
	near(t, "frequency", expect(t, text, 25).FrequencyHz, 51, 1e-12)
	for _, at := range []float64{15.5, 35} {
		if _, err := parse(t, text).Expect(12800, at); err == nil {
			t.Errorf("no error at %g s, where nothing is steady", at)
		}
	}
	if _, err := Default().Expect(12800, 0); err == nil {
		t.Error("no error from the default site, which is never steady")
	}
}

// TestExpectEqualsSamples measures whole periods of the samples by plain sums.
func TestExpectEqualsSamples(t *testing.T) {
	for _, text := range []string{`
voltage: {rms: 230, negativePercent: 1, harmonics: [{order: 5, percent: 4, degrees: 77}], interharmonics: [{ratio: 2.5, percent: 1}]}
channels: {V1: {dc: 2}, I1: {dc: 1}, I4: {derive: {I1: -1, I2: -1, I3: -1}}}
loads: [{name: a, kW: 12, pf: 0.8, splitPercent: [50, 30, 20], harmonics: [{order: 5, percent: 30, degrees: 20}, {order: 3, percent: 20}]}]`, `
connection: delta
voltage: {rms: 230, negativePercent: 2, harmonics: [{order: 5, percent: 4, degrees: 77}]}
loads: [{name: a, phases: [1, 2], kW: 12, pf: 0.8, harmonics: [{order: 5, percent: 30, degrees: 20}]}]`} {
		truth := expect(t, text, 0)
		g, x := samples(t, text, 12800, 0, 12800)
		at := map[waveform.Role][]float64{}
		for i, c := range g.deliver {
			at[g.channels[c].role] = x[i]
		}
		mean := func(a, b []float64) float64 {
			sum := 0.0
			for k := range a {
				sum += a[k] * b[k]
			}
			return sum / float64(len(a))
		}
		for role, y := range at {
			near(t, role.String(), math.Sqrt(mean(y, y)), truth.Channels[role].RMS, 1e-9*truth.Channels[role].RMS)
			var u complex128
			for k, v := range y {
				u += complex(v*math.Sqrt2/12800, 0) * cmplx.Rect(1, -2*math.Pi*50*float64(k)/12800)
			}
			near(t, role.String()+" fundamental", cmplx.Abs(u-truth.Channels[role].Fundamental), 0, 1e-9*truth.Channels[role].RMS)
		}
		p := 0.0
		if at[waveform.V12] != nil { // two wattmeters, which know nothing of the star
			p = mean(at[waveform.V31], at[waveform.I1])*-1 + mean(at[waveform.V23], at[waveform.I2])
			for k, i := range at[waveform.I1] {
				if sum := i + at[waveform.I2][k] + at[waveform.I3][k]; math.Abs(sum) > 1e-9 {
					t.Fatalf("three-wire currents sum to %g A", sum)
				}
			}
		} else {
			for k := range 3 {
				phase := mean(at[starRoles[k]], at[lineRoles[k]])
				near(t, "phase power", phase, truth.Phase[k].P, 1e-6)
				p += phase
			}
		}
		near(t, "total power", p, truth.Total.P, 1e-6)
	}
}

// TestNoise checks RMS, independence and that the seed decides.
func TestNoise(t *testing.T) {
	const n = 200000
	_, x := samples(t, "seed: 1\nchannels: {V1: {rms: 0}, V2: {rms: 0}}\nvoltage: {rms: 100, noisePercent: 2}", 10000, 0, 16)
	if x[0][3] != 0 {
		t.Error("noise is in percent of rms: none where that is 0")
	}
	_, x = samples(t, "seed: 1\nvoltage: {rms: 100, noisePercent: 2}\nevents: [{type: interruption, durationSeconds: 1000}]", 10000, 12345, n)
	_, y := samples(t, "seed: 2\nvoltage: {rms: 100, noisePercent: 2}\nevents: [{type: interruption, durationSeconds: 1000}]", 10000, 12345, n)
	correlate := func(a, b []float64) float64 {
		sum := 0.0
		for k := range b {
			sum += a[k] * b[k]
		}
		return sum / float64(len(b))
	}
	near(t, "RMS", math.Sqrt(correlate(x[0], x[0])), 2, 0.02)
	near(t, "between channels", correlate(x[0], x[1]), 0, 0.05)
	near(t, "between seeds", correlate(x[0], y[0]), 0, 0.05)
	near(t, "between neighbours", correlate(x[0][1:], x[0][:n-1]), 0, 0.05)
	fourth := 0.0
	for _, v := range x[0] {
		fourth += v * v * v * v / n
	}
	near(t, "kurtosis of four uniform numbers", fourth/16, 2.7, 0.1)
}

// TestDefaultSiteTurnsRound checks that energy flows both ways within minutes, by
// day and by night, and that voltage and frequency are those of a good supply.
func TestDefaultSiteTurnsRound(t *testing.T) {
	for _, hour := range []int{2, 13, 19} {
		const rate = 2000
		src, err := Default().Source(rate, time.Date(2026, 6, 21, hour, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		var b waveform.Block
		lowest, highest := math.Inf(1), math.Inf(-1)
		for range 180 {
			if lowest < -2000 && highest > 2000 {
				break
			}
			if _, err := src.Next(context.Background(), &b, rate); err != nil {
				t.Fatal(err)
			}
			p, u := 0.0, 0.0
			for k := range b.Samples[0] {
				for ph := range 3 {
					p += b.Samples[ph][k] * b.Samples[ph+4][k] / rate
				}
				u += b.Samples[0][k] * b.Samples[0][k] / rate
			}
			if u := math.Sqrt(u); u < 225 || u > 236 {
				t.Fatalf("V1 is %g V", u)
			}
			lowest, highest = math.Min(lowest, p), math.Max(highest, p)
		}
		if lowest > -2000 || highest < 2000 {
			t.Errorf("%02d:00: power stays within %.1f to %.1f kW for three minutes", hour, lowest/1000, highest/1000)
		}
	}
}
