package access

import (
	"context"
	"errors"
	"time"
)

// This file declares what the gate needs of the meter behind it, beside Registers.

// Modules tells what labels stand for at one moment.
type Modules interface {
	// Module returns the type and the number of the module with the label.
	Module(label string) (typeName string, number int, ok bool)
}

// By says who asked, as events tell it.
type By struct {
	User   string // account; empty for nobody
	Origin string // path and address
}

// Judge is asked on the meter's own goroutine, just before changes are carried out, with
// the modules as they are then: what was decided cannot have become wrong meanwhile.
type Judge func(Modules, []Change) error

// Transaction is what belongs together: all of it is done and durable, or nothing.
type Transaction struct {
	Changes []Change
	// Passwords are new ones by account number (0 is the meter password of Standard); the
	// zero Verifier takes one away.
	Passwords map[int]Verifier
	// Keep are blobs of the gate to be kept with it, by name; an empty one is forgotten.
	Keep map[string][]byte
}

// Works carries out what the gate has allowed.
type Works interface {
	// Change carries out a transaction and returns when it is durable and in force. A
	// refusal of judge, or of the meter (a *Refusal, or an error that wraps ErrValue),
	// changes nothing. With rehearse it changes nothing either and tells only whether it
	// would be done.
	Change(ctx context.Context, t Transaction, by By, judge Judge, rehearse bool) error
	// Template saves the program as text; LoadTemplate makes the program that of a text,
	// and returns the differences, one a line.
	Template(ctx context.Context) ([]byte, error)
	LoadTemplate(ctx context.Context, text []byte, by By, judge Judge, rehearse bool) ([]string, error)
	// Resets are the names that a Reset change takes.
	Resets() []Reset
	// Managers, ModuleList and Describe tell of what there is to link and set.
	Managers() []Manager
	ModuleList(manager string) ([]ModuleEntry, error)
	Describe(label string) (ModuleDescription, error)
	Info() Info
	// DownstreamUnits are the units behind the Modbus gateway that were asked, in their order.
	DownstreamUnits() []DownstreamUnit
	// Restart stops the meter and starts it again, soon and in order.
	Restart(by By) error
	// BecomeTwin has a fresh meter take the snapshot that is the file at path, all of it but
	// what is the meter's own, and starts it again. permit is asked just before that is so
	// for good. With rehearse the snapshot is proved, and nothing is changed.
	BecomeTwin(ctx context.Context, path string, by By, permit func() error, rehearse bool) (Twin, error)
}

// changedNothing reports whether an error of Works says that nothing was changed. After any
// other the change may be in force: it is not durable yet, or the wait for it was given up.
func changedNothing(err error) bool {
	_, refused := asRefusal(err)
	return refused || errors.Is(err, ErrValue)
}

// Twin is what a meter has, or will have, of the snapshot of another.
type Twin struct {
	// Model, Serial and Firmware are those of the meter that the snapshot was made of;
	// Firmware is empty where that followed its program. Made is when.
	Model, Serial, Firmware string
	Made                    time.Time
	// What is in it, by number.
	Accounts, Setups, Retained, Events, Logs, Records, Gaps, Files int
}

// Reset is one thing that can be reset.
type Reset struct {
	Name, Doc string
	// Demand tells that it resets the peak demand, which has a permission of its own.
	Demand bool
}

// Manager is the kind of all modules of one type.
type Manager struct {
	Type            string
	Number          int
	Kind, Rate, Doc string
	Modules         int
}

// ModuleEntry is a line of the list of modules.
type ModuleEntry struct {
	Label, Type string
	Number      int
	// Offline is why the module is inactive; empty while it is online.
	Offline    string
	SetupCount uint64
}

// ModuleDescription describes a module whole.
type ModuleDescription struct {
	ModuleEntry
	Inputs  []InputDescription
	Outputs []OutputDescription
	Setups  []SetupDescription
}

// InputDescription describes an input and its link ("Module/Register", or empty).
type InputDescription struct {
	Name, Link       string
	Classes          []string
	Mandatory, Fixed bool
}

// OutputDescription describes an output register and the inputs that are linked to it.
type OutputDescription struct {
	Name, Class, Unit, Doc string
	Owners                 []string
	// Writable tells that a client writes it.
	Writable bool
}

// SetupDescription describes a setup register with its limits.
type SetupDescription struct {
	Name, Class, Unit, Doc, Default, Value string
	Low, High                              float64
	Whole                                  bool
	Options                                []string
	MaxLength                              int
}

