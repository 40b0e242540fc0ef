package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// keysOf collects the json keys of a type, those of its parts included.
func keysOf(t reflect.Type, into map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		keysOf(t.Elem(), into)
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if name := f.Tag.Get("json"); f.IsExported() && name != "" {
				into[name] = true
				keysOf(f.Type, into)
			}
		}
	}
}

func TestDocsListEveryKey(t *testing.T) {
	page, err := os.ReadFile("../docs/measure-json.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	keysOf(reflect.TypeFor[Report](), keys)
	// Keys that are made by MarshalJSON.
	for _, k := range []string{"V", "I", "V1"} {
		keys[k] = true
	}
	for k := range keys {
		if !bytes.Contains(page, []byte("`"+k+"`")) {
			t.Errorf("docs/measure-json.md does not tell of %q", k)
		}
	}
	// And none that is not there: the first column of the tables.
	row := regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		for _, k := range strings.Split(m[1], ",") {
			if k = strings.Trim(strings.TrimSpace(k), "`"); !keys[k] {
				t.Errorf("docs/measure-json.md tells of %q, which does not exist", k)
			}
		}
	}
}

// scripted is a Source of made samples, with channels as of a file.
type scripted struct {
	info  waveform.Info
	rate  float64
	value func(channel int, t float64) float64
	at    int64
	end   int64
	holes map[int64]bool // no time between these samples and the ones before, but lost
	lost  float64
}

func (s *scripted) Info() waveform.Info { return s.info }
func (s *scripted) Close() error        { return nil }

func (s *scripted) Times(first, end int64) ([]float64, error) {
	times := make([]float64, end-first)
	for k := range times {
		times[k] = float64(first+int64(k)) / s.rate
	}
	return times, nil
}

func (s *scripted) Next(ctx context.Context, b *waveform.Block, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n := int(min(int64(limit), s.end-s.at))
	for k := range n {
		if k > 0 && s.holes[s.at+int64(k)] {
			n = k
			break
		}
	}
	b.Resize(len(s.info.Channels), n)
	if n <= 0 {
		return 0, errEOF
	}
	b.Gap = s.holes[s.at]
	if b.Gap {
		s.lost += 1
	}
	b.First, b.RateHz, b.Start = s.at, s.rate, float64(s.at)/s.rate+s.lost
	for c := range b.Samples {
		for k := range n {
			b.Samples[c][k] = s.value(c, b.Start+float64(k)/s.rate)
		}
	}
	s.at += int64(n)
	return n, nil
}

// site is a three-phase site of 230 V and 10 A at 50 Hz with PF 0.8.
func site(seconds, rate float64, names ...string) *scripted {
	if names == nil {
		names = []string{"Va", "Vb", "Vc", "Ia", "Ib", "Ic"}
	}
	s := &scripted{rate: rate, end: int64(math.Round(seconds * rate)), info: waveform.Info{Format: "made", RateHz: rate, NominalHz: 50}}
	s.info.Samples = s.end
	for _, n := range names {
		unit := "V"
		if strings.HasPrefix(n, "I") {
			unit = "A"
		}
		s.info.Channels = append(s.info.Channels, waveform.Channel{Name: n, Unit: unit, Primary: 1, Secondary: 1, Values: waveform.Primary})
	}
	s.value = func(c int, t float64) float64 {
		phase := 2 * math.Pi * (50*t - float64(c%3)/3)
		if c < 3 {
			return 230*math.Sqrt2*math.Cos(phase) + 11.5*math.Sqrt2*math.Cos(5*phase)
		}
		return 10 * math.Sqrt2 * math.Cos(phase-math.Acos(0.8))
	}
	return s
}

func measureSite(t *testing.T, s *scripted, opt Options) (*Report, map[string]any) {
	t.Helper()
	r, err := Source(context.Background(), s, opt)
	if err != nil {
		t.Fatal(err)
	}
	r.File = "made"
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, out.Bytes())
	}
	return r, object
}

