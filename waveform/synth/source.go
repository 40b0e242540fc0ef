package synth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/hepmeter/hepmeter/waveform"
)

// The signal is made span by span. A span is at most gridSeconds long, starts on
// a grid of sample indices and ends early at every edge (a dip's start, a step of
// frequency), so that within it all phases are parabolas, all magnitudes straight
// lines, and the result does not depend on how many samples a caller asks for.
//
// All channels share one supply, so cosine and sine of each harmonic order are
// made once per span (the fundamental by rotation from an exact start, the others
// as products), and a channel is a weighted sum of them: two multiplications per
// component and sample, with no chain from one sample to the next.

const gridSeconds = 0.0025

// generator is the Source of a scenario.
type generator struct {
	info   waveform.Info
	rate   float64
	seed   uint64
	total  int64 // samples in all, or MaxInt64
	grid   int64
	supply *supply

	waves    []wave
	orders   map[int]int // harmonic order to index in waves
	gains    []gain
	g0, g1   []float64 // gains at the ends of the span, scaled by events
	channels []channel
	deliver  []int
	events   []happening

	n      int64 // next sample to deliver
	first  int64 // the samples at hand: first .. first+held
	held   int64
	closed bool
}

// wave is a cosine and a sine shared by the channels.
type wave struct {
	order    int     // harmonic order, 0 for others
	a, b     int     // order > 1: indices of the waves whose product it is
	ratio    float64 // multiple of the supply's phase
	pace     pace    // fixed frequency, where ratio is 0
	cos, sin []float64
}

// channel is one signal: a sum of waves, or of other channels.
type channel struct {
	role     waveform.Role
	waves    []int        // which waves it has
	parts    []part       // what they are made of
	c0, c1   []complex128 // their amplitudes at the ends of the span
	shared   bool         // all parts have one gain: the amplitudes are shape times gain0 to gain1
	shape    []complex128
	gain0    float64
	gain1    float64
	dc       float64
	noise    float64 // RMS
	stream   uint64
	derive   []weight
	buffer   []float64
	factor0  float64
	factor1  float64
	jump     float64
	rmsPoint float64 // RMS of the fundamental as stated, for noise
}

// part is a constant phasor times a gain, in one of the channel's waves.
type part struct {
	slot, gain int
	phasor     complex128
}

type weight struct {
	channel int
	k       float64
}

// The first gains.
const (
	gainOne = iota
	gainVoltage
	gainCurrent
	gainLoads
)

// Rate returns the sampling rate a Source of s has when the caller asks for
// rateHz: the scenario's own, the caller's, or 1024 samples per nominal cycle.
func (s *Scenario) Rate(rateHz float64) float64 {
	switch {
	case s.RateHz > 0:
		return s.RateHz
	case rateHz > 0:
		return rateHz
	}
	return 1024 * s.nominalHz()
}

func (s *Scenario) startHz() float64 { return orDefault(s.Frequency.Hz, 50) }

func (s *Scenario) nominalHz() float64 {
	if s.Frequency.NominalHz > 0 {
		return s.Frequency.NominalHz
	}
	if math.Abs(s.startHz()-60) < math.Abs(s.startHz()-50) {
		return 60
	}
	return 50
}

// Source returns the scenario's samples at rateHz (see [Scenario.Rate]), as if
// the first had been taken at start, whose civil time of day drives the daily
// profiles. The Source is endless unless the scenario states a duration. It gives
// the same samples, bit for bit, for the same scenario, rate and start, whatever
// is asked of Next. It fails where a component lies above half the rate.
func (s *Scenario) Source(rateHz float64, start time.Time) (waveform.Source, error) {
	g, err := s.generator(rateHz, start)
	if err != nil {
		return nil, err
	}
	return g, nil
}

func (s *Scenario) generator(rateHz float64, start time.Time) (*generator, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	rate := s.Rate(rateHz)
	if !(rate >= 100 && rate <= 10e6) {
		return nil, fmt.Errorf("synth: a rate of %g Hz is outside 100 Hz to 10 MHz", rate)
	}
	frequency := s.Frequency
	frequency.Hz = s.startHz()
	g := &generator{rate: rate, seed: s.Seed, total: math.MaxInt64, supply: newSupply(frequency, rate)}
	for g.grid = 16; g.grid < 512 && float64(2*g.grid) <= rate*gridSeconds; {
		g.grid *= 2
	}
	g.info = waveform.Info{Format: "synth", Station: s.Name, Device: "hepmeter synth", RateHz: rate, NominalHz: s.nominalHz(), Start: start, Samples: -1}
	if s.DurationSeconds > 0 {
		g.total = max(1, sampleAt(s.DurationSeconds, rate))
		g.info.Samples = g.total
	}
	g.waves = []wave{{order: 1, ratio: 1}}
	g.orders = map[int]int{1: 0}
	if err := g.connect(s, start); err != nil {
		return nil, err
	}
	if err := g.arrange(s); err != nil {
		return nil, err
	}
	for i := range g.waves {
		g.waves[i].cos, g.waves[i].sin = make([]float64, g.grid), make([]float64, g.grid)
	}
	for _, c := range g.deliver {
		role := g.channels[c].role
		unit, phase := "V", ""
		if role.IsCurrent() {
			unit = "A"
		}
		switch role {
		case waveform.V1, waveform.I1:
			phase = "A"
		case waveform.V2, waveform.I2:
			phase = "B"
		case waveform.V3, waveform.I3:
			phase = "C"
		case waveform.V12:
			phase = "AB"
		case waveform.V23:
			phase = "BC"
		case waveform.V31:
			phase = "CA"
		case waveform.V4, waveform.I4:
			phase = "N"
		}
		g.info.Channels = append(g.info.Channels, waveform.Channel{Name: role.String(), Phase: phase, Unit: unit, Primary: 1, Secondary: 1, Values: waveform.Primary})
	}
	return g, nil
}

