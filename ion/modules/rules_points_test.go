package modules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// Rules of the External modules (ION Reference; matrix 2.12).
func TestExternals(t *testing.T) {
	runRows(t, []row{
		{"External Boolean/N/A until written", externals("Boolean", "M"), func(r *rig) { r.tick(1); r.want("M/Switch", na) }},
		{"External Boolean/power-up: last written value", externals("Boolean", "M"), func(r *rig) {
			r.turn("M/Switch", true)
			before := r.value("M/Switch")
			r.tick(1)
			r.restart()
			r.tick(1)
			if after := r.value("M/Switch"); after != before {
				r.Errorf("after the restart %+v, before %+v", after, before)
			}
		}},
		{"External Numeric/power-up: last written value", externals("Numeric", "M"), func(r *rig) {
			r.put("M", -1.5)
			r.restart()
			r.tick(1)
			r.want("M/Numeric", -1.5)
		}},
		{"External Numeric/a write without a value is refused", externals("Numeric", "M"), func(r *rig) {
			if err := r.node.Command("M/Numeric", ion.Value{Class: ion.Numeric}, ion.By{}, r.now); err == nil {
				r.Error("accepted")
			}
		}},
		{"External Pulse/power-up: no pulse", slices.Concat(externals("Pulse", "M"), counted("M", "Trigger")), func(r *rig) {
			r.fire("M")
			r.tick(1)
			r.want("#Trigger/Count", 1)
			r.restart()
			r.tick(1)
			r.want("#Trigger/Count", 0)
			if v := r.value("M/Trigger"); v.Available {
				r.Errorf("the trigger holds a pulse of %v", v.Time())
			}
		}},
		{"External Pulse/several pulses in one turn count", slices.Concat(externals("Pulse", "M"), counted("M", "Trigger")), func(r *rig) {
			r.fire("M", "M", "M")
			r.tick(1)
			r.want("#Trigger/Count", 3)
		}},
		{"EvPriority 0: no event", externals("Boolean", "M"), func(r *rig) {
			r.turn("M/Switch", true)
			if e := r.events(); len(e) != 0 {
				r.Errorf("events %v", e)
			}
		}},
		{"EvPriority: an event of that priority with the user", externals("Boolean", "M"), func(r *rig) {
			r.do(ion.Set{Register: "M/EvPriority", Value: "77"})
			r.turn("M/Switch", true)
			e := r.events()
			if len(e) != 1 || e[0].Priority != 77 || e[0].Effect != "M/Switch" || e[0].EffectValue != "ON" || e[0].User != "tester" {
				r.Errorf("events %+v", e)
			}
			r.do(ion.Set{Register: "M/EvPriority", Value: "0"})
			r.want("M/Switch", 1) // the setup does not touch what was written
		}},
	})
}

func contacts(settings ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "R"), module("Digital Input", []string{"Reset Count", "R/Trigger"}, slices.Concat([]string{"Port", "DI1"}, settings)), counted("M", "Trigger"))
}

