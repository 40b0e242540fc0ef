package ion

import "math"

// QuantaPerUnitSecond is the number of flow quanta in one register unit during one
// second: for a register in kW a quantum is a micro-joule.
const QuantaPerUnitSecond = 1_000_000_000

// Flow is what flowed through a power register during one tick, forward and reverse,
// as exact whole quanta of 1e-9 register-unit-seconds, both never negative. It is
// formed once, so that everything counted from it agrees to the last quantum.
type Flow struct{ Pos, Neg int64 }

// Add returns f and g together.
func (f Flow) Add(g Flow) Flow { return Flow{f.Pos + g.Pos, f.Neg + g.Neg} }

// maxQuanta bounds one tick's flow: 4.6 TW for a register in kW.
const maxQuanta = 1 << 62

// Quantizer turns amounts into whole quanta and carries what is less than a quantum
// to the next amount, so that nothing is lost or gained over any number of ticks.
type Quantizer struct {
	// Remainder is what was not yet given out, less than one quantum.
	Remainder float64
}

// Take returns the whole quanta in amount (in quanta) and the carried remainder.
// An amount that is not a number adds nothing.
func (q *Quantizer) Take(amount float64) int64 {
	sum := amount + q.Remainder
	if math.IsNaN(sum) {
		return 0
	}
	whole := math.Trunc(min(max(sum, -maxQuanta), maxQuanta))
	if q.Remainder = sum - whole; math.Abs(q.Remainder) >= 1 {
		q.Remainder = 0 // the amount was beyond the bound
	}
	return int64(whole)
}
