package comtrade

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// text returns the .cfg of c in revision 1999 or 2013: UTF-8, CR LF.
func (c *Config) text() string {
	var t strings.Builder
	line := func(fields ...string) {
		t.WriteString(strings.Join(fields, ","))
		t.WriteString("\r\n")
	}
	line(c.plain(c.Station), c.plain(c.Device), strconv.Itoa(c.Revision))
	line(strconv.Itoa(len(c.Analog)+len(c.Status)), fmt.Sprintf("%dA", len(c.Analog)), fmt.Sprintf("%dD", len(c.Status)))
	for _, ch := range c.Analog {
		side := "P"
		if ch.Side == waveform.Secondary {
			side = "S"
		}
		line(strconv.Itoa(ch.Index), c.plain(ch.Name), c.plain(ch.Phase), c.plain(ch.Circuit), c.plain(ch.Unit),
			number(ch.A), number(ch.B), number(ch.SkewMicroseconds), number(ch.Min), number(ch.Max),
			number(ch.Primary), number(ch.Secondary), side)
	}
	for _, ch := range c.Status {
		normal := "0"
		if ch.Normal {
			normal = "1"
		}
		line(strconv.Itoa(ch.Index), c.plain(ch.Name), c.plain(ch.Phase), c.plain(ch.Circuit), normal)
	}
	line(number(c.LineHz))
	line(strconv.Itoa(len(c.Segments)))
	for _, s := range c.Segments {
		line(number(s.RateHz), strconv.FormatInt(s.LastSample, 10))
	}
	if len(c.Segments) == 0 {
		line("0", strconv.FormatInt(c.StatedSamples, 10))
	}
	line(c.date(c.Start))
	line(c.date(c.Trigger))
	line(c.Format.String())
	line(number(c.TimeMultiplier))
	if c.Revision >= 2013 {
		line(c.TimeCode, c.LocalCode)
		line(c.TimeQuality, c.LeapSecond)
	}
	return t.String()
}

// number writes v exactly; a limit that is not stated (infinite) stays blank.
func number(v float64) string {
	if math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// date writes a time with as many digits as decide the unit of the time stamps. An
// unknown time is the epoch of Unix: other readers refuse a blank one.
func (c *Config) date(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	if c.FractionDigits > 6 {
		return t.UTC().Format("02/01/2006,15:04:05.000000000")
	}
	return t.UTC().Format("02/01/2006,15:04:05.000000")
}

// plain makes text fit for a field: no comma, no control character, and not longer
// than the revision allows.
func (c *Config) plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == ',':
			return ';'
		case r < ' ' || r == 0x7F:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	longest := 64
	if c.Revision >= 2013 {
		longest = 128
	}
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest])
	}
	return strings.TrimSpace(text)
}

// analogOf describes a channel of a source for a format whose numbers reach
// fullScale.
func analogOf(i int, ch waveform.Channel, f Format, fullScale float64) AnalogChannel {
	a := AnalogChannel{
		Index: i + 1, Name: ch.Name, Phase: ch.Phase, Unit: ch.Unit, A: 1,
		SkewMicroseconds: ch.SkewSeconds * 1e6, Primary: ch.Primary, Secondary: ch.Secondary, Side: ch.Values,
	}
	if a.Primary <= 0 || a.Secondary <= 0 {
		a.Primary, a.Secondary = 1, 1
	}
	most := f.largest()
	a.Min, a.Max = -most, most
	if f != Float32 {
		if fullScale == 0 {
			fullScale = most
		}
		a.A = fullScale / most
	}
	return a
}

// largest is the largest number a value is stored as. In ASCII, 99999 stands for a
// missing value.
func (f Format) largest() float64 {
	switch f {
	case ASCII:
		return 99998
	case Binary:
		return math.MaxInt16
	case Binary32:
		return math.MaxInt32
	}
	return math.MaxFloat32
}
