package metering

import (
	"fmt"
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// dip returns a three-phase 230 V 50 Hz record of 0.6 s in which phase p drops to
// residual for the given time, beginning at an angle of its own sine behind 0.2 s.
func dip(rate float64, p int, residual, seconds, deg float64) *waveform.Block {
	b := &waveform.Block{RateHz: rate}
	b.Resize(3, int(0.6*rate))
	// A whole number of cycles, then the phase's own zero crossing, then the angle.
	start := 0.2 + float64(p)*0.02/3 + deg/360*0.02
	for k := range b.Samples[0] {
		t := float64(k) / rate
		for c := range 3 {
			v := 230 * math.Sqrt2 * math.Sin(2*math.Pi*(50*t-float64(c)/3))
			if c == p && t >= start-1e-9 && t < start+seconds-1e-9 {
				v *= residual
			}
			b.Samples[c][k] = v
		}
	}
	return b
}

// TestHalfCycleDips are the event vectors of Urms(1/2): the smallest value of a
// rectangular dip by residual voltage, duration and the angle at which it begins. The
// values suppose that every channel is cut at its own fundamental zero crossings;
// cut at those of V1 the dips of V2 and V3 would read like one begun 120 degrees off.
func TestHalfCycleDips(t *testing.T) {
	t.Parallel()
	rows := []struct {
		residual, seconds float64
		minimum           [6]float64 // at 0, 30, 60, 90, 120, 150 degrees, in %
	}{
		{0.70, 0.020, [6]float64{70.00, 70.53, 73.47, 78.55, 73.47, 70.53}},
		{0.70, 0.050, [6]float64{70, 70, 70, 70, 70, 70}},
		{0.40, 0.100, [6]float64{40, 40, 40, 40, 40, 40}},
		{0.05, 0.200, [6]float64{5, 5, 5, 5, 5, 5}},
		{0.85, 0.020, [6]float64{85.00, 85.24, 86.58, 88.97, 86.58, 85.24}},
		{0.50, 0.010, [6]float64{79.06, 0, 0, 0, 0, 0}},
	}
	const rate = 12000 // the angles fall on samples
	for _, row := range rows {
		for k, want := range row.minimum {
			if want == 0 {
				continue
			}
			for phase := range 3 {
				deg := 30 * float64(k)
				t.Run(fmt.Sprintf("V%d %g %% for %g ms from %g deg", phase+1, 100*row.residual, 1000*row.seconds, deg), func(t *testing.T) {
					r, _ := run(t, Config{NominalHz: 50, Inputs: []waveform.Role{waveform.V1, waveform.V2, waveform.V3}},
						dip(rate, phase, row.residual, row.seconds, deg))
					lowest := [3]float64{1e9, 1e9, 1e9}
					for _, h := range r.halves {
						for c := range lowest {
							// Not available until the channel's first cycle is complete.
							if v := h.URms[int(waveform.V1)+c] / 2.30; !math.IsNaN(v) {
								lowest[c] = min(lowest[c], v)
							}
						}
					}
					near(t, "±0.2 % Udin", lowest[phase], want, 0.2)
					for c := range lowest {
						if c != phase {
							near(t, "undisturbed phase", lowest[c], 100, 0.01)
						}
					}
				})
			}
		}
	}
}

// TestHalfCycleStream checks that half cycles are complete, evenly spaced and follow
// the frequency, and that harmonics do not make crossings of their own.
func TestHalfCycleStream(t *testing.T) {
	t.Parallel()
	grid(t, func(t *testing.T, nominal, hz, rate float64) {
		// 25 % of the 13th: the raw wave crosses zero many times.
		u := wave{{1, 100, 12}, {5, 30, 0}, {13, 25, 90}}
		r, _ := measure(t, Config{NominalHz: nominal}, threePhase(u, wave{{1, 1, 0}}), hz, rate, 0.4)
		if want := int(2*hz*0.4) - 2; len(r.halves) < want-1 || len(r.halves) > want+1 {
			t.Fatalf("%d half cycles, want about %d", len(r.halves), want)
		}
		for k, h := range r.halves {
			near(t, "frequency", h.FrequencyHz, hz, 0.005)
			relative(t, "U(1/2)", h.URms[waveform.V2], u.rms(), 1e-3)
			relative(t, "I", h.URms[waveform.I2], 1, 1e-3)
			if k > 0 {
				near(t, "spacing", h.EndS-r.halves[k-1].EndS, 0.5/hz, 2e-6)
			}
		}
	})
}
