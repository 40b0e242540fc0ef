package meter

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/wire/eventchain"
	"github.com/hepmeter/hepmeter/wire/ionp"
)

func named(user, password string) ionp.Identity {
	return ionp.Identity{Credential: ionp.NamedUser(user, password)}
}

func nameless(password string) ionp.Identity {
	return ionp.Identity{Credential: ionp.PasswordOnly(password)}
}

// done fails the test unless the meter did it.
func done[Q, S any](t *testing.T, c *ionp.Client, who ionp.Identity, e ionp.Exchange[Q, S], q Q) S {
	t.Helper()
	s, err := ionp.Do(t.Context(), c, who, e, q)
	if err != nil {
		t.Fatalf("%s: %v", e.Operation(), err)
	}
	return s
}

// refusedAs fails the test unless the meter refused it with a code.
func refusedAs[Q, S any](t *testing.T, code string, c *ionp.Client, who ionp.Identity, e ionp.Exchange[Q, S], q Q) {
	t.Helper()
	if _, err := ionp.Do(t.Context(), c, who, e, q); answerOf(err, "") != code {
		t.Errorf("%s: %v, want %s", e.Operation(), err, code)
	}
}

// exported is the event log as hepsetup exports it, and the key's fingerprint.
func exported(t *testing.T, c *ionp.Client, who ionp.Identity) (text []byte, events []eventchain.Event, fingerprint string) {
	t.Helper()
	info := done(t, c, who, ionp.Info, ionp.InfoRequest{})
	// An event that comes between the two makes the signature that of a longer log.
	for begun := time.Now(); time.Since(begun) < 30*time.Second; {
		log := done(t, c, who, ionp.Events, ionp.EventsRequest{Limit: 4096})
		head := done(t, c, who, ionp.EventHead, ionp.EventHeadRequest{})
		header := eventchain.Header{Model: info.Model, Serial: head.Serial, Firmware: info.Firmware, First: max(log.First, 1)}
		copy(header.Key[:], head.PublicKey)
		copy(header.Previous[:], log.PreviousHash)
		var out bytes.Buffer
		w, err := eventchain.NewWriter(&out, header)
		if err != nil {
			t.Fatal(err)
		}
		events = nil
		for _, e := range log.Events {
			events = append(events, eventchain.Event{Sequence: e.Sequence, Time: time.Unix(0, e.Time).UTC(), Priority: uint8(e.Priority), Cause: e.Cause, CauseValue: e.CauseValue,
				Effect: e.Effect, EffectValue: e.EffectValue, User: e.User, Origin: e.Origin})
			if err := w.Event(events[len(events)-1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(time.Unix(0, head.Time), eventchain.Signature(head.Signature)); err == nil {
			return out.Bytes(), events, info.Fingerprint
		}
	}
	t.Fatal("the log grows faster than it can be exported")
	return nil, nil, ""
}

// eventually waits until the log has what is wanted: events of the gate are durable a
// moment after the answer.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("it never came about that %s", what)
			return
		}
	}
}

// wanted is an event as the log must have it: texts that its fields contain.
type wanted struct {
	name, causeValue, effect, effectValue, user string
	priority                                    uint8
}

func (w wanted) is(e eventchain.Event) bool {
	return strings.Contains(e.CauseValue, w.causeValue) && strings.Contains(e.Effect, w.effect) && strings.Contains(e.EffectValue, w.effectValue) &&
		e.User == w.user && e.Priority == w.priority && strings.HasPrefix(e.Origin, "ion 127.0.0.1:")
}

