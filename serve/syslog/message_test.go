package syslog

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/hepmeter/hepmeter/access"
)

var here = station{host: "site-7.example", process: "4711", serial: "MJ-0815", firmware: "3.0.0"}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123_456_789, time.FixedZone("", 3600))

var wrongLogin = access.Event{Sequence: 42, Time: noon, Priority: 128, Cause: "ion", CauseValue: "invalid login", Effect: "login of USER1", EffectValue: "refused",
	User: "USER1", Origin: "ion 192.0.2.9:50211 (hepsetup 3.0)"}

// parsed is what a strict receiver makes of a message.
func parsed(t testing.TB, text []byte) *rfc5424.SyslogMessage {
	t.Helper()
	m, err := rfc5424.NewParser(rfc5424.WithCompliantMsg()).Parse(text)
	if err != nil {
		t.Fatalf("%v\n%q", err, text)
	}
	return m.(*rfc5424.SyslogMessage)
}

func optional(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// Every field of a message is as RFC 5424 6 wants it.
func TestFields(t *testing.T) {
	m := parsed(t, here.encode(ofEvent(wrongLogin), maxDatagram))
	data := *m.StructuredData
	event := data["event@32473"]
	for _, row := range []struct{ field, got, want string }{
		{"6.2.2 VERSION", string(rune('0' + m.Version)), "1"},
		{"6.2.3 TIMESTAMP", m.Timestamp.Format(time.RFC3339Nano), "2026-01-02T11:00:00.123456Z"},
		{"6.2.4 HOSTNAME", optional(m.Hostname), "site-7.example"},
		{"6.2.5 APP-NAME", optional(m.Appname), "hepmeter"},
		{"6.2.6 PROCID", optional(m.ProcID), "4711"},
		{"6.2.7 MSGID", optional(m.MsgID), "login"},
		{"7.2 origin software", data["origin"]["software"], "hepmeter"},
		{"7.2 origin swVersion", data["origin"]["swVersion"], "3.0.0"},
		{"event meter", event["meter"], "MJ-0815"},
		{"event sequence", event["sequence"], "42"},
		{"event priority", event["priority"], "128"},
		{"event cause", event["cause"], "ion"},
		{"event causeValue", event["causeValue"], "invalid login"},
		{"event effect", event["effect"], "login of USER1"},
		{"event effectValue", event["effectValue"], "refused"},
		{"event user", event["user"], "USER1"},
		{"event origin", event["origin"], "ion 192.0.2.9:50211 (hepsetup 3.0)"},
		{"6.4 MSG", optional(m.Message), "ion invalid login: login of USER1 refused, by USER1, from ion 192.0.2.9:50211 (hepsetup 3.0)"},
	} {
		if row.got != row.want {
			t.Errorf("%s is %q, want %q", row.field, row.got, row.want)
		}
	}
	if *m.Facility != 16 || *m.Severity != 4 {
		t.Errorf("6.2.1 PRI: facility %d, severity %d, want 16 and 4", *m.Facility, *m.Severity)
	}
}

// The severities of the ION9000's user manual, at their boundaries (security.md 11).
func TestSeverity(t *testing.T) {
	for priority, want := range map[uint8]uint8{0: 6, 10: 6, 63: 6, 64: 5, 127: 5, 128: 4, 191: 4, 192: 2, 255: 2} {
		m := parsed(t, here.encode(ofEvent(access.Event{Sequence: 1, Time: noon, Priority: priority, Cause: "C"}), maxDatagram))
		if *m.Severity != want {
			t.Errorf("priority %d: severity %d, want %d", priority, *m.Severity, want)
		}
	}
}

func TestMessageID(t *testing.T) {
	for _, row := range []struct {
		want string
		event
	}{
		{"login", event{"ion", "invalid login", "login of USER1", "refused"}},
		{"login", event{"web", "valid login", "login", "logged in"}},
		{"lockout", event{"ion", "lockout", "login of USER1", "locked out for 15m0s"}},
		{"factory", event{"Security", "factory access", "terminal", "opened"}},
		{"refused", event{"modbus map", "write setup, map-read-only", "Power Meter/PT Prim", "refused"}},
		{"refused", event{"modbus map", "write setup, map-read-only", "Power Meter/PT Prim", "refused 7 times more in 1m0s"}},
		{"setup", event{"Power Meter/PT Prim", "120", "Power Meter/PT Prim", "240"}},
		{"clock", event{"Clock", "set from 1", "Universal Time", "2"}},
		{"power-up", event{"Power Up", "first start", "Factory", "ION9000"}},
		{"syslog", event{"Syslog", "192.0.2.7:514 by TCP", "events wait", "connection refused"}},
		{"event", event{"Setpoint 1/Source1", "412", "Setpoint 1/Status", "ON"}},
		{"event", event{}},
	} {
		if got := optional(parsed(t, here.encode(ofEvent(row.of()), maxDatagram)).MsgID); got != row.want {
			t.Errorf("%+v: %q, want %q", row.event, got, row.want)
		}
	}
}

type event struct{ cause, causeValue, effect, effectValue string }

func (e event) of() access.Event {
	return access.Event{Sequence: 1, Time: noon, Priority: 20, Cause: e.cause, CauseValue: e.causeValue, Effect: e.effect, EffectValue: e.effectValue}
}

// What a client writes into an event cannot look like another field or another message.
func TestTextsStayTexts(t *testing.T) {
	for _, row := range []struct{ name, value, data, message string }{
		{"RFC 5424 6.3.3 escapes", `a"b\c]d`, `a"b\c]d`, `C : a"b\c]d`},
		{"a line break is no new message", "x\r\n<0>1 - - - - - -", "x??<0>1 - - - - - -", "C : x??<0>1 - - - - - -"},
		{"a NUL", "x\x00y", "x?y", "C : x?y"},
		{"no UTF-8", "x\xff\xc3y", "x??y", "C : x??y"},
		{"right to left override", "x\u202ey", "x?y", "C : x?y"},
		{"RFC 5424 6.4: other than ASCII comes after a BOM", "Zähler 電", "Zähler 電", "\ufeffC : Zähler 電"},
		{"a BOM in a text is none of the message", "\ufeffx", "?x", "C : ?x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := here.encode(ofEvent(access.Event{Sequence: 1, Time: noon, Cause: "C", EffectValue: row.value}), maxDatagram)
			m := parsed(t, text)
			got := strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\]`, `]`).Replace((*m.StructuredData)["event@32473"]["effectValue"])
			if got != row.data {
				t.Errorf("the parameter is %q, want %q", got, row.data)
			}
			message := strings.TrimRight(string(text[strings.LastIndex(string(text), `"] `)+3:]), " ")
			if want := strings.Replace(row.message, "C : ", "C :  ", 1); message != want {
				t.Errorf("the message is %q, want %q", message, want)
			}
		})
	}
}

