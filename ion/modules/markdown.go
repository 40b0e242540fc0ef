package modules

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
)

// WriteMarkdown writes the reference of all module types: docs/modules.md.
func WriteMarkdown(w io.Writer, types []ion.Type) error {
	var b strings.Builder
	b.WriteString(`# Modules

What each type of ION module does, its inputs, setup registers and outputs. This page
is generated from the type descriptors in ` + "`ion/modules`" + `; after a change there, run
` + "`go test ./ion/modules -run Reference -update`" + `.

A register is addressed as ` + "`Module label/Register label`" + `; the case does not matter. A
register without a value is NOT AVAILABLE, which is never 0: a module whose mandatory
input is not linked is offline and all its outputs are NOT AVAILABLE, and so on down the
chain of links. An input takes one link, from a register of its class. Where classes differ
a module comes between: a Setpoint makes a Boolean and a pulse of a number, a Convert a number
and pulses of a Boolean, a Latch or One-Shot Timer a Boolean of pulses, a Counter a number of
them. Links make no loop; a pulse may come back by way of a Feedback module. Fixed inputs are
linked by the factory. docs/templates.md builds an alarm with a log of them. Every module has an output ` + "`Event`" + `, its latest event; a change
of a link, setup register or label raises an event of priority 10, a reset one of
priority 5.

| type | number | class | runs every | inputs | setup registers | outputs |
|---|---|---|---|---|---|---|
`)
	anchor := strings.NewReplacer(" ", "-", "/", "") // as pages make it of a heading
	for _, t := range types {
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %s | %s | %d | %d | %d |\n", t.Name, anchor.Replace(strings.ToLower(t.Name)),
			t.Number, t.Kind, t.Rate, len(t.Inputs), len(t.Setups), len(t.Outputs)+1)
	}
	for _, t := range types {
		writeType(&b, t)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeType(b *strings.Builder, t ion.Type) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\nSource: %s.\n", t.Name, t.Doc, t.Source)
	if len(t.Inputs) > 0 {
		b.WriteString("\n| input | class | while not linked |\n|---|---|---|\n")
	}
	for _, run := range runs(len(t.Inputs), func(i int) (name, like string) { return t.Inputs[i].Name, unlinked(t.Inputs[i]) }) {
		in := t.Inputs[run.first]
		classes := make([]string, len(in.Classes))
		for i, c := range in.Classes {
			classes[i] = c.String()
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", run, strings.Join(classes, " or "), unlinked(in))
	}
	if one := t.OneOf; len(one) > 0 {
		fmt.Fprintf(b, "\nAt least one of %s … %s must be linked, or the module is offline.\n", one[0], one[len(one)-1])
	}
	if len(t.Setups) > 0 {
		b.WriteString("\n| setup register | values | default | meaning |\n|---|---|---|---|\n")
	}
	for _, run := range runs(len(t.Setups), func(i int) (name, like string) { return t.Setups[i].Name, t.Setups[i].Default }) {
		s := t.Setups[run.first]
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", run, setupValues(s), s.Default, s.Doc)
	}
	if len(t.Outputs) > 0 {
		b.WriteString("\n| output | class | unit | meaning |\n|---|---|---|---|\n")
	}
	for _, run := range runs(len(t.Outputs), func(i int) (name, like string) { return t.Outputs[i].Name, "" }) {
		o := t.Outputs[run.first]
		unit := o.Unit
		if o.Follows != "" {
			unit = "from " + o.Follows
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", run, o.Class, unit, o.Doc)
	}
}

// unlinked tells what holds while an input is not linked.
func unlinked(in ion.Input) string {
	text := in.Unlinked
	if in.Mandatory {
		text = "mandatory: the module is offline"
	}
	if in.Fixed {
		text += " (fixed)"
	}
	return text
}

func setupValues(s ion.Setup) string {
	switch s.Class {
	case ion.NumericBounded:
		bounds := strconv.FormatFloat(s.Low, 'f', -1, 64) + " to " + strconv.FormatFloat(s.High, 'f', -1, 64)
		if s.Unit != "" {
			bounds += " " + s.Unit
		}
		if s.Whole {
			bounds += ", whole"
		}
		switch s.Form {
		case ion.Elapsed:
			bounds += ", also as 1d 2h 3m 4s"
		case ion.Instant:
			bounds += ", also as a date (RFC 3339)"
		}
		return bounds
	case ion.Enumerated:
		return strings.Join(s.Options, ", ")
	case ion.String:
		return fmt.Sprintf("text, at most %d bytes", s.MaxLength)
	}
	return s.Class.String()
}

// run is a list of registers that differ by a number only (HD1, HD2 ...), as one row.
type run struct {
	first             int
	firstName, latest string
}

func (r run) String() string {
	if r.firstName == r.latest {
		return r.firstName
	}
	return r.firstName + " … " + r.latest
}

// minRun is the length from which on a list is shown as one row.
const minRun = 7

// runs parts a table into its rows. entry returns the name in a line and what it must have
// in common with others to stand in one row with them.
func runs(count int, entry func(int) (name, like string)) []run {
	name := func(i int) string { name, _ := entry(i); return name }
	stem := func(i int) (string, bool) {
		text, like := entry(i)
		trimmed := strings.TrimRight(text, "0123456789")
		return trimmed + like, trimmed != text
	}
	var list []run
	for i := 0; i < count; {
		end := i + 1
		if s, numbered := stem(i); numbered {
			for end < count {
				if next, ok := stem(end); !ok || next != s {
					break
				}
				end++
			}
		}
		if end-i < minRun {
			end = i + 1
		}
		list = append(list, run{i, name(i), name(end - 1)})
		i = end
	}
	return list
}
