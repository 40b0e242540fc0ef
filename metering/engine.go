package metering

import (
	"fmt"
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// Engine measures one installation. It is a chain of stages over one history of
// samples: the tracker finds the phase of the fundamental, and half cycles, windows
// and seconds are reported in the order in which they end. A stage that needs
// samples, cells, half cycles or windows stands beside them.
//
// An Engine is not safe for concurrent use.
type Engine struct {
	cfg   Config
	wires *wiring
	total energyTotal

	rateHz  float64
	h       *history
	tracker *tracker
	halves  *halfCycles
	windows *windows
	second  seconds

	// startS is the time of the first sample of the stretch, running says that there
	// is one.
	startS  float64
	running bool
	// endS is the time of the end of the last stretch.
	endS float64
}

// New returns an engine for cfg. It fails if a role is given twice, no input has a
// role, the nominal frequency is not 50 or 60 Hz, or the rate is below 8 samples per
// cycle.
func New(cfg Config) (*Engine, error) {
	if cfg.NominalHz != 50 && cfg.NominalHz != 60 {
		return nil, fmt.Errorf("nominal frequency %g Hz: use 50 or 60", cfg.NominalHz)
	}
	if cfg.HighestOrder < 0 || cfg.HighestOrder >= Orders {
		return nil, fmt.Errorf("highest order %d: use 1 to %d, or 0 for %d", cfg.HighestOrder, Orders-1, Orders-1)
	}
	if cfg.VoltsMode > Demo {
		return nil, fmt.Errorf("%v %d: use one of 4W-WYE, 3W-WYE, DELTA, SINGLE, DEMO", cfg.VoltsMode, cfg.VoltsMode)
	}
	cfg.Inputs = append([]waveform.Role(nil), cfg.Inputs...)
	e := &Engine{cfg: cfg}
	wires, err := newWiring(&e.cfg)
	if err != nil {
		return nil, err
	}
	e.wires = wires
	e.second.cfg = &e.cfg
	if err := e.tune(cfg.RateHz); err != nil {
		return nil, err
	}
	return e, nil
}

// NewFrom returns an engine for cfg that carries on the energy of old: how ratios
// and modes change in service. What old has accumulated is not rescaled.
func NewFrom(cfg Config, old *Engine) (*Engine, error) {
	e, err := New(cfg)
	if err != nil {
		return nil, err
	}
	e.total = old.total
	e.second.index = old.second.index
	return e, nil
}

// Energy returns the energy of all windows so far, and of the rests behind the last
// whole cycle of every stretch that has ended: once that is so, every sample counts.
func (e *Engine) Energy() Energy { return e.total.value() }

// minPerCycle is the lowest usable number of samples per cycle.
const minPerCycle = 8

// tune builds the stages for a sampling rate.
func (e *Engine) tune(rateHz float64) error {
	perCycle := rateHz / e.cfg.NominalHz
	if !(perCycle >= minPerCycle) || math.IsInf(rateHz, 0) {
		return fmt.Errorf("rate %g Hz is below %d samples per cycle of %g Hz: record faster",
			rateHz, minPerCycle, e.cfg.NominalHz)
	}
	cell := max(1, int(math.Round(perCycle/cellsPerCycle)))
	cycles := BasicCycles(e.cfg.NominalHz)
	// The longest window, the filter behind it and the margins, twice.
	need := (float64(cycles)/(1-band) + filterCycles + 3) * perCycle
	piece := cell * max(1, int(math.Round(perCycle/float64(cell)/pointsPerCycle)))
	e.h = newHistory(e.wires, cell, int(2*need)+4*(maxTaps+maxReach), piece, edgeReach(perCycle))
	e.tracker = newTracker(e.h, e.cfg.NominalHz, rateHz)
	e.halves = newHalfCycles(e.h, e.tracker)
	s, err := newSpectrum(e.h, e.cfg.NominalHz, rateHz, cycles, e.cfg.HighestOrder)
	if err != nil {
		return err
	}
	e.windows = newWindows(&e.cfg, e.h, e.tracker, s)
	e.rateHz = rateHz
	return nil
}

// seconds returns the time of a position on the source's axis.
func (e *Engine) seconds(position float64) float64 {
	return e.startS + (float64(e.h.origin)+position)/e.rateHz
}

// Process measures a block and reports to sink what ended in it. A block with Gap
// set, or of another rate, first closes the open window, flagged. The samples are
// copied; they must not be missing (NaN).
func (e *Engine) Process(b *waveform.Block, sink Sink) error {
	n := b.Len()
	if n == 0 {
		return nil
	}
	if len(b.Samples) < len(e.cfg.Inputs) {
		return fmt.Errorf("block has %d channels: the engine was set up for %d inputs", len(b.Samples), len(e.cfg.Inputs))
	}
	if e.running && (b.Gap || b.RateHz != e.rateHz) {
		e.close(FlagGap, sink)
	}
	if b.RateHz != e.rateHz {
		if err := e.tune(b.RateHz); err != nil {
			return err
		}
	}
	if !e.running {
		e.begin(b.Start, sink)
	}
	// Pieces of a phase point keep what was just copied in the cache.
	piece := e.tracker.stride * e.h.cell
	flags := sampleFlags(b.Quality)
	for from := 0; from < n; {
		if e.h.free() == 0 {
			e.drop()
		}
		if e.h.free() == 0 { // no stage lets go: lose the open window rather than hang
			e.close(FlagGap, sink)
			e.begin(b.Start+float64(from)/b.RateHz, sink)
		}
		to := min(n, from+min(piece, e.h.free()))
		e.h.append(b.Samples, from, to, flags)
		e.windows.spectrum.run()
		e.tracker.run()
		e.report(0, sink)
		from = to
	}
	return nil
}

// begin starts a stretch of samples at a time of the source's axis. If that is in
// another second, or before what was measured last, the second in progress ends.
func (e *Engine) begin(startS float64, sink Sink) {
	e.running = true
	e.startS = startS
	if e.second.tick > startS && e.second.tick <= startS+1 && startS > e.endS-0.5/e.rateHz {
		return
	}
	if e.second.out.DurationS > 0 {
		e.second.emit(sink)
	}
	e.second.begin(startS)
}

// Flush ends the record: it closes the open window over the whole cycles so far,
// flagged short, counts the energy of what is left, and reports the second in
// progress. The next block begins anew.
func (e *Engine) Flush(sink Sink) {
	if e.running {
		e.close(0, sink)
	}
	if e.second.out.DurationS > 0 {
		e.second.emit(sink)
	}
}

// close ends the stretch of samples: the open window with its last whole cycle, flagged,
// and energy with its last sample.
func (e *Engine) close(flags Flags, sink Sink) {
	e.tracker.finish()
	e.report(flags, sink)
	e.endS = e.seconds(float64(e.h.n))
	if rest, seconds := e.windows.restEnergy(e); seconds > 0 {
		e.total.add(&rest)
		e.second.addRest(&rest, seconds, e.endS, flags|e.h.flagsIn(e.windows.open.position, float64(e.h.n)))
	}
	e.h.reset()
	e.tracker.reset()
	e.halves.reset()
	e.windows.reset()
	e.windows.spectrum.reset()
	e.running = false
}

// report emits, in the order of time, what ends within the known phase. A window that
// the end of the stretch cut short carries the flags.
func (e *Engine) report(flags Flags, sink Sink) {
	limit := min(e.tracker.limit(), float64(e.h.n))
	if math.IsInf(limit, -1) {
		return
	}
	for {
		half, window := e.halves.next(), e.windows.next()
		tick := (e.second.tick-e.startS)*e.rateHz - float64(e.h.origin)
		if e.tracker.ended && tick > float64(e.h.n)-0.5 {
			tick = math.Inf(1) // the rest of the stretch still belongs to this second
		}
		// A window that ends with the second, but for rounding, is one of it.
		if late := window - tick; late > 0 && late < 0.5 {
			tick = window
		}
		switch first := min(half, window, tick); {
		case !(first <= limit):
			return
		case first == half:
			e.halves.emit(e, sink)
		case first == window:
			e.windows.emit(e, flags, sink)
		default:
			e.second.emit(sink)
		}
	}
}

// drop forgets the samples that no stage needs any more, a multiple of the tracker's
// step.
func (e *Engine) drop() {
	oldest := min(e.windows.open.position, e.halves.oldest(), e.tracker.position(e.tracker.points-settled-2*minOutputs))
	oldest -= float64(e.windows.spectrum.kernel.taps<<len(e.windows.spectrum.halvers) + 2*maxReach)
	// The tracker's own memory reaches two points behind whatever is looked up.
	cells := int(oldest) / e.h.cell
	unit := e.tracker.stride << len(e.windows.spectrum.halvers)
	cells = min(cells, e.tracker.next-e.tracker.half) / unit * unit
	if cells <= 0 {
		return
	}
	e.h.drop(cells)
	e.tracker.drop(cells)
	e.halves.drop(cells * e.h.cell)
	e.windows.drop(cells * e.h.cell)
	e.windows.spectrum.drop(cells * e.h.cell)
}
