package template

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/ion/modules"
)

// program is a program in normal form: what its changes come to, whatever their order
// and spelling. It takes faulty changes as they are; only ion.Node judges them.
type program struct {
	modules []*module
	byLabel map[string]*module
}

type module struct {
	typ      *ion.Type // one without registers if the catalogue does not have it; without a name if the program does not make the module
	number   int       // under its manager, 0 while it is open
	label    string
	links    []link    // in the order of the type's inputs
	settings []setting // in the order of the type's setups, without those at their default
}

// link is what an input is linked to.
type link struct {
	input    string
	source   *module // nil if the program does not make it
	label    string  // of the source as it was written
	register string
}

// from returns "Module/Register", empty for an input that is unlinked.
func (l link) from() string {
	switch {
	case l.source != nil:
		return l.source.label + "/" + l.register
	case l.label == "" && l.register == "":
		return ""
	}
	return l.label + "/" + l.register
}

// setting is a setup register with its value, spelled as ion.Value does.
type setting struct{ name, value string }

// read brings changes into normal form. What the program programs without making it may
// be a core or persistent module of base.
func read(changes []ion.Change, base *program) *program {
	p := &program{byLabel: map[string]*module{}}
	types := map[string]*ion.Type{}
	for _, t := range modules.Catalogue() {
		types[fold(t.Name)] = &t
	}
	for _, c := range changes {
		if c, ok := c.(ion.Create); ok {
			t := types[fold(c.Type)]
			if t == nil {
				t = &ion.Type{Name: c.Type, Kind: ion.Standard, Number: ion.MaxManagers + 1}
				types[fold(c.Type)] = t
			}
			p.add(&module{typ: t, number: c.Number, label: c.Label})
		}
	}
	for _, c := range changes {
		switch c := c.(type) {
		case ion.Link:
			m, input := p.split(c.Input, base)
			m.link(input, c.Register)
		case ion.Set:
			m, name := p.split(c.Register, base)
			m.set(name, c.Value)
		}
	}
	for _, m := range p.modules {
		m.settings = slices.DeleteFunc(m.settings, func(s setting) bool { return s.value == m.standard(s.name) })
		p.resolve(m)
	}
	return p
}

// resolve finds the modules that a module is linked to.
func (p *program) resolve(m *module) {
	for i := range m.links {
		l := &m.links[i]
		if l.source = p.byLabel[fold(l.label)]; l.source != nil {
			l.register = registerName(l.source.typ, l.register)
		}
	}
}

func (p *program) add(m *module) {
	p.modules = append(p.modules, m)
	if p.byLabel[fold(m.label)] == nil {
		p.byLabel[fold(m.label)] = m
	}
}

// split returns the module and the name in "Module/Name".
func (p *program) split(object string, base *program) (*module, string) {
	label, name, _ := strings.Cut(object, "/")
	m := p.byLabel[fold(label)]
	if m == nil {
		m = &module{typ: &ion.Type{Number: ion.MaxManagers + 2}, label: label}
		if base != nil {
			if made := base.byLabel[fold(label)]; made != nil && made.typ.Kind != ion.Standard {
				m.typ, m.number = made.typ, made.number
			}
		}
		p.add(m)
	}
	return m, name
}

// link links an input, in place of what it was linked to.
func (m *module) link(input, register string) {
	position := func(name string) int {
		return place(m.typ.Inputs, func(in ion.Input) bool { return strings.EqualFold(in.Name, name) })
	}
	if i := position(input); i < len(m.typ.Inputs) {
		input = m.typ.Inputs[i].Name
	}
	l := link{input: input}
	l.label, l.register, _ = strings.Cut(register, "/")
	at, found := slices.BinarySearchFunc(m.links, input, func(l link, input string) int {
		return cmp.Or(cmp.Compare(position(l.input), position(input)), cmp.Compare(fold(l.input), fold(input)))
	})
	if found {
		m.links[at] = l
		return
	}
	m.links = slices.Insert(m.links, at, l)
}

