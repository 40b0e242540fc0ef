package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

// dataFolder finds the public recordings and their independent figures.
func dataFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("HEPMETER_DATA")
	if folder == "" {
		at, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
				break
			}
			if filepath.Dir(at) == at {
				t.Skip("HEPMETER_DATA not found: no go.mod above the working folder")
			}
			at = filepath.Dir(at)
		}
		folder = filepath.Join(at, "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(folder, "reference.json")); err != nil {
		t.Skipf("HEPMETER_DATA not found: no reference.json in %s", folder)
	}
	return folder
}

// reference is one record's figures, worked out by a separate reader.
type reference struct {
	Whole []struct {
		N                          int
		Name, Unit                 string
		Count, Missing             int64
		Min, Max, RMS, First, Last float64
		SkewUS                     float64 `json:"skew_us"`
	}
	Window *struct {
		I0, I1             int64
		FitResidualPct     float64 `json:"fit_residual_pct"`
		FreqHz             float64 `json:"freq_hz"`
		HarmonicsTo        int     `json:"harmonics_to"`
		Voltages, Currents []string
		VoltagesAre        string `json:"voltages_are"`
		Channels           map[string]referenceChannel
		VSequence          *referenceSequence `json:"v_sequence"`
		ISequence          *referenceSequence `json:"i_sequence"`
		Power              []struct {
			V, I string
			P    float64 `json:"P_w"`
			Q1   float64 `json:"Q1_var"`
			S    float64 `json:"S_va"`
			PF   float64 `json:"pf"`
		}
	}
}

type referenceChannel struct {
	RMS, DC float64
	Fund    float64 `json:"fund_rms"`
	Deg     float64 `json:"fund_deg"`
	THD     float64 `json:"thd_pct"`
}

type referenceSequence struct{ Zero, Positive, Negative float64 }