// Rules of the Digital Input (ION Reference, Digital Input module; matrix 2.12).
func TestDigitalInput(t *testing.T) {
	const state, count, trigger = "M/State", "M/Count", "#Trigger/Count"
	turns := func(r *rig, levels ...bool) {
		r.tick(1)
		for _, on := range levels {
			r.turn(state, on)
			r.tick(1)
		}
	}
	const on, off = true, false
	runRows(t, []row{
		{"without a Port", module("Digital Input", nil, nil), func(r *rig) { r.wantOffline("no Port is chosen") }},
		{"a Port in use is not to be had", contacts(), func(r *rig) {
			err := r.node.Program([]ion.Change{ion.Create{Type: "Digital Input", Label: "N"}, ion.Set{Register: "N/Port", Value: "DI1"}}, ion.By{}, r.now)
			if err == nil || !strings.Contains(err.Error(), "in use by M") {
				r.Errorf("error %v", err)
			}
		}},
		{"pulse: complete pulses count", contacts(), func(r *rig) {
			turns(r, on)
			r.want(state, 1)
			r.want(count, 0)
			turns(r, off, on, on, off)
			r.want(count, 2)
			r.want(trigger, 2)
		}},
		{"kyz: transitions count", contacts("Input Mode", "kyz"), func(r *rig) {
			turns(r, on, off, off, on)
			r.want(count, 3)
			r.want(trigger, 3)
		}},
		{"a/c: appearances count, polarity is ignored", contacts("Input Mode", "a/c", "Polarity", "inverting"), func(r *rig) {
			turns(r, on)
			r.want(state, 1)
			r.want(count, 1)
			turns(r, off)
			r.want(state, 0)
			r.want(count, 1)
		}},
		{"inverting: the opposite of the level", contacts("Polarity", "inverting"), func(r *rig) {
			r.want(state, 1)
			turns(r, on)
			r.want(state, 0)
			r.want(count, 0) // the beginning of that pulse was not seen
			turns(r, off, on)
			r.want(count, 1)
		}},
		{"another Polarity counts nothing", contacts("Input Mode", "kyz"), func(r *rig) {
			r.do(ion.Set{Register: "M/Polarity", Value: "inverting"})
			r.tick(1)
			r.want(state, 1)
			r.want(count, 0)
		}},
		{"Debounce: a level that lasted counts, also if it is taken back before the next turn", contacts("Debounce", "0.5"), func(r *rig) {
			turns(r, on)
			r.want(state, 1)
			r.turn(state, off)
			half := metering.HalfCycle{EndS: r.second.EndS + 0.6}
			r.node.HalfCycle(r.now.Add(600e6), &half)
			r.turn(state, on)
			r.want(count, 1)
		}},
		{"Debounce 0: State changes with the write", contacts("Debounce", "0"), func(r *rig) {
			r.tick(1)
			for range 3 { // within one second
				r.turn(state, on)
				r.want(state, 1)
				r.turn(state, off)
			}
			r.want(count, 3)
			r.tick(1)
			r.want(trigger, 3)
		}},
		{"Debounce: a level that does not last never was", contacts("Debounce", "2.5"), func(r *rig) {
			turns(r, on, on, off, off, off, off)
			r.want(count, 0)
			turns(r, on, on)
			r.want(state, 0)
			r.tick(1)
			r.want(state, 1)
		}},
		{"Debounce: a clock that is set does not shorten it", contacts("Debounce", "3"), func(r *rig) {
			r.tick(1)
			r.turn(state, on)
			r.at("2026-07-01T00:00:00Z")
			r.want(state, 0)
			r.ticks(2, 1)
			r.want(state, 1)
		}},
		{"Reset Count: 0", contacts(), func(r *rig) {
			turns(r, on, off)
			r.want(count, 1)
			r.pulse("M/Reset Count")
			r.tick(1)
			r.want(count, 0)
			if n := r.resetEvents(); n != 1 {
				r.Errorf("%d reset events, want 1", n)
			}
		}},
		{"Reset Count and a pulse in one turn: reset first", contacts(), func(r *rig) {
			turns(r, on, off, on)
			r.fire("R")
			r.turn(state, off)
			r.tick(1)
			r.want(count, 1)
		}},
		{"power-up: Count and level are kept, and count nothing", contacts("Input Mode", "kyz"), func(r *rig) {
			turns(r, on)
			r.restart()
			r.tick(1)
			r.want(state, 1)
			r.want(count, 1)
			r.want(trigger, 0)
		}},
		{"power-up in the middle of a pulse: it counts when it ends", contacts(), func(r *rig) {
			turns(r, on)
			r.restart()
			turns(r, off)
			r.want(count, 1)
		}},
		{"another Port is at rest", contacts("Input Mode", "kyz"), func(r *rig) {
			turns(r, on)
			r.do(ion.Set{Register: "M/Port", Value: "A-DI6"})
			r.tick(1)
			r.want(state, 0)
			r.want(count, 1)
		}},
		{"EvLog Mode log on: a change of State is an event", contacts("EvLog Mode", "log on", "Event Priority", "99"), func(r *rig) {
			r.events()
			turns(r, on, on)
			e := r.events()
			if len(e) != 1 || e[0].Priority != 99 || e[0].Effect != "M/State" || e[0].EffectValue != "ON" || e[0].CauseValue != "DI1" {
				r.Errorf("events %+v", e)
			}
		}},
		{"EvLog Mode log off: none", contacts(), func(r *rig) {
			turns(r, on, off)
			if e := r.events(); len(e) != 0 {
				r.Errorf("events %+v", e)
			}
		}},
		{"Event Priority 0: none", contacts("EvLog Mode", "log on", "Event Priority", "0"), func(r *rig) {
			turns(r, on, off)
			if e := r.events(); len(e) != 0 {
				r.Errorf("events %+v", e)
			}
		}},
		{"Count cannot be written", contacts(), func(r *rig) {
			if err := r.node.Command(count, ion.Value{Class: ion.Numeric, Available: true, Number: 5}, ion.By{}, r.now); err == nil {
				r.Error("accepted")
			}
		}},
	})
}

