package synth

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"sort"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// This file turns what a scenario states into what the generator runs on: sites
// (one description per channel), then waves, channels and their parts, then events.

// site is a channel before it is compiled.
type site struct {
	rms   float64    // of the fundamental
	turn  complex128 // e^jα, α the phase of the fundamental (sine reference)
	keys  Channel
	group int // gain of the fundamental
}

var starRoles = [3]waveform.Role{waveform.V1, waveform.V2, waveform.V3}
var deltaRoles = [3]waveform.Role{waveform.V12, waveform.V23, waveform.V31}
var lineRoles = [3]waveform.Role{waveform.I1, waveform.I2, waveform.I3}

// sites merges voltage, current and channels into one description per role.
func (s *Scenario) sites() map[waveform.Role]*site {
	sites := map[waveform.Role]*site{}
	three := func(set *ThreePhase, roles [3]waveform.Role, group int) {
		if set == nil {
			return
		}
		for k, role := range roles {
			if s.Connection == "single" && k > 0 {
				break
			}
			turn := -120 * float64(k)
			if set.Reversed {
				turn = -turn
			}
			u := polar(1, set.Degrees+turn)
			u += polar(set.NegativePercent/100, set.Degrees+set.NegativeDegrees-turn)
			u += polar(set.ZeroPercent/100, set.Degrees+set.ZeroDegrees)
			noise := set.NoisePercent
			magnitude := abs(u)
			sites[role] = &site{
				rms:   set.RMS * magnitude,
				turn:  scale(u, 1/max(magnitude, 1e-300)),
				group: group,
				keys: Channel{Harmonics: set.Harmonics, Interharmonics: set.Interharmonics, NoisePercent: &noise,
					Hidden: s.Connection == "delta" && group == gainVoltage},
			}
			if set.NegativePercent == 0 && set.ZeroPercent == 0 {
				sites[role].rms, sites[role].turn = set.RMS, polar(1, set.Degrees+turn)
			}
		}
	}
	three(s.Voltage, starRoles, gainVoltage)
	three(s.Current, lineRoles, gainCurrent)
	if s.Connection == "delta" && s.Voltage != nil {
		for k, role := range deltaRoles {
			sites[role] = &site{keys: Channel{Derive: map[waveform.Role]float64{starRoles[k]: 1, starRoles[(k+1)%3]: -1}}}
		}
	}
	for _, load := range s.Loads {
		phases := load.phases(s.Connection)
		if s.Connection == "delta" {
			phases = []int{1, 2, 3} // the current of one returns through another
		}
		for _, p := range phases {
			if p < 1 || p > 3 {
				continue // Validate says so
			}
			if role := lineRoles[p-1]; sites[role] == nil {
				sites[role] = &site{turn: 1, group: gainCurrent}
			}
		}
	}
	for role, c := range s.Channels {
		at := sites[role]
		if at == nil || c.Derive != nil {
			at = &site{turn: 1}
			sites[role] = at
		}
		if c.RMS != nil {
			at.rms = *c.RMS
		}
		if c.Degrees != nil {
			at.turn = polar(1, *c.Degrees)
		}
		if c.Harmonics != nil {
			at.keys.Harmonics = c.Harmonics
		}
		if c.Interharmonics != nil {
			at.keys.Interharmonics = c.Interharmonics
		}
		if c.NoisePercent != nil {
			at.keys.NoisePercent = c.NoisePercent
		}
		if c.DC != nil {
			at.keys.DC = c.DC
		}
		if c.Derive != nil {
			at.keys.Derive = c.Derive
		}
		at.keys.Hidden = at.keys.Hidden || c.Hidden
	}
	return sites
}

// phases returns the phases a load is connected to.
func (l *Appliance) phases(connection string) []int {
	switch {
	case len(l.Phases) > 0:
		return l.Phases
	case connection == "single":
		return []int{1}
	}
	return []int{1, 2, 3}
}

