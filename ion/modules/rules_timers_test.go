package modules

import (
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/ion"
)

// row is a rule: a program, and what it must do.
type row struct {
	name    string
	program []ion.Change
	run     func(*rig)
}

func runRows(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.run(newRig(t, row.program...)) })
	}
}

func timers(settings ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "S"), externals("Boolean", "On"),
		module("Periodic Timer", []string{"Sync", "S/Trigger", "Enable", "On/Switch"}, settings), counted("M", "Trigger"))
}

// Rules of the Periodic Timer (ION Reference, Periodic Timer module; matrix 2.12).
func TestPeriodicTimer(t *testing.T) {
	const count = "#Trigger/Count"
	enabled := func(run func(*rig)) func(*rig) {
		return func(r *rig) {
			r.turn("On/Switch", true)
			run(r)
		}
	}
	runRows(t, []row{
		{"periods align with the hour of the clock", timers("Period", "15m"), enabled(func(r *rig) {
			r.at("2026-03-01T12:14:58Z")
			r.tick(1)
			r.want(count, 0)
			r.tick(1)
			r.want(count, 1)
			r.at("2026-03-01T12:29:59Z")
			r.want(count, 1)
			r.tick(1)
			r.want(count, 2)
		})},
		{"a period that does not divide the hour is counted from 1970", timers("Period", "420"), enabled(func(r *rig) {
			r.at("1970-01-01T00:06:59Z")
			r.ticks(1, 1)
			r.want(count, 1)
			r.ticks(420, 1)
			r.want(count, 2)
		})},
		{"several ends in one turn are several pulses", timers("Period", "1"), enabled(func(r *rig) {
			r.ticks(2, 1)
			before := r.value(count).Number
			r.second.EndS += 4 // the meter was held up for four seconds
			r.now = noon.Add(6e9)
			r.tick(1)
			r.want(count, before+5)
		})},
		{"a clock set forward makes one pulse", timers("Period", "60"), enabled(func(r *rig) {
			r.tick(1)
			r.at("2026-03-02T12:00:30Z")
			r.want(count, 1)
		})},
		{"a clock set back over one end does not make it twice", timers("Period", "60"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:59Z")
			r.tick(1)
			r.want(count, 1)
			r.at("2026-03-01T12:00:30Z")
			r.ticks(60, 1)
			r.want(count, 1)
			r.tick(1)
			r.ticks(30, 1)
			r.want(count, 2)
		})},
		{"a clock set back further is followed anew", timers("Period", "60"), enabled(func(r *rig) {
			r.tick(1)
			r.at("2026-02-01T12:00:30Z")
			r.want(count, 0)
			r.ticks(30, 1)
			r.want(count, 1)
		})},
		{"Enable off: no pulse", timers("Period", "2"), func(r *rig) {
			r.turn("On/Switch", true)
			r.ticks(2, 1)
			r.turn("On/Switch", false)
			before := r.value(count).Number
			r.ticks(10, 1)
			r.fire("S")
			r.tick(1)
			r.want(count, before)
		}},
		{"Enable on again: the ends that passed make no pulses", timers("Period", "2"), func(r *rig) {
			r.turn("On/Switch", false)
			r.ticks(11, 1) // 12:00:11
			r.turn("On/Switch", true)
			r.tick(1)
			r.want(count, 1)
		}},
		{"Sync restarts the timing and pulses", timers("Period", "10"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:03Z")
			r.fire("S")
			r.tick(1)
			r.want(count, 1)
			r.ticks(9, 1)
			r.want(count, 1)
			r.tick(1)
			r.want(count, 2)
		})},
		{"1.8 Sync is an event of priority 5", timers("Period", "10"), enabled(func(r *rig) {
			r.tick(1)
			r.events()
			r.fire("S")
			r.tick(1)
			r.wantEvents(ion.PriorityReset, "Sync pulsed > synchronised")
		})},
		{"each of several Sync pulses in one turn pulses", timers("Period", "10"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:03Z")
			r.fire("S", "S", "S")
			r.tick(1)
			r.want(count, 3)
		})},
		{"Sync Mode no trig on sync", timers("Period", "10", "Sync Mode", "no trig on sync"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:03Z")
			r.fire("S")
			r.tick(1)
			r.want(count, 0)
			r.ticks(10, 1)
			r.want(count, 1)
		})},
		{"Sync at the end of a period makes no second pulse", timers("Period", "10"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:09Z")
			r.fire("S")
			r.tick(1)
			r.want(count, 1)
		})},
		{"synchronised, a clock that is set does not matter", timers("Period", "10"), enabled(func(r *rig) {
			r.fire("S")
			r.tick(1)
			r.want(count, 1)
			r.at("2026-07-01T07:07:07Z")
			r.ticks(8, 1)
			r.want(count, 1)
			r.tick(1)
			r.want(count, 2)
		})},
		{"power-up realigns to the clock", timers("Period", "10"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:03Z")
			r.fire("S")
			r.tick(1)
			r.restart()
			r.ticks(5, 1) // 12:00:09
			r.want(count, 0)
			r.tick(1)
			r.want(count, 1)
		})},
		{"another Period realigns to the clock", timers("Period", "10"), enabled(func(r *rig) {
			r.at("2026-03-01T12:00:03Z")
			r.fire("S")
			r.tick(1)
			r.do(ion.Set{Register: "M/Period", Value: "20"})
			r.ticks(15, 1)
			r.want(count, 1)
			r.tick(1)
			r.want(count, 2)
		})},
	})
}

