package modules

import "github.com/hepmeter/hepmeter/ion"

const (
	inOneShotEnable = iota
	inOneShotStart
)

const setDuration = 0

const (
	outOneShotState = iota
	outOneShotTrigger
)

func oneShotTimer() ion.Type {
	return ion.Type{
		Number: numberOneShotTimer, Name: "One-Shot Timer", Kind: ion.Standard,
		Doc: "A Start pulse makes State ON for Duration; Trigger is pulsed at the end. Start is ignored while State is ON; a Start in the " +
			"turn in which a run ends begins the next. Enable OFF lets a run finish and ignores Start. Setting the clock does not move " +
			"the end. After power-up and after a change of the setup no run is under way.",
		Source: "ION Reference (7EN02-0290), One-Shot Timer module",
		Inputs: []ion.Input{enableInput(), {Name: "Start", Classes: []ion.Class{ion.Pulse}, Mandatory: true}},
		Setups: []ion.Setup{{Name: "Duration", Class: ion.NumericBounded, Unit: "s", Low: 1, High: maxDuration, Whole: true, Form: ion.Elapsed,
			Default: defaultDuration, Doc: "how long State is ON"}},
		Outputs: []ion.Output{
			{Name: "State", Class: ion.Boolean, Doc: "ON while a run is under way"},
			{Name: "Trigger", Class: ion.Pulse, Doc: "the end of a run"},
		},
		New: func() ion.Behaviour { return &oneShot{} },
	}
}

// oneShot is the behaviour of the One-Shot Timer.
type oneShot struct {
	running bool
	startS  float64 // uptime
}

func (m *oneShot) Start(c *ion.Context) {
	*m = oneShot{}
	c.SetOn(outOneShotState, false)
}

func (m *oneShot) Tick(c *ion.Context) {
	m.Disabled(c)
	if !m.running && c.Pulses(inOneShotStart) > 0 {
		m.running, m.startS = true, c.UptimeS
		c.SetOn(outOneShotState, true)
	}
}

// Disabled ends a run when its time has come.
func (m *oneShot) Disabled(c *ion.Context) {
	if m.running && lasted(c, m.startS, c.Setting(setDuration)) {
		m.running = false
		c.SetOn(outOneShotState, false)
		c.Pulse(outOneShotTrigger)
	}
}
