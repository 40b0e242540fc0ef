package metering

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestQuadratureIsAdditive: adjacent windows add up to the whole, wherever their edges
// are, whatever the samples: every sample counts once.
func TestQuadratureIsAdditive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 400).Draw(rt, "n")
		y := rapid.SliceOfN(rapid.Float64Range(-1, 1), n, n).Draw(rt, "y")
		reach := rapid.SampledFrom([]int{1, 4, 8, 64}).Draw(rt, "reach")
		integral := func(a, b *edge) float64 {
			return total(y[a.whole:b.whole]) + b.sum(y[b.first:b.first+b.weights]) - a.sum(y[a.first:a.first+a.weights])
		}
		var start, end, previous edge
		start.set(0, n, reach)
		end.set(float64(n), n, reach)
		previous = start
		sum := 0.0
		x := 0.0
		for x < float64(n) {
			x = min(float64(n), x+rapid.Float64Range(0.1, 50).Draw(rt, "step"))
			var e edge
			e.set(x, n, reach)
			sum += integral(&previous, &e)
			previous = e
		}
		if d := math.Abs(sum - total(y)); d > 1e-9 {
			rt.Fatalf("windows add up to %g, samples to %g", sum, total(y))
		}
		if d := math.Abs(integral(&start, &end) - total(y)); d > 1e-12 {
			rt.Fatalf("a window of whole samples is off by %g", d)
		}
	})
}

// TestQuadratureIsExactOverPeriods: over whole periods that are no whole number of
// samples the mean of a sine is zero and that of its square a half.
func TestQuadratureIsExactOverPeriods(t *testing.T) {
	t.Parallel()
	for _, perCycle := range []float64{12.3, 69.57, 80.41, 256.7, 1024.3} {
		n := int(12 * perCycle)
		y := make([]float64, n)
		for k := range y {
			y[k] = math.Sin(2*math.Pi*float64(k)/perCycle + 0.7)
		}
		var a, b edge
		reach := edgeReach(perCycle)
		for _, start := range []float64{0, 0.8 * perCycle} {
			a.set(start, n, reach)
			b.set(start+10*perCycle, n, reach)
			length := b.position - a.position
			mean := (total(y[a.whole:b.whole]) + b.sum(y[b.first:b.first+b.weights]) - a.sum(y[a.first:a.first+a.weights])) / length
			square := (dot(y[a.whole:b.whole], y[a.whole:b.whole]) +
				b.product(y[b.first:b.first+b.weights], y[b.first:b.first+b.weights]) -
				a.product(y[a.first:a.first+a.weights], y[a.first:a.first+a.weights])) / length
			near(t, "mean", mean, 0, 1e-7)
			near(t, "mean square", square, 0.5, 1e-7)
		}
	}
}