// Info describes the source.
func (g *generator) Info() waveform.Info { return g.info }

// Close ends the source; nothing is held.
func (g *generator) Close() error {
	g.closed = true
	return nil
}

// Next fills b with up to limit samples.
func (g *generator) Next(ctx context.Context, b *waveform.Block, limit int) (int, error) {
	if g.closed {
		return 0, errors.New("synth: the source is closed")
	}
	if limit <= 0 {
		return 0, fmt.Errorf("synth: %d samples asked for: ask for at least one", limit)
	}
	count := min(int64(limit), g.total-g.n)
	if count == 0 {
		b.Resize(len(g.deliver), 0)
		return 0, io.EOF
	}
	b.Resize(len(g.deliver), int(count))
	b.First, b.Start, b.RateHz, b.Gap = g.n, float64(g.n)/g.rate, g.rate, false
	for done := int64(0); done < count; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if g.n >= g.first+g.held {
			g.make(g.n - g.n%g.grid)
		}
		offset := g.n - g.first
		run := min(count-done, g.held-offset)
		for i, c := range g.deliver {
			copy(b.Samples[i][done:done+run], g.channels[c].buffer[offset:offset+run])
		}
		done += run
		g.n += run
	}
	return int(count), nil
}

// seek makes n the next sample to deliver.
func (g *generator) seek(n int64) {
	g.n, g.held = n, 0
	for i := range g.events {
		g.events[i].rewind(n-n%g.grid, g.supply, g.events)
	}
}

// make fills the buffers with the grid cell that starts at sample first.
func (g *generator) make(first int64) {
	g.first, g.held = first, g.grid
	for n0 := first; n0 < first+g.grid; {
		n1 := min(first+g.grid, g.supply.edge(n0))
		for i := range g.events {
			g.events[i].advance(n0, g.supply, g.events)
			n1 = min(n1, g.events[i].edge(n0))
		}
		for i := range g.gains {
			g.gains[i].advance(n0)
			n1 = min(n1, g.gains[i].edge(n0))
		}
		g.span(n0, n1)
		n0 = n1
	}
}

// span makes the samples n0 up to n1, between which nothing jumps.
func (g *generator) span(n0, n1 int64) {
	g.spin(n0, n1)
	g.weigh(n0, n1)
	from, to := n0-g.first, n1-g.first
	for i := range g.channels {
		c := &g.channels[i]
		x := c.buffer[from:to]
		if c.derive != nil {
			g.combine(c, x, from)
		} else {
			g.sum(c, x)
		}
		for e := range g.events {
			if h := &g.events[e]; h.kind == "modulation" && h.active(n0) && has(h.channels, i) {
				h.modulate(x, n0)
			}
		}
		if c.dc != 0 {
			for k := range x {
				x[k] += c.dc
			}
		}
		for e := range g.events {
			if h := &g.events[e]; (h.kind == "oscillatory" || h.kind == "impulse") && h.active(n0) && has(h.channels, i) {
				h.add(x, n0)
			}
		}
		if c.noise > 0 {
			c.addNoise(x, g.seed, n0)
		}
	}
}

// weigh sets the amplitudes of all channels at both ends of the span.
func (g *generator) weigh(n0, n1 int64) {
	for i := range g.gains {
		g.g0[i], g.g1[i] = g.gains[i].span(n0, n1)
	}
	for i := range g.channels {
		c := &g.channels[i]
		c.factor0, c.factor1, c.jump = 1, 1, 0
	}
	for e := range g.events {
		h := &g.events[e]
		switch h.kind {
		case "phaseJump":
			for _, i := range h.channels {
				g.channels[i].jump += float64(h.turns * h.jumps(n0))
			}
		case "dip", "swell", "interruption", "step":
			if !h.active(n0) {
				continue
			}
			f0, f1 := h.span(n0, n1)
			if h.gain >= 0 {
				g.g0[h.gain] *= f0
				g.g1[h.gain] *= f1
			}
			for _, i := range h.channels {
				g.channels[i].factor0 *= f0
				g.channels[i].factor1 *= f1
			}
		}
	}
	for i := range g.channels {
		c := &g.channels[i]
		if c.shared && c.jump == 0 && len(c.parts) > 0 {
			one := c.parts[0].gain
			c.gain0, c.gain1 = float64(g.g0[one]*c.factor0), float64(g.g1[one]*c.factor1)
			for k := range c.c0 {
				c.c0[k], c.c1[k] = scale(c.shape[k], c.gain0), scale(c.shape[k], c.gain1)
			}
			continue
		}
		for k := range c.c0 {
			c.c0[k], c.c1[k] = 0, 0
		}
		for _, p := range c.parts {
			c.c0[p.slot] += scale(p.phasor, g.g0[p.gain])
			c.c1[p.slot] += scale(p.phasor, g.g1[p.gain])
		}
		for k := range c.c0 {
			c.c0[k], c.c1[k] = scale(c.c0[k], c.factor0), scale(c.c1[k], c.factor1)
			if order := g.waves[c.waves[k]].order; order > 0 && c.jump != 0 {
				x := float64(c.jump * float64(order))
				sin, cos := sincos(x - math.Floor(x))
				c.c0[k], c.c1[k] = multiply(c.c0[k], complex(cos, sin)), multiply(c.c1[k], complex(cos, sin))
			}
		}
	}
}
