package syslog

import (
	"errors"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// outage is what the sender knows of a time in which events do not arrive.
type outage struct {
	target access.ForwardTarget
	since  time.Time
	// failures are tries that failed in a row; raised tells that there is an event of it,
	// and latest when there last was one.
	failures int
	raised   bool
	latest   time.Time
}

const (
	// shortest and longest are the pauses between tries.
	shortest = time.Second
	longest  = time.Minute
	// failuresOfOutage is how many tries fail before it is an outage: a server may close a
	// connection that is idle, or start again.
	failuresOfOutage = 2
	// quiet is the least time between two events of outages. These events are sent, too: a
	// server that dies of every message must not make more of them.
	quiet = 15 * time.Minute
)

// of forgets what was known of another target.
func (o *outage) of(t access.ForwardTarget) {
	if o.target != t {
		*o = outage{target: t}
	}
}

// pause is how long to wait for the next try: twice as long each time, less up to half of
// it by chance, so that the meters of a site do not all come at once.
func (o *outage) pause(jitter float64) time.Duration {
	d := longest
	if n := max(o.failures-1, 0); n < 6 {
		d = min(shortest<<n, longest)
	}
	return d - time.Duration(jitter*float64(d)/2)
}

// failed notes a try that failed.
func (s *Sender) failed(to access.ForwardTarget, err error) {
	o, now := &s.outage, s.options.Now()
	if o.failures == 0 {
		o.since = now
	}
	o.failures++
	if wrong := (logError{}); errors.As(err, &wrong) {
		s.options.Log.Warn("syslog: the event log cannot be read", "err", err)
		return
	}
	if o.failures < failuresOfOutage || o.raised || !o.latest.IsZero() && now.Sub(o.latest) < quiet {
		s.options.Log.Debug("syslog: nothing was sent", "server", to.String(), "err", err)
		return
	}
	o.raised, o.latest = true, now
	s.options.Log.Warn("syslog: the server takes no events; they wait in the event log", "server", to.String(), "err", err)
	s.forward.Unreachable(to, err)
}

// delivered notes that events arrive.
func (s *Sender) delivered(to access.ForwardTarget) {
	o := &s.outage
	if o.raised {
		away := s.options.Now().Sub(o.since)
		s.options.Log.Info("syslog: events arrive again", "server", to.String(), "after", away.Round(time.Second))
		s.forward.Reachable(to, away)
	}
	o.failures, o.raised = 0, false
}
