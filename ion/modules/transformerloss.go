package modules

import (
	"fmt"
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	setTransformerMethod = iota + setLossMode + 1
	setRatedPower
	setRatedVoltage
	setRatedCurrent
	setNoLoadLoss
	setLoadLoss
	setExcitation
	setImpedance
	setPercentIronWatts
	setPercentIronVars
	setPercentCopperWatts
	setPercentCopperVars
)

func transformerLoss() ion.Type {
	bounded := lossConstant
	return ion.Type{
		Number: numberTransformerLoss, Name: "Transformer Loss", Kind: ion.Standard,
		Doc: "Losses of a power transformer between the meter and the point that is billed, and the powers there. With v = Voltage/Rated Voltage " +
			"and i² = (Ia² + Ib² + Ic²)/(3·Rated Current²): kW loss = LWFe·v² + LWCu·i², kVAR loss = LVFe·v⁴ + LVCu·i². " +
			"Method test sheet: LWFe = No-Load Loss, LWCu = Load Loss, LVFe = √((%Exc/100·Rated Power)² − LWFe²), " +
			"LVCu = √((%Z/100·Rated Power)² − LWCu²). Method % constants: each is its percentage of Rated Power. " +
			"kW comp = kW ± kW loss, kVAR comp = kVAR ± kVAR loss. A linked current or a Voltage that is NOT AVAILABLE makes all outputs so; " +
			"energy that flows meanwhile passes without losses. A test sheet whose excitation or impedance is less than its losses keeps the module offline.",
		Source: "technical note 7EN72-0208-00 describes the field's framework; as one module it is ours",
		Inputs: append(lossInputs(), sourceInput("Voltage")),
		OneOf:  []string{"Ia", "Ib", "Ic"},
		Setups: append(lossSetups(),
			enumerated("Method", "test sheet", "which constants hold", "test sheet", "% constants"),
			bounded("Rated Power", "kVA", "1000", "of the transformer"),
			bounded("Rated Voltage", "V", nominalVolts, "on the meter's side, of the kind that Voltage is linked to"),
			bounded("Rated Current", "A", "5", "on the meter's side, at which Load Loss holds"),
			bounded("No-Load Loss", "kW", "0", "iron loss at Rated Voltage"),
			bounded("Load Loss", "kW", "0", "copper loss at Rated Current"),
			bounded("%Exc", "%", "0", "excitation current, of the rated current"),
			bounded("%Z", "%", "0", "impedance"),
			bounded("%LWFe", "%", "0", "active iron loss at Rated Voltage, of Rated Power"),
			bounded("%LVFe", "%", "0", "reactive iron loss at Rated Voltage, of Rated Power"),
			bounded("%LWCu", "%", "0", "active copper loss at Rated Current, of Rated Power"),
			bounded("%LVCu", "%", "0", "reactive copper loss at Rated Current, of Rated Power"),
		),
		Outputs: lossOutputs(),
		New:     func() ion.Behaviour { return &transformer{} },
	}
}

// transformer is the behaviour of Transformer Loss.
type transformer struct{ compensation }

// fullLosses are the losses at rated voltage and current, in kW and kvar.
type fullLosses struct{ ironWatts, ironVars, copperWatts, copperVars float64 }

// fullLossesOf returns the constants of the formulas; a reactive loss that the test sheet
// makes impossible is NaN.
func fullLossesOf(setting func(int) float64) fullLosses {
	percent := setting(setRatedPower) / 100
	if setting(setTransformerMethod) != 0 {
		return fullLosses{percent * setting(setPercentIronWatts), percent * setting(setPercentIronVars),
			percent * setting(setPercentCopperWatts), percent * setting(setPercentCopperVars)}
	}
	// A test sheet that leaves excitation or impedance out states active losses alone.
	reactive := func(apparent, active float64) float64 {
		if apparent == 0 {
			return 0
		}
		return math.Sqrt(apparent*apparent - active*active)
	}
	iron, copper := setting(setNoLoadLoss), setting(setLoadLoss)
	return fullLosses{iron, reactive(percent*setting(setExcitation), iron), copper, reactive(percent*setting(setImpedance), copper)}
}

// Check refuses a test sheet that no transformer can have.
func (*transformer) Check(settings []ion.Value, _ []bool) error {
	full := fullLossesOf(func(i int) float64 { return settings[i].Number })
	switch {
	case math.IsNaN(full.ironVars):
		return fmt.Errorf("%%Exc of Rated Power is less than No-Load Loss of %g kW", full.ironWatts)
	case math.IsNaN(full.copperVars):
		return fmt.Errorf("%%Z of Rated Power is less than Load Loss of %g kW", full.copperWatts)
	}
	return nil
}

func (m *transformer) Tick(c *ion.Context) {
	voltage, ok := c.Number(inLossVoltage)
	if !ok {
		voltage = math.NaN()
	}
	v, rated := voltage/c.Setting(setRatedVoltage), c.Setting(setRatedCurrent)
	v2, i2 := v*v, squaredCurrents(c)/(3*rated*rated)
	full := fullLossesOf(c.Setting)
	m.set(c, full.ironWatts*v2+full.copperWatts*i2, full.ironVars*v2*v2+full.copperVars*i2)
}
