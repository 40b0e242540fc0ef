package metering

import "math"

// A mean is a weighted mean over those values that are available.
type mean struct{ sum, weight float64 }

func (m *mean) add(x, weight float64) {
	if !math.IsNaN(x) {
		m.sum += x * weight
		m.weight += weight
	}
}

func (m *mean) value() float64 { return quotient(m.sum, m.weight) }

// rms returns the root of a mean of squares.
func (m *mean) rms() float64 { return math.Sqrt(m.value()) }

// seconds gathers windows into one-second results. Magnitudes, distortion and
// unbalance are averaged as squares, powers and DC as they are, frequency as cycles
// per time, and power factors are formed from the averaged powers.
type seconds struct {
	cfg   *Config
	index int64
	// tick is the end of the second on the source's time axis.
	tick float64
	out  Second

	// cycles is the number of cycles in the windows, windowsS their total duration.
	cycles, windowsS                         float64
	rms, dc, crest, thd, odd, even, tdd, kf  [Inputs]mean
	p, q1, s, fryze, p1                      [4]mean
	vector, arithmetic, effective            mean
	u2, u0, i2, i0, worstLN, worstLL, worstI mean
	residual                                 mean
	energy                                   energyTotal
}

// begin prepares the first tick after the given time.
func (s *seconds) begin(at float64) { s.tick = math.Floor(at) + 1 }

// add takes a window that ended in the second.
func (s *seconds) add(w *Window) {
	d := w.DurationS
	s.out.Windows++
	s.out.Flags |= w.Flags
	s.out.DurationS += d
	s.windowsS += d
	s.out.Last = w
	s.cycles += w.FrequencyHz * d
	for r := range s.rms {
		s.rms[r].add(w.RMS[r]*w.RMS[r], d)
		s.dc[r].add(w.DC[r], d)
		s.crest[r].add(w.Crest[r], d)
		s.thd[r].add(w.THDF[r]*w.THDF[r], d)
		s.odd[r].add(w.THDOdd[r]*w.THDOdd[r], d)
		s.even[r].add(w.THDEven[r]*w.THDEven[r], d)
		s.tdd[r].add(w.TDD[r]*w.TDD[r], d)
		s.kf[r].add(w.KFactor[r], d)
	}
	p := &w.Power
	for k := range s.p {
		s.p[k].add(p.P[k], d)
		s.q1[k].add(p.Q1[k], d)
		s.s[k].add(p.S[k], d)
		s.fryze[k].add(p.QFryze[k], d)
		s.p1[k].add(p.p1[k], d)
	}
	s.vector.add(p.SVector, d)
	s.arithmetic.add(p.SArithmetic, d)
	s.effective.add(p.SEffective, d)
	for _, q := range []struct {
		m *mean
		x float64
	}{{&s.u2, w.U2}, {&s.u0, w.U0}, {&s.i2, w.I2}, {&s.i0, w.I0}, {&s.worstLN, w.VWorstLN},
		{&s.worstLL, w.VWorstLL}, {&s.worstI, w.IWorst}, {&s.residual, w.IResidual}} {
		q.m.add(q.x*q.x, d)
	}
	s.energy.add(&w.Energy)
	s.out.EnergyEndS = w.StartS + d
}

// addRest takes the energy of samples that are in no window, the last of which ends at endS.
func (s *seconds) addRest(rest *Energy, duration, endS float64, flags Flags) {
	s.out.Flags |= flags
	s.out.DurationS += duration
	s.energy.add(rest)
	s.out.EnergyEndS = endS
}

// emit reports the second that ends at the tick and begins the next.
func (s *seconds) emit(sink Sink) {
	out := &s.out
	out.EndS, out.Index = s.tick, s.index
	out.FrequencyHz = quotient(s.cycles, s.windowsS)
	for r := range s.rms {
		out.RMS[r], out.DC[r], out.Crest[r] = s.rms[r].rms(), s.dc[r].value(), s.crest[r].value()
		out.THDF[r], out.THDOdd[r], out.THDEven[r] = s.thd[r].rms(), s.odd[r].rms(), s.even[r].rms()
		out.TDD[r], out.KFactor[r] = s.tdd[r].rms(), s.kf[r].value()
	}
	p := &out.Power
	for k := range s.p {
		p.P[k], p.Q1[k], p.S[k] = s.p[k].value(), s.q1[k].value(), s.s[k].value()
		p.QFryze[k], p.p1[k] = s.fryze[k].value(), s.p1[k].value()
	}
	p.SVector, p.SArithmetic, p.SEffective = s.vector.value(), s.arithmetic.value(), s.effective.value()
	p.factors(s.cfg.PFSign)
	out.U2, out.U0, out.I2, out.I0 = s.u2.rms(), s.u0.rms(), s.i2.rms(), s.i0.rms()
	out.VWorstLN, out.VWorstLL, out.IWorst = s.worstLN.rms(), s.worstLL.rms(), s.worstI.rms()
	out.IResidual = s.residual.rms()
	na := Phasor{NotAvailable, NotAvailable}
	out.Voltage, out.Current = Sequence{na, na, na}, Sequence{na, na, na}
	for r := range out.Fundamental {
		out.Fundamental[r] = na
	}
	if w := out.Last; w != nil {
		out.Fundamental, out.Voltage, out.Current = w.Fundamental, w.Voltage, w.Current
	}
	out.Energy = s.energy.value()
	sink.Second(out)

	*s = seconds{cfg: s.cfg, index: s.index + 1, tick: s.tick + 1, out: Second{EnergyEndS: out.EnergyEndS}}
}
