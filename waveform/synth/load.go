package synth

import (
	"math"
	"time"
)

// gain is how strongly a part of the signal is on, as a function of the sample
// index: a load's profile, or the slow fluctuation of the supply.
type gain struct {
	profile    Profile
	rate       float64
	secondsDay float64 // seconds of the civil day at the start
	seed       uint64
	stream     uint64

	// The run of a cycle that is on, next or just over: its slot and its samples.
	slot            int64
	slotAt, slotEnd int64
	runAt, runEnd   int64
}

func newGain(p Profile, rate float64, start time.Time, seed, stream uint64) gain {
	if p.Kind == "" {
		p.Kind = "constant"
	}
	if p.Hours == nil {
		// Percent at each full hour: quiet nights, a morning rise, a lunch dip.
		p.Hours = []float64{38, 36, 35, 35, 36, 40, 52, 70, 88, 97, 100, 98, 92, 95, 97, 94, 90, 88, 84, 76, 66, 56, 47, 42}
	}
	if p.SunriseHour == 0 && p.SunsetHour == 0 {
		p.SunriseHour, p.SunsetHour = 6, 20
	}
	p.FluctuationSeconds = orDefault(p.FluctuationSeconds, 10)
	p.StartRatio = orDefault(p.StartRatio, 1)
	p.StartSeconds = orDefault(p.StartSeconds, 0.3)
	h, m, s := start.Clock()
	g := gain{profile: p, rate: rate, seed: seed, stream: stream,
		secondsDay: float64(h*3600+m*60+s) + float64(start.Nanosecond())/1e9}
	if p.Kind == "cycle" {
		g.enter(0)
	}
	return g
}

func orDefault(x, standard float64) float64 {
	if x == 0 {
		return standard
	}
	return x
}

// steady reports whether the gain never changes.
func (g *gain) steady() bool {
	return g.profile.Kind == "constant" && g.profile.FluctuationPercent == 0
}

// enter makes slot the current one.
func (g *gain) enter(slot int64) {
	p := &g.profile
	begin := float64(float64(slot) * p.EverySeconds)
	idle := p.EverySeconds - p.OnSeconds
	at := begin + float64(float64(idle*p.JitterPercent)/100*uniform(g.seed, g.stream, uint64(slot)))
	g.slot = slot
	g.slotAt = sampleAt(begin, g.rate)
	g.slotEnd = sampleAt(begin+p.EverySeconds, g.rate)
	g.runAt = sampleAt(at, g.rate)
	g.runEnd = min(sampleAt(at+p.OnSeconds, g.rate), g.slotEnd)
}

// advance makes sample n the present.
func (g *gain) advance(n int64) {
	if g.profile.Kind != "cycle" {
		return
	}
	if slot := int64(float64(n) / g.rate / g.profile.EverySeconds); slot > g.slot+2 || n < g.slotAt {
		g.enter(max(0, slot-1))
	}
	for n >= g.slotEnd {
		g.enter(g.slot + 1)
	}
}

// edge returns the first sample after n at which the gain may jump.
func (g *gain) edge(n int64) int64 {
	if g.profile.Kind != "cycle" {
		return math.MaxInt64
	}
	if n < g.runAt {
		return g.runAt
	}
	if n < g.runEnd {
		return g.runEnd
	}
	return g.slotEnd
}

// span returns the gain at sample n0, and its limit at n1 from below; no edge
// lies between.
func (g *gain) span(n0, n1 int64) (g0, g1 float64) {
	if g.profile.Kind == "cycle" && (n0 < g.runAt || n0 >= g.runEnd) {
		return 0, 0
	}
	return g.at(n0), g.at(n1)
}

func (g *gain) at(n int64) float64 {
	p := &g.profile
	t := float64(n) / g.rate
	v := 1.0
	switch p.Kind {
	case "day":
		hour := math.Mod(g.secondsDay+t, 86400) / 3600
		i := int(hour)
		a, b := p.Hours[i%24], p.Hours[(i+1)%24]
		v = (a + float64((b-a)*smooth(hour-float64(i)))) / 100
	case "solar":
		hour := math.Mod(g.secondsDay+t, 86400) / 3600
		if hour <= p.SunriseHour || hour >= p.SunsetHour {
			return 0
		}
		sin, _ := sincos((hour - p.SunriseHour) / (p.SunsetHour - p.SunriseHour) / 2)
		v = float64(sin * math.Sqrt(sin))
	case "cycle":
		if p.StartRatio != 1 {
			v += float64((p.StartRatio - 1) * exp(-float64(n-g.runAt)/g.rate/p.StartSeconds))
		}
		if p.Alternate && g.slot%2 == 1 {
			v = -v
		}
	}
	if p.FluctuationPercent != 0 {
		r := g.fluctuation(t)
		if p.Kind == "solar" {
			r = (r - 1) / 2
		}
		v *= 1 + float64(float64(p.FluctuationPercent*r)/100)
	}
	return v
}

// fluctuation is a smooth random curve within [-1, 1].
func (g *gain) fluctuation(t float64) float64 {
	x := t / g.profile.FluctuationSeconds
	f := math.Floor(x)
	i := uint64(f)
	a := 2*uniform(g.seed, g.stream+1<<32, i) - 1
	b := 2*uniform(g.seed, g.stream+1<<32, i+1) - 1
	return a + float64((b-a)*smooth(x-f))
}

// smooth rises from 0 to 1 over [0, 1] with level ends.
func smooth(x float64) float64 { return float64(float64(x*x) * (3 - float64(2*x))) }