func relays(settings ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "F", "O", "N"), externals("Boolean", "B"),
		module("Digital Output", []string{"Source", "B/Switch", "Force ON", "F/Trigger", "Force OFF", "O/Trigger", "Normal", "N/Trigger"},
			slices.Concat([]string{"Port", "DO1"}, settings)))
}

// Rules of the Digital Output (ION Reference, Digital Output module).
func TestDigitalOutput(t *testing.T) {
	// step writes Source, pulses inputs, and lets a second pass; then State and Mode
	// must be as said.
	step := func(r *rig, source float64, pulses string, state, mode float64) {
		r.Helper()
		if source == source {
			r.turn("B/Switch", source != 0)
		}
		for _, p := range pulses {
			r.fire(string(p))
		}
		r.tick(1)
		r.want("M/State", state)
		r.want("M/Mode", mode)
	}
	runRows(t, []row{
		{"at least one input", module("Digital Output", nil, []string{"Port", "DO1"}), func(r *rig) {
			r.wantOffline("none of the inputs Source … Normal is linked")
		}},
		{"without a Port", relays("Port", "Not Used"), func(r *rig) { r.wantOffline("no Port is chosen") }},
		{"PulseWidth 0: State follows Source", relays(), func(r *rig) {
			step(r, 1, "", 1, 0)
			step(r, 0, "", 0, 0)
		}},
		{"Source N/A: State N/A, the terminal at rest", relays(), func(r *rig) {
			step(r, na, "", na, 0)
			r.want("M/Level", 0)
		}},
		{"Force ON overrides Source until Normal", relays(), func(r *rig) {
			step(r, 0, "F", 1, 1)
			step(r, 0, "", 1, 1)
			step(r, 0, "N", 0, 0)
			step(r, 1, "", 1, 0)
		}},
		{"Force ON overrides a Source that is N/A", relays(), func(r *rig) { step(r, na, "F", 1, 1) }},
		{"Force OFF overrides Source", relays(), func(r *rig) {
			step(r, 1, "O", 0, 1)
			step(r, 1, "N", 1, 0)
		}},
		{"in one turn Normal over Force OFF over Force ON", relays(), func(r *rig) {
			step(r, 1, "FO", 0, 1)
			step(r, 1, "FON", 1, 0)
		}},
		{"PulseWidth: Force ON pulses, then the Force inputs keep control", relays("PulseWidth", "2"), func(r *rig) {
			step(r, 0, "F", 1, 1)
			step(r, 0, "", 1, 1)
			step(r, 1, "", 0, 1)
			step(r, 1, "N", 0, 0)
		}},
		{"PulseWidth: Force OFF is ignored", relays("PulseWidth", "5"), func(r *rig) {
			step(r, 0, "F", 1, 1)
			step(r, 0, "O", 1, 1)
		}},
		{"PulseWidth: a pulse for each rise of Source", relays("PulseWidth", "2"), func(r *rig) {
			step(r, 0, "", 0, 0)
			step(r, 1, "", 1, 0)
			step(r, 1, "", 1, 0)
			step(r, 1, "", 0, 0)
			step(r, 0, "", 0, 0)
			step(r, 1, "", 1, 0)
		}},
		{"PulseWidth: a clock that is set does not move the end", relays("PulseWidth", "3"), func(r *rig) {
			step(r, 0, "F", 1, 1)
			r.at("2026-07-01T00:00:00Z")
			r.want("M/State", 1)
			r.ticks(2, 1)
			r.want("M/State", 0)
		}},
		{"Source not linked: only the Force inputs act", relays(), func(r *rig) {
			r.do(ion.Link{Input: "M/Source"})
			step(r, 1, "", 0, 0)
			step(r, 1, "F", 1, 1)
			step(r, 1, "N", 0, 0)
		}},
		{"inverting: the terminal is the opposite", relays("Polarity", "inverting"), func(r *rig) {
			step(r, 1, "", 1, 0)
			r.want("M/Level", 0)
			step(r, 0, "", 0, 0)
			r.want("M/Level", 1)
		}},
		{"power-up: Source has control", relays(), func(r *rig) {
			step(r, 0, "F", 1, 1)
			r.restart()
			r.tick(1)
			r.want("M/State", 0)
			r.want("M/Mode", 0)
		}},
		{"re-link: Source has control", relays(), func(r *rig) {
			step(r, 0, "F", 1, 1)
			r.do(ion.Set{Register: "M/PulseWidth", Value: "7"})
			step(r, 0, "", 0, 0)
		}},
		{"EvLog Mode log on: an event of priority 20", relays("EvLog Mode", "log on"), func(r *rig) {
			step(r, 0, "", 0, 0)
			r.events()
			step(r, 1, "", 1, 0)
			e := r.events()
			if len(e) != 1 || e[0].Priority != ion.PriorityIOState || e[0].Effect != "M/State" || e[0].EffectValue != "ON" {
				r.Errorf("events %+v", e)
			}
		}},
		{"a Pulser cannot have its Port", relays(), func(r *rig) {
			err := r.node.Program([]ion.Change{ion.Create{Type: "Pulser", Label: "P"}, ion.Set{Register: "P/Port", Value: "DO1"}}, ion.By{}, r.now)
			if err == nil || !strings.Contains(err.Error(), "in use by M") {
				r.Errorf("error %v", err)
			}
		}},
	})
}

