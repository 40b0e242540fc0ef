package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// tone is one line of a test signal: RMS and cosine angle at t = 0 of a multiple (or
// fraction) of the fundamental. Order 0 is DC.
type tone struct{ order, rms, deg float64 }

// wave is a signal in closed form.
type wave []tone

// at returns the value at t, in cycles of the fundamental.
func (w wave) at(cycles float64) float64 {
	v := 0.0
	for _, o := range w {
		if o.order == 0 {
			v += o.rms
			continue
		}
		v += math.Sqrt2 * o.rms * math.Cos(2*math.Pi*o.order*cycles+o.deg*math.Pi/180)
	}
	return v
}

// rms returns the true RMS value.
func (w wave) rms() float64 {
	s := 0.0
	for _, o := range w {
		s += o.rms * o.rms
	}
	return math.Sqrt(s)
}

// power returns the mean of the product with i, whose lines have the same orders.
func (w wave) power(i wave) float64 {
	p := 0.0
	for _, a := range w {
		for _, b := range i {
			if a.order == b.order {
				p += a.rms * b.rms * math.Cos((a.deg-b.deg)*math.Pi/180)
			}
		}
	}
	return p
}

// rotated returns w as it would be in a phase that lags by deg at the fundamental.
func (w wave) rotated(deg float64) wave {
	out := append(wave(nil), w...)
	for k := range out {
		out[k].deg -= deg * out[k].order
	}
	return out
}

// scaled returns w times a factor.
func (w wave) scaled(factor float64) wave {
	out := append(wave(nil), w...)
	for k := range out {
		out[k].rms *= factor
	}
	return out
}

// waves connects signals to inputs.
type waves map[waveform.Role]wave

// threePhase connects u and i to three phases at 120 degrees.
func threePhase(u, i wave) waves {
	s := waves{}
	for k := range 3 {
		s[waveform.V1+waveform.Role(k)] = u.rotated(120 * float64(k))
		if i != nil {
			s[waveform.I1+waveform.Role(k)] = i.rotated(120 * float64(k))
		}
	}
	return s
}

// inputs lists the connected roles in order.
func (s waves) inputs() []waveform.Role {
	var roles []waveform.Role
	for r := waveform.V1; int(r) < Inputs; r++ {
		if _, ok := s[r]; ok {
			roles = append(roles, r)
		}
	}
	return roles
}

// block samples the signals, n samples at rate with the fundamental f.
func (s waves) block(f, rate float64, n int) *waveform.Block {
	roles := s.inputs()
	b := &waveform.Block{RateHz: rate}
	b.Resize(len(roles), n)
	for c, r := range roles {
		for k := range n {
			b.Samples[c][k] = s[r].at(f * float64(k) / rate)
		}
	}
	return b
}

// recorder keeps copies of all results.
type recorder struct {
	halves  []HalfCycle
	windows []Window
	seconds []Second
	order   []float64 // end of each result in the order of arrival
}

func (r *recorder) HalfCycle(h *HalfCycle) {
	r.halves = append(r.halves, *h)
	r.order = append(r.order, h.EndS)
}

func (r *recorder) Window(w *Window) {
	c := *w
	for _, planes := range []*[Inputs][]float64{&c.Group, &c.Subgroup, &c.InterGroup, &c.InterSubgroup, &c.Angle} {
		for k := range planes {
			planes[k] = append([]float64(nil), planes[k]...)
		}
	}
	r.windows = append(r.windows, c)
	r.order = append(r.order, w.StartS+w.DurationS)
}

func (r *recorder) Second(s *Second) {
	r.seconds = append(r.seconds, *s)
	r.order = append(r.order, s.EndS)
}

// run measures blocks and flushes.
func run(t testing.TB, cfg Config, blocks ...*waveform.Block) (*recorder, *Engine) {
	t.Helper()
	if cfg.RateHz == 0 {
		cfg.RateHz = blocks[0].RateHz
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	for _, b := range blocks {
		if err := e.Process(b, r); err != nil {
			t.Fatal(err)
		}
	}
	e.Flush(r)
	return r, e
}

// measure runs signals for so many seconds; cfg needs no Inputs and no RateHz.
func measure(t testing.TB, cfg Config, s waves, f, rate, seconds float64) (*recorder, *Engine) {
	t.Helper()
	cfg.Inputs = s.inputs()
	return run(t, cfg, s.block(f, rate, int(math.Round(seconds*rate))))
}

// near fails unless got is within tolerance of want.
func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.12g, want %.12g ± %.3g (off by %.3g)", what, got, want, tolerance, got-want)
	}
}

// relative fails unless got is within a relative tolerance of want.
func relative(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	near(t, what, got, want, tolerance*math.Abs(want))
}

// unavailable fails unless got is NaN.
func unavailable(t testing.TB, what string, got float64) {
	t.Helper()
	if !math.IsNaN(got) {
		t.Errorf("%s = %g, want not available", what, got)
	}
}

// grid calls f for the sampling rates, nominal frequencies and frequencies that the
// conformance suite asks for.
func grid(t *testing.T, f func(t *testing.T, nominal, hz, rate float64)) {
	for _, perCycle := range []float64{80, 256, 1024} {
		for nominal, list := range map[float64][]float64{
			50: {42.5, 49.5, 50, 50.37, 57.5},
			60: {51, 59.5, 60, 60.37, 69},
		} {
			for _, hz := range list {
				t.Run(name(nominal, hz, perCycle), func(t *testing.T) {
					t.Parallel()
					f(t, nominal, hz, nominal*perCycle)
				})
			}
		}
	}
}
