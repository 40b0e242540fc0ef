package meter

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/ion"
)

// prepared is a transaction of the gate in the node's terms: changes of the program, and
// acts that follow it. All that can be wrong with an act is found when it is prepared, so
// that a transaction is done whole or not at all.
type prepared struct {
	program []ion.Change
	acts    []func(by ion.By, now time.Time) error
}

// errNotRealTime: at another speed time passes with the samples.
var errNotRealTime = access.NewRefusal(access.CodeNotWritable, "the clock follows the recording, which is played at another speed than its own")

func (m *Meter) prepare(changes []access.Change) (p prepared, err error) {
	var wrong []error
	for _, c := range changes {
		if err := m.prepareOne(&p, c); err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 {
		return p, wrong[0]
	}
	if len(p.program) > 0 {
		if err := m.node.Check(p.program); err != nil {
			return p, refusalOf(err)
		}
	}
	return p, nil
}

func (m *Meter) prepareOne(p *prepared, c access.Change) error {
	act := func(do func(by ion.By, now time.Time) error) { p.acts = append(p.acts, do) }
	switch c.Kind {
	case access.Set:
		p.program = append(p.program, ion.Set{Register: c.Object, Value: c.Text})
	case access.Create:
		p.program = append(p.program, ion.Create{Type: c.Text, Label: c.Object, Number: c.Number})
	case access.Delete:
		p.program = append(p.program, ion.Delete{Module: c.Object})
	case access.Rename:
		p.program = append(p.program, ion.Rename{Module: c.Object, Label: c.Text})
	case access.Link:
		p.program = append(p.program, ion.Link{Input: c.Object, Register: c.Text})
	case access.Write:
		v, err := m.outputValue(c)
		if err != nil {
			return err
		}
		act(func(by ion.By, now time.Time) error { return m.node.Command(c.Object, v, by, now) })
	case access.Pulse:
		return m.preparePulse(p, c.Object)
	case access.ResetNamed:
		labels, ok := resetLabels(c.Object)
		if !ok {
			return access.NewRefusal(access.CodeNotFound, fmt.Sprintf("there is no reset %q: they are %s", c.Object, resetNames()))
		}
		for _, label := range labels {
			if err := m.preparePulse(p, label); err != nil {
				return err
			}
		}
	case access.SetTime:
		switch {
		case m.options.Speed != 1:
			return errNotRealTime
		case c.Time.Before(earliestTime) || c.Time.After(latestTime):
			return valueError(fmt.Sprintf("%s: the clock takes times from %d to %d", c.Time.UTC().Format(time.RFC3339), earliestTime.Year(), latestTime.Year()))
		}
		asked := time.Now()
		act(func(by ion.By, _ time.Time) error { return m.setClock(c.Time.Add(time.Since(asked)), by) })
	}
	return nil
}

// The clock is set to times that its registers, and those of clients, can show.
var (
	earliestTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latestTime   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// preparePulse pulses an input by hand, or the output that clients pulse.
func (m *Meter) preparePulse(p *prepared, label string) error {
	d := m.node.Directory()
	module := d.ModuleOf(label)
	if module == nil {
		return notFound(label)
	}
	if module.Offline != "" {
		return access.NewRefusal(access.CodeNotWritable, fmt.Sprintf("%s is offline: %s", module.Label, module.Offline))
	}
	if index, ok := d.Find(label); ok {
		if d.Registers[index].Class != ion.Pulse || !clientWrites(module.Type) {
			return access.NewRefusal(access.CodeNotWritable, label+" is no pulse that clients give")
		}
		p.acts = append(p.acts, func(by ion.By, now time.Time) error {
			return m.node.Command(label, ion.Value{Class: ion.Pulse, Available: true}, by, now)
		})
		return nil
	}
	_, name, _ := strings.Cut(label, "/")
	for _, in := range module.Type.Inputs {
		if !strings.EqualFold(in.Name, name) {
			continue
		}
		for _, class := range in.Classes {
			if class == ion.Pulse {
				p.acts = append(p.acts, func(by ion.By, _ time.Time) error { return m.node.Pulse(label, by) })
				return nil
			}
		}
		return access.NewRefusal(access.CodeNotWritable, label+" takes no pulse")
	}
	return notFound(label)
}

// clientWrites reports whether clients write outputs of modules of the type.
func clientWrites(t *ion.Type) bool {
	_, ok := t.New().(ion.Commander)
	return ok
}

// outputValue reads what is to be written to an output.
func (m *Meter) outputValue(c access.Change) (ion.Value, error) {
	d := m.node.Directory()
	index, ok := d.Find(c.Object)
	if !ok {
		return ion.Value{}, notFound(c.Object)
	}
	register := d.Registers[index]
	module := &d.Modules[register.Module]
	switch {
	case register.Setup || !clientWrites(module.Type) || register.Name == "Event":
		return ion.Value{}, access.NewRefusal(access.CodeNotWritable, c.Object+" is formed by its module")
	case module.Offline != "":
		return ion.Value{}, access.NewRefusal(access.CodeNotWritable, fmt.Sprintf("%s is offline: %s", module.Label, module.Offline))
	}
	v := ion.Value{Class: register.Class, Available: true, Number: c.Value.Number, Text: c.Value.Text}
	switch {
	case c.Text != "":
		var err error
		if v.Number, err = parseNumber(register.Class, c.Text); err != nil {
			return v, err
		}
	case !c.Value.Available && c.Value.Kind != access.KindNone, c.Value.Kind == access.KindNone:
		return v, valueError(c.Object + " takes no value that is not available")
	}
	if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
		return v, valueError(c.Object + " takes no value that is not a number")
	}
	if register.Class == ion.Boolean && v.Number != 0 && v.Number != 1 {
		return v, valueError(fmt.Sprintf("%s is 0 or 1, not %g", c.Object, v.Number))
	}
	if err := m.node.Refuses(c.Object, v); err != nil {
		return v, valueError(err.Error())
	}
	return v, nil
}

// parseNumber reads what a client writes to an output as text.
func parseNumber(class ion.Class, text string) (float64, error) {
	if class == ion.Boolean {
		switch strings.ToUpper(text) {
		case "ON", "1", "TRUE", "YES":
			return 1, nil
		case "OFF", "0", "FALSE", "NO":
			return 0, nil
		}
		return 0, valueError(fmt.Sprintf("%.40q is neither ON nor OFF", text))
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, valueError(fmt.Sprintf("%.40q is no number", text))
	}
	return x, nil
}

// badValue is a value that a register cannot take: to a client that knows codes a
// refusal, to the others access.ErrValue.
type badValue struct{ *access.Refusal }

func (e badValue) Error() string   { return e.Reason }
func (e badValue) Unwrap() []error { return []error{access.ErrValue, e.Refusal} }

func valueError(reason string) error {
	return badValue{access.NewRefusal(access.CodeBadValue, reason)}
}

func notFound(label string) error {
	return access.NewRefusal(access.CodeNotFound, fmt.Sprintf("there is no %q", label))
}

// refusalOf tells a client what the node refused.
func refusalOf(err error) error {
	var refusal *ion.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	reasons := make([]string, 0, len(refusal.Problems))
	missing := true
	for _, p := range refusal.Problems {
		reasons = append(reasons, p.String())
		missing = missing && strings.HasPrefix(p.Reason, "there is no")
	}
	const shown = 8
	if n := len(reasons); n > shown {
		reasons = append(reasons[:shown], fmt.Sprintf("and %d more", n-shown))
	}
	text := "nothing was changed: " + strings.Join(reasons, "; ")
	if missing {
		return access.NewRefusal(access.CodeNotFound, text)
	}
	return valueError(text)
}

// resetModules are the pulses behind each named reset (ion/template, resets.txt).
var resetModules = [...]struct {
	access.Reset
	label string
}{
	{access.Reset{Name: "demand", Doc: "peak demand", Demand: true}, "Peak Dmd Reset/Trigger"},
	{access.Reset{Name: "minmax", Doc: "minima and maxima"}, "MnMx Reset/Trigger"},
	{access.Reset{Name: "partial-energy", Doc: "partial energy"}, "Partial Energy Reset/Trigger"},
	{access.Reset{Name: "conditional-energy", Doc: "conditional energy"}, "Cond Energy Reset/Trigger"},
	{access.Reset{Name: "inputs", Doc: "counts of the digital inputs"}, "DI Rst Counts/Trigger"},
}

// master is all resets at once.
var master = access.Reset{Name: "master", Doc: "all of these", Demand: true}

// Resets implements access.Works.
func (m *Meter) Resets() []access.Reset {
	list := make([]access.Reset, 0, len(resetModules)+1)
	for _, r := range resetModules {
		list = append(list, r.Reset)
	}
	return append(list, master)
}

func resetLabels(name string) (labels []string, ok bool) {
	for _, r := range resetModules {
		if strings.EqualFold(r.Name, name) || strings.EqualFold(master.Name, name) {
			labels = append(labels, r.label)
		}
	}
	return labels, len(labels) > 0
}

func resetNames() string {
	names := make([]string, 0, len(resetModules)+1)
	for _, r := range resetModules {
		names = append(names, r.Name)
	}
	return strings.Join(append(names, master.Name), ", ")
}
