package ion

import (
	"fmt"
	"slices"
	"time"
)

// MaxAlerts is how many alerts wait in the outbox.
const MaxAlerts = 100

// Alert is a message that a module wants to be sent to people or programs outside.
type Alert struct {
	Sequence uint64    // from 1; a number is never given twice
	Time     time.Time // UTC
	Module   string    // label of the module that raised it
	// Type is how it goes, such as "e-mail"; Destination to whom, in the form of that
	// type; empty means the transport's own.
	Type, Destination string
	Text              string
}

// outbox holds the alerts that no transport has sent yet. It survives a power cut.
type outbox struct {
	alerts  []Alert // the oldest first
	next    uint64  // number of the next, 0 counts as 1
	changed bool
}

// Alert puts an alert of the module into the outbox and reports whether there was
// room for it.
func (c *Context) Alert(kind, destination, text string) bool {
	box := &c.node.outbox
	if len(box.alerts) >= MaxAlerts {
		return false
	}
	box.next = max(1, box.next)
	box.alerts = append(box.alerts, Alert{box.next, c.Now.UTC(), c.module.label, kind, destination, text})
	box.next++
	box.changed = true
	return true
}

// Outbox returns the alerts that wait to be sent, the oldest first.
func (n *Node) Outbox() []Alert { return slices.Clone(n.outbox.alerts) }

// Sent takes an alert out of the outbox; one that is not there does no harm.
func (n *Node) Sent(sequence uint64) {
	before := len(n.outbox.alerts)
	n.outbox.alerts = slices.DeleteFunc(n.outbox.alerts, func(a Alert) bool { return a.Sequence == sequence })
	n.outbox.changed = n.outbox.changed || len(n.outbox.alerts) != before
}

const outboxVersion = 1

func (box *outbox) keep() []byte {
	e := &Encoder{}
	e.Uint(outboxVersion)
	e.Uint(box.next)
	e.Uint(uint64(len(box.alerts)))
	for _, a := range box.alerts {
		e.Uint(a.Sequence)
		e.Int(a.Time.UnixNano())
		for _, text := range []string{a.Module, a.Type, a.Destination, a.Text} {
			e.Text(text)
		}
	}
	return e.bytes
}

func (box *outbox) restore(state []byte) error {
	d := &Decoder{bytes: state}
	d.Version(outboxVersion)
	restored := outbox{next: d.Uint()}
	count := d.Uint()
	if count > MaxAlerts {
		d.Fail(fmt.Errorf("the outbox has %d alerts, at most %d", count, MaxAlerts))
	}
	for range count {
		if d.err != nil {
			break
		}
		restored.alerts = append(restored.alerts, Alert{d.Uint(), time.Unix(0, d.Int()).UTC(), d.Text(), d.Text(), d.Text(), d.Text()})
	}
	if err := d.Err(); err != nil {
		return err
	}
	*box = restored
	return nil
}
