package modules

import (
	"fmt"
	"math"
	"strconv"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inSetpointSource = iota
	inSetpointEnable
	inLearnNow
	inStopLearn
)

const (
	setSetpointEnable = iota
	setEvalMode
	setInputMode
	setHighLimit
	setLowLimit
	setSusUntlON
	setSusUntlOFF
	setSetpointPriority
	setLearnInstall
	setLearnDuration
)

const (
	outSetpointStatus = iota
	outSetpointTrigger
	outSetpointAlarm // the record
	outLearnedHigh   = iota + alarmOutputCount - 1
	outLearnedLow
	outLearnedON
	outLearnedOFF
	outLearning
	outLearnComplete
)

// Options of the setup registers.
const (
	setpointDisabled = 1
	lessThan         = 1
	absoluteInput    = 1
	learnAutomatic   = 1
)

func setpoint() ion.Type { return setpointType(numberSetpoint, "Setpoint", ion.EverySecond) }

func hsSetpoint() ion.Type {
	return setpointType(numberHSSetpoint, "HS Setpoint", ion.EveryHalfCycle)
}

func setpointType(number int, name string, rate ion.Rate) ion.Type {
	limit := func(name, doc string) ion.Setup {
		return ion.Setup{Name: name, Class: ion.NumericBounded, Low: -maxLimit, High: maxLimit, Default: "0", Doc: doc}
	}
	t := ion.Type{
		Number: number, Name: name, Kind: ion.Standard, Rate: rate,
		Doc: "An alarm. With Eval Mode greater than, Status becomes ON when Source has stayed above High Limit for SusUntlON, and OFF when it has stayed " +
			"below Low Limit for SusUntlOFF; with less than, ON below Low Limit and OFF above High Limit. A Boolean Source counts by itself: " +
			"greater than looks for ON, less than for OFF. While Source is NOT AVAILABLE so is Status, and both delays begin anew. Disabled, Status is " +
			"NOT AVAILABLE. The alarm keeps its start, end and extremes, also over a power cut, after which Status is evaluated anew. " +
			"Four events come with EvPriority: the alarm started, it ended, its setup changed while it was ON, it was disabled while ON. " +
			"Learn Now finds limits that normal operation does not reach, also while the module is disabled: three standard deviations from the mean to pick " +
			"up, two to drop out, and as delays a quarter more than the longest time that Source was beyond the first of them. It is complete when the limits " +
			"have kept still for a quarter of Learn Duration, or at the end of that; a further pulse begins anew. Linking Source elsewhere or changing how it is evaluated stops it.",
		Source: "ION Reference (7EN02-0290), Setpoint module; ION9000 user manual, setpoint learning; how limits are learned is ours",
		Inputs: []ion.Input{
			{Name: "Source", Classes: []ion.Class{ion.Numeric, ion.Boolean}, Mandatory: true},
			enableInput(), pulseInput("Learn Now"), pulseInput("Stop Learn"),
		},
		Setups: []ion.Setup{
			enumerated("Enable", "enabled", "disabled: Status is NOT AVAILABLE whatever the input Enable says", "enabled", "disabled"),
			enumerated("Eval Mode", "greater than", "on which side of the limits the alarm is", "greater than", "less than"),
			enumerated("Input Mode", "signed", "absolute: the magnitude of Source is compared", "signed", "absolute"),
			limit("High Limit", "greater than: the pickup level; less than: the dropout level; in the unit of Source"),
			limit("Low Limit", "greater than: the dropout level; less than: the pickup level; in the unit of Source; not above High Limit, or the module is offline"),
			sustainSetup("SusUntlON", defaultSetpointSustain, "how long Source must stay beyond the pickup level"),
			sustainSetup("SusUntlOFF", defaultSetpointSustain, "how long Source must stay back beyond the dropout level"),
			priority("EvPriority", defaultSetpointPriority, "priority of the events of the alarm"),
			enumerated("Learn Install Mode", "manual", "manual: what was learned is shown only; automatic: it is written to the limits and delays, or an event says why not", "manual", "automatic"),
			{Name: "Learn Duration", Class: ion.NumericBounded, Unit: "d", Low: minLearnDays, High: maxLearnDays, Default: defaultLearnDays, Doc: "the longest time that learning takes"},
		},
		Outputs: []ion.Output{
			{Name: "Status", Class: ion.Boolean, Doc: "ON during the alarm"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "each start of an alarm"},
		},
		New: func() ion.Behaviour { return &limitAlarm{} },
	}
	learned := func(name, unit, follows, doc string) ion.Output {
		return ion.Output{Name: "Learned " + name, Class: ion.Numeric, Unit: unit, Follows: follows, Doc: doc}
	}
	t.Outputs = append(append(t.Outputs, alarmOutputs()...),
		learned("High", "", "Source", "the High Limit that was learned"), learned("Low", "", "Source", "the Low Limit that was learned"),
		learned("SusUntlON", "s", "", "the SusUntlON that was learned"), learned("SusUntlOFF", "s", "", "the SusUntlOFF that was learned"),
		ion.Output{Name: "Learning", Class: ion.Boolean, Doc: "ON while learning"},
		ion.Output{Name: "Learn Complete", Class: ion.Pulse, Doc: "each end of learning"})
	return t
}

