package modules

import (
	"fmt"
	"math"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/waveform"
)

// Outputs of the Harmonics Analyzer; the lists by order follow.
const (
	outTotalHD = iota
	outOddHD
	outEvenHD
	outKFactor
	outCrestFactor
	outHD1
	outMag1 = outHD1 + shownOrders
	outPhs1 = outMag1 + shownOrders
)

const (
	inHarmonicsSource = iota
	inHarmonicsEnable
	inHarmonicsNominal
)

const (
	setHarmonicsDisplay = iota
	setTHDDisplay
)

// What the display modes refer to.
const (
	displayFundamental = iota
	displayRMS
	displayNominal
	displayUnits
)

func harmonicsAnalyzer() ion.Type {
	t := ion.Type{
		Number: numberHarmonicsAnalyzer, Name: "Harmonics Analyzer", Kind: ion.Core,
		Doc: "Distortion and spectrum of one input, from IEC 61000-4-7 subgroups: each order is the RMS over the basic windows " +
			"that ended in the second. K Factor is that of a current. Angles are those of the last window, relative to the " +
			"order times the angle of V1's fundamental. The nominal value is that of the Factory module; a distortion of what is " +
			"not known is NOT AVAILABLE.",
		Source: "ION Reference (7EN02-0290), Harmonics Analyzer module; IEC 61000-4-7 5.6",
		Inputs: []ion.Input{
			{Name: "Source", Classes: []ion.Class{ion.Samples}, Mandatory: true, Fixed: true},
			{Name: "Enable", Classes: []ion.Class{ion.Boolean}, Fixed: true, Unlinked: "enabled"},
			{Name: "Nominal", Classes: []ion.Class{ion.NumericBounded}, Fixed: true, Unlinked: "what is shown in % of nominal is NOT AVAILABLE"},
		},
		Setups: []ion.Setup{
			enumerated("Harmonics Display Mode", "% of fundamental", "what HD1 to HD63 show", "% of fundamental", "% of RMS", "% of nominal", "engineering units"),
			enumerated("THD Display Mode", "% of fundamental", "what Total HD, Total OddHD and Total EvenHD refer to", "% of fundamental", "% of RMS", "% of nominal"),
		},
		Outputs: []ion.Output{
			{Name: "Total HD", Class: ion.Numeric, Unit: "%", Doc: "total harmonic distortion, as THD Display Mode says"},
			{Name: "Total OddHD", Class: ion.Numeric, Unit: "%", Doc: "distortion by the odd orders from 3, likewise"},
			{Name: "Total EvenHD", Class: ion.Numeric, Unit: "%", Doc: "distortion by the even orders, likewise"},
			{Name: "K Factor", Class: ion.Numeric, Doc: "transformer derating by eddy currents (UL 1561); currents only"},
			{Name: "Crest Factor", Class: ion.Numeric, Doc: "peak over RMS"},
		},
		New: func() ion.Behaviour { return &harmonics{} },
	}
	for _, list := range []struct{ format, unit, doc string }{
		{"HD%d", "", "the order of this number, as Harmonics Display Mode says"},
		{"Mag %d", "", "RMS of the order in V or A"},
		{"Phs %d", "°", "angle of the order"},
	} {
		for h := 1; h <= shownOrders; h++ {
			t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf(list.format, h), Class: ion.Numeric, Unit: list.unit, Doc: list.doc})
		}
	}
	return t
}

// harmonics is the behaviour of the Harmonics Analyzer: squares by order, summed over
// the windows since the last tick.
type harmonics struct {
	squares  [shownOrders + 1]float64 // RMS² times seconds
	degrees  [shownOrders + 1]float64
	rms      float64 // squared, times seconds; not corrected for transformers, like the orders
	duration float64
	orders   int // shown by every window so far
}

func (m *harmonics) source(c *ion.Context) (waveform.Role, bool) {
	x, ok := c.Number(inHarmonicsSource)
	return waveform.Role(x), ok
}

func (m *harmonics) Window(c *ion.Context) {
	role, ok := m.source(c)
	if !ok {
		return
	}
	w := c.Window
	lines := w.Subgroup[role]
	orders := max(min(len(lines)-1, w.HighestOrder, shownOrders), 0)
	if m.duration == 0 {
		m.orders = orders
	}
	m.orders = min(m.orders, orders)
	m.duration += w.DurationS
	m.rms += w.RMS[role] * w.RMS[role] * w.DurationS
	for h := 1; h <= m.orders; h++ {
		m.squares[h] += lines[h] * lines[h] * w.DurationS
		m.degrees[h] = math.NaN()
		if angle := w.Angle[role]; h < len(angle) {
			m.degrees[h] = angle[h]
		}
	}
}

func (m *harmonics) Tick(c *ion.Context) {
	defer func() { *m = harmonics{} }()
	role, ok := m.source(c)
	if !ok || c.Second == nil || c.Second.Windows == 0 {
		m.Disabled(c)
		return
	}
	s := c.Second
	thd := m.ofFundamental(c, int(c.Setting(setTHDDisplay)))
	c.Set(outTotalHD, s.THDF[role]*thd)
	c.Set(outOddHD, s.THDOdd[role]*thd)
	c.Set(outEvenHD, s.THDEven[role]*thd)
	c.Set(outKFactor, s.KFactor[role])
	c.Set(outCrestFactor, s.Crest[role])
	scale := 1.0
	if mode := int(c.Setting(setHarmonicsDisplay)); mode != displayUnits {
		scale = 100 * m.ofFundamental(c, mode) / m.fundamental()
	}
	for h := 1; h <= shownOrders; h++ {
		magnitude, degrees := math.NaN(), math.NaN()
		if h <= m.orders {
			magnitude, degrees = math.Sqrt(m.squares[h]/m.duration), m.degrees[h]
		}
		c.Set(outHD1+h-1, magnitude*scale)
		c.Set(outMag1+h-1, magnitude)
		c.Set(outPhs1+h-1, degrees)
	}
}

// fundamental returns the RMS of the fundamental.
func (m *harmonics) fundamental() float64 { return math.Sqrt(m.squares[1] / m.duration) }

// ofFundamental returns the fundamental over what a display mode refers to.
func (m *harmonics) ofFundamental(c *ion.Context, mode int) float64 {
	switch mode {
	case displayRMS:
		return m.fundamental() / math.Sqrt(m.rms/m.duration)
	case displayNominal:
		nominal, ok := c.Number(inHarmonicsNominal)
		if !ok {
			return math.NaN()
		}
		return m.fundamental() / nominal
	}
	return 1
}

// Disabled makes every output NOT AVAILABLE.
func (m *harmonics) Disabled(c *ion.Context) {
	*m = harmonics{}
	for i := range outPhs1 + shownOrders {
		c.SetNotAvailable(i)
	}
}
