package ion

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/metering"
)

// The types of these tests: Constant gives its setup register, Sum adds two inputs
// and 1, Fast counts its turns at half-cycle rate and pulses, Tally counts pulses.

type constant struct{}

func (constant) Tick(c *Context) {
	c.Set(0, c.Setting(0))
	c.SetOn(1, c.Setting(0) > 0)
}

type sum struct{}

func (sum) Tick(c *Context) {
	a, okA := c.Number(0)
	b, okB := c.Number(1)
	if !okA || c.Linked(1) && !okB {
		c.SetNotAvailable(0)
		return
	}
	c.Set(0, a+b+1)
}

type fast struct{ turns float64 }

func (f *fast) Tick(c *Context) {
	f.turns++
	c.Set(0, f.turns)
	c.Pulse(1)
}

type tally struct {
	count, resets, relinks, starts, disabled int
	configured                               []int
}

func (m *tally) Start(*Context)                   { m.starts++ }
func (m *tally) Tick(c *Context)                  { m.count += c.Pulses(0); c.Set(0, float64(m.count)); c.Changed() }
func (m *tally) Reset(c *Context)                 { m.count = 0; m.resets++ }
func (m *tally) Disabled(c *Context)              { m.disabled++ }
func (m *tally) Relinked(_ *Context, _ int)       { m.relinks++ }
func (m *tally) Configured(_ *Context, setup int) { m.configured = append(m.configured, setup) }
func (m *tally) Keep(e *Encoder)                  { e.Uint(1); e.Int(int64(m.count)) }
func (m *tally) Restore(d *Decoder)               { d.Version(1); m.count = int(d.Int()) }

func testTypes() []Type {
	numeric := func(name string, mandatory bool) Input {
		return Input{Name: name, Classes: []Class{Numeric}, Mandatory: mandatory, Unlinked: "0"}
	}
	return []Type{
		{Number: 7, Name: "Sum", Kind: Standard, Doc: "d", Inputs: []Input{numeric("A", true), numeric("B", false)},
			Outputs: []Output{{Name: "Result", Class: Numeric, Follows: "A"}}, New: func() Behaviour { return sum{} }},
		{Number: 3, Name: "Constant", Kind: Standard, Doc: "d",
			Setups:  []Setup{{Name: "Value", Class: NumericBounded, Low: -10, High: 10, Default: "1"}},
			Outputs: []Output{{Name: "Out", Class: Numeric, Unit: "V"}, {Name: "Positive", Class: Boolean}}, New: func() Behaviour { return constant{} }},
		{Number: 4, Name: "Fast", Kind: Core, Rate: EveryHalfCycle, Doc: "d",
			Outputs: []Output{{Name: "Turns", Class: Numeric}, {Name: "Beat", Class: Pulse}}, New: func() Behaviour { return &fast{} }},
		{Number: 5, Name: "Tally", Kind: Standard, Doc: "d",
			Inputs: []Input{{Name: "Count", Classes: []Class{Pulse}, Unlinked: "never"}, {Name: "Enable", Classes: []Class{Boolean}, Unlinked: "enabled"},
				{Name: "Reset", Classes: []Class{Pulse}, Unlinked: "never"}, {Name: "Locked", Classes: []Class{Numeric}, Fixed: true, Unlinked: "-"}},
			Setups: []Setup{{Name: "Mode", Class: Enumerated, Options: []string{"up", "down"}, Default: "up"},
				{Name: "Name", Class: String, MaxLength: 8}, {Name: "Flag", Class: Boolean, Default: "OFF"}},
			Outputs: []Output{{Name: "Total", Class: Numeric}}, New: func() Behaviour { return &tally{} }},
		{Number: 6, Name: "Gate", Kind: Standard, Doc: "d",
			Inputs:  []Input{{Name: "Count", Classes: []Class{Pulse}, Unlinked: "never"}, numeric("Source", true)},
			Outputs: []Output{{Name: "Total", Class: Numeric}}, New: func() Behaviour { return &tally{} }},
	}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newNode(t *testing.T, program ...Change) *Node {
	t.Helper()
	n, err := New(Config{Types: testTypes(), Program: program,
		Limits: Limits{ChainDepth: 4, Modules: map[string]int{"Constant": 3}}, Identity: Identity{Model: "TEST1"}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tickOf(n *Node, label string) *tally { return n.findModule(label).behaviour.(*tally) }

func wantValue(t *testing.T, n *Node, label string, want float64) {
	t.Helper()
	index, ok := n.Find(label)
	if !ok {
		t.Fatalf("there is no register %q", label)
	}
	switch v := n.Value(index); {
	case math.IsNaN(want) && v.Available:
		t.Errorf("%s = %v, want N/A", label, v)
	case !math.IsNaN(want) && (!v.Available || v.Number != want):
		t.Errorf("%s = %v, want %v", label, v, want)
	}
}

var na = math.NaN()

func TestDataFlowOrderWhateverTheOrderOfCreation(t *testing.T) {
	creations := []Change{Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "S1"}, Create{Type: "Sum", Label: "S2"}, Create{Type: "Sum", Label: "S3"}}
	links := []Change{Link{"S1/A", "C/Out"}, Link{"S2/A", "S1/Result"}, Link{"S3/A", "S2/Result"}, Link{"S3/B", "S1/Result"}}
	for name, program := range map[string][]Change{
		"upstream first":   slices.Concat(creations, links),
		"downstream first": slices.Concat([]Change{creations[3], creations[2], creations[1], creations[0]}, links),
		"mixed":            slices.Concat([]Change{creations[2], creations[0], creations[3], creations[1]}, links),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, program...)
			n.Tick(start, nil)
			wantValue(t, n, "S3/Result", 6) // one tick passes the whole chain: (1+1+1)+(1+1)+1
		})
	}
}

