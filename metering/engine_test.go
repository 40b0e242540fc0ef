package metering

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
	"pgregory.net/rapid"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Config{NominalHz: 50, RateHz: 12800, Inputs: []waveform.Role{waveform.V1}}
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.NominalHz = 55 }, "use 50 or 60"},
		{func(c *Config) { c.RateHz = 200 }, "record faster"},
		{func(c *Config) { c.RateHz = math.NaN() }, "record faster"},
		{func(c *Config) { c.RateHz = math.Inf(1) }, "record faster"},
		{func(c *Config) { c.Inputs = nil }, "no input has a role"},
		{func(c *Config) { c.Inputs = []waveform.Role{waveform.V1, waveform.V1} }, "given to two inputs"},
		{func(c *Config) { c.Inputs = []waveform.Role{99} }, "unknown role"},
		{func(c *Config) { c.HighestOrder = 128 }, "highest order"},
		{func(c *Config) { c.VoltsMode = 9 }, "use one of"},
	} {
		cfg := good
		c.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New: %v, want an error with %q", err, c.want)
		}
	}
	e, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Process(&waveform.Block{RateHz: 12800}, &discard{}); err != nil {
		t.Errorf("empty block: %v", err)
	}
}

// TestBlockSizeDoesNotMatter feeds the same samples in random blocks: the results are
// the same, bit for bit.
func TestBlockSizeDoesNotMatter(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 10}, {5, 10, 0}}, wave{{1, 5, -20}})
	const rate = 1600
	whole := s.block(50.21, rate, 3*rate/2)
	cfg := Config{NominalHz: 50, Inputs: s.inputs()}
	want, _ := run(t, cfg, whole)
	rapid.Check(t, func(rt *rapid.T) {
		var blocks []*waveform.Block
		for at := 0; at < whole.Len(); {
			n := min(rapid.SampledFrom([]int{1, 7, 64, 100, 700, 2000}).Draw(rt, "n"), whole.Len()-at)
			b := &waveform.Block{RateHz: rate, First: int64(at), Start: float64(at) / rate}
			for _, c := range whole.Samples {
				b.Samples = append(b.Samples, c[at:at+n])
			}
			blocks = append(blocks, b)
			at += n
		}
		got, _ := run(t, cfg, blocks...)
		if len(got.windows) != len(want.windows) || len(got.halves) != len(want.halves) || len(got.seconds) != len(want.seconds) {
			rt.Fatalf("%d windows, %d half cycles, %d seconds, want %d, %d, %d", len(got.windows), len(got.halves), len(got.seconds),
				len(want.windows), len(want.halves), len(want.seconds))
		}
		for k := range want.windows {
			a, b := &got.windows[k], &want.windows[k]
			if math.Abs(a.RMS[waveform.V1]-b.RMS[waveform.V1]) > 1e-9 || math.Abs(a.Power.P[Total]-b.Power.P[Total]) > 1e-8 ||
				math.Abs(a.FrequencyHz-b.FrequencyHz) > 1e-9 || a.Flags != b.Flags {
				rt.Fatalf("window %d differs", k)
			}
		}
	})
}

// TestResultsArriveInOrder: a consumer sees half cycles, windows and seconds by the
// time at which they end.
func TestResultsArriveInOrder(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 10}}, wave{{1, 5, -20}})
	r, _ := measure(t, Config{NominalHz: 60}, s, 59.7, 7680, 3.5)
	// The end of the record cuts the last window and the last second short.
	for k := 1; k < len(r.order)-2; k++ {
		if r.order[k] < r.order[k-1]-1e-9 {
			t.Errorf("result %d ends at %.6f s, after one at %.6f s", k, r.order[k], r.order[k-1])
		}
	}
	windows := 0
	for k, sec := range r.seconds {
		windows += sec.Windows
		if sec.EndS != float64(k+1) || sec.Index != int64(k) {
			t.Errorf("second %d: ends at %g s, index %d", k, sec.EndS, sec.Index)
		}
	}
	if windows != len(r.windows) {
		t.Errorf("%d windows in seconds, %d in all", windows, len(r.windows))
	}
}

// TestGap: no window spans a gap, a change of rate or the seam of a loop; energy
// covers the samples played.
func TestGap(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 10}}, wave{{1, 5, 10}})
	for name, second := range map[string]*waveform.Block{
		"gap":            s.block(50, 12800, 12800),
		"rate":           s.block(50, 6400, 6400),
		"loop seam back": s.block(50, 12800, 12800),
	} {
		t.Run(name, func(t *testing.T) {
			first := s.block(50, 12800, 12800*93/100)
			second.Gap = name != "rate"
			second.Start = map[string]float64{"gap": 61.5, "rate": 0.93, "loop seam back": 0}[name]
			r, e := run(t, Config{NominalHz: 50, Inputs: s.inputs()}, first, second)
			gaps := 0
			for n, w := range r.windows {
				if w.Flags&FlagGap != 0 {
					gaps++
					// 0.93 s are 46.5 cycles: four windows and six cycles.
					if n != 4 || w.Cycles != 6 || w.Flags != FlagGap|FlagShort {
						t.Errorf("window %d: %d cycles, flags %v", n, w.Cycles, w.Flags.Names())
					}
				}
				relative(t, "P", w.Power.P[Total], 3450, 1e-5)
				near(t, "frequency", w.FrequencyHz, 50, 0.001)
			}
			if gaps != 1 || len(r.windows) != 10 {
				t.Errorf("%d windows, %d of them closed by a gap", len(r.windows), gaps)
			}
			perSecond := 0
			for _, sec := range r.seconds {
				perSecond = max(perSecond, sec.Windows)
			}
			if perSecond > 6 {
				t.Errorf("%d windows in one second: seconds across the gap were merged", perSecond)
			}
			near(t, "start after the gap", r.windows[5].StartS, second.Start, 1e-9)
			relative(t, "energy", delivered(e), 3450*1.93/3600, 1e-6)
		})
	}
}

