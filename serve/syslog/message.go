package syslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hepmeter/hepmeter/access"
)

// What every message has (RFC 5424 6.2). local0 is the facility that every receiver knows
// by name and leaves to the site.
const (
	facility = 16
	appName  = "hepmeter"
	// sdID names what the project adds to structured data. It has no enterprise number, and
	// takes the one that is for examples (RFC 5612).
	sdID = "event@32473"
)

// Lengths of messages in octets: what every receiver must take by UDP (RFC 5426 3.2), and
// what common receivers take in a stream without being told to.
const (
	maxDatagram = 2048
	maxStream   = 8192
)

// severity is that of an event's priority (user manual ION9000, syslog event log priority).
func severity(priority uint8) int {
	switch {
	case priority >= 192:
		return 2 // critical
	case priority >= 128:
		return 4 // warning
	case priority >= 64:
		return 5 // notice
	}
	return 6 // informational
}

// station is what the messages of one meter have in common.
type station struct {
	host, process, serial, firmware string
}

// message is one message before it is cut to what a transport takes.
type message struct {
	priority uint8
	time     time.Time
	kind     string // MSGID
	params   []param
	text     string
}

type param struct{ name, value string }

// ofEvent is the message of an event.
func ofEvent(e access.Event) message {
	m := message{priority: e.Priority, time: e.Time, kind: kindOf(e), text: sentence(e)}
	m.params = []param{{"sequence", strconv.FormatUint(e.Sequence, 10)}, {"priority", strconv.Itoa(int(e.Priority))},
		{"cause", e.Cause}, {"causeValue", e.CauseValue}, {"effect", e.Effect}, {"effectValue", e.EffectValue}, {"user", e.User}, {"origin", e.Origin}}
	return m
}

// priorityLost is the priority of a message that tells of lost events.
const priorityLost = 128

// ofLoss tells that events up to last are in the log no more.
func ofLoss(lost, last uint64, now time.Time) message {
	text := fmt.Sprintf("%d events, up to number %d, left the event log before they could be sent", lost, last)
	if lost == 1 {
		text = fmt.Sprintf("1 event, number %d, left the event log before it could be sent", last)
	}
	return message{priority: priorityLost, time: now, kind: "lost", text: text,
		params: []param{{"lost", strconv.FormatUint(lost, 10)}, {"sequence", strconv.FormatUint(last, 10)}, {"priority", strconv.Itoa(priorityLost)}}}
}

// ofTest is the message that somebody asked for.
func ofTest(by access.By, now time.Time) message {
	return message{time: now, kind: "test", text: "test message" + whose(by.User, by.Origin),
		params: []param{{"priority", "0"}, {"user", by.User}, {"origin", by.Origin}}}
}

// sentence tells an event to people.
func sentence(e access.Event) string {
	text := fmt.Sprintf("%s %s: %s %s", e.Cause, e.CauseValue, e.Effect, e.EffectValue)
	if e.Cause == e.Effect {
		text = fmt.Sprintf("%s changed from %q to %q", e.Effect, e.CauseValue, e.EffectValue)
	}
	return text + whose(e.User, e.Origin)
}

func whose(user, origin string) string {
	text := ""
	if user != "" {
		text += ", by " + user
	}
	if origin != "" {
		text += ", from " + origin
	}
	return text
}

// kindOf is the MSGID of an event: by it a receiver tells kinds of events apart.
func kindOf(e access.Event) string {
	switch e.CauseValue {
	case "valid login", "invalid login", "login while locked out":
		return "login"
	case "lockout":
		return "lockout"
	case "factory access":
		return "factory"
	}
	switch {
	case e.EffectValue == "refused" || strings.HasPrefix(e.EffectValue, "refused "):
		return "refused"
	case e.Cause == e.Effect && e.Cause != "":
		return "setup"
	}
	switch e.Cause {
	case "Clock", "Power Up", "Program", "Security", "Source", "Storage", "Syslog":
		return strings.ToLower(strings.ReplaceAll(e.Cause, " ", "-"))
	}
	return "event"
}

// encode is the message as it goes out, of at most limit octets. What is too long loses
// the end of its texts, never a field.
func (s station) encode(m message, limit int) []byte {
	at := "-"
	if y := m.time.UTC().Year(); !m.time.IsZero() && y > 0 && y <= 9999 {
		at = m.time.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	b := fmt.Appendf(nil, "<%d>1 %s %s %s %s %s ", facility*8+severity(m.priority), at, field(s.host, 255), appName, field(s.process, 128), field(m.kind, 32))
	// Six texts of a tenth each leave room for the header (462 octets at most), their names
	// and some of the sentence.
	room := limit / 10
	b = fmt.Appendf(b, `[origin software="%s"`, appName)
	b = appendParam(b, param{"swVersion", s.firmware}, 32)
	b = append(b, "]["+sdID...)
	b = appendParam(b, param{"meter", s.serial}, 64)
	for _, p := range m.params {
		b = appendParam(b, p, room)
	}
	b = append(b, "] "...)
	text := clean(m.text)
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		b = append(b, "\ufeff"...) // what is more than ASCII says that it is UTF-8
	}
	return append(b, cut(text, limit-len(b))...)
}

// appendParam adds a parameter of up to room octets, escaped; nothing where it is empty.
func appendParam(b []byte, p param, room int) []byte {
	if p.value == "" {
		return b
	}
	b = append(b, " "+p.name+`="`...)
	for _, r := range clean(p.value) {
		octets := utf8.RuneLen(r)
		escape := r == '"' || r == '\\' || r == ']' // RFC 5424 6.3.3
		if escape {
			octets++
		}
		if room -= octets; room < 0 {
			break
		}
		if escape {
			b = append(b, '\\')
		}
		b = utf8.AppendRune(b, r)
	}
	return append(b, '"')
}

// clean replaces what could look like another message, or turn the order of a line on a
// terminal, and what is no UTF-8.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '?'
		}
		return r
	}, text)
}

// cut shortens text to at most n octets, between characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n = max(n, 0); n > 0 && !utf8.RuneStart(text[n]); n-- {
	}
	return text[:n]
}

// field is a field of the header: printable ASCII without spaces, "-" for none.
func field(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}
