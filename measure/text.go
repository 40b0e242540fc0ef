package measure

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// textWidth is the widest line of the summary.
const textWidth = 80

// WriteText writes a summary of r for a terminal of 80 columns.
func (r *Report) WriteText(w io.Writer) error {
	t := &text{}
	s := r.summarise()
	t.line("%s", clip(filepath.Base(r.File), textWidth))
	t.wrapped("  ", fmt.Sprintf("%s, %d analogue channels, %d samples%s", r.Format, len(r.Channels), r.Samples, r.span()))
	if place := strings.TrimSpace(r.Station + " " + r.Device); place != "" {
		t.line("  %s", clip(place, textWidth-2))
	}
	if r.StartUTC != nil {
		t.line("  begins %s", *r.StartUTC)
	}
	for _, warning := range r.Warnings {
		t.wrapped("! ", warning)
	}
	t.line("")
	t.channels(r)
	if len(r.Windows) > 0 {
		t.line("")
		t.readings(r, &s)
	}
	_, err := io.WriteString(w, t.String())
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func (r *Report) span() string {
	if !r.DurationS.Available() {
		return ", no usable sampling rate"
	}
	return fmt.Sprintf(", %s s at %s Hz", figure(float64(r.DurationS), 4), figure(float64(r.RateHz), 7))
}

type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	t.WriteByte('\n')
}

// wrapped writes a paragraph behind a mark, broken at words.
func (t *text) wrapped(mark, paragraph string) {
	line := mark
	indent := strings.Repeat(" ", len(mark))
	for _, word := range strings.Fields(paragraph) {
		word = clip(word, textWidth-len(mark))
		if width(line)+1+width(word) > textWidth && strings.TrimSpace(line) != strings.TrimSpace(mark) {
			t.line("%s", line)
			line = indent
		}
		if line != mark && line != indent {
			line += " "
		}
		line += word
	}
	t.line("%s", line)
}

// mostListed is how many channels without a role are listed.
const mostListed = 12

func (t *text) channels(r *Report) {
	t.line("Channel                         input  unit          min        max        rms")
	left := 0
	for _, c := range r.Channels {
		if c.Role == "" {
			if left++; left > mostListed {
				continue
			}
		}
		role := c.Role
		if role == "" {
			role = "-"
		} else if c.Scale < 0 {
			role += "(-)"
		}
		t.line("%3d %s %s %s %10s %10s %10s", c.Index, pad(c.Name, 27), pad(role, 6), pad(c.Unit, 6),
			figure(float64(c.Min), 5), figure(float64(c.Max), 5), figure(float64(c.RMS), 6))
	}
	if left > mostListed {
		t.line("    and %d more that are not connected (--json has them all)", left-mostListed)
	}
}

func (t *text) readings(r *Report, s *summary) {
	t.line("%s", r.windowsLine(s))
	frequency := figure(s.frequency.Mean, 6) + " Hz"
	if low, high := figure(s.frequency.Min, 6), figure(s.frequency.Max, 6); low != high {
		frequency += fmt.Sprintf(" (%s to %s)", low, high)
	}
	t.line("Wiring %s, frequency %s", r.Wiring, frequency)
	t.line("")

	t.line("Input unit       rms        min        max       fund.   angle   THD %%      DC")
	first := &r.Windows[0]
	for _, role := range r.layout.all {
		course := s.rms[role]
		if math.IsNaN(course.Mean) {
			continue
		}
		thd := first.THD.Of(role)
		if m, ok := s.thd[role]; ok {
			thd = m.Mean
		}
		t.line("%s %s %10s %10s %10s  %10s %6s° %7s %7s", pad(role.String(), 5), pad(r.units.unit(role).name, 3),
			figure(course.Mean, 6), figure(course.Min, 5), figure(course.Max, 5),
			figure(first.Fundamental.RMS.Of(role), 6), degrees(first.Fundamental.Deg.Of(role)), figure(rounded(thd, 100), 3), figure(rounded(first.DC.Of(role), course.Mean), 2))
	}
	t.line("(fund. = fundamental; it, its angle and DC are those of the first window)")
	t.line("")
	if !math.IsNaN(s.p[total].Mean) || !math.IsNaN(s.p[0].Mean) {
		t.line("              P           Q1            S       PF")
		for k, name := range []string{"1", "2", "3", "total"} {
			if math.IsNaN(s.p[k].Mean) {
				continue
			}
			t.line("%-6s %11s %12s %12s %8s", name, scaled(s.p[k].Mean, "W"), scaled(s.q[k].Mean, "var"), scaled(s.s[k].Mean, "VA"), figure(s.pf[k], 4))
		}
		if r.Energy.Wh.Net.Available() {
			t.line("Energy: %s delivered, %s received", scaled(float64(r.Energy.Wh.Delivered), "Wh"), scaled(float64(r.Energy.Wh.Received), "Wh"))
		}
	}
	if !math.IsNaN(s.u2.Mean) {
		t.line("Voltage unbalance: u2 %s, u0 %s", percentage(rounded(s.u2.Mean, 100)), percentage(rounded(s.u0.Mean, 100)))
	}
}

