package web

import (
	"strings"
	"sync"

	"github.com/hepmeter/hepmeter/access"
)

// catalogue is what registers there are, and in which units, beside those of security.
type catalogue struct {
	layout  uint64
	entries []catalogued
	by      map[string]int // in entries, by label in lower case
}

type catalogued struct {
	label, unit string
	point       access.Point
}

// errRearranged reports that points of one layout would be looked up in another.
var errRearranged error = access.NewRefusal(access.CodeBusy, "the registers are being rearranged")

// catalogues keeps the newest catalogue: it is the same for everyone who may read.
type catalogues struct {
	mu  sync.Mutex
	now *catalogue
}

// of returns the catalogue of a picture of the registers, made in the name of a session
// that may read them.
func (c *catalogues) of(s *access.Session, view access.View, picture access.Snapshot) (*catalogue, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && c.now.layout == picture.Layout() {
		return c.now, nil
	}
	modules, err := s.ModuleList("")
	if err != nil {
		return nil, err
	}
	fresh := &catalogue{layout: picture.Layout(), by: map[string]int{}}
	for _, m := range modules {
		if access.SetOf(m.Label+"/") != access.Readings {
			continue
		}
		d, err := s.Describe(m.Label)
		if err != nil {
			return nil, err
		}
		add := func(name, unit string) {
			label := m.Label + "/" + name
			if p := view.Find(label); p != access.NoPoint {
				fresh.by[strings.ToLower(label)] = len(fresh.entries)
				fresh.entries = append(fresh.entries, catalogued{label, unit, p})
			}
		}
		for _, o := range d.Outputs {
			add(o.Name, o.Unit)
		}
		for _, o := range d.Setups {
			add(o.Name, o.Unit)
		}
	}
	// Points are those of the layout that was there meanwhile: kept is only what is sure.
	after, err := view.Snapshot()
	if err != nil {
		return nil, err
	}
	if after.Layout() != fresh.layout {
		return nil, errRearranged
	}
	c.now = fresh
	return fresh, nil
}

// value is that of a register, NOT AVAILABLE where there is none.
func (c *catalogue) value(label string, picture access.Snapshot) access.Value {
	if i, ok := c.by[strings.ToLower(label)]; ok {
		return picture.Value(c.entries[i].point)
	}
	return access.Value{}
}
