package comtrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// piece is a run of one rate that begins at a time.
type piece struct {
	rateHz, start float64
	values        [][]float64
}

func writePieces(t *testing.T, path string, o Options, pieces []piece) {
	t.Helper()
	w, err := Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pieces {
		b := &waveform.Block{Samples: p.values, RateHz: p.rateHz, Start: p.start, Gap: i > 0}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func readPieces(t *testing.T, r *Reader) (pieces []piece) {
	t.Helper()
	var b waveform.Block
	for {
		_, err := r.Next(context.Background(), &b, 37)
		if errors.Is(err, io.EOF) {
			return pieces
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(pieces) == 0 || b.Gap {
			pieces = append(pieces, piece{b.RateHz, b.Start, make([][]float64, len(b.Samples))})
		}
		p := &pieces[len(pieces)-1]
		for c := range b.Samples {
			p.values[c] = append(p.values[c], b.Samples[c]...)
		}
	}
}

func randomPieces(rng *rand.Rand, channels int) (pieces []piece, peak []float64) {
	start := 0.0
	peak = make([]float64, channels)
	scale := make([]float64, channels)
	for c := range scale {
		scale[c] = math.Pow(10, rng.Float64()*10-4)
	}
	rates := []float64{1000, 3200, 12800, 30707.244140625, 51200}
	rate := rates[rng.IntN(len(rates))]
	for i := range 1 + rng.IntN(3) {
		if i > 0 && rng.IntN(2) == 0 {
			rate = rates[rng.IntN(len(rates))]
		}
		if i > 0 {
			start += math.Ceil(1+rng.Float64()*5000) / 1000 // a hole of at least a millisecond
		}
		n := 50 + rng.IntN(200)
		p := piece{rate, start, make([][]float64, channels)}
		for c := range p.values {
			for range n {
				v := scale[c] * (2*rng.Float64() - 1)
				if rng.IntN(40) == 0 {
					v = math.NaN()
				}
				if a := math.Abs(v); a > peak[c] {
					peak[c] = a
				}
				p.values[c] = append(p.values[c], v)
			}
		}
		start += float64(n) / rate
		pieces = append(pieces, p)
	}
	return pieces, peak
}

// TestRoundTrip writes random records in every form and reads them back: values to
// half a step of the format, rates exactly, holes to the unit of the time stamps.
func TestRoundTrip(t *testing.T) {
	for _, form := range []struct {
		revision int
		format   string
		ext      string
		step     func(peak float64) float64
	}{
		{1999, "ASCII", ".cfg", func(p float64) float64 { return p / 99998 }},
		{1999, "BINARY", ".cfg", func(p float64) float64 { return p / 32767 }},
		{2013, "ascii", ".CFG", func(p float64) float64 { return p / 99998 }},
		{2013, "BINARY32", ".cfg", func(p float64) float64 { return p / (1 << 31) }},
		{2013, "", ".cfg", func(p float64) float64 { return p / (1 << 23) }},
		{2013, "FLOAT32", ".cff", func(p float64) float64 { return p / (1 << 23) }},
		{2013, "BINARY", ".cff", func(p float64) float64 { return p / 32767 }},
		{2013, "ASCII", ".cff", func(p float64) float64 { return p / 99998 }},
	} {
		t.Run(fmt.Sprint(form.revision, form.format, form.ext), func(t *testing.T) {
			for seed := range uint64(12) {
				rng := rand.New(rand.NewPCG(seed, 1))
				channels := 1 + rng.IntN(9)
				pieces, peak := randomPieces(rng, channels)
				info := waveform.Info{
					Station: "Umspannwerk Süd", Device: "测试", RateHz: pieces[0].rateHz, NominalHz: 50,
					Start: time.Date(2024, 2, 29, 23, 59, 58, 123456000, time.UTC),
				}
				for c := range channels {
					info.Channels = append(info.Channels, waveform.Channel{
						Name: fmt.Sprintf("U%d, \n%d", c, seed), Phase: "L1", Unit: "kV", Primary: 20000, Secondary: 100,
						Values: waveform.Secondary, SkewSeconds: 12.5e-6,
					})
				}
				o := Options{Revision: form.revision, Format: form.format, Info: info}
				if seed%2 == 0 && form.format != "" {
					o.FullScale = peak
				}
				dir := t.TempDir()
				path := filepath.Join(dir, "record"+form.ext)
				writePieces(t, path, o, pieces)
				entries, _ := os.ReadDir(dir)
				want := 2
				if form.ext == ".cff" {
					want = 1
				}
				if len(entries) != want {
					t.Fatalf("files left: %v", entries)
				}
				r, err := Open(path)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Config().Warnings) > 0 {
					t.Errorf("our own record is odd: %q", r.Config().Warnings)
				}
				got := r.Info()
				if got.Station != info.Station || got.Device != info.Device || !got.Start.Equal(info.Start) || got.NominalHz != 50 {
					t.Errorf("read %q, %q, %s, %g Hz", got.Station, got.Device, got.Start, got.NominalHz)
				}
				ch := got.Channels[0]
				if want := fmt.Sprintf("U0;  %d", seed); ch.Name != want || ch.Phase != "L1" || ch.Unit != "kV" || ch.Primary != 20000 || ch.Secondary != 100 ||
					ch.Values != waveform.Secondary || math.Abs(ch.SkewSeconds-12.5e-6) > 1e-15 {
					t.Errorf("channel read as %+v, want %q", ch, want)
				}
				back := readPieces(t, r)
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				comparePieces(t, pieces, back, func(c int) float64 { return 0.51 * form.step(peak[c]) })
			}
		})
	}
}

func comparePieces(t *testing.T, want, got []piece, tolerance func(c int) float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d pieces, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].rateHz != want[i].rateHz || math.Abs(got[i].start-want[i].start) > 3e-6 {
			t.Errorf("piece %d: %.12g Hz from %.9g s, want %.12g Hz from %.9g s", i, got[i].rateHz, got[i].start, want[i].rateHz, want[i].start)
		}
		for c := range want[i].values {
			if len(got[i].values[c]) != len(want[i].values[c]) {
				t.Fatalf("piece %d: %d samples, want %d", i, len(got[i].values[c]), len(want[i].values[c]))
			}
			for k, w := range want[i].values[c] {
				g := got[i].values[c][k]
				if waveform.IsMissing(w) != waveform.IsMissing(g) || math.Abs(g-w) > tolerance(c) {
					t.Fatalf("piece %d channel %d sample %d: %g, want %g", i, c, k, g, w)
				}
			}
		}
	}
}