// windowsLine says how many windows there are and what flags they carry.
func (r *Report) windowsLine(s *summary) string {
	line := fmt.Sprintf("%d windows, %s s", len(r.Windows), figure(s.seconds, 5))
	if len(r.Windows) == 1 {
		w := &r.Windows[0]
		line = fmt.Sprintf("1 window, %s s from %s s on", figure(s.seconds, 5), figure(float64(w.StartS), 5))
		if w.Cycles.Available() {
			line += ", cycles: " + figure(float64(w.Cycles), 5)
		}
	}
	for i, f := range s.flags {
		separator := ", "
		if i == 0 {
			separator = "; flagged: "
		}
		line += separator + f.Name
		if len(r.Windows) > 1 {
			line += fmt.Sprintf(" %d", f.Count)
		}
	}
	return line
}

// notAvailable stands for what there is no value of.
const notAvailable = "–"

// figure formats v with so many significant digits and no exponent where that is
// readable.
func figure(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return notAvailable
	}
	if v == 0 {
		return "0"
	}
	magnitude := int(math.Floor(math.Log10(math.Abs(v))))
	if magnitude >= 9 || magnitude < -4 {
		return strconv.FormatFloat(v, 'g', min(digits, 4), 64)
	}
	s := strconv.FormatFloat(v, 'f', max(0, digits-1-magnitude), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

func degrees(v float64) string {
	if math.IsNaN(v) {
		return notAvailable
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	if s == "-0.0" {
		return "0.0"
	}
	return s
}

func percentage(v float64) string {
	if math.IsNaN(v) {
		return notAvailable
	}
	return figure(v, 3) + " %"
}

// rounded takes for 0 what is nothing but rounding beside a scale.
func rounded(v, scale float64) float64 {
	if math.Abs(v) < 1e-9*math.Abs(scale) {
		return 0
	}
	return v
}

// scaled formats v with five digits and the prefix that suits it.
func scaled(v float64, unit string) string {
	if math.IsNaN(v) {
		return notAvailable
	}
	size := math.Abs(v)
	for _, p := range []struct {
		least float64
		name  string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}, {1e-3, "m"}} {
		if size >= p.least {
			return figure(v/p.least, 5) + " " + p.name + unit
		}
	}
	if size < 1e-9 {
		return "0 " + unit
	}
	return figure(v*1e3, 3) + " m" + unit
}

// width is the number of columns of s: wide East Asian characters take two.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

func columns(r rune) int {
	if r >= 0x1100 && (r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 || r >= 0x20000) {
		return 2
	}
	return 1
}

// clip shortens s to so many columns and takes out what would steer a terminal.
func clip(s string, most int) string {
	var b strings.Builder
	at := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		if r < 0x20 || r >= 0x7F && r < 0xA0 || r >= 0x200B && r <= 0x200F || r >= 0x2028 && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			r = '?'
		}
		if at+columns(r) > most-1 && (s != "" || at+columns(r) > most) {
			b.WriteRune('…')
			return b.String()
		}
		b.WriteRune(r)
		at += columns(r)
	}
	return b.String()
}

// pad clips and fills s to exactly so many columns.
func pad(s string, columns int) string {
	s = clip(s, columns)
	return s + strings.Repeat(" ", columns-width(s))
}