func TestRefusals(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "S1"}, Create{Type: "Sum", Label: "S2"},
		Create{Type: "Sum", Label: "S3"}, Create{Type: "Tally", Label: "T"}, Create{Type: "Fast", Label: "F"},
		Link{"S1/A", "C/Out"}, Link{"S2/A", "S1/Result"}, Link{"S3/A", "S2/Result"}, Link{"T/Locked", "C/Out"})
	before := n.Directory()
	for _, row := range []struct {
		name    string
		changes []Change
		reasons []string // one substring per problem
	}{
		{"unknown type", []Change{Create{Type: "Nothing", Label: "X"}}, []string{`no module type "Nothing"`}},
		{"label taken, in another case", []Change{Create{Type: "Sum", Label: "s1"}}, []string{"taken"}},
		{"label empty", []Change{Create{Type: "Sum", Label: ""}}, []string{"1 to 50 bytes"}},
		{"label with a slash", []Change{Create{Type: "Sum", Label: "a/b"}}, []string{"no slash"}},
		{"label too long", []Change{Create{Type: "Sum", Label: strings.Repeat("x", 51)}}, []string{"1 to 50 bytes"}},
		{"core module made by the user", []Change{Create{Type: "Fast", Label: "F2"}}, []string{"factory only"}},
		{"core module deleted", []Change{Delete{"F"}}, []string{"cannot be deleted"}},
		{"core module renamed", []Change{Rename{"F", "G"}}, []string{"keeps its label"}},
		{"module unknown", []Change{Delete{"X"}}, []string{"no such module"}},
		{"input unknown", []Change{Link{"S1/X", "C/Out"}}, []string{"no such input"}},
		{"register unknown", []Change{Link{"S1/A", "C/X"}}, []string{"no such register"}},
		{"no slash in the register", []Change{Set{"C", "1"}}, []string{"Module label/Register label"}},
		{"wrong class", []Change{Link{"S1/A", "C/Positive"}}, []string{"takes numeric; C/Positive is Boolean"}},
		{"fixed input", []Change{Link{"T/Locked", "S1/Result"}}, []string{"linked by the factory"}},
		{"setup unknown", []Change{Set{"C/Out", "1"}}, []string{"no such setup register"}},
		{"setup out of bounds", []Change{Set{"C/Value", "11"}}, []string{"outside -10 to 10"}},
		{"setup not a number", []Change{Set{"C/Value", "NaN"}}, []string{"not a number"}},
		{"setup none of the list", []Change{Set{"T/Mode", "sideways"}}, []string{"none of up, down"}},
		{"setup too long", []Change{Set{"T/Name", "123456789"}}, []string{"at most 8"}},
		{"setup not a Boolean", []Change{Set{"T/Flag", "maybe"}}, []string{"neither ON nor OFF"}},
		{"limit of the model", []Change{Create{Type: "Constant", Label: "C2"}, Create{Type: "Constant", Label: "C3"}, Create{Type: "Constant", Label: "C4"}}, []string{"4 modules are more than the 3 that the TEST1 carries"}},
		{"chain too deep", []Change{Create{Type: "Sum", Label: "S4"}, Link{"S4/A", "S3/Result"}}, []string{"chain of 5 modules, at most 4"}},
		{"loop of one", []Change{Link{"S1/B", "S1/Result"}}, []string{"loop: S1 → S1"}},
		{"loop of three, named as data flows", []Change{Link{"S1/B", "S3/Result"}}, []string{"loop: S1 → S2 → S3 → S1"}},
		{"every reason at once", []Change{Set{"C/Value", "99"}, Create{Type: "Sum", Label: "New"}, Link{"New/A", "C/Positive"}, Delete{"F"}},
			[]string{"outside -10 to 10", "takes numeric", "cannot be deleted"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := n.Program(row.changes, By{User: "eve"}, start)
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("error %v, want a refusal", err)
			}
			if len(refusal.Problems) != len(row.reasons) {
				t.Fatalf("%d problems, want %d: %v", len(refusal.Problems), len(row.reasons), err)
			}
			for i, want := range row.reasons {
				if got := refusal.Problems[i].String(); !strings.Contains(got, want) {
					t.Errorf("problem %q does not say %q", got, want)
				}
			}
			if n.Directory() != before || len(n.TakeChanges().Events) != 0 {
				t.Error("a refused transaction changed something")
			}
		})
	}
}