func TestWriterLeavesNothingBehind(t *testing.T) {
	info := waveform.Info{RateHz: 1000, Channels: []waveform.Channel{{Name: "U", Unit: "V"}}}
	block := func(v float64) *waveform.Block {
		return &waveform.Block{Samples: [][]float64{{v}}, RateHz: 1000}
	}
	for name, use := range map[string]func(w *Writer) error{
		"aborted":           func(w *Writer) error { w.Abort(); return nil },
		"no samples":        func(w *Writer) error { return w.Close() },
		"beyond full scale": func(w *Writer) error { err := w.Write(block(10.1)); w.Close(); return err },
		"wrong channels": func(w *Writer) error {
			err := w.Write(&waveform.Block{Samples: [][]float64{{1}, {2}}, RateHz: 1000})
			if closeErr := w.Close(); closeErr == nil {
				t.Error("Close after a failed Write succeeded")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := Create(filepath.Join(dir, "x.cfg"), Options{Format: "BINARY", Info: info, FullScale: []float64{10}})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(block(1)); err != nil && name != "no samples" {
				t.Fatal(err)
			}
			if name == "no samples" {
				w.rows = 0
			}
			if err := use(w); err == nil && name != "aborted" {
				t.Error("no error")
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	good := waveform.Info{RateHz: 1000, Channels: []waveform.Channel{{Name: "U", Unit: "V"}}}
	for name, row := range map[string]struct {
		path string
		o    Options
		want string
	}{
		"revision":   {"x.cfg", Options{Revision: 1991, Info: good}, "use 1999 or 2013"},
		"format":     {"x.cfg", Options{Format: "FLOAT64", Info: good}, "FLOAT64"},
		"old float":  {"x.cfg", Options{Revision: 1999, Format: "FLOAT32", Info: good}, "2013"},
		"old cff":    {"x.cff", Options{Revision: 1999, Info: good}, "2013"},
		"extension":  {"x.csv", Options{Info: good}, ".cfg or .cff"},
		"channels":   {"x.cfg", Options{Info: waveform.Info{RateHz: 1}}, "channels"},
		"rate":       {"x.cfg", Options{Info: waveform.Info{Channels: good.Channels}}, "rate"},
		"full scale": {"x.cfg", Options{Info: good, FullScale: []float64{0}}, "full scale"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Create(filepath.Join(dir, row.path), row.o)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// TestCreateNamesTheFolder: what is wrong with a place is told in its own name, not in
// that of a temporary file.
func TestCreateNamesTheFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.cfg"), 0o700); err != nil {
		t.Fatal(err)
	}
	info := waveform.Info{RateHz: 1000, Channels: []waveform.Channel{{Name: "Va"}}}
	for name, want := range map[string]string{
		"missing/x.cfg": "there is no folder " + filepath.Join(dir, "missing") + ": create it",
		"file/x.cfg":    filepath.Join(dir, "file") + " is a file",
		"folder.cfg":    "is a folder: choose another name",
	} {
		path := filepath.Join(dir, name)
		_, err := Create(path, Options{Info: info})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) || strings.Contains(err.Error(), "tmp:") {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}
