package ion

import (
	"slices"
	"testing"
	"time"
)

// learner writes its own setup register at every turn: its number of turns.
type learner struct {
	turns []string
	errs  []error
}

func (m *learner) Tick(c *Context) {
	if len(m.turns) > 0 {
		m.errs = append(m.errs, c.Configure(0, m.turns[0]))
		m.turns = m.turns[1:]
	}
	c.Set(0, c.Setting(0))
}

func TestAModuleWritesItsOwnSetup(t *testing.T) {
	behaviour := &learner{turns: []string{"5", "5", "50"}}
	n, err := New(Config{
		Types: []Type{{Number: 1, Name: "Learner", Kind: Standard, Doc: "d",
			Setups:  []Setup{{Name: "Limit", Class: NumericBounded, Low: 0, High: 10, Default: "1"}},
			Outputs: []Output{{Name: "Out", Class: Numeric}}, New: func() Behaviour { return behaviour }}},
		Program: []Change{Create{Type: "Learner", Label: "L"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.TakeChanges()
	for i := range 3 {
		n.Tick(start.Add(time.Duration(i)*time.Second), nil)
		wantValue(t, n, "L/Out", 5)
	}
	if behaviour.errs[0] != nil || behaviour.errs[1] != nil || behaviour.errs[2] == nil {
		t.Errorf("errors %v, want one for the value out of bounds", behaviour.errs)
	}
	changes := n.TakeChanges()
	if changes.Setup["L/Limit"] != "5" {
		t.Errorf("kept %v", changes.Setup)
	}
	want := []Event{{Time: start, Priority: PrioritySetupChange, Cause: "L/Limit", CauseValue: "1", Effect: "L/Limit", EffectValue: "5"}}
	if !slices.Equal(changes.Events, want) {
		t.Errorf("events %v, want %v", changes.Events, want)
	}
	if count := n.Directory().Module("L").SetupCount; count != 2 {
		t.Errorf("the setup counter is %d, want 2: made, and written once", count)
	}
	if v, _ := n.Setting("L/Limit"); v.Number != 5 || v.StampNs != start.UnixNano() {
		t.Errorf("the register is %+v", v)
	}
}
