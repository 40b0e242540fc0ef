package meter

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// recorderEverySecond is a Data Recorder of two sources, one in a second.
func recorderEverySecond() []ion.Change {
	return []ion.Change{
		ion.Create{Type: "Periodic Timer", Label: "Tick"}, ion.Set{Register: "Tick/Period", Value: "1"},
		ion.Create{Type: "Data Recorder", Label: "My Log"}, ion.Set{Register: "My Log/Depth", Value: "5"},
		ion.Link{Input: "My Log/Source 1", Register: "Power Meter/Vln a"}, ion.Link{Input: "My Log/Source 2", Register: "kWh del/Result"},
		ion.Link{Input: "My Log/Record", Register: "Tick/Trigger"},
	}
}

// A log can be read while it is written: a ring with its columns, whose numbers go on
// over a restart.
func TestALogOfARunningMeter(t *testing.T) {
	dir := t.TempDir()
	var next uint64
	running(t, dir, func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), recorderEverySecond(), tester); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		l, err := m.Log("my log")
		if err != nil {
			t.Fatal(err)
		}
		if l.Count != 5 || l.Next != l.First+5 || l.Next < 15 {
			t.Errorf("log %+v, want the 5 newest of some 20 records", l)
		}
		if len(l.Columns) != 2 || l.Columns[0] != (Column{"Power Meter/Vln a", "V"}) || l.Columns[1] != (Column{"kWh del/Result", "kWh"}) {
			t.Errorf("columns %v", l.Columns)
		}
		next = l.Next
		records, err := m.Records("My Log", l.First+2, 2)
		if err != nil || len(records) != 2 || records[0].Sequence != l.First+2 {
			t.Fatalf("records %v, %v; want two from %d", records, err, l.First+2)
		}
		cells, err := ion.Cells(records[0].Body)
		if err != nil || len(cells) != 2 || math.Abs(cells[0].Number-230) > 10 {
			t.Errorf("cells %v, %v; want about 230 V and the energy", cells, err)
		}
		if d := records[1].Time.Sub(records[0].Time); (d - time.Second).Abs() > 50*time.Millisecond {
			t.Errorf("records are %v apart, want a second", d)
		}
	})
	running(t, dir, func(t *testing.T, m *Meter) {
		time.Sleep(5 * time.Second)
		if gaps, err := m.Gaps(); err != nil || len(gaps) != 1 || !gaps[0].Clean {
			t.Errorf("gaps %v, %v; want the clean stop", gaps, err)
		}
		if l, err := m.Log("My Log"); err != nil || l.Count != 5 || l.Next <= next {
			t.Errorf("after a restart %+v, %v; want numbers beyond %d", l, err, next)
		}
	})
}

// A recorder that is deleted and made anew in one transaction has an empty log, and says
// so; the numbers go on.
func TestARecorderMadeAnewIsEmpty(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), recorderEverySecond(), tester); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		anew := append([]ion.Change{ion.Delete{Module: "Tick"}, ion.Delete{Module: "My Log"}}, recorderEverySecond()...)
		anew = append(anew, ion.Set{Register: "My Log/RecordMode", Value: "stop-when-full"})
		if err := m.Program(t.Context(), anew, tester); err != nil {
			t.Fatal(err)
		}
		if shown := number(t, m, "My Log/Data Log"); shown != 0 {
			t.Errorf("a new log shows %v records", shown)
		}
		time.Sleep(10 * time.Second)
		l, err := m.Log("My Log")
		if shown := number(t, m, "My Log/Data Log"); err != nil || l.Count != 5 || shown != 5 || l.First < 15 {
			t.Errorf("log %+v, %v, shown %v; want 5 records with new numbers", l, err, shown)
		}
	})
}

func TestOnlyRecordersHaveLogs(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		for _, label := range []string{"kWh del", "Nobody"} {
			if _, err := m.Log(label); err == nil || !strings.Contains(err.Error(), "there is no Data Recorder") {
				t.Errorf("%s: %v", label, err)
			}
		}
	})
}

func TestTheCutoffDecidesWhichEventsAreLogged(t *testing.T) {
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		set := func(register, value string) {
			t.Helper()
			if err := m.Program(t.Context(), []ion.Change{ion.Set{Register: register, Value: value}}, tester); err != nil {
				t.Fatal(err)
			}
		}
		logged := func(value string) bool {
			t.Helper()
			events, err := m.Events(0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.EffectValue == value && e.User == tester.User {
					return true
				}
			}
			return false
		}
		set("Factory/Owner", "first")
		set("Event Log Controller/Cutoff", "10")
		set("Factory/Owner", "second")
		set("Event Log Controller/Cutoff", "9")
		set("Factory/Owner", "third")
		if !logged("first") || logged("second") || !logged("third") {
			t.Errorf("logged: first %v, second %v, third %v; want the second alone cut off", logged("first"), logged("second"), logged("third"))
		}
		set("Event Log Controller/Depth", "100")
		if logged("first") {
			t.Error("a change of Depth did not erase the log")
		}
		set("Event Log Controller/Depth", "0")
		set("Factory/Owner", "fourth")
		if logged("fourth") {
			t.Error("Depth 0 logs all the same")
		}
	})
}

func TestAlertsWaitInTheOutboxUntilTheyAreSent(t *testing.T) {
	dir := t.TempDir()
	program := []ion.Change{ion.Create{Type: "External Pulse", Label: "Bell"}, ion.Create{Type: "Alert", Label: "Call"},
		ion.Link{Input: "Call/Trigger", Register: "Bell/Trigger"}, ion.Set{Register: "Call/Message", Value: "{label}!"}}
	running(t, dir, func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), program, tester); err != nil {
			t.Fatal(err)
		}
		if err := m.Write(t.Context(), "Bell/Trigger", ion.Value{Class: ion.Pulse}, tester); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
	})
	running(t, dir, func(t *testing.T, m *Meter) {
		alerts, err := m.Outbox(t.Context())
		if err != nil || len(alerts) != 1 || alerts[0].Text != "Call!" {
			t.Fatalf("outbox %v, %v; want the call of before the restart", alerts, err)
		}
		if err := m.Sent(t.Context(), alerts[0].Sequence); err != nil {
			t.Fatal(err)
		}
	})
	running(t, dir, func(t *testing.T, m *Meter) {
		if alerts, err := m.Outbox(t.Context()); err != nil || len(alerts) != 0 {
			t.Errorf("outbox %v, %v; want it empty", alerts, err)
		}
	})
}

// A template goes from one meter to another while both measure, and loading it again
// changes nothing.
func TestATemplateOfARunningMeter(t *testing.T) {
	var text []byte
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		if err := m.Program(t.Context(), append(recorderEverySecond(), ion.Set{Register: "Power Meter/PT Prim", Value: "34700"}), tester); err != nil {
			t.Fatal(err)
		}
		var err error
		if text, err = m.Template(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	running(t, t.TempDir(), func(t *testing.T, m *Meter) {
		for _, want := range []bool{true, false} {
			changed, err := m.LoadTemplate(t.Context(), text, tester)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(changed) > 0; got != want {
				t.Errorf("changed %v, want changes %v", changed, want)
			}
		}
		time.Sleep(4 * time.Second)
		if l, err := m.Log("My Log"); err != nil || l.Count == 0 {
			t.Errorf("the log that came with the template: %+v, %v", l, err)
		}
		if _, err := m.LoadTemplate(t.Context(), []byte("Maximum | M | Source <- Clock/New Day\n"), tester); err == nil || !strings.Contains(err.Error(), "takes numeric") {
			t.Errorf("a template that does not fit: %v", err)
		}
	})
}