func TestNotAvailablePropagates(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "S1"}, Create{Type: "Sum", Label: "S2"}, Create{Type: "Sum", Label: "S3"},
		Link{"S2/A", "S1/Result"}, Link{"S3/A", "C/Out"}, Link{"S3/B", "S2/Result"})
	n.Tick(start, nil)
	wantValue(t, n, "S1/Result", na)
	wantValue(t, n, "S2/Result", na)
	wantValue(t, n, "S3/Result", na)
	if why := n.Offline()["S1"]; !strings.Contains(why, "mandatory input A is not linked") {
		t.Errorf("S1 is offline because %q", why)
	}
	if err := n.Program([]Change{Link{"S1/A", "C/Out"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	n.Tick(start, nil)
	wantValue(t, n, "S3/Result", 5)
	if err := n.Program([]Change{Link{"s1/a", ""}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	wantValue(t, n, "S1/Result", na) // at once
	n.Tick(start, nil)
	wantValue(t, n, "S3/Result", na)
}

func TestNoValueHoldsNaN(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"})
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		c := n.begin(start).enter(n.findModule("C"))
		c.Set(0, x)
		if v := c.Output(0); v.Available || v.Number != 0 || v.Class != Numeric {
			t.Errorf("%v became %+v, want N/A", x, v)
		}
	}
}

func TestPulsesAreCountedAcrossRates(t *testing.T) {
	n := newNode(t, Create{Type: "Fast", Label: "F"}, Create{Type: "Tally", Label: "T"}, Create{Type: "Sum", Label: "S"},
		Link{"T/Count", "F/Beat"}, Link{"S/A", "F/Turns"})
	for range 100 {
		n.HalfCycle(start, &metering.HalfCycle{})
	}
	n.Tick(start, nil)
	wantValue(t, n, "T/Total", 100)
	wantValue(t, n, "S/Result", 101) // samples the high-speed value at its tick
	n.Tick(start, &metering.Second{})
	wantValue(t, n, "T/Total", 100) // a pulse counts once
	for range 3 {
		if err := n.Pulse("T/Count", By{User: "u"}); err != nil {
			t.Fatal(err)
		}
	}
	n.HalfCycle(start, &metering.HalfCycle{})
	n.Tick(start, nil)
	wantValue(t, n, "T/Total", 104)
}

// The seer shows whether its turn had a half cycle.
type seer struct{}

func (seer) Tick(c *Context) {
	if c.HalfCycle == nil {
		c.SetNotAvailable(0)
	} else {
		c.Set(0, 1)
	}
}

// What high-speed modules show must not outlive the samples it came from.
func TestHighSpeedModulesHaveATurnWithoutSamples(t *testing.T) {
	n, err := New(Config{Types: []Type{{Number: 1, Name: "Seer", Kind: Standard, Rate: EveryHalfCycle, Doc: "d",
		Outputs: []Output{{Name: "Seen", Class: Numeric}}, New: func() Behaviour { return seer{} }}}, Program: []Change{Create{Type: "Seer", Label: "S"}}})
	if err != nil {
		t.Fatal(err)
	}
	n.HalfCycle(start, &metering.HalfCycle{})
	n.Tick(start, nil)
	wantValue(t, n, "S/Seen", 1) // half cycles came in this second
	n.Tick(start, nil)
	wantValue(t, n, "S/Seen", math.NaN())
}

func TestRelinkedInputDoesNotSeeOldPulses(t *testing.T) {
	n := newNode(t, Create{Type: "Fast", Label: "F"}, Create{Type: "Tally", Label: "T"})
	n.HalfCycle(start, &metering.HalfCycle{})
	if err := n.Program([]Change{Link{"T/Count", "F/Beat"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	n.Tick(start, nil)
	wantValue(t, n, "T/Total", 0)
}

func TestHooks(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Fast", Label: "F"}, Create{Type: "Tally", Label: "T"}, Link{"T/Count", "F/Beat"})
	n.HalfCycle(start, &metering.HalfCycle{})
	n.Tick(start, nil)
	wantValue(t, n, "T/Total", 1)

	// Reset comes before the count, and a disabled module is reset, too.
	n.HalfCycle(start, &metering.HalfCycle{})
	if err := n.Pulse("T/Reset", By{}); err != nil {
		t.Fatal(err)
	}
	n.Tick(start, nil)
	wantValue(t, n, "T/Total", 1)
	if err := n.Program([]Change{Set{"C/Value", "-1"}, Link{"T/Enable", "C/Positive"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	n.Tick(start, nil)
	n.Tick(start, nil) // handles order them Constant, Tally: OFF is seen at once
	if m := tickOf(n, "T"); m.disabled != 2 || m.relinks != 1 {
		t.Errorf("disabled %d times, relinked %d times, want 2 and 1", m.disabled, m.relinks)
	}
	if err := n.Pulse("T/Reset", By{}); err != nil {
		t.Fatal(err)
	}
	n.Tick(start, nil)
	if m := tickOf(n, "T"); m.resets != 2 || m.count != 0 {
		t.Errorf("%d resets leave %d, want 2 and 0", m.resets, m.count)
	}
	if err := n.Program([]Change{Set{"T/Mode", "down"}, Set{"T/Name", "abc"}, Set{"T/Mode", "1"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	if m := tickOf(n, "T"); !slices.Equal(m.configured, []int{0, 1}) { // "1" is "down" already
		t.Errorf("configured %v, want [0 1]", m.configured)
	}
}

func TestEventsAndCountersOfATransaction(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "S"}, Link{"S/A", "C/Out"})
	by := By{User: "anna", Origin: "test"}
	err := n.Program([]Change{Set{"c/value", "2.5"}, Create{Type: "Sum", Label: "S2"}, Link{"S2/A", "c/out"}, Rename{"S", "Old"}, Delete{"C"}}, by, start)
	if err != nil {
		t.Fatal(err)
	}
	event := func(cause, from, to string) Event {
		return Event{Time: start, Priority: PrioritySetupChange, Cause: cause, CauseValue: from, Effect: cause, EffectValue: to, By: by}
	}
	want := []Event{
		event("C/Value", "1", "2.5"), event("S2", "", "created"), event("S2/A", "not linked", "C/Out"), event("Old", "S", "Old"),
		event("Old/A", "C/Out", "not linked"), event("S2/A", "C/Out", "not linked"), event("C", "", "deleted"),
	}
	if diff := cmp.Diff(want, n.TakeChanges().Events); diff != "" {
		t.Error(diff)
	}
	d := n.Directory()
	if m := d.Module("old"); m == nil || m.SetupCount != 4 || m.Offline == "" { // created, linked, renamed, unlinked
		t.Errorf("after the transaction: %+v", m)
	}
}

func TestHandlesStayAndOwnersAreKnown(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C1"}, Create{Type: "Constant", Label: "C2"}, Create{Type: "Sum", Label: "S"},
		Link{"S/A", "C2/Out"}, Link{"S/B", "C2/Out"})
	handle := n.Directory().Module("C2").Handle
	if handle.Manager() != 3 || handle.Number() != 2 {
		t.Fatalf("handle %d/%d, want 3/2", handle.Manager(), handle.Number())
	}
	if owners := n.Directory().Module("C2").Owners; !slices.Equal(owners, []string{"S"}) {
		t.Errorf("owners %v, want S", owners)
	}
	if err := n.Program([]Change{Delete{"C1"}, Rename{"C2", "Renamed"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	if got := n.Directory().Module("Renamed").Handle; got != handle {
		t.Errorf("handle %v became %v", handle, got)
	}
	if err := n.Program([]Change{Create{Type: "Constant", Label: "C3"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	if got := n.Directory().Module("C3").Handle; got != handleOf(3, 1) {
		t.Errorf("the new module has number %d, want the lowest free", got.Number())
	}
	for i, info := range n.Directory().Registers {
		label := n.Directory().Label(i)
		if index, ok := n.Find(strings.ToUpper(label)); !ok || index != i {
			t.Errorf("%q (%v) is found at %d, want %d", label, info.Class, index, i)
		}
	}
	if unit := n.Directory().Registers[mustFind(t, n, "S/Result")].Unit; unit != "V" {
		t.Errorf("unit of S/Result %q, want that of its source", unit)
	}
}

func mustFind(t *testing.T, n *Node, label string) int {
	t.Helper()
	index, ok := n.Find(label)
	if !ok {
		t.Fatalf("there is no register %q", label)
	}
	return index
}

func TestSnapshotsAreImmutable(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Sum", Label: "S"}, Link{"S/A", "C/Out"})
	n.Tick(start, nil)
	first := n.Snapshot()
	index := mustFind(t, n, "S/Result")
	if err := n.Program([]Change{Set{"C/Value", "5"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	n.Tick(start.Add(time.Second), nil)
	second := n.Snapshot()
	if first.Value(index).Number != 2 || second.Value(index).Number != 6 {
		t.Errorf("the pictures show %v and %v, want 2 and 6", first.Value(index), second.Value(index))
	}
	if second.Seq() <= first.Seq() || second.Layout() != first.Layout() || !second.Time().Equal(start.Add(time.Second)) {
		t.Error("sequence, layout or time is wrong")
	}
	if err := n.Program([]Change{Create{Type: "Constant", Label: "A"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	third := n.Snapshot()
	if third.Layout() == second.Layout() {
		t.Error("a new module must be a new layout")
	}
	if i, ok := third.Find("S/Result"); !ok || third.Value(i).Number != 6 {
		t.Error("a new layout must carry what the registers held")
	}
	if i, ok := first.Find("S/Result"); !ok || first.Value(i).Number != 2 {
		t.Error("an old picture keeps its own layout")
	}
	if v := first.Value(-1); v.Class != NoClass {
		t.Error("no register must have no class")
	}
}

func TestStateSurvivesRestart(t *testing.T) {
	program := []Change{Create{Type: "Fast", Label: "F"}, Create{Type: "Tally", Label: "T"}, Link{"T/Count", "F/Beat"}}
	n := newNode(t, program...)
	if err := n.Program([]Change{Set{"T/Mode", "down"}, Set{"T/Name", "pump 1"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	for range 7 {
		n.HalfCycle(start, &metering.HalfCycle{})
	}
	n.Tick(start, nil)
	changed, all := n.TakeChanges(), n.Export()
	if diff := cmp.Diff(all.Retained, changed.Retained); diff != "" {
		t.Errorf("the changes are not the whole state: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"T/Mode": "down", "T/Name": "pump 1"}, changed.Setup); diff != "" {
		t.Error(diff)
	}

	again := newNode(t, program...)
	if problems := again.Restore(all.Setup, all.Retained); len(problems) != 0 {
		t.Fatal(problems)
	}
	again.Tick(start, &metering.Second{})
	wantValue(t, again, "T/Total", 7)
	if v, ok := again.Setting("T/Mode"); !ok || v.Text != "down" {
		t.Errorf("T/Mode = %v", v)
	}
	if diff := cmp.Diff(all.Setup, again.Export().Setup); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeRestoredIsReportedAndTheRestIs(t *testing.T) {
	n := newNode(t, Create{Type: "Constant", Label: "C"}, Create{Type: "Tally", Label: "T"}, Create{Type: "Tally", Label: "T2"})
	problems := n.Restore(
		map[string]string{"C/Value": "3", "T/Mode": "gone", "X/Y": "1", "C/Out": "1"},
		map[string][]byte{"T": {5, 1}, "T2": {5, 1, 14}, "C": {1}, "Z": {1}})
	var objects []string
	for _, p := range problems {
		objects = append(objects, p.Object)
	}
	if want := []string{"C/Out", "T/Mode", "X/Y", "C", "T", "Z"}; !slices.Equal(objects, want) {
		t.Errorf("problems %v, want %v", problems, want)
	}
	n.Tick(start, nil)
	wantValue(t, n, "C/Out", 3)
	wantValue(t, n, "T2/Total", 7)
	events := n.TakeChanges().Events
	if len(events) != 6 || events[0].Priority != PriorityFailure || !events[0].Time.Equal(start) {
		t.Errorf("events %v, want six failures at the first known time", events)
	}
	for name, state := range map[string][]byte{"empty": {}, "another type": {3, 1, 14}, "newer": {5, 2, 14}, "left over": {5, 1, 14, 0}} {
		if problems := n.Restore(nil, map[string][]byte{"T2": state}); len(problems) != 1 {
			t.Errorf("%s: %v, want one problem", name, problems)
		}
	}
}

func TestARenamedModuleIsKeptUnderItsNewLabel(t *testing.T) {
	n := newNode(t, Create{Type: "Tally", Label: "T"}, Create{Type: "Tally", Label: "U"})
	n.Tick(start, nil)
	n.TakeChanges()
	if err := n.Program([]Change{Rename{"T", "V"}, Rename{"U", "T"}, Delete{"V"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	ch := n.TakeChanges()
	delete(ch.Retained, keptCounters)
	if _, ok := ch.Retained["T"]; !ok || len(ch.Retained) != 1 || ch.Setup["T/Mode"] != "up" {
		t.Errorf("kept %v and %v, want U's state as T", ch.Retained, ch.Setup)
	}
	slices.Sort(ch.RetainedDelete)
	if !slices.Equal(ch.RetainedDelete, []string{"U"}) {
		t.Errorf("deleted %v, want U (T is written anew)", ch.RetainedDelete)
	}
}

func TestALabelUsedAnewIsWrittenNotDeleted(t *testing.T) {
	n := newNode(t, Create{Type: "Tally", Label: "T"})
	n.Tick(start, nil)
	n.TakeChanges()
	if err := n.Program([]Change{Set{"T/Mode", "down"}, Delete{"T"}, Create{Type: "Tally", Label: "T"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	n.Tick(start, nil)
	ch := n.TakeChanges()
	delete(ch.Retained, keptCounters)
	if len(ch.RetainedDelete) != 0 || len(ch.Retained) != 1 {
		t.Errorf("kept %v, deleted %v, want T written", ch.Retained, ch.RetainedDelete)
	}
	if len(ch.Setup) != 0 || !slices.Contains(ch.SetupDelete, "T/Mode") {
		t.Errorf("setup kept %v, deleted %v, want that of the old T deleted", ch.Setup, ch.SetupDelete)
	}
}

func TestPulsesWhileOfflineDoNotCount(t *testing.T) {
	n := newNode(t, Create{Type: "Fast", Label: "F"}, Create{Type: "Gate", Label: "G"}, Link{"G/Count", "F/Beat"})
	n.HalfCycle(start, &metering.HalfCycle{})
	n.Tick(start, nil)
	if err := n.Program([]Change{Create{Type: "Constant", Label: "C"}, Link{"G/Source", "C/Out"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	n.HalfCycle(start, &metering.HalfCycle{})
	n.Tick(start, nil)
	wantValue(t, n, "G/Total", 1)
}

func TestListingMakesTheSameProgram(t *testing.T) {
	n := newNode(t, Create{Type: "Fast", Label: "F"}, Create{Type: "Sum", Label: "S1"}, Create{Type: "Sum", Label: "S2"}, Create{Type: "Constant", Label: "C1"},
		Create{Type: "Constant", Label: "C2"}, Create{Type: "Tally", Label: "T"}, Link{"T/Locked", "S1/Result"}, Link{"S1/A", "C2/Out"}, Link{"S2/A", "S1/Result"})
	if err := n.Program([]Change{Delete{"C1"}, Set{"T/Name", "x"}, Set{"C2/Value", "-2.5"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	again := newNode(t, n.Listing()...)
	if diff := cmp.Diff(n.Listing(), again.Listing()); diff != "" {
		t.Error(diff)
	}
	if a, b := n.Directory().Module("C2").Handle, again.Directory().Module("C2").Handle; a != b || a.Number() != 2 {
		t.Errorf("C2 has handle %v, made anew %v", a, b)
	}
	for _, number := range []int{2, MaxModulesPerType + 1} {
		if err := n.Program([]Change{Create{Type: "Constant", Label: "X", Number: number}}, By{}, start); err == nil {
			t.Errorf("number %d was given", number)
		}
	}
}

func TestClockStepsAreSeenByTheMeasuredTime(t *testing.T) {
	for _, row := range []struct {
		name   string
		axisS  float64
		clock  time.Duration
		step   time.Duration
		second bool
	}{
		{"in step", 1, time.Second, 0, true},
		{"a second off is tolerated", 1, 2 * time.Second, 0, true},
		{"set forward", 1, 61 * time.Second, time.Minute, true},
		{"set back", 1, -59 * time.Second, -time.Minute, true},
		{"measuring fast is no step", 60, time.Minute, 0, true},
		{"nothing measured", 0, time.Hour, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newNode(t)
			n.Tick(start, &metering.Second{EndS: 10})
			if row.second {
				n.Tick(start.Add(row.clock), &metering.Second{EndS: 10 + row.axisS})
			} else {
				n.Tick(start.Add(row.clock), nil)
			}
			if got := n.context.ClockStep; got != row.step {
				t.Errorf("step %v, want %v", got, row.step)
			}
		})
	}
}

func TestFaultyTypesAreRefused(t *testing.T) {
	good := testTypes()[0]
	for name, spoil := range map[string]func(*Type){
		"no number":           func(t *Type) { t.Number = 0 },
		"no constructor":      func(t *Type) { t.New = nil },
		"register twice":      func(t *Type) { t.Outputs = append(t.Outputs, Output{Name: "RESULT", Class: Numeric}) },
		"input twice":         func(t *Type) { t.Inputs = append(t.Inputs, t.Inputs[0]) },
		"bad default":         func(t *Type) { t.Setups = []Setup{{Name: "X", Class: NumericBounded, Default: "x"}} },
		"bad setup class":     func(t *Type) { t.Setups = []Setup{{Name: "X", Class: Pulse}} },
		"follows nothing":     func(t *Type) { t.Outputs[0].Follows = "Z" },
		"unlinked not stated": func(t *Type) { t.Inputs[1].Unlinked = "" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := testTypes()[0]
			spoil(&bad)
			if _, err := New(Config{Types: []Type{bad}}); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := New(Config{Types: []Type{good, good}}); err == nil {
		t.Error("the same type twice was accepted")
	}
}

func FuzzSetupParse(f *testing.F) {
	for _, text := range []string{"", "1", "-0", "NaN", "1e999", "up", "ON", "\x00", "a\uFFFDb"} {
		f.Add(text)
	}
	setups := []Setup{{Class: NumericBounded, Low: -5, High: 5}, {Class: NumericBounded, Low: 0, High: 9, Whole: true},
		{Class: Enumerated, Options: []string{"up", "down"}}, {Class: Boolean}, {Class: String, MaxLength: 8}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range setups {
			v, err := s.Parse(text)
			if err != nil {
				continue
			}
			again, err := s.Parse(v.String()) // what is stored must be read back as the same
			if err != nil || again != v {
				t.Errorf("%q as %v gives %+v, stored and read back %+v (%v)", text, s.Class, v, again, err)
			}
		}
	})
}
