package measure

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/waveform"
)

// The drawings are SVG with classes only: the page's style sheet colours them, for
// a light and a dark screen and for paper. They hold numbers and names of inputs,
// nothing that a file could choose.

// The size of a chart in its own units. The letters stay readable when a phone
// shows it at two thirds.
const (
	chartWidth   = 480
	chartHeight  = 250
	chartLeft    = 58
	chartRight   = 10
	chartTop     = 24
	chartBottom  = 40
	plotWidth    = chartWidth - chartLeft - chartRight
	plotHeight   = chartHeight - chartTop - chartBottom
	chartColumns = 360 // as many columns as a long curve is reduced to
)

// curve is a line, or a band between low and high if these are set.
type curve struct {
	role      waveform.Role
	x, y      []float64
	low, high []float64
}

// svg builds a drawing.
type svg struct{ strings.Builder }

func (s *svg) add(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

func (s *svg) html() template.HTML { return template.HTML(s.String()) }

// coordinate writes a position with the tenth of a unit that a screen can show.
func coordinate(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// colour returns the class of an input's colour: one for each phase.
func colour(r waveform.Role) string {
	switch r {
	case waveform.V1, waveform.V12, waveform.I1:
		return "c1"
	case waveform.V2, waveform.V23, waveform.I2:
		return "c2"
	case waveform.V3, waveform.V31, waveform.I3:
		return "c3"
	}
	return "c4"
}

// axis maps values to positions.
type axis struct {
	low, high  float64
	start, end float64
	ticks      []float64
}

func (a *axis) at(v float64) float64 {
	return a.start + (v-a.low)/(a.high-a.low)*(a.end-a.start)
}

// flat is the share of its values below which a range is the rounding of a steady
// one, too fine for ticks that float64 can tell apart.
const flat = 1e-8

// newAxis covers low to high with about n round ticks. wide widens the range to
// ticks on both ends.
func newAxis(low, high, start, end float64, n int, wide bool) axis {
	if most := math.Max(math.Abs(low), math.Abs(high)); !(high-low > math.Max(flat*most, 1e-290)) {
		grow := math.Max(most*0.01, 1e-9)
		low, high = low-grow, high+grow
	}
	rough := (high - low) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m*step >= rough {
			step *= m
			break
		}
	}
	a := axis{low: low, high: high, start: start, end: end}
	if wide {
		a.low, a.high = math.Floor(low/step+1e-9)*step, math.Ceil(high/step-1e-9)*step
	}
	for k := math.Ceil(a.low/step - 1e-9); k*step <= a.high+step*1e-9; k++ {
		a.ticks = append(a.ticks, k*step)
	}
	return a
}

// label formats a tick of an axis whose ticks lie apart by step.
func (a *axis) label(v float64) string {
	step := a.high - a.low
	if len(a.ticks) > 1 {
		step = a.ticks[1] - a.ticks[0]
	}
	if math.Abs(v) < step*1e-6 {
		return "0"
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	// A step of 2.5 needs one digit more.
	if scaled := step * math.Pow(10, float64(decimals)); math.Abs(scaled-math.Round(scaled)) > 1e-6 {
		decimals++
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	return strings.Replace(s, "-", "−", 1)
}

// lineChart draws curves over a common axis, with a legend of their inputs.
func lineChart(name string, curves []curve, xLabel, yLabel string) template.HTML {
	xLow, xHigh, yLow, yHigh := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	grow := func(values []float64) {
		for _, v := range values {
			if v == v && !math.IsInf(v, 0) {
				yLow, yHigh = math.Min(yLow, v), math.Max(yHigh, v)
			}
		}
	}
	for _, c := range curves {
		for _, v := range c.x {
			xLow, xHigh = math.Min(xLow, v), math.Max(xHigh, v)
		}
		grow(c.y)
		grow(c.low)
		grow(c.high)
	}
	if math.IsInf(xLow, 0) || math.IsInf(yLow, 0) {
		return ""
	}
	x := newAxis(xLow, xHigh, chartLeft, chartLeft+plotWidth, 6, false)
	y := newAxis(yLow, yHigh, chartTop+plotHeight, chartTop, 5, true)

	s := &svg{}
	s.add(`<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(name))
	s.grid(&x, &y, xLabel, yLabel)
	for _, c := range curves {
		if c.low != nil {
			s.add(`<path class="band %s" d="`, colour(c.role))
			for k := range c.x {
				s.step(k, x.at(c.x[k]), y.at(c.high[k]))
			}
			for k := len(c.x) - 1; k >= 0; k-- {
				s.step(1, x.at(c.x[k]), y.at(c.low[k]))
			}
			s.add(`Z"/>`)
		}
		s.add(`<path class="line %s" d="`, colour(c.role))
		pen := 0
		for k, v := range c.y {
			if math.IsNaN(v) {
				pen = 0
				continue
			}
			s.step(pen, x.at(c.x[k]), y.at(v))
			pen++
		}
		s.add(`"/>`)
	}
	at := float64(chartLeft + plotWidth)
	for k := len(curves) - 1; k >= 0; k-- {
		label := curves[k].role.String()
		if label == "" {
			continue // the axis names it
		}
		at -= 10 + 8*float64(len(label))
		s.add(`<text class="legend %s" x="%s" y="15">%s</text>`, colour(curves[k].role), coordinate(at), label)
		s.add(`<path class="line %s" d="M%s 11h12"/>`, colour(curves[k].role), coordinate(at-16))
		at -= 22
	}
	s.add(`</svg>`)
	return s.html()
}

// step draws to a point; the first of a line (0) moves there.
func (s *svg) step(k int, x, y float64) {
	letter := "L"
	if k == 0 {
		letter = "M"
	}
	s.add("%s%s %s", letter, coordinate(x), coordinate(y))
}

// grid draws the axes, their ticks and labels.
func (s *svg) grid(x, y *axis, xLabel, yLabel string) {
	bottom := float64(chartTop + plotHeight)
	for _, t := range y.ticks {
		at := coordinate(y.at(t))
		class := "grid"
		if math.Abs(t) < 1e-12*(y.high-y.low) {
			class = "grid zero"
		}
		s.add(`<path class="%s" d="M%d %sh%d"/>`, class, chartLeft, at, plotWidth)
		s.add(`<text class="tick" x="%d" y="%s" text-anchor="end" dy="4">%s</text>`, chartLeft-6, at, y.label(t))
	}
	for _, t := range x.ticks {
		at := coordinate(x.at(t))
		s.add(`<path class="grid" d="M%s %dv%d"/>`, at, chartTop, plotHeight)
		s.add(`<text class="tick" x="%s" y="%s" text-anchor="middle">%s</text>`, at, coordinate(bottom+15), x.label(t))
	}
	s.add(`<text class="axis" x="%d" y="%d" text-anchor="middle">%s</text>`, chartLeft+plotWidth/2, chartHeight-6, template.HTMLEscapeString(xLabel))
	s.add(`<text class="axis" x="4" y="15">%s</text>`, template.HTMLEscapeString(yLabel))
}

// reduce keeps of a long curve the least and the greatest value of each column, in
// their order: what a screen would show of it.
func reduce(x, y []float64) ([]float64, []float64) {
	if len(x) <= 2*chartColumns {
		return x, y
	}
	var rx, ry []float64
	for c := range chartColumns {
		from, to := c*len(x)/chartColumns, (c+1)*len(x)/chartColumns
		low, high := from, from
		for k := from; k < to; k++ {
			if y[k] < y[low] || math.IsNaN(y[low]) {
				low = k
			}
			if y[k] > y[high] || math.IsNaN(y[high]) {
				high = k
			}
		}
		for _, k := range []int{min(low, high), max(low, high)} {
			rx, ry = append(rx, x[k]), append(ry, y[k])
		}
	}
	return rx, ry
}

// trend makes a curve of one value per window; a long one becomes a band with the
// mean in it.
func trend(role waveform.Role, x, y []float64) curve {
	const columns = 160
	if len(x) <= 2*columns {
		return curve{role: role, x: x, y: y}
	}
	out := curve{role: role}
	for c := range columns {
		from, to := c*len(x)/columns, (c+1)*len(x)/columns
		m := course{}
		for k := from; k < to; k++ {
			m.add(y[k], 1)
		}
		r := m.result()
		if math.IsNaN(r.Mean) {
			continue
		}
		out.x = append(out.x, (x[from]+x[to-1])/2)
		out.y = append(out.y, r.Mean)
		out.low, out.high = append(out.low, r.Min), append(out.high, r.Max)
	}
	return out
}

// barChart draws harmonics 2 and up, with the interharmonics between them, in % of
// the fundamental. inter[h] lies between orders h and h+1.
func barChart(role waveform.Role, harmonics, inter []float64) template.HTML {
	highest := len(harmonics)
	if highest < 2 {
		return ""
	}
	top := 0.0
	for _, v := range harmonics[1:] {
		top = math.Max(top, v)
	}
	for _, v := range inter[min(len(inter), 1):] {
		top = math.Max(top, v)
	}
	if top == 0 {
		top = 1
	}
	x := newAxis(1.25, float64(highest)+0.75, chartLeft, chartLeft+plotWidth, 10, false)
	x.ticks = x.ticks[:0]
	every := 1
	for _, n := range []int{2, 5, 10} {
		if highest/every > 14 {
			every = n
		}
	}
	for h := every * ((2 + every - 1) / every); h <= highest; h += every {
		x.ticks = append(x.ticks, float64(h))
	}
	y := newAxis(0, top, chartTop+plotHeight, chartTop, 4, true)
	s := &svg{}
	s.add(`<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="Harmonics of %s">`, chartWidth, chartHeight, role)
	s.grid(&x, &y, "harmonic order", "% of fundamental")
	s.add(`<text class="legend %s" x="%d" y="15" text-anchor="end">%s</text>`, colour(role), chartLeft+plotWidth, role)
	slot := float64(plotWidth) / float64(highest)
	bar := func(class string, order, value, width float64) {
		if !(value > 0) {
			return
		}
		h := y.start - y.at(value)
		s.add(`<rect class="%s %s" x="%s" y="%s" width="%s" height="%s"/>`, class, colour(role),
			coordinate(x.at(order)-width/2), coordinate(y.start-h), coordinate(width), coordinate(math.Max(h, 0.5)))
	}
	for h, v := range inter {
		if h >= 1 {
			bar("inter", float64(h)+0.5, v, slot*0.28)
		}
	}
	for k, v := range harmonics {
		if k >= 1 {
			bar("bar", float64(k+1), v, slot*0.55)
		}
	}
	s.add(`</svg>`)
	return s.html()
}

// phasor is one arrow of the phasor diagram.
type phasor struct {
	role     waveform.Role
	rms, deg float64
}

// phasorDiagram draws voltages and currents, each to its own scale, V1 (or the
// first) pointing right and angles counting against the clock.
func phasorDiagram(phasors []phasor) template.HTML {
	const size, centre, radius = 340, 170.0, 128.0
	longest := map[bool]float64{}
	reference := math.NaN()
	for _, p := range phasors {
		longest[p.role.IsCurrent()] = math.Max(longest[p.role.IsCurrent()], p.rms)
		if math.IsNaN(reference) {
			reference = p.deg
		}
	}
	if math.IsNaN(reference) {
		return ""
	}
	s := &svg{}
	s.add(`<svg class="phasors" viewBox="0 0 %d %d" role="img" aria-label="Phasor diagram">`, size, size)
	for _, r := range []float64{radius, radius / 2} {
		s.add(`<circle class="grid" cx="%g" cy="%g" r="%g"/>`, centre, centre, r)
	}
	for deg := 0; deg < 360; deg += 30 {
		sin, cos := math.Sincos(float64(deg) * math.Pi / 180)
		s.add(`<path class="grid" d="M%s %sL%s %s"/>`, coordinate(centre), coordinate(centre), coordinate(centre+radius*cos), coordinate(centre-radius*sin))
		if deg%90 == 0 {
			shown := deg
			if shown > 180 {
				shown -= 360
			}
			s.add(`<text class="tick" x="%s" y="%s" text-anchor="middle" dy="4">%s</text>`,
				coordinate(centre+(radius+20)*cos), coordinate(centre-(radius+14)*sin), strings.Replace(fmt.Sprintf("%d°", shown), "-", "−", 1))
		}
	}
	for _, p := range phasors {
		largest := longest[p.role.IsCurrent()]
		if !(largest > 0) || math.IsNaN(p.deg) {
			continue
		}
		class, reach := "volt", radius*0.88
		if p.role.IsCurrent() {
			class, reach = "amp", radius*0.62
		}
		length := reach * p.rms / largest
		sin, cos := math.Sincos((p.deg - reference) * math.Pi / 180)
		tipX, tipY := centre+length*cos, centre-length*sin
		s.add(`<path class="%s %s" d="M%s %sL%s %s"/>`, class, colour(p.role), coordinate(centre), coordinate(centre), coordinate(tipX), coordinate(tipY))
		if length > 8 {
			point := func(back, side float64) string {
				return coordinate(tipX-back*cos-side*sin) + " " + coordinate(tipY+back*sin-side*cos)
			}
			s.add(`<path class="tip %s" d="M%s %sL%sL%sZ"/>`, colour(p.role), coordinate(tipX), coordinate(tipY), point(9, 4), point(9, -4))
			s.add(`<text class="legend %s" x="%s" y="%s" text-anchor="middle" dy="4">%s</text>`, colour(p.role),
				coordinate(tipX+14*cos), coordinate(tipY-12*sin), p.role)
		}
	}
	s.add(`</svg>`)
	return s.html()
}
