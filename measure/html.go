package measure

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/hepmeter/hepmeter/waveform"
)

//go:embed templates/report.html templates/report.css
var templates embed.FS

// WriteHTML writes r as one page that needs nothing beside it: style and drawings
// are in it, there is no script and no request to anywhere.
func (r *Report) WriteHTML(w io.Writer) error {
	style, err := templates.ReadFile("templates/report.css")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	page, err := template.New("report.html").Funcs(template.FuncMap{
		"figure":  func(v any, digits int) string { return typographic(figure(number(v), digits)) },
		"scaled":  func(v any, unit string) string { return typographic(scaled(number(v), unit)) },
		"percent": func(v any) string { return typographic(percentage(number(v))) },
		"degrees": func(v any) string { return typographic(degrees(number(v))) },
	}).ParseFS(templates, "templates/report.html")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := page.Execute(w, r.page(template.CSS(style))); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case Value:
		return float64(v)
	}
	return math.NaN()
}

// typographic sets a true minus sign.
func typographic(s string) string { return strings.ReplaceAll(s, "-", "−") }

// page is what the template shows, ready but for the formatting of numbers.
type page struct {
	Style    template.CSS
	Title    string
	Report   *Report
	Begins   string
	Windows  string
	Waves    []template.HTML
	Trends   []template.HTML
	Phasors  template.HTML
	Bars     []template.HTML
	Spectrum string
	Inputs   []inputRow
	Powers   []powerRow
	Energy   []energyRow
	Sequence []sequenceRow
	Summary  summaryRow
	Listed   []windowRow
	Unlisted int
	Fitted   bool
	Several  bool
}

type inputRow struct {
	Role, Unit, Class                   string
	RMS                                 spread
	Fundamental, Deg, DC, Crest, THD, K Value
}

type powerRow struct {
	Name    string
	P, Q, S spread
	PF, DPF float64
}

type energyRow struct {
	Name, Unit               string
	Delivered, Received, Net Value
}

type sequenceRow struct {
	Name, Unit     string
	Sequence       Sequence
	Negative, Zero Value
}

type summaryRow struct {
	Frequency spread
	U2        float64
	P, S      spread
	PF        float64
}

type windowRow struct {
	Window *Window
	Flags  string
}

// mostWindows is how many windows the page lists. The JSON has all of them.
const mostWindows = 60

func (r *Report) page(style template.CSS) *page {
	s := r.summarise()
	p := &page{Style: style, Title: filepath.Base(r.File), Report: r, Begins: notAvailable,
		Summary: summaryRow{Frequency: s.frequency, U2: rounded(s.u2.Mean, 100), P: s.p[total], S: s.s[total], PF: s.pf[total]}}
	if r.StartUTC != nil {
		p.Begins = strings.Replace(strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(*r.StartUTC, "Z"), "0"), "."), "T", " ", 1)
	}
	p.Waves = r.waves()
	if len(r.Windows) == 0 {
		return p
	}
	p.Windows = r.windowsLine(&s)
	p.Several = len(r.Windows) > 1
	first := &r.Windows[0]
	p.Fitted = first.Spectrum == "lines"
	p.Spectrum = first.Spectrum
	p.Trends = r.trends()
	p.Phasors = r.phasors(first)
	for _, role := range r.layout.connected {
		if chart := barChart(role, s.harmonics[role], s.interharmonics[role]); chart != "" {
			p.Bars = append(p.Bars, chart)
		}
	}
	for _, role := range r.layout.all {
		if math.IsNaN(s.rms[role].Mean) {
			continue
		}
		row := inputRow{Role: role.String(), Unit: r.units.unit(role).name, Class: colour(role), RMS: s.rms[role],
			Fundamental: Value(first.Fundamental.RMS.Of(role)), Deg: Value(first.Fundamental.Deg.Of(role)),
			DC: Value(rounded(first.DC.Of(role), s.rms[role].Mean)), Crest: Value(first.Crest.Of(role)), THD: Value(math.NaN()), K: Value(first.KFactor.Of(role))}
		if thd, ok := s.thd[role]; ok {
			row.THD = Value(rounded(thd.Mean, 100))
		}
		p.Inputs = append(p.Inputs, row)
	}
	for k, name := range []string{"Phase 1", "Phase 2", "Phase 3", "Total"} {
		if !math.IsNaN(s.p[k].Mean) {
			dpf := over(r.Windows, false, func(w *Window) float64 { return w.DPF[k] })
			p.Powers = append(p.Powers, powerRow{Name: name, P: s.p[k], Q: s.q[k], S: s.s[k], PF: s.pf[k], DPF: dpf.Mean})
		}
	}
	for _, e := range []struct {
		name, unit string
		energy     EnergyWh
	}{{"Active", "Wh", r.Energy.Wh}, {"Reactive (fundamental)", "varh", r.Energy.Varh}, {"Apparent", "VAh", r.Energy.VAh}} {
		if e.energy.Net.Available() {
			p.Energy = append(p.Energy, energyRow{Name: e.name, Unit: e.unit, Delivered: e.energy.Delivered, Received: e.energy.Received, Net: e.energy.Net})
		}
	}
	for _, q := range []sequenceRow{
		{"Voltage", r.units.voltage.name, first.Sequence.V, first.Unbalance.U2, first.Unbalance.U0},
		{"Current", r.units.current.name, first.Sequence.I, first.Unbalance.I2, first.Unbalance.I0},
	} {
		if q.Sequence.Pos.Available() {
			for _, v := range []*Value{&q.Sequence.Neg, &q.Sequence.Zero} {
				*v = Value(rounded(float64(*v), float64(q.Sequence.Pos)))
			}
			q.Negative, q.Zero = Value(rounded(float64(q.Negative), 100)), Value(rounded(float64(q.Zero), 100))
			p.Sequence = append(p.Sequence, q)
		}
	}
	for i := range r.Windows {
		if i == mostWindows {
			p.Unlisted = len(r.Windows) - i
			break
		}
		p.Listed = append(p.Listed, windowRow{&r.Windows[i], strings.Join(r.Windows[i].Flags, ", ")})
	}
	return p
}

