package meter

import (
	"sync/atomic"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
)

// registers is what the gate sees of the node: the last published snapshot. Readers
// load one pointer and never meet the engine.
type registers struct {
	published atomic.Pointer[snapshot]
}

var _ access.Registers = (*registers)(nil)

func (r *registers) Find(label string) access.Point {
	if s := r.published.Load(); s != nil {
		if index, ok := s.ion.Find(label); ok {
			return access.Point(index)
		}
	}
	return access.NoPoint
}

// Modules implements access.ModuleLister.
func (r *registers) Modules(typeName string) (labels []string) {
	s := r.published.Load()
	if s == nil {
		return nil
	}
	d := s.ion.Directory()
	for _, manager := range d.Managers {
		if manager.Type.Name != typeName {
			continue
		}
		for _, at := range manager.Modules {
			labels = append(labels, d.Modules[at].Label)
		}
	}
	return labels
}

// Snapshot returns nil, and not a nil *snapshot, before the first is published: a
// server then answers that there are no readings yet.
func (r *registers) Snapshot() access.Snapshot {
	if s := r.published.Load(); s != nil {
		return s
	}
	return nil
}

func (r *registers) publish(s access.Snapshot) { r.published.Store(s.(*snapshot)) }

// snapshot shows a node's snapshot in the gate's terms.
type snapshot struct{ ion *ion.Snapshot }

var _ access.Snapshot = (*snapshot)(nil)

func (s *snapshot) Seq() uint64     { return s.ion.Seq() }
func (s *snapshot) Layout() uint64  { return s.ion.Layout() }
func (s *snapshot) Time() time.Time { return s.ion.Time() }

func (s *snapshot) Value(p access.Point) access.Value {
	v := s.ion.Value(int(p))
	out := access.Value{Kind: kinds[v.Class], Available: v.Available, Number: v.Number, Count: v.Count, Text: v.Text}
	switch {
	case v.Exact:
		out.Kind = access.KindCount
	case v.Class == ion.Pulse:
		out.Number = float64(v.StampNs) / 1e9
	}
	return out
}

// kinds tells how each register class is read.
var kinds = [...]access.Kind{
	ion.NoClass:        access.KindNone,
	ion.Boolean:        access.KindBoolean,
	ion.Numeric:        access.KindNumber,
	ion.NumericBounded: access.KindNumber,
	ion.Enumerated:     access.KindEnum,
	ion.Pulse:          access.KindTime, // when it last came
	ion.String:         access.KindText,
	ion.EventRecord:    access.KindText,
	ion.TimeStamp:      access.KindTime,
	ion.Samples:        access.KindNone,   // blocks do not pass the gate as values
	ion.Log:            access.KindNumber, // how many records it has
}
