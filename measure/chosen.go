package measure

import (
	"fmt"
	"math"
	"math/cmplx"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/metering/fit"
	"github.com/hepmeter/hepmeter/waveform"
)

// Range is a stretch of a record: samples First (inclusive, from 0) to End
// (exclusive).
type Range struct{ First, End int64 }

// ParseRange reads "FIRST:END".
func ParseRange(s string) (Range, error) {
	wrong := func() (Range, error) {
		return Range{}, fmt.Errorf("window %q: want FIRST:END, two sample numbers counted from 0 with FIRST below END, for example 0:2048", s)
	}
	first, end, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok {
		return wrong()
	}
	var r Range
	var err error
	if r.First, err = strconv.ParseInt(strings.TrimSpace(first), 10, 64); err != nil || r.First < 0 {
		return wrong()
	}
	if r.End, err = strconv.ParseInt(strings.TrimSpace(end), 10, 64); err != nil || r.End <= r.First {
		return wrong()
	}
	return r, nil
}

// stretch is a chosen stretch of a record: of each connected input the samples as
// stored (in volts and amperes) and when they were taken, and the record's own
// time of each row.
type stretch struct {
	layout layout
	// rows are the record's times; times[c] those of input c, which differ from rows
	// where the file states a skew.
	rows   []float64
	times  [][]float64
	values [][]float64
	rateHz float64
	// around[c] holds values[c] with up to alignReach samples before (lead of them) and
	// after it, where the record goes on without a break.
	around [][]float64
	lead   int
}

// alignReach is the half length of the interpolation that moves samples in time:
// long enough to keep a line at 0.9 of half the rate.
const alignReach = 64

// align returns the samples of input c at the record's own times. What the fit
// explains is moved exactly; what it leaves (noise, transients, lines above its
// highest order) is interpolated with a windowed sinc.
func (s *stretch) align(c int, lines *fit.Result) []float64 {
	values, times := s.values[c], s.times[c]
	n := len(values)
	if times[0] == s.rows[0] && times[n-1] == s.rows[n-1] || lines == nil || lines.Channels[c].Lines == nil {
		return values
	}
	step := 1 / s.rateHz
	around := s.around[c]
	rest := make([]float64, len(around))
	for k, v := range around {
		if r := v - lines.At(c, times[0]+float64(k-s.lead)*step); r == r {
			rest[k] = r
		}
	}
	moved := make([]float64, n)
	for k := range moved {
		if math.IsNaN(values[k]) {
			moved[k] = math.NaN()
			continue
		}
		moved[k] = lines.At(c, s.rows[k])
		at := float64(k+s.lead) + (s.rows[k]-times[k])*s.rateHz
		for m := max(0, int(at)-alignReach); m <= min(len(rest)-1, int(at)+alignReach); m++ {
			moved[k] += rest[m] * windowedSinc(at-float64(m))
		}
	}
	return moved
}

// windowedSinc is sin(πx)/(πx) under a Hann window of half length alignReach+1.
func windowedSinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.Abs(x) > alignReach+1 {
		return 0
	}
	return math.Sin(math.Pi*x) / (math.Pi * x) * (0.5 + 0.5*math.Cos(math.Pi*x/(alignReach+1)))
}

