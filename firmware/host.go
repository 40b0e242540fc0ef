package firmware

import "time"

// Host is what the state machine drives: the boot stage with processes, or a laboratory
// with meters in one process. Each method carries out an action of that name; they are called in the order
// in which Do lists them, and what is there already is done: after a cut the same action comes
// again. An error stops the list (Run).
type Host interface {
	// Keep makes the standing durable, both copies of the slot journal; when it returns, no
	// cut brings the one before it back.
	Keep(Standing) error
	// Reserve makes room for so many bytes in a slot that is not active, for what is sent, without harm to
	// blocks of it that have arrived already; what else is in the slot goes. A *Refusal of CodeNoSpace
	// says that there is no room.
	Reserve(slot Slot, sent Sending, room int64) error
	// Verify makes the executable of the slot of what has arrived, and proves it by the manifest with that hash. It
	// ends with the event Proved or Broken, which may come later.
	Verify(slot Slot, image Hash) error
	// Snapshot makes data of the running meter's data, which goes on. It ends with the event
	// Snapshotted or Broken, which may come later.
	Snapshot(from, to Data) error
	// Start ends what runs and starts the executable of a pair on its data, after it has brought
	// there what the copy from has and the pair's own has not: what was acknowledged since the snapshot, or,
	// on the way back, what the firmware on trial has written into its carry journal. So nothing that was acknowledged is missing
	// in either direction; asked for again, it brings nothing twice. It ends with the event Up
	// or Ended. On trial the firmware refuses changes of setup and keeps a carry journal.
	Start(pair Pair, trial bool, from Data) error
	// Settle tells what runs that its trial is over: it takes changes again, and needs no carry journal.
	Settle() error
	// Sweep takes away the slots and the data that the standing does not name (Standing.Names).
	Sweep(Standing) error
	// Log writes what has happened to the meter's event log, tamper-evident.
	Log(Outcome) error
}

// Action is what a host is to do: one of the types below, each the method of Host of its name.
type Action interface{ Do(Host) error }

// The actions.
type (
	Keep    struct{ Standing Standing }
	Reserve struct {
		Slot Slot
		Sent Sending
		Room int64
	}
	Verify struct {
		Slot  Slot
		Image Hash
	}
	Snapshot struct{ From, To Data }
	Start    struct {
		Pair  Pair
		Trial bool
		From  Data
	}
	Settle struct{}
	Sweep  struct{ Standing Standing }
	Log    struct{ Outcome Outcome }
)

// Do carries the action out.
func (a Keep) Do(h Host) error     { return h.Keep(a.Standing) }
func (a Reserve) Do(h Host) error  { return h.Reserve(a.Slot, a.Sent, a.Room) }
func (a Verify) Do(h Host) error   { return h.Verify(a.Slot, a.Image) }
func (a Snapshot) Do(h Host) error { return h.Snapshot(a.From, a.To) }
func (a Start) Do(h Host) error    { return h.Start(a.Pair, a.Trial, a.From) }
func (Settle) Do(h Host) error     { return h.Settle() }
func (a Sweep) Do(h Host) error    { return h.Sweep(a.Standing) }
func (a Log) Do(h Host) error      { return h.Log(a.Outcome) }

// Event is what happens to an upgrade: one of the types below.
type Event interface{ event() }

// Now is when an event happens: by the meter's clock, and by a monotonic one, which alone
// decides about leases and trials.
type Now struct {
	Clock time.Time
	Mono  time.Duration
}

// The events. By is an account and a client, in words; that they may is for the gate to say.
type (
	// Booted: the boot stage has started, at first or after a cut.
	Booted struct{ Now }
	// Offered: a client brings an image that Judge and Trust have let through, or goes on
	// bringing it. Sent is what he sends for it, Room what that and the executable need.
	Offered struct {
		Now
		By       string
		Manifest Manifest
		Image    Hash
		Sent     Sending
		Room     int64
	}
	// Worked: the owner of the lease has sent a block.
	Worked struct {
		Now
		By string
	}
	// Completed: all blocks are there.
	Completed struct {
		Now
		By string
	}
	// Proved: the executable is in its slot, and is what was signed.
	Proved struct{ Now }
	// Activated: a client wants it to run, at a time or, with the zero time, at once. Locked says that
	// the meter is revenue-locked.
	Activated struct {
		Now
		By      string
		At      time.Time
		Confirm bool
		Locked  bool
	}
	// Ticked: time has passed. Locked is as in Activated.
	Ticked struct {
		Now
		Locked bool
	}
	// Snapshotted: the data for the new executable is there.
	Snapshotted struct{ Now }
	// Up: what was started has said so to the boot stage.
	Up struct{ Now }
	// Passed: the firmware on trial has measured, served and conserved all for as long as it had to.
	Passed struct{ Now }
	// Ended: what was started ended by itself, or did not say that it is up in time.
	Ended struct {
		Now
		Reason string
	}
	// Unfit: the firmware on trial runs, and does not measure, serve or conserve.
	Unfit struct {
		Now
		Reason string
	}
	// Confirmed: an operator ends the trial for good.
	Confirmed struct {
		Now
		By string
	}
	// CalledBack: an operator wants the firmware before it back.
	CalledBack struct {
		Now
		By string
	}
	// Dropped: an operator wants the upgrade to end.
	Dropped struct {
		Now
		By string
	}
	// Broken: the host could not carry an action out.
	Broken struct {
		Now
		Action Action
		Err    error
	}
)

func (Booted) event()      {}
func (Offered) event()     {}
func (Worked) event()      {}
func (Completed) event()   {}
func (Proved) event()      {}
func (Activated) event()   {}
func (Ticked) event()      {}
func (Snapshotted) event() {}
func (Up) event()          {}
func (Passed) event()      {}
func (Ended) event()       {}
func (Unfit) event()       {}
func (Confirmed) event()   {}
func (CalledBack) event()  {}
func (Dropped) event()     {}
func (Broken) event()      {}
