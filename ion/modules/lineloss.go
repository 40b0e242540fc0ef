package modules

import "github.com/hepmeter/hepmeter/ion"

const (
	setLineMethod = iota + setLossMode + 1
	setLineResistance
	setLineReactance
	setLineRatedPower
	setLineRatedCurrent
	setLinePercentWatts
	setLinePercentVars
)

func lineLoss() ion.Type {
	bounded := lossConstant
	return ion.Type{
		Number: numberLineLoss, Name: "Line Loss", Kind: ion.Standard,
		Doc: "Losses of a line between the meter and the point that is billed, and the powers there. " +
			"Method impedance: kW loss = R·(Ia² + Ib² + Ic²)/1000, kVAR loss = X·(Ia² + Ib² + Ic²)/1000. " +
			"Method % constants: kW loss = %LW/100 · Rated Power · (Ia² + Ib² + Ic²)/(3·Rated Current²), kVAR loss likewise with %LV. " +
			"kW comp = kW ± kW loss, kVAR comp = kVAR ± kVAR loss. A linked current that is NOT AVAILABLE makes all outputs so; " +
			"energy that flows meanwhile passes without losses.",
		Source: "technical note 7EN72-0208-00 describes the field's framework; as one module it is ours",
		Inputs: lossInputs(),
		OneOf:  []string{"Ia", "Ib", "Ic"},
		Setups: append(lossSetups(),
			enumerated("Method", "impedance", "which constants hold", "impedance", "% constants"),
			bounded("Resistance", "Ω", "0", "R of one conductor"),
			bounded("Reactance", "Ω", "0", "X of one conductor"),
			bounded("Rated Power", "kVA", "1000", "what the % constants refer to"),
			bounded("Rated Current", "A", "5", "current at which the % constants hold"),
			bounded("%LW", "%", "0", "active loss at Rated Current, of Rated Power"),
			bounded("%LV", "%", "0", "reactive loss at Rated Current, of Rated Power"),
		),
		Outputs: lossOutputs(),
		New:     func() ion.Behaviour { return &line{} },
	}
}

// lossConstant is a constant of a loss formula.
func lossConstant(name, unit, value, doc string) ion.Setup {
	s := ion.Setup{Name: name, Class: ion.NumericBounded, Unit: unit, Low: 0, High: maxLossConstant, Default: value, Doc: doc}
	if unit == "%" {
		s.High = 100
	}
	if unit == "A" || unit == "V" || unit == "kVA" {
		s.Low = minLossRating
	}
	return s
}

// line is the behaviour of Line Loss.
type line struct{ compensation }

func (m *line) Tick(c *ion.Context) {
	squares := squaredCurrents(c)
	if c.Setting(setLineMethod) == 0 {
		m.set(c, c.Setting(setLineResistance)*squares/1000, c.Setting(setLineReactance)*squares/1000)
		return
	}
	rated := c.Setting(setLineRatedCurrent)
	load := c.Setting(setLineRatedPower) / 100 * squares / (3 * rated * rated)
	m.set(c, c.Setting(setLinePercentWatts)*load, c.Setting(setLinePercentVars)*load)
}
