package ion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Change is one step of a transaction: Create, Delete, Rename, Link or Set.
type Change interface{ apply(*draft) }

// Create makes a module of a type. Number is its number under the manager; 0 takes the
// lowest free one, or the one in the label where that is bound to the number.
type Create struct {
	Type, Label string
	Number      int
}

// Delete deletes a module; inputs linked to it become unlinked.
type Delete struct{ Module string }

// Rename gives a module another label.
type Rename struct{ Module, Label string }

// Link links the input "Module label/Input" to the register "Module label/Register",
// in place of what it was linked to; an empty Register unlinks it.
type Link struct{ Input, Register string }

// Set writes the setup register "Module label/Setup", in its text form.
type Set struct{ Register, Value string }

// Problem is one reason why a transaction cannot be done.
type Problem struct {
	// Change is the position of the change in the transaction, -1 if the whole of
	// them does not fit.
	Change int
	// Object is the module, input or register in question.
	Object string
	Reason string
}

func (p Problem) String() string { return p.Object + ": " + p.Reason }

// Refusal says why a transaction was not done, with every reason at once.
type Refusal struct{ Problems []Problem }

func (r *Refusal) Error() string {
	lines := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		lines[i] = p.String()
	}
	return "nothing was changed: " + strings.Join(lines, "; ")
}

// Program carries out all changes as one transaction, in their order, or none of
// them: the error is then a *Refusal with every reason. The modules concerned are
// offline while they are programmed, their setup counters grow, and each change
// raises a Setup Change event with the user.
func (n *Node) Program(changes []Change, by By, now time.Time) error {
	n.begin(now).by = by
	defer func() { n.context.by = By{} }()
	return n.program(changes, false)
}

// Check tells whether Program would carry out the changes: nil, or the *Refusal with
// every reason. It changes nothing.
func (n *Node) Check(changes []Change) error {
	_, _, err := n.rehearse(changes, false)
	return err
}

func (n *Node) program(changes []Change, factory bool) error {
	d, ordered, err := n.rehearse(changes, factory)
	if err != nil {
		return err
	}
	n.commit(d, ordered)
	return nil
}

// rehearse carries out the changes on a draft.
func (n *Node) rehearse(changes []Change, factory bool) (d *draft, ordered []*module, err error) {
	d = n.draft(factory)
	for i, c := range changes {
		d.change = i
		c.apply(d)
	}
	d.change = -1
	d.checkLimits()
	d.checkExclusive()
	d.checkClaims()
	ordered = d.order()
	if len(d.problems) > 0 {
		return nil, nil, &Refusal{d.problems}
	}
	return d, ordered, nil
}

// draft is the program as it will be after a transaction.
type draft struct {
	node     *Node
	factory  bool
	modules  []*module // by handle
	byLabel  map[string]*module
	plans    map[*module]*plan
	created  map[*module]bool
	refused  map[string]bool // labels of modules that could not be made
	steps    []step
	change   int
	problems []Problem
}

// step is what a change did, for the hooks and the event.
type step struct {
	module           *module
	kind             stepKind
	position         int // of the input or setup register
	object, from, to string
}

type stepKind uint8

const (
	stepCreate stepKind = iota
	stepDelete
	stepRename
	stepLink
	stepSet
)

func (n *Node) draft(factory bool) *draft {
	d := &draft{node: n, factory: factory, modules: slices.Clone(n.modules), created: map[*module]bool{}, refused: map[string]bool{},
		byLabel: make(map[string]*module, len(n.modules)), plans: make(map[*module]*plan, len(n.modules))}
	for _, m := range n.modules {
		d.byLabel[fold(m.label)], d.plans[m] = m, m.plan.clone()
	}
	return d
}

func (d *draft) refuse(object, format string, args ...any) {
	d.problems = append(d.problems, Problem{d.change, object, fmt.Sprintf(format, args...)})
}

func (d *draft) did(m *module, kind stepKind, position int, object, from, to string) {
	d.steps = append(d.steps, step{m, kind, position, object, from, to})
}

// link links an input, or unlinks it.
func (d *draft) link(m *module, input int, s source) {
	old := d.plans[m].links[input]
	if old == s {
		return // not a change: no event, no effect
	}
	d.plans[m].links[input] = s
	d.did(m, stepLink, input, d.plans[m].label+"/"+m.typ.Inputs[input].Name, d.sourceLabel(old), d.sourceLabel(s))
}