// Info is the meter's name plate.
type Info struct {
	Model, Serial, Firmware, Generation string
	DeviceName, Owner, Tag1, Tag2       string
	// Fingerprint is that of the key with which the meter signs its event log.
	Fingerprint string
	Template    string
	Source      string
	Modules     int
	PowerUps    int
	Time        time.Time
	Uptime      time.Duration
	// Endpoints are the services that listen, by name.
	Endpoints map[string]string
}

// DownstreamUnit is a unit behind the Modbus gateway, with what was counted since the meter
// started.
type DownstreamUnit struct {
	Unit byte // as clients of the gateway ask for it
	// Where is the port of its line, or the address of the TCP device, and UnitThere what it
	// is called there.
	Where     string
	UnitThere byte
	// Requests are the questions asked, Answers those answered in time, Exceptions the
	// exceptions among them.
	Requests, Answers, Exceptions uint64
	// Timeouts were sent and not answered in time; for CRCErrors something came that was no
	// answer; Lost had no port or connection, or lost it. Retries were sent again.
	Timeouts, CRCErrors, Lost, Retries uint64
	// Dropped are late and foreign answers, Cached questions answered without asking, Refused
	// those turned away at once.
	Dropped, Cached, Refused uint64
	// BackingOff tells that the unit is not asked for a while, since it did not answer.
	BackingOff bool
	// Latency, Latency95 and LatencyMax are how long answers took: their mean, what 95 of 100
	// were within, and the longest; where Answered, they are known.
	Answered                       bool
	Latency, Latency95, LatencyMax time.Duration
}

// Event is an entry of the event log.
type Event struct {
	Sequence                               uint64
	Time                                   time.Time
	Priority                               uint8
	Cause, CauseValue, Effect, EffectValue string
	User, Origin                           string
	// Hash chains the event to the one before.
	Hash [32]byte
}

// Events is a part of the event log.
type Events struct {
	Events []Event
	// First is the number of the oldest event that is kept, Next what the next event will
	// get; Previous the hash of the event before the first of Events.
	First, Next uint64
	Previous    [32]byte
}

// EventHead is the newest event's place in the chain, signed by the meter's key.
type EventHead struct {
	Serial    string
	Sequence  uint64
	Time      time.Time
	Hash      [32]byte
	Signature []byte
	PublicKey []byte
}

// Column is what one cell of a log's records holds.
type Column struct{ Register, Unit string }

// Recorder is the log of a Data Recorder.
type Recorder struct {
	Label              string
	First, Next, Count uint64
	Columns            []Column
}

// LogRecord is one record of a log.
type LogRecord struct {
	Sequence uint64
	Time     time.Time
	Values   []Value
}

// Gap is a time in which the meter did not run.
type Gap struct {
	From, To time.Time
	Clean    bool
}

// Logs reads the logs, beside the meter.
type Logs interface {
	Events(from uint64, limit int) (Events, error)
	EventHead() (EventHead, error)
	Recorders() ([]Recorder, error)
	Records(recorder string, from uint64, limit int) (Recorder, []LogRecord, error)
	Gaps() ([]Gap, error)
	// Clear erases the event log (name "events") or that of a Data Recorder.
	Clear(ctx context.Context, name string, by By) error
}

// File is one file of the meter.
type File struct {
	Path     string // folder/name
	Bytes    int64
	Modified time.Time
	// SHA256 of the whole; nil where it is not known.
	SHA256 []byte
	// Writable tells that clients may write and delete it.
	Writable bool
}

// Files is the meter's file area.
type Files interface {
	// Folders lists the folders, List the files of one.
	Folders() []string
	List(folder string) ([]File, error)
	// Read returns up to length bytes at offset, and what the file is.
	Read(path string, offset int64, length int) ([]byte, File, error)
	// Write takes a block of a file of total bytes with the hash sha256. It returns how
	// many bytes from the beginning it has; the file is there, whole, when that is all.
	Write(ctx context.Context, path string, offset int64, block []byte, total int64, sha256 []byte) (received int64, err error)
	Delete(ctx context.Context, path string) error
	// Snapshot makes a file of the whole state. It tells everything, hashes of passwords
	// included. With an id it is kept for some time, and who asks for the same id gets the same
	// file.
	Snapshot(ctx context.Context, id string) (File, error)
}
