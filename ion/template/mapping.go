package template

import (
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/registermap"
)

// dataMapping makes the Data Mapping modules and links them as the register map says.
// An input whose source is in a module that the program does not make stays unlinked:
// the model has no such reading.
func dataMapping(program []ion.Change, mappings []registermap.Mapping) []ion.Change {
	made := map[string]bool{} // modules, in lower case
	for _, c := range program {
		if create, ok := c.(ion.Create); ok {
			made[strings.ToLower(create.Label)] = true
		}
	}
	var changes []ion.Change
	for _, m := range mappings {
		changes = append(changes, ion.Create{Type: m.Label, Label: m.Label})
		for _, s := range m.Slots {
			if module, _, _ := strings.Cut(s.Source, "/"); made[strings.ToLower(module)] {
				changes = append(changes, ion.Link{Input: m.Label + "/" + s.Name, Register: s.Source})
			}
		}
	}
	return changes
}
