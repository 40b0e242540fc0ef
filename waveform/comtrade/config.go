// Package comtrade reads and writes transient records in the COMTRADE format
// (IEEE C37.111-1991 and -1999, IEC 60255-24:2013 / IEEE C37.111-2013): a .cfg text
// beside a .dat file, or both in one .cff file.
//
// It reads the format as recorders write it, not as the standards state it: see
// Config.Warnings for what was odd in a record.
package comtrade

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/internal/textrow"
)

// Config is what a .cfg says.
type Config struct {
	// Station and Device name the place and the recorder.
	Station, Device string
	// Revision is the year of the standard as written, 1991 where none is written.
	Revision int
	// Encoding is that of the names in the file, as detected.
	Encoding string
	Analog   []AnalogChannel
	Status   []StatusChannel
	// LineHz is the nominal line frequency, 0 if not stated.
	LineHz float64
	// Segments are the runs of one rate; none if the time stamps alone decide.
	Segments []Segment
	// StatedSamples is the last sample number the file states, 0 if none.
	StatedSamples int64
	// Start and Trigger are the times of the first sample and of the trigger, zero
	// where unreadable. Their zone is the TimeCode where stated, otherwise UTC.
	Start, Trigger time.Time
	// FractionDigits is the number of digits after the second in Start: more than 6
	// make the unit of time stamps a nanosecond instead of a microsecond.
	FractionDigits int
	Format         Format
	// TimeMultiplier multiplies the time stamps.
	TimeMultiplier float64
	// TimeCode, LocalCode, TimeQuality and LeapSecond are the 2013 fields as written.
	TimeCode, LocalCode, TimeQuality, LeapSecond string
	// Warnings says what was odd but did not spoil the data.
	Warnings []string
}

// AnalogChannel is one analogue channel line. A sample x means A·x + B in Unit.
type AnalogChannel struct {
	Index                      int
	Name, Phase, Circuit, Unit string
	A, B                       float64
	// SkewMicroseconds is how much later than the record's time the channel was sampled.
	SkewMicroseconds   float64
	Min, Max           float64
	Primary, Secondary float64
	Side               waveform.Side
}

// StatusChannel is one digital channel line.
type StatusChannel struct {
	Index                int
	Name, Phase, Circuit string
	// Normal is the state in normal service.
	Normal bool
}

// Segment is a run of samples of one rate. LastSample counts from 1 at the record's
// first sample.
type Segment struct {
	RateHz     float64
	LastSample int64
}

// Format is the form of the samples in the .dat file.
type Format uint8

// The formats. Binary32 and Float32 came with the 2013 revision.
const (
	ASCII Format = iota + 1
	Binary
	Binary32
	Float32
)

var formatNames = [...]string{ASCII: "ASCII", Binary: "BINARY", Binary32: "BINARY32", Float32: "FLOAT32"}

