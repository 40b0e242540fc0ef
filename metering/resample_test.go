package metering

import (
	"math"
	"testing"
)

// TestSplineImages holds the images of the spline about the first multiple of the
// sampling rate to what the documentation says.
func TestSplineImages(t *testing.T) {
	const perCycle = 512
	r := newResampler(perCycle, perCycle, 127)
	if r.taps != splineTaps {
		t.Fatalf("%d taps, want the spline's %d", r.taps, splineTaps)
	}
	// gain is the response of the continuous kernel that the rows of the table sample.
	gain := func(f float64) float64 {
		sum := 0.0
		for s := range tableSteps {
			phi := float64(s) / tableSteps
			for k, c := range r.table[s*r.taps : (s+1)*r.taps] {
				sum += c * math.Cos(2*math.Pi*f*(float64(k-r.taps/2+1)-phi))
			}
		}
		return sum / tableSteps
	}
	for order := 1; order <= 127; order++ {
		f := float64(order) / perCycle
		limit := -85.0
		if order == 1 {
			limit = -155
		}
		for _, image := range []float64{1 - f, 1 + f} {
			if db := 20 * math.Log10(math.Abs(gain(image)/gain(f))); db > limit {
				t.Errorf("image of order %d at %.3f of the sampling rate: %.1f dB, want %g", order, image, db, limit)
			}
		}
		if e := r.gain(f)/gain(f) - 1; math.Abs(e) > 2e-8 {
			t.Errorf("response at order %d is off by %.1e", order, e)
		}
	}
}