// current returns the load's fundamental RMS current in the k-th of its phases, of
// which it has count, and its direction e^jα, given that phase's voltage.
func (l *Appliance) current(k, count int, u *site) (rms float64, turn complex128) {
	share := 1 / float64(count)
	if len(l.SplitPercent) > 0 {
		share = l.SplitPercent[k] / 100
	}
	p, q := float64(l.KW*1000*share), float64(l.KVAR*1000*share)
	if l.PF > 0 {
		q = math.Abs(p) * math.Sqrt(1-float64(l.PF*l.PF)) / l.PF
		if l.Leading {
			q = -q
		}
	}
	power := complex(p, -q) // I = (S/U)*, so it turns with U and against Q
	s := abs(power)
	if s == 0 {
		return 0, u.turn
	}
	return s / u.rms, multiply(scale(power, 1/s), u.turn)
}

// lineTone is one component of a load's three line currents.
type lineTone struct {
	order  int
	phasor [3]complex128
}

// lineCurrents returns the currents of a load. Where there is no neutral the zero
// sequence has no way to flow: it is taken out, which leaves the total power.
func (s *Scenario) lineCurrents(l *Appliance, sites map[waveform.Role]*site) []lineTone {
	tones := make([]lineTone, 1+len(l.Harmonics))
	tones[0].order = 1
	phases := l.phases(s.Connection)
	for k, p := range phases {
		rms, turn := l.current(k, len(phases), sites[starRoles[p-1]])
		peak := math.Sqrt2 * rms
		tones[0].phasor[p-1] = fundamentalPhasor(peak, turn)
		for i := range l.Harmonics {
			tones[i+1].order = l.Harmonics[i].Order
			tones[i+1].phasor[p-1] = l.Harmonics[i].phasor(peak, turn)
		}
	}
	if s.Connection == "delta" {
		for i := range tones {
			t := &tones[i].phasor
			zero := scale(t[0]+t[1]+t[2], 1.0/3)
			for k := range t {
				t[k] -= zero
			}
		}
	}
	return tones
}

// connect makes gains, waves and channels.
func (g *generator) connect(s *Scenario, start time.Time) error {
	fluctuating := func(set *ThreePhase, stream uint64) gain {
		p := Profile{}
		if set != nil {
			p.FluctuationPercent, p.FluctuationSeconds = set.FluctuationPercent, orDefault(set.FluctuationSeconds, 30)
		}
		return newGain(p, g.rate, start, s.Seed, stream)
	}
	g.gains = []gain{newGain(Profile{}, g.rate, start, s.Seed, 0), fluctuating(s.Voltage, 1), fluctuating(s.Current, 2)}
	for i := range s.Loads {
		g.gains = append(g.gains, newGain(s.Loads[i].Profile, g.rate, start, s.Seed, uint64(100+i)))
	}
	g.g0, g.g1 = make([]float64, len(g.gains)), make([]float64, len(g.gains))

	sites := s.sites()
	roles := make([]waveform.Role, 0, len(sites))
	for role := range sites {
		roles = append(roles, role)
	}
	sort.Slice(roles, func(i, j int) bool {
		// Derived channels come after those they are made of.
		a, b := sites[roles[i]].keys.Derive != nil, sites[roles[j]].keys.Derive != nil
		if a != b {
			return b
		}
		return roles[i] < roles[j]
	})
	index := map[waveform.Role]int{}
	for i, role := range roles {
		index[role] = i
	}
	for _, role := range roles {
		at := sites[role]
		c := channel{role: role, stream: uint64(role) << 8, rmsPoint: at.rms, buffer: make([]float64, g.grid)}
		if at.keys.Derive != nil {
			for other := waveform.V1; other <= waveform.I5; other++ {
				if k, ok := at.keys.Derive[other]; ok {
					c.derive = append(c.derive, weight{index[other], k})
				}
			}
		} else if err := g.compose(&c, at); err != nil {
			return err
		}
		g.channels = append(g.channels, c)
	}
	for i := range s.Loads {
		for _, t := range s.lineCurrents(&s.Loads[i], sites) {
			for k, phasor := range t.phasor {
				if phasor == 0 {
					continue
				}
				c := &g.channels[index[lineRoles[k]]]
				if err := g.tone(c, g.harmonicWave(t.order), gainLoads+i, phasor); err != nil {
					return err
				}
				if t.order == 1 {
					c.rmsPoint += abs(phasor) / math.Sqrt2
				}
			}
		}
	}
	for i := range g.channels {
		c := &g.channels[i]
		if keys := &sites[c.role].keys; keys.NoisePercent != nil {
			c.noise = *keys.NoisePercent / 100 * c.rmsPoint
		}
		if !sites[c.role].keys.Hidden {
			g.deliver = append(g.deliver, i)
		}
		c.c0, c.c1, c.shape = make([]complex128, len(c.waves)), make([]complex128, len(c.waves)), make([]complex128, len(c.waves))
		c.shared = true
		for _, p := range c.parts {
			c.shape[p.slot] += p.phasor
			c.shared = c.shared && p.gain == c.parts[0].gain
		}
	}
	sort.Slice(g.deliver, func(i, j int) bool { return g.channels[g.deliver[i]].role < g.channels[g.deliver[j]].role })
	if len(g.deliver) == 0 {
		return errors.New("synth: every channel is hidden: deliver at least one")
	}
	// The highest frequency must stay below half the rate.
	highest := g.supply.highest()
	for _, w := range g.waves {
		if f := w.ratio*highest + w.pace.hi*g.rate; f >= g.rate/2 {
			return fmt.Errorf("synth: a component at %.6g Hz is not below half the rate of %g Hz: raise the rate or drop the component", f, g.rate)
		}
	}
	return nil
}