func sustainSetup(name, standard, doc string) ion.Setup {
	return ion.Setup{Name: name, Class: ion.NumericBounded, Unit: "s", Low: 0, High: maxSustain, Form: ion.Elapsed, Default: standard, Doc: doc}
}

// limitAlarm is the behaviour of Setpoint and HS Setpoint.
type limitAlarm struct {
	status   hysteresis
	record   alarm
	learning learning
}

// Check refuses limits the wrong way round, between which Status would have no rest.
func (m *limitAlarm) Check(settings []ion.Value, _ []bool) error {
	if high, low := settings[setHighLimit], settings[setLowLimit]; low.Number > high.Number {
		return fmt.Errorf("low limit %v is above high limit %v: exchange them", low, high)
	}
	return nil
}

func (m *limitAlarm) Start(c *ion.Context) {
	m.record.show(c, outSetpointAlarm)
	m.showLearning(c)
}

// direction is 1 if the alarm is above the limits and -1 if it is below.
func (m *limitAlarm) direction(c *ion.Context) float64 {
	if c.Setting(setEvalMode) == lessThan {
		return -1
	}
	return 1
}

// input returns Source as it is compared.
func (m *limitAlarm) input(c *ion.Context) ion.Value {
	v := c.Input(inSetpointSource)
	if c.Setting(setInputMode) == absoluteInput {
		v.Number = math.Abs(v.Number)
	}
	return v
}

func (m *limitAlarm) Tick(c *ion.Context) {
	v := m.input(c)
	m.learn(c, v)
	switch {
	case c.Setting(setSetpointEnable) == setpointDisabled:
		m.disable(c)
	case !v.Available:
		m.status.wait()
		c.SetNotAvailable(outSetpointStatus)
	default:
		m.evaluate(c, v)
	}
}

func (m *limitAlarm) evaluate(c *ion.Context, v ion.Value) {
	direction := m.direction(c)
	pickup, dropout := c.Setting(setHighLimit), c.Setting(setLowLimit)
	if direction < 0 {
		pickup, dropout = dropout, pickup
	}
	if v.Class == ion.Boolean {
		pickup, dropout = 0.5, 0.5
	}
	score := v.Number * direction
	changed := m.status.turn(c, score > pickup*direction, score < dropout*direction, c.Setting(setSusUntlON), c.Setting(setSusUntlOFF))
	if m.record.see(c, v, score, m.status.picking(), m.status.on) {
		m.record.show(c, outSetpointAlarm)
	}
	c.SetOn(outSetpointStatus, m.status.on)
	if changed {
		raise(c, setSetpointPriority, "Source", v.String(), "Status", c.Output(outSetpointStatus).String())
		if m.status.on {
			c.Pulse(outSetpointTrigger)
		}
	}
}

// raise raises an event with the priority that a setup register has, none for 0.
func raise(c *ion.Context, priority int, cause, causeValue, effect, effectValue string) {
	if p := uint8(c.Setting(priority)); p > 0 {
		c.Raise(p, cause, causeValue, effect, effectValue)
	}
}

func (m *limitAlarm) Disabled(c *ion.Context) {
	m.learn(c, m.input(c))
	m.disable(c)
}

func (m *limitAlarm) disable(c *ion.Context) {
	m.abandon(c, "Enable", "disabled", "disabled while ON")
	c.SetNotAvailable(outSetpointStatus)
}

