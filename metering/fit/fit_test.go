package fit

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// wave is a test signal: DC and lines of known RMS and cosine angle at t = 0.
type wave struct {
	hz    float64
	dc    float64
	lines map[int]Line
}

func (w wave) at(t float64) float64 {
	x := w.dc
	for h, l := range w.lines {
		x += l.RMS * math.Sqrt2 * math.Cos(2*math.Pi*float64(h)*w.hz*t+l.Deg*math.Pi/180)
	}
	return x
}

func (w wave) sampled(rate, start float64, n int) Channel {
	ch := Channel{Times: make([]float64, n), Values: make([]float64, n)}
	for k := range n {
		t := start + float64(k)/rate
		ch.Times[k], ch.Values[k] = t, w.at(t)
	}
	return ch
}

func mustFit(t *testing.T, ch []Channel, opt Options) *Result {
	t.Helper()
	r, err := Fit(ch, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.10g, want %.10g ± %g", what, got, want, tol)
	}
}

func TestFitRecoversWhatWasMade(t *testing.T) {
	lines := map[int]Line{1: {230, 30}, 2: {2, -170}, 3: {11, 90}, 5: {7, -45}}
	for _, row := range []struct {
		name        string
		hz, rate    float64
		start       float64
		n           int
		orders      int
		toleranceHz float64
	}{
		{"ten cycles at 50 Hz, 1024 a cycle", 50.02, 51200, 0, 10240, 50, 1e-6},
		{"not a whole number of cycles", 59.93, 7680, 3.2, 900, 50, 1e-6},
		{"24 samples a cycle", 49.99, 1200, 8.58, 240, 10, 1e-6},
		{"four samples a period of the highest order", 50, 2500, 0, 500, 22, 1e-6},
		{"one and a half cycles", 60.1, 15360, 1, 384, 50, 1e-4},
		{"an order just within 0.45 of the rate", 49.8947, 1000, 5.5, 200, 9, 1e-6},
		{"a machine running up", 84.3, 2000, 0, 800, 10, 1e-6},
		{"five seconds of a whole record", 50.013, 6400, 100, 32000, 50, 1e-8},
		{"the time axis starts a day in", 50.013, 6400, 86400, 1280, 50, 1e-6},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := wave{hz: row.hz, dc: -1.5, lines: lines}
			r := mustFit(t, []Channel{w.sampled(row.rate, row.start, row.n)}, Options{Origin: row.start})
			near(t, "frequency", r.FrequencyHz, row.hz, row.toleranceHz)
			if r.Orders != row.orders {
				t.Errorf("orders = %d, want %d", r.Orders, row.orders)
			}
			if r.ResidualPct > 1e-4 {
				t.Errorf("residual = %g %%", r.ResidualPct)
			}
			s := r.Channels[0]
			near(t, "DC", s.DC, -1.5, 1e-3)
			for h, l := range lines {
				near(t, "RMS", s.Lines[h].RMS, l.RMS, 1e-3)
				want := wrap(l.Deg + 360*math.Mod(float64(h)*row.hz*row.start, 1))
				near(t, "angle", wrap(s.Lines[h].Deg-want), 0, 2e-2)
			}
			near(t, "absent 4th", s.Lines[4].RMS, 0, 1e-3)
			near(t, "THD", s.THDPct(), 100*math.Sqrt(4+121+49)/230, 1e-3)
		})
	}
}

func TestFitUsesEachChannelsOwnTimes(t *testing.T) {
	// The current is sampled 500 µs after the voltage: 9° at 50 Hz, which a fit on
	// the record's times would take for phase.
	v := wave{hz: 49.97, lines: map[int]Line{1: {100, 0}}}
	i := wave{hz: 49.97, lines: map[int]Line{1: {5, -30}}}
	current := i.sampled(1200, 500e-6, 240)
	r := mustFit(t, []Channel{v.sampled(1200, 0, 240), current}, Options{Reference: []int{0}})
	near(t, "angle", r.Channels[1].Lines[1].Deg, -30, 1e-6)
	near(t, "value at an instant that was not sampled", r.At(1, 0.0123), i.at(0.0123), 1e-6)
}

func TestFitOfChannelsAtDifferentRates(t *testing.T) {
	v := wave{hz: 60.02, lines: map[int]Line{1: {100, 0}, 5: {3, 10}}}
	i := wave{hz: 60.02, lines: map[int]Line{1: {5, -30}, 7: {1, 0}}}
	r := mustFit(t, []Channel{v.sampled(15360, 0, 1536), i.sampled(1920, 0, 192)}, Options{Reference: []int{0}})
	if got := len(r.Channels[1].Lines) - 1; got != 14 {
		t.Errorf("the slower channel has %d orders, want 14 (0.45·1920/60.02)", got)
	}
	near(t, "seventh", r.Channels[1].Lines[7].RMS, 1, 1e-6)
}