func (d *draft) sourceLabel(s source) string {
	if !s.linked() {
		return "not linked"
	}
	return d.plans[s.module].label + "/" + s.module.typ.registerName(s.register)
}

// module returns the module with the label, or refuses. Of a module that could not be
// made, the first reason is enough.
func (d *draft) module(label string) *module {
	m := d.byLabel[fold(label)]
	if m == nil && !d.refused[fold(label)] {
		d.refuse(label, "there is no such module")
	}
	return m
}

// split returns the module and the name in "Module label/Name", or refuses.
func (d *draft) split(label string) (*module, string) {
	moduleLabel, name, ok := strings.Cut(label, "/")
	if !ok {
		d.refuse(label, "write Module label/Register label")
		return nil, ""
	}
	return d.module(moduleLabel), name
}

// labelFits refuses a label that a module of the type cannot have.
func (d *draft) labelFits(t *Type, label string) bool {
	owner := d.node.binds(label)
	switch {
	case label == "" || len(label) > MaxLabelBytes:
		d.refuse(label, "a label has 1 to %d bytes", MaxLabelBytes)
	case label != strings.TrimSpace(label) || strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == '/' || r == 0x7f || r == '\uFFFD' }):
		d.refuse(label, "a label has no slash, no control characters and no space at its ends")
	case d.byLabel[fold(label)] != nil:
		d.refuse(label, "the label is taken by another module")
	case owner != nil && owner != t:
		d.refuse(label, "labels that begin with %s are for modules of that type", owner.Name)
	default:
		return true
	}
	return false
}

// binds returns the type whose bound labels begin like the one given, nil if there is none.
func (n *Node) binds(label string) *Type {
	for _, t := range n.types {
		if t.bound() && strings.HasPrefix(fold(label), fold(t.Name)) {
			return t
		}
	}
	return nil
}

func (c Create) apply(d *draft) {
	made := d.create(c)
	d.refused[fold(c.Label)] = !made
}

func (d *draft) create(c Create) (made bool) {
	i := slices.IndexFunc(d.node.types, func(t *Type) bool { return strings.EqualFold(t.Name, c.Type) })
	if i < 0 {
		d.refuse(c.Label, "there is no module type %q", c.Type)
		return false
	}
	t := d.node.types[i]
	if t.Kind != Standard && !d.factory {
		d.refuse(c.Label, "a %v module of type %s is made by the factory only, and this %s was made without it", t.Kind, t.Name, cmp.Or(d.node.identity.Model, "meter"))
		return false
	}
	if !d.labelFits(t, c.Label) {
		return false
	}
	if c.Number == 0 {
		c.Number = t.numberIn(c.Label)
	}
	handle, at := d.freeHandle(t, c.Number)
	if handle == 0 {
		d.refuse(c.Label, "number %d under the manager of %s is taken or above %d: leave it out for a free one", c.Number, t.Name, MaxModulesPerType)
		return false
	}
	if t.bound() && c.Label != t.labelOf(handle.Number()) {
		d.refuse(c.Label, "the label of a module of type %s is bound: write %s", t.Name, t.labelOf(handle.Number()))
		return false
	}
	if limit, limited := d.node.limits.Modules[t.Name]; limited && t.Labels == Numbered && handle.Number() > limit {
		d.refuse(c.Label, "the %s carries %s to %s", d.node.identity.Model, t.labelOf(1), t.labelOf(limit))
		return false
	}
	m := newModule(t, c.Label)
	m.handle = handle
	d.modules = slices.Insert(d.modules, at, m)
	d.byLabel[fold(c.Label)], d.plans[m], d.created[m] = m, m.plan.clone(), true
	d.did(m, stepCreate, 0, c.Label, "", "created")
	return true
}

// freeHandle returns a handle under the manager of t and its place among the modules:
// the wanted number, or for 0 the lowest free one. It returns 0 if that is not to be had.
func (d *draft) freeHandle(t *Type, wanted int) (handle Handle, at int) {
	number := max(wanted, 1)
	at, taken := slices.BinarySearchFunc(d.modules, handleOf(t.Number, number), func(m *module, h Handle) int {
		return cmp.Compare(m.handle, h)
	})
	for ; taken && wanted == 0; number++ {
		at++
		taken = at < len(d.modules) && d.modules[at].handle == handleOf(t.Number, number+1)
	}
	if taken || number > MaxModulesPerType {
		return 0, 0
	}
	return handleOf(t.Number, number), at
}