func references(t testing.TB) (folder string, names []string, all map[string]*reference) {
	folder = dataFolder(t)
	data, err := os.ReadFile(filepath.Join(folder, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	all = map[string]*reference{}
	for name, text := range raw {
		if strings.HasPrefix(name, "sv/") { // figures by stream
			var streams map[string]*reference
			if err := json.Unmarshal(text, &streams); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for id, r := range streams {
				if r.Window == nil {
					continue // the one of FLOAT32
				}
				r.Window.Voltages, r.Window.Currents = []string{"Va", "Vb", "Vc"}, []string{"Ia", "Ib", "Ic"}
				all[name+","+id] = r
				names = append(names, name+","+id)
			}
			continue
		}
		if !strings.HasPrefix(name, "comtrade/") && !strings.HasPrefix(name, "csv/") {
			continue
		}
		r := &reference{}
		if err := json.Unmarshal(text, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = r
		names = append(names, name)
	}
	sort.Strings(names)
	return folder, names, all
}

// channelSpec writes the reference's choice of channels as on the command line,
// and returns the role of each channel name.
func (r *reference) channelSpec() (string, map[string]string) {
	roles := map[string]string{}
	first := waveform.V1
	if len(r.Window.Voltages) > 0 && (strings.Contains(r.Window.VoltagesAre, "phase to phase") || r.Window.Voltages[0] == "Vab") {
		first = waveform.V12
	}
	var parts []string
	for k, name := range r.Window.Voltages {
		roles[name] = (first + waveform.Role(k)).String()
	}
	for k, name := range r.Window.Currents {
		roles[name] = (waveform.I1 + waveform.Role(k)).String()
	}
	for name, role := range roles {
		parts = append(parts, fmt.Sprintf("%s='%s'", role, name))
	}
	sort.Strings(parts)
	return strings.Join(parts, ","), roles
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.10g, want %.10g ± %.3g", what, got, want, tolerance)
	}
}

// fullScale is the largest magnitude of a channel.
func (r *reference) fullScale(name string) float64 {
	for _, c := range r.Whole {
		if c.Name == name {
			return math.Max(math.Abs(c.Min), math.Abs(c.Max))
		}
	}
	return math.NaN()
}

// round is half a unit of the ninth digit, to which the reference is written.
func round(v float64) float64 { return 5e-9 * math.Abs(v) }

func TestWholeRecordFiguresAgreeWithReference(t *testing.T) {
	folder, names, all := references(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			ref := all[name]
			got, err := File(context.Background(), filepath.Join(folder, name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Channels) != len(ref.Whole) {
				t.Fatalf("%d channels, want %d", len(got.Channels), len(ref.Whole))
			}
			for i, want := range ref.Whole {
				c := got.Channels[i]
				if c.Index != want.N || c.Name != want.Name || c.Samples != want.Count || c.Missing != want.Missing {
					t.Errorf("channel %d %q: %d samples, %d missing; want %d %q: %d, %d",
						c.Index, c.Name, c.Samples, c.Missing, want.N, want.Name, want.Count, want.Missing)
				}
				tolerance := 2e-6 * math.Max(math.Abs(want.Min), math.Abs(want.Max))
				for _, v := range []struct {
					what      string
					got, want float64
				}{
					{"min", float64(c.Min), want.Min}, {"max", float64(c.Max), want.Max}, {"rms", float64(c.RMS), want.RMS},
					{"first", float64(c.First), want.First}, {"last", float64(c.Last), want.Last},
				} {
					within(t, c.Name+" "+v.what, v.got, v.want, tolerance)
				}
			}
		})
	}
}

func TestWindowsAgreeWithReference(t *testing.T) {
	folder, names, all := references(t)
	for _, name := range names {
		ref := all[name]
		if ref.Window == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			spec, roles := ref.channelSpec()
			r, err := File(context.Background(), filepath.Join(folder, name),
				Options{Channels: spec, Window: &Range{ref.Window.I0, ref.Window.I1}})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Windows) != 1 {
				t.Fatalf("%d windows, want 1", len(r.Windows))
			}
			w := &r.Windows[0]
			skew, kilo := 0.0, map[string]float64{}
			for _, c := range ref.Whole {
				if roles[c.Name] != "" {
					skew = math.Max(skew, math.Abs(c.SkewUS))
					kilo[c.Name] = 1
					if strings.HasPrefix(c.Unit, "k") {
						kilo[c.Name] = 1000
					}
				}
			}
			steady := ref.Window.FitResidualPct < 1
			if steady {
				within(t, "frequency", float64(w.FrequencyHz), ref.Window.FreqHz, 0.010)
				within(t, "residual", float64(w.ResidualPct), ref.Window.FitResidualPct, 0.01)
			}
			fundamentals := 0
			for channel, role := range roles {
				want, ok := ref.Window.Channels[channel]
				if !ok {
					continue // the reference leaves out what it could not fit
				}
				k, err := waveform.ParseRole(role)
				if err != nil {
					t.Fatal(err)
				}
				within(t, role+" rms", w.RMS.Of(k), want.RMS, 2e-6*ref.fullScale(channel))
				if !steady {
					continue
				}
				// A channel that carries next to nothing but DC or noise has no fundamental
				// worth comparing to 0.1 %: its own fit leaves more.
				if want.Fund < 0.1*want.RMS {
					continue
				}
				fundamentals++
				within(t, role+" fundamental", w.Fundamental.RMS.Of(k), want.Fund, 1e-3*want.Fund)
				within(t, role+" THD", w.THD.Of(k), want.THD, 0.1)
				if skew < 1 {
					deg := math.Remainder(w.Fundamental.Deg.Of(k)-want.Deg, 360)
					if strings.HasPrefix(channel, "U21") || strings.HasPrefix(channel, "U32") {
						deg = math.Remainder(deg+180, 360)
					}
					within(t, role+" angle", deg, 0, 0.2)
				}
			}
			if steady && fundamentals == 0 {
				t.Error("no fundamental was compared")
			}
			for _, v := range []struct {
				what string
				got  Sequence
				want *referenceSequence
			}{{"V", w.Sequence.V, ref.Window.VSequence}, {"I", w.Sequence.I, ref.Window.ISequence}} {
				// The reference does not correct skew, which turns the phasors.
				if !steady || skew >= 1 || v.want == nil {
					continue
				}
				tolerance := 1e-3 * (v.want.Positive + v.want.Negative)
				within(t, v.what+" positive sequence", float64(v.got.Pos), v.want.Positive, tolerance)
				within(t, v.what+" negative sequence", float64(v.got.Neg), v.want.Negative, tolerance)
				if v.got.Zero.Available() {
					within(t, v.what+" zero sequence", float64(v.got.Zero), v.want.Zero, tolerance)
				}
			}
			for k, want := range ref.Window.Power {
				scale := kilo[want.V] * kilo[want.I]
				full := ref.fullScale(want.V) * ref.fullScale(want.I) * scale
				within(t, fmt.Sprintf("S%d", k+1), w.S[k], want.S, 2e-6*full+round(want.S))
				if skew == 0 {
					within(t, fmt.Sprintf("P%d", k+1), w.P[k], want.P, 2e-6*full+round(want.P))
					if steady {
						within(t, fmt.Sprintf("Q%d", k+1), w.Q[k], want.Q1, 1e-3*want.S)
					}
					within(t, fmt.Sprintf("PF%d", k+1), w.PF[k], want.PF, 1e-5)
				}
			}
		})
	}
}

