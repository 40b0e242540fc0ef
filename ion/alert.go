package ion

import "time"

// MaxAlerts is how many alerts wait in the outbox until TakeChanges takes them.
const MaxAlerts = 100

// Alert is a message that a module wants to be sent to people or programs outside.
type Alert struct {
	Time   time.Time // UTC
	Module string    // label of the module that raised it
	// Type is how it goes, such as "e-mail"; Destination to whom, in the form of that
	// type; empty means the transport's own.
	Type, Destination string
	Text              string
}

// Alert puts an alert of the module into the outbox and reports whether there was
// room for it.
func (c *Context) Alert(kind, destination, text string) bool {
	ch := &c.node.changes
	if len(ch.Alerts) >= MaxAlerts {
		return false
	}
	ch.Alerts = append(ch.Alerts, Alert{c.Now.UTC(), c.module.label, kind, destination, text})
	return true
}
