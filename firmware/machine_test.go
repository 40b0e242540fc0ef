package firmware

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	testNow   = Now{Clock: testBuilt.AddDate(0, 1, 0), Mono: time.Hour}
	testHash  = Hash{1}
	otherHash = Hash{2}
	testSent  = Sending{Bytes: 50, Blocks: Hash{3}}
	deltaSent = Sending{Base: Hash{4}, Bytes: 5, Blocks: Hash{5}}
)

// inPhase is an upgrade by "ann" of firmware 2.1.0 in slot A to 3.0.0 in slot B.
func inPhase(p Phase) Upgrade {
	u := Upgrade{Standing: Standing{Phase: p, Active: Pair{SlotA, 4}, NextData: 5, SecurityCounter: 1}}
	if p != Idle {
		u.Job = Job{Image: testHash, Version: Version{3, 0, 0}, Built: testBuilt, SecurityCounter: 2, By: "ann", Sent: testSent, Room: 100, New: Pair{Slot: SlotB}}
		u.Lease = Lease{Owner: "ann", Since: testNow.Mono, until: testNow.Mono + LeaseTime}
	}
	if p == Scheduled {
		u.Job.At = testNow.Clock.Add(time.Hour)
	}
	if p >= Switching {
		u.Job.New.Data, u.NextData = 5, 6
	}
	return u
}

