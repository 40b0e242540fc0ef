package modules

import (
	"fmt"
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inRelativeSource = iota
	inNominal
)

const (
	setRelativeEnable = iota
	setRelSetMode
	setOverPickup
	setOverDropout
	setUnderPickup
	setUnderDropout
	setRelativeON
	setRelativeOFF
	setRelativePriority
)

const (
	outRelativeStatus = iota
	outOver
	outUnder
	outRelativeTrigger
	outRelativeAlarm // the record
)

// relPercent is the option of RelSetMode.
const relPercent = 0

func relativeSetpoint() ion.Type {
	return relativeSetpointType(numberRelativeSetpoint, "Relative Setpoint", ion.EverySecond)
}

func hsRelativeSetpoint() ion.Type {
	return relativeSetpointType(numberHSRelativeSetpoint, "HS Relative Setpoint", ion.EveryHalfCycle)
}

func relativeSetpointType(number int, name string, rate ion.Rate) ion.Type {
	distance := func(name, standard, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Low: 0, High: maxLimit, Default: standard, Doc: doc}
	}
	return ion.Type{
		Number: number, Name: name, Kind: ion.Standard, Rate: rate,
		Doc: "An alarm around a nominal value. Over becomes ON when Source has stayed above Nominal by more than OverPickup for SusUntlON, and OFF when it has " +
			"stayed below Nominal plus OverDropout for SusUntlOFF; Under is the same below. Status is ON while one of them is. The distances are percent of the magnitude of " +
			"Nominal, or in the unit of Source. While Source or Nominal is NOT AVAILABLE, or Nominal is 0 and the distances are percent of it, so are Status, Over and Under, and the delays begin anew; " +
			"disabled, they are NOT AVAILABLE. The alarm keeps its start, end and extremes (the values furthest from Nominal), also over a power cut, after which it is " +
			"evaluated anew. Events come with EvPriority: one side started or ended, the setup changed while Status was ON, disabled while ON.",
		Source: "ION Reference (7EN02-0290), Relative Setpoint module; ION9000 user manual, setpoint alarms",
		Inputs: []ion.Input{
			sourceInput("Source"),
			{Name: "Nominal", Classes: []ion.Class{ion.Numeric, ion.NumericBounded}, Mandatory: true},
			enableInput(),
		},
		Setups: []ion.Setup{
			enumerated("Enable", "enabled", "disabled: the outputs are NOT AVAILABLE whatever the input Enable says", "enabled", "disabled"),
			enumerated("RelSetMode", "percent", "what the distances are: percent of Nominal, or the unit of Source", "percent", "absolute"),
			distance("OverPickup", defaultRelativePickup, "how far above Nominal Over becomes ON"),
			distance("OverDropout", defaultRelativeDropout, "how far above Nominal Over becomes OFF; not more than OverPickup, or the module is offline"),
			distance("UnderPickup", defaultRelativePickup, "how far below Nominal Under becomes ON"),
			distance("UnderDropout", defaultRelativeDropout, "how far below Nominal Under becomes OFF; not more than UnderPickup, or the module is offline"),
			sustainSetup("SusUntlON", defaultRelativeSustain, "how long Source must stay beyond the pickup distance"),
			sustainSetup("SusUntlOFF", defaultRelativeSustain, "how long Source must stay within the dropout distance"),
			priority("EvPriority", defaultSetpointPriority, "priority of the events of the alarm"),
		},
		Outputs: append([]ion.Output{
			{Name: "Status", Class: ion.Boolean, Doc: "ON during the alarm"},
			{Name: "Over", Class: ion.Boolean, Doc: "ON while Source is too high"},
			{Name: "Under", Class: ion.Boolean, Doc: "ON while Source is too low"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "each time that Over or Under becomes ON"},
		}, alarmOutputs()...),
		New: func() ion.Behaviour { return &bandAlarm{} },
	}
}

// bandAlarm is the behaviour of Relative Setpoint and HS Relative Setpoint.
type bandAlarm struct {
	over, under hysteresis
	record      alarm
}

