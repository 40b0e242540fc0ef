package firmware

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Do tells what becomes of an upgrade by an event, and what the host is to do, in this order. A Keep
// among the actions is the first of them that changes anything: where it fails, nothing has happened (Run). The error is
// a *Refusal, and then nothing changes.
func (u Upgrade) Do(e Event) (Upgrade, []Action, error) {
	switch e := e.(type) {
	case Booted:
		return u.booted()
	case Offered:
		return u.offered(e)
	case Worked:
		if u.Phase != Receiving {
			return u, nil, u.notNow()
		}
		return u.leased(e.By, e.Now, nil)
	case Completed:
		if u.Phase != Receiving {
			return u, nil, u.notNow()
		}
		return u.leased(e.By, e.Now, []Action{Verify{u.Job.New.Slot, u.Job.Image}})
	case Proved:
		if u.Phase == Receiving {
			u.Phase = Verified
			return u, []Action{u.keep()}, nil
		}
	case Activated:
		return u.activated(e)
	case Ticked:
		return u.ticked(e)
	case Snapshotted:
		if u.snapshotting {
			u.snapshotting = false
			u.Phase, u.Job.New.Data = Switching, u.next()
			u.NextData = u.next() + 1
			return u, []Action{u.keep(), Start{u.Job.New, true, u.Active.Data}}, nil
		}
	case Up:
		return u.up(e)
	case Passed:
		return u.passed(e)
	case Ended:
		return u.ended(e.Reason)
	case Unfit:
		if u.Phase == Switching || u.Phase == Trial {
			return u.back(e.Reason)
		}
	case Confirmed:
		switch {
		case u.Phase == Trial && u.Job.Healthy:
			return u.commit(e.Now)
		case u.Phase == Trial || u.Phase == Switching:
			return u, nil, Refuse(CodeTrialInProgress, "firmware %s has not passed its trial yet", u.Job.Version)
		}
		return u, nil, u.notNow()
	case CalledBack:
		if u.Phase == Switching || u.Phase == Trial {
			return u.back("called back by " + e.By)
		}
		return u, nil, u.notNow()
	case Dropped:
		return u.dropped(e)
	case Broken:
		return u.broken(e)
	}
	return u, nil, nil
}

// Run lets a host carry out what an event brings, and returns what has become of the
// upgrade. Where the standing cannot be kept, nothing has happened; where another action
// cannot be carried out, the machine decides what follows. The error is a *Refusal, or what
// the host said first.
func Run(u Upgrade, h Host, e Event, now Now) (Upgrade, error) {
	return run(u, h, e, now, 3*MaxFailures)
}

func run(u Upgrade, h Host, e Event, now Now, tries int) (Upgrade, error) {
	next, actions, err := u.Do(e)
	if err != nil {
		return u, err
	}
	for _, a := range actions {
		err := a.Do(h)
		if err == nil {
			continue
		}
		if _, keeping := a.(Keep); keeping {
			err = fmt.Errorf("keeping how far the upgrade has come: %w", err)
			if _, booting := e.(Booted); booting {
				// A meter must run, also where its journal cannot be written.
				err = errors.Join(err, Start{u.Active, false, u.Active.Data}.Do(h))
			}
			return u, err
		}
		if tries == 0 {
			return next, err
		}
		after, _ := run(next, h, Broken{now, a, err}, now, tries-1)
		return after, err
	}
	return next, nil
}

func (u Upgrade) keep() Action { return Keep{u.Standing} }

// next is the number of the next snapshot.
func (u Upgrade) next() Data { return max(1, u.NextData) }

// notNow refuses what the phase does not allow.
func (u Upgrade) notNow() error {
	if u.Phase >= Switching {
		return Refuse(CodeTrialInProgress, "firmware %s is on trial (%s)", u.Job.Version, u.Phase)
	}
	return Refuse(CodeNoUpgrade, "the upgrade is %s", u.Phase)
}

// leased lets the actions happen if the lease is by's, or free.
func (u Upgrade) leased(by string, now Now, actions []Action) (Upgrade, []Action, error) {
	lease := u.Lease
	if !lease.take(line(by, maxBy), now.Mono) {
		return u, nil, Refuse(CodeLeased, "%s is upgrading this meter, for %v now", u.Lease.Owner, (now.Mono - u.Lease.Since).Round(time.Second))
	}
	u.Lease = lease
	return u, actions, nil
}

