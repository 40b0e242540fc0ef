package measure

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/waveform"
)

var errEOF = io.EOF

func pageOf(t *testing.T, s *scripted, opt Options) string {
	t.Helper()
	r, _ := measureSite(t, s, opt)
	var out bytes.Buffer
	if err := r.WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPageIsSelfContained(t *testing.T) {
	page := pageOf(t, site(1, 6400), Options{})
	for _, forbidden := range []string{"<script", "http://", "https://", "src=", "@import", "url("} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	if href := regexp.MustCompile(`href="[^#]`).FindString(page); href != "" {
		t.Errorf("the page links out: %s", href)
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

func TestPageShowsWhatWasMeasured(t *testing.T) {
	page := pageOf(t, site(1, 6400), Options{})
	for _, fragment := range []string{
		`<h1>made</h1>`, `<b>50 Hz</b><span>frequency</span>`, `<b>5.52 kW</b><span>active power</span>`,
		`<h2>Waveforms</h2>`, `aria-label="Voltages, waveform"`, `aria-label="Currents, waveform"`, `aria-label="Phasor diagram"`,
		`aria-label="Harmonics of V1"`, `aria-label="Harmonics of I3"`, `aria-label="Voltages, RMS"`, `aria-label="Frequency"`,
		`time since the first sample, ms`, `% of fundamental`, `harmonic order`,
		`<th class="l">Total</th><td>5.52 kW</td><td>4.14 kvar</td>`, `<th class="l">Voltage, V</th><td>230</td>`,
		`prefers-color-scheme:dark`, `@media print`, `name="viewport"`,
	} {
		if !strings.Contains(page, fragment) {
			t.Errorf("the page lacks %q", fragment)
		}
	}
	if n := strings.Count(page, `aria-label="Harmonics of`); n != 6 {
		t.Errorf("%d harmonic charts, want 6", n)
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Error("the page prints NaN or Inf")
	}
}

func TestPageShowsADashForWhatIsNotAvailable(t *testing.T) {
	page := pageOf(t, site(1, 6400, "Va", "Vb", "Vc"), Options{})
	if !strings.Contains(page, `<b>–</b><span>active power</span>`) && !strings.Contains(page, `<b>– </b>`) {
		t.Errorf("no dash for the power that three voltages do not have")
	}
	if strings.Contains(page, "NaN") {
		t.Error("the page prints NaN")
	}
}

func TestPageOfARecordWithoutWindows(t *testing.T) {
	page := pageOf(t, site(100, 5), Options{})
	if !strings.Contains(page, "no window") || !strings.Contains(page, "Channels of the recording") {
		t.Error("the page of a record without windows is not complete")
	}
}

// A file chooses its names. They must stay text, in the page and on the terminal.
func TestHostileNamesStayText(t *testing.T) {
	s := site(0.4, 6400)
	evil := `</td><script>alert(1)</script><img src=x onerror=alert(1)>` + "\x1b[2J\u202e"
	s.info.Station = evil
	s.info.Device = `"><svg onload=alert(2)>`
	s.info.Channels[0] = waveform.Channel{Name: evil, Unit: `<b>V</b>`, Phase: "A"}
	s.info.Warnings = []string{evil}
	opt := Options{Channels: "V1=1,V2=2,V3=3,I1=4,I2=5,I3=6"}
	s.info.Channels[0].Unit = "V"
	r, _ := measureSite(t, s, opt)
	r.File = evil + ".cfg"
	var page, text bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"<script", "<img", "<svg onload"} {
		if strings.Contains(page.String(), forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	if !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("the name is not shown at all")
	}
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\u202e") {
		t.Error("the summary passes control characters to the terminal")
	}
}

func TestTextFitsEightyColumns(t *testing.T) {
	folder, names, _ := references(t)
	for _, name := range names {
		r, err := File(t.Context(), filepath.Join(folder, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if n := width(line); n > textWidth {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}

func TestTextTellsTheKeyFigures(t *testing.T) {
	r, _ := measureSite(t, site(1, 6400), Options{})
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5 windows, 1 s", "Wiring 4W-WYE, frequency 50 Hz", "total      5.52 kW    4.14 kvar", "  1 Va", "V1 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
}

func TestFigure(t *testing.T) {
	for _, row := range []struct {
		v      float64
		digits int
		want   string
	}{
		{230.123456, 6, "230.123"}, {0, 3, "0"}, {-0.00001, 3, "-1e-05"}, {123456789, 4, "123456789"}, {1e12, 6, "1e+12"},
		{0.5, 3, "0.5"}, {12000, 2, "12000"}, {99.99999, 4, "100"},
	} {
		if got := figure(row.v, row.digits); got != row.want {
			t.Errorf("figure(%g, %d) = %q, want %q", row.v, row.digits, got, row.want)
		}
	}
}

func TestWriteFileIsWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.html")
	broken := errors.New("broken")
	err := WriteFile(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	if len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if err := WriteFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "whole" {
		t.Errorf("got %q", got)
	}
	if err := WriteFile(filepath.Join(path, "under"), func(io.Writer) error { return nil }); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("writing under a file: %v", err)
	}
}

func TestBrokenFilesGiveOneLine(t *testing.T) {
	folder := dataFolder(t)
	dir := t.TempDir()
	cfg, err := os.ReadFile(filepath.Join(folder, "comtrade/keating_1999.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	dat, err := os.ReadFile(filepath.Join(folder, "comtrade/keating_1999.dat"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair := func(name string, cfg, dat []byte) string {
		write(name+".dat", dat)
		return write(name+".cfg", cfg)
	}
	for _, row := range []struct {
		name, path string
		opt        Options
	}{
		{"absent", filepath.Join(dir, "absent.cfg"), Options{}},
		{"empty cfg", pair("empty", nil, dat), Options{}},
		{"empty dat", pair("emptydat", cfg, nil), Options{}},
		{"no dat", write("alone.cfg", cfg), Options{}},
		{"half a cfg", pair("half", cfg[:len(cfg)/2], dat), Options{}},
		{"noise", pair("noise", bytes.Repeat([]byte{0xff, 0, 7, '\n'}, 1000), dat), Options{}},
		{"text in the data", pair("text", cfg, bytes.Repeat([]byte("hello, world\n"), 2048)), Options{}},
		{"empty csv", write("empty.csv", nil), Options{}},
		{"csv of nothing", write("nothing.csv", []byte("a,b,c\n")), Options{}},
		{"another format", write("x.pdf", []byte("%PDF")), Options{}},
		{"a folder", dir, Options{}},
		{"a channel that is not there", pair("ok", cfg, dat), Options{Channels: "V1=99"}},
		{"a window beyond the end", pair("ok2", cfg, dat), Options{Window: &Range{0, 1 << 40}}},
		{"a window of far too much", pair("ok3", cfg, dat), Options{Window: &Range{1 << 40, 1 << 41}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := File(t.Context(), row.path, row.opt)
			if err == nil {
				t.Fatal("no error")
			}
			if text := err.Error(); strings.Contains(text, "\n") || len(text) > 400 || len(text) < 10 {
				t.Errorf("not one clear line: %q", text)
			}
		})
	}
}

// Every cut of a small record gives a report or an error, never a panic.
func TestTruncatedRecords(t *testing.T) {
	folder := dataFolder(t)
	whole, err := os.ReadFile(filepath.Join(folder, "comtrade/toy_ascii_cff.cff"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.cff")
	for n := 0; n <= len(whole); n += 13 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := File(t.Context(), path, Options{})
		if err != nil {
			continue
		}
		if err := r.WriteHTML(io.Discard); err != nil {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// TestAxisOfAnyRange: an axis has a handful of ticks within its ends, for the rounding
// of a steady value and for what no chart can show, too.
func TestAxisOfAnyRange(t *testing.T) {
	for _, r := range [][2]float64{
		{0, 10}, {49.98, 50.03}, {50, 50}, {0, 0}, {50, math.Nextafter(50, 51)}, {212, 212 + 1e-12}, {-230, math.Nextafter(-230, 0)},
		{1e-300, 2e-300}, {-1e300, 1e300}, {50, 50 + 1e-6}, {-5e-324, 5e-324},
	} {
		for _, wide := range []bool{false, true} {
			a := newAxis(r[0], r[1], 0, 100, 5, wide)
			if n := len(a.ticks); n < 2 || n > 15 {
				t.Errorf("%g to %g: %d ticks", r[0], r[1], n)
			}
			if slack := 1e-6 * (a.high - a.low); !(a.low < a.high && a.low <= r[0]+slack && a.high >= r[1]-slack) {
				t.Errorf("%g to %g: axis from %g to %g", r[0], r[1], a.low, a.high)
			}
		}
	}
}
