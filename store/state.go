package store

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/hepmeter/hepmeter/wire/eventchain"
)

// Identity says which meter a directory belongs to.
type Identity struct {
	Model  string // for example ION9000
	Serial string // empty accepts, and for a new store leaves open, any serial number
	// Firmware is the version that a store was made to show; empty is the program's own.
	Firmware string
}

// State is what a meter needs to go on where it stopped.
type State struct {
	Meta     Meta
	Setup    map[string]string // setup register label -> its text
	Retained map[string][]byte // module label -> its accumulated state, encoded by the module
	Program  string            // the modules and their links, as last committed; empty if never
	Security map[string][]byte // name -> opaque state of the gate: verifiers, lockouts, the ledger
}

// Meta describes the store and the run that ended before this one.
type Meta struct {
	Identity
	Created    time.Time // when the store was made
	PowerUps   uint64    // how often it was opened, this time included
	LastAlive  time.Time // the last time the run before was known to be alive; zero for a new store
	CleanStop  bool      // whether the run before ended with Close
	Position   *Position // up to where the state counted then; nil is not known
	NextEvent  uint64    // sequence number the next event will get
	EventDepth int       // events kept; older ones are deleted

	EventHash eventchain.Hash // of the newest event there ever was; zero before the first
}

// Event is one record of the event log: a cause, its effect, and where known
// who asked for it. The store gives the sequence number, in the order of
// commits from 1, and never gives it twice, and chains it to the event before: a reader
// finds any change by recomputing the hashes (eventchain.EventHash).
type Event struct {
	Sequence    uint64
	Time        time.Time
	Priority    uint8 // 0-255 as in the Event Log Controller module
	Cause       string
	CauseValue  string
	Effect      string
	EffectValue string
	User        string // account that caused it; empty when nobody did
	Origin      string // path and address it came by

	Previous eventchain.Hash // of the event before; zero before the first. Given by the store
	Hash     eventchain.Hash // of this one. Given by the store
}

// chained is the event in the form that its hash is defined for.
func (e *Event) chained() *eventchain.Event {
	return &eventchain.Event{Sequence: e.Sequence, Time: e.Time, Priority: e.Priority, Cause: e.Cause, CauseValue: e.CauseValue,
		Effect: e.Effect, EffectValue: e.EffectValue, User: e.User, Origin: e.Origin}
}

// Gap is a time in which the meter did not run.
type Gap struct {
	From, To time.Time // last sign of life, and the start after it
	Clean    bool      // stopped on request, not killed and not without power
	PowerUp  uint64    // the count of the start that ended the gap
	Event    uint64    // sequence number of its event
}

// Batch is a set of changes that become durable together or not at all.
// Deletions, drops and a new event depth are done before the rest, trims after it:
// batches of successive ticks can be merged into one.
type Batch struct {
	Retained       map[string][]byte
	RetainedDelete []string
	Setup          map[string]string
	SetupDelete    []string
	Program        string    // the modules and their links as text, whole; empty leaves the one before
	Events         []Event   // Sequence and hashes are ignored; Commit returns the numbers given
	EventDepth     *int      // events to keep from now on, which erases the event log. Nil leaves both
	Alive          time.Time // the sign of life; zero leaves the one before
	Position       *Position // up to where the retained state counts, with the sign of life; nil is not known

	Records   []Record          // of one log in ascending sequence, never one that was given before
	LogHeader map[uint32]string // log -> text that describes its columns
	LogTrim   map[uint32]uint64 // log -> its records with a lower sequence are deleted
	LogDrop   []uint32          // logs that go, with header, records and sequence

	Security       map[string][]byte // name -> state of the gate, in place of the one before
	SecurityDelete []string          // names whose state goes
}

