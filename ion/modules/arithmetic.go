package modules

import (
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules/formula"
)

// Inputs and outputs of Arithmetic: the sources and results come first.
const (
	inCalculateNow      = formula.Sources + 2
	outArithmeticServed = formula.Results
)

func arithmetic() ion.Type {
	t := ion.Type{
		Number: numberArithmetic, Name: "Arithmetic", Kind: ion.Standard,
		Doc: fmt.Sprintf("Calculates %d formulas of up to %d sources, in their order, at every update or, when CalculateNow is linked, at its pulses. "+
			"docs/formulas.md teaches the language: S1 is a source (a Boolean is 1 or 0), S1 PREV 2 what it was two calculations ago (up to %d), R1 the result of Formula 1. "+
			"A wrong formula is refused when it is written. A source that is not linked is NOT AVAILABLE, and so is what needs it, what "+
			"divides by zero and the result of an empty formula. While Enable is OFF nothing is calculated and the results are kept. Reset makes all previous "+
			"sources NOT AVAILABLE and all results 0, also while disabled. After power-up, a change of setup or a new link the results are NOT AVAILABLE until the next "+
			"calculation, for which R of a new formula and of every formula at power-up is 0.", formula.Results, formula.Sources, formula.Previous),
		Source: "ION Reference (7EN02-0290), Arithmetic module; the language as recalled from older editions",
		New:    func() ion.Behaviour { return newCalculation() },
	}
	for i := range formula.Sources {
		t.Inputs = append(t.Inputs, ion.Input{Name: fmt.Sprintf("Source %d", i+1), Classes: []ion.Class{ion.Numeric, ion.Boolean}, Unlinked: "NOT AVAILABLE"})
	}
	t.Inputs = append(t.Inputs, enableInput(), pulseInput("Reset"),
		ion.Input{Name: "CalculateNow", Classes: []ion.Class{ion.Pulse}, Unlinked: "calculates at every update"})
	for i := range formula.Results {
		t.Setups = append(t.Setups, ion.Setup{Name: fmt.Sprintf("Formula %d", i+1), Class: ion.String, MaxLength: formula.MaxBytes, Check: checkFormula,
			Doc: "what Result of the same number is; empty: unused"})
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Result %d", i+1), Class: ion.Numeric, Doc: "the value of the formula of the same number"})
	}
	t.Outputs = append(t.Outputs, ion.Output{Name: "Trigger", Class: ion.Pulse, Doc: "each CalculateNow that was served"})
	return t
}

func unused(text string) bool { return strings.TrimSpace(text) == "" }

func checkFormula(text string) error {
	if unused(text) {
		return nil
	}
	_, err := formula.Compile(text)
	return err
}

// calculation is the behaviour of Arithmetic.
type calculation struct {
	texts    [formula.Results]string
	programs [formula.Results]*formula.Program // nil: unused
	values   formula.Inputs
}

func newCalculation() *calculation {
	m := &calculation{}
	m.forget()
	return m
}

// forget forgets what was before; of an unused formula there never is a result.
func (m *calculation) forget() {
	m.values.Forget()
	for i, p := range m.programs {
		m.values.SetResult(i, 0, p != nil)
	}
}

// Start compiles the formulas that changed.
func (m *calculation) Start(c *ion.Context) {
	for i := range m.programs {
		text := c.SettingText(i)
		if text == m.texts[i] {
			continue
		}
		m.texts[i], m.programs[i] = text, nil
		if !unused(text) {
			m.programs[i], _ = formula.Compile(text) // the register has checked it
		}
		m.values.SetResult(i, 0, m.programs[i] != nil)
	}
}

func (m *calculation) Reset(c *ion.Context) {
	m.forget()
	for i, p := range m.programs {
		if p != nil {
			c.Set(i, 0)
		}
	}
}

func (m *calculation) Relinked(_ *ion.Context, input int) {
	if input < formula.Sources {
		m.values.ForgetSource(input)
	}
}

func (m *calculation) Tick(c *ion.Context) {
	asked := c.Pulses(inCalculateNow)
	if c.Linked(inCalculateNow) && asked == 0 {
		return
	}
	m.values.Advance()
	for i := range formula.Sources {
		if v := c.Input(i); v.Available {
			m.values.SetSource(i, v.Number)
		}
	}
	for i, p := range m.programs {
		if p == nil {
			continue
		}
		x, available := p.Evaluate(&m.values)
		m.values.SetResult(i, x, available)
		if available {
			c.Set(i, x)
		} else {
			c.SetNotAvailable(i)
		}
	}
	c.PulseTimes(outArithmeticServed, int64(asked))
}