func (u Upgrade) booted() (Upgrade, []Action, error) {
	u.Lease, u.snapshotting, u.failures, u.trialEnds = Lease{}, false, 0, 0
	sweep := Sweep{u.Standing}
	switch u.Phase {
	case Receiving:
		return u, []Action{sweep, Start{u.Active, false, u.Active.Data}, Reserve{u.Job.New.Slot, u.Job.Sent, u.Job.Room}}, nil
	case Switching, Trial:
		u.Phase, u.Job.Healthy = Switching, false
		if u.Job.Cuts++; u.Job.Cuts > MaxCuts {
			return u.back(fmt.Sprintf("its trial was cut short %d times", u.Job.Cuts))
		}
		return u, []Action{u.keep(), sweep, Start{u.Job.New, true, u.Active.Data}}, nil
	case Returning:
		return u, []Action{sweep, Start{u.Active, false, u.Job.New.Data}}, nil
	}
	return u, []Action{sweep, Start{u.Active, false, u.Active.Data}}, nil
}

func (u Upgrade) offered(e Offered) (Upgrade, []Action, error) {
	if u.Phase >= Switching {
		return u, nil, u.notNow()
	}
	var actions []Action
	next := u
	if u.Phase == Idle || u.Job.Image != e.Image {
		next.snapshotting = false
		next.Phase = Receiving
		next.Job = Job{Image: e.Image, Version: e.Manifest.Version, Built: e.Manifest.Built, SecurityCounter: e.Manifest.SecurityCounter,
			By: line(e.By, maxBy), Sent: e.Sent, Room: e.Room, New: Pair{Slot: u.Active.Slot.other()}}
		if u.Phase != Idle {
			next.Last = u.outcome(Cancelled, "another image was brought by "+e.By, e.Now)
			actions = append(actions, next.keep(), Log{next.Last})
		} else {
			actions = append(actions, next.keep())
		}
	}
	if next.Phase == Receiving {
		if next.Job.Sent != e.Sent {
			// Another way to the same image: only the transfer begins anew (E2 34).
			next.Job.Sent, next.Job.Room = e.Sent, e.Room
			actions = append(actions, next.keep())
		}
		actions = append(actions, Reserve{next.Job.New.Slot, next.Job.Sent, next.Job.Room})
	}
	after, actions, err := next.leased(e.By, e.Now, actions)
	if err != nil {
		return u, nil, err
	}
	return after, actions, nil
}

func (u Upgrade) activated(e Activated) (Upgrade, []Action, error) {
	switch {
	case u.Phase != Verified && u.Phase != Scheduled:
		return u, nil, u.notNow()
	case e.Locked:
		return u, nil, Refuse(CodeRevenueLocked, "")
	}
	next := u
	next.Job.Confirm, next.Job.At = e.Confirm, e.At
	if e.At.After(e.Clock) {
		next.Phase, next.snapshotting = Scheduled, false
		after, actions, err := next.leased(e.By, e.Now, []Action{next.keep()})
		if err != nil {
			return u, nil, err
		}
		return after, actions, nil
	}
	next.Job.At = time.Time{}
	next, _, err := next.leased(e.By, e.Now, nil)
	if err != nil {
		return u, nil, err
	}
	return next.snapshot()
}

// snapshot asks for the data of the new executable. Data that was made for it before and not
// bound is of a time gone by, and swept away first.
func (u Upgrade) snapshot() (Upgrade, []Action, error) {
	if u.snapshotting {
		return u, nil, nil
	}
	u.snapshotting = true
	return u, []Action{Sweep{u.Standing}, Snapshot{u.Active.Data, u.next()}}, nil
}

func (u Upgrade) ticked(e Ticked) (Upgrade, []Action, error) {
	switch {
	case u.Phase == Scheduled && !u.snapshotting && e.Clock.After(u.Job.At.Add(LateTime)):
		u.Phase = Verified
		u.Last = u.outcome(Missed, "its time had gone by", e.Now)
		return u, []Action{u.keep(), Log{u.Last}}, nil
	case u.Phase == Scheduled && !e.Clock.Before(u.Job.At) && !e.Locked:
		return u.snapshot()
	case u.Phase == Trial && u.trialEnds != 0 && e.Mono >= u.trialEnds:
		return u.back(fmt.Sprintf("nobody has confirmed it within %v", ConfirmTime))
	}
	return u, nil, nil
}