// What is too long is cut between characters, and no field is lost.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("電]", 500)
	e := access.Event{Sequence: 1<<64 - 1, Time: noon, Priority: 255, Cause: long, CauseValue: long, Effect: long, EffectValue: long, User: long, Origin: long}
	wide := station{host: strings.Repeat("h", 300), process: strings.Repeat("9", 200), serial: long, firmware: long}
	for _, limit := range []int{maxDatagram, maxStream} {
		text := wide.encode(ofEvent(e), limit)
		if len(text) > limit || len(text) < limit-4 || !utf8.Valid(text) {
			t.Errorf("%d octets of at most %d, UTF-8 %v", len(text), limit, utf8.Valid(text))
		}
		if data := (*parsed(t, text).StructuredData)["event@32473"]; len(data) != 9 {
			t.Errorf("%d parameters are left", len(data))
		}
	}
}

// An event without a time, and a machine without a name, say so.
func TestNothingKnown(t *testing.T) {
	m := parsed(t, station{}.encode(ofEvent(access.Event{}), maxDatagram))
	if m.Timestamp != nil || m.Hostname != nil || m.ProcID != nil {
		t.Errorf("%v, %v, %v", m.Timestamp, m.Hostname, m.ProcID)
	}
}

// Any event gives a message that a strict receiver takes.
func FuzzEncode(f *testing.F) {
	f.Add(uint64(42), uint8(128), int64(1_767_225_600), "ion", "invalid login", "login of USER1", "refused", "USER1", "ion 192.0.2.9:1", "host")
	f.Add(uint64(0), uint8(0), int64(-1<<62), `"\]`, "\ufeff", "\x00\r\n", "\xff\xfe", "Zähler", "\u2028", "a b")
	f.Fuzz(func(t *testing.T, sequence uint64, priority uint8, seconds int64, cause, causeValue, effect, effectValue, user, origin, host string) {
		e := access.Event{Sequence: sequence, Time: time.Unix(seconds, 0), Priority: priority, Cause: cause, CauseValue: causeValue, Effect: effect, EffectValue: effectValue, User: user, Origin: origin}
		s := station{host: host, process: user, serial: cause, firmware: origin}
		for _, limit := range []int{maxDatagram, maxStream} {
			text := s.encode(ofEvent(e), limit)
			if len(text) > limit {
				t.Fatalf("%d octets, at most %d", len(text), limit)
			}
			if !utf8.Valid(text) {
				t.Fatalf("no UTF-8: %q", text)
			}
			parsed(t, text)
		}
	})
}
