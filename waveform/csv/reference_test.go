package csv

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform/internal/reference"
)

func TestReferenceTables(t *testing.T) {
	folder, records := reference.Load(t)
	for name, want := range records {
		if !strings.HasPrefix(name, "csv/") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			r, err := Open(filepath.Join(folder, name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for _, max := range []int{1 << 16, 7} {
				reference.Compare(t, r, want, max)
				if err := r.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			for _, w := range r.Info().Warnings {
				t.Log(w)
			}
			if want.Window == nil {
				if r.Info().RateHz != 0 {
					t.Errorf("%g Hz from irregular times", r.Info().RateHz)
				}
				return
			}
			if rate := r.Info().RateHz; math.Abs(rate-want.FsHz) > 1e-8*want.FsHz {
				t.Errorf("%.9g Hz, want %.9g", rate, want.FsHz)
			}
			times, err := r.Times(want.Window.I0, want.Window.I1)
			if err != nil {
				t.Fatal(err)
			}
			if got := times[0] + want.TFirst; math.Abs(got-want.Window.T0) > 1e-8 {
				t.Errorf("sample %d at %.9g s, want %.9g", want.Window.I0, got, want.Window.T0)
			}
		})
	}
}
