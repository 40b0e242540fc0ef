package synth

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// samples returns count samples of each channel from index first on.
func samples(t testing.TB, text string, rate float64, first int64, count int) (*generator, [][]float64) {
	t.Helper()
	s, err := Parse([]byte(text), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.generator(rate, testStart)
	if err != nil {
		t.Fatal(err)
	}
	g.seek(first)
	var b waveform.Block
	if n, err := g.Next(context.Background(), &b, count); err != nil || n != count {
		t.Fatalf("Next: %d samples, %v", n, err)
	}
	if b.First != first {
		t.Fatalf("block begins at %d, want %d", b.First, first)
	}
	return g, b.Samples
}

// cycles returns the fraction of n·hz/rate, calculated with 200 bits.
func cycles(n int64, hz, rate float64) float64 {
	x := new(big.Float).SetPrec(200).SetInt64(n)
	x.Mul(x, new(big.Float).SetPrec(200).SetFloat64(hz))
	x.Quo(x, new(big.Float).SetPrec(200).SetFloat64(rate))
	whole, _ := x.Int(nil)
	x.Sub(x, new(big.Float).SetPrec(200).SetInt(whole))
	f, _ := x.Float64()
	return f
}

func rad(degrees float64) float64 { return degrees * math.Pi / 180 }

// TestClosedForm compares samples with the sum of sines written out here, at the
// start, after an hour and after a year.
func TestClosedForm(t *testing.T) {
	const u = 230 * math.Sqrt2
	rows := []struct {
		name, text string
		hz         float64
		channel    int
		// want is the value at sample n; th is the supply's phase in radians.
		want func(n int64, th, rate float64) float64
	}{
		{"fundamental 50 Hz", `voltage: {rms: 230}`, 50, 1,
			func(_ int64, th, _ float64) float64 { return u * math.Sin(th-rad(120)) }},
		{"fundamental 50.37 Hz", "frequency: {hz: 50.37}\nvoltage: {rms: 230, degrees: 17}", 50.37, 2,
			func(_ int64, th, _ float64) float64 { return u * math.Sin(th+rad(17+120)) }},
		{"fundamental 42.5 Hz", "frequency: {hz: 42.5}\nvoltage: {rms: 230}", 42.5, 0,
			func(_ int64, th, _ float64) float64 { return u * math.Sin(th) }},
		{"fundamental 69 Hz", "frequency: {hz: 69}\nvoltage: {rms: 230}", 69, 0,
			func(_ int64, th, _ float64) float64 { return u * math.Sin(th) }},
		{"reversed rotation", "voltage: {rms: 230, reversed: true}", 50, 1,
			func(_ int64, th, _ float64) float64 { return u * math.Sin(th+rad(120)) }},
		{"harmonics turn with their phase", "voltage: {rms: 230, harmonics: [{order: 5, percent: 6, degrees: 40}, {order: 29, percent: 5}, {order: 50, percent: 1, degrees: -90}]}", 50, 1,
			func(_ int64, th, _ float64) float64 {
				x := th - rad(120)
				return u * (math.Sin(x) + .06*math.Sin(5*x+rad(40)) + .05*math.Sin(29*x) + .01*math.Sin(50*x-rad(90)))
			}},
		{"harmonic with absolute phase", "voltage: {rms: 230, harmonics: [{order: 3, percent: 20, absoluteDegrees: -165}]}", 50, 2,
			func(_ int64, th, _ float64) float64 {
				return u * (math.Sin(th+rad(120)) + .2*math.Sin(3*th-rad(165)))
			}},
		{"interharmonic by ratio", "voltage: {rms: 230, interharmonics: [{ratio: 7.5, percent: 1, degrees: 30}]}", 50, 0,
			func(n int64, th, rate float64) float64 {
				return u * (math.Sin(th) + .01*math.Sin(2*math.Pi*cycles(n, 375, rate)+rad(30)))
			}},
		{"interharmonic by frequency", "voltage: {rms: 230, interharmonics: [{hz: 183.3, percent: 2}]}", 50, 0,
			func(n int64, th, rate float64) float64 {
				return u * (math.Sin(th) + .02*math.Sin(2*math.Pi*cycles(n, 183.3, rate)))
			}},
		{"whole ratio is a harmonic", "voltage: {rms: 230, interharmonics: [{ratio: 3, percent: 2}]}", 50, 0,
			func(_ int64, th, _ float64) float64 { return u * (math.Sin(th) + .02*math.Sin(3*th)) }},
		{"direct component", "channels: {V1: {rms: 230, dc: -3.5}}", 50, 0,
			func(_ int64, th, _ float64) float64 { return u*math.Sin(th) - 3.5 }},
		{"sequence components", "voltage: {rms: 230, negativePercent: 2, negativeDegrees: 50, zeroPercent: 1, zeroDegrees: -20}", 50, 1,
			func(_ int64, th, _ float64) float64 {
				return u * (math.Sin(th-rad(120)) + .02*math.Sin(th+rad(120+50)) + .01*math.Sin(th-rad(20)))
			}},
		{"channel overrides", "voltage: {rms: 230}\nchannels: {V2: {rms: 184, degrees: -118}}", 50, 1,
			func(_ int64, th, _ float64) float64 { return .8 * u * math.Sin(th-rad(118)) }},
		{"delta", "connection: delta\nvoltage: {rms: 230}", 50, 2, // V31
			func(_ int64, th, _ float64) float64 { return u * (math.Sin(th+rad(120)) - math.Sin(th)) }},
		{"derived neutral", "current: {rms: 230, harmonics: [{order: 3, percent: 10}]}\nchannels: {I4: {derive: {I1: -1, I2: -1, I3: -1}}}", 50, 3,
			func(_ int64, th, _ float64) float64 { return -3 * .1 * u * math.Sin(3*th) }},
	}
	for _, row := range rows {
		for _, rate := range []float64{51200, 12800, 8000, 48123.4} {
			for _, first := range []int64{0, int64(3600*rate) + 77, int64(3600*24*365*rate) + 5} {
				t.Run(fmt.Sprintf("%s/%g/%d", row.name, rate, first), func(t *testing.T) {
					count := int(rate / 20)
					_, x := samples(t, row.text, rate, first, count)
					worst := 0.0
					for k := 0; k < count; k += 3 {
						n := first + int64(k)
						want := row.want(n, 2*math.Pi*cycles(n, row.hz, rate), rate)
						worst = math.Max(worst, math.Abs(x[row.channel][k]-want)/u)
					}
					if worst > 1e-11 {
						t.Errorf("off by %.2g of the amplitude, want 1e-11", worst)
					}
				})
			}
		}
	}
}

// TestEvents compares events with their definition, sample by sample.
func TestEvents(t *testing.T) {
	const rate = 12800.0
	const u = 230 * math.Sqrt2
	th := func(n int64) float64 { return 2 * math.Pi * cycles(n, 50, rate) }
	sine := func(n int64) float64 { return u * math.Sin(th(n)) }
	between := func(n int64, from, to float64) bool {
		return float64(n) >= from*rate-1e-6 && float64(n) < to*rate-1e-6
	}
	impulsePeak := func(rise, decay float64) float64 {
		tp := math.Log(decay/rise) / (1/rise - 1/decay)
		return math.Exp(-tp/decay) - math.Exp(-tp/rise)
	}
	rows := []struct {
		name, events string
		want         func(n int64) float64
	}{
		{"dip", "{type: dip, at: 0.1003, durationSeconds: 0.05, percent: 70}", func(n int64) float64 {
			if between(n, .1003, .1503) {
				return .7 * sine(n)
			}
			return sine(n)
		}},
		{"dip series that starts at 90°", "{type: dip, at: 0.1, phase: 90, durationCycles: 1, percent: 40, everySeconds: 0.2, times: 2}", func(n int64) float64 {
			if between(n, .105, .125) || between(n, .305, .325) {
				return .4 * sine(n)
			}
			return sine(n)
		}},
		{"dip that starts at 0° where it is due", "{type: dip, at: 0.1, phase: 0, durationCycles: 1, percent: 40}", func(n int64) float64 {
			if between(n, .1, .12) {
				return .4 * sine(n)
			}
			return sine(n)
		}},
		{"swell on two channels", "{type: swell, at: 0.2, durationCycles: 5, percent: 120, channels: [V1, V3]}", func(n int64) float64 {
			if between(n, .2, .3) {
				return 1.2 * sine(n)
			}
			return sine(n)
		}},
		{"swell elsewhere", "{type: swell, at: 0.2, durationCycles: 5, percent: 120, channels: [V2]}", sine},
		{"interruption", "{type: interruption, at: 0.2, durationSeconds: 0.1}", func(n int64) float64 {
			if between(n, .2, .3) {
				return 0
			}
			return sine(n)
		}},
		{"overlapping dips multiply", "{type: dip, at: 0.1, durationSeconds: 0.2, percent: 50}, {type: dip, at: 0.2, durationSeconds: 0.2, percent: 80}", func(n int64) float64 {
			x := sine(n)
			if between(n, .1, .3) {
				x *= .5
			}
			if between(n, .2, .4) {
				x *= .8
			}
			return x
		}},
		{"step", "{type: step, at: 0.15, percent: 96.5}", func(n int64) float64 {
			if between(n, .15, 9) {
				return .965 * sine(n)
			}
			return sine(n)
		}},
		{"ramp that ends off the grid", "{type: step, at: 0.1003, rampSeconds: 0.2001, percent: 90}", func(n int64) float64 {
			x := float64(n - 1284) // 0.1003 s is sample 1283.84; the ramp has 2561.28, so 2562
			return sine(n) * (1 - .1*math.Min(1, math.Max(0, x/2562)))
		}},
		{"phase jumps", "{type: phaseJump, at: 0.1, degrees: 30, everySeconds: 0.1, times: 3}", func(n int64) float64 {
			jumps := math.Min(3, math.Max(0, math.Floor((float64(n)+1e-6)/(.1*rate))))
			return u * math.Sin(th(n)+jumps*rad(30))
		}},
		{"phase jumps at zero crossings", "{type: phaseJump, at: 0.1, phase: 0, degrees: 90, everySeconds: 0.1, times: 2}", func(n int64) float64 {
			// The second waits for the crossing of the signal it has already moved.
			switch {
			case between(n, 0, .1):
				return sine(n)
			case between(n, .1, .215):
				return u * math.Sin(th(n)+rad(90))
			}
			return u * math.Sin(th(n)+rad(180))
		}},
		{"sine modulation", "{type: modulation, at: 0.05, hz: 8.8, depthPercent: 0.25}", func(n int64) float64 {
			x := float64(n) - .05*rate
			if x < 0 {
				return sine(n)
			}
			return sine(n) * (1 + .00125*math.Sin(2*math.Pi*8.8*x/rate))
		}},
		{"rectangular modulation, 1620 changes a minute", "{type: modulation, shape: rectangular, changesPerMinute: 1620, depthPercent: 40}", func(n int64) float64 {
			x := float64(n)*13.5/rate + 1e-12
			if x-math.Floor(x) < .5 {
				return 1.2 * sine(n)
			}
			return .8 * sine(n)
		}},
		{"modulation on a part of each span", "{type: modulation, at: 0.1, hz: 28, depthPercent: 10, durationSeconds: 0.03, everySeconds: 0.15}", func(n int64) float64 {
			for _, from := range []float64{.1, .25, .4, .55} {
				if between(n, from, from+.03) {
					return sine(n) * (1 + .05*math.Sin(2*math.Pi*28*(float64(n)/rate-from)))
				}
			}
			return sine(n)
		}},
		{"oscillatory transient", "{type: oscillatory, at: 0.1, phase: 90, hz: 900, peak: 150, decaySeconds: 0.004}", func(n int64) float64 {
			x := float64(n)/rate - .105
			if x < -1e-9 || x >= .08-1e-9 {
				return sine(n)
			}
			return sine(n) + 150*math.Exp(-x/.004)*math.Sin(2*math.Pi*900*x)
		}},
		{"impulsive transient", "{type: impulse, at: 0.1, peak: -800, riseSeconds: 0.0002, decaySeconds: 0.002, durationSeconds: 0.02}", func(n int64) float64 {
			x := float64(n)/rate - .1
			if x < -1e-9 || x >= .02-1e-9 {
				return sine(n)
			}
			return sine(n) - 800*(math.Exp(-x/.002)-math.Exp(-x/.0002))/impulsePeak(.0002, .002)
		}},
	}
	for _, row := range rows {
		for _, first := range []int64{0, 3001} { // from the start, and jumped into
			t.Run(fmt.Sprintf("%s/%d", row.name, first), func(t *testing.T) {
				count := int(.6*rate) - int(first)
				_, x := samples(t, "voltage: {rms: 230}\nevents: ["+row.events+"]", rate, first, count)
				for k := range count {
					n := first + int64(k)
					if want := row.want(n); math.Abs(x[0][k]-want) > 1e-9*u {
						t.Fatalf("sample %d (%.6f s): %.12g, want %.12g", n, float64(n)/rate, x[0][k], want)
					}
				}
			})
		}
	}
}

// TestFrequency compares the phase with the integral of the frequency.
func TestFrequency(t *testing.T) {
	const rate = 12800.0
	rows := []struct {
		name, text string
		hz         func(t float64) float64
		cycles     func(t float64) float64 // its integral
	}{
		{"step", "{hz: 50, changes: [{at: 1, hz: 50.5}]}",
			func(t float64) float64 {
				if t < 1 {
					return 50
				}
				return 50.5
			},
			func(t float64) float64 { return 50*t + .5*math.Max(0, t-1) }},
		{"ramp", "{hz: 50, changes: [{at: 1, hz: 47, overSeconds: 1.5}]}",
			func(t float64) float64 { return 50 - 2*math.Min(1.5, math.Max(0, t-1)) },
			func(t float64) float64 {
				x := math.Max(0, t-1)
				if x < 1.5 {
					return 50*t - x*x
				}
				return 50*t - 1.5*1.5 - 3*(x-1.5)
			}},
		{"repeated steps (61000-4-15, combined frequency and voltage)", "{hz: 49.75, changes: [{at: 0.4, hz: 50.25}], repeatSeconds: 0.8}",
			func(t float64) float64 {
				if math.Mod(t+1e-9, .8) < .4 {
					return 49.75
				}
				return 50.25
			},
			func(t float64) float64 {
				laps := math.Floor((t + 1e-9) / .8)
				x := t - laps*.8
				return laps*40 + 49.75*x + .5*math.Max(0, x-.4)
			}},
		{"wander", "{hz: 50, wander: [{hz: 0.2, periodSeconds: 5, degrees: 30}]}",
			func(t float64) float64 { return 50 + .2*math.Sin(2*math.Pi*t/5+math.Pi/6) },
			func(t float64) float64 {
				return 50*t + .2*5/2/math.Pi*(math.Cos(math.Pi/6)-math.Cos(2*math.Pi*t/5+math.Pi/6))
			}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			const count = 3 * rate
			g, x := samples(t, "frequency: "+row.text+"\nvoltage: {rms: 230, harmonics: [{order: 40, percent: 5}], interharmonics: [{ratio: 7.5, percent: 5}]}", rate, 0, count)
			for n := range int64(count) {
				at := float64(n) / rate
				th := 2 * math.Pi * row.cycles(at)
				want := 230 * math.Sqrt2 * (math.Sin(th) + .05*math.Sin(40*th) + .05*math.Sin(7.5*th))
				if math.Abs(x[0][n]-want) > 1e-9*230*math.Sqrt2 {
					t.Fatalf("sample %d: %.12g, want %.12g", n, x[0][n], want)
				}
				if f := g.supply.hz(n); math.Abs(f-row.hz(at)) > 1e-9 {
					t.Fatalf("sample %d: %.12g Hz, want %.12g", n, f, row.hz(at))
				}
			}
		})
	}
}

