package meter

import (
	"slices"
	"testing"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/template"
	"github.com/hepmeter/hepmeter/registermap"
)

// TestNothingPublishedIsNil: a server tests for nil, which a nil pointer in an
// interface would pass.
func TestNothingPublishedIsNil(t *testing.T) {
	var r registers
	if s := r.Snapshot(); s != nil {
		t.Errorf("before the first publication there is a snapshot of type %T", s)
	}
	if p := r.Find("Power Meter/Vln a"); p != access.NoPoint {
		t.Errorf("before the first publication a register is found at %d", p)
	}
}

// TestEveryRegisterCanBeRead: the gate has a kind for each class.
func TestEveryRegisterCanBeRead(t *testing.T) {
	model, err := template.Load("ION9000")
	if err != nil {
		t.Fatal(err)
	}
	node, err := model.Build("T-1", "3.0.0")
	if err != nil {
		t.Fatal(err)
	}
	s := &snapshot{node.Snapshot()}
	for i, r := range node.Directory().Registers {
		if kind := s.Value(access.Point(i)).Kind; kind == access.KindNone && r.Class != ion.Samples {
			t.Errorf("%s, of class %v, has no kind", node.Directory().Label(i), r.Class)
		}
	}
}

// TestMapFindsItsRegisters: every source of the register map exists in every model,
// in a class that the row's type can carry.
func TestMapFindsItsRegisters(t *testing.T) {
	layout, err := registermap.Load()
	if err != nil {
		t.Fatal(err)
	}
	models, err := template.Models()
	if err != nil {
		t.Fatal(err)
	}
	if len(models) != 4 {
		t.Errorf("%d models, want 4", len(models))
	}
	for _, model := range models {
		t.Run(model.Name, func(t *testing.T) {
			node, err := model.Build("T-1", "3.0.0")
			if err != nil {
				t.Fatal(err)
			}
			var r registers
			r.publish(&snapshot{node.Snapshot()})
			small := model.Name == "PM8000" || model.Name == "ION7400"
			neutral := []string{"V4 Harmonics/Total HD", "V4 max/Maximum", "V4 min/Minimum"} // no such input
			for _, row := range layout.Rows {
				for _, s := range row.Sources {
					p := r.Find(s.Label)
					if p == access.NoPoint {
						if !small || !slices.Contains(neutral, s.Label) {
							t.Errorf("register %d %s: there is no %q", row.Number, row.Name, s.Label)
						}
						continue
					}
					kind := r.Snapshot().Value(p).Kind
					if !slices.Contains(carried[row.Type], kind) {
						t.Errorf("register %d %s: %s cannot show %q, of kind %d", row.Number, row.Name, row.Type, s.Label, kind)
					}
				}
			}
			for _, o := range layout.Identification {
				if o.Source != "" && r.Find(o.Source) == access.NoPoint {
					t.Errorf("identification object %#02x %s: there is no %q", o.ID, o.Name, o.Source)
				}
			}
		})
	}
}

// carried are the kinds of value that each type can show.
var carried = map[registermap.Type][]access.Kind{
	registermap.UINT16:   {access.KindNumber, access.KindCount, access.KindBoolean, access.KindEnum},
	registermap.INT16:    {access.KindNumber, access.KindCount, access.KindBoolean},
	registermap.UINT32:   {access.KindNumber, access.KindCount, access.KindTime},
	registermap.INT32:    {access.KindNumber, access.KindCount},
	registermap.INT64:    {access.KindCount},
	registermap.FLOAT32:  {access.KindNumber, access.KindCount},
	registermap.PF4Q:     {access.KindNumber},
	registermap.UTF8:     {access.KindText, access.KindEnum},
	registermap.BITMAP:   {access.KindNumber, access.KindBoolean},
	registermap.DATETIME: {access.KindTime},
}