// measure measures exactly the samples of s: means over them, and the rest by
// least squares.
func (s *stretch) measure() (Window, error) {
	l := s.layout
	w := newWindow(l)
	n := len(s.rows)
	w.Spectrum = "lines"
	w.Flags = []string{"fit"}
	w.StartS = Value(s.rows[0])
	w.DurationS = Value(float64(n) / s.rateHz)

	var channels []fit.Channel
	var reference []int
	for c, r := range l.connected {
		channels = append(channels, fit.Channel{Times: s.times[c], Values: s.values[c]})
		if r.IsVoltage() && r != waveform.V4 {
			reference = append(reference, c)
		}
	}
	if len(reference) == 0 {
		for c, r := range l.connected {
			if r != waveform.I4 && r != waveform.I5 {
				reference = append(reference, c)
			}
		}
	}
	lines, fitErr := fit.Fit(channels, fit.Options{Reference: reference, Origin: s.rows[0], MaxOrder: highestOrder})

	aligned := make([][]float64, len(l.connected))
	for c := range l.connected {
		aligned[c] = s.align(c, lines)
	}
	signal := func(r waveform.Role) []float64 {
		for c, have := range l.connected {
			if have == r {
				return aligned[c]
			}
		}
		return nil
	}
	difference := func(a, b []float64, fa, fb float64) []float64 {
		if a == nil || b == nil {
			return nil
		}
		d := make([]float64, n)
		for k := range d {
			d[k] = fa*a[k] + fb*b[k]
		}
		return d
	}

	signals := map[waveform.Role][]float64{}
	phasors := map[waveform.Role]complex128{}
	for c, r := range l.connected {
		signals[r] = s.values[c]
		if lines != nil && lines.Channels[c].Lines != nil {
			f := lines.Channels[c].Lines[1]
			phasors[r] = cmplx.Rect(f.RMS, f.Deg*math.Pi/180)
		}
	}
	// The voltages that follow from others.
	derive := func(r, a, b waveform.Role, fa, fb float64) {
		if signals[r] != nil || signals[a] == nil || signals[b] == nil {
			return
		}
		signals[r] = difference(signal(a), signal(b), fa, fb)
		if pa, ok := phasors[a]; ok {
			if pb, ok := phasors[b]; ok {
				phasors[r] = complex(fa, 0)*pa + complex(fb, 0)*pb
			}
		}
	}
	derive(waveform.V12, waveform.V1, waveform.V2, 1, -1)
	derive(waveform.V23, waveform.V2, waveform.V3, 1, -1)
	derive(waveform.V31, waveform.V3, waveform.V1, 1, -1)
	derive(waveform.V12, waveform.V23, waveform.V31, -1, -1)
	derive(waveform.V23, waveform.V31, waveform.V12, -1, -1)
	derive(waveform.V31, waveform.V12, waveform.V23, -1, -1)

	for i, r := range l.all {
		x := signals[r]
		if x == nil {
			continue
		}
		mean, rms, peak := moments(x)
		w.RMS.values[i], w.Peak.values[i] = rms, peak
		if rms > 0 {
			w.Crest.values[i] = peak / rms
		}
		w.DC.values[i] = mean
		if p, ok := phasors[r]; ok {
			w.Fundamental.RMS.values[i] = cmplx.Abs(p)
			w.Fundamental.Deg.values[i] = cmplx.Phase(p) * 180 / math.Pi
		}
	}
	if lines != nil {
		w.FrequencyHz = Value(lines.FrequencyHz)
		w.Cycles = Value(lines.FrequencyHz * float64(w.DurationS))
		w.ResidualPct = Value(lines.ResidualPct)
		w.Reference = l.connected[reference[0]].String()
		for c, r := range l.connected {
			spectrum := lines.Channels[c]
			w.DC.set(r, spectrum.DC)
			if len(spectrum.Lines) < 2 || !hasFundamental(spectrum.Lines[1].RMS, w.RMS.Of(r)) {
				continue
			}
			w.THD.set(r, spectrum.THDPct())
			list := make([]float32, len(spectrum.Lines)-1)
			k, all := 0.0, 0.0
			for h := 1; h < len(spectrum.Lines); h++ {
				list[h-1] = float32(100 * spectrum.Lines[h].RMS / spectrum.Lines[1].RMS)
				squared := spectrum.Lines[h].RMS * spectrum.Lines[h].RMS
				k += float64(h*h) * squared
				all += squared
			}
			w.Harmonics.lists[c] = list
			if r.IsCurrent() {
				w.KFactor.set(r, k/all)
			}
		}
	}

	s.power(&w, signal, phasors)
	w.Sequence.V, w.Unbalance.U2, w.Unbalance.U0 = sequence(phasors, waveform.V1, waveform.V2, waveform.V3)
	if l.mode == metering.Delta {
		w.Sequence.V, w.Unbalance.U2, _ = lineSequence(phasors)
	}
	w.Sequence.I, w.Unbalance.I2, w.Unbalance.I0 = sequence(phasors, waveform.I1, waveform.I2, waveform.I3)
	return w, fitErr
}