func (c Delete) apply(d *draft) {
	m := d.module(c.Module)
	if m == nil {
		return
	}
	if m.typ.Kind != Standard && !d.factory {
		d.refuse(m.label, "a %v module cannot be deleted", m.typ.Kind)
		return
	}
	for _, owner := range d.modules {
		for i, s := range d.plans[owner].links {
			if s.module == m && owner != m {
				d.link(owner, i, source{})
			}
		}
	}
	d.did(m, stepDelete, 0, d.plans[m].label, "", "deleted")
	d.modules = slices.DeleteFunc(d.modules, func(x *module) bool { return x == m })
	delete(d.byLabel, fold(d.plans[m].label))
	delete(d.plans, m)
}

func (c Rename) apply(d *draft) {
	m := d.module(c.Module)
	if m == nil {
		return
	}
	if m.typ.Kind == Core && !d.factory {
		d.refuse(m.label, "a core module keeps its label: others rely on it")
		return
	}
	old := d.plans[m].label
	if m.typ.bound() {
		d.refuse(old, "a module of type %s keeps its label: others rely on it", m.typ.Name)
		return
	}
	delete(d.byLabel, fold(old))
	if !d.labelFits(m.typ, c.Label) {
		d.byLabel[fold(old)] = m
		return
	}
	d.byLabel[fold(c.Label)], d.plans[m].label = m, c.Label
	d.did(m, stepRename, 0, c.Label, old, c.Label)
}

func (c Link) apply(d *draft) {
	m, name := d.split(c.Input)
	if m == nil {
		return
	}
	input := m.typ.input(name)
	if input < 0 {
		d.refuse(c.Input, "there is no such input, only %v", some(len(m.typ.Inputs), func(i int) string { return m.typ.Inputs[i].Name }))
		return
	}
	in := m.typ.Inputs[input]
	if in.Fixed && !d.factory {
		d.refuse(c.Input, "the input is linked by the factory and cannot be changed")
		return
	}
	if c.Register == "" {
		d.link(m, input, source{})
		return
	}
	from, registerName := d.split(c.Register)
	if from == nil {
		return
	}
	register := from.typ.register(registerName)
	if register < 0 {
		d.refuse(c.Register, "there is no such register, only %v", some(from.typ.registers(), from.typ.registerName))
		return
	}
	if class := from.typ.registerClass(register); !slices.Contains(in.Classes, class) {
		d.refuse(c.Input, "takes %v; %s is %v", classList(in.Classes), c.Register, class)
		return
	}
	if in.Of != "" && in.Of != from.typ.Name {
		d.refuse(c.Input, "takes a register of a %s; %s is a %s", in.Of, d.plans[from].label, from.typ.Name)
		return
	}
	d.link(m, input, source{from, register})
}

// some lists the names of what there is, not more than a reader of an error likes.
func some(count int, name func(int) string) string {
	const most = 12
	var names []string
	for i := range min(count, most) {
		names = append(names, name(i))
	}
	switch {
	case count == 0:
		return "none at all"
	case count > most:
		names = append(names, fmt.Sprintf("and %d more", count-most))
	}
	return strings.Join(names, ", ")
}

func classList(classes []Class) string {
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.String()
	}
	return strings.Join(names, " or ")
}

func (c Set) apply(d *draft) {
	m, name := d.split(c.Register)
	if m == nil {
		return
	}
	setup := m.typ.setup(name)
	if setup < 0 {
		d.refuse(c.Register, "there is no such setup register, only %v", some(len(m.typ.Setups), func(i int) string { return m.typ.Setups[i].Name }))
		return
	}
	v, err := m.typ.Setups[setup].Parse(c.Value)
	if err != nil {
		d.refuse(c.Register, "%v", err)
		return
	}
	if v == d.plans[m].settings[setup] {
		return // not a change: no event, no effect
	}
	old := d.plans[m].settings[setup]
	d.plans[m].settings[setup] = v
	d.did(m, stepSet, setup, d.plans[m].label+"/"+m.typ.Setups[setup].Name, old.String(), v.String())
}

// checkLimits refuses more modules of a type than the model carries.
func (d *draft) checkLimits() {
	fast := 0
	count := map[*Type]int{}
	for _, m := range d.modules {
		count[m.typ]++
	}
	for _, t := range d.node.types {
		limit, limited := d.node.limits.Modules[t.Name]
		if t.Kind == Core && !d.factory {
			continue // the user can neither make nor delete one
		}
		if limited && count[t] > limit {
			d.refuse(t.Name, "%d modules are more than the %d that the %s carries", count[t], limit, d.node.identity.Model)
		}
		if t.Rate == EveryHalfCycle {
			fast += count[t]
		}
	}
	if limit := d.node.limits.HalfCycle; limit > 0 && fast > limit {
		d.refuse("high-speed modules", "%d are more than the %d that the %s carries", fast, limit, d.node.identity.Model)
	}
	d.checkMemory()
}

