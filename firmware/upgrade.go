package firmware

import "time"

// Phase is how far an upgrade has come.
type Phase uint8

// The phases.
const (
	Idle      Phase = iota // no upgrade
	Receiving              // an image is accepted, and its blocks arrive
	Verified               // it is whole, proven and in its slot
	Scheduled              // it will be activated at a time
	Switching              // slot and data snapshot are bound: it is being started
	Trial                  // it runs, and may still return
	Returning              // the one before it is being started again
	phases
)

var phaseNames = [phases]string{"idle", "receiving", "verified", "scheduled", "switching", "trial", "returning"}

// String is the word for the phase.
func (p Phase) String() string {
	if p >= phases {
		return "unknown phase"
	}
	return phaseNames[p]
}

// Slot is a place for an executable.
type Slot uint8

// The slots. The binary that the owner started is the factory slot: it needs no image, and
// runs when nothing else can.
const (
	FactorySlot Slot = iota
	SlotA
	SlotB
	slots
)

// String is the name of the slot.
func (s Slot) String() string { return [...]string{"factory", "A", "B", "unknown slot"}[min(s, slots)] }

// other is the slot that an upgrade goes into while s is active.
func (s Slot) other() Slot {
	if s == SlotA {
		return SlotB
	}
	return SlotA
}

// Data numbers a copy of the durable data; 0 is the one that a meter began with. While it runs, the meter's data goes on
// under the number of the pair that runs.
type Data uint64

// Pair is an executable and the data that it works on. They are never named apart: no cut
// can bring one without the other.
type Pair struct {
	Slot Slot `json:"slot"`
	Data Data `json:"data"`
}

// Standing is all that is durable of upgrades: what the slot journal holds.
type Standing struct {
	Phase Phase `json:"phase"`
	// Active is what runs for good. In a trial it is what the meter returns to.
	Active Pair `json:"active"`
	// NextData is the number of the next snapshot; none is given twice.
	NextData Data `json:"next_data"` // 0 counts as 1
	// SecurityCounter and Trusted are the floors of Meter: they rise at a commit.
	SecurityCounter uint32    `json:"security_counter"`
	Trusted         time.Time `json:"trusted"`
	Job             Job       `json:"job"`
	Last            Outcome   `json:"last"`
}

// Job is an upgrade under way; zero in Idle.
type Job struct {
	// Image is the hash of the signed manifest; all that has arrived is bound to it. Version, Built and
	// SecurityCounter are from it, By is who began.
	Image           Hash      `json:"image"`
	Version         Version   `json:"version"`
	Built           time.Time `json:"built"`
	SecurityCounter uint32    `json:"security_counter"`
	By              string    `json:"by"`
	// Sent is what is sent for it. Room is what it needs in its slot, in bytes: what is sent
	// and the executable.
	Sent Sending `json:"sent"`
	Room int64   `json:"room"`
	// New is the pair to be tried; its data is numbered when the snapshot is asked for.
	New Pair `json:"new"`
	// At is when it is to be activated. Confirm says that an operator ends the trial.
	At      time.Time `json:"at"`
	Confirm bool      `json:"confirm"`
	// Failures are starts of the new executable that failed, Cuts those that something else ended, as a
	// power cut does.
	Failures int `json:"failures"`
	Cuts     int `json:"cuts"`
	// Healthy says that the trial has been passed, and an operator is waited for. Reason is why
	// the meter returns.
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason"`
}

// Sending is what is sent for an executable, in blocks of BlockBytes: the payload of its image, or a
// delta to an executable that the meter has.
type Sending struct {
	// Base is the SHA-256 of the executable that a delta is to; zero for a payload.
	Base  Hash  `json:"base"`
	Bytes int64 `json:"bytes"`
	// Blocks is the SHA-256 of the table of its blocks. That of a payload is signed. That of a delta is its
	// sender's word, which counts as little as the delta: what comes of it is compared with the manifest.
	Blocks Hash `json:"blocks"`
}

// Outcome is how an upgrade ended.
type Outcome struct {
	Image   Hash      `json:"image"`
	Version Version   `json:"version"`
	Result  Result    `json:"result"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Result is how an upgrade ended, in a word.
type Result string

// The results.
const (
	Committed Result = "committed"
	Returned  Result = "returned"
	Cancelled Result = "cancelled"
	Failed    Result = "failed"
	// Missed says that it was not activated, and waits to be.
	Missed Result = "missed"
)

// Bounds of trials.
const (
	// MaxFailures is how often a new executable may fail to start or end by itself; then the
	// meter returns.
	MaxFailures = 3
	// MaxCuts is how often something else may cut a trial short. Power cuts are not the
	// image's fault, but a meter that restarts for ever is of no use.
	MaxCuts = 20
	// ConfirmTime is how long an operator is waited for (upgrade --confirm).
	ConfirmTime = 24 * time.Hour
	// LateTime is how late a scheduled activation may be, as after a power cut; later ones are
	// asked for anew.
	LateTime = time.Hour
)

// Upgrade is the state machine: a value, with what is durable and who has the lease. Do is
// the only thing that changes it.
type Upgrade struct {
	Standing
	Lease Lease
	// snapshotting tells that a snapshot has been asked for; failures counts those of what runs for good.
	snapshotting bool
	failures     int
	// trialEnds is when an operator is no longer waited for, by the monotonic clock; 0 while there is
	// no trial that one ends.
	trialEnds time.Duration
}

// Resume is the machine of what the journal holds, after a start of the boot stage.
func Resume(s Standing) Upgrade { return Upgrade{Standing: s} }

// Names tells whether the standing needs what is in a slot, and copies of the data.
func (s Standing) Names(slot Slot) bool {
	return slot == FactorySlot || slot == s.Active.Slot || s.Phase != Idle && slot == s.Job.New.Slot
}

// NamesData tells whether the standing needs a copy of the data.
func (s Standing) NamesData(data Data) bool {
	return data == s.Active.Data || s.Phase >= Switching && data == s.Job.New.Data
}