// power fills powers and energy.
func (s *stretch) power(w *Window, signal func(waveform.Role) []float64, phasors map[waveform.Role]complex128) {
	type element struct {
		v, i   []float64
		pv, pi complex128
		ok     bool
	}
	var elements [3]element
	star := s.layout.mode == metering.Delta
	current := func(k int) ([]float64, complex128, bool) {
		r := waveform.I1 + waveform.Role(k)
		p, ok := phasors[r]
		if x := signal(r); x != nil {
			return x, p, ok
		}
		if !star {
			return nil, 0, false
		}
		// Without a neutral the third current follows from two.
		a, b := waveform.I1+waveform.Role((k+1)%3), waveform.I1+waveform.Role((k+2)%3)
		x, y := signal(a), signal(b)
		if x == nil || y == nil {
			return nil, 0, false
		}
		sum := make([]float64, len(x))
		for k := range sum {
			sum[k] = -x[k] - y[k]
		}
		pa, okA := phasors[a]
		pb, okB := phasors[b]
		return sum, -pa - pb, okA && okB
	}
	count := 3
	if s.layout.mode == metering.Single {
		count = 1
		if signal(waveform.V2) != nil {
			count = 2
		}
	}
	for k := range count {
		e := &elements[k]
		var okV, okI bool
		e.i, e.pi, okI = current(k)
		if star {
			a, b := waveform.V12+waveform.Role(k), waveform.V12+waveform.Role((k+2)%3)
			x, y := s.line(signal, a), s.line(signal, b)
			if x != nil && y != nil {
				e.v = make([]float64, len(x))
				for n := range e.v {
					e.v[n] = (x[n] - y[n]) / 3
				}
			}
			pa, okA := phasors[a]
			pb, okB := phasors[b]
			e.pv, okV = (pa-pb)/3, okA && okB
		} else {
			r := waveform.V1 + waveform.Role(k)
			e.v = signal(r)
			e.pv, okV = phasors[r]
		}
		e.ok = okV && okI
	}

	var p, q, arithmetic, vectorQ, p1 float64
	for k := range count {
		e := &elements[k]
		pk, qk, sk, p1k := math.NaN(), math.NaN(), math.NaN(), math.NaN()
		if e.v != nil && e.i != nil {
			pk = meanProduct(e.v, e.i)
			_, u, _ := moments(e.v)
			_, i, _ := moments(e.i)
			sk = u * i
			if e.ok {
				s1 := e.pv * cmplx.Conj(e.pi)
				p1k, qk = real(s1), imag(s1)
			}
		}
		if !star {
			if sk == sk {
				// Of an input the RMS as stored: with skew the aligned one differs in its last
				// digits.
				sk = w.RMS.Of(waveform.V1+waveform.Role(k)) * w.RMS.Of(waveform.I1+waveform.Role(k))
			}
			w.P[k], w.Q[k], w.S[k] = pk, qk, sk
			w.PF[k] = ratio(pk, sk)
			w.DPF[k] = ratio(p1k, math.Hypot(p1k, qk))
		}
		p, q, arithmetic, p1 = p+pk, q+qk, arithmetic+sk, p1+p1k
		vectorQ += math.Copysign(math.Sqrt(math.Max(sk*sk-pk*pk, 0)), qk)
	}
	const total = metering.Total
	w.P[total], w.Q[total] = p, q
	vector := math.Hypot(p, vectorQ)
	if math.IsNaN(q) {
		vector = math.NaN()
	}
	w.S[total] = vector
	w.PF[total] = ratio(p, vector)
	w.DPF[total] = ratio(p1, math.Hypot(p1, q))
	w.STotal = STotals{Vector: Value(vector), Arithmetic: Value(arithmetic), Effective: Value(s.effective(w, signal))}
	if !math.IsNaN(p) {
		wh := p * float64(w.DurationS) / 3600
		w.Energy = EnergyWh{Delivered: Value(math.Max(wh, 0)), Received: Value(math.Max(-wh, 0)), Net: Value(wh)}
	}
}

