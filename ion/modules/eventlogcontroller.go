package modules

import "github.com/hepmeter/hepmeter/ion"

// Setup registers of the Event Log Controller, by label, for the meter that keeps the
// log.
const (
	EventLogDepth  = "Event Log Controller/Depth"
	EventLogCutoff = "Event Log Controller/Cutoff"
)

const outEventLog = 0

func eventLogController() ion.Type {
	return ion.Type{
		Number: numberEventLogController, Name: "Event Log Controller", Kind: ion.Core,
		Doc: "Decides which events are logged: those with a priority above Cutoff, from every module and from the meter itself. " +
			"With the factory's cutoff a plain reset (priority 5) is not. The log is a ring of Depth events; changing Depth erases it, " +
			"and the numbers of events go on. Priorities 0 to 63 inform, 64 to 127 are low alarms, 128 to 191 medium, 192 to 255 high.",
		Source: "ION Reference, Event Log Controller module; user manual ION9000, syslog event log priority",
		Setups: []ion.Setup{
			{Name: "Depth", Class: ion.NumericBounded, Low: 0, High: maxEventDepth, Whole: true, Default: defaultEventDepth,
				Doc: "events that the log holds; 0 logs nothing"},
			{Name: "Cutoff", Class: ion.NumericBounded, Low: 0, High: 255, Whole: true, Default: defaultEventCutoff,
				Doc: "events of this priority and below are not logged"},
			{Name: "Designated Reader", Class: ion.String, MaxLength: ownerTextBytes, Doc: "the account whose reading marks events as read"},
			enumerated("Enable Syslog", "no", "sends logged events to the Syslog Server of the Ethernet module, as the Enable Syslog there does", "no", "yes"),
		},
		Outputs: []ion.Output{{Name: "Event Log", Class: ion.Log, Doc: "the log; shows how many events it holds"}},
		New:     func() ion.Behaviour { return eventLogging{} },
	}
}

type eventLogging struct{}

func (eventLogging) Tick(c *ion.Context) { c.SetLogged(outEventLog, c.Status().LoggedEvents) }