func TestFitLeavesMissingSamplesOut(t *testing.T) {
	w := wave{hz: 50.1, dc: 3, lines: map[int]Line{1: {230, 12}, 3: {10, 0}}}
	ch := w.sampled(3200, 0, 640)
	for k := 100; k < 180; k++ {
		ch.Values[k] = math.NaN()
	}
	r := mustFit(t, []Channel{ch}, Options{})
	near(t, "frequency", r.FrequencyHz, 50.1, 1e-5)
	near(t, "fundamental", r.Channels[0].Lines[1].RMS, 230, 1e-3)
}

func TestResidualIsTheNoise(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	w := wave{hz: 50, lines: map[int]Line{1: {100, 0}}}
	ch := w.sampled(51200, 0, 10240)
	for k := range ch.Values {
		ch.Values[k] += 2 * noise.NormFloat64()
	}
	r := mustFit(t, []Channel{ch}, Options{})
	near(t, "residual", r.ResidualPct, 2, 0.1)
	near(t, "frequency", r.FrequencyHz, 50, 5e-3)
}

func TestReferenceDecidesTheFrequency(t *testing.T) {
	// A current full of a decaying DC and a strong subharmonic does not pull it.
	v := wave{hz: 60, lines: map[int]Line{1: {100, 0}}}
	i := wave{hz: 43, lines: map[int]Line{1: {900, 0}}}
	r := mustFit(t, []Channel{i.sampled(4800, 0, 960), v.sampled(4800, 0, 960)}, Options{Reference: []int{1}})
	near(t, "frequency", r.FrequencyHz, 60, 1e-6)
}

func TestFitRefusesWhatDeterminesNothing(t *testing.T) {
	flat := wave{dc: 0}
	for _, row := range []struct {
		name string
		ch   Channel
	}{
		{"nothing", Channel{}},
		{"four samples", wave{hz: 50, lines: map[int]Line{1: {1, 0}}}.sampled(1000, 0, 4)},
		{"all zero", flat.sampled(1000, 0, 500)},
		{"all missing", Channel{Times: make([]float64, 9), Values: []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}}},
		{"all at one instant", Channel{Times: make([]float64, 9), Values: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}}},
		{"a rate below the fundamental", wave{hz: 50, lines: map[int]Line{1: {1, 0}}}.sampled(50, 0, 500)},
		{"a twentieth of a cycle", wave{hz: 50, lines: map[int]Line{1: {1, 0}}}.sampled(100000, 0, 100)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if r, err := Fit([]Channel{row.ch}, Options{}); !errors.Is(err, ErrUndetermined) {
				t.Errorf("got %+v, %v; want ErrUndetermined", r, err)
			}
		})
	}
}

func TestOrders(t *testing.T) {
	// What an independent reader chose for the public recordings.
	for _, row := range []struct {
		n        int
		rate, hz float64
		want     int
	}{
		{16667, 100000, 59.999942, 50}, {240, 1200, 49.969131, 10}, {200, 1000, 49.894746, 9},
		{640, 3200, 49.996524, 28}, {76, 600, 78.994414, 3}, {16, 960, 60.753746, 3}, {160, 960, 59.97863, 7},
	} {
		if got := Orders(row.n, row.rate, row.hz, 50); got != row.want {
			t.Errorf("Orders(%d, %g, %g) = %d, want %d", row.n, row.rate, row.hz, got, row.want)
		}
	}
}

func TestFrequencyTellsFiftyFromSixty(t *testing.T) {
	for _, hz := range []float64{49.7, 60.2, 78.9} {
		w := wave{hz: hz, dc: 40, lines: map[int]Line{1: {100, 50}, 3: {20, 0}}}
		got, share, err := Frequency([]Channel{w.sampled(3200, 0, 3200)}, 35, 90)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "frequency", got, hz, 0.05)
		near(t, "share", share, 1/1.04, 0.01)
	}
}

// TestFrequencyOfAFewSamples: a record far shorter than a cycle tells no frequency, at
// whatever rate; its share of a sine may be anything.
func TestFrequencyOfAFewSamples(t *testing.T) {
	w := wave{hz: 50, dc: 3, lines: map[int]Line{1: {230, 20}}}
	for _, rate := range []float64{6400, 51200, 1e6, 1e12} {
		for _, n := range []int{1, 2, 5, 6, 20, 100} {
			hz, _, err := Frequency([]Channel{w.sampled(rate, 0, n)}, 35, 90)
			if err == nil && !(hz >= 35 && hz <= 90) {
				t.Errorf("%d samples at %g Hz: %g Hz", n, rate, hz)
			}
		}
	}
}

func BenchmarkFitTenCyclesSixChannels(b *testing.B) {
	w := wave{hz: 50.02, lines: map[int]Line{1: {230, 30}, 3: {11, 90}, 5: {7, -45}}}
	ch := make([]Channel, 6)
	for c := range ch {
		ch[c] = w.sampled(51200, 0, 10240)
	}
	for b.Loop() {
		if _, err := Fit(ch, Options{Reference: []int{0, 1, 2}}); err != nil {
			b.Fatal(err)
		}
	}
}