// line returns the samples of a line-to-line voltage, from the other two if it is
// not connected.
func (s *stretch) line(signal func(waveform.Role) []float64, r waveform.Role) []float64 {
	if x := signal(r); x != nil {
		return x
	}
	k := int(r - waveform.V12)
	x, y := signal(waveform.V12+waveform.Role((k+1)%3)), signal(waveform.V12+waveform.Role((k+2)%3))
	if x == nil || y == nil {
		return nil
	}
	sum := make([]float64, len(x))
	for k := range sum {
		sum[k] = -x[k] - y[k]
	}
	return sum
}

// effective returns Se of IEEE 1459, 3.2.2.8 (four-wire) and 3.2.2.9 (three-wire).
func (s *stretch) effective(w *Window, signal func(waveform.Role) []float64) float64 {
	square := func(b ByRole, roles ...waveform.Role) float64 {
		sum := 0.0
		for _, r := range roles {
			v := b.Of(r)
			sum += v * v
		}
		return sum
	}
	lines := square(w.RMS, waveform.V12, waveform.V23, waveform.V31)
	amps := square(w.RMS, waveform.I1, waveform.I2, waveform.I3)
	switch s.layout.mode {
	case metering.Single:
		return math.NaN()
	case metering.Delta:
		return 3 * math.Sqrt(lines/9) * math.Sqrt(amps/3)
	}
	// The neutral current: measured, or the sum of the three.
	neutral := w.RMS.Of(waveform.I4)
	if math.IsNaN(neutral) {
		if a, b, c := signal(waveform.I1), signal(waveform.I2), signal(waveform.I3); a != nil && b != nil && c != nil {
			sum := make([]float64, len(a))
			for k := range sum {
				sum[k] = a[k] + b[k] + c[k]
			}
			_, neutral, _ = moments(sum)
		}
	}
	volts := square(w.RMS, waveform.V1, waveform.V2, waveform.V3)
	return 3 * math.Sqrt((3*volts+lines)/18) * math.Sqrt((amps+neutral*neutral)/3)
}

// ratio is a/b, not available for b = 0: there is no power factor without power.
func ratio(a, b float64) float64 {
	if !(b > 0) {
		return math.NaN()
	}
	return a / b
}

// moments returns mean, root mean square and largest magnitude of the values that
// are there.
func moments(x []float64) (mean, rms, peak float64) {
	n := 0.0
	for _, v := range x {
		if v != v {
			continue
		}
		n++
		mean += v
		rms += v * v
		peak = math.Max(peak, math.Abs(v))
	}
	if n == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return mean / n, math.Sqrt(rms / n), peak
}

func meanProduct(a, b []float64) float64 {
	sum, n := 0.0, 0.0
	for k := range a {
		if p := a[k] * b[k]; p == p {
			sum += p
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / n
}

// sequence returns the symmetrical components of three phasors, and negative and
// zero by positive in %. Against the order 1, 2, 3 there is no unbalance to speak
// of: it is not available.
func sequence(phasors map[waveform.Role]complex128, r1, r2, r3 waveform.Role) (Sequence, Value, Value) {
	none := Value(math.NaN())
	a, ok1 := phasors[r1]
	b, ok2 := phasors[r2]
	c, ok3 := phasors[r3]
	if !ok1 || !ok2 || !ok3 {
		return Sequence{none, none, none}, none, none
	}
	turn := cmplx.Rect(1, 2*math.Pi/3)
	pos := cmplx.Abs(a+turn*b+turn*turn*c) / 3
	neg := cmplx.Abs(a+turn*turn*b+turn*c) / 3
	zero := cmplx.Abs(a+b+c) / 3
	s := Sequence{Value(pos), Value(neg), Value(zero)}
	if neg >= pos {
		return s, none, none
	}
	return s, Value(100 * neg / pos), Value(100 * zero / pos)
}

// lineSequence returns the symmetrical components of the line-to-line voltages.
// Zero sequence does not show in those.
func lineSequence(phasors map[waveform.Role]complex128) (Sequence, Value, Value) {
	s, u2, _ := sequence(phasors, waveform.V12, waveform.V23, waveform.V31)
	none := Value(math.NaN())
	return Sequence{Pos: s.Pos, Neg: s.Neg, Zero: none}, u2, none
}
