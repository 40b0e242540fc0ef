package ion

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/metering"
)

// The types of these tests: Relay passes pulses on without ordering, Merge wants one of
// two inputs, Tuned checks its setup as a whole, Port has exclusive options, Remote is
// written by clients, Recorder keeps a log, Watch shows the uptime.

type relay struct{}

func (relay) Tick(c *Context) { c.PulseTimes(0, int64(c.Pulses(0))) }

type tuned struct{ constant }

func (tuned) Check(settings []Value, linked []bool) error {
	if settings[0].Number > settings[1].Number {
		return errors.New("Low is above High")
	}
	return nil
}

type remote struct{ writes int }

func (r *remote) Tick(*Context) {}
func (r *remote) Command(c *Context, output int, v Value) error {
	if v.Number > 100 {
		return errors.New("takes at most 100")
	}
	r.writes++
	c.Set(output, v.Number)
	c.Raise(PriorityInformation, "", "written", c.module.typ.Outputs[output].Name, v.String())
	return nil
}

type recorder struct{}

func (recorder) Start(c *Context)           { c.HeadLog(c.SourceLabel(0)) }
func (recorder) Relinked(c *Context, _ int) { c.TrimLog(c.NextRecord()) }

func (recorder) Tick(c *Context) {
	if c.Pulses(1) > 0 {
		c.Record(c.Now, AppendCell(nil, c.Input(0)))
	}
}

type watch struct{}

func (watch) Tick(c *Context) { c.Set(0, c.UptimeS) }

func programmingTypes() []Type {
	pulse := func(name string) Input { return Input{Name: name, Classes: []Class{Pulse}, Unlinked: "never pulsed"} }
	bounded := func(name, text string) Setup {
		return Setup{Name: name, Class: NumericBounded, Low: 0, High: 1e9, Default: text, Form: Elapsed}
	}
	relayed := pulse("In")
	relayed.Relays = true
	return append(testTypes(),
		Type{Number: 20, Name: "Relay", Kind: Standard, Doc: "d", Inputs: []Input{relayed}, Outputs: []Output{{Name: "Out", Class: Pulse}}, New: func() Behaviour { return relay{} }},
		Type{Number: 21, Name: "Merge", Kind: Standard, Doc: "d", Inputs: []Input{pulse("A"), pulse("B")}, OneOf: []string{"A", "B"},
			Outputs: []Output{{Name: "Out", Class: Pulse}}, New: func() Behaviour { return relay{} }},
		Type{Number: 22, Name: "Tuned", Kind: Standard, Doc: "d", Setups: []Setup{bounded("Low", "1"), bounded("High", "2")},
			Outputs: []Output{{Name: "Out", Class: Numeric}, {Name: "Positive", Class: Boolean}}, New: func() Behaviour { return tuned{} }},
		Type{Number: 23, Name: "Port", Kind: Standard, Doc: "d",
			Setups:  []Setup{{Name: "Port", Class: Enumerated, Options: []string{"Not Used", "P1", "P2"}, Default: "Not Used", Exclusive: true}},
			Outputs: []Output{{Name: "Out", Class: Numeric}}, New: func() Behaviour { return watch{} }},
		Type{Number: 24, Name: "Remote", Kind: Standard, Doc: "d", Outputs: []Output{{Name: "Value", Class: Numeric}}, New: func() Behaviour { return &remote{} }},
		Type{Number: 25, Name: "Recorder", Kind: Standard, Doc: "d",
			Inputs:  []Input{{Name: "Source", Classes: []Class{Numeric}, Mandatory: true}, pulse("Record")},
			Outputs: []Output{{Name: "Data Log", Class: Log}}, New: func() Behaviour { return recorder{} }},
		Type{Number: 26, Name: "Watch", Kind: Standard, Doc: "d", Outputs: []Output{{Name: "Uptime", Class: Numeric}}, New: func() Behaviour { return watch{} }},
	)
}

