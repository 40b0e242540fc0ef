package access

import "time"

// Kind is the class of value a register holds, as far as a reader cares.
type Kind uint8

// The kinds.
const (
	KindNone    Kind = iota // no such register
	KindNumber              // real number
	KindCount               // integer quantity with an exact value (energies in Wh)
	KindBoolean             // Number is 0 or 1
	KindEnum                // Number is the index, Text the label
	KindText
	KindTime // Number is seconds since 1970 UTC
)

// Value is what one register held in one Snapshot. Available is false for NOT
// AVAILABLE, which no reader may turn into 0.
type Value struct {
	Kind      Kind
	Available bool
	Number    float64
	// Count is the exact integer of a KindCount register (for an energy register:
	// whole Wh, varh or VAh, truncated, while Number is in the register's own unit).
	Count int64
	Text  string
}

// Point is the handle of one register, valid for one Layout.
type Point int32

// NoPoint is the handle of a register that does not exist.
const NoPoint Point = -1

// Snapshot is an immutable picture of every register at one instant. Reading it
// takes no lock; it stays valid for as long as it is held.
type Snapshot interface {
	// Seq grows with each new snapshot.
	Seq() uint64
	// Layout identifies the set of registers; when it changes, Points must be found
	// again.
	Layout() uint64
	// Time is the civil time that the snapshot describes.
	Time() time.Time
	// Value returns the value of p; KindNone for NoPoint.
	Value(p Point) Value
}

// ModuleLister is Registers that know of modules. Without it there are none.
type ModuleLister interface {
	// Modules returns the labels of the modules of a type in the present layout.
	Modules(typeName string) []string
}

// Registers is what the gate needs of a meter to serve readers. The meter
// implements it.
type Registers interface {
	// Find returns the point of the register labelled "Module label/Register label"
	// (case does not matter) in the present layout, NoPoint if there is none.
	Find(label string) Point
	// Snapshot returns the newest picture. It never blocks.
	Snapshot() Snapshot
}