func pulsers(settings ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "S"), module("Pulser", []string{"Source", "S/Trigger"}, slices.Concat([]string{"Port", "DO1"}, settings)), counted("M", "Pulse Out"))
}

// Rules of the Pulser (7500 user guide, page 223).
func TestPulser(t *testing.T) {
	fire := func(r *rig, times int) {
		for range times {
			r.fire("S")
		}
		r.tick(1)
	}
	runRows(t, []row{
		{"without a Port", pulsers("Port", "Not Used"), func(r *rig) { r.wantOffline("no Port is chosen") }},
		{"pulses of a second are spread over the next", pulsers("PulseWidth", "0.02"), func(r *rig) {
			fire(r, 5)
			r.want("M/Count", 5)
			r.want("M/Waiting", 0)
			r.want("M/Spacing", 0.2)
			r.want("#Pulse Out/Latest", 5)
			fire(r, 0)
			r.want("M/Count", 5)
			r.want("M/Spacing", na)
		}},
		{"what the width does not allow waits", pulsers("PulseWidth", "0.1"), func(r *rig) {
			fire(r, 12)
			r.want("M/Count", 5) // 0.1 s each and 0.1 s of pause
			r.want("M/Waiting", 7)
			fire(r, 0)
			r.want("M/Count", 10)
			fire(r, 0)
			r.want("M/Count", 12)
			r.want("M/Waiting", 0)
		}},
		{"KYZ: each is one transition, without a pause", pulsers("PulseWidth", "0.1", "OutputMode", "KYZ"), func(r *rig) {
			fire(r, 12)
			r.want("M/Count", 10)
			fire(r, 0)
			r.want("M/Count", 12)
			r.want("M/Level", 0)
			fire(r, 1)
			r.want("M/Level", 1)
		}},
		{"a width of more than a second", pulsers("PulseWidth", "2"), func(r *rig) {
			fire(r, 2)
			for _, want := range []float64{1, 1, 1, 1, 2} {
				r.want("M/Count", want)
				fire(r, 0)
			}
		}},
		{"Level during a long pulse, and inverting", pulsers("PulseWidth", "2", "Polarity", "inverting"), func(r *rig) {
			r.want("M/Level", 1)
			fire(r, 1)
			r.want("M/Level", 0)
			fire(r, 0)
			r.want("M/Level", 0)
			fire(r, 0)
			r.want("M/Level", 1)
		}},
		{"nothing is lost over a long time", pulsers("PulseWidth", "0.02"), func(r *rig) {
			for i := range 100 {
				fire(r, i%40)
			}
			sent := 0
			for i := range 100 {
				sent += i % 40
			}
			r.ticks(100, 1)
			r.want("M/Count", float64(sent))
			r.want("#Pulse Out/Count", float64(sent))
		}},
		{"power-up: what waits and Count are kept", pulsers("PulseWidth", "0.1"), func(r *rig) {
			fire(r, 12)
			r.restart()
			r.want("M/Count", 5)
			r.want("M/Waiting", 7)
			r.ticks(2, 1)
			r.want("M/Count", 12)
		}},
		{"a clock that is set does not matter", pulsers("PulseWidth", "2"), func(r *rig) {
			fire(r, 2)
			r.at("2026-07-01T00:00:00Z")
			r.want("M/Count", 1)
			r.ticks(3, 1)
			r.want("M/Count", 2)
		}},
	})
}