func programmingNode(t *testing.T, program ...Change) *Node {
	t.Helper()
	n, err := New(Config{Types: programmingTypes(), Program: program, Limits: Limits{HalfCycle: 2}, Identity: Identity{Model: "TEST1"}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Links make no loop but through a relay; then each pulse goes round once in a tick.
func TestALoopNeedsARelay(t *testing.T) {
	ring := func(through string) []Change {
		return []Change{Create{Type: "Merge", Label: "M"}, Create{Type: through, Label: "R"}, Create{Type: "Tally", Label: "T"},
			Link{"M/A", "R/Out"}, Link{"T/Count", "M/Out"},
			Link{map[string]string{"Relay": "R/In", "Merge": "R/A"}[through], "M/Out"}}
	}
	_, err := New(Config{Types: programmingTypes(), Program: ring("Merge")})
	if err == nil || !strings.Contains(err.Error(), "the links would make a loop: M → R → M") && !strings.Contains(err.Error(), "R → M → R") {
		t.Errorf("a ring without a relay: %v, want the loop named", err)
	}
	n := programmingNode(t, ring("Relay")...)
	if err := n.Pulse("M/A", By{}); err != nil {
		t.Fatal(err)
	}
	for tick := 1; tick <= 4; tick++ {
		n.Tick(start, nil)
		if got := tickOf(n, "T").count; got != tick {
			t.Errorf("after %d ticks the pulse has come by %d times, want once a tick", tick, got)
		}
	}
}

func TestOfflineReasons(t *testing.T) {
	for _, tc := range []struct {
		name, reason string
		program      []Change
	}{
		{"none of the alternatives is linked", "none of the inputs A … B is linked", []Change{Create{Type: "Merge", Label: "M"}}},
		{"one of the alternatives is linked", "", []Change{Create{Type: "Fast", Label: "F"}, Create{Type: "Merge", Label: "M"}, Link{"M/B", "F/Beat"}}},
		{"registers that do not go together", "Low is above High", []Change{Create{Type: "Tuned", Label: "M"}, Set{"M/Low", "3"}}},
		{"registers that do", "", []Change{Create{Type: "Tuned", Label: "M"}}},
		{"a mandatory input comes first", "the mandatory input Source is not linked", []Change{Create{Type: "Recorder", Label: "M"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := programmingNode(t, tc.program...).Offline()["M"]; got != tc.reason {
				t.Errorf("offline for %q, want %q", got, tc.reason)
			}
		})
	}
}

func TestAModuleComesOnlineWhenItsSetupIsMended(t *testing.T) {
	n := programmingNode(t, Create{Type: "Tuned", Label: "M"}, Set{"M/Low", "3"})
	if err := n.Program([]Change{Set{"M/High", "5"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	if reasons := n.Offline(); len(reasons) != 0 {
		t.Errorf("still offline: %v", reasons)
	}
}

func TestExclusiveOptions(t *testing.T) {
	two := []Change{Create{Type: "Port", Label: "A"}, Create{Type: "Port", Label: "B"}}
	n := programmingNode(t, append(two, Set{"A/Port", "P1"})...)
	err := n.Program([]Change{Set{"B/Port", "P1"}}, By{}, start)
	if err == nil || !strings.Contains(err.Error(), "P1 is in use by A") {
		t.Errorf("taking a port twice: %v, want its holder named", err)
	}
	if err := n.Program([]Change{Set{"A/Port", "Not Used"}, Set{"B/Port", "P1"}}, By{}, start); err != nil {
		t.Errorf("freed and taken in one transaction: %v", err)
	}
}

func TestHighSpeedModulesAreLimited(t *testing.T) {
	n := programmingNode(t, Create{Type: "Fast", Label: "1"}, Create{Type: "Fast", Label: "2"})
	if err := n.program([]Change{Create{Type: "Fast", Label: "3"}}, true); err == nil || !strings.Contains(err.Error(), "3 are more than the 2") {
		t.Errorf("a third: %v, want it refused", err)
	}
}

func TestFormsOfNumbers(t *testing.T) {
	for _, tc := range []struct {
		form Form
		text string
		want float64 // -1 is an error
	}{
		{Elapsed, "900", 900}, {Elapsed, "15m", 900}, {Elapsed, "1d 2h 3m 4.5s", 93784.5}, {Elapsed, "2h 1d", -1}, {Elapsed, "1x", -1}, {Elapsed, "", -1}, {Elapsed, "1h 1h", -1},
		{Instant, "2027-03-28T01:00:00Z", 1806195600}, {Instant, "2027-03-28T02:00:00+01:00", 1806195600}, {Instant, "12", 12}, {Instant, "tomorrow", -1},
		{Number, "15m", -1}, {Number, "1.5", 1.5}, {Number, "NaN", -1},
	} {
		s := Setup{Name: "S", Class: NumericBounded, Low: 0, High: 1e10, Form: tc.form}
		v, err := s.Parse(tc.text)
		if failed := err != nil; failed != (tc.want < 0) || !failed && v.Number != tc.want {
			t.Errorf("form %d, %q: %v, %v; want %v", tc.form, tc.text, v.Number, err, tc.want)
		}
	}
}

func TestStringsFollowTheirOwnSyntax(t *testing.T) {
	s := Setup{Name: "S", Class: String, MaxLength: 9, Check: func(text string) error {
		if text == "bad" {
			return errors.New("position 1: not a day")
		}
		return nil
	}}
	if _, err := s.Parse("bad"); err == nil || err.Error() != "position 1: not a day" {
		t.Errorf("a bad string: %v", err)
	}
	if _, err := s.Parse("good"); err != nil {
		t.Error(err)
	}
}

func TestCommands(t *testing.T) {
	n := programmingNode(t, Create{Type: "Remote", Label: "R"}, Create{Type: "Constant", Label: "C"})
	number := func(x float64) Value { return Value{Class: Numeric, Available: true, Number: x} }
	if err := n.Command("r/value", number(42), By{User: "User1"}, start); err != nil {
		t.Fatal(err)
	}
	wantValue(t, n, "R/Value", 42)
	events := n.TakeChanges().Events
	if len(events) != 1 || events[0].User != "User1" || events[0].Effect != "R/Value" {
		t.Errorf("events %+v, want one by User1", events)
	}
	for _, tc := range []struct {
		name, label string
		v           Value
		reason      string
	}{
		{"no such register", "R/Nothing", number(1), "there is no register"},
		{"not one that is written", "C/Out", number(1), "formed by its module"},
		{"the Event output", "R/Event", Value{Class: EventRecord}, "formed by its module"},
		{"another class", "R/Value", Value{Class: Boolean}, "takes no value of class Boolean"},
		{"refused by the module", "R/Value", number(101), "at most 100"},
	} {
		if err := n.Command(tc.label, tc.v, By{}, start); err == nil || !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.reason)
		}
	}
	wantValue(t, n, "R/Value", 42)
}

// Time that must last is measured time; setting the clock does not move it.
func TestUptime(t *testing.T) {
	n := programmingNode(t, Create{Type: "Watch", Label: "W"})
	at := func(clock time.Duration, axisS, want float64) {
		t.Helper()
		n.Tick(start.Add(clock), &metering.Second{EndS: axisS})
		wantValue(t, n, "W/Uptime", want)
	}
	idle := func(clock time.Duration, want float64) {
		t.Helper()
		n.Tick(start.Add(clock), nil)
		wantValue(t, n, "W/Uptime", want)
	}
	at(0, 10, 0)
	at(time.Second, 11, 1)
	at(time.Hour, 12, 2)                // the clock was set
	at(-time.Hour, 13, 3)               // and set back
	idle(-time.Hour+time.Second, 4)     // the source ended
	idle(time.Hour, 4)                  // set while idle
	idle(time.Hour+time.Second, 5)      //
	at(time.Hour+2*time.Second, 0.2, 6) // a new source, its axis at the beginning
	at(time.Hour+3*time.Second, 1.25, 7.05)
}

func TestRecordNumbersNeverRepeat(t *testing.T) {
	program := []Change{Create{Type: "Constant", Label: "C"}, Create{Type: "Recorder", Label: "R"}, Link{"R/Source", "C/Out"}}
	n := programmingNode(t, program...)
	n.Restore(nil, nil) // the start of a fresh meter
	record := func() {
		t.Helper()
		if err := n.Pulse("R/Record", By{}); err != nil {
			t.Fatal(err)
		}
		n.Tick(start, nil)
	}
	numbers := func(ch Changes) (list []uint64) {
		for _, r := range ch.Records {
			list = append(list, r.Sequence)
		}
		return list
	}
	record()
	record()
	first := n.TakeChanges()
	handle := n.Directory().Module("R").Handle
	if got := numbers(first); !slices.Equal(got, []uint64{1, 2}) || first.LogHeader[handle] != "C/Out" {
		t.Fatalf("numbers %v, header %q", got, first.LogHeader[handle])
	}
	if cells, err := Cells(first.Records[0].Body); err != nil || len(cells) != 1 || cells[0].Number != 1 {
		t.Errorf("cells %v, %v; want C/Out = 1", cells, err)
	}
	record()
	if err := n.Program([]Change{Delete{"R"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	gone := n.TakeChanges()
	if len(gone.Records) != 0 || !slices.Equal(gone.LogDrop, []Handle{handle}) || !gone.Programmed {
		t.Errorf("after deletion: records %v, dropped %v, programmed %v", gone.Records, gone.LogDrop, gone.Programmed)
	}
	again := programmingNode(t, program[0])
	kept := n.Export()
	if problems := again.Restore(kept.Setup, kept.Retained); len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := again.Program(program[1:], By{}, start); err != nil {
		t.Fatal(err)
	}
	n = again
	record()
	if got := numbers(n.TakeChanges()); !slices.Equal(got, []uint64{4}) {
		t.Errorf("a recorder made anew under the same handle counts %v, want 4", got)
	}
}

func TestSetupCountersSurvive(t *testing.T) {
	program := []Change{Create{Type: "Constant", Label: "C"}}
	n := programmingNode(t, program...)
	if err := n.Program([]Change{Set{"C/Value", "2"}, Set{"C/Value", "3"}}, By{}, start); err != nil {
		t.Fatal(err)
	}
	want := n.Directory().Module("C").SetupCount
	kept := n.Export()
	again := programmingNode(t, program...)
	if problems := again.Restore(kept.Setup, kept.Retained); len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := again.Directory().Module("C").SetupCount; got != want || got < 2 {
		t.Errorf("the counter was %d and is %d", want, got)
	}
}

func TestCells(t *testing.T) {
	var body []byte
	want := []Value{{Class: Numeric, Available: true, Number: -1.5e300}, {}, {Class: Boolean, Available: true, Number: 1}, {Class: Boolean, Available: true}}
	for _, v := range want {
		body = AppendCell(body, v)
	}
	got, err := Cells(body)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range [][]byte{{9}, {1, 2, 3}, {1, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}} {
		if _, err := Cells(bad); !errors.Is(err, ErrRecord) {
			t.Errorf("% x: %v, want ErrRecord", bad, err)
		}
	}
}

func TestCheckTellsAndChangesNothing(t *testing.T) {
	n := programmingNode(t, Create{Type: "Remote", Label: "R"})
	before := n.Directory()
	if err := n.Check([]Change{Create{Type: "Remote", Label: "S"}, Rename{"R", "T"}}); err != nil {
		t.Error(err)
	}
	if err := n.Check([]Change{Create{Type: "Remote", Label: "R"}}); err == nil || !strings.Contains(err.Error(), "the label is taken") {
		t.Errorf("error %v, want that of Program", err)
	}
	if n.Directory() != before || len(n.TakeChanges().Events) > 0 {
		t.Error("something was changed")
	}
}

func TestAModuleThatCannotBeMadeIsOneReason(t *testing.T) {
	n := programmingNode(t, Create{Type: "Tuned", Label: "M"})
	err := n.Check([]Change{Create{Type: "None", Label: "X"}, Set{"X/Low", "1"}, Link{"X/In", "M/Out"}, Link{"Y/In", "X/Out"}})
	var refusal *Refusal
	if !errors.As(err, &refusal) || len(refusal.Problems) != 2 || refusal.Problems[0].Object != "X" || refusal.Problems[1].Object != "Y" {
		t.Errorf("%v, want one reason each for X and Y", err)
	}
}

func TestRegisterOwners(t *testing.T) {
	n := programmingNode(t, Create{Type: "Fast", Label: "F"}, Create{Type: "Merge", Label: "M"}, Create{Type: "Tally", Label: "T"},
		Link{"M/A", "F/Beat"}, Link{"M/B", "F/Beat"}, Link{"T/Reset", "F/Beat"}, Link{"T/Count", "M/Out"})
	for label, want := range map[string][]string{"F/Beat": {"T/Reset", "M/A", "M/B"}, "F/Turns": nil, "M/Out": {"T/Count"}} {
		index, ok := n.Find(label)
		if got := n.Directory().RegisterOwners(index); !ok || !slices.Equal(got, want) {
			t.Errorf("owners of %s: %v, want %v", label, got, want)
		}
	}
	if owners := n.Directory().RegisterOwners(-1); owners != nil {
		t.Errorf("owners of no register: %v", owners)
	}
}