// contract is the path of every key that users were promised.
var contract = strings.Fields(`file format warnings rate_hz nominal_hz channels windows aggregates events
	channels.0.index channels.0.name channels.0.role channels.0.unit channels.0.samples channels.0.missing
	channels.0.min channels.0.max channels.0.rms channels.0.first channels.0.last
	windows.0.t_s windows.0.duration_s windows.0.flags windows.0.frequency_hz windows.0.rms.V1 windows.0.rms.I3
	windows.0.fundamental.V1.rms windows.0.fundamental.V1.deg windows.0.harmonics_pct.V1 windows.0.thd_pct.V1
	windows.0.p_w.1 windows.0.p_w.2 windows.0.p_w.3 windows.0.p_w.total windows.0.q_var.total windows.0.s_va.total
	windows.0.pf.total windows.0.sequence.V.pos windows.0.sequence.V.neg windows.0.sequence.V.zero
	windows.0.sequence.I.pos windows.0.unbalance_pct.u2 windows.0.unbalance_pct.u0
	windows.0.spectrum windows.0.dc.V1 windows.0.energy_wh windows.0.interharmonics_pct windows.0.start_utc
	aggregates.150_180 aggregates.10min aggregates.2h`)

func lookUp(t *testing.T, object any, path string) any {
	t.Helper()
	for _, key := range strings.Split(path, ".") {
		switch o := object.(type) {
		case map[string]any:
			v, ok := o[key]
			if !ok {
				t.Fatalf("no %s (at %s)", path, key)
			}
			object = v
		case []any:
			if len(o) == 0 {
				t.Fatalf("%s: the list is empty", path)
			}
			object = o[0]
		default:
			t.Fatalf("%s: %v is no object", path, object)
		}
	}
	return object
}

func TestJSONHoldsTheContract(t *testing.T) {
	for _, row := range []struct {
		name     string
		opt      Options
		spectrum string
		flag     string
	}{
		{"basic windows", Options{}, "subgroups", ""},
		{"a chosen window", Options{Window: &Range{100, 3300}}, "lines", "fit"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, object := measureSite(t, site(1, 6400), row.opt)
			for _, path := range contract {
				lookUp(t, object, path)
			}
			if got := lookUp(t, object, "windows.0.spectrum"); got != row.spectrum {
				t.Errorf("spectrum %v, want %s", got, row.spectrum)
			}
			flags := lookUp(t, object, "windows.0.flags").([]any)
			if row.flag == "" && len(flags) > 0 || row.flag != "" && (len(flags) != 1 || flags[0] != row.flag) {
				t.Errorf("flags %v, want %q", flags, row.flag)
			}
			for path, want := range map[string]float64{
				"rms.V1": math.Hypot(230, 11.5), "rms.I3": 10, "p_w.1": 1840, "p_w.total": 5520, "q_var.2": 1380, "q_var.total": 4140,
				"thd_pct.V2": 5, "frequency_hz": 50, "sequence.V.pos": 230, "dpf.total": 0.8, "unbalance_pct.u2": 0,
			} {
				got, _ := lookUp(t, object, "windows.0."+path).(float64)
				within(t, path, got, want, 3e-4*want+1e-4)
			}
			harmonics := lookUp(t, object, "windows.0.harmonics_pct.V1").([]any)
			if len(harmonics) != 50 || harmonics[0] != 100.0 || math.Abs(harmonics[4].(float64)-5) > 2e-3 {
				t.Errorf("harmonics of V1: %v", harmonics)
			}
			if role := lookUp(t, object, "channels.0.role"); role != "V1" {
				t.Errorf("role of the first channel %v", role)
			}
			if len(r.Windows) == 5 {
				within(t, "energy", float64(r.Energy.Wh.Delivered), 5520.0/3600, 1e-3)
			} else if row.flag == "" {
				t.Errorf("%d windows, want 5", len(r.Windows))
			}
		})
	}
}

