package ion

import (
	"fmt"
	"slices"
	"strings"
)

// Handle is the stable number of a module: the manager's number and the module's
// number under it, from 1. It stays for as long as the module exists.
type Handle uint32

func handleOf(manager, number int) Handle { return Handle(manager<<12 | number) }

// Manager returns the number of the manager (the module type).
func (h Handle) Manager() int { return int(h >> 12) }

// Number returns the module's number under its manager.
func (h Handle) Number() int { return int(h & 0xfff) }

// module is one module of a node.
type module struct {
	handle Handle
	typ    *Type
	plan

	behaviour Behaviour
	// offline is why the module is inactive; empty while it is online.
	offline string
	// setupCount grows with every change of a link, setup register or label.
	setupCount uint64
	changed    bool // has state to keep that was not taken yet
	// asking is the question that is under way, 0 for none.
	asking uint64

	base    int      // dense index of its first register
	sources []int    // per input: dense index of the register it is linked to, or -1
	seen    []uint64 // per input: pulses of the source that were seen
	pending []uint64 // per input: pulses by hand
	// pulsedBy is who pulsed by hand.
	pulsedBy By

	enable, reset int // inputs with a meaning to the engine, or -1
}

// plan is what a module is programmed to be.
type plan struct {
	label    string
	links    []source // per input
	settings []Value  // per setup register
}

// source is the far end of a link; the zero source is none.
type source struct {
	module   *module
	register int
}

func (s source) linked() bool { return s.module != nil }

func newModule(t *Type, label string) *module {
	m := &module{
		typ: t, behaviour: t.New(),
		plan:    plan{label: label, links: make([]source, len(t.Inputs)), settings: make([]Value, len(t.Setups))},
		sources: make([]int, len(t.Inputs)), seen: make([]uint64, len(t.Inputs)), pending: make([]uint64, len(t.Inputs)),
		enable: t.input(enableInput), reset: t.input(resetInput),
	}
	for i, s := range t.Setups {
		m.settings[i], _ = s.Parse(s.Default) // complete has checked the defaults
	}
	return m
}

func (p plan) clone() *plan {
	p.links, p.settings = slices.Clone(p.links), slices.Clone(p.settings)
	return &p
}

// linked tells which inputs are linked.
func (p *plan) linked() []bool {
	linked := make([]bool, len(p.links))
	for i, s := range p.links {
		linked[i] = s.linked()
	}
	return linked
}

// configuredBy reports whether one of the modules configures this one.
func (m *module) configuredBy(modules map[*module]bool) bool {
	for i, s := range m.links {
		if s.linked() && m.typ.Inputs[i].Of != "" && modules[s.module] {
			return true
		}
	}
	return false
}

// consumePulses marks every pulse as seen.
func (m *module) consumePulses(n *Node) {
	for i, index := range m.sources {
		m.pending[i] = 0
		if index >= 0 {
			m.seen[i] = n.pulses[index]
		}
	}
}

// whyOffline returns why the module cannot run, or nothing.
func (m *module) whyOffline() string {
	var missing []string
	for i, in := range m.typ.Inputs {
		if in.Mandatory && !m.links[i].linked() {
			missing = append(missing, in.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("the mandatory input %s is not linked", strings.Join(missing, ", "))
	}
	linked := m.linked()
	if one := m.typ.OneOf; len(one) > 0 && !slices.ContainsFunc(one, func(name string) bool { return linked[m.typ.input(name)] }) {
		return fmt.Sprintf("none of the inputs %s … %s is linked", one[0], one[len(one)-1])
	}
	if c, ok := m.behaviour.(Checker); ok {
		if err := c.Check(m.settings, linked); err != nil {
			return err.Error()
		}
	}
	return ""
}

func (n *Node) findModule(label string) *module {
	if i, ok := n.directory.modules[fold(label)]; ok {
		return n.modules[i]
	}
	return nil
}

func (n *Node) findInput(label string) (*module, int, error) {
	moduleLabel, name, ok := strings.Cut(label, "/")
	if !ok {
		return nil, 0, fmt.Errorf("%q is no input: write Module label/Input", label)
	}
	m := n.findModule(moduleLabel)
	if m == nil {
		return nil, 0, fmt.Errorf("there is no module %q", moduleLabel)
	}
	input := m.typ.input(name)
	if input < 0 {
		return nil, 0, fmt.Errorf("%s has no input %q", m.label, name)
	}
	return m, input, nil
}
