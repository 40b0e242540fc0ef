package synth

import "math"

// spin fills the waves for the samples n0 up to n1.
func (g *generator) spin(n0, n1 int64) {
	length := int(n1 - n0)
	for i := range g.waves {
		w := &g.waves[i]
		cos, sin := w.cos[:length], w.sin[:length]
		if w.order > 1 {
			a, b := &g.waves[w.a], &g.waves[w.b]
			product(cos, sin, a.cos[:length], a.sin[:length], b.cos[:length], b.sin[:length])
			continue
		}
		if w.ratio == 0 {
			rotate(cos, sin, w.pace.after(n0).frac, w.pace.hi, 0)
			continue
		}
		// A parabola through the phase at both ends and in the middle.
		middle := (n0 + n1) / 2
		p0 := g.supply.phase(n0).times(w.ratio)
		d2 := g.supply.phase(n1).times(w.ratio).minus(p0)
		L, slope, bend := float64(length), d2/float64(length), 0.0
		if middle > n0 {
			m := float64(middle - n0)
			d1 := g.supply.phase(middle).times(w.ratio).minus(p0)
			bend = (d2/L - d1/m) / (L - m)
			slope = d1/m - float64(bend*m)
		}
		rotate(cos, sin, p0.frac, slope, bend)
	}
}

// rotate fills cos and sin with the phase start + slope·k + bend·k², in turns.
func rotate(cos, sin []float64, start, slope, bend float64) {
	s, c := sincos(start)
	ws, wc := sincos(wrap(slope + bend))
	if math.Abs(bend)*float64(len(cos))*float64(len(cos)) < 1e-15 {
		ws, wc = sincos(wrap(slope))
		for k := range cos {
			cos[k], sin[k] = c, s
			s, c = float64(s*wc)+float64(c*ws), float64(c*wc)-float64(s*ws)
		}
		return
	}
	vs, vc := sincos(wrap(2 * bend))
	for k := range cos {
		cos[k], sin[k] = c, s
		s, c = float64(s*wc)+float64(c*ws), float64(c*wc)-float64(s*ws)
		ws, wc = float64(ws*vc)+float64(wc*vs), float64(wc*vc)-float64(ws*vs)
	}
}

func wrap(x float64) float64 { return x - math.Floor(x) }

// product fills cos and sin with the wave whose phase is the sum of a's and b's.
func product(cos, sin, ac, as, bc, bs []float64) {
	sin, ac, as, bc, bs = sin[:len(cos)], ac[:len(cos)], as[:len(cos)], bc[:len(cos)], bs[:len(cos)]
	for k := range cos {
		cos[k] = float64(ac[k]*bc[k]) - float64(as[k]*bs[k])
		sin[k] = float64(as[k]*bc[k]) + float64(ac[k]*bs[k])
	}
}

// sum fills x with the channel's waves.
func (g *generator) sum(c *channel, x []float64) {
	clear(x)
	if c.shared && c.jump == 0 {
		// One gain for all: the shape first, then the straight line of the gain.
		for i := 0; i < len(c.waves); i += 2 {
			if i+1 < len(c.waves) {
				addTwo(x, &g.waves[c.waves[i]], &g.waves[c.waves[i+1]], c.shape[i], c.shape[i+1])
			} else {
				addTwo(x, &g.waves[c.waves[i]], &g.waves[c.waves[i]], c.shape[i], 0)
			}
		}
		slope := (c.gain1 - c.gain0) / float64(len(x))
		for k := range x {
			x[k] = float64(x[k] * (c.gain0 + float64(slope*float64(k))))
		}
		return
	}
	for i, w := range c.waves {
		if c.c0[i] != 0 || c.c1[i] != 0 {
			addChanging(x, &g.waves[w], c.c0[i], c.c1[i])
		}
	}
}

// addTwo adds two waves of constant amplitude, which halves the traffic on x.
func addTwo(x []float64, u, v *wave, a, b complex128) {
	uc, us, vc, vs := u.cos[:len(x)], u.sin[:len(x)], v.cos[:len(x)], v.sin[:len(x)]
	ar, ai, br, bi := real(a), imag(a), real(b), imag(b)
	for k := range x {
		x[k] += (float64(ar*uc[k]) - float64(ai*us[k])) + (float64(br*vc[k]) - float64(bi*vs[k]))
	}
}

// addChanging adds a wave whose amplitude goes from a to b in a straight line.
func addChanging(x []float64, u *wave, a, b complex128) {
	cos, sin := u.cos[:len(x)], u.sin[:len(x)]
	step := 1 / float64(len(x))
	d := scale(b-a, step)
	ar, ai, dr, di := real(a), imag(a), real(d), imag(d)
	for k := range x {
		t := float64(k)
		x[k] += float64((ar+float64(dr*t))*cos[k]) - float64((ai+float64(di*t))*sin[k])
	}
}

// combine fills x with a weighted sum of other channels.
func (g *generator) combine(c *channel, x []float64, from int64) {
	for k := range x {
		x[k] = 0
	}
	for _, w := range c.derive {
		y := g.channels[w.channel].buffer[from : from+int64(len(x))]
		for k := range x {
			x[k] += float64(w.k * y[k])
		}
	}
}

// addNoise adds white noise of the channel's RMS: the sum of four 16-bit uniform
// numbers, which is normal to about three standard deviations and bounded at 3.46.
func (c *channel) addNoise(x []float64, seed uint64, n int64) {
	// Variance of the sum: 4·(65536² - 1)/12.
	k := c.noise / 37837.22705
	for i := range x {
		r := mix(seed, c.stream, uint64(n)+uint64(i))
		sum := int64(r&0xFFFF) + int64(r>>16&0xFFFF) + int64(r>>32&0xFFFF) + int64(r>>48) - 2*65535
		x[i] += float64(k * float64(sum))
	}
}