// groups are the inputs that share a chart.
var groups = []struct {
	name  string
	roles []waveform.Role
}{
	{"Voltages", []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.V4}},
	{"Line-to-line voltages", []waveform.Role{waveform.V12, waveform.V23, waveform.V31}},
	{"Currents", []waveform.Role{waveform.I1, waveform.I2, waveform.I3, waveform.I4, waveform.I5}},
}

// waves draws the samples that were kept.
func (r *Report) waves() []template.HTML {
	var charts []template.HTML
	for _, g := range groups {
		var curves []curve
		unit := ""
		for _, role := range g.roles {
			for _, t := range r.traces {
				if t.role != role || len(t.times) == 0 {
					continue
				}
				ms := make([]float64, len(t.times))
				for k, at := range t.times {
					ms[k] = 1e3 * at
				}
				x, y := reduce(ms, t.values)
				curves = append(curves, curve{role: role, x: x, y: y})
				unit = r.units.unit(role).name
			}
		}
		if chart := lineChart(g.name+", waveform", curves, "time since the first sample, ms", unit); chart != "" {
			charts = append(charts, chart)
		}
	}
	return charts
}

// trends draws readings over the windows, where there are enough for a curve.
func (r *Report) trends() []template.HTML {
	if len(r.Windows) < 4 {
		return nil
	}
	var x []float64
	unit, size := "s", 1.0
	if span := float64(r.Windows[len(r.Windows)-1].StartS); span > 600 {
		unit, size = "min", 60
	}
	for i := range r.Windows {
		x = append(x, float64(r.Windows[i].StartS)/size)
	}
	label := "time since the first sample, " + unit
	course := func(role waveform.Role, quantity func(*Window) float64) (curve, bool) {
		y := make([]float64, len(r.Windows))
		any := false
		for i := range r.Windows {
			y[i] = quantity(&r.Windows[i])
			any = any || !math.IsNaN(y[i])
		}
		return trend(role, x, y), any
	}
	var charts []template.HTML
	for _, g := range groups {
		var curves []curve
		unit := ""
		for _, role := range g.roles {
			if g.roles[0] == waveform.V12 && !math.IsNaN(r.Windows[0].RMS.Of(waveform.V1)) {
				continue
			}
			if c, any := course(role, func(w *Window) float64 { return w.RMS.Of(role) }); any {
				curves = append(curves, c)
				unit = r.units.unit(role).name
			}
		}
		curves = visible(curves)
		if chart := lineChart(g.name+", RMS", curves, label, unit+" RMS"); chart != "" {
			charts = append(charts, chart)
		}
	}
	power, prefix := 1.0, ""
	highest := 0.0
	for i := range r.Windows {
		highest = math.Max(highest, math.Abs(r.Windows[i].P[total]))
	}
	for _, step := range []struct {
		size float64
		name string
	}{{1e3, "k"}, {1e6, "M"}, {1e9, "G"}} {
		if highest >= step.size {
			power, prefix = step.size, step.name
		}
	}
	if c, any := course(waveform.NoRole, func(w *Window) float64 { return w.P[total] / power }); any {
		charts = append(charts, singleChart("Total active power", c, label, prefix+"W"))
	}
	if c, any := course(waveform.NoRole, func(w *Window) float64 { return float64(w.FrequencyHz) }); any {
		charts = append(charts, singleChart("Frequency", c, label, "Hz"))
	}
	return charts
}

// visible leaves out the neutral's curve where it would press the phases' into a
// line at the top: where it never reaches a fifth of the least of them.
func visible(curves []curve) []curve {
	least := math.Inf(1)
	for _, c := range curves {
		if colour(c.role) != "c4" {
			for _, v := range c.y {
				least = math.Min(least, v)
			}
		}
	}
	var out []curve
	for _, c := range curves {
		highest := 0.0
		for _, v := range append(c.high, c.y...) {
			highest = math.Max(highest, v)
		}
		if colour(c.role) != "c4" || highest > least/5 {
			out = append(out, c)
		}
	}
	return out
}

// singleChart is a chart of one curve that is named by its axis.
func singleChart(name string, c curve, xLabel, unit string) template.HTML {
	chart := string(lineChart(name, []curve{c}, xLabel, name+", "+unit))
	return template.HTML(chart)
}

// phasors draws the fundamentals of the first window.
func (r *Report) phasors(w *Window) template.HTML {
	var list []phasor
	roles := []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.I1, waveform.I2, waveform.I3}
	if math.IsNaN(w.RMS.Of(waveform.V1)) && !math.IsNaN(w.RMS.Of(waveform.V12)) {
		roles = []waveform.Role{waveform.V12, waveform.V23, waveform.V31, waveform.I1, waveform.I2, waveform.I3}
	}
	for _, role := range roles {
		rms, deg := w.Fundamental.RMS.Of(role), w.Fundamental.Deg.Of(role)
		if rms > 0 && !math.IsNaN(deg) {
			list = append(list, phasor{role, rms, deg})
		}
	}
	return phasorDiagram(list)
}
