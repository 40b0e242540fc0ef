package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/open"
)

// Options says how to measure a recording. The zero Options measures all of it,
// with the channels as their names tell.
type Options struct {
	// Channels maps channels to inputs ("V1=3,I1='Ia line'"); empty means by their
	// names, phases and units.
	Channels string
	// Window, if not nil, asks for exactly these samples instead of basic windows.
	Window *Range
	// Progress, if not nil, is called now and then with the samples read and their
	// number (-1 if unknown), from one goroutine that is not the caller's.
	Progress func(done, total int64)
}

// File measures the recording at path.
func File(ctx context.Context, path string, opt Options) (*Report, error) {
	src, err := open.File(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	r, err := Source(ctx, src, opt)
	if err != nil {
		return nil, err
	}
	r.File = path
	return r, nil
}

// blockSamples is how many samples of each channel are handed over at once: few
// enough for a core's cache, enough to make the hand-over cheap.
const blockSamples = 4096

// Source measures what a source of finite length delivers, to its end.
func Source(ctx context.Context, src waveform.Source, opt Options) (*Report, error) {
	info := src.Info()
	mapping, notes, err := mapChannels(info, opt.Channels)
	if err != nil {
		return nil, err
	}
	r, tap, err := measureOnce(ctx, src, opt, mapping, mapping, notes)
	if err != nil {
		return nil, err
	}
	// No window holds a missing sample, but one dead input is no reason to leave the
	// others unmeasured.
	if live, note := tap.withoutDead(mapping, info); opt.Window == nil && len(r.Windows) == 0 && note != "" {
		if again, ok := src.(waveform.Rewinder); ok {
			if err := again.Rewind(); err != nil {
				return nil, err
			}
			if r, tap, err = measureOnce(ctx, src, opt, mapping, live, append(notes, note)); err != nil {
				return nil, err
			}
		}
	}

	tap.report(r.Channels)
	r.Samples, r.DurationS = tap.samples, Value(tap.seconds)
	if tap.seconds == 0 {
		r.DurationS = Value(math.NaN())
	}
	r.Warnings = distinct(append(src.Info().Warnings, r.Warnings...))
	return r, nil
}

// measureOnce reads src to its end, with the live ones of the mapped channels.
func measureOnce(ctx context.Context, src waveform.Source, opt Options, mapping, live waveform.Mapping, notes []string) (*Report, *figures, error) {
	info := src.Info()
	r := newReport(info, mapping)
	r.Warnings = append(r.Warnings, notes...)
	tap := newFigures(src, opt.Progress)
	var err error
	switch {
	case opt.Window != nil:
		err = r.measureWindow(ctx, src, tap, mapping, *opt.Window)
	case info.RateHz <= 0:
		r.warn("without a sampling rate there are no windows")
	case len(live) > 0:
		err = r.measureWindows(ctx, tap, live)
	}
	if err == nil {
		err = drain(ctx, tap)
	}
	return r, tap, err
}

func mapChannels(info waveform.Info, spec string) (waveform.Mapping, []string, error) {
	if spec != "" {
		m, err := waveform.ParseChannels(spec, info)
		return m, nil, err
	}
	m, notes := waveform.AutoMap(info)
	return m, notes, nil
}

func newReport(info waveform.Info, m waveform.Mapping) *Report {
	r := &Report{
		Format: info.Format, Station: info.Station, Device: info.Device,
		StartUTC: civil(info.Start, 0),
		Warnings: []string{}, Windows: []Window{}, Events: []Event{},
		Aggregates: Aggregates{Cycles150: []Window{}, Minutes10: []Window{}, Hours2: []Window{}},
		RateHz:     Value(math.NaN()), NominalHz: Value(math.NaN()),
		layout: newLayout(m), units: newUnits(m, info.Channels), start: info.Start, statedHz: info.NominalHz,
	}
	if info.RateHz > 0 {
		r.RateHz = Value(info.RateHz)
	}
	if info.NominalHz > 0 {
		r.NominalHz = Value(info.NominalHz)
	}
	if len(m) > 0 {
		r.Wiring = r.layout.mode.String()
	}
	r.Units = r.units.names(r.layout.all)
	r.Energy.setNotAvailable()
	r.Channels = make([]Channel, len(info.Channels))
	for i, ch := range info.Channels {
		r.Channels[i] = Channel{Index: i + 1, Name: ch.Name, Phase: ch.Phase, Unit: ch.Unit, Scale: Value(math.NaN()),
			Values: ch.Values.String(), Primary: Value(ch.Primary), Secondary: Value(ch.Secondary), SkewUS: Value(ch.SkewSeconds * 1e6)}
	}
	for _, p := range m {
		c := &r.Channels[p.Channel]
		c.Scale = Value(p.Scale)
		if c.Role != "" {
			c.Role += " "
		}
		c.Role += p.Role.String()
	}
	return r
}

// drain reads src to its end.
func drain(ctx context.Context, src waveform.Source) error {
	var b waveform.Block
	for {
		if _, err := src.Next(ctx, &b, blockSamples); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func distinct(list []string) []string {
	out := []string{}
	for _, s := range list {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// measureWindows measures the basic windows of the whole record.
func (r *Report) measureWindows(ctx context.Context, tap *figures, m waveform.Mapping) error {
	selected, err := waveform.Selected(tap, m)
	if err != nil {
		return err
	}
	fed := waveform.Deskew(selected)

	// The first blocks decide the line frequency before anything is measured.
	var head []*waveform.Block
	seconds := 0.0
	for seconds < 0.5 {
		b := &waveform.Block{}
		_, err := fed.Next(ctx, b, blockSamples)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		head = append(head, b)
		if b.RateHz <= 0 || len(head) > 1000 {
			break
		}
		seconds += float64(b.Len()) / b.RateHz
	}
	hz, warning := nominal(voltageChannels(head, m.Roles()), r.statedHz)
	r.NominalHz = Value(hz)
	r.warn(warning)
	into := &meter{report: r, roles: m.Roles(), nominalHz: hz, total: tap.Info().Samples}
	if err := pump(ctx, fed, head, into); err != nil {
		return err
	}
	if into.engine == nil && into.refused == nil {
		r.warn(tap.withoutInstant(m))
	}
	return nil
}

func (r *Report) warn(text string) {
	if text != "" {
		r.Warnings = append(r.Warnings, text)
	}
}

// highestHz is the highest fundamental that is followed.
const highestHz = 69

// meter feeds blocks to an engine and collects its windows. A change of the
// sampling rate takes another engine: the old one closes its window.
type meter struct {
	report    *Report
	roles     []waveform.Role
	nominalHz float64
	total     int64 // samples of the record, -1 if unknown

	engine    *metering.Engine
	rateHz    float64
	energy    metering.Energy
	hasEnergy bool
	refused   map[float64]bool
	traced    float64
}

func (m *meter) process(b *waveform.Block) error {
	m.trace(b)
	if m.engine == nil || b.RateHz != m.rateHz {
		m.cut()
		m.engine, m.rateHz = nil, b.RateHz
		if m.total >= 0 && float64(m.total) < b.RateHz/highestHz {
			// An engine of such a rate would hold far more than the record does.
			m.refuse(fmt.Sprintf("%d samples at %.6g Hz are less than a cycle: there are no windows (--window FIRST:END measures any samples)", m.total, b.RateHz))
			return nil
		}
		engine, err := metering.New(metering.Config{
			NominalHz: m.nominalHz, RateHz: b.RateHz, Inputs: m.roles, VoltsMode: m.report.layout.mode,
		})
		if err != nil {
			m.refuse(fmt.Sprintf("the samples at %.6g Hz are in no window: %v", b.RateHz, err))
			return nil
		}
		m.engine = engine
	}
	return m.engine.Process(b, m)
}

// refuse warns once for each rate.
func (m *meter) refuse(text string) {
	if m.refused == nil {
		m.refused = map[float64]bool{}
	}
	if !m.refused[m.rateHz] {
		m.refused[m.rateHz] = true
		m.report.warn(text)
	}
}

// cut closes the window that a change of rate breaks off.
func (m *meter) cut() {
	r := m.report
	before := len(r.Windows)
	m.flush()
	for i := before; i < len(r.Windows); i++ {
		if w := &r.Windows[i]; !slices.Contains(w.Flags, "gap") {
			w.Flags = append([]string{"gap"}, w.Flags...)
		}
	}
}

func (m *meter) flush() {
	if m.engine != nil {
		m.engine.Flush(m)
	}
}

// HalfCycle implements metering.Sink; half cycles are not reported.
func (m *meter) HalfCycle(*metering.HalfCycle) {}

// Second implements metering.Sink; seconds are not reported.
func (m *meter) Second(*metering.Second) {}

// Window implements metering.Sink.
func (m *meter) Window(w *metering.Window) {
	r := m.report
	out := fromEngine(w, r.layout, r.start)
	r.units.apply(&out)
	r.Windows = append(r.Windows, out)
	if !math.IsNaN(w.Power.P[metering.Total]) {
		m.hasEnergy = true
		for q := range m.energy.Wh {
			m.energy.Wh[q] += w.Energy.Wh[q]
			m.energy.Varh[q] += w.Energy.Varh[q]
			m.energy.VAh[q] += w.Energy.VAh[q]
		}
	}
}

// finish closes the last window and totals the energy.
func (m *meter) finish() {
	m.flush()
	if m.engine != nil && len(m.report.Windows) == 0 {
		m.report.warn("no run of samples without a gap holds a whole cycle: there are no windows (--window FIRST:END measures any samples)")
	}
	if !m.hasEnergy {
		return
	}
	e := &m.report.Energy
	e.Wh = deliveredReceived(m.energy.Wh)
	e.VAh = deliveredReceived(m.energy.VAh)
	varh := m.energy.Varh
	delivered, received := varh[0]+varh[1], varh[2]+varh[3]
	e.Varh = EnergyWh{Delivered: Value(delivered), Received: Value(received), Net: Value(delivered - received)}
	for q, wh := range m.energy.Wh {
		e.QuadrantWh[q] = Value(wh)
	}
}

// tracedSeconds and tracedSamples bound the waveform that is kept for the page.
const (
	tracedSeconds = 0.1
	tracedSamples = 50_000
)

// trace keeps the first cycles of the record.
func (m *meter) trace(b *waveform.Block) {
	r := m.report
	if len(r.traces) == 0 {
		for _, role := range m.roles {
			r.traces = append(r.traces, trace{role: role})
		}
	} else if b.Gap {
		m.traced = math.Inf(1)
	}
	for k := 0; k < b.Len() && m.traced < tracedSeconds && len(r.traces[0].times) < tracedSamples; k++ {
		for c := range r.traces {
			t := &r.traces[c]
			t.times = append(t.times, b.Start+float64(k)/b.RateHz)
			t.values = append(t.values, b.Samples[c][k]/r.units.unit(t.role).size)
		}
		if m.traced = b.Start + float64(k+1)/b.RateHz - r.traces[0].times[0]; b.RateHz <= 0 {
			return
		}
	}
}

// pump reads src in one goroutine and meters in another, over a few blocks that go
// round between them.
func pump(ctx context.Context, src waveform.Source, head []*waveform.Block, m *meter) error {
	for _, b := range head {
		if err := m.process(b); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	const inFlight = 4
	full := make(chan *waveform.Block, inFlight)
	free := make(chan *waveform.Block, inFlight)
	for range inFlight {
		free <- &waveform.Block{}
	}
	var readErr error
	go func() {
		defer close(full)
		for {
			var b *waveform.Block
			select {
			case b = <-free:
			case <-ctx.Done():
				readErr = ctx.Err()
				return
			}
			if _, err := src.Next(ctx, b, blockSamples); err != nil {
				readErr = err
				return
			}
			full <- b
		}
	}()
	var err error
	for b := range full {
		if err == nil {
			if err = m.process(b); err != nil {
				stop()
			}
		}
		free <- b
	}
	if err != nil {
		return err
	}
	if !errors.Is(readErr, io.EOF) {
		return readErr
	}
	m.finish()
	return nil
}

// mostKept bounds the values that --window keeps: 400 MB of them.
const mostKept = 50_000_000

// measureWindow measures exactly the samples of a range.
func (r *Report) measureWindow(ctx context.Context, src waveform.Source, tap *figures, m waveform.Mapping, chosen Range) error {
	if len(m) == 0 {
		return fmt.Errorf("--window: no channel is known as a voltage or current: name them with --channels, as in --channels V1=3,I1='Ia line'")
	}
	if total := src.Info().Samples; total >= 0 && chosen.End > total {
		return fmt.Errorf("--window %d:%d: the record has %d samples: END is at most %d", chosen.First, chosen.End, total, total)
	}
	n := chosen.End - chosen.First
	if n*int64(len(m)) > mostKept {
		return fmt.Errorf("--window %d:%d: %d samples of %d channels are too many for one window: choose at most %d",
			chosen.First, chosen.End, n, len(m), mostKept/int64(len(m)))
	}
	timed, ok := src.(waveform.Timed)
	if !ok {
		return fmt.Errorf("--window: a source of format %q has no sample times", src.Info().Format)
	}
	picks := make([]int, len(m))
	for i, p := range m {
		picks[i] = p.Channel
	}
	// Channels with skew are moved in time, for which their neighbours are needed.
	first, end := max(0, chosen.First-alignReach), chosen.End+alignReach
	tap.keepRange(picks, first, end)
	if err := drain(ctx, tap); err != nil {
		return err
	}
	if tap.samples < chosen.End {
		return fmt.Errorf("--window %d:%d: the record has %d samples: END is at most %d", chosen.First, chosen.End, tap.samples, tap.samples)
	}
	all, err := timed.Times(first, min(end, tap.samples))
	if err != nil {
		return fmt.Errorf("--window: %w", err)
	}
	lead := int(chosen.First - first)
	rows := all[lead : lead+int(n)]
	s := &stretch{layout: r.layout, rows: rows, rateHz: src.Info().RateHz}
	if span := rows[len(rows)-1] - rows[0]; span > 0 {
		// The rate of these very samples: a record may change its rate.
		s.rateHz = float64(n-1) / span
	}
	from, to := unbroken(all, lead, lead+int(n), 1/s.rateHz)
	s.lead = lead - from
	channels := src.Info().Channels
	for i, p := range m {
		around := tap.kept[i][from:to]
		for k, v := range around {
			if around[k] = v * p.Scale; v-v != 0 {
				around[k] = math.NaN() // not finite is missing, as in the windows
			}
		}
		s.around = append(s.around, around)
		s.values = append(s.values, around[s.lead:s.lead+int(n)])
		times := rows
		if skew := channels[p.Channel].SkewSeconds; skew != 0 {
			times = make([]float64, len(rows))
			for k, t := range rows {
				times[k] = t + skew
			}
		}
		s.times = append(s.times, times)
		t := trace{role: p.Role, times: rows}
		for _, v := range s.values[i] {
			t.values = append(t.values, v/r.units.unit(p.Role).size)
		}
		r.traces = append(r.traces, t)
	}
	w, fitErr := s.measure()
	if fitErr != nil {
		r.warn(fmt.Sprintf("the window holds no line frequency to fit: only means are given (%v)", fitErr))
	} else {
		r.NominalHz = 50
		if w.FrequencyHz > 55 {
			r.NominalHz = 60
		}
		if w.ResidualPct > 1 {
			r.warn(fmt.Sprintf("the fit leaves %.3g %% of the voltages: the window is no steady state, and all but rms, P and S is only indicative", float64(w.ResidualPct)))
		}
	}
	w.StartUTC = civil(r.start, rows[0])
	if !math.IsNaN(float64(w.Energy.Net)) {
		r.Energy.Wh = w.Energy
	}
	r.units.apply(&w)
	r.Windows = append(r.Windows, w)
	return nil
}

// unbroken widens first..end within times for as long as the samples follow each
// other by step.
func unbroken(times []float64, first, end int, step float64) (from, to int) {
	for from = first; from > 0 && math.Abs(times[from]-times[from-1]-step) < 0.1*step; from-- {
	}
	for to = end; to < len(times) && math.Abs(times[to]-times[to-1]-step) < 0.1*step; to++ {
	}
	return from, to
}
