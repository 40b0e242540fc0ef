package template

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// DifferenceKind says in what two programs differ.
type DifferenceKind uint8

// The kinds, in the order in which one program becomes the other.
const (
	Removed DifferenceKind = iota
	Renamed
	Added
	LinkChanged
	SetupChanged
)

// Difference is one thing that two programs do differently.
type Difference struct {
	Kind DifferenceKind
	// Type and Number identify the module, Label names it in the second program, or if
	// it is not there in the first.
	Type   string
	Number int
	Label  string
	// Name is the input of a LinkChanged, the setup register of a SetupChanged.
	Name string
	// From and To are the label of a Renamed, the "Module/Register" of a LinkChanged
	// (empty while it is not linked), the value of a SetupChanged.
	From, To string
}

// String writes the difference in the form of the template's text.
func (d Difference) String() string {
	module := d.Type + " " + strconv.Itoa(d.Number) + bar + quote(d.Label)
	if d.Type == "" {
		module = "+ " + quote(d.Label)
	}
	source := func(label string) string {
		if label == "" {
			return "not linked"
		}
		return quote(label)
	}
	switch d.Kind {
	case Removed:
		return module + ": removed"
	case Renamed:
		return module + ": renamed, was " + quote(d.From)
	case Added:
		return module + ": added"
	case LinkChanged:
		return module + bar + quote(d.Name, "<-", "=") + arrow + source(d.To) + " (was " + source(d.From) + ")"
	}
	return module + bar + quote(d.Name, "<-", "=") + equals + quote(d.To) + " (was " + quote(d.From) + ")"
}

// Differences is a reviewable list, one on a line.
type Differences []Difference

func (list Differences) String() string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// Compare tells what makes program b of program a, by handle. A module is the same if its
// type and number are. A module without a number is the one that has its type and label
// in the other program; else it is new.
//
// The order of changes, the case of labels and names, the spelling of values and setup
// registers at their default make no difference, nor do fixed links that b does not name,
// nor what templates leave to the one meter (Export).
func Compare(a, b []ion.Change) Differences {
	before := read(a, nil)
	after := read(b, before)
	before.number(after)
	after.number(before)
	return before.compare(after)
}

// pair is a module in two programs; nil where it is missing.
type pair struct{ before, after *module }

func (p pair) some() *module {
	if p.after != nil {
		return p.after
	}
	return p.before
}

// match pairs the modules of two programs, by handle, and tells what became of each of
// the first.
func (p *program) match(after *program) (pairs []pair, became map[*module]*module) {
	byNumber := map[handle]*module{}
	for _, m := range p.modules {
		if byNumber[m.key()] == nil {
			byNumber[m.key()] = m
		}
	}
	became = map[*module]*module{}
	for _, m := range after.modules {
		before := byNumber[m.key()]
		if became[before] != nil {
			before = nil // two of the same number: the second one is not the same module
		}
		if before != nil {
			became[before] = m
		}
		pairs = append(pairs, pair{before, m})
	}
	for _, m := range p.modules {
		if became[m] == nil {
			pairs = append(pairs, pair{m, nil})
		}
	}
	slices.SortStableFunc(pairs, func(x, y pair) int { return byHandle(x.some(), y.some()) })
	return pairs, became
}

// key identifies a module across programs; one that its program does not make, by label.
func (m *module) key() handle {
	if m.typ.Name == "" {
		return handle{"+" + fold(m.label), 0}
	}
	return m.handle()
}

func (p *program) compare(after *program) (list Differences) {
	pairs, became := p.match(after)
	for _, pair := range pairs {
		m := pair.some()
		if m.own() {
			continue
		}
		differ := func(kind DifferenceKind, name, from, to string) {
			list = append(list, Difference{kind, m.typ.Name, m.number, m.label, name, from, to})
		}
		switch {
		case m.typ.Name == "":
		case pair.after == nil:
			differ(Removed, "", "", "")
			continue
		case pair.before == nil:
			differ(Added, "", "", "")
		case fold(pair.before.label) != fold(m.label):
			differ(Renamed, "", pair.before.label, m.label)
		}
		old, new := pair.before, pair.after
		if old == nil {
			old = &module{typ: m.typ}
		}
		if new == nil {
			new = &module{typ: m.typ}
		}
		compareLinks(old, new, became, differ)
		compareSettings(old, new, differ)
	}
	return list
}

// report takes one difference of a module.
type report func(kind DifferenceKind, name, from, to string)

func compareLinks(old, new *module, became map[*module]*module, differ report) {
	find := func(links []link, input string) (link, bool) {
		i := place(links, func(l link) bool { return fold(l.input) == fold(input) })
		if i == len(links) {
			return link{}, false
		}
		return links[i], true
	}
	for _, l := range new.links {
		if was, _ := find(old.links, l.input); !was.same(l, became) {
			differ(LinkChanged, l.input, was.from(), l.from())
		}
	}
	for _, was := range old.links {
		fixed := slices.ContainsFunc(new.typ.Inputs, func(in ion.Input) bool { return in.Fixed && in.Name == was.input })
		if _, linked := find(new.links, was.input); !linked && !fixed && was.from() != "" {
			differ(LinkChanged, was.input, was.from(), "")
		}
	}
}

// same reports whether a link of the first program is that of the second.
func (l link) same(after link, became map[*module]*module) bool {
	if fold(l.register) != fold(after.register) {
		return false
	}
	switch {
	case l.source == nil || after.source == nil && (l.source.typ.Kind != ion.Standard || l.source.own()):
		return fold(l.sourceLabel()) == fold(after.sourceLabel())
	case after.source == nil:
		return false // it is linked to a module that goes
	}
	return became[l.source] == after.source
}

func (l link) sourceLabel() string {
	if l.source != nil {
		return l.source.label
	}
	return l.label
}

func compareSettings(old, new *module, differ report) {
	value := func(m *module, name string) string {
		if i := place(m.settings, func(s setting) bool { return fold(s.name) == fold(name) }); i < len(m.settings) {
			return m.settings[i].value
		}
		return strings.Trim(m.standard(name), "\x00")
	}
	for _, s := range new.settings {
		if was := value(old, s.name); was != s.value && !own(new.typ.Name, s.name) {
			differ(SetupChanged, s.name, was, s.value)
		}
	}
	for _, s := range old.settings {
		named := slices.ContainsFunc(new.settings, func(n setting) bool { return fold(n.name) == fold(s.name) })
		if now := value(new, s.name); !named && now != s.value && !own(new.typ.Name, s.name) {
			differ(SetupChanged, s.name, s.value, now)
		}
	}
}