// highest returns the highest frequency of the supply.
func (s *supply) highest() float64 {
	f := 0.0
	for _, p := range s.pieces {
		f = max(f, p.hz)
	}
	for _, w := range s.wander {
		f += math.Abs(w.hz)
	}
	return f
}

// fundamentalPhasor is peak·sin(θ + α) as the phasor of a cosine.
func fundamentalPhasor(peak float64, turn complex128) complex128 {
	return multiply(complex(0, -peak), turn)
}

// phasor returns the harmonic of a fundamental with that peak and direction, as
// the phasor of a cosine.
func (h *Harmonic) phasor(peak float64, turn complex128) complex128 {
	peak *= h.Percent / 100
	if h.AbsoluteDegrees != nil {
		return polar(peak, *h.AbsoluteDegrees-90)
	}
	return multiply(polar(peak, h.Degrees-90), power(turn, h.Order))
}

// compose gives a channel its stated components.
func (g *generator) compose(c *channel, at *site) error {
	peak := math.Sqrt2 * at.rms
	if peak > 0 {
		if err := g.tone(c, g.harmonicWave(1), at.group, fundamentalPhasor(peak, at.turn)); err != nil {
			return err
		}
	}
	for i := range at.keys.Harmonics {
		h := &at.keys.Harmonics[i]
		if err := g.tone(c, g.harmonicWave(h.Order), at.group, h.phasor(peak, at.turn)); err != nil {
			return err
		}
	}
	for _, t := range at.keys.Interharmonics {
		w := 0
		switch {
		case t.Ratio == 0:
			w = g.wave(wave{pace: makePace(t.Hz, g.rate)})
		case t.Ratio == math.Trunc(t.Ratio):
			w = g.harmonicWave(int(t.Ratio))
		default:
			w = g.wave(wave{ratio: t.Ratio})
		}
		if err := g.tone(c, w, at.group, polar(peak*t.Percent/100, t.Degrees-90)); err != nil {
			return err
		}
	}
	if at.keys.DC != nil {
		c.dc = *at.keys.DC
	}
	return nil
}

const maxWaves = 4000

// tone adds a component to a channel.
func (g *generator) tone(c *channel, w, gain int, phasor complex128) error {
	if len(g.waves) > maxWaves {
		return fmt.Errorf("synth: more than %d different frequencies", maxWaves)
	}
	slot := -1
	for i, have := range c.waves {
		if have == w {
			slot = i
		}
	}
	if slot < 0 {
		slot = len(c.waves)
		c.waves = append(c.waves, w)
	}
	c.parts = append(c.parts, part{slot, gain, phasor})
	return nil
}

