package metering

import (
	"math"

	"github.com/hepmeter/hepmeter/waveform"
)

// thdOrders is the highest order in THD, TDD and the K-factor (EN 50160 stops at 40,
// IEEE 519 and IEC 61000-4-30 at 50).
const thdOrders = 50

// distortion fills the indices computed from subgroups.
func (v *windows) distortion(w *Window) {
	highest := min(thdOrders, w.HighestOrder)
	for r := range w.THDF {
		w.THDF[r], w.THDR[r], w.THDOdd[r], w.THDEven[r] = NotAvailable, NotAvailable, NotAvailable, NotAvailable
		w.TDD[r], w.KFactor[r] = NotAvailable, NotAvailable
		y := w.Subgroup[r]
		if y == nil {
			continue
		}
		var odd, even, weighted float64
		for h := 2; h <= highest; h++ {
			square := y[h] * y[h]
			if h&1 == 1 {
				odd += square
			} else {
				even += square
			}
			weighted += float64(h) * float64(h) * square
		}
		harmonics := math.Sqrt(odd + even)
		w.THDF[r] = 100 * quotient(harmonics, y[1])
		w.THDR[r] = 100 * quotient(harmonics, w.RMS[r])
		w.THDOdd[r] = 100 * quotient(math.Sqrt(odd), y[1])
		w.THDEven[r] = 100 * quotient(math.Sqrt(even), y[1])
		if waveform.Role(r).IsCurrent() {
			first := y[1] * y[1]
			w.KFactor[r] = quotient(first+weighted, first+odd+even)
			w.TDD[r] = 100 * quotient(harmonics, v.cfg.DemandCurrentA)
		}
	}
}
