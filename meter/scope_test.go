package meter

import (
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// Samples are kept only while somebody looks. What was kept at an earlier look is never shown
// as if it came just before what is kept now.
func TestScopeJoinsNoSamplesOfAnEarlierLook(t *testing.T) {
	const rateHz, block = 1000, 100
	var s scope
	s.configure(metering.Config{RateHz: rateHz, Inputs: []waveform.Role{waveform.V1}})
	end, first := time.Now(), int64(0)
	take := func(value float64) {
		samples := make([]float64, block)
		for i := range samples {
			samples[i] = value
		}
		end = end.Add(block * time.Second / rateHz)
		s.take(&waveform.Block{Samples: [][]float64{samples}, First: first, RateHz: rateHz}, time.Now(), end)
		first += block
	}
	var w access.Waveform
	s.Waveform(&w, access.LongestWaveform)
	for range 3 {
		take(1)
	}
	end, first = end.Add(time.Second), first+rateHz // nobody looked
	take(2)
	if !s.Waveform(&w, access.LongestWaveform) {
		t.Fatal("there are no samples")
	}
	if got := w.Channels[0].Samples; len(got) != block || got[0] != got[len(got)-1] {
		t.Errorf("%d samples from %g to %g, want the %d of the latest block", len(got), got[0], got[len(got)-1], block)
	}
	take(2)
	if s.Waveform(&w, access.LongestWaveform); len(w.Channels[0].Samples) != 2*block {
		t.Errorf("%d samples, want both blocks", len(w.Channels[0].Samples))
	}
}
