package ion

// Listing returns the program as the changes that make it anew: every module with its
// number, by handle; every link; every setup register that is not at its default.
// New with them as its Program makes a node with the same directory.
func (n *Node) Listing() []Change {
	var creates, links, settings []Change
	for _, m := range n.modules {
		creates = append(creates, Create{Type: m.typ.Name, Label: m.label, Number: m.handle.Number()})
		for i, s := range m.links {
			if s.linked() {
				links = append(links, Link{Input: m.label + "/" + m.typ.Inputs[i].Name, Register: s.module.label + "/" + s.module.typ.registerName(s.register)})
			}
		}
		for i, s := range m.typ.Setups {
			if standard, _ := s.Parse(s.Default); m.settings[i] != standard {
				settings = append(settings, Set{Register: m.label + "/" + s.Name, Value: m.settings[i].String()})
			}
		}
	}
	return append(append(creates, links...), settings...)
}
