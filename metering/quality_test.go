package metering

import (
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// TestFlagsOfSamples: what is held against samples marks every window, half cycle and
// second that they touch, and no other.
func TestFlagsOfSamples(t *testing.T) {
	const rate, hz = 12800, 50
	s := threePhase(wave{{1, 230, 0}}, wave{{1, 5, -60}})
	for name, row := range map[string]struct {
		quality waveform.Quality
		flag    Flags
	}{
		"questionable": {waveform.Questionable, FlagQuestionable},
		"out-of-range": {waveform.OutOfRange, FlagOutOfRange},
		"clock":        {waveform.Unsynchronised, FlagClock},
		"derived":      {waveform.Derived, FlagDerived},
		"overrun":      {waveform.Overrun, FlagOverrun},
	} {
		t.Run(name, func(t *testing.T) {
			if names := row.flag.Names(); len(names) != 1 || names[0] != name {
				t.Errorf("called %v", names)
			}
			// Ten samples at 1.33 s, of 3 s.
			whole := s.block(hz, rate, 3*rate)
			const from = rate * 133 / 100
			var blocks []*waveform.Block
			for _, cut := range [][2]int{{0, from}, {from, from + 10}, {from + 10, 3 * rate}} {
				b := &waveform.Block{RateHz: rate, First: int64(cut[0]), Start: float64(cut[0]) / rate}
				for _, x := range whole.Samples {
					b.Samples = append(b.Samples, x[cut[0]:cut[1]])
				}
				blocks = append(blocks, b)
			}
			blocks[1].Quality = make([]waveform.Quality, len(whole.Samples))
			blocks[1].Quality[2] = row.quality
			r, _ := run(t, Config{NominalHz: hz, Inputs: s.inputs()}, blocks...)
			const at = 1.33
			for _, w := range r.windows {
				want := Flags(0)
				if w.StartS < at && w.StartS+w.DurationS > at {
					want = row.flag
				}
				if w.Flags != want || w.Cycles != 10 {
					t.Errorf("window at %.3f s of %d cycles: flags %v, want %v", w.StartS, w.Cycles, w.Flags.Names(), want.Names())
				}
			}
			marked := 0
			for _, h := range r.halves {
				if h.Flags&row.flag != 0 {
					marked++
					if h.EndS < at || h.EndS > at+0.022 {
						t.Errorf("the half cycle that ends at %.3f s is marked", h.EndS)
					}
				}
			}
			if marked < 2 || marked > 3 {
				t.Errorf("%d half cycles are marked, want those of the two or three whole cycles over it", marked)
			}
			for _, sec := range r.seconds {
				if got := sec.Flags&row.flag != 0; got != (sec.EndS == 2) {
					t.Errorf("second to %g s: flags %v", sec.EndS, sec.Flags.Names())
				}
			}
		})
	}
}
