package timeaxis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	line := func(n int, f func(k int) float64) []float64 {
		x := make([]float64, n)
		for k := range x {
			x[k] = f(k)
		}
		return x
	}
	for name, row := range map[string]struct {
		times []float64
		rate  float64
		holes bool
		odd   string
	}{
		"exact":                  {line(100, func(k int) float64 { return float64(k) / 960 }), 960, false, ""},
		"long, rounded to us":    {line(300_000, func(k int) float64 { return math.Round(float64(k)/51200*1e6) / 1e6 }), 51200, false, ""},
		"jitter of a third":      {line(1000, func(k int) float64 { return (float64(k) + 0.6*(rng.Float64()-0.5)) / 50000 }), 50000, false, ""},
		"coarser than the rate":  {line(1001, func(k int) float64 { return math.Floor(float64(k)/10) / 1000 }), 10000, false, ""},
		"ends within a unit":     {line(1200, func(k int) float64 { return math.Floor(float64(k)/4) / 1000 }), 4000, false, ""},
		"two thirds of a step":   {line(6400, func(k int) float64 { return math.Round(float64(k)/6400*1e4) / 1e4 }), 6400, false, ""},
		"one sample lost":        {line(6400, func(k int) float64 { return (float64(k) + math.Floor(float64(k)/3200)) / 6400 }), 6400, true, ""},
		"pieces":                 {line(1000, func(k int) float64 { return float64(k)/1000 + 5*math.Floor(float64(k)/300) }), 1000, true, ""},
		"a hole in a long one":   {line(20_000, func(k int) float64 { return float64(k)/1000 + 5*math.Floor(float64(k)/15_000) }), 1000, true, ""},
		"pieces of uneven steps": {line(1000, func(k int) float64 { return (float64(k)+0.6*rng.Float64())/1000 + 5*math.Floor(float64(k)/300) }), 0, false, "differ"},
		"backwards":              {[]float64{0, 1, 2, 1.5, 4}, 0, false, "backwards at sample 3"},
		"standing still":         {[]float64{1, 1, 1}, 0, false, "same time"},
		"stamps missing":         {line(1000, func(k int) float64 { return map[bool]float64{true: math.NaN(), false: float64(k) / 960}[k%7 == 0] }), 960, false, ""},
		"one missing at a hole": {line(1000, func(k int) float64 {
			return map[bool]float64{true: math.NaN(), false: float64(k)/1000 + 5*math.Floor(float64(k)/300)}[k == 300]
		}), 1000, true, ""},
		"all missing but one": {[]float64{math.NaN(), 1, math.NaN()}, 0, false, "single"},
		"one":                 {[]float64{1}, 0, false, "single"},
	} {
		t.Run(name, func(t *testing.T) {
			var j Judge
			for _, at := range row.times {
				if math.IsNaN(at) {
					j.Skip()
					continue
				}
				j.Add(at)
			}
			v := j.Verdict()
			if math.Abs(v.RateHz-row.rate) > 1e-3*row.rate || v.Holes != row.holes || !strings.Contains(v.Odd, row.odd) || (v.Odd == "") != (row.odd == "") {
				t.Errorf("%+v, want %g Hz, holes %v, odd %q", v, row.rate, row.holes, row.odd)
			}
			if len(j.anchors) > maxAnchors || len(j.head) > headSteps {
				t.Errorf("%d anchors, %d steps held", len(j.anchors), len(j.head))
			}
		})
	}
}