func oneShots(settings ...string) []ion.Change {
	return slices.Concat(externals("Pulse", "S"), externals("Boolean", "On"),
		module("One-Shot Timer", []string{"Start", "S/Trigger", "Enable", "On/Switch"}, settings), counted("M", "Trigger"))
}

// Rules of the One-Shot Timer (ION Reference, One-Shot Timer module; matrix 2.12).
func TestOneShotTimer(t *testing.T) {
	const count, state = "#Trigger/Count", "M/State"
	started := func(run func(*rig)) func(*rig) {
		return func(r *rig) {
			r.turn("On/Switch", true)
			r.tick(1)
			r.fire("S")
			r.tick(1)
			r.want(state, 1)
			run(r)
		}
	}
	runRows(t, []row{
		{"a mandatory Start", module("One-Shot Timer", nil, nil), func(r *rig) { r.wantOffline("the mandatory input Start is not linked") }},
		{"State is ON for Duration, Trigger at the end", oneShots("Duration", "3"), started(func(r *rig) {
			r.ticks(2, 1)
			r.want(state, 1)
			r.want(count, 0)
			r.tick(1)
			r.want(state, 0)
			r.want(count, 1)
		})},
		{"Start is ignored while running", oneShots("Duration", "3"), started(func(r *rig) {
			r.tick(1)
			r.fire("S")
			r.ticks(2, 1)
			r.want(state, 0)
			r.ticks(5, 1)
			r.want(count, 1)
		})},
		{"Start in the turn of the end begins the next run", oneShots("Duration", "2"), started(func(r *rig) {
			r.tick(1)
			r.fire("S")
			r.tick(1)
			r.want(count, 1)
			r.want(state, 1)
			r.ticks(2, 1)
			r.want(count, 2)
		})},
		{"Enable off: the run finishes, Starts are ignored", oneShots("Duration", "3"), started(func(r *rig) {
			r.turn("On/Switch", false)
			r.tick(1)
			r.want(state, 1)
			r.ticks(2, 1)
			r.want(state, 0)
			r.want(count, 1)
			r.fire("S")
			r.tick(1)
			r.want(state, 0)
			r.turn("On/Switch", true)
			r.ticks(4, 1)
			r.want(count, 1)
		})},
		{"a clock that is set does not move the end", oneShots("Duration", "3"), started(func(r *rig) {
			r.at("2026-07-01T00:00:00Z")
			r.want(state, 1)
			r.at("2025-07-01T00:00:00Z")
			r.want(state, 1)
			r.tick(1)
			r.want(count, 1)
		})},
		{"seconds without measurement count", oneShots("Duration", "3"), started(func(r *rig) {
			for range 3 {
				r.now = r.now.Add(1e9)
				r.node.Tick(r.now, nil)
			}
			r.want(count, 1)
		})},
		{"power-up: idle", oneShots("Duration", "3"), started(func(r *rig) {
			r.restart()
			r.want(state, 0)
			r.ticks(5, 1)
			r.want(count, 0)
		})},
		{"another Duration: idle", oneShots("Duration", "3"), started(func(r *rig) {
			r.do(ion.Set{Register: "M/Duration", Value: "1h"})
			r.want(state, 0)
			r.ticks(5, 1)
			r.want(count, 0)
		})},
	})
}

func TestTimersAllocateNothing(t *testing.T) {
	noAllocations(t, ion.Create{Type: "One-Shot Timer", Label: "O"}, ion.Link{Input: "O/Start", Register: "P/Trigger"})
}
