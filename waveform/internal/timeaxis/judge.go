// Package timeaxis judges from time stamps alone at which rate samples were taken.
package timeaxis

import (
	"fmt"
	"math"
	"slices"
)

// Judge takes time stamps in their order and says whether they are uniform. It
// keeps a bounded number of them.
type Judge struct {
	n           int64 // places, with or without a stamp
	given       int64 // stamps
	first, last float64
	firstN      int64 // places of the first and last stamp
	lastN       int64
	smallest    float64 // smallest positive step
	repeats     bool    // some step is 0: the stamps are coarser than the rate
	backwards   int64   // first stamp earlier than its predecessor, 0 if none

	head []float64 // steps until the usual one is known

	usual                float64
	regular, holes, rest int64
	regularSum           float64

	anchors []anchor
	stride  int64
}

type anchor struct {
	n int64
	t float64
}

const (
	headSteps  = 4096
	maxAnchors = 1 << 16
)

// Skip passes over a sample without a time stamp.
func (j *Judge) Skip() { j.n++ }

// Add takes the next time stamp, in seconds.
func (j *Judge) Add(t float64) {
	if j.given == 0 {
		j.first, j.firstN, j.stride, j.smallest = t, j.n, 1, math.Inf(1)
	} else {
		// Over samples without a stamp, the mean of their steps stands for one.
		j.step((t - j.last) / float64(j.n-j.lastN))
	}
	if j.n%j.stride == 0 {
		if len(j.anchors) == maxAnchors {
			kept := j.anchors[:0]
			for i := 0; i < len(j.anchors); i += 2 {
				kept = append(kept, j.anchors[i])
			}
			j.anchors = kept
			j.stride *= 2
		}
		if j.n%j.stride == 0 {
			j.anchors = append(j.anchors, anchor{j.n, t})
		}
	}
	j.last, j.lastN = t, j.n
	j.given++
	j.n++
}

func (j *Judge) step(d float64) {
	switch {
	case d > 0:
		j.smallest = min(j.smallest, d)
	case d == 0:
		j.repeats = true
	case j.backwards == 0:
		j.backwards = j.n
	}
	if j.usual == 0 {
		if j.head = append(j.head, d); len(j.head) == headSteps {
			j.settle()
		}
		return
	}
	j.classify(d)
}

// settle fixes the usual step as the median of the first ones.
func (j *Judge) settle() {
	if len(j.head) == 0 {
		return
	}
	sorted := slices.Clone(j.head)
	slices.Sort(sorted)
	j.usual = sorted[len(sorted)/2]
	if j.usual <= 0 {
		j.usual = math.SmallestNonzeroFloat64
	}
	for _, d := range j.head {
		j.classify(d)
	}
	j.head = nil
}

func (j *Judge) classify(d float64) {
	switch {
	case math.Abs(d-j.usual) <= 0.1*j.usual:
		j.regular++
		j.regularSum += d
	case d > 1.5*j.usual:
		j.holes++
	default:
		j.rest++
	}
}

// Verdict is what the time stamps say.
type Verdict struct {
	// RateHz is the rate, 0 where there is none.
	RateHz float64
	// Holes says that the samples are uniform between holes of more than half a step.
	Holes bool
	// Odd says in words what is wrong where RateHz is 0.
	Odd string
}

// nearLine is how far from its place a stamp may lie, in steps. A single sample lost
// in the middle of a record moves its neighbours by half a step.
const nearLine = 0.45

// Verdict judges. Samples are uniform if each lies near its place on the line of
// least squares (jitter and rounding are forgiven, one unit of stamps that repeat
// too), or if all steps but the holes are within a tenth of the usual one. The rate is
// that from the first stamp to the last, or that of the line where stamps repeat: the
// first and last are then off by up to a unit of the clock.
func (j *Judge) Verdict() Verdict {
	if j.given < 2 {
		return Verdict{Odd: "a single sample has no rate"}
	}
	if j.usual == 0 {
		j.settle()
	}
	if j.backwards > 0 {
		return Verdict{Odd: fmt.Sprintf("time runs backwards at sample %d", j.backwards)}
	}
	if j.last == j.first {
		return Verdict{Odd: "all samples have the same time"}
	}
	step, offset := j.line()
	tolerance := nearLine * step
	if j.repeats {
		tolerance = max(tolerance, 1.5*j.smallest)
	}
	uniform := step > 0
	for _, a := range j.anchors {
		if math.Abs(a.t-j.first-offset-float64(a.n)*step) > tolerance {
			uniform = false
			break
		}
	}
	if uniform && j.repeats {
		return Verdict{RateHz: 1 / step}
	}
	if uniform {
		return Verdict{RateHz: float64(j.lastN-j.firstN) / (j.last - j.first)}
	}
	if j.rest == 0 && j.regular > 0 {
		return Verdict{RateHz: float64(j.regular) / j.regularSum, Holes: true}
	}
	return Verdict{Odd: fmt.Sprintf("the steps between samples differ: usually %.6g s, on average %.6g s", j.usual, (j.last-j.first)/float64(j.lastN-j.firstN))}
}

// line fits sample times after the first by offset + n·step.
func (j *Judge) line() (step, offset float64) {
	count := float64(len(j.anchors))
	if count < 2 {
		return (j.last - j.first) / float64(j.lastN-j.firstN), 0
	}
	meanN, meanT := 0.0, 0.0
	for _, a := range j.anchors {
		meanN += float64(a.n) / count
		meanT += (a.t - j.first) / count
	}
	nn, nt := 0.0, 0.0
	for _, a := range j.anchors {
		d := float64(a.n) - meanN
		nn += d * d
		nt += d * (a.t - j.first - meanT)
	}
	step = nt / nn
	return step, meanT - step*meanN
}
