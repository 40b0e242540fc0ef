package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
	"github.com/hepmeter/hepmeter/waveform"
)

// inI5 is the input of the Power Meter that some models lack.
const inI5 = 8

func powerMeter() ion.Type {
	readings := powerReadings()
	t := ion.Type{
		Number: numberPowerMeter, Name: "Power Meter", Kind: ion.Core,
		Doc: "The meter itself: one-second values of voltage, current, power, power factor, frequency and unbalance, " +
			"and the energy that flowed, in whole micro-joules, for the Integrators. " +
			"Power and current values are those of the primary side. In DELTA the phase quantities are NOT AVAILABLE. " +
			"A change of a ratio applies to what is measured from then on and never to what was accumulated.",
		Source: "ION Reference (7EN02-0290), Power Meter module; the quadrant registers are ours",
		New:    func() ion.Behaviour { return &power{readings: readings} },
	}
	for _, r := range acquired() {
		t.Inputs = append(t.Inputs, samplesInput(r.String()))
	}
	t.Inputs[inI5].Unlinked = "I5 is calculated: the vector sum of the line and neutral currents"
	for _, r := range readings {
		class := ion.Numeric
		if r.boolean {
			class = ion.Boolean
		}
		t.Outputs = append(t.Outputs, ion.Output{Name: r.name, Class: class, Unit: r.unit, Doc: r.doc})
	}
	ratio := func(name, unit, rated, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Unit: unit, Low: 1, High: maxPrimary, Default: rated, Doc: doc}
	}
	t.Setups = []ion.Setup{
		enumerated("Volts Mode", "4W-WYE", "how the voltage inputs are wired", "4W-WYE", "3W-WYE", "DELTA", "SINGLE", "DEMO"),
		ratio("PT Prim", "V", ratedVolts, "primary voltage of the potential transformers of V1 to V3"),
		ratio("PT Sec", "V", ratedVolts, "secondary voltage of the potential transformers of V1 to V3"),
		ratio("CT Prim", "A", ratedAmperes, "primary current of the current transformers of I1 to I3"),
		ratio("CT Sec", "A", ratedAmperes, "secondary current of the current transformers of I1 to I3"),
		ratio("V4 Prim", "V", ratedVolts, "primary voltage of the potential transformer of V4"),
		ratio("V4 Sec", "V", ratedVolts, "secondary voltage of the potential transformer of V4"),
		ratio("I4 Prim", "A", ratedAmperes, "primary current of the current transformer of I4"),
		ratio("I4 Sec", "A", ratedAmperes, "secondary current of the current transformer of I4"),
		ratio("I5 Prim", "A", ratedAmperes, "primary current of the current transformer of I5"),
		ratio("I5 Sec", "A", ratedAmperes, "secondary current of the current transformer of I5"),
	}
	for _, r := range polarised() {
		t.Setups = append(t.Setups, enumerated(r.String()+" Polarity", "normal", "inverted: the transformer is connected in reverse", "normal", "inverted"))
	}
	t.Setups = append(t.Setups,
		enumerated("Ph Order", "ABC", "the expected rotation of the phases", "ABC", "ACB"),
		enumerated("PF Sign", "IEC", "IEC: the power factor has the sign of the active power; IEEE: the sign of -P·Q, positive while the current leads", "IEC", "IEEE"),
		enumerated("kVA Mode", "vector", "how the total apparent power is formed; it feeds the total power factor and kVAh, too", "vector", "arithmetic", "effective"),
		enumerated("Energy Mode", "net", "net: energy goes by the sign of the sum of the phases; per phase: by the sign of each phase", "net", "per phase"),
		ion.Setup{Name: "Demand Current", Class: ion.NumericBounded, Unit: "A", Low: 0, High: maxPrimary, Default: "0",
			Doc: "maximum demand load current I_L of total demand distortion (IEEE 519); 0: TDD is NOT AVAILABLE"},
	)
	return t
}

func polarised() []waveform.Role {
	return []waveform.Role{waveform.V1, waveform.V2, waveform.V3, waveform.I1, waveform.I2, waveform.I3, waveform.I4}
}

// reading is one output register of the Power Meter.
type reading struct {
	name, unit, doc string
	value           func(*metering.Second) float64
	// flow is what flowed, of the quadrants' quanta; nil for a register without.
	flow    func(*quadrants) ion.Flow
	boolean bool
}

