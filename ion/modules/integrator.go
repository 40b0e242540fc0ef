package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

// Inputs, setup registers and outputs of the Integrator.
const (
	inIntegrand = iota
	inIntegratorEnable
	inIntegratorReset
	inUpdateOutputs
	inIntervalReset
)

const (
	setDivisor = iota
	setIntMode
	setRollValue
	setValPerPulse
	setEnableUnlinked
)

const (
	outResult = iota
	outRolloverCount
	outTriggerCount
	outTrigger
)

// The integration modes, as enumerated by Int Mode.
const (
	modeNet = iota
	modeForward
	modeReverse
	modeAbsolute
)

func integrator() ion.Type {
	return ion.Type{
		Number: numberIntegrator, Name: "Integrator", Kind: ion.Standard,
		Doc: "Integrates a quantity over time: power becomes energy. It counts whole quanta (of a power in kW: micro-joules) " +
			"in 128 bits, so that nothing is ever lost to rounding; Result and its exact count of base units (Wh) both come from " +
			"that one number. A register that carries the energy which flowed through it is counted from that, so that delivered, " +
			"received, net, total and quadrants agree exactly; any other is multiplied by the measured time. " +
			"While Integrand is NOT AVAILABLE or Enable is OFF, Result keeps its value; Reset works all the same. " +
			"Everything survives a power cut.",
		Source: "ION Reference (7EN02-0290), Integrator module; the exact count, flows and Enable Unlinked are ours",
		Inputs: []ion.Input{
			sourceInput("Integrand"),
			{Name: "Enable", Classes: []ion.Class{ion.Boolean}, Unlinked: "as Enable Unlinked says"},
			pulseInput("Reset"),
			{Name: "Update Outputs", Classes: []ion.Class{ion.Pulse}, Unlinked: "outputs change at every update"},
			pulseInput("Interval Reset"),
		},
		Setups: []ion.Setup{
			{Name: "Divisor", Class: ion.NumericBounded, Unit: "s", Low: 1, High: maxDivisor, Whole: true, Default: secondsPerHour,
				Doc: "seconds in the unit of Result: 3600 makes kWh of kW"},
			enumerated("Int Mode", defaultIntMode, "which direction counts: forward and reverse count one of them, absolute both, net forward less reverse",
				"net", "forward", "reverse", "absolute"),
			{Name: "RollValue", Class: ion.NumericBounded, Low: 0, High: maxRollValue, Whole: true, Default: defaultRollValue,
				Doc: "where Result rolls over and Rollover Count grows; 0: never. A change sets Rollover Count to 0"},
			{Name: "ValPerPulse", Class: ion.NumericBounded, Low: 0, High: maxValPerPulse, Default: defaultValPerPulse,
				Doc: "what makes one Trigger pulse, in the unit of Result; 0: none"},
			enumerated("Enable Unlinked", "enabled", "what holds while Enable is not linked", "enabled", "disabled"),
		},
		Outputs: []ion.Output{
			{Name: "Result", Class: ion.Numeric, Follows: "Integrand", Doc: "the integral"},
			{Name: "Rollover Count", Class: ion.Numeric, Doc: "how often Result rolled over"},
			{Name: "Trigger Count", Class: ion.Numeric, Doc: "how many ValPerPulse steps were counted"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "each ValPerPulse step and each roll-over"},
		},
		New: func() ion.Behaviour { return &integration{} },
	}
}

// integration is the behaviour of the Integrator.
type integration struct {
	now integral
	// shown is what the outputs show: with Update Outputs linked, what now was at its
	// last pulse.
	shown integral
	// progress is what was counted toward the next Trigger pulse, in quanta.
	progress ion.Int128
	rest     ion.Quantizer
}

// integral is the visible state.
type integral struct {
	quanta    ion.Int128
	rollovers int64
	triggers  int64
}

func (g *integration) Start(c *ion.Context) {
	if !c.Linked(inUpdateOutputs) {
		g.shown = g.now
	}
	g.show(c)
}

func (g *integration) Reset(c *ion.Context) {
	*g = integration{}
	g.show(c)
	c.Changed()
}

// intervalReset takes whole base units out of the count and keeps what is less, so
// that the readings of successive intervals add up to what flowed.
func (g *integration) intervalReset(c *ion.Context) {
	_, rest := g.now.quanta.QuoRem(ion.Int128Of(quantaPerBaseUnit(c)))
	g.now = integral{quanta: rest}
	c.Raise(ion.PriorityReset, "Interval Reset", "pulsed", "", "interval reset")
	c.Changed()
}

func (g *integration) Tick(c *ion.Context) {
	if c.Linked(inIntegratorEnable) || c.Setting(setEnableUnlinked) == 0 {
		if amount := g.amount(c); amount != 0 {
			g.count(c, amount)
			c.Changed()
		}
	}
	g.update(c)
}

