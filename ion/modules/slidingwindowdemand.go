package modules

import (
	"math"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

const (
	inDemandSource = iota
	inDemandEnable
	inDemandSync
	inDemandReset
)

const (
	setSubIntvl = iota
	setSubIntvls
	setPredResp
	setUpdateRate
)

const (
	outSWinDemand = iota
	outPredDemand
	outTimeLeft
	outIntervalEnd
)

// tolerated is how late after its boundary a sub-interval may begin and be whole, and
// how much of it may be missing: up to a second until the tick comes, and a second by
// which the clock may be corrected.
const tolerated = 2 * time.Second

func slidingWindowDemand() ion.Type {
	return ion.Type{
		Number: numberSlidingWindowDemand, Name: "Sliding Window Demand", Kind: ion.Standard,
		Doc: "Mean of Source over the last completed sub-intervals, and a prediction of the mean at the end of the present one. " +
			"Sub-intervals align to the clock (UTC), or end at each pulse of Sync when that is linked, which is an event of priority 5. A sub-interval that is not " +
			"whole - the one in which the meter powered up, was reset or enabled, or in which the clock stepped by more than a " +
			"second, time passed unmeasured or Source was NOT AVAILABLE - never counts: SWinDemand is NOT AVAILABLE until #SubIntvls whole ones have passed. " +
			"While Enable is OFF all outputs are NOT AVAILABLE.",
		Source: "ION Reference (7EN02-0290), Sliding Window Demand module; the rules of incomplete intervals are ours",
		Inputs: []ion.Input{sourceInput("Source"), enableInput(), pulseInput("Sync"), pulseInput("Reset")},
		Setups: []ion.Setup{
			{Name: "Sub Intvl", Class: ion.NumericBounded, Unit: "s", Form: ion.Elapsed, Low: 1, High: maxSubInterval, Whole: true, Default: defaultSubInterval, Doc: "length of a sub-interval"},
			{Name: "#SubIntvls", Class: ion.NumericBounded, Low: 1, High: maxSubIntervals, Whole: true, Default: "1", Doc: "sub-intervals in the window"},
			{Name: "Pred Resp", Class: ion.NumericBounded, Unit: "%", Low: 1, High: 99, Default: defaultPredResponse,
				Doc: "how fast the prediction follows a change of Source: the part of a step taken up within a fifteenth of a sub-interval"},
			enumerated("Update Rate", "end of sub-interval", "when SWinDemand changes; every second slides the window with the second", "end of sub-interval", "every second"),
		},
		Outputs: []ion.Output{
			{Name: "SWinDemand", Class: ion.Numeric, Follows: "Source", Doc: "mean over the window"},
			{Name: "PredDemand", Class: ion.Numeric, Follows: "Source", Doc: "what SWinDemand will be at the end of the sub-interval"},
			{Name: "Time Left", Class: ion.Numeric, Unit: "s", Doc: "time to the end of the sub-interval; NOT AVAILABLE with Sync"},
			{Name: "Interval End", Class: ion.Pulse, Doc: "the end of each sub-interval"},
		},
		New: func() ion.Behaviour { return &demand{} },
	}
}

// subInterval is the integral of Source over measured time.
type subInterval struct {
	integral, seconds float64
	whole             bool
}

// demand is the behaviour of Sliding Window Demand.
type demand struct {
	running  bool
	start    time.Time // of the present sub-interval
	end      time.Time // the clock's next boundary; zero with Sync
	present  subInterval
	past     [maxSubIntervals]subInterval // newest first
	smooth   float64                      // Source as the prediction sees it
	smoothed bool
	latest   float64 // SWinDemand of the last end; NaN if there is none
}

func (m *demand) length(c *ion.Context) time.Duration {
	return time.Duration(c.Setting(setSubIntvl)) * time.Second
}

// late returns how long ago the latest boundary of the clock was.
func (m *demand) late(c *ion.Context) time.Duration {
	return c.Now.Sub(c.Now.Truncate(m.length(c)))
}

// begin starts a sub-interval, whole or not.
func (m *demand) begin(c *ion.Context, whole bool) {
	m.present = subInterval{whole: whole}
	m.start, m.end = c.Now, time.Time{}
	if !c.Linked(inDemandSync) {
		m.end = c.Now.Truncate(m.length(c)).Add(m.length(c))
	}
}

// restart begins anew. Only by chance is that at a boundary.
func (m *demand) restart(c *ion.Context) {
	*m = demand{running: true, latest: math.NaN()}
	m.begin(c, !c.Linked(inDemandSync) && m.late(c) < time.Second)
}

// Start and Reset forget all that was gathered.

func (m *demand) Start(*ion.Context) { *m = demand{} }

func (m *demand) Reset(*ion.Context) { *m = demand{} }

func (m *demand) Disabled(c *ion.Context) {
	*m = demand{}
	for output := outSWinDemand; output <= outTimeLeft; output++ {
		c.SetNotAvailable(output)
	}
}

func (m *demand) Tick(c *ion.Context) {
	if !m.running {
		m.restart(c) // the second that ends now began before the module did
		m.show(c, false)
		return
	}
	x, available := c.Number(inDemandSource)
	available = available && c.Elapsed > 0
	if available {
		m.add(c, x)
	} else {
		m.present.whole = false
	}
	switch {
	case c.ClockStep != 0:
		m.present.whole = false
		m.close(c, false)
	case m.end.IsZero():
		if c.Pulses(inDemandSync) > 0 {
			m.close(c, true)
			c.Raise(ion.PriorityReset, "Sync", "pulsed", "", "synchronised")
		}
	case !c.Now.Before(m.end):
		m.close(c, m.late(c) < tolerated)
	}
	m.show(c, available)
}

// add counts a second's value.
func (m *demand) add(c *ion.Context, x float64) {
	m.present.integral += x * c.Elapsed
	m.present.seconds += c.Elapsed
	if !m.smoothed {
		m.smooth, m.smoothed = x, true
		return
	}
	left := 1 - c.Setting(setPredResp)/100
	m.smooth = x + (m.smooth-x)*math.Pow(left, c.Elapsed/(predictionSpan*c.Setting(setSubIntvl)))
}

// close ends the present sub-interval and starts the next. One in which more time
// passed than was measured is not whole.
func (m *demand) close(c *ion.Context, nextWhole bool) {
	if passed := c.Now.Sub(m.start).Seconds(); math.Abs(passed-m.present.seconds) > tolerated.Seconds() {
		m.present.whole = false
	}
	copy(m.past[1:], m.past[:])
	m.past[0] = m.present
	m.latest = total(subInterval{whole: true}, m.past[:int(c.Setting(setSubIntvls))]).mean()
	m.begin(c, nextWhole)
	c.Pulse(outIntervalEnd)
}

// total returns sub-intervals together with an amount; it is whole if all are.
func total(amount subInterval, parts []subInterval) subInterval {
	for _, p := range parts {
		amount.integral += p.integral
		amount.seconds += p.seconds
		amount.whole = amount.whole && p.whole
	}
	return amount
}

// mean returns the mean of Source, NaN unless the sub-interval is whole.
func (s subInterval) mean() float64 {
	if !s.whole {
		return math.NaN()
	}
	return s.integral / s.seconds
}

func (m *demand) show(c *ion.Context, available bool) {
	timeLeft := math.NaN()
	if !m.end.IsZero() {
		timeLeft = m.end.Sub(c.Now).Seconds()
	}
	c.Set(outTimeLeft, timeLeft)
	if !available {
		c.SetNotAvailable(outSWinDemand)
		c.SetNotAvailable(outPredDemand)
		return
	}
	value := m.latest
	if c.Setting(setUpdateRate) == 1 {
		value = m.sliding(c)
	}
	c.Set(outSWinDemand, value)
	c.Set(outPredDemand, m.predicted(c, timeLeft))
}

// sliding returns the mean over a window that ends now: of the oldest sub-interval
// only the part that is still inside counts.
func (m *demand) sliding(c *ion.Context) float64 {
	count := int(c.Setting(setSubIntvls))
	if !m.present.whole || math.IsNaN(m.latest) {
		return m.latest
	}
	oldest := m.past[count-1]
	inside := max(0, 1-m.present.seconds/oldest.seconds)
	ends := subInterval{m.present.integral + oldest.integral*inside, m.present.seconds + oldest.seconds*inside, true}
	return total(ends, m.past[:count-1]).mean()
}

// predicted returns the mean at the end of the present sub-interval if Source stays
// as the prediction sees it.
func (m *demand) predicted(c *ion.Context, timeLeft float64) float64 {
	if math.IsNaN(timeLeft) {
		timeLeft = max(0, c.Setting(setSubIntvl)-m.present.seconds)
	}
	atEnd := subInterval{m.present.integral + m.smooth*timeLeft, m.present.seconds + timeLeft, true}
	return total(atEnd, m.past[:int(c.Setting(setSubIntvls))-1]).mean()
}
