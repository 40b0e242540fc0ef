package measure

import (
	"math"
	"slices"

	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// spread is what a quantity did over the windows.
type spread struct{ Mean, Min, Max float64 }

// summary is what the windows say together. Means weigh windows by their duration;
// magnitudes are RMS means. A window without the quantity does not count.
type summary struct {
	frequency      spread
	rms            map[waveform.Role]spread
	p, q, s        [4]spread
	thd            map[waveform.Role]spread
	u2, u0         spread
	harmonics      map[waveform.Role][]float64
	interharmonics map[waveform.Role][]float64
	pf             [4]float64
	flagged        int
	flags          []flagCount
	seconds        float64
}

type flagCount struct {
	Name  string
	Count int
}

// course gathers the spread of a quantity.
type course struct {
	sum, weight float64
	low, high   float64
	squared     bool
}

func (c *course) add(v, weight float64) {
	if v != v {
		return
	}
	if c.weight == 0 {
		c.low, c.high = v, v
	}
	c.low, c.high = math.Min(c.low, v), math.Max(c.high, v)
	if c.squared {
		v *= v
	}
	c.sum += v * weight
	c.weight += weight
}

func (c *course) result() spread {
	if c.weight == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	mean := c.sum / c.weight
	if c.squared {
		mean = math.Sqrt(mean)
	}
	return spread{mean, c.low, c.high}
}

// over gathers one quantity of all windows.
func over(windows []Window, squared bool, quantity func(*Window) float64) spread {
	c := course{squared: squared}
	for i := range windows {
		weight := float64(windows[i].DurationS)
		if !(weight > 0) {
			weight = 1e-9
		}
		c.add(quantity(&windows[i]), weight)
	}
	return c.result()
}

func (r *Report) summarise() summary {
	s := summary{rms: map[waveform.Role]spread{}, thd: map[waveform.Role]spread{},
		harmonics: map[waveform.Role][]float64{}, interharmonics: map[waveform.Role][]float64{}}
	w := r.Windows
	s.frequency = over(w, false, func(w *Window) float64 { return float64(w.FrequencyHz) })
	for _, role := range r.layout.all {
		s.rms[role] = over(w, true, func(w *Window) float64 { return w.RMS.Of(role) })
	}
	for _, role := range r.layout.connected {
		s.thd[role] = over(w, true, func(w *Window) float64 { return w.THD.Of(role) })
		s.harmonics[role] = meanSpectrum(w, func(w *Window) []float32 { return w.Harmonics.Of(role) })
		s.interharmonics[role] = meanSpectrum(w, func(w *Window) []float32 { return w.Interharmonics.Of(role) })
	}
	for k := range s.p {
		s.p[k] = over(w, false, func(w *Window) float64 { return w.P[k] })
		s.q[k] = over(w, false, func(w *Window) float64 { return w.Q[k] })
		s.s[k] = over(w, false, func(w *Window) float64 { return w.S[k] })
		// An average power factor is that of the average powers; its sign is that of the
		// windows' own.
		s.pf[k] = ratio(s.p[k].Mean, s.s[k].Mean)
	}
	s.u2 = over(w, true, func(w *Window) float64 { return float64(w.Unbalance.U2) })
	s.u0 = over(w, true, func(w *Window) float64 { return float64(w.Unbalance.U0) })
	for i := range w {
		s.seconds += float64(w[i].DurationS)
		if len(w[i].Flags) > 0 {
			s.flagged++
		}
		for _, name := range w[i].Flags {
			at := slices.IndexFunc(s.flags, func(f flagCount) bool { return f.Name == name })
			if at < 0 {
				s.flags = append(s.flags, flagCount{Name: name})
				at = len(s.flags) - 1
			}
			s.flags[at].Count++
		}
	}
	return s
}

// meanSpectrum is the RMS mean of each order over the windows that have it.
func meanSpectrum(windows []Window, list func(*Window) []float32) []float64 {
	var sum, weight []float64
	for i := range windows {
		for h, v := range list(&windows[i]) {
			if h == len(sum) {
				sum, weight = append(sum, 0), append(weight, 0)
			}
			d := float64(windows[i].DurationS)
			sum[h] += float64(v) * float64(v) * d
			weight[h] += d
		}
	}
	for h := range sum {
		sum[h] = math.Sqrt(sum[h] / weight[h])
	}
	return sum
}

// total is the index of the total among phases.
const total = metering.Total