// TestAudit: each event that access causes is in the log with user, path, address, result
// and priority.
func TestAudit(t *testing.T) {
	s := serve(t, "3.0.0")
	c := s.client(t, "Auditor")
	user1, nobody := named("USER1", "0"), ionp.Identity{}
	set := func(who ionp.Identity, label, value string) {
		t.Helper()
		done(t, c, who, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{label: value}})
	}
	// The register of valid logins is 0 at the factory, which logs none.
	set(user1, "Security Options/Valid Login EvPriority", "50")
	set(user1, "Security Options/ION Lockout Attempts", "2")
	done(t, s.client(t, "Auditor"), named("user1", "0"), ionp.Info, ionp.InfoRequest{})

	refusedAs(t, "credentials-needed", c, nobody, ionp.Write, writeOf("Factory/Owner", "thief"))
	done(t, c, nameless("0"), ionp.Write, writeOf("Factory/Owner", "works"))
	done(t, c, user1, ionp.Write, writeOf("Factory/Owner", "office"))
	done(t, c, user1, ionp.UserAdd, ionp.UserAddRequest{Number: 2, Permissions: []string{"read"}, Password: "22"})
	done(t, c, user1, ionp.UserAdd, ionp.UserAddRequest{Number: 3, Permissions: []string{"read", "security"}, Password: "33"})
	done(t, c, user1, ionp.UserSet, ionp.UserSetRequest{Number: 2, Grant: []string{"comm"}})
	done(t, c, named("USER2", "22"), ionp.UserPassword, ionp.UserPasswordRequest{Number: 2, Password: "222"})
	refusedAs(t, "no-permission", c, named("USER2", "222"), ionp.ClearLog, ionp.ClearLogRequest{Log: "events"})
	refusedAs(t, "bad-credentials", c, named("USER2", "1"), ionp.Info, ionp.InfoRequest{})
	refusedAs(t, "bad-credentials", c, named("USER2", "3"), ionp.Info, ionp.InfoRequest{})
	refusedAs(t, "bad-credentials", c, nameless("4"), ionp.Info, ionp.InfoRequest{})
	code := done(t, c, user1, ionp.FactoryOpen, ionp.FactoryOpenRequest{Minutes: 1}).Code
	done(t, c, nobody, ionp.FactoryUse, ionp.FactoryUseRequest{Code: code, Command: "status"})
	done(t, c, user1, ionp.FactoryClose, ionp.FactoryCloseRequest{})
	done(t, c, nameless("0"), ionp.ClockSet, ionp.ClockSetRequest{Time: time.Now().Add(time.Hour).UnixNano()})
	done(t, c, user1, ionp.Pulse, ionp.PulseRequest{Label: "Peak Dmd Reset/Trigger"})
	set(user1, "Security Options/Security Mode", "Advanced")
	done(t, c, named("USER3", "33"), ionp.UserRemove, ionp.UserRemoveRequest{Number: 2})

	for _, w := range []wanted{
		{"valid login", "valid login", "login", "logged in", "USER1", 50},
		{"refused operation", "write setup, credentials-needed", "Factory/Owner", "refused", "no name given", priorityRefused},
		{"setup change, no name given", "", "Factory/Owner", "works", "USER1 (no name given)", priorityWritten},
		{"setup change with the value before", "works", "Factory/Owner", "office", "USER1", priorityWritten},
		{"account made", "", "Security User 2", "", "USER1", priorityWritten},
		{"permissions changed", "", "Security User 2/Comm Config Access", "ON", "USER1", priorityWritten},
		{"own password", "change own password", "password of USER2", "changed", "USER2", priorityWritten},
		{"refused clearing", "administer security, no-permission", "log events", "refused", "USER2", priorityRefused},
		{"wrong login", "invalid login", "login of USER2", "refused", "USER2", 128},
		{"lockout", "lockout", "login", "locked out for 15m0s", "USER2", 255},
		{"wrong login without a name", "invalid login", "login without a user name", "refused", "USER1 (no name given)", 128},
		{"factory access opened", "factory access", "factory access", "opened for 1 min", "USER1", priorityFactory},
		{"factory access used", "factory access", "factory access", "used", "FACTORY", priorityFactory},
		{"factory access closed", "factory access", "factory access", "closed", "USER1", priorityFactory},
		{"clock set", "set clock", "clock", "Z", "USER1 (no name given)", priorityWritten},
		{"reset", "reset demand", "Peak Dmd Reset/Trigger", "pulsed", "USER1", priorityWritten},
		{"time set, with the time before", "set from", "Universal Time", "Z", "USER1 (no name given)", priorityWritten},
		{"mode changed", "LSS", "Security Options/Security Mode", "Advanced", "USER1", priorityWritten},
		{"account removed", "", "Security User 2", "", "USER3", priorityWritten},
	} {
		var events []eventchain.Event
		if !t.Run(w.name, func(t *testing.T) {
			eventually(t, w.name+" is in the log", func() bool {
				_, events, _ = exported(t, c, named("USER3", "33"))
				return slices.ContainsFunc(events, w.is)
			})
		}) {
			for _, e := range events {
				t.Logf("%+v", e)
			}
			t.FailNow()
		}
	}
}

// TestAuditChain: an exported log is proved, an edit of it is found, and the chain goes on
// when the log is cleared; who did it stands behind.
func TestAuditChain(t *testing.T) {
	s := serve(t, "3.0.0")
	c := s.client(t, "Auditor")
	user1 := named("USER1", "0")
	done(t, c, user1, ionp.Write, writeOf("Factory/Owner", "works"))
	text, before, trusted := exported(t, c, user1)
	if _, err := eventchain.Verify(bytes.NewReader(text), trusted); err != nil {
		t.Error(err)
	}
	if edited := bytes.Replace(text, []byte(`"works"`), []byte(`"wirks"`), 1); bytes.Equal(edited, text) {
		t.Error("the write is not in the log")
	} else if _, err := eventchain.Verify(bytes.NewReader(edited), trusted); err == nil {
		t.Error("an edit was not found")
	}
	done(t, c, user1, ionp.ClearLog, ionp.ClearLogRequest{Log: "events"})
	cleared := wanted{"", "administer security", "log events", "cleared", "USER1", priorityWritten}
	var after []eventchain.Event
	eventually(t, "the log tells who cleared it", func() bool {
		text, after, trusted = exported(t, c, user1)
		return slices.ContainsFunc(after, cleared.is)
	})
	if report, err := eventchain.Verify(bytes.NewReader(text), trusted); err != nil || report.First <= before[len(before)-1].Sequence {
		t.Errorf("%+v, %v: the cleared log begins behind %d", report, err, before[len(before)-1].Sequence)
	}
}

// TestAuditCutoff: the cutoff takes priorities up to its own, at 5 and 6 as the register's
// page has it.
func TestAuditCutoff(t *testing.T) {
	s := serve(t, "3.0.0")
	user1 := named("USER1", "0")
	c := s.client(t, "Auditor")
	done(t, c, user1, ionp.Write, writeOf("Event Log Controller/Cutoff", "5"))
	logged := func(priority string) bool {
		t.Helper()
		done(t, c, user1, ionp.SecuritySet, ionp.SecuritySetRequest{Options: map[string]string{"Security Options/Valid Login EvPriority": priority}})
		before := len(validLogins(t, c, user1))
		done(t, s.client(t, "Auditor"), user1, ionp.Info, ionp.InfoRequest{})
		// A setup change behind it is durable after it.
		done(t, c, user1, ionp.Write, writeOf("Factory/Owner", "after "+priority))
		return len(validLogins(t, c, user1)) > before
	}
	if logged("5") {
		t.Error("a login of priority 5 is in the log")
	}
	if !logged("6") {
		t.Error("a login of priority 6 is not in the log")
	}
}

func validLogins(t *testing.T, c *ionp.Client, who ionp.Identity) (events []eventchain.Event) {
	t.Helper()
	_, all, _ := exported(t, c, who)
	for _, e := range all {
		if e.CauseValue == "valid login" {
			events = append(events, e)
		}
	}
	return events
}