// Check refuses dropout distances beyond the pickup distances.
func (m *bandAlarm) Check(settings []ion.Value, _ []bool) error {
	for _, side := range []struct {
		name            string
		pickup, dropout ion.Value
	}{{"over", settings[setOverPickup], settings[setOverDropout]}, {"under", settings[setUnderPickup], settings[setUnderDropout]}} {
		if side.dropout.Number > side.pickup.Number {
			return fmt.Errorf("%s dropout %v is further out than %s pickup %v: exchange them", side.name, side.dropout, side.name, side.pickup)
		}
	}
	return nil
}

func (m *bandAlarm) Start(c *ion.Context) { m.record.show(c, outRelativeAlarm) }

func (m *bandAlarm) Tick(c *ion.Context) {
	if c.Setting(setRelativeEnable) == setpointDisabled {
		m.Disabled(c)
		return
	}
	v := c.Input(inRelativeSource)
	nominal, ok := c.Number(inNominal)
	unit := 1.0
	if c.Setting(setRelSetMode) == relPercent {
		unit = math.Abs(nominal) / 100
	}
	if !v.Available || !ok || unit == 0 {
		m.over.wait()
		m.under.wait()
		m.hide(c)
		return
	}
	m.evaluate(c, v, v.Number-nominal, unit)
}

// evaluate takes up a deviation from nominal; unit is 1 of the distances.
func (m *bandAlarm) evaluate(c *ion.Context, v ion.Value, deviation, unit float64) {
	onS, offS := c.Setting(setRelativeON), c.Setting(setRelativeOFF)
	over := m.over.turn(c, deviation > c.Setting(setOverPickup)*unit, deviation < c.Setting(setOverDropout)*unit, onS, offS)
	under := m.under.turn(c, -deviation > c.Setting(setUnderPickup)*unit, -deviation < c.Setting(setUnderDropout)*unit, onS, offS)
	on := m.over.on || m.under.on
	if m.record.see(c, v, math.Abs(deviation), m.over.picking() || m.under.picking(), on) {
		m.record.show(c, outRelativeAlarm)
	}
	c.SetOn(outRelativeStatus, on)
	c.SetOn(outOver, m.over.on)
	c.SetOn(outUnder, m.under.on)
	if over {
		m.report(c, v, "Over", m.over.on)
	}
	if under {
		m.report(c, v, "Under", m.under.on)
	}
}

// report tells that a side changed its state.
func (m *bandAlarm) report(c *ion.Context, v ion.Value, side string, on bool) {
	state := "OFF"
	if on {
		state = "ON"
		c.Pulse(outRelativeTrigger)
	}
	raise(c, setRelativePriority, "Source", v.String(), side, state)
}

func (m *bandAlarm) Disabled(c *ion.Context) {
	m.abandon(c, "Enable", "disabled", "disabled while ON")
	m.hide(c)
}

func (m *bandAlarm) hide(c *ion.Context) {
	for output := outRelativeStatus; output <= outUnder; output++ {
		c.SetNotAvailable(output)
	}
}

// abandon ends an alarm for another reason than its Source.
func (m *bandAlarm) abandon(c *ion.Context, cause, value, why string) {
	m.over, m.under = hysteresis{}, hysteresis{}
	if !m.record.on {
		return
	}
	m.record.end(c)
	m.record.show(c, outRelativeAlarm)
	raise(c, setRelativePriority, cause, value, "Status", why)
}

func (m *bandAlarm) Configured(c *ion.Context, setup int) {
	switch {
	case setup == setRelativePriority:
	case setup == setRelativeEnable && c.Setting(setup) == setpointDisabled:
		m.abandon(c, "Enable", "disabled", "disabled while ON")
	default:
		m.abandon(c, "", "setup", "setup changed while ON")
	}
}

func (m *bandAlarm) Relinked(c *ion.Context, input int) {
	if input == inRelativeSource || input == inNominal {
		m.abandon(c, "", "linked elsewhere", "setup changed while ON")
	}
}

const bandAlarmVersion = 1

func (m *bandAlarm) Keep(e *ion.Encoder) {
	e.Uint(bandAlarmVersion)
	m.record.keep(e)
}

func (m *bandAlarm) Restore(d *ion.Decoder) {
	d.Version(bandAlarmVersion)
	m.record.restore(d)
}