func alerts(settings ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "T"), externals("Boolean", "On"), externals("Numeric", "A"),
		module("Alert", []string{"Trigger", "T/Trigger", "Enable", "On/Switch", "Source 1", "A/Numeric", "Source 2", "On/Switch"}, settings))
}

// Rules of the Alert (Siemens 9300 guide, page 132).
func TestAlert(t *testing.T) {
	enabled := func(run func(*rig)) func(*rig) {
		return func(r *rig) {
			r.turn("On/Switch", true)
			r.tick(1)
			r.node.TakeChanges()
			run(r)
		}
	}
	runRows(t, []row{
		{"one alert and an event for a Trigger", alerts("Message", "{label}: {1} A is {2} {{not}}", "Alert Type", "SNMP trap", "Destination", "nms"), enabled(func(r *rig) {
			r.put("A", 4.5)
			r.fire("T", "T")
			r.tick(1)
			ch := r.node.TakeChanges()
			alerts := r.node.Outbox()
			want := ion.Alert{Sequence: 1, Time: r.now, Module: "M", Type: "SNMP trap", Destination: "nms", Text: "M: 4.5 A is ON {not}"}
			if len(alerts) != 1 || alerts[0] != want {
				r.Errorf("alerts %+v, want %+v", alerts, want)
			}
			if n := len(ch.Events); n != 1 || ch.Events[0].Priority != ion.PriorityInformation || ch.Events[0].EffectValue != "SNMP trap: "+want.Text {
				r.Errorf("events %+v", ch.Events)
			}
			r.want("M/Alert Count", 1)
		})},
		{"a source that is N/A", alerts("Message", "{1}"), enabled(func(r *rig) {
			r.fire("T")
			r.tick(1)
			if a := r.node.Outbox(); len(a) != 1 || a[0].Text != "N/A" {
				r.Errorf("alerts %+v", a)
			}
		})},
		{"a full outbox drops and warns", alerts(), enabled(func(r *rig) {
			for range ion.MaxAlerts + 1 {
				r.fire("T")
				r.tick(1)
			}
			ch := r.node.TakeChanges()
			if last := ch.Events[len(ch.Events)-1]; len(r.node.Outbox()) != ion.MaxAlerts || last.Priority != ion.PriorityWarning || !strings.Contains(last.EffectValue, "full") {
				r.Errorf("%d alerts, last event %+v", len(r.node.Outbox()), last)
			}
			r.want("M/Alert Count", ion.MaxAlerts)
			r.node.Sent(1)
			r.fire("T")
			r.tick(1)
			if a := r.node.Outbox(); len(a) != ion.MaxAlerts || a[ion.MaxAlerts-1].Sequence != ion.MaxAlerts+1 {
				r.Errorf("%d alerts after one was sent and one came, want room for it", len(a))
			}
		})},
		{"Enable off: Trigger is ignored", alerts(), func(r *rig) {
			r.turn("On/Switch", false)
			r.fire("T")
			r.tick(1)
			if a := r.node.Outbox(); len(a) != 0 {
				r.Errorf("alerts %+v", a)
			}
		}},
		{"power-up: Alert Count and the outbox are kept", alerts(), enabled(func(r *rig) {
			r.fire("T")
			r.tick(1)
			before := r.node.Outbox()
			r.restart()
			r.tick(1)
			r.want("M/Alert Count", 1)
			if a := r.node.Outbox(); !slices.Equal(a, before) || len(a) != 1 {
				r.Errorf("alerts %+v, want %+v", a, before)
			}
		})},
		{"a message that asks for a source that is not linked", alerts("Message", "{3}"), func(r *rig) {
			r.wantOffline("message asks for Source 3, which is not linked")
		}},
		{"a bad message is refused", alerts(), func(r *rig) {
			for _, text := range []string{"{", "}", "a {1", "{9}", "{0}", "{}", "{x}", "{1}}"} {
				if err := r.node.Program([]ion.Change{ion.Set{Register: "M/Message", Value: text}}, ion.By{}, r.now); err == nil {
					r.Errorf("%q is accepted", text)
				}
			}
		}},
	})
}

