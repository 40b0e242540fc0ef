package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// TestEnergyAccumulation adds the energy of 10^9 windows of 1234.5678 W for
// 0.20048123 s: compensated to 1e-12, where plain summation is off by more.
func TestEnergyAccumulation(t *testing.T) {
	const watts, seconds = 1234.5678, 0.20048123
	windows := 1_000_000_000
	if testing.Short() || raceDetector {
		windows /= 50
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

// TestOneEnergy: the total is the sum over windows and the sum over seconds, and the
// windows cover the samples without gap or overlap while the power steps.
func TestOneEnergy(t *testing.T) {
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
	var windows, seconds energyTotal
	last := 0.0
	for _, w := range r.windows {
		windows.add(&w.Energy)
		near(t, "start of a window", w.StartS, last, 1e-9)
		last = w.StartS + w.DurationS
	}
	for _, s := range r.seconds {
		seconds.add(&s.Energy)
	}
	direct := 0.0
	for k := 0; k < int(last*12800); k++ {
		direct += b.Samples[0][k] * b.Samples[3][k] / 12800 / 3600
	}
	for k := range 4 {
		relative(t, "sum of windows", windows.value().Wh[k], total.Wh[k], 1e-14)
		relative(t, "sum of seconds", seconds.value().Wh[k], total.Wh[k], 1e-14)
		relative(t, "sum of seconds, VAh", seconds.value().VAh[k], total.VAh[k], 1e-14)
	}
	relative(t, "sum over the samples", delivered(e), direct, 1e-4)
}