// Limits of one batch, far above what a meter commits; they bound what a fault
// above the store can do to it.
const (
	MaxLabelBytes   = 256
	MaxTextBytes    = 16 << 10  // a setup text, a text of an event, or a log's header
	MaxStateBytes   = 256 << 10 // a module's retained state
	MaxProgramBytes = 4 << 20
	MaxRecordBytes  = 16 << 10 // the body of a log record
	MaxBatchItems   = 100_000
	MaxEventDepth   = 100_000

	MaxSecurityNameBytes  = 64        // of printable ASCII without a blank
	MaxSecurityBytes      = 512 << 10 // of one name
	MaxSecurityNames      = 256
	MaxSecurityTotalBytes = 4 << 20 // of all names

	// MaxSequence bounds the numbers of events and records, far from where 64 bits
	// overflow: at a million a second it lasts 140,000 years.
	MaxSequence = 1 << 62
)

func (b *Batch) validate() error {
	n := len(b.Retained) + len(b.RetainedDelete) + len(b.Setup) + len(b.SetupDelete) + len(b.Events) +
		len(b.Records) + len(b.LogHeader) + len(b.LogTrim) + len(b.LogDrop) + len(b.Security) + len(b.SecurityDelete)
	if n > MaxBatchItems {
		return fmt.Errorf("%w: %d changes, at most %d: split it", ErrInvalidBatch, n, MaxBatchItems)
	}
	for label, state := range b.Retained {
		if err := validLabel(label); err != nil {
			return err
		}
		if len(state) > MaxStateBytes {
			return fmt.Errorf("%w: retained state of %q has %d bytes, at most %d", ErrInvalidBatch, label, len(state), MaxStateBytes)
		}
	}
	for label, text := range b.Setup {
		if err := validLabel(label); err != nil {
			return err
		}
		if err := validText("setup text of "+label, text); err != nil {
			return err
		}
	}
	for _, e := range b.Events {
		for _, text := range []string{e.Cause, e.CauseValue, e.Effect, e.EffectValue, e.User, e.Origin} {
			if err := validText("event text", text); err != nil {
				return err
			}
		}
		if err := validTime(e.Time); err != nil {
			return err
		}
	}
	if len(b.Program) > MaxProgramBytes || !utf8.ValidString(b.Program) {
		return fmt.Errorf("%w: the program must be at most %d bytes of UTF-8, not %d", ErrInvalidBatch, MaxProgramBytes, len(b.Program))
	}
	if d := b.EventDepth; d != nil && (*d < 1 || *d > MaxEventDepth) {
		return fmt.Errorf("%w: event depth %d must be 1 to %d", ErrInvalidBatch, *d, MaxEventDepth)
	}
	for log, header := range b.LogHeader {
		if err := validText(fmt.Sprint("header of log ", log), header); err != nil {
			return err
		}
	}
	if err := validRecords(b.Records); err != nil {
		return err
	}
	if err := validSecurity(b.Security); err != nil {
		return err
	}
	if p := b.Position; p != nil && p.Sample < 0 {
		return fmt.Errorf("%w: the position is sample %d", ErrInvalidBatch, p.Sample)
	}
	if !b.Alive.IsZero() {
		return validTime(b.Alive)
	}
	return nil
}

func validLabel(label string) error {
	if label == "" || len(label) > MaxLabelBytes || !utf8.ValidString(label) {
		return fmt.Errorf("%w: label %.40q must be 1 to %d bytes of UTF-8", ErrInvalidBatch, label, MaxLabelBytes)
	}
	return nil
}

func validText(what, text string) error {
	if len(text) > MaxTextBytes || !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s must be at most %d bytes of UTF-8", ErrInvalidBatch, what, MaxTextBytes)
	}
	return nil
}

// Times are stored as nanoseconds since 1970 in 64 bits, which reach from 1678
// to 2262.
func validTime(t time.Time) error {
	if y := t.Year(); y < 1678 || y > 2261 {
		return fmt.Errorf("%w: time %v is outside the years 1678 to 2261", ErrInvalidBatch, t)
	}
	return nil
}

func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }
