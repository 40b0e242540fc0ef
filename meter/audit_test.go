package meter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/store"
)

func refusedWrite(at time.Time, remote, target string) access.Record {
	return access.Record{Kind: access.OperationRefused, Time: at, Path: access.ModbusMap, Remote: remote, Operation: access.WriteSetup, Target: target, Code: access.CodeNoPermission}
}

// TestAuditCollapsesRepeats: a client that writes a hundred times a second is one
// event at once and one a window, with the count, and windows grow.
func TestAuditCollapsesRepeats(t *testing.T) {
	var events []store.Event
	a := audit{civil: sameTime, note: func(e store.Event) { events = append(events, e) }}
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	const each = 100
	for second := range 3 * 3600 {
		now := start.Add(time.Duration(second) * time.Second)
		a.settle(now, false)
		for range each {
			// A new connection for each has another port.
			a.Record(refusedWrite(now, fmt.Sprintf("192.0.2.1:%d", 1024+second), "register 54395 Nominal frequency"))
		}
	}
	a.settle(start.Add(3*time.Hour), true)
	if len(events) == 0 || !events[0].Time.Equal(start) || events[0].EffectValue != "refused" || events[0].Priority < 64 {
		t.Fatalf("the first refusal: %+v", events)
	}
	if len(events) > 12 {
		t.Errorf("%d events in three hours: %v", len(events), events)
	}
	total := 1
	for _, e := range events[1:] {
		var times int
		if _, err := fmt.Sscanf(e.EffectValue, "refused %d times more", &times); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
		if !strings.Contains(e.Origin, "192.0.2.1") || e.Effect != "register 54395 Nominal frequency" {
			t.Errorf("%+v names neither client nor target", e)
		}
		total += times
	}
	if want := 3 * 3600 * each; total != want {
		t.Errorf("the events count %d refusals, there were %d", total, want)
	}
}

// TestAuditCollapsesWrites: who writes to a device behind the gateway each second is an event
// at once and one a window, and what comes of it is told apart.
func TestAuditCollapsesWrites(t *testing.T) {
	var events []store.Event
	a := audit{civil: sameTime, note: func(e store.Event) { events = append(events, e) }}
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for second := range 60 {
		for _, err := range []error{nil, errors.New("no answer")} {
			a.Record(access.Record{Kind: access.OperationDone, Time: start.Add(time.Duration(second) * time.Second), Path: access.ModbusMap, Remote: "192.0.2.1:1024",
				Operation: access.WriteDownstream, Target: "unit 5, function 16", Err: err})
		}
	}
	a.settle(start.Add(time.Minute), false)
	var told []string
	for _, e := range events {
		if e.Priority != priorityWritten || e.Cause != "modbus map" || e.CauseValue != "write downstream" || e.Effect != "unit 5, function 16" || !strings.Contains(e.Origin, "192.0.2.1") {
			t.Errorf("%+v", e)
		}
		told = append(told, e.EffectValue)
	}
	if want := []string{"done", "failed: no answer", "done 59 times more in 1m0s", "failed: no answer 59 times more in 1m0s"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestAuditIsBounded: a client that walks through all registers, and a crowd of
// clients, cost neither memory nor log.
func TestAuditIsBounded(t *testing.T) {
	count, told := 0, 0
	a := audit{civil: sameTime, note: func(e store.Event) {
		told++
		var times int
		if n, _ := fmt.Sscanf(e.EffectValue, "refused %d times more", &times); n == 0 {
			times = 1
		}
		count += times
	}}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for register := range 65536 {
		a.Record(refusedWrite(now, "192.0.2.1:1024", fmt.Sprintf("register %d", register+1)))
	}
	if told != maxTargets {
		t.Errorf("%d events from one client at once, want %d", told, maxTargets)
	}
	const crowd = 10_000
	for client := range crowd {
		a.Record(refusedWrite(now, fmt.Sprintf("10.0.%d.%d:1024", client>>8, client&0xFF), "register 54395"))
	}
	if len(a.clients) > maxClients+1 {
		t.Errorf("%d clients in memory, want at most %d", len(a.clients), maxClients+1)
	}
	a.settle(now.Add(time.Minute), false)
	if count != 65536+crowd {
		t.Errorf("%d refusals told, there were %d", count, 65536+crowd)
	}
	a.settle(now.Add(10*time.Minute), false)
	a.settle(now.Add(2*time.Hour), false)
	if len(a.clients) != 0 {
		t.Errorf("%d quiet clients are still in memory", len(a.clients))
	}
}

// TestAuditTellsOfWrites: every allowed write is an event, with its failure.
func TestAuditTellsOfWrites(t *testing.T) {
	var events []store.Event
	a := audit{civil: sameTime, note: func(e store.Event) { events = append(events, e) }}
	r := refusedWrite(time.Unix(1e9, 0), "192.0.2.1:1024", "register 54395")
	r.Kind, r.User, r.Named, r.Is = access.OperationDone, "USER1", true, "60 Hz"
	a.Record(r)
	r.Err = access.ErrValue
	a.Record(r)
	if len(events) != 2 || events[0].EffectValue != "60 Hz" || !strings.Contains(events[1].EffectValue, access.ErrValue.Error()) || events[0].User != "USER1" {
		t.Errorf("%+v", events)
	}
}

// sameTime is a clock that nobody has set.
func sameTime(t time.Time) time.Time { return t }