// quadrants are the whole quanta that flowed during a tick in each quadrant: of
// active, reactive and apparent energy.
type quadrants struct{ p, q, s [4]int64 }

// The quanta in a watt-hour: 3600 joules of a million micro-joules.
const quantaPerWh = 3600 * ion.QuantaPerUnitSecond / 1000

// powerReadings is the list of what the Power Meter shows.
func powerReadings() []reading {
	type second = metering.Second
	var list []reading
	add := func(name, unit, doc string, value func(*second) float64) {
		list = append(list, reading{name: name, unit: unit, doc: doc, value: value})
	}
	rms := func(r waveform.Role) func(*second) float64 {
		return func(s *second) float64 { return s.RMS[r] }
	}
	rmsMean := func(roles ...waveform.Role) func(*second) float64 {
		return func(s *second) float64 { return mean(&s.RMS, roles) }
	}
	add("Vln a", "V", "phase A to neutral", rms(waveform.V1))
	add("Vln b", "V", "phase B to neutral", rms(waveform.V2))
	add("Vln c", "V", "phase C to neutral", rms(waveform.V3))
	add("Vln avg", "V", "mean of the phase to neutral voltages that exist", rmsMean(waveform.V1, waveform.V2, waveform.V3))
	add("Vll ab", "V", "phase A to phase B", rms(waveform.V12))
	add("Vll bc", "V", "phase B to phase C", rms(waveform.V23))
	add("Vll ca", "V", "phase C to phase A", rms(waveform.V31))
	add("Vll avg", "V", "mean of the phase to phase voltages that exist", rmsMean(waveform.V12, waveform.V23, waveform.V31))
	add("V4", "V", "neutral to earth", rms(waveform.V4))
	add("Ia", "A", "current of phase A", rms(waveform.I1))
	add("Ib", "A", "current of phase B", rms(waveform.I2))
	add("Ic", "A", "current of phase C", rms(waveform.I3))
	add("I avg", "A", "mean of the line currents that exist", rmsMean(waveform.I1, waveform.I2, waveform.I3))
	add("I4", "A", "neutral current", rms(waveform.I4))
	add("I5", "A", "earth current; on a model without the input, the vector sum of the others", rms(waveform.I5))
	add("I residual", "A", "vector sum of the line and neutral currents", func(s *second) float64 { return s.IResidual })

	phases := []string{"a", "b", "c", "tot"}
	perPhase := func(name, unit, doc string, scale float64, of func(*second) *metering.Phases) {
		for i, p := range phases {
			add(name+" "+p, unit, doc+phaseDoc(p), func(s *second) float64 { return of(s)[i] * scale })
		}
	}
	perPhase("kW", "kW", "active power", 1e-3, func(s *second) *metering.Phases { return &s.Power.P })
	perPhase("kVAR", "kVAR", "fundamental reactive power", 1e-3, func(s *second) *metering.Phases { return &s.Power.Q1 })
	perPhase("kVA", "kVA", "apparent power", 1e-3, func(s *second) *metering.Phases { return &s.Power.S })
	perPhase("PF sign", "", "power factor, signed as PF Sign says", 1, func(s *second) *metering.Phases { return &s.Power.PF })
	perPhase("DPF", "", "displacement power factor, signed as PF Sign says", 1, func(s *second) *metering.Phases { return &s.Power.DPF })
	add("PF lag", "", "magnitude of the total power factor while the current lags, else NOT AVAILABLE", func(s *second) float64 { return powerFactorIf(s, true) })
	add("PF lead", "", "magnitude of the total power factor while the current leads, else NOT AVAILABLE", func(s *second) float64 { return powerFactorIf(s, false) })
	add("Freq", "Hz", "frequency", func(s *second) float64 { return s.FrequencyHz })
	add("V unbal", "%", "worst deviation of a phase to neutral voltage from their mean", func(s *second) float64 { return s.VWorstLN })
	add("Vll unbal", "%", "worst deviation of a phase to phase voltage from their mean", func(s *second) float64 { return s.VWorstLL })
	add("I unbal", "%", "worst deviation of a line current from their mean", func(s *second) float64 { return s.IWorst })
	add("Phase Rev", "", "ON while the voltages rotate against Ph Order", func(s *second) float64 {
		if s.Windows == 0 {
			return math.NaN()
		}
		if s.Flags&metering.FlagPhaseOrder != 0 {
			return 1
		}
		return 0
	})
	list[len(list)-1].boolean = true

	for q, roman := range []string{"I", "II", "III", "IV"} {
		quadrant := "Q" + string(rune('1'+q))
		contribution := func(unit, what string, energy func(*second) *[4]float64, flow func(*quadrants) ion.Flow) {
			list = append(list, reading{
				name: unit + " " + quadrant, unit: unit, doc: what + " while in quadrant " + roman + ", as a magnitude",
				value: func(s *second) float64 { return energy(s)[q] * 3.6 / s.DurationS },
				flow:  flow,
			})
		}
		contribution("kW", "active power", func(s *second) *[4]float64 { return &s.Energy.Wh }, func(f *quadrants) ion.Flow { return ion.Flow{Pos: f.p[q]} })
		contribution("kVAR", "reactive power", func(s *second) *[4]float64 { return &s.Energy.Varh }, func(f *quadrants) ion.Flow { return ion.Flow{Pos: f.q[q]} })
		contribution("kVA", "apparent power", func(s *second) *[4]float64 { return &s.Energy.VAh }, func(f *quadrants) ion.Flow { return ion.Flow{Pos: f.s[q]} })
	}

	for i := range list {
		switch list[i].name {
		case "kW tot":
			list[i].flow = func(f *quadrants) ion.Flow { return ion.Flow{Pos: f.p[0] + f.p[3], Neg: f.p[1] + f.p[2]} }
		case "kVAR tot":
			list[i].flow = func(f *quadrants) ion.Flow { return ion.Flow{Pos: f.q[0] + f.q[1], Neg: f.q[2] + f.q[3]} }
		case "kVA tot":
			list[i].flow = func(f *quadrants) ion.Flow { return ion.Flow{Pos: f.s[0] + f.s[3], Neg: f.s[1] + f.s[2]} }
		}
	}
	return list
}

