package template

import (
	"slices"

	"github.com/hepmeter/hepmeter/ion"
)

// Export writes the program of a node as a template: modules, labels, links and setup,
// without what belongs to the one meter and not to its template. With a zero Header the
// same program gives the same text, byte for byte, whatever the firmware (FA409164:
// release 3.0.0 brings no new template).
func Export(node *ion.Node, h Header) []byte {
	p := read(node.Listing(), nil)
	p.modules = slices.DeleteFunc(p.modules, func(m *module) bool { return m.own() })
	for _, m := range p.modules {
		m.settings = slices.DeleteFunc(m.settings, func(s setting) bool { return own(m.typ.Name, s.name) })
	}
	return p.format(h)
}

// own reports whether a setup register belongs to the one meter: its time, its name and
// owner, its accounts. Templates neither save nor compare nor load these; an empty name
// means the modules of the type as a whole.
func own(typeName, setup string) bool {
	switch typeName {
	case "Clock", "Security Options", "Security User":
		return true
	case "Factory":
		return slices.Contains([]string{"Device Name", "Owner", "Tag 1", "Tag 2"}, setup)
	}
	return false
}

func (m *module) own() bool { return own(m.typ.Name, "") }
