package fault

import (
	"math/rand/v2"
	"time"
)

// decider says which fault strikes. It depends on nothing but what it is told, in the order
// in which it is told.
type decider struct {
	scenario *Scenario
	rules    []progress
}

// progress is how far one rule has come.
type progress struct {
	seen, fired uint64
	random      *rand.Rand
}

func newDecider(s *Scenario, seed uint64) *decider {
	d := &decider{scenario: s, rules: make([]progress, len(s.Rules))}
	for i := range d.rules {
		d.rules[i].random = rand.New(rand.NewPCG(seed, uint64(i)))
	}
	return d
}

// verdict is the fault that strikes, and the number that everything random of it is made
// from.
type verdict struct {
	rule   Rule
	random uint64
}

// frame decides about a frame. since is the time since the start of the proxy; holding says
// that a frame is being held back already, so that this one cannot be.
func (d *decider) frame(f Frame, from Place, since time.Duration, holding bool) (verdict, bool) {
	return d.decide(since, func(r Rule) bool {
		switch {
		case r.On != from && r.On != "", r.Unit != unstated && r.Unit != int(f.Unit), r.Function != unstated && r.Function != int(f.Function):
			return false
		}
		switch r.Fault {
		case "reorder", "merge":
			return !holding
		case "corrupt":
			return r.At < len(f.Bytes)
		case "limit":
			return len(f.Bytes) > r.Bytes && !(r.Then == "exception" && broadcast(d.scenario.Framing, f))
		case "exception":
			return !broadcast(d.scenario.Framing, f)
		}
		return true
	})
}

// broadcast reports whether nobody answers f. Unit 0 of Modbus TCP is often the device
// itself, which does.
func broadcast(g Framing, f Frame) bool { return g == RTU && f.Unit == 0 }

// connection decides about a new connection.
func (d *decider) connection(since time.Duration) (verdict, bool) {
	return d.decide(since, func(r Rule) bool {
		return r.On == Connections || r.Fault == "outage" && r.Then == "reset"
	})
}

func (d *decider) decide(since time.Duration, matches func(Rule) bool) (verdict, bool) {
	for i, r := range d.scenario.Rules {
		if !matches(r) {
			continue
		}
		p := &d.rules[i]
		p.seen++
		// Each frame takes two numbers, so that what strikes one does not move the next.
		chance, random := p.random.Float64(), p.random.Uint64()
		if r.strikes(p.seen, chance, since) {
			p.fired++
			return verdict{r, random}, true
		}
	}
	return verdict{}, false
}

// strikes reports whether r strikes the n-th frame that it sees.
func (r Rule) strikes(n uint64, chance float64, since time.Duration) bool {
	switch {
	case r.Fault == "outage":
		return since%(r.Alive+r.Dead) >= r.Alive
	case r.Probability > 0:
		return chance < r.Probability
	case r.Every > 0:
		return n%uint64(r.Every) == 0
	case r.First > 0:
		return n <= uint64(r.First)
	}
	return n >= uint64(r.From) && (r.To == 0 || n <= uint64(r.To))
}