// wisp2 states skews of some 500 µs on its currents. With them its total power is
// 12.06 MW; who ignores them finds 11.18.
func TestSkewIsCorrected(t *testing.T) {
	folder, _, all := references(t)
	ref := all["comtrade/wisp2.cfg"]
	spec, _ := ref.channelSpec()
	path := filepath.Join(folder, "comtrade/wisp2.cfg")
	chosen, err := File(context.Background(), path, Options{Channels: spec, Window: &Range{ref.Window.I0, ref.Window.I1}})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "P of the window", chosen.Windows[0].P[total], 12.0587e6, 0.002e6)
}

// Two ways to one figure: the samples of a basic window, measured as a chosen
// window.
func TestBasicWindowIsThatOfItsSamples(t *testing.T) {
	folder, _, all := references(t)
	for _, row := range []struct {
		file      string
		from      float64 // s: the first window that begins after this
		tolerance float64 // of P, by S: the window's ends lie between samples
	}{
		{"comtrade/strathmore_275kv.cfg", 4, 2e-3}, {"comtrade/wisp2.cfg", 12, 2e-3}, {"comtrade/atp_f1_float32.cfg", 0.15, 1e-3},
	} {
		t.Run(row.file, func(t *testing.T) {
			path := filepath.Join(folder, row.file)
			spec, _ := all[row.file].channelSpec()
			whole, err := File(context.Background(), path, Options{Channels: spec})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range whole.Windows {
				if float64(w.StartS) < row.from {
					continue
				}
				rate := float64(whole.RateHz)
				first := int64(math.Round(float64(w.StartS) * rate))
				chosen, err := File(context.Background(), path, Options{Channels: spec, Window: &Range{first, first + int64(math.Round(float64(w.DurationS)*rate))}})
				if err != nil {
					t.Fatal(err)
				}
				c := &chosen.Windows[0]
				within(t, "frequency", float64(c.FrequencyHz), float64(w.FrequencyHz), 0.01)
				within(t, "P", c.P[total], w.P[total], row.tolerance*w.S[total])
				within(t, "Q1", c.Q[total], w.Q[total], 5*row.tolerance*w.S[total])
				within(t, "S", c.S[total], w.S[total], row.tolerance*w.S[total])
				for _, r := range []waveform.Role{waveform.V1, waveform.V31, waveform.I1} {
					within(t, r.String(), c.RMS.Of(r), w.RMS.Of(r), row.tolerance*w.RMS.Of(r))
				}
				return
			}
			t.Fatal("no window")
		})
	}
}

// The basic windows of steady records show what the fitted window shows.
func TestBasicWindowsAgreeWithReference(t *testing.T) {
	folder, _, all := references(t)
	for _, row := range []struct {
		file string
		at   float64 // s: where the reference's window begins
	}{
		{"comtrade/strathmore_275kv.cfg", 5.5}, {"comtrade/xtz_220kv.cfg", 0}, {"comtrade/atp_f1_float32.cfg", 0.21671},
		{"csv/mhkit_powraw.csv", 0},
	} {
		t.Run(row.file, func(t *testing.T) {
			ref := all[row.file]
			spec, roles := ref.channelSpec()
			r, err := File(context.Background(), filepath.Join(folder, row.file), Options{Channels: spec})
			if err != nil {
				t.Fatal(err)
			}
			var best *Window
			for i := range r.Windows {
				w := &r.Windows[i]
				if best == nil || math.Abs(float64(w.StartS)-row.at) < math.Abs(float64(best.StartS)-row.at) {
					best = w
				}
			}
			if best == nil {
				t.Fatal("no windows")
			}
			within(t, "frequency", float64(best.FrequencyHz), ref.Window.FreqHz, 0.01)
			for _, channel := range ref.Window.Voltages {
				k, _ := waveform.ParseRole(roles[channel])
				want := ref.Window.Channels[channel].RMS
				within(t, channel, best.RMS.Of(k), want, 0.005*want)
			}
		})
	}
}

// atp_f1_float32 states 50 Hz and holds 60.
func TestNominalFrequencyIsThatOfTheSamples(t *testing.T) {
	folder := dataFolder(t)
	r, err := File(context.Background(), filepath.Join(folder, "comtrade/atp_f1_float32.cfg"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.NominalHz != 60 {
		t.Errorf("nominal %g Hz, want 60", float64(r.NominalHz))
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "50 Hz") {
		t.Errorf("no warning of the line frequency in %q", r.Warnings)
	}
	if len(r.Windows) == 0 || r.Windows[0].Cycles != 12 {
		t.Errorf("want windows of 12 cycles, got %d windows", len(r.Windows))
	}
}
