package modules

import (
	"fmt"

	"github.com/hepmeter/hepmeter/ion"
)

// Inputs and outputs of the Store: the sources and their copies come first.
const (
	inStoreEnable    = storeSources
	inStore          = storeSources + 1
	inStoreReset     = storeSources + 2
	outStoreComplete = storeSources
)

func store() ion.Type {
	t := ion.Type{
		Number: numberStore, Name: "Store", Kind: ion.Standard,
		Doc: "At each Store pulse copies what its sources hold, each with its time stamp and its exact count; a source that is NOT " +
			"AVAILABLE or not linked makes its copy NOT AVAILABLE. A Boolean is stored as 1 or 0, an enumeration as its position, a time as " +
			"seconds since 1970. While Enable is OFF Store is ignored. Reset makes all copies NOT AVAILABLE, also while disabled and before a " +
			"Store pulse of the same turn; so does another link of a source with the copy of that source. The copies survive a power cut.",
		Source:  "ION Reference (7EN02-0290), Store module",
		Outputs: make([]ion.Output, 0, storeSources+1),
		New:     func() ion.Behaviour { return &stored{} },
	}
	for i := 1; i <= storeSources; i++ {
		name := fmt.Sprintf("Source %d", i)
		t.OneOf = append(t.OneOf, name)
		t.Inputs = append(t.Inputs, ion.Input{Name: name, Unlinked: "its copy is NOT AVAILABLE",
			Classes: []ion.Class{ion.Numeric, ion.Boolean, ion.NumericBounded, ion.Enumerated, ion.TimeStamp}})
		t.Outputs = append(t.Outputs, ion.Output{Name: fmt.Sprintf("Source Out %d", i), Class: ion.Numeric, Follows: name,
			Doc: "what the source held at the latest Store pulse, with the time stamp that it had"})
	}
	t.Inputs = append(t.Inputs, enableInput(), ion.Input{Name: "Store", Classes: []ion.Class{ion.Pulse}, Mandatory: true}, pulseInput("Reset"))
	t.Outputs = append(t.Outputs, ion.Output{Name: "Store Complete", Class: ion.Pulse, Doc: "the copies were made"})
	return t
}

// stored is the behaviour of the Store.
type stored struct{ copies [storeSources]ion.Value }

func (m *stored) Start(c *ion.Context) { m.show(c) }

func (m *stored) Tick(c *ion.Context) {
	times := c.Pulses(inStore)
	if times == 0 {
		return
	}
	for i := range m.copies {
		m.copies[i] = c.Input(i)
		m.copies[i].Text = ""
	}
	m.show(c)
	c.PulseTimes(outStoreComplete, int64(times))
	c.Changed()
}

func (m *stored) Reset(c *ion.Context) {
	*m = stored{}
	m.show(c)
	c.Changed()
}

func (m *stored) Relinked(c *ion.Context, input int) {
	if input < storeSources {
		m.copies[input] = ion.Value{}
		c.Changed()
	}
}

func (m *stored) show(c *ion.Context) {
	for i, v := range m.copies {
		c.SetValue(i, v)
	}
}

const storedVersion = 1

func (m *stored) Keep(e *ion.Encoder) {
	e.Uint(storedVersion)
	for _, v := range m.copies {
		e.Bool(v.Available)
		e.Float(v.Number)
		e.Bool(v.Exact)
		e.Int(v.Count)
		e.Int(v.StampNs)
	}
}

func (m *stored) Restore(d *ion.Decoder) {
	d.Version(storedVersion)
	for i := range m.copies {
		m.copies[i] = ion.Value{Available: d.Bool(), Number: d.Float(), Exact: d.Bool(), Count: d.Int(), StampNs: d.Int()}
	}
}