func TestPointsAllocateNothing(t *testing.T) {
	noAllocations(t, slices.Concat(
		module("One-Shot Timer", []string{"Start", "P/Trigger"}, nil),
		[]ion.Change{
			ion.Create{Type: "Digital Input", Label: "I"}, ion.Set{Register: "I/Port", Value: "DI1"}, ion.Link{Input: "I/Reset Count", Register: "Clock/New Day"},
			ion.Create{Type: "Digital Output", Label: "O"}, ion.Set{Register: "O/Port", Value: "DO1"}, ion.Link{Input: "O/Source", Register: "M/State"},
			ion.Create{Type: "Pulser", Label: "U"}, ion.Set{Register: "U/Port", Value: "DO2"}, ion.Link{Input: "U/Source", Register: "P/Trigger"},
			ion.Create{Type: "Alert", Label: "A"}, ion.Link{Input: "A/Trigger", Register: "Clock/New Day"},
			ion.Create{Type: "External Boolean", Label: "B"}, ion.Create{Type: "External Numeric", Label: "N"}, ion.Create{Type: "External Pulse", Label: "X"},
		})...)
}

func TestEveryPortIsToBeHadOnce(t *testing.T) {
	var changes []ion.Change
	for i, port := range outputPort().Options[1:] {
		label := fmt.Sprintf("P%d", i)
		changes = append(changes, ion.Create{Type: "Pulser", Label: label}, ion.Set{Register: label + "/Port", Value: port})
	}
	newRig(t, changes...)
}