func (g *integration) Disabled(c *ion.Context) { g.update(c) }

// update serves what the pulses ask for, and shows the result. An interval is read
// out before it is reset.
func (g *integration) update(c *ion.Context) {
	if !c.Linked(inUpdateOutputs) || c.Pulses(inUpdateOutputs) > 0 {
		if g.shown != g.now {
			g.shown = g.now
			c.Changed()
		}
	}
	if c.Pulses(inIntervalReset) > 0 {
		g.intervalReset(c)
		if !c.Linked(inUpdateOutputs) {
			g.shown = g.now
		}
	}
	g.show(c)
}

// amount returns the quanta to count in this tick.
func (g *integration) amount(c *ion.Context) int64 {
	mode := int(c.Setting(setIntMode))
	if flow, ok := c.Flow(inIntegrand); ok {
		switch mode {
		case modeForward:
			return flow.Pos
		case modeReverse:
			return flow.Neg
		case modeAbsolute:
			return flow.Pos + flow.Neg
		}
		return flow.Pos - flow.Neg
	}
	x, ok := c.Number(inIntegrand)
	if !ok {
		return 0
	}
	switch mode {
	case modeForward:
		x = max(x, 0)
	case modeReverse:
		x = max(-x, 0)
	case modeAbsolute:
		x = math.Abs(x)
	}
	return g.rest.Take(x * c.Elapsed * ion.QuantaPerUnitSecond)
}

// count adds an amount, rolls over and triggers.
func (g *integration) count(c *ion.Context, amount int64) {
	g.now.quanta = g.now.quanta.Add(ion.Int128Of(amount))
	if roll := rollQuanta(c); roll.Sign() > 0 && g.now.quanta.Abs().Cmp(roll) >= 0 {
		times, rest := g.now.quanta.QuoRem(roll)
		g.now.quanta = rest
		g.now.rollovers += times.Int64()
		c.Pulse(outTrigger)
	}
	step := ion.Int128Of(int64(math.Round(c.Setting(setValPerPulse) * ion.QuantaPerUnitSecond * c.Setting(setDivisor))))
	if step.Sign() == 0 {
		return
	}
	g.progress = g.progress.Add(ion.Int128Of(amount).Abs())
	if g.progress.Cmp(step) >= 0 {
		times, rest := g.progress.QuoRem(step)
		g.progress = rest
		g.now.triggers += times.Int64()
		c.PulseTimes(outTrigger, times.Int64())
	}
}

// show forms the outputs from the exact count.
func (g *integration) show(c *ion.Context) {
	base, _ := g.shown.quanta.QuoRem(ion.Int128Of(quantaPerBaseUnit(c)))
	c.SetExact(outResult, g.shown.quanta.Float64()/(ion.QuantaPerUnitSecond*c.Setting(setDivisor)), base.Int64())
	c.Set(outRolloverCount, float64(g.shown.rollovers))
	c.Set(outTriggerCount, float64(g.shown.triggers))
}

func (g *integration) Configured(c *ion.Context, setup int) {
	if setup == setRollValue && g.now.rollovers != 0 {
		g.now.rollovers = 0
		c.Changed()
	}
}

func (g *integration) Unit(integrand string, settings []ion.Value) string {
	switch settings[setDivisor].Number {
	case 1:
		return integrand + "s"
	case 60:
		return integrand + "min"
	case 3600:
		return integrand + "h"
	}
	return integrand + "·" + settings[setDivisor].String() + "s"
}

// quantaPerBaseUnit returns the quanta in one base unit of Result: a thousandth of
// its unit if that has the prefix k (Wh of kWh), else the unit.
func quantaPerBaseUnit(c *ion.Context) int64 {
	quanta := int64(c.Setting(setDivisor)) * ion.QuantaPerUnitSecond
	if unit := c.InputUnit(inIntegrand); len(unit) > 1 && unit[0] == 'k' {
		quanta /= 1000
	}
	return quanta
}

// rollQuanta returns RollValue in quanta, 0 for never.
func rollQuanta(c *ion.Context) ion.Int128 {
	return ion.Product(uint64(c.Setting(setRollValue)), uint64(c.Setting(setDivisor))*ion.QuantaPerUnitSecond)
}

const integrationVersion = 1

func (g *integration) Keep(e *ion.Encoder) {
	e.Uint(integrationVersion)
	for _, s := range []integral{g.now, g.shown} {
		e.Int128(s.quanta)
		e.Int(s.rollovers)
		e.Int(s.triggers)
	}
	e.Int128(g.progress)
	e.Float(g.rest.Remainder)
}

func (g *integration) Restore(d *ion.Decoder) {
	d.Version(integrationVersion)
	for _, s := range []*integral{&g.now, &g.shown} {
		*s = integral{d.Int128(), d.Int(), d.Int()}
	}
	g.progress, g.rest.Remainder = d.Int128(), d.Float()
}
