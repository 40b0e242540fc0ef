package metering

import (
	"math"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// discard is a sink that keeps nothing.
type discard struct{ halves, windows, seconds int }

func (d *discard) HalfCycle(*HalfCycle) { d.halves++ }
func (d *discard) Window(*Window)       { d.windows++ }
func (d *discard) Second(*Second)       { d.seconds++ }

// BenchmarkEngine measures 8 channels of 1024 samples per cycle at 50 Hz with
// everything on, fed in blocks of a cycle, and reports how many seconds of signal one
// second of a core measures.
func BenchmarkEngine(b *testing.B) {
	const rate = 51200
	inputs := []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.V4,
		waveform.I1, waveform.I2, waveform.I3, waveform.I4}
	e, err := New(Config{NominalHz: 50, RateHz: rate, Inputs: inputs, DemandCurrentA: 5})
	if err != nil {
		b.Fatal(err)
	}
	signal := make([][]float64, len(inputs))
	for c := range signal {
		signal[c] = make([]float64, rate)
		for k := range signal[c] {
			angle := 2*math.Pi*50*float64(k)/rate - 2*math.Pi/3*float64(c%4)
			signal[c][k] = 325 * (math.Sin(angle) + 0.05*math.Sin(5*angle+1) + 0.03*math.Sin(7*angle))
		}
	}
	const piece = 1024
	block := waveform.Block{RateHz: rate, Samples: make([][]float64, len(inputs))}
	sink := &discard{}
	second := func() {
		for from := 0; from < rate; from += piece {
			for c := range signal {
				block.Samples[c] = signal[c][from : from+piece]
			}
			if err := e.Process(&block, sink); err != nil {
				b.Fatal(err)
			}
			block.First += piece
			block.Start += piece / float64(rate)
		}
	}
	second()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		second()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