// checkMemory refuses logs that do not fit into the model's memory together.
func (d *draft) checkMemory() {
	limit := d.node.limits.LogBytes
	var total int64
	for _, m := range d.modules {
		if m.typ.Memory != nil {
			total += m.typ.Memory(d.plans[m].settings, d.plans[m].linked())
		}
	}
	if limit > 0 && total > limit {
		d.refuse("log memory", "the logs would take %d kB of the %d kB that the %s has: make them less deep", total/1024, limit/1024, d.node.identity.Model)
	}
}

// LogBytes returns the memory that the logs take when they are full, and the limit, 0
// for none.
func (n *Node) LogBytes() (taken, limit int64) {
	for _, m := range n.modules {
		if m.typ.Memory != nil {
			taken += m.typ.Memory(m.settings, m.linked())
		}
	}
	return taken, n.limits.LogBytes
}

// checkExclusive refuses an exclusive option, such as a port, that two modules take.
func (d *draft) checkExclusive() {
	holders := map[string]*module{}
	for _, m := range d.modules {
		for i, s := range m.typ.Setups {
			v := d.plans[m].settings[i]
			if !s.Exclusive || v.Number == 0 {
				continue
			}
			option := s.Name + " " + v.Text
			if holder := holders[fold(option)]; holder != nil {
				d.refuse(d.plans[m].label+"/"+s.Name, "%s is in use by %s", v.Text, d.plans[holder].label)
				continue
			}
			holders[fold(option)] = m
		}
	}
}

// order returns the modules in data-flow order: each after all it is linked from,
// otherwise by handle. It refuses loops, with their path, and chains that are too
// deep.
func (d *draft) order() []*module {
	ordered := make([]*module, 0, len(d.modules))
	depth := make(map[*module]int, len(d.modules)) // -1 while under way
	var path []*module
	var visit func(*module) bool
	visit = func(m *module) bool {
		switch at := depth[m]; {
		case at > 0:
			return true
		case at < 0:
			d.refuseLoop(path[slices.Index(path, m):])
			return false
		}
		depth[m] = -1
		path = append(path, m)
		deepest := 0
		for i, s := range d.plans[m].links {
			if s.linked() && !m.typ.Inputs[i].Relays {
				if !visit(s.module) {
					return false
				}
				deepest = max(deepest, depth[s.module])
			}
		}
		path = path[:len(path)-1]
		depth[m] = deepest + 1
		if limit := d.node.limits.ChainDepth; limit > 0 && depth[m] == limit+1 {
			d.refuse(d.plans[m].label, "stands at the end of a chain of %d modules, at most %d", limit+1, limit)
		}
		ordered = append(ordered, m)
		return true
	}
	for _, m := range d.modules {
		if !visit(m) {
			return nil
		}
	}
	return ordered
}

// refuseLoop names the loop in the direction in which data would flow. Links are
// visited against that direction.
func (d *draft) refuseLoop(path []*module) {
	labels := []string{d.plans[path[0]].label}
	for _, m := range slices.Backward(path) {
		labels = append(labels, d.plans[m].label)
	}
	d.refuse(labels[0], "the links would make a loop: %s; only pulses may come back, by way of a Feedback module", strings.Join(labels, " → "))
}

// commit makes a draft without problems the program.
func (n *Node) commit(d *draft, ordered []*module) {
	old := n.modules
	before := n.registersByModule()
	relabelled := false
	n.forget(d)
	for m, p := range d.plans {
		relabelled = relabelled || m.label != p.label
		m.plan = *p
	}
	n.modules, n.ordered = d.modules, ordered
	if relabelled || !slices.Equal(old, n.modules) {
		n.lay()
		n.carry(before)
	}
	n.seconds, n.halves, n.windowed = nil, nil, nil
	for _, m := range ordered {
		if m.typ.Rate == EveryHalfCycle {
			n.halves = append(n.halves, m)
		} else {
			n.seconds = append(n.seconds, m)
		}
		if _, ok := m.behaviour.(WindowReader); ok {
			n.windowed = append(n.windowed, m)
		}
		n.connect(m)
	}
	n.apply(d)
	n.describe()
}