// set writes a setup register.
func (m *module) set(name, value string) {
	position := func(name string) int {
		return place(m.typ.Setups, func(s ion.Setup) bool { return strings.EqualFold(s.Name, name) })
	}
	if i := position(name); i < len(m.typ.Setups) {
		name = m.typ.Setups[i].Name
		if v, err := m.typ.Setups[i].Parse(value); err == nil {
			value = v.String()
		}
	}
	at, found := slices.BinarySearchFunc(m.settings, name, func(s setting, name string) int {
		return cmp.Or(cmp.Compare(position(s.name), position(name)), cmp.Compare(fold(s.name), fold(name)))
	})
	if found {
		m.settings[at].value = value
		return
	}
	m.settings = slices.Insert(m.settings, at, setting{name, value})
}

// standard is the default of a setup register; of one that the type does not have, no
// value there could be.
func (m *module) standard(name string) string {
	for _, s := range m.typ.Setups {
		if strings.EqualFold(s.Name, name) {
			v, _ := s.Parse(s.Default)
			return v.String()
		}
	}
	return "\x00"
}

// eventOutput is the register that the engine adds to every type.
const eventOutput = "Event"

// registerName is the name of a register as the type spells it.
func registerName(t *ion.Type, name string) string {
	for _, o := range t.Outputs {
		if strings.EqualFold(o.Name, name) {
			return o.Name
		}
	}
	for _, s := range t.Setups {
		if strings.EqualFold(s.Name, name) {
			return s.Name
		}
	}
	if strings.EqualFold(name, eventOutput) {
		return eventOutput
	}
	return name
}

// handle identifies a module across programs.
type handle struct {
	typeName string
	number   int
}

func (m *module) handle() handle { return handle{fold(m.typ.Name), m.number} }

// number gives each module without a number the one that base has for its type and label.
// The others get the lowest free one: a core or persistent module, which nobody makes, is
// then the next one that base has; a standard one is new, and free means in both programs.
func (p *program) number(base *program) {
	taken, inBase, next := map[handle]bool{}, map[handle]bool{}, map[string]int{}
	for _, m := range p.modules {
		taken[m.handle()] = true
	}
	if base != nil {
		for _, m := range base.modules {
			inBase[m.handle()] = true
		}
		for _, m := range p.modules {
			if same := base.byLabel[fold(m.label)]; m.number == 0 && same != nil && !taken[same.handle()] && fold(same.typ.Name) == fold(m.typ.Name) {
				m.number = same.number
				taken[m.handle()] = true
			}
		}
	}
	for _, m := range p.modules {
		if m.number > 0 || m.typ.Name == "" {
			continue
		}
		for m.number = next[m.typ.Name] + 1; taken[m.handle()] || m.typ.Kind == ion.Standard && inBase[m.handle()]; m.number++ {
		}
		next[m.typ.Name] = m.number
	}
}

// sort orders the modules by handle; those that the program does not make come last.
func (p *program) sort() {
	slices.SortStableFunc(p.modules, byHandle)
}

func byHandle(a, b *module) int {
	return cmp.Or(cmp.Compare(a.typ.Number, b.typ.Number), cmp.Compare(fold(a.typ.Name), fold(b.typ.Name)),
		cmp.Compare(a.number, b.number), cmp.Compare(fold(a.label), fold(b.label)))
}

// changes are the program in the order in which they can be done: modules, core and
// persistent ones first, links, setup registers.
func (p *program) changes() (creates, programming []ion.Change) {
	p.sort()
	var standard, links, settings []ion.Change
	for _, m := range p.modules {
		switch {
		case m.typ.Name == "": // made by nobody
		case m.typ.Kind == ion.Standard:
			standard = append(standard, m.create())
		default:
			creates = append(creates, m.create())
		}
		for _, l := range m.links {
			links = append(links, ion.Link{Input: m.label + "/" + l.input, Register: l.from()})
		}
		for _, s := range m.settings {
			settings = append(settings, ion.Set{Register: m.label + "/" + s.name, Value: s.value})
		}
	}
	return append(creates, standard...), append(links, settings...)
}

func (m *module) create() ion.Create {
	return ion.Create{Type: m.typ.Name, Label: m.label, Number: m.number}
}

// fold is the form of a label or name in which its case does not matter.
func fold(text string) string { return strings.ToLower(text) }

// place is where the first match stands, the length if there is none.
func place[T any](list []T, match func(T) bool) int {
	if i := slices.IndexFunc(list, match); i >= 0 {
		return i
	}
	return len(list)
}
