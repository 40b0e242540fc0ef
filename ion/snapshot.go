package ion

import (
	"slices"
	"time"
)

// Snapshot is an immutable picture of every register at one instant. It may be held
// and shared for as long as one likes.
type Snapshot struct {
	sequence  uint64
	time      time.Time
	values    []Value
	directory *Directory
}

// Snapshot makes a picture of the registers as the last tick left them.
func (n *Node) Snapshot() *Snapshot {
	n.sequence++
	return &Snapshot{n.sequence, n.context.Now, slices.Clone(n.values), n.directory}
}

// Seq grows with each new snapshot of a node.
func (s *Snapshot) Seq() uint64 { return s.sequence }

// Layout identifies the set of registers; indexes hold for one layout.
func (s *Snapshot) Layout() uint64 { return s.directory.Layout }

// Time is the civil time that the snapshot describes.
func (s *Snapshot) Time() time.Time { return s.time }

// Len is the number of registers.
func (s *Snapshot) Len() int { return len(s.values) }

// Value returns the value of a register by dense index; of class NoClass if there is
// no such register.
func (s *Snapshot) Value(index int) Value {
	if index < 0 || index >= len(s.values) {
		return Value{}
	}
	return s.values[index]
}

// Find returns the dense index of the register "Module label/Register label".
func (s *Snapshot) Find(label string) (index int, ok bool) { return s.directory.Find(label) }

// Directory describes the registers of the snapshot.
func (s *Snapshot) Directory() *Directory { return s.directory }
