package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

func symmetricalComponents() ion.Type {
	output := func(name, unit, doc string) ion.Output {
		return ion.Output{Name: name, Class: ion.Numeric, Unit: unit, Doc: doc}
	}
	source := func(name string) ion.Input {
		return ion.Input{Name: name, Classes: []ion.Class{ion.Samples}, Mandatory: true, Fixed: true}
	}
	return ion.Type{
		Number: numberSymmetricalComponents, Name: "Symmetrical Components", Kind: ion.Core,
		Doc: "Zero, positive and negative sequence of the fundamentals of the three voltages or the three currents it is linked " +
			"to: magnitudes in V or A, angles in degrees relative to V1's fundamental (to that of the first voltage, where there is no V1), " +
			"of the last basic window; u2 and u0 are the one-second unbalance.",
		Source: "ION Reference (7EN02-0290), Symmetrical Components module; IEC 61000-4-30 5.7",
		Inputs: []ion.Input{source("Source 1"), source("Source 2"), source("Source 3"),
			{Name: "Enable", Classes: []ion.Class{ion.Boolean}, Fixed: true, Unlinked: "enabled"}},
		Outputs: []ion.Output{
			output("ZeroSeqMag", "", "zero sequence"), output("ZeroSeqPhs", "°", "angle of the zero sequence"),
			output("PosSeqMag", "", "positive sequence"), output("PosSeqPhs", "°", "angle of the positive sequence"),
			output("NegSeqMag", "", "negative sequence"), output("NegSeqPhs", "°", "angle of the negative sequence"),
			output("u2", "%", "negative over positive sequence"), output("u0", "%", "zero over positive sequence"),
		},
		New: func() ion.Behaviour { return sequences{} },
	}
}

type sequences struct{}

func (sequences) Tick(c *ion.Context) {
	values := [8]float64{}
	for i := range values {
		values[i] = math.NaN()
	}
	if role, ok := c.Number(0); ok && c.Second != nil && c.Second.Windows > 0 {
		s, seq := c.Second, c.Second.Voltage
		values[6], values[7] = s.U2, s.U0
		if waveform.Role(role).IsCurrent() {
			seq = s.Current
			values[6], values[7] = s.I2, s.I0
		}
		zero := reference(s)
		for i, p := range []struct{ rms, deg float64 }{{seq.Zero.RMS, seq.Zero.Deg}, {seq.Pos.RMS, seq.Pos.Deg}, {seq.Neg.RMS, seq.Neg.Deg}} {
			values[2*i], values[2*i+1] = p.rms, math.Remainder(p.deg-zero, 360)
		}
	}
	for i, x := range values {
		c.Set(i, x)
	}
}

// reference is the angle that others are relative to, as those of harmonics are; 0 where
// no voltage is connected.
func reference(s *metering.Second) float64 {
	for r := waveform.V1; r.IsVoltage(); r++ {
		if deg := s.Fundamental[r].Deg; !math.IsNaN(deg) {
			return deg
		}
	}
	return 0
}

func (s sequences) Disabled(c *ion.Context) {
	for i := range 8 {
		c.SetNotAvailable(i)
	}
}
