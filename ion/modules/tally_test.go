package modules

import (
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// tally is a module type of the tests: its Count is how many pulses came to In, its
// Latest how many of them at the latest turn.
func tally() ion.Type {
	return ion.Type{Number: ion.MaxManagers, Name: "Tally", Kind: ion.Standard, Doc: "counts pulses",
		Inputs:  []ion.Input{{Name: "In", Classes: []ion.Class{ion.Pulse}, Mandatory: true}},
		Outputs: []ion.Output{{Name: "Count", Class: ion.Numeric}, {Name: "Latest", Class: ion.Numeric}},
		New:     func() ion.Behaviour { return &tallying{} }}
}

type tallying struct{ count int }

func (m *tallying) Start(c *ion.Context) { c.Set(0, float64(m.count)) }

func (m *tallying) Tick(c *ion.Context) {
	m.count += c.Pulses(0)
	c.Set(0, float64(m.count))
	c.Set(1, float64(c.Pulses(0)))
}

// counted makes a Tally with the label of what it counts the pulses of, less its
// module: "M/Trigger" is counted by "#Trigger".
func counted(pulse, name string) []ion.Change {
	return []ion.Change{ion.Create{Type: "Tally", Label: "#" + name}, ion.Link{Input: "#" + name + "/In", Register: pulse + "/" + name}}
}

// module makes a module labelled M; more are links "Input <- Register" and setups
// "Setup = value", two strings each: the input or setup, and the register or value.
func module(typeName string, links, settings []string) []ion.Change {
	changes := []ion.Change{ion.Create{Type: typeName, Label: "M"}}
	for i := 0; i+1 < len(links); i += 2 {
		changes = append(changes, ion.Link{Input: "M/" + links[i], Register: links[i+1]})
	}
	for i := 0; i+1 < len(settings); i += 2 {
		changes = append(changes, ion.Set{Register: "M/" + settings[i], Value: settings[i+1]})
	}
	return changes
}

// external makes an External Pulse, Boolean or Numeric.
func externals(kind string, labels ...string) []ion.Change {
	var changes []ion.Change
	for _, l := range labels {
		changes = append(changes, ion.Create{Type: "External " + kind, Label: l})
	}
	return changes
}

// fire pulses an External Pulse.
func (r *rig) fire(labels ...string) {
	r.Helper()
	for _, l := range labels {
		r.write(l+"/Trigger", ion.Value{Class: ion.Pulse})
	}
}

// turn writes an External Boolean or the State of a Digital Input.
func (r *rig) turn(label string, on bool) {
	r.Helper()
	v := ion.Value{Class: ion.Boolean, Available: true}
	if on {
		v.Number = 1
	}
	r.write(label, v)
}

// put writes an External Numeric.
func (r *rig) put(label string, x float64) {
	r.Helper()
	r.write(label+"/Numeric", ion.Value{Class: ion.Numeric, Available: true, Number: x})
}

func (r *rig) write(label string, v ion.Value) {
	r.Helper()
	if err := r.node.Command(label, v, ion.By{User: "tester"}, r.now); err != nil {
		r.Fatal(err)
	}
}

// at makes the next tick come at a time, the clock being set if that is not the next
// second.
func (r *rig) at(text string) {
	r.Helper()
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.Fatal(err)
	}
	r.now = t.Add(-time.Second)
	r.tick(1)
}

func (r *rig) wantText(label, want string) {
	r.Helper()
	if got := r.value(label).String(); got != want {
		r.Errorf("%s = %s, want %s", label, got, want)
	}
}

// wantOffline checks why module M is offline; empty means that it is not.
func (r *rig) wantOffline(want string) {
	r.Helper()
	if got := r.node.Offline()["M"]; got != want {
		r.Errorf("offline: %q, want %q", got, want)
	}
}

// events returns the events since it was last called whose cause or effect is of
// module M, but those of setup changes.
func (r *rig) events() []ion.Event {
	var events []ion.Event
	for _, e := range r.node.TakeChanges().Events {
		if e.Priority != ion.PrioritySetupChange && (len(e.Effect) > 0 && e.Effect[0] == 'M') {
			events = append(events, e)
		}
	}
	return events
}

// noAllocations checks that seconds allocate nothing. Beside the changes there are a
// Clock, and a Periodic Timer P that pulses every second.
func noAllocations(t *testing.T, changes ...ion.Change) {
	t.Helper()
	program := append([]ion.Change{ion.Create{Type: "Clock", Label: "Clock"}, ion.Create{Type: "Periodic Timer", Label: "P"},
		ion.Set{Register: "P/Period", Value: "1"}}, changes...)
	node, err := ion.New(ion.Config{Types: Catalogue(), Program: program})
	if err != nil {
		t.Fatal(err)
	}
	if offline := node.Offline(); len(offline) > 0 {
		t.Fatal(offline)
	}
	s, now := nothing(), noon
	tick := func() {
		s.EndS++
		now = now.Add(time.Second)
		node.Tick(now, &s)
	}
	for range 3 {
		tick()
	}
	if n := testing.AllocsPerRun(200, tick); n != 0 {
		t.Errorf("a second allocates %v times", n)
	}
}