// abandon ends an alarm for another reason than its Source.
func (m *limitAlarm) abandon(c *ion.Context, cause, value, why string) {
	m.status = hysteresis{}
	if !m.record.on {
		return
	}
	m.record.end(c)
	m.record.show(c, outSetpointAlarm)
	raise(c, setSetpointPriority, cause, value, "Status", why)
}

func (m *limitAlarm) Configured(c *ion.Context, setup int) {
	switch setup {
	case setSetpointPriority, setLearnInstall, setLearnDuration:
		return
	case setEvalMode, setInputMode:
		m.stopLearning(c)
	}
	if setup == setSetpointEnable && c.Setting(setup) == setpointDisabled {
		m.abandon(c, "Enable", "disabled", "disabled while ON")
		return
	}
	m.abandon(c, "", "setup", "setup changed while ON")
}

func (m *limitAlarm) Relinked(c *ion.Context, input int) {
	if input == inSetpointSource {
		m.stopLearning(c)
		m.abandon(c, "Source", "linked elsewhere", "setup changed while ON")
	}
}

// learn serves the pulses of learning, and lets a turn of it pass.
func (m *limitAlarm) learn(c *ion.Context, v ion.Value) {
	if c.Pulses(inStopLearn) > 0 {
		m.stopLearning(c)
	}
	if c.Pulses(inLearnNow) > 0 {
		if v.Class == ion.Boolean {
			c.Raise(ion.PriorityWarning, "Learn Now", "pulsed", "Learning", "a Boolean source has no limits to learn")
			return
		}
		m.learning.begin(c)
		c.Raise(ion.PriorityInformation, "Learn Now", "pulsed", "Learning", "ON")
		m.showLearning(c)
	}
	if m.learning.active && m.learning.turn(c, v.Number, v.Available, m.direction(c), c.Setting(setLearnDuration)*secondsPerDay) {
		c.Raise(ion.PriorityInformation, "Learning", "complete", "Learning", "OFF")
		c.Pulse(outLearnComplete)
		if c.Setting(setLearnInstall) == learnAutomatic {
			m.install(c)
		}
		m.showLearning(c)
	}
}

func (m *limitAlarm) stopLearning(c *ion.Context) {
	if m.learning.active {
		m.learning.stop(c)
		c.Raise(ion.PriorityInformation, "Learning", "stopped", "Learning", "OFF")
		m.showLearning(c)
	}
}

// install writes what was learned to the setup registers.
func (m *limitAlarm) install(c *ion.Context) {
	if !m.learning.usable() {
		c.Raise(ion.PriorityWarning, "Learning", "complete", "High Limit", "not installed: nothing usable was learned")
		return
	}
	m.abandon(c, "Learning", "complete", "setup changed while ON")
	high, low := m.learnedLimits(c)
	for i, x := range [...]float64{high, low, m.learning.sustainS, m.learning.sustainS} {
		if err := c.Configure(setHighLimit+i, strconv.FormatFloat(x, 'g', -1, 64)); err != nil {
			c.Raise(ion.PriorityWarning, "Learning", "complete", "High Limit", "not installed: "+err.Error())
		}
	}
}

// learnedLimits returns what was learned as High Limit and Low Limit.
func (m *limitAlarm) learnedLimits(c *ion.Context) (high, low float64) {
	l := m.learning.limits
	if m.direction(c) < 0 {
		return l.dropout, l.pickup
	}
	return l.pickup, l.dropout
}

func (m *limitAlarm) showLearning(c *ion.Context) {
	c.SetOn(outLearning, m.learning.active)
	if !m.learning.learned || !m.learning.available {
		for output := outLearnedHigh; output <= outLearnedOFF; output++ {
			c.SetNotAvailable(output)
		}
		return
	}
	high, low := m.learnedLimits(c)
	c.Set(outLearnedHigh, high)
	c.Set(outLearnedLow, low)
	c.Set(outLearnedON, m.learning.sustainS)
	c.Set(outLearnedOFF, m.learning.sustainS)
}

const limitAlarmVersion = 1

func (m *limitAlarm) Keep(e *ion.Encoder) {
	e.Uint(limitAlarmVersion)
	m.record.keep(e)
	m.learning.keep(e)
}

func (m *limitAlarm) Restore(d *ion.Decoder) {
	d.Version(limitAlarmVersion)
	m.record.restore(d)
	m.learning.restore(d)
}