func TestNotAvailableIsNull(t *testing.T) {
	for _, row := range []struct {
		name  string
		names []string
		null  string // paths under windows.0
	}{
		{"voltages alone", []string{"Va", "Vb", "Vc"}, "p_w.1 p_w.total pf.total s_va.total sequence.I.pos energy_wh.net"},
		{"line-to-line", []string{"Vab", "Vbc", "Vca", "Ia", "Ib", "Ic"}, "p_w.1 q_var.2 s_va.3 pf.1 sequence.V.zero unbalance_pct.u0"},
	} {
		for _, window := range []*Range{nil, {0, 3200}} {
			name := row.name
			if window != nil {
				name += ", fitted"
			}
			t.Run(name, func(t *testing.T) {
				_, object := measureSite(t, site(0.6, 6400, row.names...), Options{Window: window})
				for _, path := range strings.Fields(row.null) {
					if v := lookUp(t, object, "windows.0."+path); v != nil {
						t.Errorf("%s = %v, want null", path, v)
					}
				}
				if row.name == "line-to-line" {
					total, _ := lookUp(t, object, "windows.0.p_w.total").(float64)
					// Between the lines the made voltages are 230 V, and 30° ahead of the phases.
					want := math.Sqrt(3) * 230 * 10 * math.Cos(math.Acos(0.8)-math.Pi/6)
					within(t, "total P", total, want, 1e-3*want)
				}
			})
		}
	}
}

func TestZeroCurrentHasNoPowerFactor(t *testing.T) {
	s := site(0.4, 6400)
	volts := s.value
	s.value = func(c int, at float64) float64 {
		if c >= 3 {
			return 0
		}
		return volts(c, at)
	}
	for _, opt := range []Options{{}, {Window: &Range{0, 1280}}} {
		s.at = 0
		_, object := measureSite(t, s, opt)
		for _, path := range []string{"pf.1", "pf.total", "dpf.1", "thd_pct.I1"} {
			if v := lookUp(t, object, "windows.0."+path); v != nil {
				t.Errorf("%s = %v, want null", path, v)
			}
		}
		if v := lookUp(t, object, "windows.0.p_w.total"); v != 0.0 {
			t.Errorf("p_w.total = %v, want 0: it is measured", v)
		}
	}
}

func TestKilovoltsStayAndPowerIsInWatts(t *testing.T) {
	for _, opt := range []Options{{}, {Window: &Range{0, 1280}}} {
		s := site(0.4, 6400)
		for c := range s.info.Channels[:3] {
			s.info.Channels[c].Unit = "kV"
		}
		_, object := measureSite(t, s, opt)
		within(t, "rms.V1", lookUp(t, object, "windows.0.rms.V1").(float64), math.Hypot(230, 11.5), 0.01)
		within(t, "sequence", lookUp(t, object, "windows.0.sequence.V.pos").(float64), 230, 0.01)
		within(t, "p_w", lookUp(t, object, "windows.0.p_w.total").(float64), 5520e3, 100)
		if unit := lookUp(t, object, "units.V12"); unit != "kV" {
			t.Errorf("units.V12 = %v", unit)
		}
	}
}

func TestShortRecordHasOneShortWindow(t *testing.T) {
	r, _ := measureSite(t, site(0.071, 6400), Options{})
	if len(r.Windows) != 1 || r.Windows[0].Cycles != 3 || strings.Join(r.Windows[0].Flags, " ") != "short" {
		t.Fatalf("%d windows: %+v", len(r.Windows), r.Windows)
	}
	within(t, "rms", r.Windows[0].RMS.Of(waveform.V1), math.Hypot(230, 11.5), 0.05)
}

