package modules

import (
	"math"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inPeriodicEnable = iota
	inPeriodicSync
)

const (
	setPeriod = iota
	setSyncMode
)

const outPeriodicTrigger = 0

const triggerOnSync = 0 // option of Sync Mode

func periodicTimer() ion.Type {
	return ion.Type{
		Number: numberPeriodicTimer, Name: "Periodic Timer", Kind: ion.Standard,
		Doc: "Pulses Trigger at the end of every Period. Until the first Sync pulse the periods align with the hour of the clock (UTC): " +
			"they end at the multiples of Period since 1970 began. Several ends within one turn make as many pulses. A clock that is " +
			"set forward makes no more pulses than the time that really passed can hold, and one for an end that was jumped over; over " +
			"an end that lies up to one Period back no pulse comes twice; set back further, the periods follow the clock anew. " +
			"A Sync pulse restarts the timing, which then follows the seconds that the meter runs, whatever becomes of the clock, until " +
			"power-up or a change of the setup; if a period ends in the same turn, that makes no second pulse. It is an event of priority 5. " +
			"While Enable is OFF there are no pulses and Sync is ignored, and the timing goes on.",
		Source: "ION Reference (7EN02-0290), Periodic Timer module; the rules of clock steps are ours",
		Inputs: []ion.Input{enableInput(), pulseInput("Sync")},
		Setups: []ion.Setup{
			{Name: "Period", Class: ion.NumericBounded, Unit: "s", Low: 1, High: maxDuration, Whole: true, Form: ion.Elapsed, Default: defaultPeriod,
				Doc: "length of a period"},
			enumerated("Sync Mode", "trigger on sync", "whether a Sync pulse pulses Trigger, too", "trigger on sync", "no trig on sync"),
		},
		Outputs: []ion.Output{{Name: "Trigger", Class: ion.Pulse, Doc: "the end of each period"}},
		New:     func() ion.Behaviour { return &periods{} },
	}
}

// periods is the behaviour of the Periodic Timer.
type periods struct {
	running bool
	synced  bool
	syncS   float64 // uptime of the latest Sync
	ended   int64   // periods that had ended at the latest turn, since 1970 or syncS
	latestS float64 // uptime of the latest turn
}

func (m *periods) Start(*ion.Context) { *m = periods{} }

func (m *periods) Tick(c *ion.Context) {
	pulses := m.passed(c)
	if syncs := int64(c.Pulses(inPeriodicSync)); syncs > 0 {
		m.synced, m.syncS, m.ended = true, c.UptimeS, 0
		if c.Setting(setSyncMode) == triggerOnSync {
			pulses = max(pulses, syncs)
		}
		c.Raise(ion.PriorityReset, "Sync", "pulsed", "", "synchronised")
	}
	c.PulseTimes(outPeriodicTrigger, pulses)
}

// Disabled lets the periods pass.
func (m *periods) Disabled(c *ion.Context) { m.passed(c) }

// passed returns how many periods ended since the latest turn.
func (m *periods) passed(c *ion.Context) int64 {
	period := c.Setting(setPeriod)
	ended := int64(math.Floor(float64(c.Now.Unix()) / period))
	if m.synced {
		ended = int64((c.UptimeS - m.syncS + halfTurn) / period)
	}
	held := int64((c.UptimeS-m.latestS)/period) + 1
	m.latestS = c.UptimeS
	before, running := m.ended, m.running
	if running && ended == before-1 {
		return 0 // set back over one end, which is not to come twice
	}
	m.running, m.ended = true, ended
	if !running {
		return 0
	}
	return min(ended-before, held)
}