func (f Format) String() string {
	if f >= ASCII && f <= Float32 {
		return formatNames[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// ParseFormat returns the format of that name; case and blanks do not matter. BINARY16
// is BINARY to some.
func ParseFormat(name string) (Format, error) {
	if strings.EqualFold(strings.TrimSpace(name), "BINARY16") {
		return Binary, nil
	}
	for f := ASCII; f <= Float32; f++ {
		if strings.EqualFold(strings.TrimSpace(name), formatNames[f]) {
			return f, nil
		}
	}
	return 0, fmt.Errorf("unknown data format %q: COMTRADE has ASCII, BINARY, BINARY32 and FLOAT32", name)
}

// analogBytes is the width of one analogue value.
func (f Format) analogBytes() int {
	if f == Binary {
		return 2
	}
	return 4
}

// The limits beyond which a .cfg is taken for something else.
const (
	maxConfigBytes = 64 << 20
	maxChannels    = 999_999 // the standard's own limit
	maxSegments    = 9_999
)

// ParseConfig reads the text of a .cfg. name is the file's name in errors, which
// name line and field.
func ParseConfig(name string, text []byte) (*Config, error) {
	return parseConfig(name, 0, text)
}

// parseConfig reads a .cfg that stands behind so many lines of its file.
func parseConfig(name string, line int, text []byte) (*Config, error) {
	if len(text) > maxConfigBytes {
		return nil, fmt.Errorf("%s: %d bytes: a .cfg of more than %d MB is none", name, len(text), maxConfigBytes>>20)
	}
	decoded, encoding := textrow.UTF8(text)
	p := configParser{name: name, line: line, rest: unixLines(string(decoded))}
	p.cfg.Encoding = encoding
	p.cfg.TimeMultiplier = 1
	p.findSeparator()
	if err := p.parse(); err != nil {
		return nil, err
	}
	return &p.cfg, nil
}

// unixLines gives a text whose lines end with CR alone the line ends of others.
func unixLines(text string) string {
	if strings.Contains(text, "\n") {
		return text
	}
	return strings.ReplaceAll(text, "\r", "\n")
}

type configParser struct {
	name      string
	rest      string
	separator string
	line      int
	fields    []string
	unread    bool
	cfg       Config
}

func (p *configParser) parse() error {
	steps := []func() error{p.head, p.counts, p.lineFrequency, p.rates, p.dates, p.format, p.tail}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// findSeparator looks at the line of channel counts (12,8A,4D) for what stands between
// fields. The standard knows commas alone; spreadsheets of some countries write others.
func (p *configParser) findSeparator() {
	p.separator = ","
	_, after, _ := strings.Cut(p.rest, "\n")
	counts, _, _ := strings.Cut(after, "\n")
	if strings.Contains(counts, ",") {
		return
	}
	for _, s := range []string{";", "\t"} {
		if strings.Contains(counts, s) {
			p.separator = s
			p.cfg.warn("%s: the fields stand between %q where the standard has commas", p.name, s)
			return
		}
	}
}

// next splits the next line at its commas into trimmed fields. what names the line
// for the error at the end of the file.
func (p *configParser) next(what string) error {
	if p.unread {
		p.unread = false
		return nil
	}
	if p.rest == "" || p.rest[0] == 0x1A {
		return fmt.Errorf("%s: the file ends after line %d, where %s should follow: is it cut off, or no COMTRADE .cfg?", p.name, p.line, what)
	}
	line := p.rest
	if i := strings.IndexByte(p.rest, '\n'); i >= 0 {
		line, p.rest = p.rest[:i], p.rest[i+1:]
	} else {
		p.rest = ""
	}
	p.line++
	p.fields = p.fields[:0]
	for {
		field, after, more := strings.Cut(line, p.separator)
		p.fields = append(p.fields, strings.Trim(field, " \t\r\x00\x1a"))
		if !more {
			return nil
		}
		line = after
	}
}

// field returns field i of the line, blank if it is not there.
func (p *configParser) field(i int) string {
	if i < len(p.fields) {
		return p.fields[i]
	}
	return ""
}

func (p *configParser) fail(field int, what, format string, args ...any) error {
	return fmt.Errorf("%s line %d field %d (%s): %s", p.name, p.line, field+1, what, fmt.Sprintf(format, args...))
}

func (p *configParser) warn(format string, args ...any) {
	p.cfg.warn("%s line %d: %s", p.name, p.line, fmt.Sprintf(format, args...))
}

const maxWarnings = 40

func (c *Config) warn(format string, args ...any) {
	switch n := len(c.Warnings); {
	case n < maxWarnings:
		c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
	case n == maxWarnings:
		c.Warnings = append(c.Warnings, "further oddities are not listed")
	}
}

// number reads a field as a finite number; a blank field is the fallback.
func (p *configParser) number(i int, what string, fallback float64) (float64, error) {
	text := p.field(i)
	if text == "" {
		return fallback, nil
	}
	v, ok := textrow.Float([]byte(text), p.separator != ",")
	if !ok || math.IsInf(v, 0) {
		return 0, p.fail(i, what, "%q is not a number: write it with digits and a decimal point", shorten(text))
	}
	return v, nil
}

func (p *configParser) head() error {
	if err := p.next("station, recorder and revision year"); err != nil {
		return err
	}
	// A name may hold a comma against the rules; the year is the last field.
	for len(p.fields) > 3 && p.fields[len(p.fields)-1] == "" {
		p.fields = p.fields[:len(p.fields)-1]
	}
	c := &p.cfg
	last := len(p.fields) - 1
	c.Revision = 1991
	if year := p.field(last); last >= 2 && year != "" {
		n, err := strconv.Atoi(year)
		if err != nil || n < 1900 || n > 2999 {
			p.warn("revision year %q is not a year: read as 1999", shorten(year))
			n = 1999
		}
		c.Revision = n
		switch n {
		case 1991, 1999, 2013:
		default:
			p.warn("revision year %d is none of 1991, 1999, 2013: read as the one before it", n)
		}
	}
	switch {
	case last <= 2:
		c.Station, c.Device = p.field(0), p.field(1)
	default:
		c.Station, c.Device = strings.Join(p.fields[:last-1], ","), p.field(last-1)
		p.warn("a comma within the station name")
	}
	return nil
}

func (p *configParser) counts() error {
	if err := p.next("the numbers of channels"); err != nil {
		return err
	}
	count := func(i int, what string, letters string) (int, error) {
		text := strings.TrimRight(p.field(i), letters)
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 0 || n > maxChannels {
			return 0, p.fail(i, what, "%q: want a count of up to %d, as in %s", shorten(p.field(i)), maxChannels, "12,8A,4D")
		}
		return n, nil
	}
	analog, err := count(1, "number of analogue channels", "Aa")
	if err != nil {
		return err
	}
	status := 0
	if p.field(2) != "" {
		if status, err = count(2, "number of status channels", "Dd"); err != nil {
			return err
		}
	}
	if total, err := strconv.Atoi(p.field(0)); err != nil || total != analog+status {
		p.warn("total of channels %q is not %d analogue + %d status: the parts are taken", shorten(p.field(0)), analog, status)
	}
	if analog == 0 {
		return p.fail(1, "number of analogue channels", "0: there is nothing to measure in a record of status channels alone")
	}
	for n := 1; n <= analog; n++ {
		if err := p.next(fmt.Sprintf("analogue channel %d of %d", n, analog)); err != nil {
			return err
		}
		if err := p.analogChannel(n); err != nil {
			return err
		}
	}
	for n := 1; n <= status; n++ {
		if err := p.next(fmt.Sprintf("status channel %d of %d", n, status)); err != nil {
			return err
		}
		p.statusChannel(n)
	}
	return nil
}

func (p *configParser) analogChannel(n int) error {
	if len(p.fields) < 6 {
		return fmt.Errorf("%s line %d: %d fields where analogue channel %d needs 13 (10 in 1991): number, name, phase, circuit, unit, a, b, skew, min, max, primary, secondary, P/S", p.name, p.line, len(p.fields), n)
	}
	for i := 13; i < len(p.fields); i++ {
		if p.fields[i] != "" {
			p.warn("more than 13 fields for an analogue channel: the rest is ignored")
			break
		}
	}
	ch := AnalogChannel{Index: p.index(n), Name: p.field(1), Phase: p.field(2), Circuit: p.field(3), Unit: p.field(4)}
	if p.field(5) == "" {
		p.warn("channel %d has no multiplier a: 1 is taken", n)
	}
	limits := []struct {
		to       *float64
		what     string
		fallback float64
	}{
		{&ch.A, "multiplier a", 1}, {&ch.B, "offset b", 0}, {&ch.SkewMicroseconds, "skew", 0},
		{&ch.Min, "min", math.Inf(-1)}, {&ch.Max, "max", math.Inf(1)},
		{&ch.Primary, "primary", 1}, {&ch.Secondary, "secondary", 1},
	}
	for i, l := range limits {
		v, err := p.number(5+i, l.what, l.fallback)
		if err != nil {
			return err
		}
		*l.to = v
	}
	if ch.Primary <= 0 || ch.Secondary <= 0 {
		p.warn("channel %d: ratio %g : %g cannot be: 1 : 1 is taken", n, ch.Primary, ch.Secondary)
		ch.Primary, ch.Secondary = 1, 1
	}
	if math.Abs(ch.SkewMicroseconds) > 1e6 {
		p.warn("channel %d: a skew of %g s cannot be: 0 is taken", n, ch.SkewMicroseconds*1e-6)
		ch.SkewMicroseconds = 0
	}
	switch side := p.field(12); {
	case strings.EqualFold(side, "P"):
		ch.Side = waveform.Primary
	case strings.EqualFold(side, "S"):
		ch.Side = waveform.Secondary
	case side != "":
		p.warn("channel %d: %q is neither P nor S: the values are taken as they are", n, shorten(side))
	}
	p.cfg.Analog = append(p.cfg.Analog, ch)
	return nil
}

func (p *configParser) index(n int) int {
	if i, err := strconv.Atoi(p.field(0)); err == nil {
		return i
	}
	p.warn("channel number %q is not a number: %d is taken", shorten(p.field(0)), n)
	return n
}

func (p *configParser) statusChannel(n int) {
	ch := StatusChannel{Index: p.index(n), Name: p.field(1)}
	normal := p.field(2) // 1991: number, name, normal state
	if len(p.fields) >= 4 {
		ch.Phase, ch.Circuit, normal = p.field(2), p.field(3), p.field(4)
		if len(p.fields) == 4 {
			ch.Circuit, normal = "", p.field(3)
		}
	}
	ch.Normal = normal == "1"
	p.cfg.Status = append(p.cfg.Status, ch)
}

func (p *configParser) lineFrequency() (err error) {
	if err := p.next("the line frequency"); err != nil {
		return err
	}
	p.cfg.LineHz, err = p.number(0, "line frequency", 0)
	if err != nil {
		return err
	}
	if p.cfg.LineHz < 0 || p.cfg.LineHz > 10_000 {
		p.warn("line frequency %g Hz cannot be: taken as not stated", p.cfg.LineHz)
		p.cfg.LineHz = 0
	}
	return nil
}

func (p *configParser) rates() error {
	if err := p.next("the number of sampling rates"); err != nil {
		return err
	}
	text := p.field(0)
	n, err := strconv.Atoi(text)
	if text == "" {
		p.warn("the number of sampling rates is blank: the time stamps decide")
		n, err = 0, nil
	}
	if err != nil || n < 0 || n > maxSegments {
		return p.fail(0, "number of sampling rates", "%q: want a count from 0 (time stamps decide) to %d", shorten(text), maxSegments)
	}
	var segments []Segment
	for i := range max(n, 1) {
		if err := p.next("a sampling rate and its last sample"); err != nil {
			return err
		}
		if n == 0 && (strings.ContainsAny(p.field(0), "/:") || len(p.fields) < 2) {
			p.unread = true // the line "0,last sample" was left out
			break
		}
		rate, err := p.number(0, "sampling rate", 0)
		if err != nil {
			return err
		}
		last, err := p.number(1, "last sample number", 0)
		if err != nil {
			return err
		}
		if rate < 0 || rate > 1e12 {
			return p.fail(0, "sampling rate", "%g Hz cannot be", rate)
		}
		if last < 0 || last > 1e15 || last != math.Trunc(last) {
			return p.fail(1, "last sample number", "%g is not a count", last)
		}
		if n > 0 && rate == 0 && n > 1 {
			return p.fail(0, "sampling rate", "0 Hz in rate %d of %d: a record of several rates states each", i+1, n)
		}
		segments = append(segments, Segment{rate, int64(last)})
	}
	if len(segments) == 0 {
		return nil
	}
	for i := 1; i < len(segments); i++ {
		if segments[i].LastSample <= segments[i-1].LastSample {
			p.warn("last sample numbers do not rise: taken as the length of each run")
			var sum int64
			for j := range segments {
				sum += segments[j].LastSample
				segments[j].LastSample = sum
			}
			break
		}
	}
	p.cfg.StatedSamples = segments[len(segments)-1].LastSample
	if n > 0 && segments[0].RateHz > 0 {
		p.cfg.Segments = segments
	}
	return nil
}

func (p *configParser) format() error {
	if err := p.next("the data format"); err != nil {
		return err
	}
	f, err := ParseFormat(p.field(0))
	if err != nil {
		return p.fail(0, "data format", "%s", err)
	}
	p.cfg.Format = f
	return nil
}

// tail reads what 1999 and 2013 added. Any of it may be missing.
func (p *configParser) tail() (err error) {
	c := &p.cfg
	if p.next("") != nil {
		return nil
	}
	m, ok := textrow.Float([]byte(p.field(0)), false)
	switch {
	case p.field(0) == "":
	case !ok || m <= 0 || math.IsInf(m, 0):
		p.warn("time stamp multiplier %q is not a positive number: 1 is taken", shorten(p.field(0)))
	default:
		c.TimeMultiplier = m
	}
	if p.next("") != nil {
		return nil
	}
	c.TimeCode, c.LocalCode = p.field(0), p.field(1)
	if offset, ok := timeCode(c.TimeCode); ok {
		// The dates are in the time zone of the time code; their instant follows.
		zone := time.FixedZone(c.TimeCode, offset)
		for _, t := range []*time.Time{&c.Start, &c.Trigger} {
			if !t.IsZero() {
				*t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
			}
		}
	}
	if p.next("") != nil {
		return nil
	}
	c.TimeQuality, c.LeapSecond = p.field(0), p.field(1)
	return nil
}

func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
