package modules

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// Inputs of the Alert: the sources come first.
const (
	inAlertTrigger = alertSources
	inAlertEnable  = alertSources + 1
)

const (
	setAlertType = iota
	setDestination
	setMessage
)

const (
	outAlertCount = iota
	outAlertQueued
)

func alert() ion.Type {
	t := ion.Type{
		Number: numberAlert, Name: "Alert", Kind: ion.Standard,
		Doc: "At a Trigger pulse puts one alert into the meter's outbox, from which a transport of its type takes it; several pulses in one turn make " +
			"one alert. Message is the text: {1} to {8} stand for what Source 1 to 8 hold (N/A if that is NOT AVAILABLE), {label} for the label of the module; a single " +
			"brace is written twice. A source that Message asks for and that is not linked keeps the module offline. Each alert is an " +
			fmt.Sprintf("event of priority 25 that says that it was queued; when %d wait already, it is dropped and a warning says so. ", ion.MaxAlerts) +
			"While Enable is OFF Trigger is ignored. Alert Count and the outbox survive a power cut.",
		Source: "ION Reference (7EN02-0290) and Siemens 9300 guide, Alert module; the message template and the newer types are ours",
		Setups: []ion.Setup{
			enumerated("Alert Type", "e-mail", "how it goes", "e-mail", "ION alert", "syslog", "SNMP trap", "ASCII", "numeric pager", "alphanumeric pager"),
			{Name: "Destination", Class: ion.String, MaxLength: destinationBytes, Doc: "to whom, in the form of the type; empty: where the transport's own setup says"},
			{Name: "Message", Class: ion.String, MaxLength: alertBytes, Default: "{label}", Doc: "the text",
				Check: func(text string) error { _, err := parseMessage(text); return err }},
		},
		Outputs: []ion.Output{
			{Name: "Alert Count", Class: ion.Numeric, Doc: "alerts that were queued, ever"},
			{Name: "Queued", Class: ion.Pulse, Doc: "an alert was queued"},
		},
		New: func() ion.Behaviour { return &alerting{} },
	}
	for i := 1; i <= alertSources; i++ {
		t.Inputs = append(t.Inputs, ion.Input{Name: fmt.Sprintf("Source %d", i), Unlinked: "Message may not ask for it",
			Classes: []ion.Class{ion.Numeric, ion.Boolean, ion.String, ion.NumericBounded, ion.Enumerated, ion.TimeStamp}})
	}
	t.Inputs = append(t.Inputs, ion.Input{Name: "Trigger", Classes: []ion.Class{ion.Pulse}, Mandatory: true}, enableInput())
	return t
}

// messagePart is a piece of text, or what stands for something.
type messagePart struct {
	text   string
	source int // from 1; 0 is text, messageLabel the module's label
}

const messageLabel = -1

var errBrace = errors.New("a brace stands alone: write {1} to {8}, {label}, or {{ and }} for braces")

// parseMessage reads the template of a message.
func parseMessage(text string) ([]messagePart, error) {
	var parts []messagePart
	for text != "" {
		at := strings.IndexAny(text, "{}")
		switch {
		case at < 0:
			return append(parts, messagePart{text: text}), nil
		case at > 0:
			parts = append(parts, messagePart{text: text[:at]})
		case len(text) > 1 && text[1] == text[0]:
			parts = append(parts, messagePart{text: text[:1]})
			at = 2
		case text[0] == '}':
			return nil, errBrace
		default:
			name, _, ok := strings.Cut(text[1:], "}")
			switch {
			case !ok:
				return nil, errBrace
			case strings.EqualFold(name, "label"):
				parts = append(parts, messagePart{source: messageLabel})
			case len(name) == 1 && name[0] >= '1' && name[0] <= '0'+alertSources:
				parts = append(parts, messagePart{source: int(name[0] - '0')})
			default:
				return nil, fmt.Errorf("{%s} stands for nothing: write {1} to {%d} or {label}", name, alertSources)
			}
			at = len(name) + 2
		}
		text = text[at:]
	}
	return parts, nil
}

// alerting is the behaviour of the Alert.
type alerting struct {
	message []messagePart
	count   int64
}

func (*alerting) Check(settings []ion.Value, linked []bool) error {
	parts, err := parseMessage(settings[setMessage].Text)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	for _, p := range parts {
		if p.source > 0 && !linked[p.source-1] {
			return fmt.Errorf("message asks for Source %d, which is not linked", p.source)
		}
	}
	return nil
}

func (m *alerting) Start(c *ion.Context) {
	m.message, _ = parseMessage(c.SettingText(setMessage)) // Check has seen it
	c.Set(outAlertCount, float64(m.count))
}

func (m *alerting) Tick(c *ion.Context) {
	if c.Pulses(inAlertTrigger) == 0 {
		return
	}
	kind, text := c.SettingText(setAlertType), m.text(c)
	if !c.Alert(kind, c.SettingText(setDestination), text) {
		c.Raise(ion.PriorityWarning, "Trigger", "pulsed", "Queued", kind+" dropped, the outbox is full: "+text)
		return
	}
	m.count++
	c.Set(outAlertCount, float64(m.count))
	c.Pulse(outAlertQueued)
	c.Raise(ion.PriorityInformation, "Trigger", "pulsed", "Queued", kind+": "+text)
	c.Changed()
}

// text is the message with what its sources hold.
func (m *alerting) text(c *ion.Context) string {
	var b strings.Builder
	for _, p := range m.message {
		switch p.source {
		case 0:
			b.WriteString(p.text)
		case messageLabel:
			b.WriteString(c.Label())
		default:
			b.WriteString(c.Input(p.source - 1).String())
			if unit := c.InputUnit(p.source - 1); unit != "" {
				b.WriteString(" " + unit)
			}
		}
	}
	return b.String()
}

const alertingVersion = 1

func (m *alerting) Keep(e *ion.Encoder) {
	e.Uint(alertingVersion)
	e.Int(m.count)
}

func (m *alerting) Restore(d *ion.Decoder) {
	d.Version(alertingVersion)
	m.count = d.Int()
}
