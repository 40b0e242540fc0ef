package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
	"pgregory.net/rapid"
)

// TestEnergyAccumulation adds the energy of 10^9 windows of 1234.5678 W for
// 0.20048123 s: compensated to 1e-12, where plain summation is off by more.
func TestEnergyAccumulation(t *testing.T) {
	t.Parallel()
	const watts, seconds = 1234.5678, 0.20048123
	windows := 1_000_000_000
	if testing.Short() || raceDetector {
		windows /= 200
	}
	step := float64(watts) * seconds / 3600
	var compensated Accumulator
	plain := 0.0
	for range windows {
		compensated.Add(step)
		plain += step
	}
	// The product of two float64 needs 106 bits; with FMA its rounding is known.
	n := float64(windows)
	product := n * step
	rest := math.FMA(n, step, -product)
	off := func(x float64) float64 { return math.Abs((x-product)-rest) / product }
	if e := off(compensated.Value()); e > 1e-12 {
		t.Errorf("compensated sum of %d windows is off by %.3g", windows, e)
	}
	if e := off(plain); e < 1e-12 {
		t.Errorf("plain summation is off by %.3g only: the test proves nothing", e)
	} else {
		t.Logf("%d windows: plain summation is off by %.3g, compensated by %.3g", windows, e, off(compensated.Value()))
	}
}

// TestEnergyKeepsSmallSteps: a small energy is not lost beside a large total, and
// large addends are compensated as well as small ones.
func TestEnergyKeepsSmallSteps(t *testing.T) {
	t.Parallel()
	var a Accumulator
	a.Add(1e15)
	for range 1000 {
		a.Add(1e-4)
	}
	a.Add(-1e15)
	relative(t, "what was added", a.Value(), 0.1, 1e-12)
	a = Accumulator{}
	a.Add(1)
	a.Add(1e100)
	a.Add(1)
	a.Add(-1e100)
	near(t, "1 + 1e100 + 1 - 1e100", a.Value(), 2, 0)
}

// TestOneEnergy: the total is the sum over seconds and that over the samples, and the
// windows cover the samples without gap or overlap while the power steps.
func TestOneEnergy(t *testing.T) {
	t.Parallel()
	b := shaped(12800, 5.3, 50.37, func(c int, t float64) float64 {
		if c == 3 {
			if math.Mod(t, 0.31) < 0.1 { // shorter than a second: no tick may alias it
				return 10
			}
			return 0.5
		}
		return 230
	})
	cfg := Config{NominalHz: 50, RateHz: 12800,
		Inputs: []waveform.Role{waveform.V1, waveform.NoRole, waveform.NoRole, waveform.I1}}
	r, e := run(t, cfg, b)
	total := e.Energy()
	last := 0.0
	for _, w := range r.windows {
		near(t, "start of a window", w.StartS, last, 1e-9)
		last = w.StartS + w.DurationS
	}
	seconds := r.energy()
	for k := range 4 {
		relative(t, "sum of seconds", seconds.Wh[k], total.Wh[k], 1e-14)
		relative(t, "sum of seconds, varh", seconds.Varh[k], total.Varh[k], 1e-14)
		relative(t, "sum of seconds, VAh", seconds.VAh[k], total.VAh[k], 1e-14)
	}
	relative(t, "sum over the samples", net(total), plainWh(b, 0, 3), 1e-9)
}

// energy returns the sum over the seconds.
func (r *recorder) energy() Energy {
	var sum energyTotal
	for k := range r.seconds {
		sum.add(&r.seconds[k].Energy)
	}
	return sum.value()
}

// windowEnergy returns the sum over the windows: whole cycles.
func (r *recorder) windowEnergy() Energy {
	var sum energyTotal
	for k := range r.windows {
		sum.add(&r.windows[k].Energy)
	}
	return sum.value()
}

// net returns delivered less received Wh.
func net(e Energy) float64 { return e.Wh[0] + e.Wh[3] - e.Wh[1] - e.Wh[2] }

// plainWh returns the plain sum of u·i·dt over all samples of two channels.
func plainWh(b *waveform.Block, u, i int) float64 {
	var sum Accumulator
	for k, v := range b.Samples[u] {
		sum.Add(v * b.Samples[i][k])
	}
	return sum.Value() / b.RateHz / 3600
}

