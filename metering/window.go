package metering

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// windows cuts the samples into basic windows, each from where the last one ended
// to where the phase of the system has advanced by 10 (50 Hz) or 12 (60 Hz) cycles.
type windows struct {
	h        *history
	t        *tracker
	spectrum *spectrum
	cfg      *Config
	// cycles is the number of cycles of a full window.
	cycles int
	// open is where the open window started, phase the system's phase there.
	open, end edge
	phase     float64
	began     bool
	// at is the position of the end of the open window, +Inf while unknown, due the
	// number of its cycles. A window is cut if the stretch ended before it was full.
	at  float64
	due int
	cut bool
	// measured says that this stretch has had a window, which is in out, and as
	// seconds and energy count it in counted.
	measured bool
	out      Window
	counted  *Window
	// corrector is nil where no instrument transformer is corrected.
	corrector *corrector
	// rms is the RMS of every lane, those without a role too, in primary units.
	rms []float64
}

// BasicCycles returns the number of cycles in a basic window: 10 at 50 Hz and 12 at 60 Hz.
func BasicCycles(nominalHz float64) int { return int(math.Round(nominalHz / 5)) }

func newWindows(cfg *Config, h *history, t *tracker, s *spectrum) *windows {
	v := &windows{h: h, t: t, spectrum: s, cfg: cfg, cycles: BasicCycles(cfg.NominalHz)}
	v.corrector = newCorrector(cfg, h.wires)
	v.rms = make([]float64, len(h.wires.lanes))
	for _, n := range s.lanes {
		r := h.wires.lanes[n].role
		if r == waveform.NoRole {
			continue
		}
		memory := make([]float64, 5*Orders)
		for i, dst := range []*[Inputs][]float64{&v.out.Group, &v.out.Subgroup, &v.out.InterGroup, &v.out.InterSubgroup, &v.out.Angle} {
			dst[r] = memory[i*Orders : (i+1)*Orders : (i+1)*Orders]
		}
	}
	v.reset()
	return v
}

// reset begins a new stretch at its first sample.
func (v *windows) reset() {
	v.open.set(0, 0, 0)
	v.began, v.measured = false, false
	v.await()
}

// await looks for the end of a full window.
func (v *windows) await() {
	v.at, v.due, v.cut = math.Inf(1), v.cycles, false
}

// drop follows the history when it forgets samples.
func (v *windows) drop(samples int) {
	v.open.shift(samples)
	v.at -= float64(samples)
}

// next returns the position of the end of the open window, +Inf if it is not known.
// At the end of a stretch that is where its last whole cycle ends.
func (v *windows) next() float64 {
	if !v.began {
		v.phase = v.t.at(v.t.phase, v.open.position)
		v.began = true
	}
	if math.IsInf(v.at, 1) {
		v.at = v.t.find(v.t.phase, v.phase+float64(v.cycles), v.open.position)
	}
	if n := float64(v.h.n); v.t.ended && v.at > n {
		if cycles := v.wholeCycles(); cycles > 0 {
			v.due, v.cut = cycles, true
			v.at = min(n, v.t.find(v.t.phase, v.phase+float64(cycles), v.open.position))
		}
	}
	return v.at
}

// tolerance is the share of a window by which a record may be short of whole cycles
// and still count as whole: the synchronism that IEC 61000-4-7 asks for.
const tolerance = 0.0003

// wholeCycles returns the number of whole cycles between the start of the open window
// and the end of the stretch.
func (v *windows) wholeCycles() int {
	have := v.t.at(v.t.phase, float64(v.h.n)) - v.phase
	return int(have + tolerance*math.Ceil(have))
}

