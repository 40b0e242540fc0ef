package synth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// eventful has everything that could depend on where blocks end.
const eventful = `
seed: 3
frequency: {hz: 50, changes: [{at: 0.3, hz: 49, overSeconds: 0.31}, {at: 0.9, hz: 51}], wander: [{hz: 0.1, periodSeconds: 6}]}
voltage: {rms: 230, noisePercent: 0.1, fluctuationPercent: 2, fluctuationSeconds: 1, harmonics: [{order: 3, percent: 2}, {order: 37, percent: 1}], interharmonics: [{ratio: 3.3, percent: 1}, {hz: 217, percent: 1}]}
channels: {I4: {derive: {I1: -1, I2: -1, I3: -1}}}
loads:
  - {name: a, kW: 10, pf: 0.9, profile: {kind: day, fluctuationPercent: 20, fluctuationSeconds: 0.3}}
  - {name: m, kW: 5, pf: 0.8, profile: {kind: cycle, everySeconds: 0.31, onSeconds: 0.1, jitterPercent: 100, startRatio: 6, startSeconds: 0.02, alternate: true}}
events:
  - {type: dip, at: 0.101, phase: 45, durationSeconds: 0.033, percent: 50, everySeconds: 0.17}
  - {type: modulation, hz: 8.8, depthPercent: 3, at: 0.2}
  - {type: modulation, hz: 13.5, shape: rectangular, depthPercent: 3, at: 0.25, channels: [V2]}
  - {type: phaseJump, at: 0.4, degrees: 20, everySeconds: 0.5}
  - {type: oscillatory, at: 0.5, hz: 800, peak: 100, decaySeconds: 0.01, everySeconds: 0.3}
  - {type: impulse, at: 0.6, peak: 500, decaySeconds: 0.001, riseSeconds: 0.0001}
  - {type: step, at: 0.7, load: a, percent: 130, rampSeconds: 0.2}
`