// TestEverySampleCounts plays stretches of any length, some shorter than a cycle, with
// gaps and changes of the rate between them: energy is the plain sum over the samples
// played, in the total and in the seconds. Whole windows alone would lose the rest of
// every stretch.
func TestEverySampleCounts(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{0, 3, 0}, {1, 230, 10}, {5, 10, 0}}, wave{{0, 0.2, 0}, {1, 5, -40}, {3.3, 1, 0}})
	for _, perPhase := range []bool{false, true} {
		rapid.Check(t, func(rt *rapid.T) {
			cfg := Config{NominalHz: 50, RateHz: 1600, Inputs: s.inputs(), PerPhaseEnergy: perPhase}
			e, err := New(cfg)
			if err != nil {
				rt.Fatal(err)
			}
			r := &recorder{}
			var plain Accumulator
			start, played := 0.0, 0.0
			for range rapid.IntRange(1, 6).Draw(rt, "stretches") {
				rate := rapid.SampledFrom([]float64{1600, 1000}).Draw(rt, "rate")
				n := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 1000)).Draw(rt, "n")
				b := s.block(rapid.SampledFrom([]float64{43, 50, 50.1}).Draw(rt, "hz"), rate, n)
				b.Start, b.Gap = start, true
				if err := e.Process(b, r); err != nil {
					rt.Fatal(err)
				}
				for k := range 3 {
					plain.Add(plainWh(b, k, 3+k))
				}
				played += float64(n) / rate
				start += float64(n)/rate + rapid.SampledFrom([]float64{0, 0, 2.5, -0.1}).Draw(rt, "gap")
			}
			e.Flush(r)
			duration := 0.0
			for _, sec := range r.seconds {
				duration += sec.DurationS
			}
			scale := math.Abs(plain.Value()) + 1e-9*played // Wh; 1150 W flow while u and i are alike
			if d := net(e.Energy()) - plain.Value(); !(math.Abs(d) <= 1e-9*scale) {
				rt.Fatalf("metered %.12g Wh, the samples carry %.12g", net(e.Energy()), plain.Value())
			}
			if d := net(r.energy()) - plain.Value(); !(math.Abs(d) <= 1e-9*scale) {
				rt.Fatalf("the seconds carry %.12g Wh, the samples %.12g", net(r.energy()), plain.Value())
			}
			if d := duration - played; !(math.Abs(d) <= 1e-9) {
				rt.Fatalf("seconds cover %.9g s of %.9g played", duration, played)
			}
		})
	}
}

// TestLoopedRecordCountsItsLastHalfCycle plays a record of 10.5 cycles over and over:
// energy in all its forms is power times time, and the rest of half a cycle makes no
// reading of its own.
func TestLoopedRecordCountsItsLastHalfCycle(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, -60}})
	const rate, loops = 12800, 50
	var blocks []*waveform.Block
	record := s.block(50, rate, rate*21/100)
	for k := range loops {
		b := *record
		b.First, b.Start, b.Gap = int64(k*b.Len()), float64(k*b.Len())/rate, k > 0
		blocks = append(blocks, &b)
	}
	r, e := run(t, Config{NominalHz: 50, Inputs: s.inputs()}, blocks...)
	const hours, va = 0.21 * loops / 3600, 3 * 230 * 5.0
	relative(t, "Wh", e.Energy().Wh[0], va/2*hours, 1e-9)
	relative(t, "varh", e.Energy().Varh[0], va*sind(60)*hours, 1e-9)
	relative(t, "VAh", e.Energy().VAh[0], va*hours, 1e-9)
	if n := len(r.windows); n != loops {
		t.Errorf("%d windows in %d loops", n, loops)
	}
	for _, w := range r.windows {
		if w.Cycles != 10 || w.Flags != 0 {
			t.Errorf("window at %.2f s: %d cycles, flags %v", w.StartS, w.Cycles, w.Flags.Names())
		}
	}
	if n := len(r.seconds); n != 11 { // 10.5 s
		t.Errorf("%d seconds", n)
	}
	for _, sec := range r.seconds {
		relative(t, "P of a second", sec.Power.P[Total], va/2, 1e-9)
		near(t, "frequency of a second", sec.FrequencyHz, 50, 1e-6)
		relative(t, "energy of a second", sec.Energy.Wh[0], va/2*sec.DurationS/3600, 1e-9)
		if sec.Flags&FlagGap == 0 {
			t.Errorf("second %d: flags %v", sec.Index, sec.Flags.Names())
		}
	}
}

// TestLessThanACycleHasEnergyAlone: a stretch without a whole cycle makes no window
// and no reading; its active energy counts.
func TestLessThanACycleHasEnergyAlone(t *testing.T) {
	t.Parallel()
	s := waves{waveform.V1: {{1, 230, 0}}, waveform.I1: {{1, 5, 180}}}
	b := s.block(50, 12800, 128)
	r, e := run(t, Config{NominalHz: 50, Inputs: s.inputs()}, b)
	if len(r.windows) != 0 || len(r.seconds) != 1 || r.seconds[0].Windows != 0 {
		t.Fatalf("%d windows, %d seconds", len(r.windows), len(r.seconds))
	}
	sec := r.seconds[0]
	near(t, "time", sec.DurationS, 0.01, 1e-12)
	unavailable(t, "P", sec.Power.P[0])
	unavailable(t, "RMS", sec.RMS[waveform.V1])
	unavailable(t, "frequency", sec.FrequencyHz)
	relative(t, "received", sec.Energy.Wh[1], 1150*0.01/3600, 1e-9)
	if sec.Energy != e.Energy() || sec.Energy.VAh != [4]float64{} {
		t.Errorf("energy of the second %v, of the engine %v", sec.Energy, e.Energy())
	}
}