// TestSteadyStateAllocatesNothing in any block size.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, mode := range []VoltsMode{FourWireWye, ThreeWireWye, Delta, Single} {
		for _, n := range []int{25, 256, 5000} {
			t.Run(fmt.Sprintf("%v, %d samples", mode, n), func(t *testing.T) {
				s := threePhase(wave{{1, 230, 10}}, wave{{1, 5, -20}})
				e, err := New(Config{NominalHz: 50, RateHz: 3200, Inputs: s.inputs(), VoltsMode: mode})
				if err != nil {
					t.Fatal(err)
				}
				b := s.block(50, 3200, n)
				sink := &discard{}
				feed := func() {
					if err := e.Process(b, sink); err != nil {
						t.Fatal(err)
					}
				}
				for range 15000/n + 1 { // the memory is full and has been compacted
					feed()
				}
				if a := testing.AllocsPerRun(20, feed); a != 0 {
					t.Errorf("%g allocations per block", a)
				}
			})
		}
	}
}

// TestLongRun: what is computed after many compactions of the memory is what was
// computed at first.
func TestLongRun(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 10}, {7, 9, 1}}, wave{{1, 5, -20}})
	r, _ := measure(t, Config{NominalHz: 50}, s, 50.1, 1600, 60)
	for n, w := range r.windows {
		near(t, "frequency", w.FrequencyHz, 50.1, 1e-4)
		relative(t, "RMS", w.RMS[waveform.V1], s[waveform.V1].rms(), 1e-5)
		relative(t, "P", w.Power.P[Total], 3*s[waveform.V1].power(s[waveform.I1]), 1e-5)
		near(t, "h7", w.Subgroup[waveform.V1][7], 9, 0.01)
		if n > 0 {
			near(t, "start", w.StartS, r.windows[n-1].StartS+r.windows[n-1].DurationS, 1e-9)
		}
	}
	if n := len(r.halves); n < 6005 || n > 6013 {
		t.Errorf("%d half cycles in a minute of 50.1 Hz", n)
	}
}

// TestUnconnectedIsNotAvailable walks every number of the results of a single input:
// nothing reads 0 that was not measured.
func TestUnconnectedIsNotAvailable(t *testing.T) {
	t.Parallel()
	s := waves{waveform.V1: {{1, 230, 0}}}
	r, _ := measure(t, Config{NominalHz: 50}, s, 50, 12800, 1.1)
	w := r.windows[0]
	for role := waveform.V2; int(role) < Inputs; role++ {
		unavailable(t, role.String(), w.RMS[role])
		unavailable(t, role.String()+" phasor", w.Fundamental[role].RMS)
		unavailable(t, role.String()+" half cycle", r.halves[0].URms[role])
		unavailable(t, role.String()+" second", r.seconds[0].RMS[role])
		if w.Subgroup[role] != nil {
			t.Errorf("%v has a spectrum", role)
		}
	}
	numbers := 0
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Float64:
			numbers++
			unavailable(t, path, v.Float())
		case reflect.Array:
			for k := range v.Len() {
				walk(fmt.Sprintf("%s[%d]", path, k), v.Index(k))
			}
		case reflect.Struct:
			for k := range v.NumField() {
				walk(path+"."+v.Type().Field(k).Name, v.Field(k))
			}
		}
	}
	walk("power", reflect.ValueOf(w.Power))
	walk("power of the second", reflect.ValueOf(r.seconds[0].Power))
	walk("voltage", reflect.ValueOf(w.Voltage))
	walk("current", reflect.ValueOf(w.Current))
	for _, v := range []float64{w.U2, w.U0, w.I2, w.I0, w.VWorstLN, w.VWorstLL, w.IWorst, w.IResidual} {
		unavailable(t, "unbalance", v)
	}
	if numbers < 50 {
		t.Errorf("walked over %d numbers only", numbers)
	}
}

// TestHostileSamples: infinities, numbers whose squares overflow and missing samples
// that nobody took out neither hang the engine nor stay in the energy.
func TestHostileSamples(t *testing.T) {
	t.Parallel()
	s := threePhase(wave{{1, 230, 10}}, wave{{1, 5, -20}})
	for _, poison := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), 1e300, -1e155} {
		for _, at := range []int{0, 25, 1250, 2750} {
			for _, n := range []int{75, 3000, 10000} {
				b := s.block(50, 3200, n)
				for _, c := range []int{0, 4} {
					b.Samples[c][min(at, n-1)] = poison
				}
				r, e := run(t, Config{NominalHz: 50, Inputs: s.inputs()}, b)
				for _, w := range r.windows {
					for _, v := range append(w.RMS[:], append(w.Peak[:], w.Power.P[:]...)...) {
						if math.IsInf(v, 0) {
							t.Fatalf("%g at %d of %d: a reading of %g", poison, at, n, v)
						}
					}
				}
				total := e.Energy()
				for k := range 4 {
					if !finite(total.Wh[k]) || !finite(total.Varh[k]) || !finite(total.VAh[k]) {
						t.Fatalf("%g at %d of %d: energy %v", poison, at, n, total)
					}
				}
				if n == 10000 && !(delivered(e) > 0) {
					t.Errorf("%g at %d: nothing was metered", poison, at)
				}
			}
		}
	}
}