// digest returns a hash over the bits of the first total samples, read in blocks
// of the sizes that size returns.
func digest(t testing.TB, s *Scenario, rate float64, total int, size func() int) string {
	t.Helper()
	src, err := s.Source(rate, testStart)
	if err != nil {
		t.Fatal(err)
	}
	var b waveform.Block
	all := make([][]byte, len(src.Info().Channels))
	for done := 0; done < total; {
		n, err := src.Next(context.Background(), &b, min(size(), total-done))
		if err != nil {
			t.Fatal(err)
		}
		if b.First != int64(done) || b.Len() != n || b.Gap || b.RateHz != rate || math.Abs(b.Start-float64(done)/rate) > 1e-12 {
			t.Fatalf("block %+v after %d samples", b.First, done)
		}
		for c := range b.Samples {
			for _, x := range b.Samples[c] {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("sample %g", x)
				}
				all[c] = binary.LittleEndian.AppendUint64(all[c], math.Float64bits(x))
			}
		}
		done += n
	}
	hash := sha256.New()
	for _, bytes := range all {
		hash.Write(bytes)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

func TestBlockSizesDoNotMatter(t *testing.T) {
	const rate, total = 12800, 20000
	s := parse(t, eventful)
	whole := digest(t, s, rate, total, func() int { return total })
	random := rand.New(rand.NewPCG(1, 2))
	for name, size := range map[string]func() int{
		"1": func() int { return 1 }, "7": func() int { return 7 }, "256": func() int { return 256 }, "2560": func() int { return 2560 },
		"random": func() int { return 1 + random.IntN(1000) },
	} {
		if got := digest(t, s, rate, total, size); got != whole {
			t.Errorf("blocks of %s samples give other samples than one block", name)
		}
	}
	s.Seed++
	if digest(t, s, rate, total, func() int { return total }) == whole {
		t.Error("another seed gives the same samples")
	}
}

// TestSameBitsEverywhere pins the bits: they are the same on every platform and
// change only with intent (then the recordings made of scenarios change too).
// GOAMD64=v3 and GOARCH=arm64 fuse multiplications and additions, GOARCH=386 has
// other registers: the test passes on each.
func TestSameBitsEverywhere(t *testing.T) {
	rows := []struct {
		name string
		s    *Scenario
		want string
	}{
		{"eventful", parse(t, eventful), "98c7514eb2cdafcc1c4805b39cbd385b0ee3412a617e1c33c7fa1220dc899d63"},
		{"default site", Default(), "53755a34490d69c161a625255f1729ff39cab11cee1e7fb56a188324f4894d69"},
	}
	for _, row := range rows {
		if got := digest(t, row.s, 12800, 20000, func() int { return 4096 }); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestInfo(t *testing.T) {
	src, err := Default().Source(51200, testStart)
	if err != nil {
		t.Fatal(err)
	}
	info := src.Info()
	if info.Format != "synth" || info.NominalHz != 50 || info.RateHz != 51200 || info.Samples != -1 || !info.Start.Equal(testStart) {
		t.Errorf("info %+v", info)
	}
	names := ""
	for _, c := range info.Channels {
		names += c.Name + c.Phase + c.Unit + " "
	}
	if want := "V1AV V2BV V3CV V4NV I1AA I2BA I3CA I4NA I5A "; names != want {
		t.Errorf("channels %q, want %q", names, want)
	}
	if r := parse(t, "voltage: {rms: 1}\nfrequency: {hz: 59.9}").Rate(0); r != 61440 {
		t.Errorf("a scenario without a rate: %g Hz, want 1024 samples in a nominal cycle of 60 Hz", r)
	}
	if r := parse(t, "voltage: {rms: 1}\nrateHz: 4000").Rate(51200); r != 4000 {
		t.Errorf("a scenario with a rate: %g Hz, want its own", r)
	}
}

func TestEnds(t *testing.T) {
	s := parse(t, "voltage: {rms: 230}\ndurationSeconds: 0.1")
	src, err := s.Source(8000, testStart)
	if err != nil {
		t.Fatal(err)
	}
	if src.Info().Samples != 800 {
		t.Errorf("%d samples stated, want 800", src.Info().Samples)
	}
	var b waveform.Block
	total := 0
	for {
		n, err := src.Next(context.Background(), &b, 333)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 800 {
		t.Errorf("%d samples, want 800", total)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	src, _ = s.Source(8000, testStart)
	if _, err := src.Next(cancelled, &b, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := src.Next(context.Background(), &b, 0); err == nil {
		t.Error("no error where no samples are asked for")
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Next(context.Background(), &b, 100); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("closed: %v", err)
	}
}

func TestRefusesWhatWouldAlias(t *testing.T) {
	for _, text := range []string{
		"voltage: {rms: 230, harmonics: [{order: 100, percent: 1}]}",
		"voltage: {rms: 230, interharmonics: [{hz: 4000, percent: 1}]}",
		"voltage: {rms: 230}\nevents: [{type: oscillatory, hz: 5000, peak: 1, decaySeconds: 0.1}]",
		"voltage: {rms: 230}\nfrequency: {hz: 50, changes: [{at: 1, hz: 900}]}\nchannels: {V1: {harmonics: [{order: 5, percent: 1}]}}",
	} {
		if _, err := parse(t, text).Source(8000, testStart); err == nil {
			t.Errorf("no error from %q at 8 kHz", text)
		}
		if _, err := parse(t, text).Source(51200, testStart); err != nil {
			t.Errorf("%q at 51.2 kHz: %v", text, err)
		}
	}
}

func TestNothingAllocated(t *testing.T) {
	src, err := parse(t, eventful).Source(12800, testStart)
	if err != nil {
		t.Fatal(err)
	}
	var b waveform.Block
	ctx := context.Background()
	if n := testing.AllocsPerRun(50, func() {
		if _, err := src.Next(ctx, &b, 2560); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations per block, want 0", n)
	}
}

// TestProfiles checks profiles against the civil time of the start.
func TestProfiles(t *testing.T) {
	const rate = 3200
	zone := time.FixedZone("here", 2*3600)
	at := func(hour, minute int) time.Time { return time.Date(2026, 6, 1, hour, minute, 0, 0, zone) }
	rows := []struct {
		name, profile string
		start         time.Time
		second        int64
		want          float64
	}{
		{"day at a full hour", "{kind: day, hours: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210, 220, 230]}", at(5, 0), 0, .5},
		{"day between hours", "{kind: day, hours: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210, 220, 230]}", at(5, 0), 1800, .55},
		{"day after midnight", "{kind: day, hours: [50, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210, 220, 230]}", at(23, 30), 1800, .5},
		{"solar at noon", "{kind: solar, sunriseHour: 6, sunsetHour: 18}", at(12, 0), 0, 1},
		{"solar in the morning", "{kind: solar, sunriseHour: 6, sunsetHour: 18}", at(8, 0), 0, math.Pow(.5, 1.5)},
		{"solar at night", "{kind: solar, sunriseHour: 6, sunsetHour: 18}", at(3, 0), 0, 0},
		{"cycle on", "{kind: cycle, everySeconds: 100, onSeconds: 10}", at(0, 0), 205, 1},
		{"cycle off", "{kind: cycle, everySeconds: 100, onSeconds: 10}", at(0, 0), 211, 0},
		{"cycle turned round", "{kind: cycle, everySeconds: 100, onSeconds: 10, alternate: true}", at(0, 0), 105, -1},
		{"cycle long after its start", "{kind: cycle, everySeconds: 100, onSeconds: 10, startRatio: 6, startSeconds: 0.2}", at(0, 0), 209, 1},
	}
	for _, row := range rows {
		s := parse(t, "voltage: {rms: 230}\nloads: [{kW: 1, profile: "+row.profile+"}]")
		g, err := s.generator(rate, row.start)
		if err != nil {
			t.Fatal(err)
		}
		p := &g.gains[gainLoads]
		p.advance(row.second * rate)
		got, _ := p.span(row.second*rate, row.second*rate+1)
		near(t, row.name, got, row.want, 1e-9)
	}
	// A start: 6 times, decaying with its time constant.
	s := parse(t, "voltage: {rms: 230}\nloads: [{kW: 1, profile: {kind: cycle, everySeconds: 100, onSeconds: 10, startRatio: 6, startSeconds: 0.2}}]")
	g, _ := s.generator(rate, at(0, 0))
	p := &g.gains[gainLoads]
	p.advance(100 * rate)
	g0, g1 := p.span(100*rate, 100*rate+rate/5)
	near(t, "starting current", g0, 6, 1e-12)
	near(t, "after its time constant", g1, 1+5/math.E, 1e-12)
}

// TestExamples runs every example to its end, or for two minutes.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/scenarios/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name == "" || s.Description == "" {
				t.Error("without a name or a description")
			}
			const rate = 6400
			src, err := s.Source(rate, testStart)
			if err != nil {
				t.Fatal(err)
			}
			var b waveform.Block
			total := int64(0)
			for total < 120*rate {
				n, err := src.Next(context.Background(), &b, rate)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for c := range b.Samples {
					for k, x := range b.Samples[c] {
						if !(math.Abs(x) < 2000) {
							t.Fatalf("channel %d, sample %d: %g", c, total+int64(k), x)
						}
					}
				}
				total += int64(n)
			}
			if want := src.Info().Samples; want >= 0 && want != total {
				t.Errorf("%d samples, want %d", total, want)
			}
		})
	}
	s, err := Load("../../examples/scenarios/influence-state-2.yaml")
	if err != nil {
		t.Fatal(err)
	}
	truth, err := s.Expect(12800, 10)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "influence state 2: THD", truth.Channels[waveform.V1].THDPercent(50), 12.2474, 1e-4)
	near(t, "influence state 2: u2", truth.Voltage.NegativePercent(), 5.0518, 1e-4)
	s, err = Load("../../examples/scenarios/reference-50hz.yaml")
	if err != nil {
		t.Fatal(err)
	}
	truth, err = s.Expect(12800, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "reference: P", truth.Phase[0].P, 575, 1e-9)
	near(t, "reference: Q", truth.Phase[0].Q1, 995.93, 1e-2)
}

func TestLoadRefuses(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil {
		t.Error("no error from a file above the limit")
	}
}
