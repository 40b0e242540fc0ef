package metering

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// deadTime is the least distance of two zero crossings in nominal half cycles: where
// a disturbance moves the phase back or forth, a mark is left out rather than
// doubled.
const deadTime = 0.4

// marks are the zero crossings of one tracked lane.
type marks struct {
	// next is the number of the next crossing: twice the sine phase in cycles.
	next float64
	// at is the position of the next crossing, +Inf while unknown.
	at float64
	// edges are the last three crossings, newest last; known counts them.
	edges [3]edge
	known int
}

// halfCycles finds the half cycles of every voltage on its own fundamental zero
// crossings and reports at those of the reference.
type halfCycles struct {
	h *history
	t *tracker
	// marks is parallel to the tracker's lanes.
	marks []marks
	last  float64
	lane  int
	out   HalfCycle
}

func newHalfCycles(h *history, t *tracker) *halfCycles {
	s := &halfCycles{h: h, t: t, marks: make([]marks, len(t.lanes))}
	s.reset()
	return s
}

// reset begins a new stretch.
func (s *halfCycles) reset() {
	for k := range s.marks {
		s.marks[k].known = none
	}
	s.last = math.Inf(-1)
	s.lane = 0
	s.out = HalfCycle{FrequencyHz: NotAvailable}
	for i := range s.out.URms {
		s.out.URms[i] = NotAvailable
	}
	s.out.P = Phases{NotAvailable, NotAvailable, NotAvailable, NotAvailable}
}

// drop follows the history when it forgets samples.
func (s *halfCycles) drop(samples int) {
	for k := range s.marks {
		m := &s.marks[k]
		m.at -= float64(samples)
		for i := range m.edges {
			m.edges[i].shift(samples)
		}
	}
	s.last -= float64(samples)
}

// oldest returns the position from which samples are still needed.
func (s *halfCycles) oldest() float64 {
	oldest := math.Inf(1)
	for k := range s.marks {
		if m := &s.marks[k]; m.known > 1 {
			oldest = min(oldest, m.edges[1].position)
		}
	}
	return oldest
}

// next returns the position of the next half cycle to report.
func (s *halfCycles) next() float64 {
	if ref := s.t.reference[s.t.points-1]; ref != none {
		s.lane = ref
	}
	return s.crossing(s.lane)
}

// crossing returns the position of the next crossing of track k.
func (s *halfCycles) crossing(k int) float64 {
	m, phase := &s.marks[k], s.t.lanes[k].phase
	half := s.t.rateHz / s.t.nominalHz / 2
	if m.known == none || (m.at < s.last-4*half) {
		from := max(0, s.last)
		m.next = math.Ceil(2*(s.t.at(phase, from)+0.25) - 1e-9)
		m.known, m.at = 0, math.Inf(1)
	}
	for math.IsInf(m.at, 1) {
		from := 0.0
		if m.known > 0 {
			from = m.edges[2].position
		}
		at := s.t.find(phase, m.next/2-0.25, from)
		if math.IsInf(at, 1) {
			break
		}
		if m.known > 0 && at-from < deadTime*half {
			m.next++
			continue
		}
		m.at = max(at, 0)
	}
	return m.at
}

// take makes the next crossing of track k the newest edge.
func (s *halfCycles) take(k int) *marks {
	m := &s.marks[k]
	m.edges[0], m.edges[1] = m.edges[1], m.edges[2]
	s.h.place(&m.edges[2], m.at)
	m.known = min(3, m.known+1)
	m.next++
	m.at = math.Inf(1)
	return m
}

// emit reports the half cycle that ends at the reference's next crossing, once a
// whole cycle is known.
func (s *halfCycles) emit(e *Engine, sink Sink) {
	position := s.marks[s.lane].at
	soon := position-s.last < deadTime*s.t.rateHz/s.t.nominalHz/2
	for k := range s.t.voltages {
		for k != s.lane && s.crossing(k) <= position {
			s.voltage(k)
		}
	}
	for k := s.t.voltages; k < len(s.marks); k++ {
		if k != s.lane {
			s.marks[k].known = none // a current is cut only while it is the reference
		}
	}
	m := &s.marks[s.lane]
	if s.lane < s.t.voltages {
		s.voltage(s.lane)
	} else {
		s.take(s.lane)
	}
	if m.known < 3 || soon {
		return
	}
	s.last = position
	from, to := &m.edges[0], &m.edges[2]
	length := to.position - from.position
	w := s.h.wires
	for r := waveform.I1; r <= waveform.I5; r++ {
		if n := w.of[r]; n != none {
			s.out.URms[r] = available(w.lanes[n].scale * math.Sqrt(max(0, s.h.squareSum(n, from, to))/length))
		}
	}
	var p [3]float64
	for k := range p {
		p[k] = NotAvailable
		if w.volts[k] != none && w.amps[k] != none {
			scale := w.lanes[w.volts[k]].scale * w.lanes[w.amps[k]].scale
			p[k] = available(scale * s.h.powerSum(k, from, to) / length)
		}
	}
	s.out.P = w.phases(p)
	s.out.EndS = e.seconds(position)
	cycles := s.t.at(s.t.phase, to.position) - s.t.at(s.t.phase, from.position)
	s.out.FrequencyHz = cycles / length * s.t.rateHz
	s.out.Flags, _ = s.t.flagsIn(from.position, to.position)
	s.out.Flags |= s.h.flagsIn(from.position, to.position)
	sink.HalfCycle(&s.out)
}

// voltage takes the next crossing of a voltage and renews its Urms(1/2).
func (s *halfCycles) voltage(k int) {
	m := s.take(k)
	if m.known < 3 {
		return
	}
	n := s.t.lanes[k].lane
	l := &s.h.wires.lanes[n]
	from, to := &m.edges[0], &m.edges[2]
	s.out.URms[l.role] = available(l.scale * math.Sqrt(max(0, s.h.squareSum(n, from, to))/(to.position-from.position)))
}
