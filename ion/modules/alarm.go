package modules

import (
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// alarm is the record of a setpoint's latest alarm: when it was ON, and the extreme of
// its pickup delay and of the whole.
type alarm struct {
	on             bool
	startNs, endNs int64 // since 1970; 0 while there is none
	pickup, whole  peak
	pending        peak // of a pickup delay that is running
}

// peak is the value with the highest score so far.
type peak struct {
	held         bool
	value, score float64
	stampNs      int64
}

// see takes up a value and reports whether it is a new peak.
func (p *peak) see(value, score float64, stampNs int64) bool {
	if p.held && score <= p.score {
		return false
	}
	*p = peak{true, value, score, stampNs}
	return true
}

// Outputs of the record, from the position that a type gives them.
const (
	outAlarmStart = iota
	outAlarmEnd
	outPickupExtreme
	outAlarmExtreme
	alarmOutputCount
)

func alarmOutputs() []ion.Output {
	return []ion.Output{
		{Name: "Alarm Start", Class: ion.TimeStamp, Doc: "when Status last became ON"},
		{Name: "Alarm End", Class: ion.TimeStamp, Doc: "when that alarm ended; NOT AVAILABLE until then"},
		{Name: "Pickup Extreme", Class: ion.Numeric, Follows: "Source", Doc: "the extreme of Source in the pickup delay of that alarm, with its time"},
		{Name: "Alarm Extreme", Class: ion.Numeric, Follows: "Source", Doc: "the extreme of Source from the pickup delay to the end, with its time"},
	}
}

// see takes up a value of Source. score tells how far out it is; picking and on are the
// state of the setpoint after this value. It reports whether the record changed.
func (a *alarm) see(c *ion.Context, v ion.Value, score float64, picking, on bool) (changed bool) {
	switch {
	case on && !a.on:
		a.pending.see(v.Number, score, v.StampNs)
		*a = alarm{on: true, startNs: c.Now.UnixNano(), pickup: a.pending, whole: a.pending}
	case on:
		if !a.whole.see(v.Number, score, v.StampNs) {
			return false
		}
	case a.on:
		a.end(c)
	case picking:
		a.pending.see(v.Number, score, v.StampNs)
		return false
	default:
		a.pending = peak{}
		return false
	}
	c.Changed()
	return true
}

// end closes the record of an alarm that is ON.
func (a *alarm) end(c *ion.Context) {
	a.on, a.endNs, a.pending = false, c.Now.UnixNano(), peak{}
	c.Changed()
}

// show shows the record in the outputs from first on.
func (a *alarm) show(c *ion.Context, first int) {
	for i, ns := range [...]int64{a.startNs, a.endNs} {
		if ns == 0 {
			c.SetNotAvailable(first + outAlarmStart + i)
		} else {
			c.SetTime(first+outAlarmStart+i, time.Unix(0, ns))
		}
	}
	for i, p := range [...]peak{a.pickup, a.whole} {
		if p.held {
			c.SetAt(first+outPickupExtreme+i, p.value, p.stampNs)
		} else {
			c.SetNotAvailable(first + outPickupExtreme + i)
		}
	}
}

func (a *alarm) keep(e *ion.Encoder) {
	e.Int(a.startNs)
	e.Int(a.endNs)
	for _, p := range []peak{a.pickup, a.whole} {
		e.Bool(p.held)
		e.Float(p.value)
		e.Int(p.stampNs)
	}
}

// restore puts back the record. An alarm that was ON at the power cut has no end.
func (a *alarm) restore(d *ion.Decoder) {
	a.startNs, a.endNs = d.Int(), d.Int()
	for _, p := range []*peak{&a.pickup, &a.whole} {
		p.held, p.value, p.stampNs = d.Bool(), d.Float(), d.Int()
	}
}
