package web

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// waves are 240 ms of three voltages and a current that began at a phase, in cycles.
func waves(rateHz, hz, phase float64) *access.Waveform {
	w := &access.Waveform{End: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), RateHz: rateHz, NominalHz: math.Round(hz/10) * 10}
	for i, name := range []string{"V1", "V2", "V3", "I1"} {
		c := access.WaveformChannel{Name: name, Unit: "V", Samples: make([]float32, int(rateHz*0.24))}
		amplitude := 325.0
		if name == "I1" {
			c.Unit, amplitude = "A", 10
		}
		for k := range c.Samples {
			c.Samples[k] = float32(amplitude * math.Sin(2*math.Pi*(hz*float64(k)/rateHz+phase-float64(i)/3)))
		}
		w.Channels = append(w.Channels, c)
	}
	return w
}

// drawn is a picture as a page takes it apart.
func drawn(t testing.TB, picture []byte) (h pictureHeader, channels [][]float64) {
	t.Helper()
	n := binary.LittleEndian.Uint32(picture)
	if n%2 != 0 {
		t.Fatalf("the header has %d bytes: the numbers behind it are not aligned", n)
	}
	if err := json.Unmarshal(picture[4:4+n], &h); err != nil {
		t.Fatal(err)
	}
	rest := picture[4+n:]
	if len(rest) != 2*h.Points*len(h.Channels) {
		t.Fatalf("%d bytes of samples for %d channels of %d points", len(rest), len(h.Channels), h.Points)
	}
	for i, c := range h.Channels {
		values := make([]float64, h.Points)
		for k := range values {
			count := int16(binary.LittleEndian.Uint16(rest[2*(i*h.Points+k):]))
			if values[k] = float64(count) * c.Step; count == math.MinInt16 {
				values[k] = math.NaN()
			}
		}
		channels = append(channels, values)
	}
	return h, channels
}

// TestPictureStandsStill: wherever in a cycle the samples end, the picture begins at a
// rising zero crossing of V1, to a hundredth of a degree.
func TestPictureStandsStill(t *testing.T) {
	for _, each := range []struct {
		name       string
		rateHz, hz float64
	}{{"50 Hz, 1,024 samples a cycle", 51200, 50}, {"49.7 Hz", 51200, 49.7}, {"60 Hz", 30720, 60}, {"few samples", 4000, 50}} {
		t.Run(each.name, func(t *testing.T) {
			for phase := 0.0; phase < 1; phase += 0.13 {
				w := waves(each.rateHz, each.hz, phase)
				shown := int(math.Round(10 / w.NominalHz * w.RateHz))
				first, late, aligned := align(w, shown)
				if !aligned {
					t.Fatalf("phase %.2f: not aligned", phase)
				}
				// The angle at the crossing, from the time of the first sample.
				angle := math.Remainder(360*(each.hz*(float64(first)-late)/each.rateHz+phase), 360)
				if math.Abs(angle) > 0.01*max(1, 51200/each.rateHz) {
					t.Errorf("phase %.2f: the picture begins at %.4f°", phase, angle)
				}
				if first+shown > lengthOf(w) || late < 0 || late > 1 {
					t.Errorf("phase %.2f: first %d, late %.3f of %d samples", phase, first, late, lengthOf(w))
				}
			}
		})
	}
}

// TestPictureKeepsPeaks: a spike of one sample is in the picture, in its place.
func TestPictureKeepsPeaks(t *testing.T) {
	w := waves(51200, 50, 0)
	at := lengthOf(w) - 5000
	w.Channels[1].Samples[at] = 900
	h, channels := drawn(t, draw(w))
	if h.Points != 2*buckets {
		t.Fatalf("%d points", h.Points)
	}
	high := 0
	for i, v := range channels[1] {
		if v > channels[1][high] {
			high = i
		}
	}
	shown := 10240
	first, _, _ := align(w, shown)
	if want := float64(at-first) / float64(shown); math.Abs(channels[1][high]-900) > 0.1 || math.Abs(float64(high)/float64(h.Points)-want) > 0.003 {
		t.Errorf("the spike is %.1f at %.4f of the picture, want 900 at %.4f", channels[1][high], float64(high)/float64(h.Points), want)
	}
}

// TestPictureOfWhatIsMissing: a missing sample is no number, and without samples there is
// an empty picture.
func TestPictureOfWhatIsMissing(t *testing.T) {
	w := waves(4000, 50, 0)
	missingAt := lengthOf(w) - 100
	w.Channels[0].Samples[missingAt] = float32(math.NaN())
	first, _, aligned := align(w, 800)
	h, channels := drawn(t, draw(w))
	if !aligned || h.Points != 800 || !math.IsNaN(channels[0][missingAt-first]) || math.IsNaN(channels[1][missingAt-first]) {
		t.Errorf("aligned %v, %d points, V1 %v, V2 %v", aligned, h.Points, channels[0][missingAt-first], channels[1][missingAt-first])
	}
	all := waves(51200, 50, 0)
	for i := range all.Channels[0].Samples {
		all.Channels[0].Samples[i] = float32(math.NaN())
	}
	if h, channels := drawn(t, draw(all)); !h.Aligned || !math.IsNaN(channels[0][7]) {
		t.Errorf("without V1: aligned to V2 %v, a sample of V1 is %v", h.Aligned, channels[0][7])
	}
	dead := waves(51200, 50, 0)
	for _, c := range dead.Channels {
		clear(c.Samples)
	}
	if h, channels := drawn(t, draw(dead)); h.Aligned || channels[0][0] != 0 {
		t.Errorf("a dead line: aligned %v, %v", h.Aligned, channels[0][0])
	}
	if h, _ := drawn(t, draw(&access.Waveform{NominalHz: 50, RateHz: 1})); h.Points != 0 || len(h.Channels) != 0 {
		t.Errorf("no samples: %+v", h)
	}
}

func BenchmarkDraw(b *testing.B) {
	w := waves(51200, 50, 0.3)
	b.ReportAllocs()
	for b.Loop() {
		draw(w)
	}
}
