package ion

import "strings"

// Subject is what a change of a transaction is about: whoever judges by rights who may
// do it needs no more.
type Subject struct {
	// Type is the name of the module's type; empty if there is no such module.
	Type string
	// Number is its number under the manager; 0 for one to be made that takes the
	// lowest free one, and where Type is empty.
	Number int
	// Label is the module's label before the change, Name the input or setup register of
	// a Link or a Set; both as the change spells them.
	Label, Name string
	// Source is the name of the type that a Link takes its register from: what is read
	// by way of the link. It is empty for all else.
	Source string
}

// Subjects tells of each change what it is about, in the program as the changes before it
// make it. It judges nothing: changes that Program would refuse have a subject, too.
func (d *Directory) Subjects(changes []Change) []Subject {
	made := map[string]*Subject{} // what the transaction made of labels; nil is gone
	module := func(label string) Subject {
		if s, changed := made[fold(label)]; changed {
			if s == nil {
				return Subject{Label: label}
			}
			return Subject{Type: s.Type, Number: s.Number, Label: label}
		}
		if m := d.Module(label); m != nil {
			return Subject{Type: m.Type.Name, Number: m.Handle.Number(), Label: label}
		}
		return Subject{Label: label}
	}
	object := func(text string) Subject {
		label, name, _ := strings.Cut(text, "/")
		s := module(label)
		s.Name = name
		return s
	}
	subjects := make([]Subject, len(changes))
	for i, c := range changes {
		switch c := c.(type) {
		case Create:
			subjects[i] = d.toBeMade(c)
			made[fold(c.Label)] = &subjects[i]
		case Delete:
			subjects[i] = module(c.Module)
			made[fold(c.Module)] = nil
		case Rename:
			subjects[i] = module(c.Module)
			made[fold(c.Module)] = nil
			made[fold(c.Label)] = &subjects[i]
		case Link:
			subjects[i] = object(c.Input)
			if c.Register != "" {
				subjects[i].Source = object(c.Register).Type
			}
		case Set:
			subjects[i] = object(c.Register)
		}
	}
	return subjects
}

// toBeMade is the module that a Create makes.
func (d *Directory) toBeMade(c Create) Subject {
	s := Subject{Number: c.Number, Label: c.Label}
	for _, m := range d.Managers {
		if strings.EqualFold(m.Type.Name, c.Type) {
			s.Type = m.Type.Name
			if s.Number == 0 {
				s.Number = m.Type.numberIn(c.Label)
			}
		}
	}
	return s
}