// shown is what an event brings, in a line: the phase after it, then the actions, or the code of the
// refusal.
func shown(u Upgrade, actions []Action, err error) string {
	if err != nil {
		return "refused " + string(codeOf(err))
	}
	words := []string{u.Phase.String()}
	if u.snapshotting {
		words[0] += "+snapshot"
	}
	for _, a := range actions {
		word := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", a), "firmware."))
		switch a := a.(type) {
		case Start:
			word += fmt.Sprintf(" %s%d", a.Pair.Slot, a.Pair.Data)
			if a.Trial {
				word += " on trial"
			}
			if a.From != a.Pair.Data {
				word += fmt.Sprintf(" with %d", a.From)
			}
		case Log:
			word += " " + string(a.Outcome.Result)
		case Reserve:
			word += " " + a.Slot.String()
		case Snapshot:
			word += fmt.Sprintf(" %d to %d", a.From, a.To)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// The events of the table. Ann has the lease where there is one.
func tableEvents() map[string]Event {
	m := Manifest{Version: Version{3, 0, 0}, Built: testBuilt, SecurityCounter: 2}
	broken := func(a Action) Event { return Broken{testNow, a, errors.New("no")} }
	return map[string]Event{
		"booted":           Booted{testNow},
		"offered":          Offered{testNow, "ann", m, testHash, testSent, 100},
		"offered by bob":   Offered{testNow, "bob", m, testHash, testSent, 100},
		"another offered":  Offered{testNow, "ann", m, otherHash, testSent, 100},
		"worked":           Worked{testNow, "ann"},
		"worked by bob":    Worked{testNow, "bob"},
		"completed":        Completed{testNow, "ann"},
		"proved":           Proved{testNow},
		"activated":        Activated{Now: testNow, By: "ann"},
		"activated by bob": Activated{Now: testNow, By: "bob"},
		"activated later":  Activated{Now: testNow, By: "ann", At: testNow.Clock.Add(time.Minute)},
		"activated locked": Activated{Now: testNow, By: "ann", Locked: true},
		"ticked":           Ticked{Now: testNow},
		"ticked at":        Ticked{Now: Now{testNow.Clock.Add(time.Hour), testNow.Mono + time.Hour}},
		"ticked locked":    Ticked{Now: Now{testNow.Clock.Add(time.Hour), testNow.Mono + time.Hour}, Locked: true},
		"ticked late":      Ticked{Now: Now{testNow.Clock.Add(3 * time.Hour), testNow.Mono + 3*time.Hour}},
		"snapshotted":      Snapshotted{testNow},
		"up":               Up{testNow},
		"passed":           Passed{testNow},
		"ended":            Ended{testNow, "crash"},
		"unfit":            Unfit{testNow, "no samples"},
		"confirmed":        Confirmed{testNow, "ann"},
		"called back":      CalledBack{testNow, "ann"},
		"dropped":          Dropped{testNow, "ann"},
		"dropped by bob":   Dropped{testNow, "bob"},
		"broken reserve":   broken(Reserve{}),
		"broken verify":    broken(Verify{}),
		"broken snapshot":  broken(Snapshot{}),
		"broken start":     broken(Start{}),
		"broken sweep":     broken(Sweep{}),
		"broken log":       broken(Log{}),
	}
}

// Each event in each phase.
func TestMachineTable(t *testing.T) {
	const table = `
idle      | booted           | idle, sweep, start A4
receiving | booted           | receiving, sweep, start A4, reserve B
verified  | booted           | verified, sweep, start A4
scheduled | booted           | scheduled, sweep, start A4
switching | booted           | switching, keep, sweep, start B5 on trial with 4
trial     | booted           | switching, keep, sweep, start B5 on trial with 4
returning | booted           | returning, sweep, start A4 with 5
idle      | offered          | receiving, keep, reserve B
receiving | offered          | receiving, reserve B
verified  | offered          | verified
scheduled | offered          | scheduled
switching | offered          | refused trial-in-progress
trial     | offered          | refused trial-in-progress
returning | offered          | refused trial-in-progress
idle      | offered by bob   | receiving, keep, reserve B
receiving | offered by bob   | refused leased
verified  | offered by bob   | refused leased
scheduled | offered by bob   | refused leased
switching | offered by bob   | refused trial-in-progress
trial     | offered by bob   | refused trial-in-progress
returning | offered by bob   | refused trial-in-progress
idle      | another offered  | receiving, keep, reserve B
receiving | another offered  | receiving, keep, log cancelled, reserve B
verified  | another offered  | receiving, keep, log cancelled, reserve B
scheduled | another offered  | receiving, keep, log cancelled, reserve B
switching | another offered  | refused trial-in-progress
trial     | another offered  | refused trial-in-progress
returning | another offered  | refused trial-in-progress
idle      | worked           | refused no-upgrade
receiving | worked           | receiving
verified  | worked           | refused no-upgrade
scheduled | worked           | refused no-upgrade
switching | worked           | refused trial-in-progress
trial     | worked           | refused trial-in-progress
returning | worked           | refused trial-in-progress
idle      | worked by bob    | refused no-upgrade
receiving | worked by bob    | refused leased
verified  | worked by bob    | refused no-upgrade
scheduled | worked by bob    | refused no-upgrade
switching | worked by bob    | refused trial-in-progress
trial     | worked by bob    | refused trial-in-progress
returning | worked by bob    | refused trial-in-progress
idle      | completed        | refused no-upgrade
receiving | completed        | receiving, verify
verified  | completed        | refused no-upgrade
scheduled | completed        | refused no-upgrade
switching | completed        | refused trial-in-progress
trial     | completed        | refused trial-in-progress
returning | completed        | refused trial-in-progress
idle      | proved           | idle
receiving | proved           | verified, keep
verified  | proved           | verified
scheduled | proved           | scheduled
switching | proved           | switching
trial     | proved           | trial
returning | proved           | returning
idle      | activated        | refused no-upgrade
receiving | activated        | refused no-upgrade
verified  | activated        | verified+snapshot, sweep, snapshot 4 to 5
scheduled | activated        | scheduled+snapshot, sweep, snapshot 4 to 5
switching | activated        | refused trial-in-progress
trial     | activated        | refused trial-in-progress
returning | activated        | refused trial-in-progress
idle      | activated by bob | refused no-upgrade
receiving | activated by bob | refused no-upgrade
verified  | activated by bob | refused leased
scheduled | activated by bob | refused leased
switching | activated by bob | refused trial-in-progress
trial     | activated by bob | refused trial-in-progress
returning | activated by bob | refused trial-in-progress
idle      | activated later  | refused no-upgrade
receiving | activated later  | refused no-upgrade
verified  | activated later  | scheduled, keep
scheduled | activated later  | scheduled, keep
switching | activated later  | refused trial-in-progress
trial     | activated later  | refused trial-in-progress
returning | activated later  | refused trial-in-progress
idle      | activated locked | refused no-upgrade
receiving | activated locked | refused no-upgrade
verified  | activated locked | refused revenue-locked
scheduled | activated locked | refused revenue-locked
switching | activated locked | refused trial-in-progress
trial     | activated locked | refused trial-in-progress
returning | activated locked | refused trial-in-progress
idle      | ticked           | idle
receiving | ticked           | receiving
verified  | ticked           | verified
scheduled | ticked           | scheduled
switching | ticked           | switching
trial     | ticked           | trial
returning | ticked           | returning
idle      | ticked at        | idle
receiving | ticked at        | receiving
verified  | ticked at        | verified
scheduled | ticked at        | scheduled+snapshot, sweep, snapshot 4 to 5
switching | ticked at        | switching
trial     | ticked at        | trial
returning | ticked at        | returning
idle      | ticked locked    | idle
receiving | ticked locked    | receiving
verified  | ticked locked    | verified
scheduled | ticked locked    | scheduled
switching | ticked locked    | switching
trial     | ticked locked    | trial
returning | ticked locked    | returning
idle      | ticked late      | idle
receiving | ticked late      | receiving
verified  | ticked late      | verified
scheduled | ticked late      | verified, keep, log missed
switching | ticked late      | switching
trial     | ticked late      | trial
returning | ticked late      | returning
idle      | snapshotted      | idle
receiving | snapshotted      | receiving
verified  | snapshotted      | verified
scheduled | snapshotted      | scheduled
switching | snapshotted      | switching
trial     | snapshotted      | trial
returning | snapshotted      | returning
idle      | up               | idle
receiving | up               | receiving
verified  | up               | verified
scheduled | up               | scheduled
switching | up               | trial, keep
trial     | up               | trial
returning | up               | idle, keep, log returned, sweep
idle      | passed           | idle
receiving | passed           | receiving
verified  | passed           | verified
scheduled | passed           | scheduled
switching | passed           | switching
trial     | passed           | idle, keep, settle, log committed, sweep
returning | passed           | returning
idle      | ended            | idle, start A4
receiving | ended            | receiving, start A4
verified  | ended            | verified, start A4
scheduled | ended            | scheduled, start A4
switching | ended            | switching, keep, start B5 on trial with 4
trial     | ended            | switching, keep, start B5 on trial with 4
returning | ended            | returning, start A4 with 5
idle      | unfit            | idle
receiving | unfit            | receiving
verified  | unfit            | verified
scheduled | unfit            | scheduled
switching | unfit            | returning, keep, start A4 with 5
trial     | unfit            | returning, keep, start A4 with 5
returning | unfit            | returning
idle      | confirmed        | refused no-upgrade
receiving | confirmed        | refused no-upgrade
verified  | confirmed        | refused no-upgrade
scheduled | confirmed        | refused no-upgrade
switching | confirmed        | refused trial-in-progress
trial     | confirmed        | refused trial-in-progress
returning | confirmed        | refused trial-in-progress
idle      | called back      | refused no-upgrade
receiving | called back      | refused no-upgrade
verified  | called back      | refused no-upgrade
scheduled | called back      | refused no-upgrade
switching | called back      | returning, keep, start A4 with 5
trial     | called back      | returning, keep, start A4 with 5
returning | called back      | refused trial-in-progress
idle      | dropped          | refused no-upgrade
receiving | dropped          | idle, keep, log cancelled, sweep
verified  | dropped          | idle, keep, log cancelled, sweep
scheduled | dropped          | idle, keep, log cancelled, sweep
switching | dropped          | returning, keep, start A4 with 5
trial     | dropped          | returning, keep, start A4 with 5
returning | dropped          | refused trial-in-progress
idle      | dropped by bob   | refused no-upgrade
receiving | dropped by bob   | refused leased
verified  | dropped by bob   | refused leased
scheduled | dropped by bob   | refused leased
switching | dropped by bob   | returning, keep, start A4 with 5
trial     | dropped by bob   | returning, keep, start A4 with 5
returning | dropped by bob   | refused trial-in-progress
idle      | broken reserve   | idle
receiving | broken reserve   | idle, keep, log failed, sweep
verified  | broken reserve   | verified
scheduled | broken reserve   | scheduled
switching | broken reserve   | switching
trial     | broken reserve   | trial
returning | broken reserve   | returning
idle      | broken verify    | idle
receiving | broken verify    | idle, keep, log failed, sweep
verified  | broken verify    | verified
scheduled | broken verify    | scheduled
switching | broken verify    | switching
trial     | broken verify    | trial
returning | broken verify    | returning
idle      | broken snapshot  | idle
receiving | broken snapshot  | receiving
verified  | broken snapshot  | verified
scheduled | broken snapshot  | scheduled
switching | broken snapshot  | switching
trial     | broken snapshot  | trial
returning | broken snapshot  | returning
idle      | broken start     | idle, start A4
receiving | broken start     | receiving, start A4
verified  | broken start     | verified, start A4
scheduled | broken start     | scheduled, start A4
switching | broken start     | switching, keep, start B5 on trial with 4
trial     | broken start     | switching, keep, start B5 on trial with 4
returning | broken start     | returning, start A4 with 5
idle      | broken sweep     | idle
receiving | broken sweep     | receiving
verified  | broken sweep     | verified
scheduled | broken sweep     | scheduled
switching | broken sweep     | switching
trial     | broken sweep     | trial
returning | broken sweep     | returning
idle      | broken log       | idle
receiving | broken log       | receiving
verified  | broken log       | verified
scheduled | broken log       | scheduled
switching | broken log       | switching
trial     | broken log       | trial
returning | broken log       | returning
`
	events := tableEvents()
	seen := map[string]bool{}
	for row := range strings.Lines(strings.TrimSpace(table)) {
		columns := strings.Split(strings.TrimSpace(row), "|")
		for i := range columns {
			columns[i] = strings.TrimSpace(columns[i])
		}
		phase := Phase(slices.Index(phaseNames[:], columns[0]))
		event, known := events[columns[1]]
		if phase >= phases || !known || seen[columns[0]+columns[1]] {
			t.Fatalf("row %q", row)
		}
		seen[columns[0]+columns[1]] = true
		u := inPhase(phase)
		after, actions, err := u.Do(event)
		if got := shown(after, actions, err); got != columns[2] {
			t.Errorf("%s, %s: %s, want %s", columns[0], columns[1], got, columns[2])
		}
		if err != nil && after != u {
			t.Errorf("%s, %s: refused, and something has changed", columns[0], columns[1])
		}
		keeps := slices.IndexFunc(actions, func(a Action) bool { _, is := a.(Keep); return is })
		if keeps > 0 || keeps < 0 && after.Standing != u.Standing && after.Phase != Verified && after.Phase != Scheduled {
			t.Errorf("%s, %s: kept as action %d, and what is durable has changed", columns[0], columns[1], keeps)
		}
		if keeps == 0 && actions[0].(Keep).Standing != after.Standing {
			t.Errorf("%s, %s: something else is kept than it has come to", columns[0], columns[1])
		}
	}
	if want := int(phases) * len(events); len(seen) != want {
		t.Errorf("%d rows, want %d", len(seen), want)
	}
}

// What depends on more than the phase.
func TestMachineRules(t *testing.T) {
	do := func(u Upgrade, events ...Event) (Upgrade, string) {
		last := ""
		for _, e := range events {
			after, actions, err := u.Do(e)
			u, last = after, shown(after, actions, err)
		}
		return u, last
	}
	expect := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	later := func(d time.Duration) Now { return Now{testNow.Clock.Add(d), testNow.Mono + d} }
	crash, boot := Ended{testNow, "crash"}, Booted{testNow}

	_, got := do(inPhase(Switching), crash, crash, crash)
	expect("E2 45: three crashes", got, "returning, keep, start A4 with 5")
	u, _ := do(inPhase(Switching), crash, Up{testNow}, crash, Up{testNow}, Passed{testNow})
	expect("E2 46: it passes at the third start", u.Last.Version.String()+" "+string(u.Last.Result), "3.0.0 committed")
	if u.Active != (Pair{SlotB, 5}) || u.SecurityCounter != 2 || !u.Trusted.Equal(testBuilt) {
		t.Errorf("committed: %+v", u.Standing)
	}
	u = inPhase(Switching)
	for range MaxCuts {
		u, got = do(u, boot)
	}
	expect("E2 50: as many power cuts as may be", got, "switching, keep, sweep, start B5 on trial with 4")
	_, got = do(u, boot)
	expect("E2 50: one more", got, "returning, keep, start A4 with 5")
	_, got = do(inPhase(Idle), crash, crash, crash)
	expect("what runs for good does not run: the factory slot", got, "idle, start factory4")
	_, got = do(inPhase(Idle), crash, crash, Passed{testNow}, crash)
	expect("crashes that are far apart", got, "idle, start A4")
	_, got = do(inPhase(Returning), crash, crash, crash)
	expect("the old firmware does not run either: the rescue", got, "returning, start factory4 with 5")

	confirm := inPhase(Switching)
	confirm.Job.Confirm = true
	u, got = do(confirm, Up{testNow}, Passed{testNow})
	expect("E2 61: with --confirm it waits", got, "trial, keep")
	_, got = do(u, Confirmed{testNow, "bob"})
	expect("E2 61: confirmed", got, "idle, keep, settle, log committed, sweep")
	_, got = do(u, Ticked{Now: later(ConfirmTime - time.Second)})
	expect("E2 61: a second before a day", got, "trial")
	_, got = do(u, Ticked{Now: Now{testNow.Clock.AddDate(1, 0, 0), testNow.Mono + time.Second}})
	expect("E2 42: a jump of the clock", got, "trial")
	_, got = do(u, Ticked{Now: later(ConfirmTime)})
	expect("E2 61: nobody for a day", got, "returning, keep, start A4 with 5")
	_, got = do(u, crash)
	expect("it crashes while it waits", got, "switching, keep, start B5 on trial with 4")
	_, got = do(u, crash, Up{testNow}, Confirmed{testNow, "ann"})
	expect("and must pass again before it is confirmed", got, "refused trial-in-progress")

	receiving := inPhase(Receiving)
	_, got = do(receiving, Worked{later(LeaseTime - time.Second), "bob"})
	expect("E2 19: the lease holds", got, "refused leased")
	u, got = do(receiving, Worked{later(LeaseTime), "bob"})
	expect("E2 20, 27: the lease has ended, another goes on", got, "receiving")
	_, got = do(u, Worked{later(LeaseTime), "ann"})
	expect("E2 27: and has it now", got, "refused leased")
	_, got = do(receiving, Worked{later(LeaseTime - time.Second), "ann"}, Worked{later(LeaseTime), "bob"})
	expect("E2 19: a word renews it", got, "refused leased")
	_, got = do(receiving, boot, Offered{testNow, "bob", Manifest{}, testHash, testSent, 100})
	expect("E2 25: a cut ends it", got, "receiving, reserve B")

	_, got = do(receiving, Offered{testNow, "ann", Manifest{}, testHash, deltaSent, 100})
	expect("E2 34: a delta in the place of the payload", got, "receiving, keep, reserve B")
	_, got = do(inPhase(Verified), Offered{testNow, "ann", Manifest{}, testHash, deltaSent, 100})
	expect("the same image, when it is there", got, "verified")
	_, got = do(inPhase(Verified), Activated{Now: testNow, By: "ann"}, Activated{Now: testNow, By: "ann"})
	expect("activated twice: one snapshot", got, "verified+snapshot")
	_, got = do(inPhase(Verified), Activated{Now: testNow, By: "ann"}, Snapshotted{testNow})
	expect("the snapshot is there", got, "switching, keep, start B5 on trial with 4")
	_, got = do(inPhase(Verified), Activated{Now: testNow, By: "ann"}, Broken{testNow, Snapshot{}, errors.New("full")})
	expect("E2 22: no room for the snapshot", got, "verified, keep, log missed, sweep")
	_, got = do(inPhase(Verified), Activated{Now: testNow, By: "ann"}, boot, Snapshotted{testNow})
	expect("E2 23: cut while the snapshot is made", got, "verified")
	_, got = do(inPhase(Scheduled), Ticked{Now: later(time.Hour)}, Ticked{Now: later(time.Hour)})
	expect("E2 42: it fires once", got, "scheduled+snapshot")
	_, got = do(inPhase(Scheduled), Ticked{Now: later(time.Hour)}, Snapshotted{testNow}, Ticked{Now: later(time.Hour)})
	expect("E2 42: and not again when the clock goes back", got, "switching")
	_, got = do(inPhase(Scheduled), boot, Ticked{Now: later(90 * time.Minute)})
	expect("E2 41: its time passed without power, not long ago", got, "scheduled+snapshot, sweep, snapshot 4 to 5")
	_, got = do(inPhase(Scheduled), Dropped{testNow, "ann"}, Snapshotted{testNow})
	expect("E2 74: cancelled, and a late snapshot", got, "idle")

	fresh := Upgrade{}
	u, got = do(fresh, boot)
	expect("a meter that was never upgraded", got, "idle, sweep, start factory0")
	u, _ = do(u, Offered{testNow, "ann", Manifest{Version: Version{3, 0, 0}}, testHash, testSent, 100}, Completed{testNow, "ann"}, Proved{testNow}, Activated{Now: testNow, By: "ann"}, Snapshotted{testNow}, Up{testNow}, Passed{testNow})
	if u.Active != (Pair{SlotA, 1}) || u.NextData != 2 {
		t.Errorf("the first upgrade: %+v", u.Standing)
	}
}

func TestLease(t *testing.T) {
	var l Lease
	if l.Held(0) || l.Left(0) != 0 || !l.take("ann", 0) || !l.Held(LeaseTime-1) || l.Held(LeaseTime) || l.Left(time.Second) != LeaseTime-time.Second {
		t.Errorf("%+v", l)
	}
	if l.take("bob", time.Second) || !l.take("ann", time.Second) || l.Since != 0 || !l.take("bob", time.Second+LeaseTime) || l.Since != time.Second+LeaseTime {
		t.Errorf("%+v", l)
	}
}
