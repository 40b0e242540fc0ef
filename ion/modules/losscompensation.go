package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

// Inputs and outputs that Line Loss and Transformer Loss begin with.
const (
	inLossKW = iota
	inLossKVAR
	inLossIa
	inLossIb
	inLossIc
	inLossVoltage // of Transformer Loss
)

const (
	outCompensatedKW = iota
	outCompensatedKVAR
	outLossKW
	outLossKVAR
)

const setLossMode = 0

// lossInputs are the inputs of both types.
func lossInputs() []ion.Input {
	inputs := []ion.Input{
		{Name: "kW", Classes: []ion.Class{ion.Numeric}, Unlinked: "kW comp is NOT AVAILABLE"},
		{Name: "kVAR", Classes: []ion.Class{ion.Numeric}, Unlinked: "kVAR comp is NOT AVAILABLE"},
	}
	for _, name := range []string{"Ia", "Ib", "Ic"} {
		inputs = append(inputs, ion.Input{Name: name, Classes: []ion.Class{ion.Numeric}, Unlinked: "this conductor carries no current"})
	}
	return inputs
}

// lossSetups are the setup registers of both types.
func lossSetups() []ion.Setup {
	return []ion.Setup{enumerated("Loss Mode", "add", "add: the meter is on the load's side of the losses and the other side is wanted; subtract: the other way round",
		"add", "subtract")}
}

// lossOutputs are the outputs of both types.
func lossOutputs() []ion.Output {
	return []ion.Output{
		{Name: "kW comp", Class: ion.Numeric, Unit: "kW", Doc: "kW with the losses, for an Integrator: carries kW's flow"},
		{Name: "kVAR comp", Class: ion.Numeric, Unit: "kVAR", Doc: "kVAR with the losses, for an Integrator: carries kVAR's flow"},
		{Name: "kW loss", Class: ion.Numeric, Unit: "kW", Doc: "active losses, never negative"},
		{Name: "kVAR loss", Class: ion.Numeric, Unit: "kVAR", Doc: "reactive losses, never negative"},
	}
}

// squaredCurrents returns the sum of the squares of the linked currents; NaN if one of
// them is NOT AVAILABLE.
func squaredCurrents(c *ion.Context) float64 {
	sum := 0.0
	for i := inLossIa; i <= inLossIc; i++ {
		if !c.Linked(i) {
			continue
		}
		amperes, ok := c.Number(i)
		if !ok {
			return math.NaN()
		}
		sum += amperes * amperes
	}
	return sum
}

// compensation adds losses to powers and their flows. What is less than a quantum waits
// for the next tick.
type compensation struct{ active, reactive ion.Quantizer }

// set shows the losses and the compensated powers; NaN is a loss that is not known.
func (m *compensation) set(c *ion.Context, kW, kVAR float64) {
	sign := 1.0
	if c.Setting(setLossMode) != 0 {
		sign = -1
	}
	c.Set(outLossKW, kW)
	c.Set(outLossKVAR, kVAR)
	m.compensate(c, &m.active, inLossKW, outCompensatedKW, sign*kW)
	m.compensate(c, &m.reactive, inLossKVAR, outCompensatedKVAR, sign*kVAR)
}

// compensate adds a loss to the power at an input. The energy of a tick passes also while
// the loss is not known.
func (m *compensation) compensate(c *ion.Context, q *ion.Quantizer, input, output int, loss float64) {
	if flow, ok := c.Flow(input); ok {
		c.SetFlow(output, shifted(flow, q.Take(loss*c.Elapsed*ion.QuantaPerUnitSecond)))
	}
	power, ok := c.Number(input)
	if !ok {
		power = math.NaN()
	}
	c.Set(output, power+loss)
}

// shifted adds quanta to the side on which energy flows, and what is more than that side
// has to the other.
func shifted(f ion.Flow, quanta int64) ion.Flow {
	if f.Pos > 0 || f.Neg == 0 {
		f.Pos += quanta
	} else {
		f.Neg -= quanta
	}
	switch {
	case f.Pos < 0:
		f.Pos, f.Neg = 0, f.Neg-f.Pos
	case f.Neg < 0:
		f.Pos, f.Neg = f.Pos-f.Neg, 0
	}
	return f
}