// emit reports the window that is open; flags are those of a window that is cut.
func (v *windows) emit(e *Engine, flags Flags, sink Sink) {
	v.h.place(&v.end, v.at)
	w, cycles := &v.out, v.due
	if !v.cut {
		flags = 0
	} else if cycles < v.cycles {
		flags |= FlagShort
	}
	w.StartS = e.seconds(v.open.position)
	w.DurationS = (v.end.position - v.open.position) / v.t.rateHz
	w.Cycles = cycles
	w.FrequencyHz = float64(cycles) / w.DurationS
	if v.cut { // the last cycle may lack a little
		w.FrequencyHz = (v.t.at(v.t.phase, v.end.position) - v.phase) / w.DurationS
	}
	seen, ref := v.t.flagsIn(v.open.position, v.end.position)
	w.Flags = flags | seen | v.h.flagsIn(v.open.position, v.end.position)
	w.Reference = waveform.NoRole
	if ref != none {
		w.Reference = v.h.wires.lanes[v.t.lanes[ref].lane].role
	}
	if w.Flags&FlagUnsynchronised != 0 && ref == none {
		w.Reference = waveform.NoRole
	}
	v.magnitudes(w)
	v.spectrum.window(&v.open, &v.end, cycles, w)
	v.fundamentals(w)
	v.distortion(w)
	v.symmetry(w)
	el := v.elements()
	v.powers(w, &el, v.rms)
	w.Energy = e.energyOf(&w.Power, w.DurationS, v.h.wires.star)
	v.counted = v.corrected(e, w)
	e.total.add(&v.counted.Energy)

	v.open = v.end
	v.phase += float64(cycles)
	v.measured = true
	v.await()
	e.second.add(v.counted)
	sink.Window(w)
}

// magnitudes fills the quantities that are sums over the samples.
func (v *windows) magnitudes(w *Window) {
	for r := range w.RMS {
		w.RMS[r], w.DC[r], w.Peak[r], w.Crest[r] = NotAvailable, NotAvailable, NotAvailable, NotAvailable
	}
	length := v.end.position - v.open.position
	for n := range v.h.wires.lanes {
		l := &v.h.wires.lanes[n]
		sum, square, peak := v.h.moments(n, &v.open, &v.end)
		v.rms[n] = available(l.scale * math.Sqrt(max(0, square)/length))
		if r := l.role; r != waveform.NoRole {
			w.RMS[r] = v.rms[n]
			w.DC[r] = available(l.scale * sum / length)
			w.Peak[r] = available(l.scale * peak)
			w.Crest[r] = quotient(w.Peak[r], w.RMS[r])
		}
	}
	w.IResidual = NotAvailable
	if n := v.h.wires.residual; n != none {
		w.IResidual = v.rms[n]
	}
}

// fundamentals fills the phasors and refers the angles of the harmonics to V1.
func (v *windows) fundamentals(w *Window) {
	const degrees = 180 / math.Pi
	for r := range w.Fundamental {
		w.Fundamental[r] = Phasor{NotAvailable, NotAvailable}
		if n := v.h.wires.of[r]; r > 0 && n != none {
			w.Fundamental[r] = polar(v.h.wires.lanes[n].scale, v.spectrum.phasor[n])
		}
	}
	zero := w.Fundamental[waveform.V1].Deg
	for r := waveform.V1; math.IsNaN(zero) && int(r) < Inputs; r++ {
		zero = w.Fundamental[r].Deg
	}
	for r := range w.Angle {
		for h := range w.Angle[r] {
			w.Angle[r][h] = degree(w.Angle[r][h]*degrees - float64(h)*zero)
		}
	}
}

// polar returns a phasor in primary units.
func polar(scale float64, p [2]float64) Phasor {
	return Phasor{available(scale * math.Hypot(p[0], p[1])), degree(math.Atan2(p[1], p[0]) * 180 / math.Pi)}
}

// degree brings an angle into (-180, 180].
func degree(d float64) float64 {
	d -= 360 * math.Round(d/360)
	if d <= -180 {
		d += 360
	}
	return d
}

// available returns x, or not available where samples were beyond all numbers.
func available(x float64) float64 {
	if !finite(x) {
		return NotAvailable
	}
	return x
}

// quotient returns a/b, not available where b is zero.
func quotient(a, b float64) float64 {
	if b == 0 {
		return NotAvailable
	}
	return a / b
}
