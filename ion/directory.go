package ion

import "strings"

// Directory lists the managers, modules and registers of a node as they were after
// its last programming. It is immutable.
type Directory struct {
	// Layout identifies the set of registers and their dense indexes.
	Layout    uint64
	Managers  []ManagerInfo
	Modules   []ModuleInfo     // by handle
	Registers []RegisterInfo   // by dense index
	index     map[string]int32 // of registers, by folded label
	modules   map[string]int32 // positions in Modules, by folded label
}

// ManagerInfo describes a manager: the modules of one type.
type ManagerInfo struct {
	Type    *Type // not to be changed
	Modules []int // positions in Directory.Modules
}

// ModuleInfo describes a module.
type ModuleInfo struct {
	Handle Handle
	Label  string
	// Type tells the class of the module (Kind) and its update period (Rate), too; it
	// is not to be changed.
	Type *Type
	// First is the dense index of its first register; outputs come first, then setups.
	First, Count int
	// Links is, per input, the label of the register it is linked to, or empty.
	Links []string
	// Owners are the modules with an input linked to a register of this one.
	Owners []string
	// Offline is why the module is inactive; empty while it is online.
	Offline string
	// SetupCount grows with every change of its setup.
	SetupCount uint64
}

// RegisterInfo describes a register.
type RegisterInfo struct {
	Module int // position in Directory.Modules
	Name   string
	Class  Class
	Unit   string
	Setup  bool
}

// Find returns the dense index of the register "Module label/Register label"; the
// case does not matter.
func (d *Directory) Find(label string) (index int, ok bool) {
	i, ok := d.index[fold(label)]
	return int(i), ok
}

// Label returns "Module label/Register label" of a dense index.
func (d *Directory) Label(index int) string {
	if index < 0 || index >= len(d.Registers) {
		return ""
	}
	r := d.Registers[index]
	return d.Modules[r.Module].Label + "/" + r.Name
}

// Module returns the module with the label, nil if there is none.
func (d *Directory) Module(label string) *ModuleInfo {
	if i, ok := d.modules[fold(label)]; ok {
		return &d.Modules[i]
	}
	return nil
}

// ModuleOf returns the module that a label belongs to: "Module label", or "Module label/"
// and one of its registers or inputs. It is nil if there is no such module.
func (d *Directory) ModuleOf(label string) *ModuleInfo {
	module, _, _ := strings.Cut(label, "/")
	return d.Module(module)
}

// RegisterOwners returns the inputs, as "Module/Input", that are linked to the register
// with the dense index: what a change of the register, or its going, would touch.
func (d *Directory) RegisterOwners(index int) []string {
	label := d.Label(index)
	if label == "" {
		return nil
	}
	var owners []string
	for _, m := range d.Modules {
		for i, register := range m.Links {
			if register == label {
				owners = append(owners, m.Label+"/"+m.Type.Inputs[i].Name)
			}
		}
	}
	return owners
}

// describe makes the directory of the present program.
func (n *Node) describe() {
	d := &Directory{Layout: n.layout, Registers: make([]RegisterInfo, 0, len(n.values)),
		index: make(map[string]int32, len(n.values)), modules: make(map[string]int32, len(n.modules))}
	for _, t := range n.types {
		d.Managers = append(d.Managers, ManagerInfo{Type: t})
	}
	position := map[*module]int{}
	for i, m := range n.modules {
		position[m], d.modules[fold(m.label)] = i, int32(i)
		info := ModuleInfo{Handle: m.handle, Label: m.label, Type: m.typ, First: m.base, Count: m.typ.registers(),
			Offline: m.offline, SetupCount: m.setupCount, Links: make([]string, len(m.links))}
		for j, s := range m.links {
			if s.linked() {
				info.Links[j] = s.module.label + "/" + s.module.typ.registerName(s.register)
			}
		}
		for r := range m.typ.registers() {
			name := m.typ.registerName(r)
			d.index[fold(m.label+"/"+name)] = int32(m.base + r)
			d.Registers = append(d.Registers, RegisterInfo{Module: i, Name: name, Class: m.typ.registerClass(r),
				Unit: n.unit(m, r), Setup: r >= len(m.typ.Outputs)})
		}
		for k := range d.Managers {
			if d.Managers[k].Type == m.typ {
				d.Managers[k].Modules = append(d.Managers[k].Modules, i)
			}
		}
		d.Modules = append(d.Modules, info)
	}
	for i, m := range n.modules {
		last := -1
		for _, s := range m.links {
			if s.linked() && position[s.module] != last {
				last = position[s.module]
				d.Modules[last].Owners = append(d.Modules[last].Owners, d.Modules[i].Label)
			}
		}
	}
	n.directory = d
}

// UnitNamer makes the unit of an output that Follows an input from the input's unit
// and the setup registers.
type UnitNamer interface {
	Unit(input string, settings []Value) string
}

// OutputUnits tells the units of outputs that depend on what the module was configured with.
type OutputUnits interface {
	OutputUnit(output int) string
}

// unit returns the unit of a register. Links have no loops, so this ends.
func (n *Node) unit(m *module, register int) string {
	if register >= len(m.typ.Outputs) {
		return m.typ.Setups[register-len(m.typ.Outputs)].Unit
	}
	o := m.typ.Outputs[register]
	if u, ok := m.behaviour.(OutputUnits); ok && m.offline == "" {
		return u.OutputUnit(register)
	}
	if o.Follows == "" {
		return o.Unit
	}
	s := m.links[m.typ.input(o.Follows)]
	if !s.linked() {
		return ""
	}
	from := n.unit(s.module, s.register)
	if u, ok := m.behaviour.(UnitNamer); ok {
		return u.Unit(from, m.settings)
	}
	return from
}
