package comtrade

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform/internal/reference"
)

func TestReferenceRecords(t *testing.T) {
	folder, records := reference.Load(t)
	for name, want := range records {
		if !strings.HasPrefix(name, "comtrade/") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			r, err := Open(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			c := r.Config()
			if c.Station != want.Station || c.Device != want.Device || strconv.Itoa(c.Revision) != want.Rev || c.LineHz != want.LineHz {
				t.Errorf("station %q, device %q, revision %d, %g Hz; want %q, %q, %s, %g Hz",
					c.Station, c.Device, c.Revision, c.LineHz, want.Station, want.Device, want.Rev, want.LineHz)
			}
			for _, max := range []int{1 << 16, 7} {
				reference.Compare(t, r, want, max)
				if err := r.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			for i, w := range want.Whole {
				ch := r.Info().Channels[i]
				if math.Abs(ch.SkewSeconds-w.SkewUs*1e-6) > 1e-15 || ch.Primary != w.Primary || ch.Secondary != w.Secondary {
					t.Errorf("%s: skew %g s, ratio %g:%g; want %g us, %g:%g", w.Name, ch.SkewSeconds, ch.Primary, ch.Secondary, w.SkewUs, w.Primary, w.Secondary)
				}
			}
			compareStatus(t, r, want)
			compareWindow(t, r, want)
			for _, w := range c.Warnings {
				t.Log(w)
			}
		})
	}
}

func compareStatus(t *testing.T, r *Reader, want reference.Record) {
	t.Helper()
	if want.Status == nil {
		return
	}
	initial, changes, err := r.StatusChanges()
	if err != nil {
		t.Fatal(err)
	}
	var set []int
	for i, on := range initial {
		if on {
			set = append(set, i+1)
		}
	}
	if len(set) != len(want.Status.SetAtStart) {
		t.Errorf("status channels set at the start: %v, want %v", set, want.Status.SetAtStart)
	}
	counts, first := map[string]int{}, map[string]int64{}
	for _, ch := range changes {
		key := strconv.Itoa(ch.Channel + 1)
		if counts[key] == 0 {
			first[key] = ch.Sample
		}
		counts[key]++
	}
	for key, n := range want.Status.Changes {
		if counts[key] != n || first[key] != want.Status.FirstChangeSample[key] {
			t.Errorf("status channel %s: %d changes, the first at %d; want %d, %d", key, counts[key], first[key], n, want.Status.FirstChangeSample[key])
		}
	}
}

// compareWindow compares sample times. The reference counts them from rates alone;
// where pieces are joined the stamps add what was lost.
func compareWindow(t *testing.T, r *Reader, want reference.Record) {
	t.Helper()
	w := want.Window
	if w == nil {
		return
	}
	times, err := r.Times(w.I0, w.I1)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0.0
	if len(want.Rates) == len(r.time.spans) && want.Rates[0][0] == want.Rates[len(want.Rates)-1][0] {
		for _, j := range want.Stamps.JumpsAt {
			if j[0] <= float64(w.I0) {
				lost += j[1]*1e-6 - 1/w.FsHz
			}
		}
	}
	if math.Abs(times[0]-lost-w.T0) > 2e-6 {
		t.Errorf("sample %d is at %.9g s, %.9g s of it lost; want %.9g s", w.I0, times[0], lost, w.T0)
	}
	if n := len(times) - 1; math.Abs((times[n]-times[0])*w.FsHz-float64(n)) > 1e-5 {
		t.Errorf("%d samples last %.9g s, want %.9g s", n, times[n]-times[0], float64(n)/w.FsHz)
	}
}
