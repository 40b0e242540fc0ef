package ion

import "slices"

// lay gives every register its dense index in a new layout.
func (n *Node) lay() {
	n.layout++
	total := 0
	for _, m := range n.modules {
		m.base = total
		total += m.typ.registers()
	}
	n.values, n.flows, n.pulses = make([]Value, total), make([]tickFlow, total), make([]uint64, total)
	for _, m := range n.modules {
		for r := range m.typ.registers() {
			n.values[m.base+r].Class = m.typ.registerClass(r)
		}
	}
}

// carry brings what the registers held into the new layout.
func (n *Node) carry(from map[*module]oldRegisters) {
	for _, m := range n.modules {
		if old, ok := from[m]; ok {
			copy(n.values[m.base:], old.values)
			copy(n.flows[m.base:], old.flows)
			copy(n.pulses[m.base:], old.pulses)
		}
	}
}

// oldRegisters are a module's registers in the layout before.
type oldRegisters struct {
	values []Value
	flows  []tickFlow
	pulses []uint64
}

func (n *Node) registersByModule() map[*module]oldRegisters {
	of := make(map[*module]oldRegisters, len(n.modules))
	for _, m := range n.modules {
		end := m.base + m.typ.registers()
		of[m] = oldRegisters{n.values[m.base:end], n.flows[m.base:end], n.pulses[m.base:end]}
	}
	return of
}

// connect finds the dense indexes of the module's sources and shows its setup
// registers.
func (n *Node) connect(m *module) {
	for i, s := range m.links {
		index := -1
		if s.linked() {
			index = s.module.base + s.register
		}
		m.sources[i] = index
	}
	for i, v := range m.settings {
		v.StampNs = n.values[m.base+len(m.typ.Outputs)+i].StampNs
		n.values[m.base+len(m.typ.Outputs)+i] = v
	}
}

// forget notes what the store must delete: everything under labels that go, and under
// those that come.
func (n *Node) forget(d *draft) {
	for _, m := range n.modules {
		p, stays := d.plans[m]
		if stays && p.label == m.label {
			continue
		}
		n.changes.forget(m)
		if !stays && m.typ.logs() {
			n.changes.dropLog(m.handle)
		}
		if stays {
			n.changes.renamed = append(n.changes.renamed, m)
		}
	}
	for _, m := range d.modules {
		if d.created[m] {
			m.label = d.plans[m].label
			n.changes.forget(m) // what a module that did not fit at some start left there
		}
	}
}

// apply runs the hooks of the modules that a transaction touched, in data-flow order.
func (n *Node) apply(d *draft) {
	c := &n.context
	touched := map[*module]bool{}
	if len(d.steps) > 0 {
		n.changes.counted = true
	}
	for _, s := range d.steps {
		if s.kind != stepSet {
			n.changes.Programmed = true
		}
		if _, stays := d.plans[s.module]; !stays {
			continue
		}
		m := s.module
		m.setupCount++
		c.enter(m)
		switch s.kind {
		case stepCreate:
			touched[m] = true
		case stepLink:
			touched[m] = true
			if index := m.sources[s.position]; index >= 0 {
				m.seen[s.position] = n.pulses[index] // pulses before the link do not count
			}
			if r, ok := m.behaviour.(Relinker); ok && !d.created[m] {
				r.Relinked(c, s.position)
			}
		case stepSet:
			touched[m] = true
			n.values[m.base+len(m.typ.Outputs)+s.position].StampNs = c.stampNs
			n.changes.set(m, s.position)
			if r, ok := m.behaviour.(Configurer); ok && !d.created[m] {
				r.Configured(c, s.position)
			}
		}
	}
	if !d.factory {
		for _, s := range d.steps {
			e := Event{Time: c.Now.UTC(), Priority: PrioritySetupChange, Cause: s.object, CauseValue: s.from,
				Effect: s.object, EffectValue: s.to, By: c.by}
			n.changes.Events = append(n.changes.Events, e)
			if _, stays := d.plans[s.module]; stays {
				n.note(s.module, e)
			}
		}
	}
	n.changes.rewriteRenamed()
	for _, m := range n.ordered {
		touched[m] = touched[m] || m.configuredBy(touched)
		if touched[m] {
			n.start(m)
		}
	}
}

// start brings a module online if it can run, and makes its outputs new.
func (n *Node) start(m *module) {
	for i := range m.typ.Outputs[:len(m.typ.Outputs)-1] {
		n.values[m.base+i] = Value{Class: m.typ.Outputs[i].Class}
	}
	m.asking = 0
	before := m.offline
	if m.offline = m.whyOffline(); m.offline != "" {
		return
	}
	if before != "" {
		m.consumePulses(n) // those that came while it was offline do not count
	}
	if s, ok := m.behaviour.(Starter); ok {
		s.Start(n.context.enter(m))
	}
}

// Offline lists the modules that are inactive, with the reason, by label.
func (n *Node) Offline() map[string]string {
	reasons := map[string]string{}
	for _, m := range n.modules {
		if m.offline != "" {
			reasons[m.label] = m.offline
		}
	}
	return reasons
}

// Owners returns the labels of the modules that are linked to a register of the
// module.
func (n *Node) Owners(label string) []string {
	m := n.findModule(label)
	var owners []string
	for _, o := range n.modules {
		if slices.ContainsFunc(o.links, func(s source) bool { return m != nil && s.module == m }) {
			owners = append(owners, o.label)
		}
	}
	return owners
}