func TestRecordWithoutUsableRate(t *testing.T) {
	s := site(100, 5)
	r, object := measureSite(t, s, Options{})
	if len(r.Windows) != 0 {
		t.Errorf("%d windows at 5 Hz", len(r.Windows))
	}
	if list, ok := object["windows"].([]any); !ok || len(list) != 0 {
		t.Errorf("windows = %v, want []", object["windows"])
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "in no window") {
		t.Errorf("no warning in %q", r.Warnings)
	}
	if r.Channels[0].Samples != 500 {
		t.Errorf("the channel has %d samples, want 500", r.Channels[0].Samples)
	}
}

func TestRecordWithoutRate(t *testing.T) {
	s := site(100, 5)
	s.info.RateHz, s.info.NominalHz = 0, 0
	_, object := measureSite(t, s, Options{})
	for _, key := range []string{"rate_hz", "nominal_hz"} {
		if object[key] != nil {
			t.Errorf("%s = %v, want null", key, object[key])
		}
	}
	if list, ok := object["windows"].([]any); !ok || len(list) != 0 {
		t.Errorf("windows = %v, want []", object["windows"])
	}
}

func TestNoWindowSpansAHole(t *testing.T) {
	s := site(1, 6400)
	s.holes = map[int64]bool{2000: true}
	r, _ := measureSite(t, s, Options{})
	for _, w := range r.Windows {
		if start, end := float64(w.StartS), float64(w.StartS+w.DurationS); start < 0.3125 && end > 0.32 {
			t.Errorf("a window from %g to %g s spans the hole at 0.3125 s", start, end)
		}
	}
	if len(r.Windows) < 4 {
		t.Errorf("%d windows", len(r.Windows))
	}
}

// A recorder that writes infinity has no value there.
func TestNotFiniteIsMissing(t *testing.T) {
	for _, opt := range []Options{{}, {Window: &Range{0, 6400}}} {
		s := site(1, 6400)
		clean := s.value
		s.value = func(c int, at float64) float64 {
			if k := math.Round(at * 6400); c == 0 && k >= 3000 && k < 3003 {
				return math.Inf(1)
			}
			return clean(c, at)
		}
		r, _ := measureSite(t, s, opt)
		if c := r.Channels[0]; c.Missing != 3 || c.Samples != 6397 || !c.Max.Available() || c.Max > 400 {
			t.Errorf("channel: %+v", c)
		}
		for _, w := range r.Windows {
			within(t, "rms", w.RMS.Of(waveform.V1), math.Hypot(230, 11.5), 0.1)
		}
		if len(r.Windows) == 0 {
			t.Error("no windows")
		}
	}
}

func TestParseRange(t *testing.T) {
	for in, want := range map[string]Range{"0:2048": {0, 2048}, " 7 : 8 ": {7, 8}} {
		if got, err := ParseRange(in); err != nil || got != want {
			t.Errorf("ParseRange(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ":", "5", "5:", ":5", "5:5", "6:5", "-1:5", "a:b", "1:2:3", "0:99999999999999999999", "1e3:2e3"} {
		if got, err := ParseRange(in); err == nil {
			t.Errorf("ParseRange(%q) = %v, want an error", in, got)
		} else if !strings.Contains(err.Error(), "FIRST:END") {
			t.Errorf("ParseRange(%q): %v does not say what to do", in, err)
		}
	}
}

func FuzzWindowAndChannels(f *testing.F) {
	f.Add("0:2048", "V1=1")
	f.Add("100:1", "V1=3,I1='Ia'")
	f.Add("9223372036854775806:9223372036854775807", "V12=-2,,")
	f.Add("0:64", "V1=1,V2=1,V3=1,I1=1")
	f.Fuzz(func(t *testing.T, window, channels string) {
		opt := Options{Channels: channels}
		if r, err := ParseRange(window); err == nil {
			opt.Window = &r
		}
		s := site(0.05, 1600)
		r, err := Source(context.Background(), s, opt)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		if err := r.WriteJSON(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	})
}
