package template

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// Rebuild makes the node that a meter had, from its stored program: Format of
// Node.Listing. An empty one gives the node as the factory makes it. Core and persistent
// modules and fixed links that the factory program has and the stored one lacks, because
// a newer firmware brought them, are added. Accounts are not: one that was deleted stays
// deleted.
//
// The firmware that revision names says of which generation the node is: the caller gives
// the one of the data directory, since only an upgrade changes it.
//
// A meter always goes up: what no longer fits is left out, a module with its links and
// setup, and reported. The error tells of a faulty catalogue or an unknown firmware only.
func (m Model) Rebuild(stored, serial, revision string) (*ion.Node, []ion.Problem, error) {
	if stored == "" {
		node, err := m.Build(serial, revision)
		return node, nil, err
	}
	changes, faults := parse([]byte(stored))
	var problems []ion.Problem
	for _, err := range faults {
		problems = append(problems, ion.Problem{Change: -1, Object: "stored program", Reason: err.Error()})
	}
	g, err := GenerationOf(revision)
	if err != nil {
		return nil, nil, err
	}
	factory := read(m.Program, nil)
	p := read(changes, factory)
	p.number(nil)
	problems = append(problems, p.complete(factory)...)
	build := func(program []ion.Change) (*ion.Node, error) { return m.build(g, program, serial, revision) }
	creates, programming := p.changes()
	if node, err := build(slices.Concat(creates, programming)); err == nil {
		return node, problems, nil
	}
	made, left := fitting(build, nil, creates)
	problems = append(problems, left...)
	p.keep(made)
	problems = append(problems, p.complete(factory)...)
	creates, programming = p.changes()
	program, left := fitting(build, nil, slices.Concat(creates, programming))
	node, err := build(program)
	return node, append(problems, left...), err
}

// keep takes away the modules that were not made.
func (p *program) keep(made []ion.Change) {
	p.modules = slices.DeleteFunc(p.modules, func(m *module) bool {
		gone := m.typ.Name != "" && !slices.Contains(made, ion.Change(m.create()))
		if gone && p.byLabel[fold(m.label)] == m {
			delete(p.byLabel, fold(m.label))
		}
		return gone
	})
	for _, m := range p.modules {
		p.resolve(m)
	}
}

// fitting adds to a program those of further changes that can be done, and reports the
// others. Whatever can be done as a whole can be done in parts, so it halves them.
func fitting(build func([]ion.Change) (*ion.Node, error), program, further []ion.Change) ([]ion.Change, []ion.Problem) {
	whole := slices.Concat(program, further)
	_, err := build(whole)
	switch {
	case err == nil:
		return whole, nil
	case len(further) == 0:
		return program, nil // a faulty catalogue: no program helps
	case len(further) == 1:
		return program, []ion.Problem{{Change: -1, Object: objectOf(further[0]), Reason: "left out: " + reason(err)}}
	}
	half := len(further) / 2
	program, first := fitting(build, program, further[:half])
	program, second := fitting(build, program, further[half:])
	return program, append(first, second...)
}

// reason is why one change was refused.
func reason(err error) string {
	var refusal *ion.Refusal
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	reasons := make([]string, len(refusal.Problems))
	for i, p := range refusal.Problems {
		reasons[i] = p.String()
	}
	return strings.Join(reasons, "; ")
}

// objectOf is the module, input or setup register that a change of a program is about.
func objectOf(c ion.Change) string {
	switch c := c.(type) {
	case ion.Create:
		return c.Label
	case ion.Link:
		return c.Input
	case ion.Set:
		return c.Register
	}
	return ""
}

// complete adds what the factory made and the program lacks: core and persistent modules,
// and fixed links.
func (p *program) complete(factory *program) (problems []ion.Problem) {
	factory.number(p)
	pairs, became := factory.match(p)
	isNew := map[*module]bool{}
	for _, pair := range pairs {
		f := pair.before
		if f == nil || f.typ.Kind == ion.Standard || pair.after != nil {
			continue
		}
		m := &module{typ: f.typ, number: f.number, label: f.label, settings: f.settings}
		if p.byLabel[fold(f.label)] != nil && f.typ.Labels == ion.Free {
			m.label = p.freeLabel(f.label)
			problems = append(problems, ion.Problem{Change: -1, Object: f.label, Reason: fmt.Sprintf(
				"the firmware brings a module of this label, which another one has: it is called %s", m.label)})
		}
		p.add(m)
		became[f], isNew[m] = m, true
	}
	for _, f := range factory.modules {
		m := became[f]
		if m == nil || f.typ.Kind == ion.Standard {
			continue
		}
		for _, l := range f.links {
			fixed := slices.ContainsFunc(f.typ.Inputs, func(in ion.Input) bool { return in.Fixed && in.Name == l.input })
			if !isNew[m] && !fixed {
				continue
			}
			if source := became[l.source]; source != nil {
				l.source, l.label = source, source.label
			}
			m.link(l.input, l.label+"/"+l.register)
		}
		p.resolve(m)
	}
	return problems
}

// freeLabel returns a label like the one given that no module has.
func (p *program) freeLabel(label string) string {
	for i := 2; ; i++ {
		if free := label + " " + strconv.Itoa(i); p.byLabel[fold(free)] == nil {
			return free
		}
	}
}