func (u Upgrade) up(e Up) (Upgrade, []Action, error) {
	switch u.Phase {
	case Switching:
		u.Phase = Trial
		if u.Job.Confirm {
			u.trialEnds = e.Mono + ConfirmTime
		}
		return u, []Action{u.keep()}, nil
	case Returning:
		return u.finish(Returned, u.Job.Reason, e.Now)
	}
	return u, nil, nil
}

func (u Upgrade) passed(e Passed) (Upgrade, []Action, error) {
	switch {
	case u.Phase == Trial && u.Job.Confirm:
		u.Job.Healthy = true
		return u, []Action{u.keep()}, nil
	case u.Phase == Trial:
		return u.commit(e.Now)
	case u.Phase < Switching:
		u.failures = 0
	}
	return u, nil, nil
}

// ended is what follows when what was started has ended by itself.
func (u Upgrade) ended(reason string) (Upgrade, []Action, error) {
	switch u.Phase {
	case Switching, Trial:
		u.Phase, u.Job.Healthy = Switching, false
		if u.Job.Failures++; u.Job.Failures >= MaxFailures {
			return u.back(fmt.Sprintf("it ended by itself %d times: %s", u.Job.Failures, reason))
		}
		return u, []Action{u.keep(), Start{u.Job.New, true, u.Active.Data}}, nil
	}
	// What runs for good must run; when it cannot, the owner's own binary is the rescue. The
	// journal goes on naming the slot, and the next start tries it again.
	pair, from := u.Active, u.Active.Data
	if u.Phase == Returning {
		from = u.Job.New.Data
	}
	if u.failures++; u.failures >= MaxFailures {
		pair.Slot = FactorySlot
	}
	return u, []Action{Start{pair, false, from}}, nil
}

// back begins the return to what ran before.
func (u Upgrade) back(reason string) (Upgrade, []Action, error) {
	u.Phase, u.Job.Reason, u.failures, u.trialEnds = Returning, line(reason, maxReason), 0, 0
	return u, []Action{u.keep(), Start{u.Active, false, u.Job.New.Data}}, nil
}

// commit makes the pair on trial the one that runs for good.
func (u Upgrade) commit(now Now) (Upgrade, []Action, error) {
	u.Active = u.Job.New
	u.SecurityCounter = max(u.SecurityCounter, u.Job.SecurityCounter)
	if u.Job.Built.After(u.Trusted) {
		u.Trusted = u.Job.Built
	}
	u, actions, err := u.finish(Committed, "", now)
	return u, slices.Insert(actions, 1, Action(Settle{})), err
}

// finish ends the upgrade.
func (u Upgrade) finish(result Result, reason string, now Now) (Upgrade, []Action, error) {
	u.Last = u.outcome(result, reason, now)
	u.Phase, u.Job, u.Lease, u.snapshotting, u.trialEnds, u.failures = Idle, Job{}, Lease{}, false, 0, 0
	return u, []Action{u.keep(), Log{u.Last}, Sweep{u.Standing}}, nil
}

func (u Upgrade) outcome(result Result, reason string, now Now) Outcome {
	return Outcome{u.Job.Image, u.Job.Version, result, line(reason, maxReason), now.Clock.UTC()}
}

func (u Upgrade) dropped(e Dropped) (Upgrade, []Action, error) {
	switch u.Phase {
	case Receiving, Verified, Scheduled:
		next, _, err := u.leased(e.By, e.Now, nil)
		if err != nil {
			return u, nil, err
		}
		return next.finish(Cancelled, "cancelled by "+e.By, e.Now)
	case Switching, Trial:
		return u.back("cancelled by " + e.By)
	}
	return u, nil, u.notNow()
}

func (u Upgrade) broken(e Broken) (Upgrade, []Action, error) {
	switch e.Action.(type) {
	case Reserve, Verify:
		if u.Phase == Receiving {
			return u.finish(Failed, e.Err.Error(), e.Now)
		}
	case Snapshot:
		if u.snapshotting {
			u.snapshotting, u.Phase = false, Verified
			u.Last = u.outcome(Missed, e.Err.Error(), e.Now)
			return u, []Action{u.keep(), Log{u.Last}, Sweep{u.Standing}}, nil
		}
	case Start:
		return u.ended(e.Err.Error())
	}
	return u, nil, nil
}

// Bounds of texts in the slot journal, in bytes.
const (
	maxBy     = 100
	maxReason = 200
)

// line cuts a text to so many bytes in one line, for the journal.
func line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