// wave returns the index of w, no harmonic, which it adds where there is none such.
func (g *generator) wave(w wave) int {
	for i := range g.waves {
		if have := &g.waves[i]; have.order == w.order && have.ratio == w.ratio && have.pace == w.pace {
			return i
		}
	}
	g.waves = append(g.waves, w)
	return len(g.waves) - 1
}

// harmonicWave returns the index of the wave of that order, the product of two
// lower ones: of two there are, if possible.
func (g *generator) harmonicWave(order int) int {
	if i, ok := g.orders[order]; ok {
		return i
	}
	w := wave{order: order, ratio: float64(order), a: -1}
	for a := order - 1; a >= order-a; a-- {
		i, ok := g.orders[a]
		j, also := g.orders[order-a]
		if ok && also {
			w.a, w.b = i, j
			break
		}
	}
	if w.a < 0 {
		w.a = g.harmonicWave(order - order/2)
		w.b = g.harmonicWave(order / 2)
	}
	g.waves = append(g.waves, w)
	g.orders[order] = len(g.waves) - 1
	return len(g.waves) - 1
}

// arrange compiles the events.
func (g *generator) arrange(s *Scenario) error {
	index := map[waveform.Role]int{}
	var voltages []int
	for i := range g.channels {
		c := &g.channels[i]
		index[c.role] = i
		if c.role.IsVoltage() && c.derive == nil {
			voltages = append(voltages, i)
		}
	}
	for i := range s.Events {
		e := &s.Events[i]
		h := happening{kind: e.Type, at: e.At, every: e.EverySeconds, times: int64(e.Times), gain: -1,
			duration: e.DurationSeconds, factor: e.Percent / 100, ramp: sampleAt(e.RampSeconds, g.rate),
			turns: e.Degrees / 360, depth: e.DepthPercent / 100, rect: e.Shape == "rectangular",
			peak: e.Peak, decay: e.DecaySeconds * g.rate, rise: e.RiseSeconds * g.rate}
		hz := e.Hz
		if e.ChangesPerMinute > 0 {
			hz = e.ChangesPerMinute / 120
		}
		if hz >= g.rate/2 {
			return s.errorAt(fmt.Sprintf("events[%d]", i), "%g Hz is not below half the rate of %g Hz", hz, g.rate)
		}
		h.hz = makePace(hz, g.rate)
		if e.DurationCycles > 0 {
			h.duration = e.DurationCycles / g.info.NominalHz
		}
		switch e.Type {
		case "phaseJump":
			h.duration = math.Inf(1)
		case "oscillatory", "impulse":
			if h.duration == 0 {
				h.duration = 20 * e.DecaySeconds // e^-20 = 2e-9 of the peak is left
			}
		}
		if h.duration == 0 {
			h.duration = math.Inf(1)
		}
		h.channels = voltages
		if e.Load != "" {
			h.channels = nil
			for k := range s.Loads {
				if s.Loads[k].Name == e.Load {
					h.gain = gainLoads + k
				}
			}
		}
		if len(e.Channels) > 0 {
			h.channels = nil
			for _, name := range e.Channels {
				role, err := waveform.ParseRole(name)
				if err != nil {
					return err
				}
				h.channels = append(h.channels, index[role])
			}
		}
		if e.Phase != nil {
			h.aligned = true
			h.of = g.deliver[0]
			if i, ok := index[waveform.V1]; ok {
				h.of = i
			}
			if e.PhaseOf != "" {
				role, err := waveform.ParseRole(e.PhaseOf)
				if err != nil {
					return err
				}
				h.of = index[role]
			}
			u := g.fundamental(h.of)
			h.lead = cmplx.Phase(u)/(2*math.Pi) + 0.25 - *e.Phase/360
		}
		g.events = append(g.events, h)
	}
	for i := range g.events {
		g.events[i].schedule(0, g.supply, g.events)
	}
	return nil
}

// fundamental returns the phasor of a channel with all gains at one.
func (g *generator) fundamental(i int) complex128 {
	c := &g.channels[i]
	var u complex128
	for _, w := range c.derive {
		u += complex(w.k, 0) * g.fundamental(w.channel)
	}
	for _, p := range c.parts {
		if c.waves[p.slot] == 0 {
			u += p.phasor
		}
	}
	return u
}
