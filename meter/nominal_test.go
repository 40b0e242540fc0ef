package meter

import (
	"context"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// recorded is a source that states what a file may state of its line frequency.
type recorded struct {
	waveform.Source
	statedHz float64
}

func (r *recorded) Info() waveform.Info {
	info := r.Source.Info()
	info.NominalHz, info.Format = r.statedHz, "csv"
	return info
}

// TestNominalFrequencyFromSamples: a recording that states no line frequency, or a wrong
// one, is metered at the one that its samples have, and none of them is lost.
func TestNominalFrequencyFromSamples(t *testing.T) {
	for _, tc := range []struct {
		name                       string
		hz, statedHz, want, rateHz float64
	}{
		{"60 Hz, not stated", 60.02, 0, 60, 3200},
		{"60 Hz, stated as 50", 59.9, 50, 60, 960},
		{"50 Hz, stated as 60", 50.1, 60, 50, 3200},
		{"50 Hz, not stated", 49.9, 0, 50, 960},
		{"a slow machine stays what its file says", 53, 60, 60, 3200},
		{"16 2/3 Hz is no line frequency we know", 16.7, 0, 50, 3200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := "voltage: {rms: 230}\ncurrent: {rms: 5}\n"
				scenario, source := steadyAt(t, "frequency: {hz: "+formatted(tc.hz)+"}\n"+text, tc.rateHz)
				truth, err := scenario.Expect(tc.rateHz, 1)
				if err != nil {
					t.Fatal(err)
				}
				m := openMeter(t, t.TempDir(), &short{&recorded{source, tc.statedHz}, int(tc.rateHz) * 3})
				if got := value(t, m, "Factory/Nominal Frequency").Text; got != formatted(tc.want)+" Hz" {
					t.Errorf("nominal frequency %s", got)
				}
				if tc.hz < 42 {
					m.Close()
					return
				}
				time.AfterFunc(2500*time.Millisecond, func() {
					if got := number(t, m, "Power Meter/Freq"); math.Abs(got-tc.hz) > 0.001 {
						t.Errorf("frequency %v Hz, the samples have %v", got, tc.hz)
					}
				})
				runFor(t, m, 4*time.Second)
				want := truth.Total.P / 1000 * 3 / 3600
				if got := number(t, m, "kWh del/Result"); math.Abs(got-want) > 0.01*want {
					t.Errorf("counted %v kWh, the recording holds %v", got, want)
				}
			})
		})
	}
}

// coarse is a source whose samples from one index to another are 1/50 s apart.
type coarse struct {
	waveform.Source
	from, to int64
}

func (c *coarse) Next(ctx context.Context, b *waveform.Block, most int) (int, error) {
	n, err := c.Source.Next(ctx, b, most)
	if b.First >= c.from && b.First < c.to {
		b.RateHz, b.Gap = 50, b.First < c.from+int64(n)
	}
	return n, err
}

func formatted(hz float64) string { return strconv.FormatFloat(hz, 'g', -1, 64) }

// TestStretchThatCannotBeMetered: a stretch at a hopeless rate is time without readings,
// and the meter goes on behind it.
func TestStretchThatCannotBeMetered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, source := steadyAt(t, site, rateHz)
		m := openMeter(t, t.TempDir(), &coarse{Source: source, from: 2 * rateHz, to: 2*rateHz + 500})
		// 500 samples at 50 Hz are ten seconds.
		time.AfterFunc(1500*time.Millisecond, func() { number(t, m, "Power Meter/Vln a") })
		time.AfterFunc(9*time.Second, func() {
			if v := value(t, m, "Power Meter/Vln a"); v.Available {
				t.Errorf("%v V are read from samples of 50 Hz", v.Number)
			}
		})
		time.AfterFunc(14500*time.Millisecond, func() { number(t, m, "Power Meter/Vln a") })
		runFor(t, m, 15*time.Second)
	})
}