func phaseDoc(phase string) string {
	if phase == "tot" {
		return " of all phases"
	}
	return " of phase " + string(phase[0]-'a'+'A')
}

// mean returns the mean of the values that exist.
func mean(values *metering.PerInput, roles []waveform.Role) float64 {
	sum, count := 0.0, 0.0
	for _, r := range roles {
		if x := values[r]; !math.IsNaN(x) {
			sum, count = sum+x, count+1
		}
	}
	return sum / count
}

// powerFactorIf returns the magnitude of the total power factor if the current lags
// (or leads), else NaN. It lags while active and reactive power have the same sign.
func powerFactorIf(s *metering.Second, lag bool) float64 {
	product := s.Power.P[metering.Total] * s.Power.Q1[metering.Total]
	if math.IsNaN(product) || (product >= 0) != lag {
		return math.NaN()
	}
	return math.Abs(s.Power.PF[metering.Total])
}

// power is the behaviour of the Power Meter.
type power struct {
	readings []reading
	// What is less than a micro-joule waits for the next tick.
	p, q, s [4]ion.Quantizer
	flowed  quadrants // in this tick
}

func (m *power) Tick(c *ion.Context) {
	m.flowed = quadrants{}
	if s := c.Second; s != nil {
		for i := range 4 {
			m.flowed.p[i] = m.p[i].Take(s.Energy.Wh[i] * quantaPerWh)
			m.flowed.q[i] = m.q[i].Take(s.Energy.Varh[i] * quantaPerWh)
			m.flowed.s[i] = m.s[i].Take(s.Energy.VAh[i] * quantaPerWh)
		}
	}
	for i := range m.readings {
		r := &m.readings[i]
		if r.flow != nil {
			c.SetFlow(i, r.flow(&m.flowed))
		}
		if c.Second == nil || c.Second.Windows == 0 {
			c.SetNotAvailable(i)
			continue
		}
		value := r.value(c.Second)
		if r.name == "I5" && !c.Linked(inI5) {
			value = c.Second.IResidual
		}
		switch {
		case r.boolean && !math.IsNaN(value):
			c.SetOn(i, value != 0)
		default:
			c.Set(i, value)
		}
	}
}