// TestSeekEqualsRunning makes sure that jumping to a sample, which other tests
// rely on, gives what running to it gives.
func TestSeekEqualsRunning(t *testing.T) {
	const rate = 2000
	run, err := Default().generator(rate, testStart)
	if err != nil {
		t.Fatal(err)
	}
	jump, err := Default().generator(rate, testStart)
	if err != nil {
		t.Fatal(err)
	}
	var a, b waveform.Block
	ctx := context.Background()
	for range 130 {
		if _, err := run.Next(ctx, &a, rate); err != nil {
			t.Fatal(err)
		}
	}
	jump.seek(129 * rate)
	if _, err := jump.Next(ctx, &b, rate); err != nil {
		t.Fatal(err)
	}
	for c := range a.Samples {
		for k := range a.Samples[c] {
			if a.Samples[c][k] != b.Samples[c][k] {
				t.Fatalf("channel %d sample %d: %v running, %v jumping", c, k, a.Samples[c][k], b.Samples[c][k])
			}
		}
	}
}

func TestExactFunctions(t *testing.T) {
	for i := range 20000 {
		x := float64(i)/10000 - .5
		s, c := sincos(x)
		// 2πx rounded is off by up to 4e-16 at 3π.
		if math.Abs(s-math.Sin(2*math.Pi*x)) > 2e-15 || math.Abs(c-math.Cos(2*math.Pi*x)) > 2e-15 {
			t.Fatalf("sincos(%g) = %v %v", x, s, c)
		}
		y := -float64(i) / 100
		if got, want := exp(y), math.Exp(y); math.Abs(got-want) > 4e-16*want+1e-300 {
			t.Fatalf("exp(%g) = %v, want %v", y, got, want)
		}
	}
	for _, n := range []int64{1, 12345, 1 << 40, 1 << 52} {
		for _, hz := range []float64{50, 50.37, 183.3} {
			got, want := makePace(hz, 51200).after(n).frac, cycles(n, hz, 51200)
			if d := math.Abs(got - want); d > 1e-14 && d < 1-1e-14 {
				t.Errorf("phase after %d samples of %g Hz: %v, want %v", n, hz, got, want)
			}
		}
	}
}
